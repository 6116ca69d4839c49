"""Arithmetic whose last bits do not depend on how many cores there are.

A sum is rounded by the order of its terms, and libraries choose that order by the number of
threads they have: OpenBLAS does, and in TensorFlow's matrix products (Eigen) one thread takes
other blocks than two; more than two make a difference only where a matrix is so small that its
rows are not enough for them.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from functools import lru_cache

__all__ = ["LEAST_ROWS", "fix_network_threads", "one_blas_thread"]

LEAST_ROWS = 16
"""Spectra to a call of a network, at least: with fewer than 8, Eigen shares out the terms of a sum
to threads."""

_FEWEST, _MOST = 2, 16

_lock = threading.RLock()


def fix_network_threads(threads: int | None = None) -> None:
    """Have TensorFlow compute with a number of threads between 2 and 16, where results are equal.

    TensorFlow looks at this when it starts; one that has started stays as it is. What the
    environment says already (``TF_NUM_INTRAOP_THREADS``) holds.

    Parameters
    ----------
    threads : int, optional
        How many there should be; by default one for each core that this process may use.
    """
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        threads = len(affinity(0)) if affinity else os.cpu_count() or 1
    threads = min(max(threads, _FEWEST), _MOST)
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(threads))


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy's matrix products use one thread within the block, and as many as before after it.

    The number is that of the whole process: one thread of the process at a time is in such a block.
    """
    with _lock, _libraries().limit(limits=1, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _libraries():
    """What numpy has loaded; to look for that takes longer than what is to be done with it."""
    import numpy as np  # noqa: F401  # now, if it was not loaded before
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
