"""What a scan can be given: a directory or a file, and what other kinds have in common with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ...inference.columns import Column
from ...spectra.grid import WavelengthGrid
from ...text import path_text, printable
from .discovery import SUFFIXES, Entry, Walk, find_spectra

__all__ = ["LEFT_OUT", "ScanInput"]

LEFT_OUT = ("macos_files", "tables_of_scans")
"""Of what there is besides inputs, the kinds that are named like inputs."""


@dataclass
class ScanInput:
    """A directory that is searched, or one file.

    Other kinds differ in what their methods do; nothing that comes after them knows which it has.

    Attributes
    ----------
    path : Path
        Absolute; what a manifest names, and a resumed scan compares.
    """

    path: Path

    columns: ClassVar[tuple[Column, ...]] = ()
    """What readers know of these spectra besides; the last columns of a catalogue."""

    seen: ClassVar[bool] = True
    """Whether the inputs were there when they were listed."""

    @property
    def column_names(self) -> list[str]:
        """Names of `columns`."""
        return [column.name for column in self.columns]

    @property
    def places(self) -> list[Path]:
        """Return what has to be there while the inputs are read."""
        return [self.path]

    @property
    def root(self) -> bytes:
        """Directory to which the paths of `entries` are relative."""
        return os.fsencode(self.path if self.path.is_dir() else self.path.parent)

    def entries(self, walk: Walk) -> Iterator[Entry]:
        """Yield the inputs in an order that depends on them alone."""
        return find_spectra(self.path, walk)

    def check_grid(self, grid: WavelengthGrid) -> None:
        """Raise `ScanError` if the spectra cannot be put onto ``grid``."""

    def describe(self) -> dict:
        """Return what a manifest says of it; a resumed scan must be of the same."""
        return {"source": path_text(self.path)}

    def other_counts(self, walk: Walk) -> dict[str, int]:
        """Return counts of what there is besides the entries, when all of those were listed."""
        return {
            "other_files": walk.other_files,
            "macos_files": walk.macos_files,
            "tables_of_scans": walk.tables_of_scans,
            "repeated_directories": walk.repeated_directories,
        }

    def empty_message(self, walk: Walk) -> str:
        """Return what to say if there are no inputs."""
        endings = ", ".join(f"*{suffix.decode()}" for suffix in SUFFIXES)
        others = f" ({walk.other_files} other files)" if walk.other_files else ""
        return f"no spectra in {printable(self.path)}: nothing there is named {endings}{others}"
