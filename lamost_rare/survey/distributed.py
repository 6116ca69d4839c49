"""A scan whose shards are done by the workers of a Dask cluster.

This process makes the plan, holds the lock and writes every file, as for a scan on one machine;
workers read the inputs, classify and send back the rows (`distributed_task`). Importing this does
not import Dask.
"""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from ..annotations import PathLike, PresetLike
from ..inference.sizes import BATCH_SIZE
from ..spectra.grid import WavelengthGrid
from ..text import first_line, path_text, printable
from ..wording import named
from .cluster_tasks import ClusterTasks
from .distributed_task import UNSEEN, describe_job, pack_entries, read_here, unpack_table
from .errors import ScanError
from .input_list import InputList
from .reader import close_inputs
from .scan import classify_below
from .shard_processing import items_of
from .shards import ShardCounts, ShardStore, n_candidates
from .stepping import StepLine
from .summary import ScanSummary

__all__ = ["dask_client", "dask_scan"]

CONNECT_SECONDS = 5

_log = logging.getLogger(__name__)


def dask_scan(
    source: Any,
    output: PathLike,
    client: Any,
    *,
    preset: PresetLike = None,
    batch_size: int = BATCH_SIZE,
    overwrite: bool = False,
    progress: bool | None = None,
    thorough: bool = False,
    **others: Any,
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

    Examples
    --------
    In a script, with the cores of one computer as the cluster::

        from distributed import Client, LocalCluster
        from lamost_rare.survey import dask_scan

        if __name__ == "__main__":  # workers are processes that import the script
            with LocalCluster(n_workers=2, threads_per_worker=1) as cluster:
                with Client(cluster) as client:
                    summary = dask_scan("demo-output/survey", "candidates", client)
    """
    _check_client(client)
    return classify_below(
        source,
        output,
        preset=preset,
        batch_size=batch_size,
        thorough=thorough,
        workers=1,
        overwrite=overwrite,
        progress=progress,
        **others,
        classify=partial(_classify_on_cluster, client=client),
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
        raise ScanError(
            f"{named('dask')} needs the address of a scheduler, for example tcp://host:8786"
        )
    try:
        client = client_class(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, RuntimeError, AssertionError) as error:
        why = printable(first_line(error))
        raise ScanError(f"cannot reach a Dask scheduler at {where}: {why}") from error
    with client:
        yield client


def _address(client) -> str:
    return printable(getattr(client.scheduler, "address", "an unknown address"))


def _client_class() -> Any:
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
) -> Generator[ShardCounts]:
    """Do on a cluster what `classify_shards` does; yields the counts of whole shards."""
    scan = uuid.uuid4().hex
    (classifier,) = steps.steps
    job = describe_job(classifier, scan=scan, root=root, grid=grid, schema=store.schema)
    waiting, doubtful = deque(numbers), {}
    _log.info("%d shards for the Dask cluster of %s", len(waiting), _address(client))
    proven = steps.proven
    with contextlib.closing(ClusterTasks(client, job)) as tasks:
        while (waiting or tasks.futures) and not stopped():
            while waiting and tasks.free:
                number = waiting.popleft()
                tasks.submit(number, pack_entries(inputs.shard(number)), proven)
            done, result = tasks.next_result()
            if done is None:
                continue
            number = done
            if result is None:
                _log.debug("shard %d is given out again", number)
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
    close_inputs()
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
