"""docs/recognition.md: how well a preset's recipe recognises stars that it was not trained on."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np

from ..simulation.dataset import rows_by_star
from ..simulation.labels import classes_of
from ..text import check_paths
from ..validation.figure_titles import asked_by_snr, figure_rows, members, title_of
from ..validation.figures import cross_fitted, measure, members_of
from ..validation.first_stage_figures import first_stage_lines, measure_first_stage
from ..validation.operating_point import OperatingPoint
from ..validation.trials import LOOKALIKES, SNR_BINS
from .known_stars import known_star_lines
from .plots import plot_calibration, plot_confusion, plot_recall, plot_tail

__all__ = ["letters_agreed", "subtype_of", "write_recognition"]

GOALS = {
    "O": {
        "recall_snr_5_10": "0.95",
        "recall_snr_10_20": "0.99",
        "recall_snr_above_20": "0.999",
        "candidates_B0-B0.5": "under 0.15",
        "candidates_B1+": "under 0.003",
        "candidates_hot_subdwarf": "0",
        "candidates_white_dwarf": "0",
        "false_alarms_lamost": "0",
        "false_alarms_reobserved": "under 10 in a million",
        "letter_exact": "0.90",
        "letter_within_one": "0.999",
    }
}
"""What the project wants to reach for a rare class."""

TYPES = {
    "O6.5 and earlier": ("O", 0, 7),
    "O7 to O8.5": ("O", 7, 9),
    "O9 to O9.7": ("O", 9, 10),
    "B0 and B0.5": ("B", 0, 1),
    "B1 to B2.5": ("B", 1, 3),
    "B3 and later": ("B", 3, 10),
}
"""Letter, first subtype, and the one behind the last."""
_SUBTYPE = re.compile(r"\s*[OB0]\s*(\d(?:\.\d)?)")


def write_recognition(
    recipe, sources, trials_of_fold, output, command, *, seed=0, stages=None, known=None
):
    """Write the page and its plots (in ``images/`` beside it).

    Parameters
    ----------
    recipe : Recipe
    sources : LabelledStars
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
    check_paths(output=output)
    output = Path(output)
    images = output.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    fixed = OperatingPoint() if recipe.holdout else None
    decided, shipped, points = cross_fitted(
        trials_of_fold, sources, recipe.classes, recipe.rare_class, fixed=fixed, group=recipe.group
    )
    figures = measure(decided, recipe.classes, recipe.rare_class, seed)
    stem, rare, goals = recipe.name, members(recipe.rare_class), GOALS.get(recipe.rare_class, {})
    plot_recall(decided, recipe, images / f"{stem}-recall.png")
    plot_tail(trials_of_fold, sources, recipe, shipped, images / f"{stem}-false-alarms.png")
    plot_confusion(decided, recipe, images / f"{stem}-confusion.png")
    plot_calibration(decided, recipe, images / f"{stem}-calibration.png")

    first, familiar = [], []
    if known:
        familiar = [
            "## Stars that it knows",
            "",
            *known_star_lines(known, decided, recipe.rare_class),
            "",
        ]
    if stages:
        settled = measure_first_stage(stages, decided, sources, recipe)
        first = [*first_stage_lines(settled, recipe.rare_class), ""]
    lines = [
        f"# How well `{recipe.name}` recognises {rare}",
        "",
        f"Made by `{command}`. Every star and spectrum is judged by a classifier that has not "
        f"seen it: "
        f"{_split(recipe)}. All spectra of a star, whatever the library, lie in one fold; LAMOST "
        f"spectra of one "
        "position on the sky do too."
        f"{_candidates(recipe, shipped, points)}",
        "",
        f"Library stars ({_tried(decided)}) are observed in simulation: S/N per pixel in g, "
        "A_V from 0 to 8 added, rotation up to 350 km/s, velocities mostly within 60 but up to "
        "500 km/s, "
        "nebular emission, flux-calibration errors, cosmic rays, and pixels lost as LAMOST spectra "
        "lose them. "
        "Figures are of stars known from end to end; MK standards of which only 3800-4620 Å or "
        "3800-5600 Å is known, and spectra with one side lost, have lines of their own. LAMOST "
        "spectra are real.",
        "",
        "| measure | goal | reached (68 % range over stars) | numbers |",
        "|---|---|---|---|",
        *(
            f"| {title} | {goals.get(key, '')} | {value} | {numbers} |"
            for key, title, value, numbers in figure_rows(figures, recipe.rare_class)
        ),
        "",
        "## Where it falls short",
        "",
        *_shortfalls(figures, recipe.rare_class),
        "",
        *_label_noise(sources, recipe),
        "## By type",
        "",
        *_by_type(decided),
        "",
        "## At other thresholds",
        "",
        *_at_probabilities(decided, recipe),
        "",
        f"## Stars most often missed, and look-alikes most often taken for {rare}",
        "",
        *_worst(decided, recipe.rare_class),
        "",
        *familiar,
        *first,
        "## Plots",
        "",
        *(
            f"![{text}](images/{stem}-{name}.png)\n"
            for name, text in (
                ("recall", f"Recall of {rare} against S/N"),
                ("false-alarms", "Rate of false alarms against threshold"),
                ("confusion", "Confusion of classes at S/N above 20"),
                ("calibration", "Predicted against observed frequency"),
            )
        ),
    ]
    output.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return figures


