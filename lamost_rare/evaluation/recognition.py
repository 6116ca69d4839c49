"""docs/recognition.md: how well a preset's recipe recognises stars that it was not trained on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..figure_titles import figure_rows, ions_of, members, small_rate, title_of
from ..inference.decision import CandidateRule
from ..simulation.dataset import LabelledStars
from ..simulation.labels import classes_of
from ..simulation.mk_types import subtype_number
from ..training.recipes import Recipe
from ..validation.figures import Decided, measure, members_of
from ..validation.first_stage_figures import first_stage_lines, measure_first_stage
from ..validation.trials import LOOKALIKES, SNR_BINS, Trial
from .goals import GOALS
from .known_stars import known_star_lines
from .label_noise import label_noise
from .pages import GLOSSARY, images_beside, percent, table, write_page
from .plots import plot_calibration, plot_confusion, plot_false_alarms, plot_recall
from .shown import Shown
from .survey_section import survey_lines

__all__ = ["write_recognition"]

TYPES = {
    "O6.5 and earlier": ("O", 0, 7),
    "O7 to O8.5": ("O", 7, 9),
    "O9 to O9.5": ("O", 9, 9.6),
    "O9.7": ("O", 9.6, 10),
    "B0 and B0.5": ("B", 10, 11),
    "B1 to B2.5": ("B", 11, 13),
    "B3 and later": ("B", 13, 20),
}
"""Class, first `subtype_number`, and the one behind the last."""
_PLOTS = {
    "recall": "Recall of {} against S/N",
    "false-alarms": "Rate of false alarms against threshold",
    "confusion": "Confusion of classes at S/N above 20",
    "calibration": "Predicted against observed frequency",
}
_BINS = [f"{low:g}-{high:g}" for low, high in SNR_BINS]


def write_recognition(
    recipe: Recipe,
    stars: LabelledStars,
    trials_of_fold: dict[int, list[Trial]],
    output: str | os.PathLike,
    command: str,
    *,
    seed: int = 0,
    stages: dict | None = None,
    known: list[tuple[int, ...]] | None = None,
) -> dict:
    """Write the page and its plots (in ``images/`` beside it).

    Parameters
    ----------
    recipe : Recipe
    stars : LabelledStars
    trials_of_fold : dict of int to list of Trial
        From `training.build.cross_validate`.
    output : path-like
        The page, Markdown.
    command : str
        What made it, to be printed.
    seed : int
    stages : dict, optional
        From `training.build.cross_validate_first_stage`.
    known : list of tuple, optional
        From `known_stars.try_known_stars`.

    Returns
    -------
    dict
        The figures of the recogniser.
    """
    images = images_beside(output)
    rare, name = recipe.rare_class, members(recipe.rare_class)
    decided, shipped, rules = recipe.decide(trials_of_fold, stars)
    figures = measure(decided, recipe.classes, rare, seed)
    parts = [
        f"# How well `{recipe.name}` recognises {name}",
        *_method(command, recipe, decided, shipped, rules),
        _figures(figures, rare),
        "## Where it falls short",
        _shortfalls(figures, rare),
        *label_noise(stars, recipe),
        "## By type",
        *_by_type(decided),
        *_further(decided, shipped, recipe, images, seed),
        f"## Stars most often missed, and look-alikes most often taken for {name}",
        *_worst(decided, rare),
    ]
    if known:
        lines = known_star_lines(known, decided, rare)
        parts += ["## Stars that it knows", "\n".join(lines)]
    if stages:
        settled = measure_first_stage(stages, decided, stars, recipe)
        parts.append("\n".join(first_stage_lines(settled, rare)))
    parts.append("## Plots")
    parts += _plots(trials_of_fold, stars, recipe, decided, shipped, images)
    write_page(output, parts)
    return figures


def _further(
    decided: dict[str, Decided], shipped: CandidateRule, recipe: Recipe, images: Path, seed: int
) -> list[str]:
    """Show what a survey's list is worth, or, without odds, what other thresholds give."""
    if shipped.odds is not None:
        return survey_lines(decided, shipped, recipe, images, seed=seed)
    return ["## At other thresholds", *_at_probabilities(decided, recipe)]


