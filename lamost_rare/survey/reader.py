"""A reader process: files in, spectra on the grid out, through shared memory.

Started by `workers` as a fresh interpreter, which has never seen the parent's modules: TensorFlow
(660 MB a process) stays out of it, and no script of the user's is imported a second time. It ends
when its parent does, however that ended and whatever it is doing.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import numpy as np

from ..inference.evidence import measure_lines
from ..inference.first_stage import FirstStage
from ..processes import end_with_parent
from ..spectra._grid_arrays import GridArrays, room_for
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import WavelengthGrid
from ..spectra.quality import SpectrumError
from ..spectra.resample import assemble
from .inputs import archives, store
from .inputs.items import observations_of, read_item, rows_of_store
from .inputs.observations import observation_columns
from .inputs.store import read_rows
from .slots import Slot, copy_pixels

__all__ = ["Chunk", "close_inputs", "read_chunk"]


PART = 64
"""Files that are read, put on the grid and shown to the first stage before the next: their pixels
are in a core's own cache then."""


@dataclass
class Chunk:
    """What became of the files of one batch.

    Attributes
    ----------
    batch : SpectrumBatch
        The usable spectra, in the order of the files.
    kept : list of int
        For each spectrum of the batch, which of the files it is.
    rejects : list of (int, str, str)
        File, reason and detail of the others.
    evidence : dict of ndarray
        Columns of `lamost_rare.inference.evidence.measure_lines`; with a first stage also
        what `FirstStage.look` gives. Lines of spectra that it settles are not measured.
    """

    batch: SpectrumBatch
    kept: list[int]
    rejects: list[tuple[int, str, str]] = field(default_factory=list)
    evidence: dict[str, np.ndarray] = field(default_factory=dict)


def read_chunk(
    paths, grid: WavelengthGrid, *, first_stage=None, at_file=None, memory=None
) -> Chunk:
    """Read files, put their spectra on a grid and measure their lines.

    ``paths`` are spectrum files, or other items of `lamost_rare.survey.inputs.items`. ``at_file``
    is called with the number of each before it is opened. ``memory``, arrays of at least as many
    rows, is where flux, ivar and mask of the batch may be put.

    Every file is in the chunk once. Nothing that a file holds makes this raise.
    """
    stored = rows_of_store(paths)
    if stored is not None:
        return _read_stored(*stored, grid, first_stage, at_file)
    memory = memory or room_for(len(paths), grid)
    read: list[tuple[dict, np.ndarray]] = []
    kept: list[int] = []
    rejects: list[tuple[int, str, str]] = []
    look = _FirstLook(first_stage, memory)
    for start in range(0, max(1, len(paths)), PART):
        part = paths[start : start + PART]
        room = tuple(array[len(kept) : len(kept) + len(part)] for array in memory)
        batch, own, refused = _read_part(part, start, grid, at_file, room)
        copy_pixels(batch, room)
        read.append((batch.identity, batch.flags))
        kept += own
        look.at(len(kept))
        rejects += refused
    if at_file is not None:
        at_file(len(paths))
    identity = {name: np.concatenate([part[0][name] for part in read]) for name in read[0][0]}
    flags = np.concatenate([flags for _, flags in read])
    flux, ivar, mask = (array[: len(kept)] for array in memory)
    batch = SpectrumBatch(grid, flux, ivar, mask, identity, flags)
    chunk = Chunk(batch, kept, rejects, look.columns(len(kept)))
    _measure_lines(chunk, first_stage)
    chunk.rejects.sort()
    if rows := observations_of(paths[i] for i in chunk.kept):
        chunk.batch.columns.update(observation_columns(rows))
    return chunk


def _read_part(paths, start, grid, at_file, room):
    """Return the spectra of files on the grid, which files of the chunk they are from (``start``
    is the first), and the rejects among the others."""

    def at(i):
        if at_file is not None:
            at_file(start + i)

    arrays = GridArrays(len(paths), grid, room)
    raws, kept, rejects = _read_files(paths, at)
    try:
        batch, refused = assemble(raws, grid, arrays)
    except Exception:
        batch, refused = _one_by_one(raws, grid)
    rejects += [(kept[i], error.reason, error.detail) for i, error in refused]
    lost = {i for i, _ in refused}
    kept = [start + file for i, file in enumerate(kept) if i not in lost]
    return batch, kept, [(start + file, *why) for file, *why in rejects]


def _read_files(paths, at_file: Callable):
    """Return what the files hold, which files these are, and the rejects among the others."""
    raws, kept, rejects = [], [], []
    for i, path in enumerate(paths):
        at_file(i)
        try:
            raws.append(read_item(path))
            kept.append(i)
        except SpectrumError as error:
            rejects.append((i, error.reason, error.detail))
        except Exception as error:
            rejects.append((i, "internal_error", _describe(error)))
    return raws, kept, rejects


def close_inputs() -> None:
    """Close the archive and the store that reading keeps open for what comes next.

    For a process that outlives a scan: at the next one, another file may have their names.
    """
    archives.close_archive()
    store.close_store()


