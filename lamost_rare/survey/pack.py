"""A source of spectra to an HDF5 store: what ``lamost-rare pack`` does."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from ..atomic import atomic_path
from ..presets import Preset, load_preset
from ..spectra.grid import LAMOST_GRID, WavelengthGrid
from ..text import check_paths, printable
from .catalogue import catalogue_schema
from .errors import ScanError, ScanInterrupted
from .input_list import InputList, describe_inputs
from .inputs.base import ScanInput
from .inputs.discovery import Entry, Walk
from .inputs.opening import open_input
from .inputs.store import Rows, StoreInput, join_parts, write_part
from .lock import LOCK_NAME, directory_lock
from .lost import InputWatch, is_passing
from .manifest import describe_preset, versions, write_manifest
from .plan import MANIFEST, make_plan, now
from .progress import Progress, stop_on_interrupt
from .scan import clear_errors, whole_number
from .shard_processing import items_of
from .shards import ShardStore
from .summary import ScanSummary
from .workers import ReaderPool, Task, default_workers

__all__ = ["PackSummary", "pack_spectra"]

PART_SIZE = 1024
"""Inputs to a part: the most that a killed run has to do again."""

BATCH_SIZE = 256
"""Files that a reader is given at a time."""


class PackSummary(ScanSummary):
    """Counts of a run of `pack_spectra`; ``output`` is the store, ``classified`` its spectra."""

    did = "packed"

    def _look(self) -> str:
        return f"scan it with: lamost-rare scan {printable(self.output)} --output DIR"


def pack_spectra(
    source,
    output,
    *,
    preset=None,
    root=None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> PackSummary:
    """Put every spectrum of a source into one HDF5 store, which can be scanned like the source.

    While it works, finished parts lie in the directory ``.NAME.parts`` beside the store; called
    again after it was interrupted or killed, it goes on from there. The store appears when it is
    complete, and is the same bytes then as that of an uninterrupted run. The parts and the store
    are on disk together for a while.

    Parameters
    ----------
    source : str or path
        As for `lamost_rare.survey.scan_directory`.
    output : str or path
        The store to be written.
    preset : str, path or Preset, optional
        Whose wavelength grid the spectra are put on; by default that of the shipped presets.
    root : str or path, optional
        With this, ``source`` is a general catalogue, as for `lamost_rare.survey.scan_directory`;
        the store keeps what it says of each spectrum.
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
    """
    started = time.monotonic()
    workers = whole_number("workers", default_workers() if workers is None else workers)
    if preset is not None and not isinstance(preset, Preset):
        preset = load_preset(preset)
    grid = preset.grid if preset else LAMOST_GRID
    check_paths(output=output)
    origin = open_input(source, root)
    output = Path(os.path.abspath(os.fsdecode(output)))
    folder = output.with_name(f".{output.name}.parts")
    summary = PackSummary(origin.path, folder, "", "")
    parts = _Parts(folder / "shards", grid)
    if output.is_dir() or (output.exists() and not overwrite):
        if output == origin.path or not _recall(summary, output, origin, grid):
            what = "is a directory" if output.is_dir() else "exists; --overwrite replaces it"
            raise ScanError(f"{printable(output)} {what}")
        _clean(parts)
        return summary
    if origin.path == output:
        raise ScanError(f"{printable(output)} cannot be packed into itself")
    origin.check_grid(grid)
    with clear_errors(output), contextlib.ExitStack() as stack:
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(directory_lock(folder))
        stack.callback(_tidy, folder)
        stop = stack.enter_context(stop_on_interrupt())

        def checkpoint():
            if stop():
                summary.state = "interrupted"
                raise ScanInterrupted(summary, stop.signum)

        manifest = make_plan(
            summary,
            origin,
            parts,
            {"preset": preset and describe_preset(preset), "steps": []},
            {"shard_size": PART_SIZE},
            overwrite=overwrite,
            checkpoint=checkpoint,
        )
        write_manifest(folder / MANIFEST, {**manifest, "updated": now()})
        summary.discovered = manifest["inputs"]["count"]
        inputs = stack.enter_context(contextlib.closing(InputList(parts.inputs)))
        to_do = [i for i, size in enumerate(inputs.sizes) if not parts.take_stock(i, size, summary)]
        summary.done_before = summary.done
        with contextlib.closing(Progress(progress, summary)) as bar:
            for _ in _fill_parts(parts, inputs, to_do, origin, workers, stop, summary):
                bar.update(summary)
        summary.seconds = time.monotonic() - started
        checkpoint()
        if summary.to_do:
            raise AssertionError(f"{summary.to_do} of {summary.discovered} inputs got lost")
        with atomic_path(output) as temporary:
            about = {
                "grid": grid.to_dict(),
                **{name: manifest[name] for name in ("source", "inputs", "besides")},
                "counts": {
                    "inputs": summary.discovered,
                    "spectra": summary.classified,
                    "rejected": summary.rejected,
                    "reasons": dict(sorted(summary.reasons.items())),
                },
                "versions": versions(),
            }
            for number in range(len(inputs)):
                checkpoint()
                parts.check_sound(number)
            files = [parts.part(number) for number in range(len(inputs))]
            besides = [column.name for column in origin.columns]
            join_parts(temporary, files, origin.root, about, checkpoint, besides)
        summary.state = "complete"
        _clean(parts)
    summary.output = output
    return summary


class _Parts(ShardStore):
    """The parts that are done."""

    def __init__(self, folder: Path, grid: WavelengthGrid):
        super().__init__(folder, catalogue_schema([]))
        self.grid = grid

    def part(self, number: int) -> Path:
        """File of a part."""
        return self.folder / f"{number:06d}.h5"

    def take_stock(self, number: int, n_inputs: int, summary: PackSummary) -> bool:
        """Count a part in ``summary`` if it is done; says whether it is."""
        import h5py

        if not self.sound(number):
            return False
        try:
            with h5py.File(self.part(number), "r") as file:
                if file["flux"].shape != (n_inputs, self.grid.n_pixels):
                    return False
                reasons = file["reason"][:].tolist()
                if any(is_passing(*why) for why in _whys(reasons, file["detail"][:].tolist())):
                    return False  # what could not be read is tried again
                _count(summary, reasons)
        except (OSError, KeyError):
            return False
        return True


def _whys(reasons: list[bytes], details: list[bytes]) -> list[tuple[str, str]]:
    return [(why.decode(), more.decode()) for why, more in zip(reasons, details, strict=True)]


def _count(summary: PackSummary, reasons: list[bytes]) -> None:
    rejects = Counter(reason.decode() for reason in reasons if reason)
    summary.reasons.update(rejects)
    summary.rejected += rejects.total()
    summary.classified += len(reasons) - rejects.total()


def _fill_parts(
    parts: _Parts,
    inputs: InputList,
    numbers: list[int],
    source: ScanInput,
    workers: int,
    stop,
    summary: PackSummary,
) -> Iterator[int]:
    """Do parts, counting finished ones in ``summary``; yields their numbers."""
    doing: dict[int, _Part] = {}
    besides = [column.name for column in source.columns]
    watch = InputWatch(source)
    n_batches = sum(-(-inputs.sizes[number] // BATCH_SIZE) for number in numbers)
    if n_batches == 0:
        return

    def tasks():
        for number in numbers:
            part = doing[number] = _Part(inputs.shard(number), parts.grid.n_pixels, besides)
            for k, entries in enumerate(part.batches):
                yield Task((number, k), items_of(entries, source.root))

    with ReaderPool(parts.grid, workers=min(workers, n_batches), batch_size=BATCH_SIZE) as pool:
        for task, chunk in pool.run(tasks(), stop):
            number, k = task.key
            if doing[number].add(k, chunk):
                rows = doing.pop(number).rows
                watch.check(len(rows), _whys(rows.text["reason"], rows.text["detail"]))
                with atomic_path(parts.part(number)) as temporary:
                    write_part(temporary, rows)
                parts.seal(number, parts.part(number))
                _count(summary, rows.text["reason"])
                yield number


class _Part:
    """A part whose batches come back in any order."""

    def __init__(self, entries: list[Entry], n_pixels: int, besides: list[str]):
        starts = range(0, len(entries), BATCH_SIZE)
        self.batches = [entries[start : start + BATCH_SIZE] for start in starts]
        self.rows = Rows([entry.path for entry in entries], n_pixels, besides)
        for row, entry in enumerate(entries):
            if entry.reason:
                self.rows.reject(row, entry.reason, entry.detail)
        self._missing = len(self.batches)

    def add(self, k: int, chunk) -> bool:
        """Take the result of batch ``k``; says whether that was the last one missing."""
        start = k * BATCH_SIZE
        readable = [start + i for i, entry in enumerate(self.batches[k]) if not entry.reason]
        if len(chunk.kept) + len(chunk.rejects) != len(readable):
            raise AssertionError(f"{len(readable)} inputs became {len(chunk.kept)} spectra")
        self.rows.put([readable[i] for i in chunk.kept], chunk.batch)
        for i, reason, detail in chunk.rejects:
            self.rows.reject(readable[i], reason, detail)
        self._missing -= 1
        return self._missing == 0


def _recall(summary: PackSummary, output: Path, origin: ScanInput, grid: WavelengthGrid) -> bool:
    """Whether the store is a complete one of just these inputs on this grid."""
    try:
        store = StoreInput(output)
        done = store.manifest
        if store.grid != grid or done["source"] != origin.describe()["source"]:
            return False
        if done["inputs"] != describe_inputs(origin.entries(Walk())):
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
