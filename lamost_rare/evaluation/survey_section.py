"""The part of docs/recognition.md that says what a list of candidates of a survey is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..figure_titles import in_range, members
from ..inference.decision import CandidateRule
from ..inference.odds import SurveyOdds
from ..simulation.mk_types import POPULATIONS
from ..training.recipes import Recipe
from ..validation.figures import Decided
from ..validation.population import BORDER, measure_survey
from ..validation.survey_sample import LOST_SHARE, SNR_SHARES
from .pages import SHOWN_SNR, table
from .survey_plots import plot_purity, plot_reliability

__all__ = ["survey_lines"]

THRESHOLDS = (0.2, 0.5, 0.8, 0.9)


def survey_lines(
    decided: dict[str, Decided], rule: CandidateRule, recipe: Recipe, images: Path, *, seed: int = 0
) -> list[str]:
    """Return the section in parts of a page, and draw its plots into ``images``."""
    rare, odds = recipe.rare_class, rule.odds
    assert odds is not None  # such rules alone have a survey
    measures = measure_survey(decided, rule, rare, thresholds=THRESHOLDS, seed=seed)
    curve, reliability = (
        images / f"{recipe.name}-{name}.svg" for name in ("purity", "reliability")
    )
    plot_purity(measures["thresholds"], rare, curve)
    plot_reliability(measures["reliability"], rare, reliability)
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
    rows = [
        [name, _million(share), *(_percent(at[snr]["called"][name]) for snr in SHOWN_SNR)]
        for name, share in measures["prevalence"].items()
    ]
    return table(["population", "in a million", *(f"S/N {snr}" for snr in SHOWN_SNR)], rows)


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
    return in_range(triple, 3, percent=True) + " %"
