"""The middle of a scan: shards of inputs through readers and steps to shards of rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa

from ..spectra.grid import WavelengthGrid
from ..text import path_text
from .catalogue import catalogue_table, rejected_table
from .input_list import InputList
from .inputs.discovery import Entry
from .reader import Chunk
from .shards import ShardCounts, ShardStore, n_candidates
from .stepping import StepLine
from .workers import ReaderPool, Task

__all__ = ["Shard", "classify_shards", "finish_batch", "items_of", "list_rejects", "read_shards"]


AShard = TypeVar("AShard", bound="Shard")


def classify_shards(
    store: ShardStore,
    inputs: InputList,
    numbers: list[int],
    *,
    root: bytes,
    grid: WavelengthGrid,
    steps: StepLine,
    workers: int,
    batch_size: int,
    stopped: Callable[[], bool],
) -> Generator[ShardCounts]:
    """Run shards through steps and put them on disk, yielding counts of batches on the way.

    A batch is ``batch_size`` neighbouring inputs of one shard, less those that turn out to be
    unusable: so what stands in a row does not depend on which reader was how fast. When
    ``stopped`` says True, the iteration ends; shards that are not finished then are lost.

    Raises
    ------
    ScanError
        If readers keep dying, or a step fails on everything.
    """
    held: list[tuple] = []  # results of which it is open whether they are rejects or a failed run
    for number, k, shard, chunk in read_shards(
        inputs,
        numbers,
        partial(Shard, batch_size=batch_size),
        root=root,
        grid=grid,
        workers=workers,
        batch_size=batch_size,
        stopped=stopped,
        first_stage=steps.first_stage,
    ):
        done = finish_batch(chunk, shard.batches[k], root, steps, store.schema)
        held.append((number, k, shard, *done))
        if steps.doubtful:
            continue
        for number, k, shard, rows, rejects in held:
            if shard.add(k, rows, rejects):
                store.write(number, *shard.tables())
            yield ShardCounts(len(rows), len(rejects), n_candidates(rows))
        held.clear()
    if held and not stopped():
        raise steps.verdict()


def read_shards(
    inputs: InputList,
    numbers: list[int],
    make_shard: Callable[[list[Entry]], AShard],
    *,
    root: bytes,
    grid: WavelengthGrid,
    workers: int,
    batch_size: int,
    stopped: Callable[[], bool],
    first_stage=None,
) -> Iterator[tuple[int, int, AShard, Chunk]]:
    """Read the inputs of shards; yield each batch when it is there.

    What is yielded is the number of a shard, which of its batches it is, the shard that
    ``make_shard`` made of its entries, and the chunk, whose pixels hold until the next one.
    """
    n_batches = sum(-(-inputs.sizes[number] // batch_size) for number in numbers)
    if n_batches == 0:
        return
    doing: dict[int, AShard] = {}

    def tasks():
        for number in numbers:
            shard = doing[number] = make_shard(inputs.shard(number))
            for k, entries in enumerate(shard.batches):
                yield Task((number, k), items_of(entries, root))

    workers = min(workers, n_batches)
    with ReaderPool(grid, workers=workers, batch_size=batch_size, first_stage=first_stage) as pool:
        for task, chunk in pool.run(tasks(), stopped):
            number, k = task.key
            yield number, k, doing[number], chunk
            if doing[number].complete:
                del doing[number]


def finish_batch(
    chunk: Chunk, entries: list[Entry], root: bytes, steps: StepLine, schema: pa.Schema
) -> tuple[pa.Table, list[tuple[str, str, str]]]:
    """Run a batch that was read through the steps: its rows of the catalogue, and all rejects."""
    _name_rows(chunk, entries, root)
    chunk.batch.columns.update(chunk.evidence)
    rows = schema.empty_table()
    if len(chunk.batch):
        batch, chunk.kept, failed = steps.run(chunk.batch, chunk.kept)
        chunk.rejects += failed
        if len(batch):
            rows = catalogue_table(batch, schema)
    return rows, list_rejects(chunk, entries, root)


class Shard:
    """A shard whose batches come back in any order.

    Attributes
    ----------
    batches : list of list of Entry
    done : set of int
        Numbers of the batches that are back.
    """

    def __init__(self, entries: list[Entry], batch_size: int):
        starts = range(0, len(entries), batch_size)
        self.batches = [entries[start : start + batch_size] for start in starts]
        self.done: set[int] = set()
        self._results: dict[int, tuple[pa.Table, list]] = {}

    def add(self, k: int, rows: pa.Table, rejects: list) -> bool:
        """Take the result of batch ``k``; says whether that was the last one missing."""
        if len(rows) + len(rejects) != len(self.batches[k]):
            raise AssertionError(
                f"{len(self.batches[k])} inputs became {len(rows)} rows and {len(rejects)} rejects"
            )
        self._results[k] = rows, rejects
        self.done.add(k)
        return self.complete

    @property
    def complete(self) -> bool:
        """True if all batches are back."""
        return len(self.done) == len(self.batches)

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """Return the complete shard: rows and rejects, each in the order of the inputs."""
        results = [self._results[k] for k in range(len(self.batches))]
        rows = pa.concat_tables([rows for rows, _ in results]).combine_chunks()
        return rows, rejected_table([reject for _, rejects in results for reject in rejects])


def items_of(entries: list[Entry], root: bytes) -> list[bytes]:
    """Return what a reader is given for the entries that can be read."""
    below = os.path.join(root, b"")
    return [e.item or _join(below, e.path) for e in entries if not e.reason]


def _join(below: bytes, path: bytes) -> bytes:
    """`os.path.join` without its checks, for a directory whose name ends as such."""
    return path if path[:1] == b"/" else below + path


def _name_rows(chunk: Chunk, entries: list[Entry], root: bytes) -> None:
    paths = [e.path for e in entries if not e.reason]
    names = np.empty(len(chunk.kept), dtype=object)
    below = os.path.join(root, b"")
    names[:] = [path_text(_join(below, paths[i])) for i in chunk.kept]
    chunk.batch.identity["path"] = names


def list_rejects(chunk: Chunk, entries: list[Entry], root: bytes) -> list[tuple[str, str, str]]:
    """Return all rejects of a batch: those of discovery, which no reader saw, and those of the
    reader."""
    of_reader = {i: (reason, detail) for i, reason, detail in chunk.rejects}
    rejects, i = [], 0
    for entry in entries:
        why: tuple[str, str] | None
        if entry.reason:
            why = entry.reason, entry.detail
        else:
            why = of_reader.get(i)
            i += 1
        if why:
            rejects.append((path_text(os.path.join(root, entry.path)), *why))
    return rejects
