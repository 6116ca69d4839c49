"""Which steps are installed: entry points of the group ``lamost_rare.steps``.

Any distribution registers a step in its ``setup.cfg``::

    [options.entry_points]
    lamost_rare.steps =
        smooth = their_package.smoothing:Smooth

Finding the steps reads the distributions' metadata; a step is imported when it is used.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import re
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from ..text import describe_error, printable
from .errors import PipelineError
from .step import Parameter, Step, did_you_mean

__all__ = ["GROUP", "StepEntry", "broken_distributions", "list_steps", "load_step", "make_step"]

GROUP = "lamost_rare.steps"
"""The entry-point group."""


@dataclass(frozen=True)
class StepEntry:
    """A registered step, which may not have been imported.

    Attributes
    ----------
    name : str
    distribution, version : str
        Where it comes from; the version is empty where the metadata do not say it.
    target : str
        ``module:class``.
    problem : str
        Why it cannot be used under its name, or empty.
    """

    name: str
    distribution: str
    version: str
    target: str
    problem: str = ""

    @property
    def origin(self) -> str:
        """Distribution and version, for people."""
        return printable(f"{self.distribution} {self.version}".strip())


def list_steps() -> list[StepEntry]:
    """Return the registered steps, sorted by name. Imports none of them.

    Returns
    -------
    list of StepEntry
        A name that several distributions use is there once for each, with a ``problem``; such a
        step is used as ``distribution:name``.

    Examples
    --------
    >>> from lamost_rare.pipeline import list_steps
    >>> "o_star_classifier" in {entry.name for entry in list_steps()}
    True
    """
    entries = sorted(_discover()[0], key=lambda entry: (entry.name, entry.distribution))
    count = Counter(entry.name for entry in entries)
    listed = []
    for entry in entries:
        if count[entry.name] > 1:
            origins = [other.origin for other in entries if other.name == entry.name]
            problem = (
                f"{' and '.join(origins)} both register a step {entry.name!r}: write "
                f"'{entry.distribution}:{entry.name}', or uninstall the other"
            )
            entry = StepEntry(entry.name, entry.distribution, entry.version, entry.target, problem)
        listed.append(entry)
    return listed


def broken_distributions() -> list[str]:
    """Return a line for each installed distribution whose entry points could not be read."""
    return _discover()[1]


def load_step(name: str) -> type[Step]:
    """Return the class of a step.

    Parameters
    ----------
    name : str
        As it is registered, or ``distribution:name``.

    Returns
    -------
    type
        A subclass of `Step`.

    Raises
    ------
    PipelineError
        If there is no such step, several distributions register it, or it cannot be imported.

    Examples
    --------
    >>> from lamost_rare.pipeline import load_step
    >>> load_step("normalize").parameters[0].choices
    ('l2', 'pseudo_continuum')
    """
    return load_entry(name)


def load_entry(entry: StepEntry | str) -> type[Step]:
    """`load_step` for an entry that was listed, whether or not its name is another's too."""
    return _load(entry if isinstance(entry, StepEntry) else _find(entry))


def make_step(name: str, **parameters: Any) -> Step:
    """Return a step with its parameters, which are checked.

    Parameters
    ----------
    name : str
        As for `load_step`.
    **parameters
        Those that differ from their defaults.

    Returns
    -------
    Step

    Raises
    ------
    PipelineError
        As for `load_step`; if a parameter is unknown or not allowed; if the step refuses them.

    Examples
    --------
    >>> import numpy as np
    >>> from lamost_rare.pipeline import make_step
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> step = make_step("line_evidence")
    >>> batch = analytic_spectra(["O5"], np.random.default_rng(1), snr=50.0)
    >>> bool(step.process(batch).columns["ew_heii_4541"][0] > 0.3)  # Å
    True
    """
    entry = _find(name)
    step_class = _load(entry)
    try:
        step = step_class(**parameters)
    except (PipelineError, KeyboardInterrupt):
        raise
    except BaseException as error:
        what = str(error) if isinstance(error, ValueError) else describe_error(error)
        raise PipelineError(f"step {entry.name!r}: {printable(what)}") from error
    step.origin = entry.origin
    return step


