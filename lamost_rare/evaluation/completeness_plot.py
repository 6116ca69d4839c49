"""A plot of what part of a rare class a preset finds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from ..figure_titles import members
from ..validation.completeness import A_V_BINS, Found, completeness
from ..validation.completeness_points import CompletenessError
from .drawing import BLACK, BLUE, VERMILION, new_figure, plot_ranges, save_figure, snr_axis

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["plot_completeness"]

_FAINT = {"color": VERMILION, "marker": "s"}
_BRIGHT = {"color": BLUE, "marker": "o"}
_STYLES = {(5, 10): _FAINT, (10, 100): _BRIGHT}


def plot_completeness(
    found: Found, path: str | os.PathLike, *, format: str | None = None, seed: int = 0
) -> None:
    """Plot completeness against S/N, extinction and, if they are known, subtypes.

    Parameters
    ----------
    found : Found
        From `~lamost_rare.validation.completeness.found_by`.
    path : path-like
    format : str, optional
        Of matplotlib's; by default the suffix of ``path`` says it.
    seed : int
        As for `~lamost_rare.validation.completeness.completeness`.
    """
    table = completeness(found, seed=seed)
    subtypes = list(dict.fromkeys(table["bin"][table["by"] == "subtype"]))
    n_panels = 3 if subtypes else 2
    figure, panels = new_figure(3.1 * n_panels, 3.6, 1, n_panels, sharey=True)
    _against_snr(panels[0], found, table, seed)
    middles = {f"{low}-{high} mag": (low + high) / 2 for low, high in A_V_BINS}
    _at_two_snr(panels[1], table[table["by"] == "A_V"], middles)
    panels[1].set(xlabel="extinction A_V (mag)", xlim=(0, A_V_BINS[-1][1]))
    if subtypes:
        places = {name: k for k, name in enumerate(subtypes)}
        _at_two_snr(panels[2], table[table["by"] == "subtype"], places)
        panels[2].set_xticks(range(len(subtypes)), subtypes)
        panels[2].set(xlabel="spectral type", xlim=(-0.5, len(subtypes) - 0.5))
    panels[0].set(ylabel=f"part of {members(found.preset.rare_class)} found", ylim=(-0.02, 1.02))
    panels[1].legend(title="S/N (g)")
    figure.suptitle(
        f"{found.preset.name}: stars not trained on, "
        f"p_{found.preset.rare_class}_survey of {found.preset.threshold:.3g} or more; bars and "
        "band: 5 to 95 %",
        fontsize="medium",
    )
    for axes in panels:
        axes.grid(alpha=0.25)
    save_figure(figure, path, format=format)


def _against_snr(axes: Axes, found: Found, table: QTable, seed: int) -> None:
    rows = table[table["by"] == "S/N"]
    middle = np.sqrt(rows["snr_min"] * rows["snr_max"])
    _bars(axes, middle, rows, color=BLACK, marker="o", label="counts in bins")
    try:
        model = found.model(seed)
    except CompletenessError:  # too few stars for a curve
        model = None
    if model is not None:
        snr = np.geomspace(*model.limits.snr, 60)
        part, low, high = model.predict(snr=snr)
        axes.fill_between(snr, low, high, color=BLACK, alpha=0.15, lw=0)
        axes.plot(snr, part, color=BLACK, lw=1, label="smooth model")
    snr_axis(axes)
    axes.legend()


def _at_two_snr(axes: Axes, rows: QTable, places: Mapping[str, float]) -> None:
    for k, ((low, high), style) in enumerate(_STYLES.items()):
        own = rows[(rows["snr_min"] == low) & (rows["snr_max"] == high)]
        aside = 0.06 * (2 * k - 1)  # so that bars do not hide each other
        _bars(
            axes,
            [places[name] + aside for name in own["bin"]],
            own,
            label=f"{low} to {high}",
            **style,
        )


def _bars(axes: Axes, x: ArrayLike, rows: QTable, **style: Any) -> None:
    triples = np.transpose([rows[name] for name in ("completeness", "low", "high")])
    plot_ranges(axes, x, triples, ls="none", ms=5, capsize=2, **style)
