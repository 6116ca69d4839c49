"""Pools of processes of one thread that do not outlive the command they work for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context

from ..processes import end_with_parent
from ..progress import Progress, silence

__all__ = ["as_they_end", "for_each", "single_threaded"]

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@contextmanager
def single_threaded(jobs: int, start=None, *arguments) -> Iterator[ProcessPoolExecutor]:
    """Start a pool of fresh processes of one thread each: they use the cores better than threads.

    Parameters
    ----------
    jobs : int
        Processes.
    start : callable, optional
        Called with ``arguments`` in each process, once.
    """
    saved = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    begin = (os.getpid(), start, arguments)
    try:
        with ProcessPoolExecutor(jobs, get_context("spawn"), _begin, begin) as pool:
            yield pool
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def for_each(tasks, jobs, what, function) -> dict:
    """Return the results of a function of a task, in processes of one thread, ``jobs`` at a time.

    The tasks are hashable, the function can be pickled, as a `functools.partial` can; ``what`` is
    how the work is called while it goes on.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with single_threaded(jobs) as pool:
        futures = {task: pool.submit(function, task) for task in tasks}
        for future in as_they_end(futures.values(), what):
            future.result()  # what went wrong is said at once
        return {task: future.result() for task, future in futures.items()}


def as_they_end(futures, what: str) -> Iterator[Future]:
    """Yield the futures of a pool in the order in which they end, and show how many have."""
    pending = set(futures)
    total = len(pending)
    with Progress(total, "tasks", what) as progress:
        while pending:
            ended, pending = wait(pending, timeout=5, return_when=FIRST_COMPLETED)
            progress.update(total - len(pending))
            yield from ended


def _begin(parent, start, arguments):
    end_with_parent(parent)
    silence()  # the parent shows how far all of them are
    if start is not None:
        start(*arguments)
