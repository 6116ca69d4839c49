"""Axes of `plot_spectrum`: those that are given, or new ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.typing import HashableList

__all__ = ["axes_given", "last_row", "new_axes"]

_IN_A_ROW = 6


def axes_given(
    axes: Axes | Mapping[str, Axes] | None,
    lines: Iterable[str] | None,
    figure: Figure | SubFigure | None,
) -> tuple[dict[str, Axes] | None, Iterable[str] | None]:
    """Return a mapping of axes, or None if there are none yet, and the lines that go with it."""
    if axes is None:
        return None, lines
    if figure is not None:
        raise TypeError("give axes or a figure, not both")
    if not isinstance(axes, Mapping) and hasattr(axes, "plot"):
        return {"overview": axes}, () if lines is None else _none_of(lines)
    if not isinstance(axes, Mapping) or not all(hasattr(one, "plot") for one in axes.values()):
        raise TypeError(
            f"axes must be Axes, or a mapping from 'overview' and names of lines to Axes, "
            f"not {type(axes).__name__}"
        )
    names = [name for name in axes if name != "overview"]
    if lines is not None and list(lines) != names:
        raise TypeError("the mapping of axes names the lines: leave lines out")
    return dict(axes), names


def _none_of(lines: Iterable[str]) -> list[str]:
    lines = list(lines)
    if lines:
        raise TypeError("one Axes is for the whole spectrum alone: for lines, give a mapping")
    return lines


def new_axes(names: list[str], figure: Figure | SubFigure | None) -> dict[str, Any]:
    """Make axes: the whole spectrum above, lines in rows below it."""
    n_rows = -(-len(names) // _IN_A_ROW)
    in_a_row = -(-len(names) // n_rows) if n_rows else 1
    if figure is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(10, 3 + 2.2 * n_rows), layout="constrained")
    rows = [names[k * in_a_row : (k + 1) * in_a_row] for k in range(n_rows)]
    mosaic: list[HashableList[str]] = [["overview"] * in_a_row]
    mosaic += [[*row, *["."] * (in_a_row - len(row))] for row in rows]
    return figure.subplot_mosaic(mosaic, height_ratios=[1.15] + [1] * n_rows)


def last_row(axes: Mapping[str, Any]) -> dict[int, int]:
    """Return, for each column of a grid of axes, the row below which there are none."""
    last: dict[int, int] = {}
    for place in (one.get_subplotspec() for one in axes.values()):
        if place is not None:
            for column in place.colspan:
                last[column] = max(last.get(column, 0), place.rowspan.stop)
    return last
