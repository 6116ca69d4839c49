"""A scan whose shards are done by the workers of a Dask cluster.

This process makes the plan, holds the lock and writes every file, as for a scan on one machine;
workers read the inputs, classify and send back the rows (`distributed_task`). Importing this does
not import Dask.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

import pyarrow as pa

from ..presets import Preset, PresetError
from ..spectra.grid import WavelengthGrid
from ..text import path_text, printable
from .batch_classifier import BatchClassifier
from .distributed_task import UNSEEN, describe_job, pack_entries, read_here, unpack_table
from .errors import ScanError
from .input_list import InputList
from .reader import close_sources
from .scan import classifier_preset, run_steps, whole_number
from .shard_processing import items_of
from .shards import ShardCounts, ShardStore, n_candidates
from .sizes import BATCH_SIZE
from .stepping import StepLine
from .summary import ScanSummary

__all__ = ["dask_client", "dask_scan"]

AHEAD = 2
"""Shards given out for each thread of the cluster: one in work, and one that waits for it."""

FEWEST = 4
"""Shards given out at least, so that a cluster that grows with its work has a reason to."""

CONNECT_SECONDS = 5
PATIENCE = 0.5
"""Seconds after which it is looked whether to stop."""

LONELY_SECONDS = 10
"""Seconds without any worker after which that is said."""

_log = logging.getLogger(__name__)


def dask_scan(
    source,
    output,
    client,
    *,
    preset=None,
    batch_size: int = BATCH_SIZE,
    overwrite: bool = False,
    progress: bool | None = None,
    thorough: bool = False,
    **others,
) -> ScanSummary:
    """Classify every spectrum below a directory with the workers of a Dask cluster.

    Does what `lamost_rare.scan_directory` does, and leaves the same files with the same bytes
    where workers have the same versions of TensorFlow and the same kind of processor. Either can
    go on with what the other began. If a worker is lost, its shards are done again.

    Parameters
    ----------
    source, output, preset, batch_size, overwrite, progress, thorough, **others
        As for `scan_directory`, which has other options but ``workers`` in common with this. The
        cluster's workers read the inputs, and a preset that is not shipped, at the paths that these
        have on this computer; ``output`` is used by this process alone.
    client : distributed.Client
        Of the cluster; it stays open.

    Returns
    -------
    ScanSummary

    Raises
    ------
    ScanError
        As for `scan_directory`; also if workers have another version of lamost-rare, do not see
        the inputs, or die of a shard again and again, or if the scheduler goes away.
    PresetError, ScanInterrupted
        As for `scan_directory`.
    """
    _check_client(client)
    preset = classifier_preset(preset)
    return run_steps(
        source,
        output,
        [BatchClassifier(preset, whole_number("batch_size", batch_size), thorough=thorough)],
        preset=preset,
        workers=1,
        batch_size=batch_size,
        overwrite=overwrite,
        progress=progress,
        **others,
        classify=partial(_classify_on_cluster, client=client, preset=preset, thorough=thorough),
    )


@contextlib.contextmanager
def dask_client(address: str) -> Iterator:
    """A client of the scheduler at an address, closed in the end.

    Raises
    ------
    ScanError
        If Dask is not installed, or there is no scheduler.
    """
    client_class = _client_class()
    where = printable(address)
    if not address:
        raise ScanError("--dask needs the address of a scheduler, for example tcp://host:8786")
    try:
        client = client_class(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, RuntimeError, AssertionError) as error:
        why = printable(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise ScanError(f"cannot reach a Dask scheduler at {where}: {why}") from error
    with client:
        yield client


def _client_class() -> type:
    try:
        from distributed import Client
    except ImportError:
        raise ScanError(
            "Dask is not installed; it is in the extra 'dask': "
            "python -m pip install 'lamost-rare[dask]'"
        ) from None
    return Client


def _check_client(client) -> None:
    if not isinstance(client, _client_class()) or client.asynchronous:
        what = type(client).__name__
        raise ScanError(f"client must be a distributed.Client that is not asynchronous, not {what}")
    if client.status != "running":
        raise ScanError(f"the Dask client is {client.status}: connect it to a scheduler")


def _classify_on_cluster(
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
    client,
    preset: Preset,
    thorough: bool,
) -> Iterator[ShardCounts]:
    """`classifying.classify_shards` on a cluster; yields the counts of whole shards."""
    scan = uuid.uuid4().hex
    job = describe_job(
        preset,
        scan=scan,
        root=root,
        grid=grid,
        schema=store.schema,
        batch_size=batch_size,
        thorough=thorough,
    )
    waiting, doubtful = deque(numbers), {}
    proven = steps.proven
    with contextlib.closing(_Tasks(client, job)) as tasks:
        while (waiting or tasks.futures) and not stopped():
            while waiting and tasks.free:
                number = waiting.popleft()
                tasks.submit(number, pack_entries(inputs.shard(number)), proven)
            number, result = tasks.next_result()
            if number is None:
                continue
            if result is None:
                waiting.appendleft(number)
                continue
            if result["verdict"]:
                # As on one machine: rejects if the classifier works on others, else a failed scan.
                if proven:
                    waiting.appendleft(number)
                elif result["hopeless"]:
                    raise ScanError(result["verdict"])
                else:
                    doubtful[number] = result["verdict"]
                continue
            _check_unseen(inputs, number, result, root, grid)
            rows, rejected = unpack_table(result["rows"]), unpack_table(result["rejected"])
            _check_tables(rows, rejected, store, inputs.sizes[number])
            store.write(number, rows, rejected)
            if len(rows) and not proven:
                proven = True
                waiting.extend(doubtful)
                doubtful.clear()
            yield ShardCounts(len(rows), len(rejected), n_candidates(rows))
    if doubtful and not stopped():
        raise ScanError(doubtful[min(doubtful)])


class _Tasks:
    """Shards that are with the cluster.

    Parameters
    ----------
    client : distributed.Client
    job : dict
        From `describe_job`.

    Attributes
    ----------
    futures : dict of int to distributed.Future
        By the number of the shard.
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
        """Whether the cluster should get another shard."""
        return len(self.futures) < max(FEWEST, AHEAD * self._threads)

    def submit(self, number: int, entries: bytes, proven: bool) -> None:
        """Have a shard done."""
        self._count_threads()
        self._submitted += 1
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
        """Number and result of a shard; None and None if there is none for the moment.

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
            _log.warning("the Dask scheduler has no workers; waiting for some")
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
        "workers' logs; if memory is short, use a smaller --batch-size or larger workers"
    )


def _in_one_line(number: int, error: Exception) -> Exception:
    """An error of a worker's as one of a scan."""
    if isinstance(error, (ScanError, PresetError)):
        return error
    if isinstance(error, ImportError):
        return ScanError(
            f"a Dask worker cannot load lamost-rare ({printable(error)}): install the same version "
            "there as on this computer"
        )
    what = printable(str(error).splitlines()[0] if str(error) else "")
    return ScanError(f"shard {number} failed on the cluster: {type(error).__name__}: {what}")


def _check_unseen(
    inputs: InputList, number: int, result: dict, root: bytes, grid: WavelengthGrid
) -> None:
    """Raise `ScanError` if a worker could not read what this process can.

    A directory that is not mounted there would make all it holds rejects.
    """
    if not result["unseen"]:
        return
    entries = inputs.shard(number)
    entries = [entries[i] for i in result["unseen"]]
    chunk = read_here(items_of(entries, root), grid)
    close_sources()
    missing = {i for i, reason, _ in chunk.rejects if reason in UNSEEN}
    seen = [entry for i, entry in enumerate(entries) if i not in missing]
    if seen:
        path = printable(path_text(root + b"/" + seen[0].path))
        raise ScanError(
            f"Dask worker {result['worker']} cannot read {path}, which this computer can: workers "
            "need the inputs at the same paths"
        )


def _check_tables(rows: pa.Table, rejected: pa.Table, store: ShardStore, n_inputs: int) -> None:
    if not rows.schema.equals(store.schema) or len(rows) + len(rejected) != n_inputs:
        raise AssertionError(
            f"{n_inputs} inputs became {len(rows)} rows and {len(rejected)} rejects"
        )
