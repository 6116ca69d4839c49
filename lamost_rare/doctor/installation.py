"""What is installed, and whether it fits what lamost-rare needs."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from .. import __version__
from .finding import PROBLEM, WARNING, Finding

__all__ = ["look_at_installation", "needed"]

DISTRIBUTION = "lamost-rare"

WITHOUT = {"isal": "compressed files are read several times more slowly without it"}
"""What can be done without, though it is required."""
OPTIONAL = {"distributed": ("dask", "scans on a Dask cluster (--dask)")}
"""Of extras: a distribution, the extra that brings it, and what it is for."""


def look_at_installation() -> Iterator[Finding]:
    """Yield what there is to say of this package, of Python, and of what the package needs."""
    try:
        about = metadata.metadata(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        yield Finding(
            DISTRIBUTION,
            f"{__version__}, used without being installed: what it needs cannot be looked up",
            WARNING,
            "python -m pip install . in its folder",
        )
        return
    yield _itself(about["Version"])
    yield _python(about["Requires-Python"] or "")
    for requirement in needed():
        yield _fits(requirement)
    for name, (extra, purpose) in OPTIONAL.items():
        yield _optional(name, extra, purpose)


def needed() -> list[Requirement]:
    """Return what this package requires here, extras left out.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If it is not installed.
    """
    every = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    return [r for r in every if r.marker is None or r.marker.evaluate({"extra": ""})]


def _itself(version: str) -> Finding:
    if version == __version__:
        return Finding(DISTRIBUTION, version)
    return Finding(
        DISTRIBUTION,
        f"{__version__} is used, {version} is installed",
        WARNING,
        "two copies may be on the path: python -m pip install --force-reinstall the one you mean",
    )


def _python(needed: str) -> Finding:
    version = platform.python_version()
    if SpecifierSet(needed).contains(version, prereleases=True):
        return Finding("python", f"{version} (needs {needed})")
    return Finding("python", f"{version}, needs {needed}", PROBLEM, "use another Python")


def _fits(requirement: Requirement) -> Finding:
    name, wanted = requirement.name, str(requirement.specifier)
    advice = f"python -m pip install '{name}{wanted}'"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        if name in WITHOUT:
            return Finding(name, f"not installed: {WITHOUT[name]}", WARNING, advice)
        return Finding(name, f"not installed, needs {wanted}", PROBLEM, advice)
    if requirement.specifier.contains(version, prereleases=True):
        return Finding(name, f"{version} (needs {wanted})")
    return Finding(name, f"{version}, needs {wanted}", PROBLEM, advice)


def _optional(name: str, extra: str, purpose: str) -> Finding:
    try:
        return Finding(name, f"{metadata.version(name)} (for {purpose})")
    except metadata.PackageNotFoundError:
        says = f"not installed, which only {purpose} would need: '{DISTRIBUTION}[{extra}]'"
        return Finding(name, says)
