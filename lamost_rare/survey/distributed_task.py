"""A whole shard in one process: what a worker of a Dask cluster does for `distributed`.

A worker may have another version of this package, and then other classes by the same names. What
goes to it is therefore made of plain Python types, and the first thing it does is to compare
versions.
"""

from __future__ import annotations

import json
import os
import pickle
import threading
import warnings
from collections.abc import Iterator
from functools import lru_cache

import pyarrow as pa

from .. import __version__
from ..inference.first_stage import FirstStage
from ..inference.threads import fix_network_threads, one_blas_thread
from ..presets import PresetError, list_presets, load_preset
from ..spectra._grid_arrays import room_for
from ..spectra.grid import WavelengthGrid
from ..text import printable
from .batch_classifier import BatchClassifier
from .errors import ScanError
from .inputs.discovery import Entry
from .manifest import describe_preset
from .reader import Chunk, close_inputs, read_chunk
from .shard_processing import Shard, finish_batch, items_of
from .stepping import StepLine
from .workers import ReaderPool, Task

__all__ = ["UNSEEN", "describe_job", "do_shard", "pack_entries", "read_here", "unpack_table"]

UNSEEN = ("unreadable", "corrupt_store")
"""Reasons for which a worker rejects what it cannot see at all."""

_reading = threading.RLock()
_building = threading.Lock()
_scan_at_work = ""


def describe_job(
    classifier: BatchClassifier, *, scan: str, root: bytes, grid: WavelengthGrid, schema: pa.Schema
) -> dict:
    """Describe what all shards of a scan have in common; ``scan`` differs for each run of a scan.

    Workers know shipped presets by their name, others by their folder.
    """
    preset = classifier.trained
    folder = preset.folder.resolve()
    shipped = preset.name in list_presets() and load_preset(preset.name, verify=False).folder
    return {
        "version": __version__,
        "scan": scan,
        "preset": preset.name if shipped and shipped.resolve() == folder else str(folder),
        "described": json.dumps(describe_preset(preset), sort_keys=True),
        "root": root,
        "grid": grid.to_dict(),
        "schema": schema.serialize().to_pybytes(),
        "batch_size": classifier.batch_size,
        "thorough": classifier.thorough,
        "survey": json.dumps({"prior": classifier.prior, "threshold": classifier.threshold}),
        "make_predictor": pickle.dumps(classifier.make_predictor),
    }


def pack_entries(entries: list[Entry]) -> bytes:
    """Inputs of a shard as `do_shard` takes them: one object, which Dask does not look into."""
    return pickle.dumps([tuple(entry) for entry in entries])


def do_shard(job: dict, entries: bytes, *, proven: bool, careful: bool) -> dict:
    """Read the inputs of a shard and classify them.

    Parameters
    ----------
    job : dict
        From `describe_job`.
    entries : bytes
        From `pack_entries`.
    proven : bool
        Whether the classifier has worked on other spectra of the scan.
    careful : bool
        Read in a process of its own, which may die of a file without an end of this one.

    Returns
    -------
    dict
        ``rows`` and ``rejected`` (bytes, for `unpack_table`); ``unseen``, numbers of inputs that
        seem not to be there; ``verdict``, empty unless the classifier failed on all spectra and
        is not proven; ``hopeless``, whether it will fail on others too; ``worker``, who did it.

    Raises
    ------
    ScanError
        If this process is no match for the one that runs the scan.
    """
    worker, threads = _this_worker()
    if job["version"] != __version__:
        raise ScanError(
            f"Dask worker {worker} has lamost-rare {__version__} and this computer {job['version']}"
            ": install the same version on both"
        )
    _close_what_other_scans_left(job["scan"])
    try:
        with _building:
            names = ("preset", "described", "batch_size", "thorough", "survey", "make_predictor")
            classifier = _classifier(*map(job.get, names))
    except PresetError as error:
        raise ScanError(
            f"Dask worker {worker} cannot use the preset: {error} (the folder of a preset that is "
            "not shipped must be at the same path for all workers)"
        ) from error
    schema = pa.ipc.read_schema(pa.py_buffer(job["schema"]))
    shard = Shard([Entry(*entry) for entry in pickle.loads(entries)], job["batch_size"])
    steps = StepLine([classifier], proven=proven)
    unseen, verdict, hopeless = [], "", False
    try:
        for k, chunk in _read_batches(shard, job, steps.first_stage, careful):
            unseen += _unseen(chunk, shard.batches[k], k * job["batch_size"])
            if len(chunk.batch):
                with _building:
                    _prepare(classifier, threads)
            shard.add(k, *finish_batch(chunk, shard.batches[k], job["root"], steps, schema))
        if steps.doubtful:
            verdict = str(steps.verdict())
    except ScanError as error:
        if not steps.doubtful:
            raise
        verdict, hopeless = str(error), True
    rows, rejected = (None, None) if verdict else map(_pack_table, shard.tables())
    return {
        "rows": rows,
        "rejected": rejected,
        "unseen": unseen,
        "verdict": verdict,
        "hopeless": hopeless,
        "worker": worker,
    }