def _find(name: str) -> StepEntry:
    entries = list_steps()
    distribution, _, plain = str(name).rpartition(":")
    found = [
        entry
        for entry in entries
        if entry.name == plain and _canonical(distribution) in ("", _canonical(entry.distribution))
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise PipelineError(printable(found[0].problem))
    names = sorted({entry.name for entry in entries})
    known = f"installed: {', '.join(names)}" if names else "install lamost-rare again, none are"
    broken = "".join(f"; {line}" for line in broken_distributions())
    raise PipelineError(
        f"no step {printable(repr(name))}{did_you_mean(name, names)}; {printable(known + broken)}"
    )


def _load(entry: StepEntry) -> type[Step]:
    what = f"step {printable(repr(entry.name))} of {entry.origin}"
    module, _, attribute = entry.target.partition(":")
    try:
        found = import_module(module)
        for part in filter(None, attribute.split(".")):
            found = getattr(found, part)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever a stranger's module raises, SystemExit too
        raise PipelineError(f"{what} cannot be imported: {describe_error(error)}") from error
    if not (isinstance(found, type) and issubclass(found, Step)):
        raise PipelineError(f"{what}: {entry.target} is not a subclass of lamost_rare's Step")
    for parameter in found.parameters:
        if not isinstance(parameter, Parameter):
            raise PipelineError(f"{what}: its parameters hold a {type(parameter).__name__}")
        if hasattr(Step, parameter.name):
            raise PipelineError(f"{what}: no parameter may be called {parameter.name!r}")
    return found


def _canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _discover() -> tuple[list[StepEntry], list[str]]:
    """Return all entries of the group, and a line for each distribution that could not be read.

    The one place that knows how entry points are found. The first distribution of a name on
    ``sys.path`` hides later ones, as it does for imports.
    """
    import entrypoints

    entries, seen = [], set()
    broken: list = []
    for folder in dict.fromkeys(sys.path):
        for parser, distribution in _distributions(entrypoints, folder, broken):
            key = _canonical(distribution.name)
            if key in seen:
                continue
            seen.add(key)
            if GROUP not in parser:
                continue
            origin = distribution.name, distribution.version or _version(distribution.name)
            for name in parser[GROUP]:
                try:
                    text = parser[GROUP][name]
                    found = entrypoints.EntryPoint.from_string(text, name)
                except (configparser.Error, entrypoints.BadEntryPoint) as error:
                    broken.append(_cannot_read(" ".join(origin).strip(), error))
                    continue
                target = f"{found.module_name}:{found.object_name or ''}"
                entries.append(StepEntry(name, *origin, target))
    return entries, broken


def _distributions(entrypoints, folder: str, broken: list[str]):
    """(parser, distribution) of everything in one folder of ``sys.path``."""
    try:
        return list(entrypoints.iter_files_distros([folder], repeated_distro="all"))
    except (configparser.Error, OSError, ValueError, zipfile.BadZipFile):
        pass  # one broken distribution: read the others one by one
    found = []
    for kind in ("*.dist-info", "*.egg-info"):
        for path in sorted(Path(folder or os.curdir).glob(f"{kind}/entry_points.txt")):
            parser = entrypoints.CaseSensitiveConfigParser(delimiters=("=",))
            try:
                parser.read_string(path.read_text(encoding="utf-8"))
            except (configparser.Error, OSError, ValueError) as error:
                broken.append(_cannot_read(path.parent.stem, error))
                continue
            found.append((parser, entrypoints.Distribution.from_name_version(path.parent.stem)))
    return found


def _version(distribution: str) -> str:
    """From the metadata, where the name of their folder does not say it."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(distribution) or ""
    return ""


def _cannot_read(distribution: str, error: Exception) -> str:
    return f"the entry points of {printable(distribution)} cannot be read ({describe_error(error)})"
