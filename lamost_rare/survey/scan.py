"""A directory of spectra to a catalogue: what ``lamost-rare scan`` and ``lamost-rare run`` do."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa

from ..inference.columns import Column
from ..inference.sizes import whole_number as checked_number
from ..presets import Preset, check_kind, load_preset
from ..spectra.grid import LAMOST_GRID
from ..text import check_paths, printable
from .batch_classifier import BatchClassifier
from .catalogue import catalogue_schema
from .errors import ScanError, ScanInterrupted
from .formats import FORMATS
from .input_list import InputList
from .inputs.base import LEFT_OUT
from .inputs.opening import open_input
from .lock import directory_lock
from .lost import InputWatch
from .manifest import describe_preset, describe_steps, write_manifest
from .merge import RESULTS, convert_results, merge_shards
from .plan import MANIFEST, make_plan, now
from .progress import Progress, stop_on_interrupt
from .shard_processing import classify_shards
from .shards import ShardCounts, ShardStore
from .sizes import BATCH_SIZE
from .stepping import StepLine
from .summary import ScanSummary
from .workers import default_workers

__all__ = ["classifier_preset", "clear_errors", "run_steps", "scan_directory", "whole_number"]

SHARD_SIZE = 2048
"""Inputs to a shard, about: the most that a killed scan has to do again."""


def scan_directory(
    source,
    output,
    *,
    root=None,
    preset=None,
    workers: int | None = None,
    batch_size: int = BATCH_SIZE,
    overwrite: bool = False,
    progress: bool | None = None,
    format: str = "parquet",
    thorough: bool = False,
) -> ScanSummary:
    """Classify every spectrum below a directory, and say of the others why not.

    Writes ``catalogue.parquet``, ``rejected.parquet``, ``candidates.parquet``, ``candidates.csv``
    and ``manifest.json`` into ``output``. Called again after it was interrupted or killed, it goes
    on where it was; the tables are the same bytes as those of an uninterrupted scan, whatever the
    numbers of workers and of cores (docs/scan.md says where that ends).

    Parameters
    ----------
    source : str, path or sequence of paths
        Directory that is searched for ``*.fits``, ``*.fits.gz``, ``*.fit`` and ``*.fit.gz``, and
        for tar archives of them; or one file, an archive, an HDF5 store, a list of files
        (``@NAME``, or named ``*.txt``), or the paths themselves, as a list, array or column.
        With ``root``, a general catalogue as CSV, FITS or Parquet.
    output : str or path
        Directory for the results; made if it does not exist.
    root : str or path, optional
        Directory below which the spectra of a general catalogue are. Its rows are the inputs then,
        and a file whose header does not agree with its row is rejected.
    preset : str, path or Preset, optional
        Which classifier; by default `lamost_rare.presets.DEFAULT_PRESET`.
    workers : int, optional
        Reader processes; by default one for each core, at most eight. This process infers.
    batch_size : int
        Spectra to an inference step.
    overwrite : bool
        Discard what an earlier scan left in ``output``.
    progress : bool, optional
        Show a bar, or nothing; by default a bar if standard error is a terminal, and a line a
        minute if it is not.
    format : str
        ``fits``, ``ecsv`` or ``votable``: write the three tables in this format, too.
    thorough : bool
        Show the recogniser every spectrum, also those that the preset's first stage is sure of.

    Returns
    -------
    ScanSummary
        Counts; each input is a row of the catalogue or of the rejected table.

    Raises
    ------
    ScanError
        If the scan cannot start or go on: no such source, nothing in it, ``output`` not writable,
        in use, or holding a scan of other inputs or with another preset; or if the source went
        away: called again when it is there, the scan goes on.
    PresetError
        If the preset cannot be used.
    TypeError
        If ``source`` is neither a path nor a sequence of paths.
    ValueError
        If a path is empty.
    ScanInterrupted
        After Ctrl-C or SIGTERM; a `KeyboardInterrupt` with the summary so far.
    """
    preset = classifier_preset(preset)
    return run_steps(
        source,
        output,
        [BatchClassifier(preset, whole_number("batch_size", batch_size), thorough=thorough)],
        root=root,
        preset=preset,
        workers=workers,
        batch_size=batch_size,
        overwrite=overwrite,
        progress=progress,
        format=format,
    )


def classifier_preset(preset) -> Preset:
    """The preset that a name, a folder or None stands for, if it can classify."""
    preset = preset if isinstance(preset, Preset) else load_preset(preset)
    check_kind(preset, "classifier")
    return preset


def run_steps(
    source,
    output,
    steps,
    *,
    root=None,
    preset: Preset | None = None,
    classify: Callable[..., Iterator[ShardCounts]] | None = None,
    workers: int | None = None,
    batch_size: int = BATCH_SIZE,
    overwrite: bool = False,
    progress: bool | None = None,
    format: str = "parquet",
) -> ScanSummary:
    """Run steps over every spectrum below a directory: `scan_directory` with steps of any kind.

    Parameters
    ----------
    source, output, root, workers, overwrite, progress, format
        As for `scan_directory`.
    steps : sequence
        Objects with the attributes ``name``, ``adds`` and ``grid`` and the methods ``process`` and
        ``fingerprint``, as `lamost_rare.pipeline.Step` has them. Their columns come after those
        that a catalogue has anyway. Readers put the spectra onto the first grid that a step has.
    preset : Preset, optional
        Whose candidates are counted.
    classify : callable, optional
        What does the shards instead of `classify_shards`, with the same parameters.
    batch_size : int
        Spectra to a step.

    Returns
    -------
    ScanSummary

    Raises
    ------
    ScanError, PresetError, ScanInterrupted
        As for `scan_directory`; also if a step fails on all spectra, or does not keep to what it
        declares.
    """
    started = time.monotonic()
    workers = whole_number("workers", default_workers() if workers is None else workers)
    batch_size = whole_number("batch_size", batch_size)
    if format not in FORMATS:
        raise ScanError(f"--format must be one of {', '.join(FORMATS)}, not {format!r}")
    check_paths(output=output)
    origin = open_input(source, root)
    output = Path(os.path.abspath(os.fsdecode(output)))
    grid = next((step.grid for step in steps if step.grid is not None), LAMOST_GRID)
    origin.check_grid(grid)

    asked = {"preset": preset and describe_preset(preset), "steps": describe_steps(steps)}
    names = (preset.name, preset.rare_class) if preset else ("", "")
    summary = ScanSummary(origin.path, output, *names, format=format)
    added = [item for step in steps for item in step.adds if isinstance(item, Column)]
    schema = catalogue_schema([*added, *origin.columns])
    store = ShardStore(output / "shards", schema, InputWatch(origin).check)
    with clear_errors(output), contextlib.ExitStack() as stack:
        output.mkdir(parents=True, exist_ok=True)
        stack.enter_context(directory_lock(output))
        stop = stack.enter_context(stop_on_interrupt())

        def checkpoint():
            if stop():
                summary.state = "interrupted"
                raise ScanInterrupted(summary, stop.signum)

        configuration = {"batch_size": batch_size, "shard_size": _shard_size(batch_size)}
        manifest = make_plan(
            summary, origin, store, asked, configuration, overwrite=overwrite, checkpoint=checkpoint
        )
        summary.discovered = manifest["inputs"]["count"]
        summary.left_out = {kind: manifest["besides"].get(kind, 0) for kind in LEFT_OUT}
        complete = manifest["state"] == "complete" and not manifest.get("try_again")
        if complete and all((output / name).exists() for name in RESULTS):
            summary.recall(manifest["counts"])
            store.clear()
            convert_results(output, format, checkpoint)
            return summary
        spent_before = manifest["elapsed_seconds"]

        def record(state):
            summary.state = state
            summary.seconds = time.monotonic() - started
            summary.start_seconds = sum(map(_start_seconds, steps))
            manifest.update(
                state=state,
                counts=summary.counts(),
                try_again=summary.try_again,
                updated=now(),
                elapsed_seconds=round(spent_before + summary.seconds, 1),
            )
            write_manifest(output / MANIFEST, manifest)

        inputs = stack.enter_context(contextlib.closing(InputList(store.inputs)))
        to_do = _take_stock(summary, store, inputs, again=True)
        summary.done_before = summary.done
        record("running")
        try:
            results = (classify or classify_shards)(
                store,
                inputs,
                to_do,
                root=origin.root,
                grid=grid,
                steps=StepLine(steps, proven=summary.classified > 0),
                workers=workers,
                batch_size=batch_size,
                stopped=stop,
            )
            with (
                contextlib.closing(results),
                contextlib.closing(Progress(progress, summary)) as bar,
            ):
                for counts in results:
                    summary.add(counts)
                    bar.update(summary)
            checkpoint()
            evidence = preset.config.get("evidence") if preset else None
            merge_shards(store, len(inputs), output, summary, checkpoint, evidence)
            convert_results(output, format, checkpoint)
        except (ScanInterrupted, ScanError):
            _take_stock(summary, store, inputs)  # shards that were not finished do not count
            record("interrupted")
            raise
        if summary.to_do:
            raise AssertionError(f"{summary.to_do} of {summary.discovered} inputs got lost")
        summary.try_again = sum(map(store.to_try_again, range(len(inputs))))
        record("complete")
        if not summary.try_again:
            store.clear()
    return summary


def _start_seconds(step) -> float:
    """What a step's network took to load, if it has one: the spectra had to wait for it."""
    return getattr(getattr(step, "classifier", step), "start_seconds", 0.0)