def _plots(
    trials_of_fold: dict[int, list[Trial]],
    stars: LabelledStars,
    recipe: Recipe,
    decided: dict[str, Decided],
    shipped: CandidateRule,
    images: Path,
) -> list[str]:
    """Draw the plots; return what shows them on the page."""
    file = {kind: images / f"{recipe.name}-{kind}.svg" for kind in _PLOTS}
    shown = Shown.of_decided(decided, shipped, recipe.rare_class)
    plot_recall(shown, file["recall"])
    plot_false_alarms(shown, trials_of_fold, stars, recipe, shipped, file["false-alarms"])
    plot_confusion(decided, recipe, file["confusion"])
    plot_calibration(decided, recipe, file["calibration"])
    name = members(recipe.rare_class)
    return [f"![{text.format(name)}](images/{file[kind].name})" for kind, text in _PLOTS.items()]


def _method(
    command: str,
    recipe: Recipe,
    decided: dict[str, Decided],
    shipped: CandidateRule,
    rules: Sequence[CandidateRule],
) -> list[str]:
    """Say how the stars are judged, and what they are."""
    split = (
        f"the first of {recipe.n_folds} folds is held out"
        if recipe.holdout
        else f"{recipe.n_folds}-fold cross-validation"
    )
    tried = ", ".join(map(members, classes_of(decided["library"].label)))
    return [
        f"Made by `{command}`. {GLOSSARY} Every star and spectrum is judged by a classifier that "
        f"has not seen it: {split}. All spectra of a star, whatever the library, lie in one fold. "
        "So do LAMOST spectra of one position on the sky."
        f"{_candidates(recipe, shipped, rules)}",
        f"Library stars ({tried}) are observed in simulation. S/N is that of one pixel in g. "
        "Reddening is added, with A_V from 0 to 8. Stars rotate with up to 350 km/s, and move with "
        "mostly less than 60 but up to 500 km/s. There are nebular emission, flux-calibration "
        "errors and cosmic rays, and pixels are missing as in LAMOST spectra. Most figures are of "
        "stars whose library spectrum covers all wavelengths. Of some standard stars the library "
        "has only the blue half, 3800-4620 Å or 3800-5600 Å: these have rows of their own. So have "
        "spectra of which the blue or the red half is missing. LAMOST spectra are real.",
    ]


def _figures(figures: dict, rare_class: str) -> str:
    goals = {key: goal.text for key, goal in GOALS.get(rare_class, {}).items()}
    rows = figure_rows(figures, rare_class)
    return table(
        ["measure", "goal", "reached (68 % range over stars)", "numbers"],
        ([title, goals.get(key, ""), value, numbers] for key, title, value, numbers in rows),
    )


def _candidates(recipe: Recipe, shipped: CandidateRule, rules: Sequence[CandidateRule]) -> str:
    """Say what makes a candidate."""
    rare = recipe.rare_class
    if recipe.holdout:
        return f" A candidate has a probability of at least {shipped.threshold:g}."
    if shipped.odds is not None:
        return (
            f" A candidate has a probability in a survey, `p_{rare}_survey`, of at least "
            f"{shipped.threshold:g}, and enough of its key lines are covered. That probability, "
            f"temperature and the weight of the {ions_of(recipe.evidence)}lines are fitted to the "
            "other folds."
        )
    text = f" A candidate has a calibrated probability of at least {shipped.threshold:g}"
    if by_snr := shipped.threshold_by_snr:
        text += f" at high S/N (g), by S/N: {by_snr}"
    text += (
        ", the same for all folds; temperature and the weight of the "
        f"{ions_of(recipe.evidence)}lines are fitted to the "
        "other folds. The threshold was chosen with the figures of this page in view, so that "
        "they are slightly too good."
    )
    if shipped.discriminant:
        names = ", ".join(name for name in recipe.group if name != recipe.rare_class)
        limits = ", ".join(f"{r.discriminant.threshold:.2f}" for r in rules if r.discriminant)
        text += (
            f" The probability keeps out look-alikes ({names}). All else is kept out by a "
            "discriminant, a logistic regression on the other folds. It is linear in the "
            "logarithms of the probabilities of all classes and of the S/N. Its score is "
            f"log-odds, and its threshold comes from there too ({limits}; shipped: "
            f"{shipped.discriminant.threshold:.2f})."
        )
    return text


