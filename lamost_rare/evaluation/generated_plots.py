"""Plots of generated beside real spectra."""

from __future__ import annotations

import os

import numpy as np

from .plots import new_figure

__all__ = ["plot_measures", "plot_panel"]

MEASURES = {
    "ew_hei_4471": "He I 4471 (Å)",
    "ew_heii_4541": "He II 4541 (Å)",
    "ew_heii_4686": "He II 4686 (Å)",
    "ew_hgamma": "Hγ (Å)",
    "ratio": "4471 to 4541 (degrees)",
    "noise": "ln noise",
    "slope": "ln slope",
}
"""Measures of `generated_metrics.spectral_measures` with their titles."""


def plot_panel(panel: dict, path: str | os.PathLike, n_rows: int = 6) -> None:
    """Plot the first generated spectra, and beside each the real one of most nearly equal noise and
    slope."""
    own, other = panel["measures"]["generated"], panel["measures"]["real"]
    figure, axes = new_figure(11, 1.6 * n_rows, n_rows, 2, squeeze=False)
    free = np.ones(len(panel["real"]), dtype=bool)
    for i, row in enumerate(axes):
        if i >= min(len(panel["generated"]), len(free)):
            break
        distance = sum(
            np.abs(np.nan_to_num(other[name]) - np.nan_to_num(own[name][i]))
            for name in ("noise", "slope")
        )
        match = int(np.argmin(np.where(free, distance, np.inf)))
        free[match] = False
        pair = (panel["generated"][i], panel["real"][match])
        low, high = np.percentile(np.concatenate(pair), [0.3, 99.7])
        for ax, flux, colour in zip(row, pair, ("tab:blue", "black"), strict=True):
            ax.plot(panel["wavelength"], flux, lw=0.4, color=colour)
            ax.set_ylim(low - 0.1, high + 0.1)
            ax.tick_params(labelsize=6)
    axes[0, 0].set_title("generated", fontsize=9)
    axes[0, 1].set_title("real", fontsize=9)
    for ax in axes[-1]:
        ax.set_xlabel("wavelength (Å, vacuum)", fontsize=8)
    figure.savefig(path, dpi=100)


def plot_measures(panel: dict, path: str | os.PathLike) -> None:
    """Plot cumulative distributions of every measure, generated and real."""
    figure, axes = new_figure(11, 5, 2, 4)
    for ax, (name, title) in zip(axes.flat, MEASURES.items(), strict=False):
        for kind, colour in (("generated", "tab:blue"), ("real", "black")):
            values = panel["measures"][kind][name]
            values = np.sort(values[np.isfinite(values)])
            if len(values):
                part = np.arange(1, len(values) + 1) / len(values)
                ax.step(values, part, where="post", color=colour, lw=1, label=kind)
        ax.set_title(title, fontsize=9)
        ax.tick_params(labelsize=7)
    axes[0, 0].legend(fontsize=7)
    for ax in axes.flat[len(MEASURES) :]:
        ax.set_visible(False)
    figure.savefig(path, dpi=100)
