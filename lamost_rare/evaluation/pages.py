"""Pages in Markdown, and the numbers in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..markdown import markdown_table
from ..text import check_paths

__all__ = [
    "GLOSSARY",
    "SHOWN_SNR",
    "images_beside",
    "percent",
    "said_of_runs",
    "spread",
    "spread_of",
    "table",
    "write_page",
]

GLOSSARY = "[The glossary](glossary.md) explains the words."
"""Said in the first lines of a page."""

SHOWN_SNR = ("5-10", "10-20", "above 20")
"""Bins of S/N that figures of a survey are given for."""


def images_beside(output: str | os.PathLike) -> Path:
    """Return the folder ``images/`` beside a page, which is made if it is not there."""
    check_paths(output=output)
    images = Path(output).parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    return images


def write_page(output: str | os.PathLike, parts: Iterable[str]) -> None:
    """Write a page.

    Parameters
    ----------
    output : path-like
        Its folder is made if it is not there.
    parts : iterable of str
        Headings, paragraphs, tables; a blank line goes between each two.
    """
    check_paths(output=output)
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as a part of a page."""
    return "\n".join(markdown_table(headings, rows))


def spread(values: ArrayLike, *, percent: bool = False, digits: int = 2) -> str:
    """Return the median and, in brackets, the quartiles of five or more runs, the extremes of
    fewer."""
    middle, low, high = (f"{x:.{digits}f}" for x in spread_of(values, percent=percent))
    n = np.isfinite(np.asarray(values, dtype=float)).sum()
    return "-" if n == 0 else middle if n == 1 else f"{middle} ({low} to {high})"


def spread_of(values: ArrayLike, *, percent: bool = False) -> tuple[float, float, float]:
    """Return the numbers of `spread`: median, lower and upper end; NaN if there are none."""
    known = np.asarray(values, dtype=float) * (100 if percent else 1)
    known = known[np.isfinite(known)]
    if not len(known):
        return np.nan, np.nan, np.nan
    low, high = np.percentile(known, [25, 75] if len(known) >= 5 else [0, 100])
    return float(np.median(known)), float(low), float(high)


def said_of_runs(n: int, word: str = "run") -> str:
    """Say what the numbers are that `spread` gives."""
    if n == 1:
        return f"Numbers are those of one {word}, without a spread."
    between = "the quartiles" if n >= 5 else "the lowest and the highest"
    return f"Numbers are the median of {n} {word}s, in brackets {between}."


def percent(hit: np.ndarray) -> str:
    """Return the part that is true, in percent."""
    return f"{100 * hit.mean():.1f} %" if len(hit) else "-"
