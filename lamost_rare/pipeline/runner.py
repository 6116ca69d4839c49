"""Running a pipeline over a directory, with the machinery of scan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from ..annotations import PathLike, PriorLike
from ..inference.columns import evidence_columns
from ..inference.prior import read_prior
from ..inference.sizes import BATCH_SIZE
from ..spectra.batch import IDENTITY_DTYPES
from ..text import check_paths, printable
from .config import Pipeline, make_pipeline, read_pipeline
from .errors import PipelineError
from .order import check_order, column_names
from .step import Step

if TYPE_CHECKING:
    from ..survey.summary import ScanSummary

__all__ = ["check_pipeline", "describe_pipeline", "run_pipeline"]


PipelineLike: TypeAlias = PathLike | dict | list | Pipeline
"""A pipeline file, what one holds, or its list of steps."""


def run_pipeline(
    pipeline: PipelineLike,
    input: PathLike | None = None,
    output: PathLike | None = None,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
    root: PathLike | None = None,
    format: str = "parquet",
    prior: PriorLike = None,
    threshold: float | None = None,
    purity: float | None = None,
) -> ScanSummary:
    """Run a pipeline over every spectrum below a directory.

    Parameters
    ----------
    pipeline : path, dict, list or Pipeline
        A pipeline file, what one holds, or its list of steps (names, ``{name: {parameter:
        value}}``, or `Step` objects).
    input, output : path-like, optional
        What `lamost_rare.scan_directory` takes as its source, and directory for the results; by
        default those that the pipeline names.
    workers, overwrite, progress, root, format, threshold, purity
        As for `lamost_rare.scan_directory`, where one step decides on candidates.
    prior : mapping, str or path, optional
        In place of that of the steps that have one.

    Returns
    -------
    lamost_rare.survey.ScanSummary
        The results are those of `lamost_rare.scan_directory`, with the columns that the steps add
        after the others.

    Raises
    ------
    PipelineError
        If the pipeline cannot run as it is written; nothing was read then.
    ScanError
        If the run cannot start or go on, as for `lamost_rare.scan_directory`; if a step fails on
        all spectra.

    Examples
    --------
    >>> from lamost_rare import run_pipeline
    >>> steps = ["normalize", {"o_star_classifier": {"threshold": 0.9}}]
    >>> summary = run_pipeline(steps, "demo-output/survey", "found", progress=False)
    >>> summary.state
    'complete'
    """
    pipeline = check_pipeline(pipeline, input, output, prior)
    from ..survey.scan import run_steps

    classifier: Any = next((step for step in pipeline.steps if hasattr(step, "trained")), None)
    return run_steps(
        pipeline.input,
        pipeline.output,
        pipeline.steps,
        preset=classifier and classifier.trained,
        batch_size=classifier.batch_size if classifier else BATCH_SIZE,
        workers=workers,
        overwrite=overwrite,
        progress=progress,
        root=root,
        format=format,
        threshold=threshold,
        purity=purity,
    )


def check_pipeline(
    pipeline: PipelineLike,
    input: PathLike | None = None,
    output: PathLike | None = None,
    prior: PriorLike = None,
) -> Pipeline:
    """Check a pipeline before any spectrum is read.

    Parameters
    ----------
    pipeline, input, output, prior
        As for `run_pipeline`.

    Returns
    -------
    Pipeline
        What `run_pipeline` would run: its ``steps``, ``input``, ``output`` and ``name``.

    Raises
    ------
    PipelineError
        As for `run_pipeline`.

    Examples
    --------
    >>> from lamost_rare.pipeline import check_pipeline
    >>> pipeline = check_pipeline(["normalize", "o_star_classifier"], "dr7", "candidates")
    >>> [step.name for step in pipeline.steps]
    ['normalize', 'o_star_classifier']
    """
    check_paths(pipeline=pipeline, input=input, output=output)
    if isinstance(pipeline, (str, os.PathLike)):
        pipeline = read_pipeline(pipeline)
    elif not isinstance(pipeline, Pipeline):
        pipeline = make_pipeline({"steps": pipeline} if isinstance(pipeline, list) else pipeline)
    name = pipeline.name
    try:
        steps = pipeline.steps if prior is None else _with_prior(pipeline.steps, prior)
        _check_for_catalogue(steps)
        measured = [column.name for column in evidence_columns()]
        check_order(steps, have=[*IDENTITY_DTYPES, "flags", *measured])
    except PipelineError as error:
        raise PipelineError(f"{name}: {error}") from None
    paths: dict = {}
    for key, given, option in (("input", input, "SOURCE"), ("output", output, "DIR")):
        chosen = getattr(pipeline, key) if given is None else given
        if chosen is None:
            raise PipelineError(f"{name}: no {key}: give --{key} {option}, or write '{key}: ...'")
        paths[key] = os.fspath(chosen) if isinstance(chosen, os.PathLike) else chosen
    return Pipeline(steps, **paths, name=name)


def _with_prior(steps: list[Step], prior) -> list[Step]:
    """Return steps with another prior, where they have one."""
    having = [any(parameter.name == "prior" for parameter in step.parameters) for step in steps]
    if not any(having):
        raise PipelineError("no step has a prior, which could be another one")
    prior = read_prior(prior)
    return [
        step.changed(prior=prior) if has else step for step, has in zip(steps, having, strict=True)
    ]


def describe_pipeline(pipeline: Pipeline) -> Iterator[str]:
    """Yield lines that say what a pipeline does."""
    yield f"input:  {printable(pipeline.input)}"
    yield f"output: {printable(pipeline.output)}"
    for number, step in enumerate(pipeline.steps, 1):
        values = ", ".join(f"{k}={v!r}" for k, v in step.values().items() if v is not None)
        origin = f" ({step.origin})" if step.origin else ""
        yield f"{number}. {step.name}{origin}{': ' if values else ''}{printable(values)}"
        added = column_names(step)
        if added:
            shown = added if len(added) <= 16 else [*added[:14], f"... ({len(added)} in all)"]
            yield f"   adds {', '.join(shown)}"


def _check_for_catalogue(steps: list[Step]) -> None:
    """Generated spectra never enter a catalogue, and its own columns are nobody else's."""
    for step in steps:
        if "generated" in step.adds:
            raise step.error(
                "makes generated spectra, which never enter a catalogue: use it from Python or in "
                "a pipeline for training, not in 'lamost-rare run'"
            )
        for name in column_names(step):
            if name in IDENTITY_DTYPES or name == "flags":
                raise step.error(f"adds a column {name!r}, which every catalogue has already")