def _tried(decided) -> str:
    """Classes of the library stars that were observed."""
    return ", ".join(map(members, classes_of(decided["library"].label)))


def _candidates(recipe, shipped, points) -> str:
    """What makes a candidate, in words."""
    if recipe.holdout:
        return f" A candidate has a probability of at least {shipped.threshold:g}."
    text = f" A candidate has a calibrated probability of at least {shipped.threshold:g}"
    if table := shipped.threshold_by_snr:
        text += f" at high S/N (g), by S/N: {asked_by_snr(table)}"
    text += (
        ", the same for all folds; temperature and the weight of the He II lines are fitted to the "
        "other folds. It was settled with the table below at hand, which therefore says a little "
        "too much good of it."
    )
    if shipped.discriminant:
        names = ", ".join(name for name in recipe.group if name != recipe.rare_class)
        limits = ", ".join(f"{p.discriminant['threshold']:.2f}" for p in points if p.discriminant)
        text += (
            f" The probability keeps out look-alikes ({names}). All else is kept out by a "
            "discriminant, linear in the logarithms of the probabilities of all classes and of the "
            "S/N, a logistic regression on the other folds; its score is log-odds, and its "
            f"threshold comes from there too ({limits}; shipped: "
            f"{shipped.discriminant['threshold']:.2f})."
        )
    return text


def _split(recipe) -> str:
    if recipe.holdout:
        return f"the first of {recipe.n_folds} folds is held out"
    return f"{recipe.n_folds}-fold cross-validation"


def _met(goal: str, value: dict) -> bool:
    number = float(goal.removeprefix("under ").split()[0])
    if goal.endswith("in a million"):
        return value["upper_limit_95"] * 1e6 < number
    if goal.startswith("under"):
        return value["rate"] < number
    return value["count"] == 0 if goal == "0" else value["rate"] >= number


def _short(value) -> str:
    text = f"{value['rate']:.4g}"
    if "upper_limit_95" in value:
        text += f" (below {value['upper_limit_95'] * 1e6:.1f} in a million)"
    return text


def _shortfalls(figures, rare_class) -> list[str]:
    if rare_class not in GOALS:
        return [f"No goals are set for {members(rare_class)}."]
    short = [
        f"- {title_of(key, rare_class)}: {_short(figures[key])}, goal {goal}."
        for key, goal in GOALS[rare_class].items()
        if figures.get(key, {}).get("n") and not _met(goal, figures[key])
    ]
    return short or ["Nowhere: every goal is met."]


def _label_noise(sources, recipe) -> list[str]:
    """How often the labels of observed spectra agree with each other, in words."""
    agreed, n = letters_agreed(sources, [c for c in recipe.classes if c in "AFGKM"])
    if not n or agreed / n <= 0.5:
        return []
    # Both right or both wrong, between two neighbouring letters: a = q^2 + (1 - q)^2.
    right = (1 + np.sqrt(2 * agreed / n - 1)) / 2
    return [
        f"LAMOST itself gives the same letter to both spectra in {agreed} of {n} pairs of spectra "
        "of one position on the sky with S/N above 20. If it errs independently in each, then "
        f"whoever knew the true letters would agree with {100 * right:.0f} % of its labels.",
        "",
    ]


