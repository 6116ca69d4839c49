"""A finished scan on disk: what it was asked, and which columns its catalogue has."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from .. import __version__
from ..annotations import PathLike
from ..inference.arrow_files import open_parquet
from ..preset_config import Evidence
from ..presets import Preset, PresetError, load_preset
from ..survey.errors import ScanError
from ..survey.manifest import describe_preset, read_manifest
from ..text import check_paths, first_line, printable
from .errors import ReportError

__all__ = ["FinishedScan", "open_scan", "take_rows"]

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class FinishedScan:
    """A scan, or a pipeline's run, that is complete.

    Attributes
    ----------
    folder : Path
        Absolute.
    manifest : dict
    columns : list of str
        Of its catalogue.
    preset : Preset or None
        That which it was made with; None where there was none, or it is not there any more, or not
        the same.
    notes : list of str
        What people should know of it, in plain words.
    """

    folder: Path
    manifest: dict
    columns: list[str]
    preset: Preset | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def catalogue(self) -> Path:
        """Path of the table of all spectra."""
        return self.folder / "catalogue.parquet"

    @property
    def classes(self) -> list[str]:
        """Names of the classes that spectra have a probability of."""
        return [
            name[2:]
            for name in self.columns
            if name.startswith("p_") and not name.endswith("_survey")
        ]

    @property
    def rare_class(self) -> str:
        """The class that was looked for; empty if the scan had no classifier."""
        found = (re.fullmatch("p_(.+)_survey", name) for name in self.columns)
        return next((match[1] for match in found if match), "")

    @property
    def threshold(self) -> float | None:
        """Least probability of a candidate, where it is known."""
        if survey := self.manifest.get("survey"):
            return survey["threshold"]
        return self.preset.threshold if self.preset else None

    @property
    def evidence(self) -> Evidence | None:
        """Lines of the rare class, as the preset has them."""
        return self.preset.settings.evidence if self.preset else None


def open_scan(folder: PathLike) -> FinishedScan:
    """Open the folder that a scan wrote.

    Raises
    ------
    ReportError
        If there is none, it is not finished, or it is of a version that this one cannot read.
    """
    check_paths(scan=folder)
    folder = Path(os.path.abspath(os.fsdecode(folder)))
    shown = printable(folder)
    if folder.is_file():
        raise ReportError(f"{shown} is a file: give the directory that a scan wrote")
    if not folder.is_dir():
        raise ReportError(f"no such directory: {shown}")
    manifest = _manifest(folder)
    if (state := manifest.get("state")) != "complete":
        raise ReportError(
            f"the scan in {shown} is not finished ({printable(state)}): run the same scan command "
            "again, it goes on where it was"
        )
    return FinishedScan(folder, manifest, _columns(folder), *_preset(manifest))


def _manifest(folder: Path) -> dict:
    shown = printable(folder)
    try:
        manifest = read_manifest(folder / _MANIFEST)
        if manifest is None:
            raise ReportError(f"{shown} holds no scan: there is no {_MANIFEST}")
        texts = [manifest["source"], manifest["versions"]["lamost-rare"]]
        if preset := manifest.get("preset"):
            texts += [preset["name"], preset["weights_sha256"]]
        if root := manifest.get("root"):
            texts.append(root)
        if all(isinstance(text, str) for text in texts):
            return manifest
    except (ScanError, KeyError, TypeError, AttributeError):
        pass
    raise ReportError(
        f"{shown}/{_MANIFEST} is damaged, or of another version of lamost-rare: scan again"
    )


def _columns(folder: Path) -> list[str]:
    path = folder / "catalogue.parquet"
    with clear_errors(path), open_parquet(path) as file:
        return file.schema_arrow.names


@contextlib.contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Say in one line what is wrong with a table of a scan."""
    try:
        yield
    except FileNotFoundError:
        raise ReportError(f"{printable(path)} is not there any more: scan again") from None
    except pa.ArrowException as error:
        why = printable(first_line(error))
        raise ReportError(f"{printable(path)} is damaged: {why}") from error


def _preset(manifest: dict) -> tuple[Preset | None, list[str]]:
    """Return the preset of a scan, if it is the same still, and what to say otherwise."""
    notes = []
    by = manifest["versions"]["lamost-rare"]
    if by != __version__:
        notes.append(f"Scanned by lamost-rare {printable(by)}; this page is by {__version__}.")
    described = manifest.get("preset")
    if not described:
        return None, notes
    name = described["name"]
    try:
        preset = load_preset(name, verify=False)
        if describe_preset(preset) == described:
            return preset, notes
        notes.append(f"Preset {printable(name)} is another one now than when this was scanned.")
    except (PresetError, OSError):
        pass  # a folder of the user's own: of it the manifest has the name alone
    return None, notes


def take_rows(path: Path, numbers: np.ndarray | Sequence[int]) -> pa.Table:
    """Return some rows of a Parquet file by their numbers, in that order; others are not held."""
    numbers = np.asarray(numbers, dtype=np.int64)
    order = np.argsort(numbers, kind="stable")
    ascending, start = numbers[order], 0
    with open_parquet(path, pre_buffer=False) as file:
        parts = [file.schema_arrow.empty_table()]
        for group in range(file.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            inside = ascending[slice(*np.searchsorted(ascending, [start, end]))]
            if len(inside):
                parts.append(file.read_row_group(group).take(pa.array(inside - start)))
            start = end
    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return pa.concat_tables(parts).take(pa.array(back))
