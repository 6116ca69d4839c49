"""What is installed, by its metadata: nothing is imported, and so it is quick."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from .text import printable

__all__ = ["asked_backend", "version_lines", "versions_of"]

_SHOWN = ("numpy", "scipy", "astropy", "specutils", "pyarrow", "h5py", "scikit-learn", "keras")
_BACKENDS = ("tensorflow", "tensorflow-cpu", "jax", "torch")


def versions_of(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those distributions that are installed, by name."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def asked_backend() -> str:
    """Return the back end that Keras will be told to use, by the environment or ``keras.json``."""
    if asked := os.environ.get("KERAS_BACKEND"):
        return printable(asked)
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    try:
        settings = json.loads((folder / "keras.json").read_text(encoding="utf-8"))
        return printable(settings["backend"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "tensorflow"


def version_lines(program: str, version: str) -> list[str]:
    """Return lines that say what a program's results depend on: itself first, a line each."""
    system = f"{platform.system()} {platform.machine()}"
    lines = [f"{program} {version}", f"python {platform.python_version()} ({system})"]
    for name, found in versions_of(_SHOWN).items():
        lines.append(f"{name} {found}")
    lines[-1] += f" (back end {asked_backend()})" if lines[-1].startswith("keras ") else ""
    lines += [f"{name} {found}" for name, found in versions_of(_BACKENDS).items()]
    return lines
