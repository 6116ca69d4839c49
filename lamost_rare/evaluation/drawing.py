"""How all figures look, and how they are saved: the one place for both."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import cycle
from typing import IO, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

__all__ = ["BLACK", "BLUE", "GREEN", "ORANGE", "PURPLE", "SKY", "VERMILION"]
__all__ += ["error_bars", "new_figure", "plot_ranges", "save_figure", "series_styles", "snr_axis"]

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
# The palette of Okabe and Ito (2008) without its yellow, which is not seen on white.

_SERIES = (
    (BLUE, "o", "-"),
    (VERMILION, "s", "--"),
    (GREEN, "^", "-."),
    (PURPLE, "D", ":"),
    (BLACK, "v", (0, (5, 1, 1, 1))),
    (ORANGE, "P", (0, (3, 1))),
    (SKY, "X", (0, (1, 1))),
)
_DPI = 160


def new_figure(
    width: float = 7.0, height: float = 4.2, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Return a figure and its axes; sizes in inches, options are those of ``Figure.subplots``."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    return figure, figure.subplots(rows, columns, **options)


def series_styles(names: Iterable[str]) -> dict[str, dict]:
    """Return how to draw each of some series, as keywords of ``plot``.

    Colour, marker and line style all differ, so that they can be told apart in grey too.
    """
    return {
        name: {"color": colour, "marker": marker, "linestyle": line}
        for name, (colour, marker, line) in zip(names, cycle(_SERIES), strict=False)
    }


def snr_axis(axes: Axes, label: str = "S/N (g)") -> None:
    """Make the x axis one of S/N, logarithmic, with ticks at round numbers."""
    axes.set(xscale="log", xlabel=label)
    ticks = (5, 10, 20, 50, 100)
    axes.set_xticks(ticks, [str(x) for x in ticks])
    axes.minorticks_off()


def error_bars(triples: ArrayLike) -> np.ndarray:
    """Return the lengths of bars below and above, shape (2, n), of values with their ranges, shape
    (n, 3). A range holds its value, rounded or not.

    One array: of a list of two arrays of one number, matplotlib 3.10.0 makes numpy warn.
    """
    middle, low, high = np.asarray(triples, dtype=float).T
    return np.maximum([middle - low, high - middle], 0)


def plot_ranges(axes: Axes, x: ArrayLike, triples: ArrayLike, **style: Any) -> None:
    """Plot values with their ranges, shape (n, 3); keywords are those of ``Axes.errorbar``."""
    triples = np.asarray(triples, dtype=float)
    axes.errorbar(x, triples[:, 0], error_bars(triples), **style)


def save_figure(
    figure: Figure, path: str | os.PathLike | IO[bytes], *, format: str | None = None
) -> None:
    """Write a figure: the same bytes for the same figure, whenever it is drawn.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : path-like or file
    format : str, optional
        Of matplotlib's; by default the suffix of ``path`` says it.
    """
    format = format or str(path).rpartition(".")[2].lower()
    undated: dict[str, dict] = {
        "svg": {"Date": None, "Creator": None},
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    }
    with matplotlib.rc_context({"svg.hashsalt": "lamost-rare", "svg.fonttype": "path"}):
        figure.savefig(path, dpi=_DPI, format=format, metadata=undated.get(format))
