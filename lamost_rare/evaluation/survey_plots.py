"""Plots of what a list of candidates of a survey is worth."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from matplotlib.patheffects import withStroke

from .drawing import BLUE, error_bars, new_figure, plot_ranges, save_figure, series_styles
from .pages import SHOWN_SNR

__all__ = ["plot_purity", "plot_reliability"]

_FLOOR = 1e-3


def plot_purity(thresholds: Mapping[str, Mapping], rare: str, path: str | os.PathLike) -> None:
    """Plot purity against completeness at several S/N, as the threshold goes up.

    Parameters
    ----------
    thresholds : mapping of str to mapping
        ``thresholds[threshold][snr]["purity"]``, and ``["completeness"]``: value, lower and upper
        end of the range, as `~lamost_rare.validation.population.measure_population` gives them.
    rare : str
    path : path-like
    """
    around = [withStroke(linewidth=2.5, foreground="white")]
    figure, axes = new_figure(6.4, 4.8)
    for snr, style in series_styles(SHOWN_SNR).items():
        points: list[tuple[str, list[float], list[float]]] = []
        for threshold, of_snr in thresholds.items():
            x, y = of_snr[snr]["completeness"], of_snr[snr]["purity"]
            if None not in (*x, *y):
                points.append((threshold, x, y))
        if not points:
            continue
        x, y = [x for _, x, _ in points], [y for *_, y in points]
        bars = {"xerr": error_bars(x), "yerr": error_bars(y), "elinewidth": 0.6, "capsize": 2}
        middle = [one[0] for one in x], [one[0] for one in y]
        axes.errorbar(*middle, **bars, ms=5, lw=1.4, label=f"S/N (g) {snr}", **style)
        for threshold, (at, *_), (height, *_) in points:
            axes.annotate(
                str(threshold), (at, height), xytext=(6, 5), textcoords="offset points",
                color=style["color"], fontsize="small", path_effects=around,
            )  # fmt: skip
    axes.set(xlabel="completeness", ylabel="purity", xlim=(0, 1.02), ylim=(0, 1.05))
    axes.set_title(f"Beside points: threshold of p_{rare}_survey. Bars: 5 to 95 %", fontsize=10)
    axes.grid(alpha=0.25)
    axes.legend(loc="lower left")
    save_figure(figure, path)


def plot_reliability(reliability: Sequence[dict], rare: str, path: str | os.PathLike) -> None:
    """Plot the observed frequency against the stated probability.

    Parameters
    ----------
    reliability : list of dict
        From `~lamost_rare.validation.population.measure_population`.
    rare : str
    path : path-like
    """
    figure, axes = new_figure(4.8, 4.4)
    axes.plot([0.005, 1], [0.005, 1], color="gray", lw=1, label="stated = observed")
    known = [x for x in reliability if x["stated"] is not None and None not in x["observed"]]
    seen = [[max(x, _FLOOR) for x in entry["observed"]] for entry in known]
    if known:
        x = [entry["stated"] for entry in known]
        text = "trials, S/N above 5; bars: 5 to 95 %"
        plot_ranges(axes, x, seen, fmt="o", ms=5, lw=1, capsize=2, color=BLUE, label=text)
    axes.set(xscale="log", yscale="log", xlim=(0.008, 1.2), ylim=(0.004, 1.3))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.set(xlabel=f"stated: p_{rare}_survey", ylabel=f"observed: part that is {rare}")
    axes.grid(alpha=0.25)
    axes.legend(fontsize="small")
    save_figure(figure, path)
