"""A reader process: files in, spectra on the grid out, through shared memory.

Started by `workers` as a fresh interpreter, which has never seen the parent's modules: TensorFlow
(660 MB a process) stays out of it, and no script of the user's is imported a second time. It ends
when the connection to its parent does, however the parent ended.
"""

from __future__ import annotations

import json
import mmap
import os
import sys
import warnings
from dataclasses import dataclass, field

import numpy as np

from ..spectra.batch import SpectrumBatch
from ..spectra.grid import WavelengthGrid
from ..spectra.quality import SpectrumError

__all__ = ["Chunk", "Slot", "close_sources", "read_chunk"]


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
        ``first_stage``, of shape (n_spectra, n_classes): its logits. Lines of spectra that it
        settles are not measured.
    """

    batch: SpectrumBatch
    kept: list[int]
    rejects: list[tuple[int, str, str]] = field(default_factory=list)
    evidence: dict[str, np.ndarray] = field(default_factory=dict)


def read_chunk(
    paths, grid: WavelengthGrid, *, first_stage=None, at_file=None, memory=None
) -> Chunk:
    """Read files, put their spectra on a grid and measure their lines.

    Parameters
    ----------
    paths : sequence of bytes or str
        LAMOST files, or other items of `lamost_rare.survey.items`.
    grid : WavelengthGrid
    first_stage : FirstStage, optional
    at_file : callable, optional
        Called with the number of each file before it is opened.
    memory : (ndarray, ndarray, ndarray), optional
        Where flux, ivar and mask of the batch may be put: at least as many rows as there are paths.

    Returns
    -------
    Chunk
        Every file is in it once. Nothing that a file holds makes this raise.
    """
    from ..spectra._grid_arrays import GridArrays
    from ..spectra._lamost_direct import DirectRows
    from .items import observations_of, rows_of_store

    stored = rows_of_store(paths)
    if stored is not None:
        return _read_stored(*stored, grid, first_stage, at_file)
    arrays = GridArrays(len(paths), grid, memory)
    raws, kept, rejects = _read_files(paths, at_file, DirectRows(arrays))
    try:
        batch, refused, lines = _on_grid(raws, grid, first_stage, arrays)
    except Exception:
        raws, kept, rejects = _read_files(paths, at_file)
        batch, refused, lines = _one_by_one(raws, grid, first_stage)
    rejects += [(kept[i], error.reason, error.detail) for i, error in refused]
    lost = {i for i, _ in refused}
    kept = [file for i, file in enumerate(kept) if i not in lost]
    if rows := observations_of(paths[i] for i in kept):
        from .observations import observation_columns

        batch.columns.update(observation_columns(rows))
    return Chunk(batch, kept, sorted(rejects), lines)


def _read_files(paths, at_file, rows=None):
    """What the files hold, which files these are, and the rejects among the others."""
    from .items import read_item

    raws, kept, rejects = [], [], []
    for i, path in enumerate(paths):
        if at_file is not None:
            at_file(i)
        try:
            if rows is not None:
                rows.row = len(raws)
            raws.append(read_item(path, rows=rows))
            kept.append(i)
        except SpectrumError as error:
            rejects.append((i, error.reason, error.detail))
        except Exception as error:
            rejects.append((i, "internal_error", _describe(error)))
    if at_file is not None:
        at_file(len(paths))
    return raws, kept, rejects


def close_sources() -> None:
    """Close the archive and the store that reading keeps open for what comes next.

    For a process that outlives a scan: at the next one, another file may have their names.
    """
    from . import archives, store

    archives.close_archive()
    store.close_store()


def _read_stored(path, rows, grid, first_stage, at_file) -> Chunk:
    """`read_chunk` for rows of a store, which are on the grid already."""
    from .store import read_rows

    batch, kept, rejects = read_rows(path, rows, grid, at_file)
    if at_file is not None:
        at_file(len(rows))
    return Chunk(batch, kept, rejects, _look(batch, first_stage))


def _on_grid(raws, grid, first_stage, arrays=None):
    from ..spectra.resample import assemble

    batch, refused = assemble(raws, grid, arrays)
    return batch, refused, _look(batch, first_stage)


def _look(batch, first_stage) -> dict[str, np.ndarray]:
    """The columns of `Chunk.evidence`."""
    from ..inference.evidence import measure_lines

    if first_stage is None:
        return measure_lines(batch)
    logits = first_stage.logits(batch.flux, batch.mask)
    sure, _ = first_stage.decide(logits)
    columns = {}
    for name, values in measure_lines(batch[~sure]).items():
        columns[name] = np.full(len(batch), np.nan, dtype=values.dtype)
        columns[name][~sure] = values
    return {**columns, "first_stage": logits}


def _one_by_one(raws, grid, first_stage):
    """What `_on_grid` gives, when one spectrum among many makes it fail: only that one is lost."""
    parts, refused = [_on_grid([], grid, first_stage)], []
    for i, raw in enumerate(raws):
        try:
            batch, errors, lines = _on_grid([raw], grid, first_stage)
        except Exception as error:
            refused.append((i, SpectrumError("internal_error", _describe(error))))
            continue
        refused += [(i, error) for _, error in errors]
        parts.append((batch, errors, lines))
    batch = SpectrumBatch.concatenate([part[0] for part in parts])
    lines = {name: np.concatenate([part[2][name] for part in parts]) for name in parts[0][2]}
    return batch, refused, lines


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


class Slot:
    """The part of the shared memory that holds one batch.

    The parent puts the paths there, the reader takes them out and puts flux, ivar and mask in their
    place: what travels through the pipe stays small, so that neither side ever waits for the other
    to empty it.

    Parameters
    ----------
    memory : mmap.mmap
    index : int
        Which slot of the memory.
    n_spectra, n_pixels : int
        Most spectra in a batch, and pixels of the grid.
    """

    _HEADER = 64

    @classmethod
    def size(cls, n_spectra: int, n_pixels: int) -> int:
        """Bytes of one slot, a whole number of pages."""
        size = cls._HEADER + n_spectra * n_pixels * 9
        return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE

    def __init__(self, memory, index: int, n_spectra: int, n_pixels: int):
        start = index * self.size(n_spectra, n_pixels)
        shape = (n_spectra, n_pixels)
        flat = n_spectra * n_pixels
        data = start + self._HEADER
        self.at_file = np.frombuffer(memory, np.int64, 1, start)
        self.bytes = np.frombuffer(memory, np.uint8, flat * 9, data)
        self.flux = np.frombuffer(memory, np.float32, flat, data).reshape(shape)
        self.ivar = np.frombuffer(memory, np.float32, flat, data + flat * 4).reshape(shape)
        self.mask = np.frombuffer(memory, np.bool_, flat, data + flat * 8).reshape(shape)

    def put_paths(self, paths: list[bytes]) -> int:
        """Store paths; returns the number of bytes that `take_paths` needs."""
        joined = b"\0".join(paths)
        memoryview(self.bytes)[: len(joined)] = joined
        self.at_file[0] = -1
        return len(joined)

    def take_paths(self, n_bytes: int) -> list[bytes]:
        """The paths that the parent stored."""
        return self.bytes[:n_bytes].tobytes().split(b"\0") if n_bytes else []

    def put_batch(self, batch: SpectrumBatch) -> None:
        """Store the pixels of a batch, unless they are there."""
        n = len(batch)
        if not np.may_share_memory(batch.flux, self.flux):
            self.flux[:n], self.ivar[:n], self.mask[:n] = batch.flux, batch.ivar, batch.mask


def _serve(connection, memory, settings: dict) -> None:
    grid = WavelengthGrid.from_dict(settings["grid"])
    first_stage = None
    if settings["first_stage"]:
        from ..inference.first_stage import FirstStage

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
    from multiprocessing.connection import Connection

    settings = json.loads(sys.argv[1])
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