def _take_stock(
    summary: ScanSummary, store: ShardStore, inputs: InputList, again: bool = False
) -> list[int]:
    """Set the counts of ``summary`` to those of finished shards; return the others' numbers.

    With ``again``, shards of which some inputs could not be read are not finished.
    """
    summary.classified = summary.rejected = summary.candidates = 0
    to_do = []
    for number, size in enumerate(inputs.sizes):
        counts = store.finished(number, size)
        if counts is None or (again and counts.rejected and store.to_try_again(number)):
            to_do.append(number)
        else:
            summary.add(counts)
    return to_do


def whole_number(name: str, value) -> int:
    """An option that is a whole number, or a `ScanError`."""
    return checked_number(f"--{name.replace('_', '-')}", value, ScanError)


def _shard_size(batch_size: int) -> int:
    """Whole batches, as near below `SHARD_SIZE` as there are."""
    return max(1, SHARD_SIZE // batch_size) * batch_size


@contextlib.contextmanager
def clear_errors(output: Path) -> Iterator[None]:
    """What the system says of a disk that is full or must not be written to, in one line."""
    try:
        yield
    except OSError as error:
        where = printable(error.filename or output)
        what = printable(error.strerror or str(error).splitlines()[0])
        raise ScanError(
            f"cannot go on, {where}: {what}; put that right and run the same command again: "
            "it resumes"
        ) from error
    except pa.ArrowException as error:
        raise ScanError(
            f"cannot go on, a file in {printable(output)} is damaged: "
            f"{printable(str(error).splitlines()[0])}; use --overwrite to start again"
        ) from error
