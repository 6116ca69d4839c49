"""The pool of reader processes."""

from __future__ import annotations

import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing import connection as mp_connection
from typing import Any

from ..processes import open_standard_streams
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import WavelengthGrid
from ..wording import named
from .errors import ScanError
from .reader import Chunk
from .reader_process import SLOTS, ReaderProcess, Task

__all__ = ["ReaderPool", "Task", "default_workers"]

_log = logging.getLogger(__name__)

DEATHS_OF_A_FILE = 2
"""A file at which readers died so often is rejected."""

FILE_SECONDS = 300.0
"""Time that a reader has for one file, far more than any takes: what takes longer will not end."""

MOST_DEATHS = 3
"""Readers that die so often at one point, without a file to blame, are not going to get past it."""


def default_workers() -> int:
    """Readers that suit the machine: one for each core, at most eight.

    Inference competes with them for the cores; with one reader less, two cores classify 30 % fewer
    spectra a second, as each waits for the other in turn. More than eight would only cost memory.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min(cores, 8)


class ReaderPool:
    """Reader processes, each with shared memory for `SLOTS` batches.

    A file that holds a reader up for more than ``file_seconds`` is rejected (``timeout``).
    ``first_stage`` is what `FirstStage.load` reads; readers apply it then.

    Notes
    -----
    Neither ``multiprocessing`` pools nor its shared memory are used: the first hang when a worker
    is killed, the second stays behind when the parent is. A pipe tells both ends at once that the
    other is gone, and memory without a name goes when the last process does.
    """

    def __init__(
        self,
        grid: WavelengthGrid,
        *,
        workers: int,
        batch_size: int,
        first_stage=None,
        file_seconds: float = FILE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ):
        open_standard_streams()  # a reader's are replaced, and must not be what it is given
        self._grid = grid
        self._file_seconds = file_seconds
        self._clock = clock
        self._shape = batch_size, grid.n_pixels
        self._settings = {
            "grid": grid.to_dict(),
            "batch_size": batch_size,
            "slots": SLOTS,
            "first_stage": first_stage and os.fspath(first_stage),
        }
        self._deaths: Counter = Counter()
        self._readers = [ReaderProcess(self._settings, self._shape) for _ in range(workers)]

    def __enter__(self) -> ReaderPool:
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def close(self) -> None:
        """End all readers. Idle ones go at once, busy ones are not waited for."""
        for reader in self._readers:
            reader.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the readers."""
        return [reader.process.pid for reader in self._readers]

    def run(
        self, tasks: Iterable[Task], stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Task, Chunk]]:
        """Have tasks done, and yield each with its result, in the order in which they are ready.

        The pixels of a result are shared memory: they hold until the next one is asked for. Not
        more than `SLOTS` tasks for each reader are drawn from ``tasks`` ahead of results. When
        ``stopped``, which is asked once a second or more often, says True, the iteration ends.

        Raises
        ------
        ScanError
            If readers cannot be started, or keep dying.
        """
        again: deque[Task] = deque()
        fresh = iter(tasks)

        def give(reader):
            while reader.free:
                task = again.popleft() if again else next(fresh, None)
                if task is None:
                    return
                reader.give(task)

        for reader in self._readers:
            give(reader)
        looked = self._clock()
        while not stopped():
            by_connection: dict[Any, ReaderProcess] = {
                r.connection: r for r in self._readers if r.tasks
            }
            if not by_connection:
                return
            ready: list[Any] = mp_connection.wait(list(by_connection), timeout=0.5)
            for connection in ready:
                reader = by_connection[connection]
                try:
                    kind, index, content = connection.recv()
                except (EOFError, OSError):
                    again.extend(self._bury(reader))
                else:
                    if kind == "failed":
                        raise ScanError(f"a reader process failed: {content}")
                    self._deaths["before the first file"] = 0
                    task = reader.tasks[index]
                    yield task, self._chunk(reader, index, content)
                    reader.release(index)
                give(reader)
                if stopped():
                    return
            before, looked = looked, self._clock()
            # Where this process was stopped or busy with other things, nobody knows about readers.
            passed = min(looked - before, 1.0)
            for reader in self._readers:
                if reader.waited_for_file(passed) > self._file_seconds and reader.at:
                    again.extend(self._free_from_file(reader, *reader.at))
            if again:  # readers that had run out of work can help
                for reader in self._readers:
                    give(reader)

    def _chunk(self, reader: ReaderProcess, index: int, content) -> Chunk:
        n, identity, flags, columns, kept, rejects, evidence = content
        slot, task = reader.slots[index], reader.tasks[index]
        batch = SpectrumBatch(
            self._grid, slot.flux[:n], slot.ivar[:n], slot.mask[:n], identity, flags, columns
        )
        files = reader.files[index]
        rejects = [(files[i], reason, detail) for i, reason, detail in rejects]
        rejects += [(i, *why) for i, why in task.deadly.items()]
        return Chunk(batch, [files[i] for i in kept], sorted(rejects), evidence)

    def _bury(self, reader: ReaderProcess) -> list[Task]:
        """Start a reader in place of a dead one; returns the tasks it had not finished."""
        how = reader.epitaph()
        _log.info("a reader process died (%s); another one takes its place", how)
        unfinished = list(reader.tasks.values())
        where: Any = "before the first file"
        for index, task in reader.tasks.items():
            at, files = int(reader.slots[index].at_file[0]), reader.files[index]
            if at < 0:
                continue  # waited for its turn
            where = task.key, files[at] if at < len(files) else "all files read"
            if at < len(files) and self._deaths[where] + 1 == DEATHS_OF_A_FILE:
                detail = f"a reader process died twice on this file ({how})"
                task.deadly[files[at]] = "internal_error", detail
        self._deaths[where] += 1
        if self._deaths[where] >= MOST_DEATHS:
            raise ScanError(
                f"reader processes keep dying ({how}); if memory is short, use fewer "
                f"{named('workers')} or a smaller {named('batch_size')}"
            )
        reader.tasks.clear()
        reader.start()
        return unfinished

    def _free_from_file(self, reader: ReaderProcess, index: int, at: int) -> list[Task]:
        """Start a reader in place of one that a file holds up, which is rejected; returns the tasks
        it had not finished."""
        detail = f"a reader process was not done with this file in {self._file_seconds:g} s"
        reader.tasks[index].deadly[reader.files[index][at]] = "timeout", detail
        _log.info("%s; another reader takes its place", detail)
        unfinished = list(reader.tasks.values())
        reader.epitaph()
        reader.tasks.clear()
        reader.start()
        return unfinished