def _read_stored(path, rows, grid, first_stage, at_file) -> Chunk:
    """`read_chunk` for rows of a store, which are on the grid already."""
    batch, kept, rejects = read_rows(path, rows, grid, at_file)
    if at_file is not None:
        at_file(len(rows))
    look = _FirstLook(first_stage, (batch.flux, batch.ivar, batch.mask))
    chunk = Chunk(batch, kept, rejects, look.columns(len(batch)))
    _measure_lines(chunk, first_stage)
    return chunk


class _FirstLook:
    """What a first stage, if there is one, says of a batch that is still being read.

    How a matrix product rounds a row depends on where the row stands in it. So the first stage
    sees whole blocks of its own, counted from the first spectrum of the batch, wherever files
    were rejected: a store that holds the same spectra gives the same bits.
    """

    def __init__(self, first_stage, memory):
        self._stage, self._flux, self._mask = first_stage, memory[0], memory[2]
        self._seen, self._looks = 0, []

    def at(self, n_rows: int) -> None:
        """Look at the whole blocks of so many spectra."""
        if self._stage:
            self._look(n_rows - n_rows % self._stage.ROWS)

    def columns(self, n_rows: int) -> dict[str, np.ndarray]:
        """Return the columns of all spectra, of which there are so many."""
        if not self._stage:
            return {}
        self._look(n_rows)
        return {
            name: np.concatenate([look[name] for look in self._looks]) for name in self._looks[0]
        }

    def _look(self, end: int) -> None:
        rows = slice(self._seen, end)
        self._looks.append(self._stage.look(self._flux[rows], self._mask[rows]))
        self._seen = end


def _one_by_one(raws, grid):
    """Return what `assemble` gives, when one spectrum among many makes it fail: only that one is
    lost."""
    parts, refused = [assemble([], grid)[0]], []
    for i, raw in enumerate(raws):
        try:
            batch, errors = assemble([raw], grid)
        except Exception as error:
            refused.append((i, SpectrumError("internal_error", _describe(error))))
            continue
        refused += [(i, error) for _, error in errors]
        parts.append(batch)
    return SpectrumBatch.concatenate(parts), refused


def _measure_lines(chunk: Chunk, first_stage) -> None:
    """Add the lines' columns to a chunk, except for spectra that the first stage settles."""
    wanted = np.ones(len(chunk.batch), dtype=bool)
    if first_stage is not None:
        wanted = ~first_stage.decide(chunk.evidence["first_stage"])[0]
    some = chunk.batch if wanted.all() else chunk.batch[wanted]
    try:
        lines = measure_lines(some)
    except Exception:  # one spectrum among many: only that one is lost
        parts, usable = [measure_lines(some[:0])], np.ones(len(wanted), dtype=bool)
        for i, row in enumerate(np.flatnonzero(wanted)):
            try:
                parts.append(measure_lines(some[i : i + 1]))
            except Exception as error:
                usable[row] = False
                chunk.rejects.append((chunk.kept[row], "internal_error", _describe(error)))
        lines = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        chunk.batch, wanted = chunk.batch[usable], wanted[usable]
        chunk.kept = [file for file, good in zip(chunk.kept, usable, strict=True) if good]
        chunk.evidence = {name: column[usable] for name, column in chunk.evidence.items()}
    if wanted.all():
        chunk.evidence.update(lines)
        return
    for name, values in lines.items():
        chunk.evidence[name] = np.full(len(wanted), np.nan, dtype=values.dtype)
        chunk.evidence[name][wanted] = values


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _serve(connection, memory, settings: dict) -> None:
    grid = WavelengthGrid.from_dict(settings["grid"])
    first_stage = None
    if settings["first_stage"]:
        first_stage = FirstStage.load(settings["first_stage"])
    shape = settings["batch_size"], grid.n_pixels
    slots = [Slot(memory, i, *shape) for i in range(settings["slots"])]
    while True:
        index, n_bytes = connection.recv()
        slot = slots[index]
        chunk = read_chunk(
            slot.take_paths(n_bytes),
            grid,
            first_stage=first_stage,
            at_file=lambda i, cell=slot.at_file: cell.__setitem__(0, i),
            memory=(slot.flux, slot.ivar, slot.mask),
        )
        slot.put_batch(chunk.batch)
        batch = len(chunk.batch), chunk.batch.identity, chunk.batch.flags, chunk.batch.columns
        connection.send(("done", index, (*batch, chunk.kept, chunk.rejects, chunk.evidence)))


def main() -> None:
    """Serve the parent until it hangs up; the settings are in the first argument, as JSON."""
    settings = json.loads(sys.argv[1])
    end_with_parent(settings["parent"])
    # What a damaged file makes a library warn of is in its reject reason; a warning would put text
    # of the file on the user's terminal.
    warnings.simplefilter("ignore")
    connection = Connection(settings["connection"])
    status = 0
    try:
        _serve(connection, mmap.mmap(settings["memory"], 0), settings)
    except (EOFError, ConnectionError):
        pass  # the parent is gone, or has no more work
    except Exception as error:
        connection.send(("failed", -1, _describe(error)))
        status = 1
    # Nothing is left to flush, and views of the shared memory need no taking apart.
    os._exit(status)
