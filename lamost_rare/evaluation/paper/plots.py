"""Plots of the paper's experiments."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from textwrap import fill

import numpy as np

from ..drawing import BLACK, BLUE, ORANGE, new_figure, plot_ranges, save_figure
from ..pages import spread_of
from .experiments import PaperResults
from .recogniser import WAYS, short_title
from .scores import AT_SNR, SCORES

__all__ = ["n_stars", "plot_iterations", "plot_missed", "plot_results", "snr_titles", "star_titles"]

Triple = tuple[float, float, float]
"""Middle, lower and upper end."""

_OF_GENERATOR = {
    "no generator": (BLACK, "o"),
    "SGAN": (ORANGE, "s"),
    "LCGAN": (BLUE, "D"),
}
_NONE_MISSED = 0.1
"""Percent, at the left edge: less is not measured with so few spectra."""


def _generator(way: str) -> str:
    return next((name for name in ("SGAN", "LCGAN") if name.lower() in way), "no generator")


def _row_title(way: str) -> str:
    return WAYS[way] if len(WAYS[way]) <= 36 else short_title(way)


def plot_missed(
    accuracy: Mapping[str, Sequence[Triple]],
    columns: Sequence[str],
    label: str,
    path: str | os.PathLike,
) -> None:
    """Plot which part of the O spectra is missed, 100 % minus the accuracy: a panel a column, a row
    for each way to fill the rare class.

    Parameters
    ----------
    accuracy : mapping of str to list of (float, float, float)
        For each way, and each column: middle, lower and upper end in percent.
    columns : sequence of str
        Titles of panels.
    label : str
        Of the spectra.
    path : path-like
    """
    n = len(accuracy)
    figure, panels = new_figure(9, 1.3 + 0.42 * n, 1, len(columns), sharey=True, squeeze=False)
    for k, (axes, title) in enumerate(zip(panels[0], columns, strict=True)):
        for row, (way, of_column) in enumerate(accuracy.items()):
            colour, marker = _OF_GENERATOR[_generator(way)]
            middle, high, low = (max(100 - x, _NONE_MISSED) for x in of_column[k])
            axes.plot([low, high], [row, row], color=colour, lw=1.6, alpha=0.7)
            axes.plot(middle, row, marker, color=colour, ms=7)
        axes.set(xscale="log", xlim=(0.8 * _NONE_MISSED, 100), ylim=(n - 0.5, -0.5))
        axes.set_title(title, fontsize="medium")
        ticks = (0.1, 1, 10, 100)
        axes.set_xticks(ticks, ["≤ 0.1", *(f"{x:g}" for x in ticks[1:])])
        axes.grid(axis="x", alpha=0.4)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0)
        for row in range(n)[1::2]:
            axes.axhspan(row - 0.5, row + 0.5, color=BLACK, alpha=0.04, lw=0)
    panels[0, 0].set_yticks(range(n), [fill(_row_title(way), 36) for way in accuracy])
    figure.supxlabel(f"{label} not called O (%)", fontsize="medium")
    for name, (colour, marker) in _OF_GENERATOR.items():
        panels[0, 0].plot([], [], marker, color=colour, ms=7, label=name)
    figure.legend(loc="outside upper center", ncols=len(_OF_GENERATOR), frameon=False)
    save_figure(figure, path)


def plot_iterations(
    looks: Sequence[int],
    accuracy: Mapping[str, Sequence[Triple]],
    levels: Mapping[str, float],
    path: str | os.PathLike,
) -> None:
    """Plot Fig. 7, accuracy on set 2 of recognisers trained on spectra of each iteration.

    Parameters
    ----------
    looks : sequence of int
        Iterations.
    accuracy : mapping of str to list of (float, float, float)
        For each GAN, and each look: middle, lower and upper end in percent.
    levels : mapping of str to float
        Of ways without a GAN, in percent.
    path : path-like
    """
    figure, axes = new_figure()
    aside = 0.008 * max(looks)
    for i, (way, triples) in enumerate(accuracy.items()):
        colour, marker = _OF_GENERATOR[_generator(way)]
        style = {"color": colour, "marker": marker, "ls": ("-", "--")[i % 2]}
        x = np.asarray(looks) + aside * (2 * i - 1)  # so that bars do not hide each other
        plot_ranges(axes, x, triples, ms=6, capsize=3, label=short_title(way), **style)
    for (way, level), line in zip(levels.items(), cycle((":", "-."))):
        text = f"no generator: {short_title(way)}"
        axes.axhline(level, color=BLACK, lw=1.2, ls=line, label=text)
    axes.set_xticks(looks)
    axes.set(xlabel="iterations of the GAN", ylabel="accuracy on set 2 (%)")
    axes.set_ylim(axes.get_ylim()[0], max(100, axes.get_ylim()[1]))
    axes.grid(alpha=0.25)
    axes.legend(fontsize="small")
    save_figure(figure, path)


def plot_results(results: PaperResults, images: Path) -> None:
    """Draw all, of the numbers that the tables of the page show, into a folder.

    Parameters
    ----------
    results : PaperResults
    images : Path
    """

    def of(name: str, stars: int | None, way: str) -> Triple:
        return spread_of(results.ways[stars][way][name], percent=True)

    counts = [*sorted(results.settings.few), None]
    few = {way: [of("set2", k, way) for k in counts] for way in WAYS}
    plot_missed(few, star_titles(results), "O spectra of set 2", images / "paper-stars.svg")
    at_snr = {way: [of(name, None, way) for name in AT_SNR] for way in WAYS}
    plot_missed(at_snr, snr_titles(), "unseen O spectra", images / "paper-snr.svg")
    plot_iterations(
        results.settings.looks,
        {
            network: [
                spread_of(values, percent=True) for values in results.by_look[network]["set2"]
            ]
            for network in ("lcgan", "sgan")
        },
        {way: of("set2", None, way)[0] for way in ("nothing", "simulation")},
        images / "paper-iterations.svg",
    )


def n_stars(results: PaperResults, stars: int | None) -> int:
    """Return how many O stars are trained on; None is all."""
    return stars or results.counts["set 1"]


def star_titles(results: PaperResults) -> list[str]:
    """Name the numbers of stars, the fewest first, with how many runs there are if not all."""
    titles = []
    for k in [*sorted(results.settings.few), None]:
        n = len(results.ways[k]["nothing"]["set2"])
        fewer = "" if n == results.runs else f" ({n} run{'s' * (n > 1)})"
        titles.append(f"{n_stars(results, k)} stars{fewer}")
    return titles


def snr_titles() -> list[str]:
    """Name the bins of S/N."""
    return [SCORES[name].replace("S/N", "S/N (g)") for name in AT_SNR]
