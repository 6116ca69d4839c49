"""A source of spectra to an HDF5 store: what ``lamost-rare pack`` does."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..annotations import PathLike, PresetLike
from ..atomic import atomic_path
from ..inference.sizes import whole_number
from ..presets import Preset, load_preset
from ..spectra.grid import LAMOST_GRID, WavelengthGrid
from ..text import check_paths, printable
from ..wording import named
from .catalogue import catalogue_schema
from .errors import ScanError
from .input_list import describe_inputs
from .inputs.base import ScanInput
from .inputs.discovery import Entry, Walk
from .inputs.opening import open_inputs
from .inputs.store import StoreInput
from .inputs.store_writing import Rows, join_parts, write_part
from .lost import InputWatch, is_passing
from .manifest import describe_preset, versions
from .plan import MANIFEST
from .shard_processing import Shard, read_shards
from .shard_run import LOCK_NAME, ShardRun, clear_errors, open_run
from .shards import ShardStore
from .summary import PackSummary
from .workers import default_workers

__all__ = ["PackSummary", "pack_spectra"]

PART_SIZE = 1024
"""Inputs to a part: the most that a killed run has to do again."""

BATCH_SIZE = 256
"""Files that a reader is given at a time."""


def pack_spectra(
    source: Any,
    output: PathLike,
    *,
    preset: PresetLike = None,
    root: PathLike | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> PackSummary:
    """Put every spectrum of a source into one HDF5 store, which can be scanned like the source.

    Finished parts lie in the directory ``.NAME.parts`` beside the store. Called again after it was
    interrupted, it goes on from there, and the store is the same bytes in the end. Parts and store
    are on disk together for a while.

    Parameters
    ----------
    source : str or path
        As for `lamost_rare.survey.scan_directory`.
    output : str or path
        The store to be written.
    preset : str, path or Preset, optional
        Whose wavelength grid is used; by default that of the shipped presets.
    root : str or path, optional
        As for `lamost_rare.survey.scan_directory`; the store keeps what the catalogue says.
    workers : int, optional
        Reader processes; by default one for each core, at most eight.
    overwrite : bool
        Replace a store that exists, and what an earlier run left unfinished. Without it a store
        of the same inputs is complete, and stays; one of others is refused.
    progress : bool, optional
        Show a bar; by default if standard error is a terminal.

    Returns
    -------
    PackSummary
        Counts; each input is a row of the store, with a spectrum or with the reason why not.

    Raises
    ------
    ScanError
        If it cannot start or go on: no such source, ``output`` exists, an unfinished run was of
        other inputs.
    ScanInterrupted
        After Ctrl-C or SIGTERM; a `KeyboardInterrupt` with the summary so far.

    Examples
    --------
    >>> from lamost_rare.survey import pack_spectra
    >>> pack_spectra("demo-output/survey", "survey.h5", progress=False).state
    'complete'
    """
    workers = (
        default_workers() if workers is None else whole_number(named("workers"), workers, ScanError)
    )
    if preset is not None and not isinstance(preset, Preset):
        preset = load_preset(preset)
    grid = preset.grid if preset else LAMOST_GRID
    check_paths(output=output)
    given = open_inputs(source, root)
    output = Path(os.path.abspath(os.fsdecode(output)))
    folder = output.with_name(f".{output.name}.parts")
    summary = PackSummary(given.path, folder, "", "")
    parts = _Parts(folder / "shards", grid)
    if output.is_dir() or (output.exists() and not overwrite):
        if output == given.path or not _recall(summary, output, given, grid):
            replace = f"exists; {named('overwrite', True)} replaces it"
            what = "is a directory" if output.is_dir() else replace
            raise ScanError(f"{printable(output)} {what}")
        _clean(parts)
        return summary
    if given.path == output:
        raise ScanError(f"{printable(output)} cannot be packed into itself")
    given.check_grid(grid)
    asked: dict = {"preset": preset and describe_preset(preset), "steps": []}
    configuration = {"shard_size": PART_SIZE}
    tidy, options = partial(_tidy, folder), {"overwrite": overwrite}
    with (
        clear_errors(output),
        open_run(summary, given, parts, asked, configuration, **options, at_end=tidy) as run,
    ):
        run.count(_fill_parts(run, parts, run.begin(), given, workers), progress)
        run.check_complete()
        _join(run, parts, output, given)
        summary.state = "complete"
        _clean(parts)
    summary.output = output
    return summary


class PartCounts(NamedTuple):
    """Rows of a finished part."""

    classified: int
    rejected: int
    candidates: int
    reasons: Counter


def _counts(reasons: list[bytes]) -> PartCounts:
    rejects = Counter(reason.decode() for reason in reasons if reason)
    return PartCounts(len(reasons) - rejects.total(), rejects.total(), 0, rejects)


class _Parts(ShardStore):
    """The parts that are done."""

    def __init__(self, folder: Path, grid: WavelengthGrid):
        super().__init__(folder, catalogue_schema([]))
        self.grid = grid

    def part(self, number: int) -> Path:
        """Return the file of a part."""
        return self.folder / f"{number:06d}.h5"

    def finished(self, number: int, n_inputs: int) -> PartCounts | None:  # type: ignore[override]
        import h5py

        if not self.sound(number):
            return None
        try:
            with h5py.File(self.part(number), "r") as file:
                if file["flux"].shape == (n_inputs, self.grid.n_pixels):
                    return _counts(file["reason"][:].tolist())
        except (OSError, KeyError):
            pass
        return None

    def to_try_again(self, number: int) -> int:
        import h5py

        with h5py.File(self.part(number), "r") as file:
            return sum(is_passing(*why) for why in _rejects(file["reason"][:], file["detail"][:]))


def _rejects(reasons, details) -> list[tuple[str, str]]:
    return [(why.decode(), more.decode()) for why, more in zip(reasons, details, strict=True)]


def _fill_parts(
    run: ShardRun, parts: _Parts, numbers: list[int], given: ScanInput, workers: int
) -> Generator[PartCounts]:
    """Do parts; yields the counts of each."""
    watch = InputWatch(given)
    for number, k, part, chunk in read_shards(
        run.inputs,
        numbers,
        partial(_Part, n_pixels=parts.grid.n_pixels, names=given.column_names),
        root=given.root,
        grid=parts.grid,
        workers=workers,
        batch_size=BATCH_SIZE,
        stopped=run.stop,
    ):
        if part.put(k, chunk):
            text = part.rows.text
            watch.check(len(part.rows), _rejects(text["reason"], text["detail"]))
            with atomic_path(parts.part(number)) as temporary:
                write_part(temporary, part.rows)
            parts.seal(number, parts.part(number))
            yield _counts(text["reason"])


class _Part(Shard):
    """A part whose batches come back in any order."""

    def __init__(self, entries: list[Entry], n_pixels: int, names: list[str]):
        super().__init__(entries, BATCH_SIZE)
        self.rows = Rows([entry.path for entry in entries], n_pixels, names)
        for row, entry in enumerate(entries):
            if entry.reason:
                self.rows.reject(row, entry.reason, entry.detail)

    def put(self, k: int, chunk) -> bool:
        """Take what was read of batch ``k``; says whether that was the last one missing."""
        start = k * BATCH_SIZE
        readable = [start + i for i, entry in enumerate(self.batches[k]) if not entry.reason]
        if len(chunk.kept) + len(chunk.rejects) != len(readable):
            raise AssertionError(f"{len(readable)} inputs became {len(chunk.kept)} spectra")
        self.rows.put([readable[i] for i in chunk.kept], chunk.batch)
        for i, reason, detail in chunk.rejects:
            self.rows.reject(readable[i], reason, detail)
        self.done.add(k)
        return self.complete


def _join(run: ShardRun, parts: _Parts, output: Path, given: ScanInput) -> None:
    """Make the store of the parts."""
    summary, numbers = run.summary, range(len(run.inputs))
    about = {
        "grid": parts.grid.to_dict(),
        **{name: run.manifest[name] for name in ("source", "inputs", "besides")},
        "counts": {
            "inputs": summary.discovered,
            "spectra": summary.classified,
            "rejected": summary.rejected,
            "reasons": dict(sorted(summary.reasons.items())),
        },
        "versions": versions(),
    }
    for number in numbers:
        run.checkpoint()
        parts.check_sound(number)
    files = [parts.part(number) for number in numbers]
    with atomic_path(output) as temporary:
        join_parts(temporary, files, given.root, about, run.checkpoint, given.column_names)


def _recall(summary: PackSummary, output: Path, given: ScanInput, grid: WavelengthGrid) -> bool:
    """Return whether the store is a complete one of just these inputs on this grid."""
    try:
        store = StoreInput(output)
        done = store.manifest
        if store.grid != grid or done["source"] != given.describe()["source"]:
            return False
        if done["inputs"] != describe_inputs(given.entries(Walk())):
            return False
        counts = done["counts"]
        summary.state, summary.output = "complete", output
        summary.discovered, summary.classified = counts["inputs"], counts["spectra"]
        summary.rejected, summary.reasons = counts["rejected"], Counter(counts["reasons"])
        summary.done_before = summary.done
    except (ScanError, KeyError, TypeError):
        return False
    return True


def _clean(parts: _Parts) -> None:
    """Remove what lies beside a complete store."""
    folder = parts.folder.parent
    if parts.folder.is_dir():
        parts.clear()
    (folder / MANIFEST).unlink(missing_ok=True)
    _tidy(folder)


def _tidy(folder: Path) -> None:
    """Remove the folder of a run that has nothing to go on from."""
    with contextlib.suppress(FileNotFoundError):
        if {path.name for path in folder.iterdir()} <= {LOCK_NAME}:
            (folder / LOCK_NAME).unlink(missing_ok=True)
            folder.rmdir()