def letters_agreed(sources, letters, snr=20.0) -> tuple[int, int]:
    """Pairs of observed spectra of one position that have the same label, and all such pairs.

    Parameters
    ----------
    sources : LabelledStars
    letters : sequence of str
        Labels that count.
    snr : float
        Spectra above this S/N (g).
    """
    own = sources.real & np.isin(sources.label, list(letters))
    own[own] = sources.snr[own] > snr
    agreed = n = 0
    for rows in rows_by_star(sources, own):
        pairs = list(combinations(sources.label[rows], 2))
        n += len(pairs)
        agreed += sum(a == b for a, b in pairs)
    return agreed, n


def _at_probabilities(decided, recipe) -> list[str]:
    """What would be found, and at what price, if the probability alone decided."""
    rare = list(recipe.classes).index(recipe.rare_class)
    library = decided["library"]
    ours, own, snr = members_of(decided, recipe.rare_class)
    at_snr = [own & (snr >= low) & (snr < high) for low, high in SNR_BINS]
    groups = LOOKALIKES.get(recipe.rare_class) or classes_of(library.group)
    groups = [name for name in groups if name != recipe.rare_class][:3]
    alike = [library.whole & (library.group == group) for group in groups]
    lamost, again = (
        decided[kind].p[decided[kind].label != recipe.rare_class, rare]
        if kind in decided
        else np.array([])
        for kind in ("lamost", "reobserved")
    )
    heads = ", ".join(f"{low:g}-{high:g}" for low, high in SNR_BINS)
    lines = [
        f"| p_{recipe.rare_class} at least | found, S/N {heads} | "
        f"{' | '.join(members(group) for group in groups)} | LAMOST spectra | "
        "observed again, in a million |",
        "|---|---|---|---|" + "---|" * len(groups),
    ]
    for limit in (0.5, 0.8, 0.9, 0.95, 0.99):
        taken = library.p[:, rare] >= limit
        cells = [
            ", ".join(_percent(ours.p[some, rare] >= limit) for some in at_snr),
            *(_percent(taken[some]) for some in alike),
            f"{(lamost >= limit).sum()} of {len(lamost)}",
            f"{1e6 * (again >= limit).mean():.0f}" if len(again) else "-",
        ]
        lines.append(f"| {limit:g} | {' | '.join(cells)} |")
    default = f"`p_{recipe.rare_class}` in the catalogue lets you choose another price than "
    return [*lines, "", default + "`candidate` does, which asks for more than a probability."]


def _by_type(decided) -> list[str]:
    """Spectra called candidates, by spectral type and S/N."""
    library = decided["library"]
    subtype = np.array([subtype_of(kind) for kind in library.mk_type])
    heads = " | ".join(f"S/N {low:g}-{high:g}" for low, high in SNR_BINS)
    lines = [f"| type | stars | {heads} |", "|---|---|" + "---|" * len(SNR_BINS)]
    for name, (letter, low, high) in TYPES.items():
        own = library.whole & (library.label == letter) & (subtype >= low) & (subtype < high)
        if not own.any():
            continue
        cells = [
            _percent(library.candidate[own & (library.snr >= least) & (library.snr < most)])
            for least, most in SNR_BINS
        ]
        lines.append(f"| {name} | {len(set(library.star[own]))} | {' | '.join(cells)} |")
    return [*lines, "", "Spectra called candidates; types as the libraries give them."]


def subtype_of(mk_type) -> float:
    """The number in an MK type of an O or B star, whose O some libraries write as a nought, or NaN;
    of two types the first."""
    match = _SUBTYPE.match(str(mk_type))
    return float(match[1]) if match else np.nan


def _percent(hit) -> str:
    return f"{100 * hit.mean():.1f} %" if len(hit) else "-"


def _worst(decided, rare_class, n_rows=8) -> list[str]:
    library = decided["library"]
    lines = ["| star | type | library | spectra | candidates |", "|---|---|---|---|---|"]
    for own, sign in (
        (library.group == rare_class, 1),
        (library.group != rare_class, -1),
    ):
        own = own & (library.snr >= 10)
        table = {}
        for star, kind, origin, hit in zip(
            library.star[own],
            library.mk_type[own],
            library.library[own],
            library.candidate[own],
            strict=True,
        ):
            table.setdefault((star, kind, origin), []).append(hit)
        ranked = sorted(table.items(), key=lambda item: (sign * np.mean(item[1]), item[0]))
        for (star, kind, origin), hits in ranked[:n_rows]:
            lines.append(f"| {star} | {kind} | {origin} | {len(hits)} | {np.mean(hits):.2f} |")
    said = f"S/N above 10; the upper half are {members(rare_class)}, the lower half are not."
    return [*lines, "", said]
