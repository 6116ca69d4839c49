"""What the first stage may settle, when it is sure, and what it loses by that."""

from __future__ import annotations

import numpy as np

from ..figure_titles import members
from ..inference.first_stage import certainty
from .figures import LETTERS
from .statistics import upper_limit

__all__ = [
    "BORDERING",
    "LEAST_LOG_ODDS",
    "SETTLED",
    "choose_log_odds",
    "first_stage_lines",
    "measure_first_stage",
    "roles_of",
]

SETTLED = ("A", "F", "G", "K", "M")
"""Classes that the first stage may settle: what most of a survey is."""
BORDERING = ("B",)
"""An early A star need not be told from a late B star to be no O star."""
LEAST_LOG_ODDS = 4.0
"""Below these log-odds the first stage is never sure."""
HARDER = ("hot_subdwarf", "white_dwarf")
"""Classes that are told from A stars less surely than O stars are."""


def roles_of(classes, rare_class) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return which classes may be settled, which border on them, and which is the rare one.

    Masks of shape (n_classes,), as `certainty` takes them; the rare class is never settled.
    """
    rare = np.isin(classes, rare_class)
    return np.isin(classes, SETTLED) & ~rare, np.isin(classes, BORDERING) & ~rare, rare


def choose_log_odds(
    trials, stars, classes, rare_class, *, margin=1.5, lowest=LEAST_LOG_ODDS
) -> float:
    """The log-odds from which the first stage may be sure.

    Above those of every observation of the rare class at S/N above 10, by a margin, and no less
    than ``lowest``.

    Parameters
    ----------
    trials : list of Trial
        Logits of a first stage that has not seen the stars.
    stars : LabelledStars
    classes : sequence of str
    rare_class : str
    margin, lowest : float
    """
    roles = roles_of(classes, rare_class)
    highest = lowest - margin
    for trial in trials:
        own = (stars.label[trial.row] == rare_class) & (trial.snr >= 10)
        if own.any():
            highest = max(highest, float(certainty(trial.logits[own], *roles).max()))
    return max(lowest, highest + margin)


def measure_first_stage(stages: dict, decided: dict, stars, recipe) -> dict:
    """Figures of the first stage, on stars that it has not seen.

    Each fold is judged with the log-odds that the other folds give.

    Parameters
    ----------
    stages : dict
        From `training.build.cross_validate_first_stage`.
    decided : dict of str to Decided
        What the recogniser made of the same folds.
    stars : LabelledStars
    recipe : Recipe

    Returns
    -------
    dict
        ``lost_snr_above_10``, ``lost_snr_5_10``: observations of library stars of the rare class
        that it settled;
        ``settled_library``: those of library subdwarfs and white dwarfs; ``settled_lamost``:
        LAMOST spectra, by label; ``letter_exact``: letter of LAMOST spectra at S/N above 20 as
        `measure` has it, with the first stage.
    """
    roles = roles_of(recipe.classes, recipe.rare_class)
    tried = {fold: trials for fold, (_, trials) in stages.items() if fold is not None}
    library, lamost = [], []
    for fold, trials in tried.items():
        others = [t for k, some in tried.items() if k != fold for t in some] or trials
        log_odds = choose_log_odds(others, stars, recipe.classes, recipe.rare_class)
        for trial in trials:
            sure = certainty(trial.logits, *roles) >= log_odds
            if trial.kind == "library":
                library.append((stars.label[trial.row], trial.snr, sure))
            elif trial.kind == "lamost":
                lamost.append((trial.row, sure, trial.logits.argmax(axis=1)))
    out = {}
    if library:
        label, snr, sure = map(np.concatenate, zip(*library, strict=True))
        rare = label == recipe.rare_class
        out["lost_snr_above_10"] = _rate(sure[rare & (snr >= 10)])
        out["lost_snr_5_10"] = _rate(sure[rare & (snr < 10)])
        out["settled_library"] = {
            name: _rate(sure[label == name])
            for name in HARDER
            if name != recipe.rare_class and (label == name).any()
        }
    if lamost:
        row, sure, best = map(np.concatenate, zip(*lamost, strict=True))
        label = stars.label[row]
        out["settled_lamost"] = {
            name: _rate(sure[label == name]) for name in recipe.classes if (label == name).any()
        }
        out["settled_lamost"]["all"] = _rate(sure)
        full = dict(zip(decided["lamost"].row, decided["lamost"].p.argmax(axis=1), strict=True))
        both = np.where(sure, best, [full[r] for r in row])
        names = np.array(recipe.classes, dtype=object)[both]
        own = np.isin(label, [c for c in recipe.classes if c in LETTERS[2:]])
        own &= stars.snr[row] > 20
        out["letter_exact"] = _rate(names[own] == label[own])
    return out


def _rate(hit) -> dict:
    count, n = int(np.sum(hit)), len(hit)
    rate = count / n if n else None
    return {"count": count, "n": n, "rate": rate, "upper_limit_95": upper_limit(count, n)}


def first_stage_lines(figures: dict, rare_class: str) -> list[str]:
    """The section of docs/recognition.md, in lines."""
    lost, settled = figures.get("lost_snr_above_10", {}), figures["settled_lamost"]
    low = figures.get("lost_snr_5_10", {})
    each = ", ".join(
        f"{100 * value['rate']:.0f} % of {value['n']} {name}"
        for name, value in settled.items()
        if name != "all"
    )
    rare = []
    if lost.get("n"):
        rare = [
            f"- It settled, and so lost, {lost['count']} of {lost['n']} spectra of library "
            f"{members(rare_class)} at S/N 10-100 (at most {100 * lost['upper_limit_95']:.3f} % "
            f"with 95 % confidence). At S/N 5-10 it lost {low['count']} of {low['n']}."
        ]
    others = [
        f"- It settled {value['count']} of {value['n']} spectra of library "
        f"{name.replace('_', ' ')}s at S/N 5-100, as common stars, with the probabilities that it "
        "gave them."
        for name, value in figures.get("settled_library", {}).items()
    ]
    return [
        "## The first stage",
        "",
        "The first stage is a small dense network that looks at each spectrum before the "
        "recogniser. What it is sure of, it settles: a scan shows the recogniser only the rest "
        "(`--thorough` shows it everything). It was judged in the same way, each fold with the "
        "limit that the others give:",
        "",
        *rare,
        *others,
        f"- Of {settled['all']['n']} LAMOST spectra it settled "
        f"{100 * settled['all']['rate']:.0f} %: {each}.",
        f"- With the first stage, {100 * figures['letter_exact']['rate']:.1f} % of the letters are "
        "right. The table counts those of the recogniser alone.",
    ]
