"""Plots of the paper's experiments."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...validation.trials import SNR_BINS
from ..plots import new_figure
from .experiments import PaperResults
from .recogniser import short_title

__all__ = ["plot_iterations", "plot_snr", "plot_stars"]

# Of those that are plotted.
_COLOURS = {
    "nothing": "tab:gray",
    "repetition": "tab:brown",
    "simulation": "tab:green",
    "sgan": "tab:orange",
    "lcgan": "tab:blue",
    "reobserved": "tab:olive",
    "observed-sgan": "tab:red",
    "observed-lcgan": "tab:cyan",
    "reobserved+observed-lcgan": "black",
    "simulation+observed-lcgan": "tab:purple",
}


def _band(
    axes: Axes,
    x: np.ndarray | Sequence[float],
    values: Iterable[np.ndarray],
    way: str,
    label: str | None = None,
) -> None:
    """Draw the median of the runs for each x, with bars to the extremes, in percent."""
    low, middle, high = (
        np.array([100 * choose(own) for own in values]) for choose in (np.min, np.median, np.max)
    )
    bars = [middle - low, high - middle]
    axes.errorbar(
        x,
        middle,
        bars,
        fmt="o-",
        ms=4,
        capsize=2,
        color=_COLOURS[way],
        label=label or short_title(way),
    )


def plot_iterations(results: PaperResults, path: str | os.PathLike) -> None:
    """Plot Fig. 7, accuracy on set 2 of recognisers trained on spectra of each iteration."""
    figure, axes = new_figure()
    for network in ("lcgan", "sgan"):
        _band(axes, results.settings.looks, results.by_look[network]["set2"], network)
    for way in ("nothing", "simulation"):
        level = 100 * np.median(results.ways[None][way]["set2"])
        axes.axhline(level, color=_COLOURS[way], ls="--", lw=1, label=short_title(way))
    axes.set(xlabel="GAN iteration", ylabel="accuracy on set 2 (%)")
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=110)


def _save_with_legend_below(figure: Figure, path: str | os.PathLike) -> None:
    # Too many entries to lie within the axes.
    figure.set_size_inches(7, 6)
    figure.legend(fontsize=7, loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=110)


def plot_stars(results: PaperResults, path: str | os.PathLike) -> None:
    """Plot accuracy on set 2 against the number of stars trained on."""
    order = [*sorted(results.settings.few), None]
    x = np.array([k or results.counts["set 1"] for k in order], dtype=float)
    figure, axes = new_figure()
    for i, way in enumerate(_COLOURS):
        values = [results.ways[k][way]["set2"] for k in order]
        _band(axes, x * (1 + 0.012 * (i - 4.5)), values, way)
    axes.set(xlabel="O stars trained on", ylabel="accuracy on set 2 (%)", xscale="log")
    axes.set_xticks(x, [f"{k:g}" for k in x])
    axes.minorticks_off()
    _save_with_legend_below(figure, path)


def plot_snr(results: PaperResults, path: str | os.PathLike) -> None:
    """Plot accuracy in bins of S/N, with all stars."""
    figure, axes = new_figure()
    x = np.arange(len(SNR_BINS))
    for i, way in enumerate(_COLOURS):
        values = [results.ways[None][way][f"snr_{a:g}_{b:g}"] for a, b in SNR_BINS]
        _band(axes, x + 0.06 * (i - 4.5), values, way)
    axes.set_xticks(x, [f"{a:g}-{b:g}" for a, b in SNR_BINS])
    axes.set(xlabel="S/N (g)", ylabel="unseen O spectra called O (%)")
    _save_with_legend_below(figure, path)
