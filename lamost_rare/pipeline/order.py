"""Whether steps fit together: checked before anything is read."""

from __future__ import annotations

from collections.abc import Iterable

from ..inference.columns import O_SUBTYPE
from .step import Column, Step

__all__ = ["check_order", "column_names"]

_SHARED = {column.name for column in O_SUBTYPE}
"""Columns that a later step may measure again: classifiers and ``line_evidence`` give the same, the
former for less spectra."""


def column_names(step: Step | type[Step]) -> list[str]:
    """Return the names of the columns that a step adds."""
    return [item.name for item in step.adds if isinstance(item, Column)]


def check_order(steps: Iterable[Step], have: Iterable[str] = ()) -> None:
    """Check that every step finds what it needs.

    Parameters
    ----------
    steps : iterable of Step
    have : iterable of str
        Columns and properties of the spectra before the first step.

    Raises
    ------
    PipelineError
        Naming the step: if it needs what nothing before it adds, or what something before it took
        away; if two steps add the same column, or need different wavelength grids.

    Examples
    --------
    A classifier measures the continuum itself, so that must not have been divided out before:

    >>> from lamost_rare.pipeline import check_order, make_step
    >>> rectify = make_step("normalize", method="pseudo_continuum")
    >>> check_order([rectify, make_step("o_star_classifier")])
    Traceback (most recent call last):
        ...
    lamost_rare.pipeline.errors.PipelineError: step 'o_star_classifier': ...
    """
    steps = list(steps)
    # What there is, and the step that added it.
    where: dict[str, Step | None] = dict.fromkeys(have, None)
    grid_step = None
    for number, step in enumerate(steps):
        for need in step.needs:
            _check_need(step, need, where, steps[number + 1 :])
        if step.grid is not None:
            if grid_step and step.grid != grid_step.grid and not step.regrids:
                raise step.error(
                    f"needs spectra on {step.grid}, and for step {grid_step.name!r} before it they "
                    f"are on {grid_step.grid}: put a resample step between them"
                )
            grid_step = step
        for name in column_names(step):
            if (before := where.get(name)) and name not in _SHARED:
                raise step.error(
                    f"adds the column {name!r}, and so does step {before.name!r} before it"
                )
        for item in step.adds:
            where[item.name if isinstance(item, Column) else item] = step


def _check_need(step: Step, need: str, where: dict, later: list[Step]) -> None:
    if need.startswith("not "):
        what = need.removeprefix("not ")
        if what in where:
            by = where[what]
            how = f"step {by.name!r} makes them so: put it after" if by else "they are"
            raise step.error(f"needs spectra that are {need}, and {how}")
    elif need not in where:
        for other in later:
            if need in column_names(other) or need in other.adds:
                raise step.error(
                    f"needs {need!r}, which step {other.name!r} adds: put {other.name!r} before it"
                )
        raise step.error(f"needs {need!r}, which no step adds")