def read_here(items: list[bytes], grid: WavelengthGrid, first_stage=None, memory=None) -> Chunk:
    """`read_chunk` in this process, one call at a time: what it keeps open is for one reader."""
    with _reading, one_blas_thread(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as in a reader process
        return read_chunk(items, grid, first_stage=first_stage, memory=memory)


def _read_batches(
    shard: Shard, job: dict, first_stage, careful: bool
) -> Iterator[tuple[int, Chunk]]:
    grid = WavelengthGrid.from_dict(job["grid"])
    batches = [items_of(entries, job["root"]) for entries in shard.batches]
    if not careful:
        loaded = first_stage and FirstStage.load(first_stage)
        # The same for all batches of the shard: new pages take longer than what is put there.
        memory = room_for(max(map(len, batches), default=0), grid)
        yield from ((k, read_here(items, grid, loaded, memory)) for k, items in enumerate(batches))
        return
    size = job["batch_size"]
    with ReaderPool(grid, workers=1, batch_size=size, first_stage=first_stage) as pool:
        for task, chunk in pool.run(Task(k, items) for k, items in enumerate(batches)):
            yield task.key, chunk


def _unseen(chunk: Chunk, entries: list[Entry], start: int) -> list[int]:
    """Return the numbers in the shard of inputs that seem not to be there."""
    readable = [start + i for i, entry in enumerate(entries) if not entry.reason]
    return [readable[i] for i, reason, _ in chunk.rejects if reason in UNSEEN]


def _this_worker() -> tuple[str, int]:
    """Return the address and number of threads of the worker that this process is."""
    from distributed import get_worker

    worker = get_worker()
    return printable(worker.address), worker.state.nthreads


def _close_what_other_scans_left(scan: str) -> None:
    global _scan_at_work
    with _reading:
        if scan != _scan_at_work:
            close_inputs()
            _scan_at_work = scan


@lru_cache(maxsize=4)
def _classifier(
    preset: str, described: str, batch_size: int, thorough: bool, survey: str, make_predictor: bytes
) -> BatchClassifier:
    """Return the classifier, kept for the next shards."""
    loaded = load_preset(preset)
    expected, found = json.loads(described), describe_preset(loaded)
    for key, value in found.items():
        if value != expected[key]:
            raise PresetError(
                f"{printable(loaded.folder)} has {key} {printable(value[:20])}, on the computer "
                f"that runs the scan it is {printable(expected[key][:20])}"
            )
    factory = pickle.loads(make_predictor)
    options = {"thorough": thorough, "make_predictor": factory, **json.loads(survey)}
    return BatchClassifier(loaded, batch_size, **options)


def _prepare(classifier: BatchClassifier, threads: int) -> None:
    """Build the network, to compute with about the threads that the worker was given.

    TensorFlow would take all cores of the machine, each worker for itself. It looks at these
    variables when it starts; one that was used in this process before stays as it is.
    """
    fix_network_threads(threads)
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(threads))
    classifier.prepare()


def _pack_table(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def unpack_table(packed: bytes) -> pa.Table:
    """Return a table that `do_shard` returned."""
    with pa.ipc.open_stream(packed) as reader:
        return reader.read_all()
