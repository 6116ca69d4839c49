"""Shards that are with a Dask cluster: given out, waited for, given out again.

Importing this does not import Dask.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import time
from collections.abc import Callable

from ..logs import say
from ..presets import PresetError
from ..text import printable
from ..wording import named
from .errors import ScanError

__all__ = ["ClusterTasks"]

AHEAD = 2
"""Shards given out for each thread of the cluster: one in work, and one that waits for it."""

FEWEST = 4
"""Shards given out at least, so that a cluster that grows with its work has a reason to."""

PATIENCE = 0.5
"""Seconds after which it is looked whether to stop."""

LONELY_SECONDS = 10
"""Seconds without any worker after which that is said."""

_log = logging.getLogger(__name__)


class ClusterTasks:
    """Shards that are with the cluster: ``futures``, by the number of the shard.

    ``job`` is what `describe_job` says of the scan.
    """

    def __init__(self, client, job: dict):
        self.futures: dict = {}
        self._client, self._job, self._do_shard = client, job, _by_value()
        self._ready: queue.SimpleQueue = queue.SimpleQueue()
        self._deadly: set[int] = set()
        self._submitted = 0
        self._threads, self._counted, self._seen = 0, -60.0, time.monotonic()

    @property
    def free(self) -> bool:
        """True if the cluster should get another shard."""
        return len(self.futures) < max(FEWEST, AHEAD * self._threads)

    def submit(self, number: int, entries: bytes, proven: bool) -> None:
        """Have a shard done."""
        self._count_threads()
        self._submitted += 1
        _log.debug("shard %d goes to the cluster", number)
        try:
            future = self._client.submit(
                self._do_shard,
                self._job,
                entries,
                proven=proven,
                careful=number in self._deadly,
                key=f"lamost-rare-shard-{self._job['scan']}-{self._submitted}",
                pure=False,
            )
        except (OSError, RuntimeError) as error:
            if self._client.status == "running":
                raise
            raise _gone() from error
        self.futures[number] = future
        future.add_done_callback(lambda _: self._ready.put(number))

    def next_result(self) -> tuple[int | None, dict | None]:
        """Return the number and the result of a shard; None and None if there is none now.

        A number without a result is a shard that is to be submitted again.

        Raises
        ------
        ScanError
            If a shard cannot be done.
        """
        from distributed import CancelledError
        from distributed.scheduler import KilledWorker

        self._count_threads()
        try:
            number = self._ready.get(timeout=PATIENCE)
        except queue.Empty:
            return None, None
        future = self.futures[number]
        try:
            # A worker that is lost now takes its results along: then they are computed again.
            result = future.result(timeout=10 * PATIENCE)
        except KilledWorker as error:
            if number in self._deadly:
                raise ScanError(_epitaph(number, error)) from error
            # Some input may be what kills: a reader process of its own will tell which.
            _log.info("shard %d ended its Dask workers and is done again with care", number)
            self._deadly.add(number)
            result = None
        except CancelledError as error:
            raise _gone() from error
        except Exception as error:
            if isinstance(error, TimeoutError) and not _raised(future, TimeoutError):
                self._ready.put(number)
                return None, None
            raise _in_one_line(number, error) from error
        del self.futures[number]
        return number, result

    def close(self) -> None:
        """Cancel what is not done."""
        futures, self.futures = list(self.futures.values()), {}
        if futures and self._client.status == "running":
            with contextlib.suppress(OSError, RuntimeError, TimeoutError):
                self._client.cancel(futures)

    def _count_threads(self) -> None:
        """Ask the scheduler once a second how large the cluster is."""
        moment = time.monotonic()
        if moment - self._counted < 1 or self._client.status != "running":
            return
        try:
            self._threads, self._counted = sum(self._client.nthreads().values()), moment
        except OSError as error:  # of the connection
            raise _gone() from error
        if self._threads:
            self._seen = moment
        elif moment - self._seen > LONELY_SECONDS:
            say(_log, "the Dask scheduler has no workers; waiting for some")
            self._seen = moment + 50 * LONELY_SECONDS


def _gone() -> ScanError:
    return ScanError(
        "the Dask scheduler went away, or the tasks were cancelled; what is done is kept: "
        "run the same command again to go on"
    )


def _raised(future, kind: type) -> bool:
    return future.status == "error" and isinstance(future.exception(), kind)


def _by_value() -> Callable[..., dict]:
    """`do_shard` as a function that the scheduler can look at without having this package.

    What is defined in a function travels as code; anything else by the name of its module.
    """

    def do_shard(*args, **options):
        from lamost_rare.survey.distributed_task import do_shard

        return do_shard(*args, **options)

    return do_shard


def _epitaph(number: int, error) -> str:
    return (
        f"shard {number} ended every Dask worker that it was given to, the last one "
        f"{printable(error.last_worker.address)}, though not by reading its files: look into the "
        f"workers' logs; if memory is short, use a smaller {named('batch_size')} or larger workers"
    )


def _in_one_line(number: int, error: Exception) -> Exception:
    """Return an error of a worker's as one of a scan."""
    if isinstance(error, (ScanError, PresetError)):
        return error
    if isinstance(error, ImportError):
        return ScanError(
            f"a Dask worker cannot load lamost-rare ({printable(error)}): install the same version "
            "there as on this computer"
        )
    what = printable(str(error).splitlines()[0] if str(error) else "")
    return ScanError(f"shard {number} failed on the cluster: {type(error).__name__}: {what}")
