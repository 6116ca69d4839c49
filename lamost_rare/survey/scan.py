"""A directory of spectra to a catalogue: what ``lamost-rare scan`` and ``lamost-rare run`` do."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..annotations import PathLike, PresetLike, PriorLike
from ..inference.columns import Column
from ..inference.prior import read_prior
from ..inference.selection import no_odds
from ..inference.sizes import BATCH_SIZE, whole_number
from ..presets import Preset, check_kind, load_preset
from ..spectra.grid import LAMOST_GRID
from ..text import check_paths, printable
from ..wording import named
from .batch_classifier import BatchClassifier
from .catalogue import catalogue_schema
from .errors import ScanError, ScanInterrupted
from .finished import choose_again, was_complete
from .formats import FORMATS
from .inputs.base import LEFT_OUT, ScanInput
from .inputs.opening import open_inputs
from .lost import InputWatch
from .manifest import describe_preset, describe_steps
from .merge import convert_results, merge_shards, merge_stars
from .selecting import preset_of, selection_of
from .shard_processing import classify_shards
from .shard_run import ShardRun, clear_errors, open_run
from .shards import ShardCounts, ShardStore
from .stepping import StepLine
from .summary import ScanSummary
from .workers import default_workers

__all__ = ["classifier_preset", "classify_below", "run_steps", "scan_directory"]

_log = logging.getLogger(__name__)

SHARD_SIZE = 2048
"""Inputs to a shard, about: the most that a killed scan has to do again."""


def scan_directory(
    source: Any,
    output: PathLike,
    *,
    root: PathLike | None = None,
    preset: PresetLike = None,
    workers: int | None = None,
    batch_size: int = BATCH_SIZE,
    overwrite: bool = False,
    progress: bool | None = None,
    format: str = "parquet",
    thorough: bool = False,
    prior: PriorLike = None,
    threshold: float | None = None,
    purity: float | None = None,
) -> ScanSummary:
    """Classify every spectrum below a directory, and say of the others why not.

    Writes ``catalogue.parquet``, ``rejected.parquet``, ``candidates.parquet``, ``candidates.csv``,
    ``stars.parquet`` and ``manifest.json`` into ``output``. Called again after it was interrupted
    or killed, it goes on where it was, and the tables have the same bytes in the end.

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
        Show a bar, or nothing; by default a bar on a terminal, else a line a minute.
    format : str
        ``fits``, ``ecsv`` or ``votable``: write the four tables in this format, too.
    thorough : bool
        Show the recogniser every spectrum, also those that the preset's first stage is sure of.
    prior : mapping, str or path, optional
        How frequent classes are in this survey, where that is not what the preset says:
        `~lamost_rare.inference.prior.read_prior`. Another prior is another scan.
    threshold : float, optional
        Least ``p_<rare>_survey`` of a candidate; of a preset without odds, least ``p_<rare>``.
    purity : float, optional
        Instead: expected part of true candidates in the list, which is the largest that has it. Of
        a finished scan, another threshold or purity only has the tables written again.

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
        If a path is empty, or prior, threshold or purity cannot be.
    ScanInterrupted
        After Ctrl-C or SIGTERM; a `KeyboardInterrupt` with the summary so far.

    Examples
    --------
    >>> from lamost_rare import scan_directory
    >>> summary = scan_directory("demo-output/survey", "candidates", progress=False)
    >>> summary.discovered, summary.classified, summary.rejected
    (310, 300, 10)
    """
    given = {"root": root, "preset": preset, "batch_size": batch_size, "thorough": thorough}
    how = {"workers": workers, "overwrite": overwrite, "progress": progress, "format": format}
    options: dict[str, Any] = given | how
    options |= {"prior": prior, "threshold": threshold, "purity": purity}
    return classify_below(source, output, **options)


def classify_below(
    source,
    output,
    *,
    preset,
    batch_size: int,
    thorough: bool,
    make_predictor: Callable | None = None,
    prior=None,
    threshold: float | None = None,
    **options,
) -> ScanSummary:
    """Do what `scan_directory` says, with what ``make_predictor`` builds (`BatchClassifier`);
    further options are those of `run_steps`."""
    preset = classifier_preset(preset)
    if preset.settings.odds is None:  # candidates are what the classifier says, by its own rule
        of_classifier, threshold = threshold, None
    else:
        of_classifier = None
    classifier = BatchClassifier(
        preset,
        whole_number(named("batch_size"), batch_size, ScanError),
        thorough=thorough,
        make_predictor=make_predictor,
        prior=read_prior(prior),
        threshold=of_classifier,
    )
    options |= {"preset": preset, "batch_size": batch_size, "threshold": threshold}
    return run_steps(source, output, [classifier], **options)


def classifier_preset(preset) -> Preset:
    """Return the preset that a name, a folder or None stands for, if it can classify."""
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
    classify: Callable[..., Generator[ShardCounts]] = classify_shards,
    workers: int | None = None,
    batch_size: int = BATCH_SIZE,
    shard_size: int = SHARD_SIZE,
    overwrite: bool = False,
    progress: bool | None = None,
    format: str = "parquet",
    threshold: float | None = None,
    purity: float | None = None,
) -> ScanSummary:
    """Run steps over every spectrum below a directory: `scan_directory` with steps of any kind.

    Parameters
    ----------
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
    shard_size : int
        Inputs to a shard, about: whole batches, as near below it as there are.
    threshold, purity : float, optional
        As for `scan_directory`, of the one step that decides on candidates; it has odds.

    Raises
    ------
    ScanError, PresetError, ScanInterrupted
        As for `scan_directory`; also if a step fails on all spectra, or does not keep to what it
        declares.
    """
    workers = (
        default_workers() if workers is None else whole_number(named("workers"), workers, ScanError)
    )
    batch_size = whole_number(named("batch_size"), batch_size, ScanError)
    if format not in FORMATS:
        raise ScanError(f"format must be one of {', '.join(FORMATS)}, not {format!r}")
    check_paths(output=output)
    given = open_inputs(source, root)
    output = Path(os.path.abspath(os.fsdecode(output)))
    selection = selection_of(steps, threshold, purity)
    grid = next((step.grid for step in steps if step.grid is not None), LAMOST_GRID)
    given.check_grid(grid)

    summary = ScanSummary(given.path, output, *_words(steps, preset), format=format)
    store = ShardStore(output / "shards", _schema(steps, given), InputWatch(given).check)
    evidence = preset.settings.evidence if preset else None
    asked = {"preset": preset and describe_preset(preset), "steps": describe_steps(steps)}
    shard_size = max(1, shard_size // batch_size) * batch_size
    configuration = {"batch_size": batch_size, "shard_size": shard_size}
    with (
        clear_errors(output),
        open_run(summary, given, store, asked, configuration, overwrite=overwrite) as run,
    ):
        summary.left_out = {kind: run.manifest["besides"].get(kind, 0) for kind in LEFT_OUT}
        if was_complete(run, selection):
            choose_again(run, evidence, selection, preset_of(steps))
            convert_results(output, format, run.checkpoint)
            return summary
        to_do = run.begin()
        _report(steps, preset, workers, batch_size)
        how = {"steps": StepLine(steps, proven=summary.classified > 0), "root": given.root}
        how |= {"grid": grid, "workers": workers, "batch_size": batch_size, "stopped": run.stop}
        try:
            run.count(classify(store, run.inputs, to_do, **how), progress)
            _write_tables(run, preset_of(steps), evidence, selection, format)
        except (ScanInterrupted, ScanError):
            run.take_stock()  # shards that were not finished do not count
            run.record("interrupted")
            raise
        finally:
            summary.start_seconds = sum(map(_start_seconds, steps))
        run.check_complete()
        if summary.reasons["unreadable"]:  # most scans need not read their shards once more
            summary.try_again = sum(map(store.to_try_again, range(len(run.inputs))))
        run.record("complete")
        if not summary.try_again:
            store.clear()
    return summary


def _write_tables(run: ShardRun, decides: Preset | None, evidence, selection, format: str) -> None:
    """Write the tables of a scan whose shards are all done; ``decides`` is on candidates."""
    began, output, summary = time.monotonic(), run.summary.output, run.summary
    merge_shards(run.store, len(run.inputs), output, summary, run.checkpoint, evidence, selection)
    merge_stars(output, summary, decides, run.checkpoint)
    convert_results(output, format, run.checkpoint)
    _log.info("tables written in %.1f s", time.monotonic() - began)


def _report(steps, preset: Preset | None, workers: int, batch_size: int) -> None:
    names, of = ", ".join(step.name for step in steps), preset.name if preset else "none"
    how = printable(names), printable(of), workers, batch_size
    _log.info("steps %s; preset %s; %d readers, batches of %d", *how)


def _words(steps, preset: Preset | None) -> tuple[str, str, str]:
    """Return the preset's name, its rare class, and why it has no odds if it has none."""
    by = preset_of(steps)
    why = no_odds(by.name, by.rare_class) if by and by.settings.odds is None else ""
    return (preset.name, preset.rare_class, why) if preset else ("", "", why)


def _schema(steps, given: ScanInput) -> pa.Schema:
    added = [item for step in steps for item in step.adds if isinstance(item, Column)]
    return catalogue_schema([*added, *given.columns])


def _start_seconds(step) -> float:
    """Return what a step's network took to load: the spectra had to wait for it."""
    return getattr(getattr(step, "classifier", step), "start_seconds", 0.0)