def _shortfalls(figures: dict, rare_class: str) -> str:
    if rare_class not in GOALS:
        return f"No goals are set for {members(rare_class)}."
    short = [
        f"- {title_of(key, rare_class)}: {_reached(figures[key])}, goal {goal.text}."
        for key, goal in GOALS[rare_class].items()
        if figures.get(key, {}).get("n") and not goal.is_met(figures[key])
    ]
    return "\n".join(short) or "Nowhere: every goal is met."


def _reached(figure: dict) -> str:
    text = f"{figure['rate']:.4g}"
    if "upper_limit_95" in figure:
        text += f" (at most {small_rate(figure['upper_limit_95'])})"
    return text


def _at_probabilities(decided: dict[str, Decided], recipe: Recipe) -> list[str]:
    """Show what would be found, and what else, if the probability alone decided."""
    name, rare = recipe.rare_class, list(recipe.classes).index(recipe.rare_class)
    library = decided["library"]
    ours, own, snr = members_of(decided, name)
    at_snr = [own & (snr >= low) & (snr < high) for low, high in SNR_BINS]
    groups = [g for g in LOOKALIKES.get(name) or classes_of(library.group) if g != name][:3]
    lamost, again = (
        decided[kind].p[decided[kind].label != name, rare] if kind in decided else np.array([])
        for kind in ("lamost", "reobserved")
    )

    def row(limit: float) -> list[str]:
        taken = library.p[:, rare] >= limit
        return [
            f"{limit:g}",
            ", ".join(percent(ours.p[some, rare] >= limit) for some in at_snr),
            *(percent(taken[library.whole & (library.group == group)]) for group in groups),
            f"{(lamost >= limit).sum()} of {len(lamost)}",
            f"{1e6 * (again >= limit).mean():.0f}" if len(again) else "-",
        ]

    headings = [
        f"p_{name} at least",
        f"found, S/N {', '.join(_BINS)}",
        *map(members, groups),
        "LAMOST spectra",
        "with noise added, in a million",
    ]
    return [
        table(headings, map(row, (0.5, 0.8, 0.9, 0.95, 0.99))),
        f"Choose by `p_{name}` of the catalogue if you want more completeness or more purity than "
        "`candidate` gives. `candidate` asks for more than this probability.",
    ]


def _by_type(decided: dict[str, Decided]) -> list[str]:
    """Show the part called candidates, by spectral type and S/N."""
    library = decided["library"]
    subtype = np.array([subtype_number(kind) for kind in library.mk_type])
    rows = []
    for name, (letter, low, high) in TYPES.items():
        own = library.whole & (library.label == letter) & (subtype >= low) & (subtype < high)
        if own.any():
            at_snr = (own & (library.snr >= low) & (library.snr < high) for low, high in SNR_BINS)
            called = [percent(library.candidate[some]) for some in at_snr]
            rows.append([name, len(set(library.star[own])), *called])
    return [
        table(["type", "stars", *(f"S/N {name}" for name in _BINS)], rows),
        "The part of the spectra that are called candidates. Types are as revised "
        "(`simulation/revised_types.csv`), otherwise as the libraries give them.",
    ]


def _worst(decided: dict[str, Decided], rare_class: str, n_rows: int = 8) -> list[str]:
    library = decided["library"]
    rows = []
    for is_rare in (True, False):
        hits: dict[tuple, list] = {}
        for i in np.flatnonzero(((library.group == rare_class) == is_rare) & (library.snr >= 10)):
            star = library.star[i], library.mk_type[i], library.library[i]
            hits.setdefault(star, []).append(library.candidate[i])
        found = {star: np.mean(some) for star, some in hits.items()}
        ranked = sorted(found, key=lambda star: (found[star] if is_rare else -found[star], star))
        rows += [[*star, len(hits[star]), f"{found[star]:.2f}"] for star in ranked[:n_rows]]
    return [
        table(["star", "type", "library", "spectra", "candidates"], rows),
        f"S/N above 10; the upper half are {members(rare_class)}, the lower half are not.",
    ]
