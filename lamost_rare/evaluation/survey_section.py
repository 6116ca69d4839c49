"""The part of docs/recognition.md that says what a list of candidates of a survey is worth."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..figure_titles import in_range, members
from ..inference.decision import CandidateRule
from ..inference.odds import SurveyOdds
from ..simulation.mk_types import POPULATIONS
from ..training.recipes import Recipe
from ..validation.figures import Decided
from ..validation.population import BORDER, Cells, judged, measure_survey
from ..validation.survey_sample import LOST_SHARE, SNR_SHARES
from .pages import table
from .plots import new_figure

__all__ = ["survey_lines"]

THRESHOLDS = (0.2, 0.5, 0.8, 0.9)
_CURVE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
_COLOURS = {"5-10": "#d55e00", "10-20": "#0072b2", "above 20": "#009e73"}


def survey_lines(
    decided: dict[str, Decided], rule: CandidateRule, recipe: Recipe, images: Path, *, seed: int = 0
) -> list[str]:
    """Return the section in parts of a page, and draw its plots into ``images``."""
    rare, odds = recipe.rare_class, rule.odds
    assert odds is not None  # such rules alone have a survey
    measures = measure_survey(decided, rule, rare, thresholds=THRESHOLDS, seed=seed)
    curve, reliability = (
        images / f"{recipe.name}-{name}.png" for name in ("purity", "reliability")
    )
    _plot_curve(decided, odds, recipe, curve)
    _plot_reliability(measures, rare, reliability)
    border = BORDER.get(rare, ())
    return [
        "## In a survey",
        _method(odds, rare, border),
        _purity(measures, border),
        f"![Purity against completeness](images/{curve.name})",
        f"What part of each population is called a candidate, p_{rare}_survey of 0.5 or more:",
        _called(measures),
        f"How often spectra with a stated `p_{rare}_survey` are {members(rare)}, S/N above 5. The "
        "sum of the probabilities of all spectra is "
        f"{in_range(measures['expected'])} of the true number.",
        _reliable(measures),
        f"![Stated against observed frequency](images/{reliability.name})",
    ]


def _method(odds: SurveyOdds, rare: str, border: Sequence[str]) -> str:
    shares = ", ".join(f"{name} {_million(x)}" for name, x in odds.prevalence.items())
    of_snr = ", ".join(
        f"{100 * share:.0f} % {'above' if high == np.inf else 'from'} {low:g}"
        for (low, high), share in SNR_SHARES.items()
    )
    text = (
        f"Completeness is the part of the {members(rare)} that are found. Purity is the part of "
        f"the candidates that are {members(rare)}. Each population counts as often as it occurs in "
        f"a survey, in a million spectra: {shares}. By S/N: {of_snr}; in "
        f"{100 * LOST_SHARE:.0f} % the blue or the red half is missing. All stars of a population "
        "count alike. Ranges hold 90 %, over samples of stars. Each star is judged "
        f"by odds that were fitted to the other folds. {', '.join(POPULATIONS['A-M'])} stars and "
        "most other objects are 2,277 LAMOST spectra with noise, reddening and shift added. What "
        "does not occur among those is not in these figures. Of the same spectra as LAMOST took "
        "them, none was called a candidate (see above)."
    )
    if border:
        text += f" {' and '.join(border)} lie at the border of {rare}."
    return text


def _purity(measures: dict, border: Sequence[str]) -> str:
    headings = ["p at least", "S/N", "completeness", "purity", "false in a million"]
    if border:
        headings.insert(4, "purity, border counted as neither")
    rows = []
    for threshold, of_snr in measures["thresholds"].items():
        for snr, entry in of_snr.items():
            row = [threshold, snr, in_range(entry["completeness"]), in_range(entry["purity"])]
            row += [in_range(entry["purity_without_border"])] if border else []
            rows.append([*row, in_range(entry["false_in_a_million"], 1)])
    return table(headings, rows)


def _called(measures: dict) -> str:
    at = measures["thresholds"]["0.5"]
    bins = ["5-10", "10-20", "above 20"]
    rows = [
        [name, _million(share), *(_percent(at[snr]["called"][name]) for snr in bins)]
        for name, share in measures["prevalence"].items()
    ]
    return table(["population", "in a million", *(f"S/N {snr}" for snr in bins)], rows)


def _reliable(measures: dict) -> str:
    rows = [
        [
            f"{entry['from']:g} to {entry['to']:g}",
            "-" if entry["stated"] is None else f"{entry['stated']:.3f}",
            in_range(entry["observed"]),
            f"{entry['spectra']:,}",
            f"{entry['others']:,}",
        ]
        for entry in measures["reliability"]
    ]
    headings = ["stated", "mean", "observed", "spectra", "of these of other populations"]
    return table(headings, rows)


def _million(share: float) -> str:
    return f"{round(1e6 * share, 1):,g}"


def _percent(triple: Sequence[float | None]) -> str:
    return in_range([None if x is None else 100 * x for x in triple], 3) + " %"


def _plot_curve(
    decided: dict[str, Decided], odds: SurveyOdds, recipe: Recipe, path: str | os.PathLike
) -> None:
    """Plot purity against completeness at several S/N, as the threshold goes up."""
    tried, survey = judged(decided)
    names = list(odds.prevalence)
    share = np.array(list(odds.prevalence.values()))
    own = odds.own
    called = np.stack([(survey >= t) & tried.covered for t in _CURVE], axis=1)
    cells = Cells.of(tried, called, names)
    figure, axes = new_figure(6.0, 4.4)
    for (snr, colour), bins in zip(_COLOURS.items(), ((1,), (2,), (3,)), strict=True):
        weighted = cells.rates(bins) * share[:, None]
        true, all_ = weighted[own].sum(axis=0), weighted.sum(axis=0)
        some = all_ > 0
        axes.plot(
            true[some] / share[own].sum(), true[some] / all_[some], "o-", ms=3, color=colour,
            label=f"S/N {snr}",
        )  # fmt: skip
        at = _CURVE.index(0.5)
        if some[at]:
            axes.plot(
                true[at] / share[own].sum(), true[at] / all_[at], "o", ms=9, mfc="none",
                color=colour,
            )  # fmt: skip
    axes.set(xlabel="completeness", ylabel="purity", xlim=(0, 1.02), ylim=(0, 1.03))
    axes.set_title(f"{recipe.name}: circles are at p = 0.5")
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=110)


def _plot_reliability(measures: dict, rare: str, path: str | os.PathLike) -> None:
    """Plot the observed frequency against the stated probability."""
    figure, axes = new_figure(4.8, 4.4)
    axes.plot([0.005, 1], [0.005, 1], color="gray", lw=1)
    for entry in measures["reliability"]:
        value, low, high = entry["observed"]
        if entry["stated"] is None or value is None or low is None:
            continue
        axes.plot([entry["stated"]] * 2, [max(low, 1e-3), high], color="#0072b2", lw=1)
        axes.plot(entry["stated"], max(value, 1e-3), "o", color="#0072b2")
    axes.set(xscale="log", yscale="log", xlim=(0.008, 1.1), ylim=(0.004, 1.2))
    axes.set(xlabel=f"p_{rare}_survey", ylabel=f"part that is {rare}")
    figure.savefig(path, dpi=110)
