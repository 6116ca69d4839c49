"""Pools of processes of one thread that do not outlive the command they work for."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

__all__ = ["end_with_parent", "for_each", "single_threaded"]

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


@contextmanager
def single_threaded(jobs: int, start=None, *arguments) -> Iterator[ProcessPoolExecutor]:
    """A pool of fresh processes, each of one thread, which use the cores better than threads do.

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


def for_each(tasks, jobs, function, *arguments) -> dict:
    """Results of a function for each task, in processes of one thread, ``jobs`` at a time.

    Its arguments are given, with the task in place of `Ellipsis`.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with single_threaded(jobs) as pool:
        futures = {
            task: pool.submit(function, *(task if a is ... else a for a in arguments))
            for task in tasks
        }
        return {task: future.result() for task, future in futures.items()}


def _begin(parent, start, arguments):
    end_with_parent(parent)
    if start is not None:
        start(*arguments)


def end_with_parent(parent: int, interval=1.0) -> None:
    """Called in a new process: it ends, whatever it is doing, when its parent is gone.

    A command that is killed cannot end its pool, whose processes would go on with what they do,
    hold their folders, and then wait for ever.

    Parameters
    ----------
    parent : int
        Number of the process that made this one.
    interval : float
        Seconds between two looks.
    """

    def watch():
        while os.getppid() == parent:
            time.sleep(interval)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
