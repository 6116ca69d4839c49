"""Plots of generated beside real spectra."""

from __future__ import annotations

import os

import numpy as np

from .drawing import BLACK, BLUE, new_figure, save_figure

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

_AXES = {
    "ew_hei_4471": "equivalent width (Å)",
    "ew_heii_4541": "equivalent width (Å)",
    "ew_heii_4686": "equivalent width (Å)",
    "ew_hgamma": "equivalent width (Å)",
    "ratio": "angle (degrees)",
    "noise": "ln (noise / flux)",
    "slope": "ln (flux at 4150 / 6750 Å)",
}
_STYLES = {"generated": (BLUE, "-"), "real": (BLACK, (0, (4, 1.5)))}


def plot_panel(panel: dict, path: str | os.PathLike, n_rows: int = 6) -> None:
    """Plot the first generated spectra, and beside each the real one of most nearly equal noise and
    slope."""
    own, other = panel["measures"]["generated"], panel["measures"]["real"]
    figure, axes = new_figure(9, 1.35 * n_rows + 0.6, n_rows, 2, squeeze=False, sharex=True)
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
        for ax, flux, (colour, _) in zip(row, pair, _STYLES.values(), strict=True):
            ax.plot(panel["wavelength"], flux, lw=0.4, color=colour)
            ax.set_ylim(low - 0.1, high + 0.1)
            ax.tick_params(labelsize="small")
    for ax, name in zip(axes[0], _STYLES, strict=True):
        ax.set_title(name, fontsize="medium")
    figure.supxlabel("wavelength in vacuum (Å)", fontsize="medium")
    figure.supylabel("standardized flux (root mean square 1)", fontsize="medium")
    save_figure(figure, path)


def plot_measures(panel: dict, path: str | os.PathLike) -> None:
    """Plot cumulative distributions of every measure, generated and real."""
    figure, axes = new_figure(10, 5.2, 2, 4, sharey=True)
    for ax, (name, title) in zip(axes.flat, MEASURES.items(), strict=False):
        for kind, (colour, line) in _STYLES.items():
            values = panel["measures"][kind][name]
            values = np.sort(values[np.isfinite(values)])
            if len(values):
                part = 100 * np.arange(1, len(values) + 1) / len(values)
                label = f"{kind} spectra ({len(values)})"
                ax.plot(values, part, color=colour, ls=line, lw=1.3, label=label)
        ax.set_title(title.partition(" (")[0], fontsize="medium")
        ax.set_xlabel(_AXES[name], fontsize="small")
        ax.tick_params(labelsize="small")
        ax.grid(alpha=0.25)
    for ax in axes[:, 0]:
        ax.set_ylabel("spectra with less (%)", fontsize="small")
    for ax in axes.flat[len(MEASURES) :]:
        ax.axis("off")
        ax.legend(*axes[0, 0].get_legend_handles_labels(), loc="center", frameon=False)
    save_figure(figure, path)
