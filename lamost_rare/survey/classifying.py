"""The middle of a scan: shards of inputs through readers and inference to shards of rows."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from ..presets import Preset
from ..text import printable
from .catalogue import catalogue_table, rejected_table
from .discovery import Entry, path_text
from .errors import ScanError
from .inputs import InputList
from .reader import Chunk
from .shards import ShardCounts, ShardStore
from .workers import ReaderPool, Task

__all__ = ["classify_shards"]


def classify_shards(
    store: ShardStore,
    inputs: InputList,
    numbers: list[int],
    *,
    root: bytes,
    preset: Preset,
    workers: int,
    batch_size: int,
    stopped: Callable[[], bool],
) -> Iterator[ShardCounts]:
    """Classify shards and put them on disk, yielding the counts of each batch on the way.

    A batch is ``batch_size`` neighbouring inputs of one shard, less those that turn out to be
    unusable: so what stands in a row does not depend on which reader was how fast.

    Parameters
    ----------
    store : ShardStore
        Receives the finished shards.
    inputs : InputList
    numbers : list of int
        Shards to do.
    root : bytes
        Directory to which the inputs' paths are relative.
    preset : Preset
    workers, batch_size : int
    stopped : callable
        When it says True, the iteration ends; shards that are not finished then are lost.
    """
    doing: dict[int, _Shard] = {}
    n_batches = sum(-(-inputs.sizes[number] // batch_size) for number in numbers)
    if n_batches == 0:
        return

    def tasks():
        for number in numbers:
            shard = doing[number] = _Shard(inputs.shard(number), batch_size)
            for k, entries in enumerate(shard.batches):
                paths = [os.path.join(root, e.path) for e in entries if not e.reason]
                yield Task((number, k), paths)

    predictor = None
    workers = min(workers, n_batches)
    with ReaderPool(preset.grid, workers=workers, batch_size=batch_size) as pool:
        for task, chunk in pool.run(tasks(), stopped):
            number, k = task.key
            shard = doing[number]
            _name(chunk, task.paths)
            rejects = _rejects(chunk, shard.batches[k], root)
            rows = store.schema.empty_table()
            if len(chunk.batch):
                predictor = predictor or _predictor(preset, batch_size)
                prediction = _predict(predictor, chunk)
                rows = catalogue_table(
                    chunk.batch, prediction, preset, chunk.evidence, store.schema
                )
            if shard.add(k, rows, rejects):
                store.write(number, *shard.tables())
                del doing[number]
            found = rows["candidate"].to_numpy() if len(rows) else ()
            yield ShardCounts(len(rows), len(rejects), int(np.count_nonzero(found)))


class _Shard:
    """A shard whose batches come back in any order."""

    def __init__(self, entries: list[Entry], batch_size: int):
        starts = range(0, len(entries), batch_size)
        self.batches = [entries[start : start + batch_size] for start in starts]
        self._results: dict[int, tuple[pa.Table, list]] = {}

    def add(self, k: int, rows: pa.Table, rejects: list) -> bool:
        """Take the result of batch ``k``; says whether that was the last one missing."""
        if len(rows) + len(rejects) != len(self.batches[k]):
            raise AssertionError(
                f"{len(self.batches[k])} inputs became {len(rows)} rows and {len(rejects)} rejects"
            )
        self._results[k] = rows, rejects
        return len(self._results) == len(self.batches)

    def tables(self) -> tuple[pa.Table, pa.Table]:
        """The complete shard: rows and rejects, each in the order of the inputs."""
        results = [self._results[k] for k in range(len(self.batches))]
        rows = pa.concat_tables([rows for rows, _ in results]).combine_chunks()
        return rows, rejected_table([reject for _, rejects in results for reject in rejects])


def _name(chunk: Chunk, paths: list[bytes]) -> None:
    names = np.empty(len(chunk.kept), dtype=object)
    names[:] = [path_text(paths[i]) for i in chunk.kept]
    chunk.batch.identity["path"] = names


def _rejects(chunk: Chunk, entries: list[Entry], root: bytes) -> list[tuple[str, str, str]]:
    """All rejects of a batch: those of discovery, which no reader saw, and those of the reader."""
    of_reader = {i: (reason, detail) for i, reason, detail in chunk.rejects}
    rejects, i = [], 0
    for entry in entries:
        if entry.reason:
            why = entry.reason, entry.detail
        else:
            why = of_reader.get(i)
            i += 1
        if why:
            rejects.append((path_text(os.path.join(root, entry.path)), *why))
    return rejects


def _predictor(preset: Preset, batch_size: int):
    # TensorFlow comes in here: a scan that finds nothing to classify does without it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from ..inference.predictor import Predictor

    return Predictor(preset, batch_size=batch_size)


def _predict(predictor, chunk: Chunk):
    try:
        return predictor.predict(chunk.batch)
    except Exception as error:
        lines = str(error).splitlines() or [""]
        what = f"{type(error).__name__}: {lines[0]}"
        first = chunk.batch.identity["path"][0]
        raise ScanError(
            f"inference failed in the batch of {printable(first)}: {printable(what)}"
        ) from error
