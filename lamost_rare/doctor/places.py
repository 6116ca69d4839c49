"""Where something will be written, and whether it can be."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..text import printable
from .finding import PROBLEM, WARNING, Finding

__all__ = ["look_at_places"]

LEAST = 1 << 30
"""Bytes: with less on a disk a large scan may not find room for its tables."""


def look_at_places(output: str | os.PathLike) -> Iterator[Finding]:
    """Yield whether results can be written to a folder, or made there, and temporary files.

    Parameters
    ----------
    output : str or path
        Of the results; it need not exist, and is not made.
    """
    folder = Path(os.path.abspath(output))
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    yield _look("results", folder, "choose another --output")
    try:
        temporary = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        yield Finding(
            "temporary files", printable(error), PROBLEM, "set TMPDIR to a folder to write to"
        )
    else:
        yield _look("temporary files", temporary, "set TMPDIR to another folder")


def _look(what: str, folder: Path, advice: str) -> Finding:
    name = printable(folder)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        return Finding(what, f"{name}: {error.strerror or error}", PROBLEM, advice)
    free = shutil.disk_usage(folder).free
    says = f"{name} can be written to, {free / 2**30:.1f} GiB free"
    if free < LEAST:
        return Finding(what, says, WARNING, f"make room, or {advice}")
    return Finding(what, says)
