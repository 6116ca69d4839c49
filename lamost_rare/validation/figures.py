"""The figures of merit of a classifier, for its rare class, from its trials."""

from __future__ import annotations

from itertools import chain

import numpy as np

from ..inference.decision import CandidateRule
from ..simulation.labels import classes_of
from .operating_point import (
    candidates,
    choose_odds,
    choose_operating_point,
    populations_of,
    probabilities,
    survey_judgement,
)
from .statistics import rate_by_star, upper_limit
from .trials import LOOKALIKES, SNR_BINS, Trial, subtype_group

__all__ = ["Decided", "cross_fitted", "measure", "members_of"]

LETTERS = "OBAFGKM"
RESAMPLES = 40
"""Samples of stars from which it is taken how well densities are known."""
UNCERTAIN = "template"
"""Group of spectra that are `LabelledStars.uncertain`."""


class Decided:
    """Trials of one kind with labels, probabilities and decisions.

    Attributes
    ----------
    p, candidate, snr, measured_snr, label, group, star, mk_type, name, library, whole : ndarray
        Probabilities have shape (n, n_classes), the others (n,). Groups are those of
        `subtype_group`.
    survey, score, population : ndarray
        Probability of the rare class in a survey, and its score (NaN if there are no odds), and
        the population of the survey.
    trial : Trial
    """

    def __init__(self, trial, p, candidate, survey, score, stars, rare_class):
        self.trial, self.survey, self.score = trial, survey, score
        self.population = populations_of(stars, trial.row, rare_class)
        self.row = rows = trial.row
        self.p, self.candidate = p, candidate
        self.snr, self.measured_snr = trial.snr, trial.measured_snr
        self.whole = stars.whole[rows]
        self.label, self.mk_type = stars.label[rows], stars.mk_type[rows]
        self.star, self.name = stars.star[rows], stars.name[rows]
        self.library = stars.origin[rows]
        types = zip(self.label, self.mk_type, strict=True)
        self.group = np.array([subtype_group(*x, rare_class) for x in types], dtype=object)
        self.group[stars.uncertain[rows]] = UNCERTAIN


def cross_fitted(
    trials_of_fold, stars, classes, rare_class, *, fitted=True, group=(), prevalence=None
):
    """Decide each fold's trials by the rule that the other folds give.

    Parameters
    ----------
    trials_of_fold : dict of int to list of Trial
    stars : LabelledStars
    classes, rare_class
        Of the recipe.
    fitted : bool
        Without it a candidate has a probability of 0.5, as the network gives it.
    group : sequence of str
        As `choose_operating_point` takes it.
    prevalence : mapping of str to float, optional
        With it the odds in a survey decide, as `choose_odds` fits them.

    Returns
    -------
    decided : dict of str to Decided
        By kind of trial.
    shipped : CandidateRule
        From all folds together: what the preset uses.
    rules : list of CandidateRule
        Those used here.
    """

    def rule_of(folds):
        if not fitted:
            return CandidateRule(list(classes).index(rare_class))
        if prevalence:
            return choose_odds(_join(folds), stars, classes, rare_class, prevalence, RESAMPLES)
        return choose_operating_point(_join(folds), stars, classes, rare_class, group=group)

    shipped = rule_of(trials_of_fold.values())
    by_kind: dict[str, list] = {}
    rules = []
    for fold, trials in trials_of_fold.items():
        others = [t for k, t in trials_of_fold.items() if k != fold]
        rules.append(rule_of(others) if others else shipped)
        for trial in trials:
            by_kind.setdefault(trial.kind, []).append((trial, rules[-1]))
    decided = {}
    for kind, pairs in by_kind.items():
        p, found = (
            np.concatenate([of(*pair) for pair in pairs]) for of in (probabilities, candidates)
        )
        both = zip(*(survey_judgement(*pair) for pair in pairs), strict=True)
        survey, score = map(np.concatenate, both)
        trial = Trial.concatenate(trial for trial, _ in pairs)
        decided[kind] = Decided(trial, p, found, survey, score, stars, rare_class)
    return decided, shipped, rules


def _join(lists) -> list[Trial]:
    by_kind: dict[str, list] = {}
    for trial in chain(*lists):
        by_kind.setdefault(trial.kind, []).append(trial)
    return [Trial.concatenate(trials) for trials in by_kind.values()]


def measure(decided: dict, classes, rare_class: str, seed=0) -> dict:
    """The figures, each a dict with ``rate``, its uncertainty and its numbers.

    A member of the rare class that is called a candidate is found, whether it is a library star
    (``recall_snr_…``) or a real spectrum (``recall_lamost…`` as it is, ``recall_reobserved_…``);
    anything else is a false alarm.

    Parameters
    ----------
    decided : dict of str to Decided
    classes : sequence of str
    rare_class : str
    seed : int
        Of the resampling of stars.

    Returns
    -------
    dict
        Ready for JSON.
    """
    rng = np.random.default_rng(seed)
    found: dict = {}
    called: dict = {}
    rest: dict = {}
    near = LOOKALIKES.get(rare_class, ())
    library = decided.get("library")
    if library is not None:
        own = library.whole & (library.group == rare_class)
        found |= _recall("recall", library, own, library.snr, rng)
        called |= _called(library, near, rng)
        blue = ~library.whole & (library.snr >= 10)
        rest |= _found_and_taken("known_in_the_blue", library, blue, rare_class, rng)
    damaged = decided.get("damaged")
    if damaged is not None:
        rest |= _found_and_taken("one_side_lost", damaged, damaged.whole, rare_class, rng)
    for kind in ("lamost", "reobserved"):
        if kind in decided:
            d = decided[kind]
            rest[f"false_alarms_{kind}"] = _alarms(d, d.label != rare_class)
    if "reobserved" in decided:
        d = decided["reobserved"]
        if "B1+" in near:
            own = d.label == "B"
            rest["candidates_reobserved_B"] = _by_star(d.candidate[own], d.star[own], rng)
        names = _others(d.label, rare_class)
        for name in names if len(names) > 1 else ():
            if f"candidates_reobserved_{name}" not in rest:
                rest[f"false_alarms_reobserved_{name}"] = _alarms(d, d.label == name)
    if "lamost" in decided:
        rest |= _letters(decided["lamost"], classes, rng)
    for kind in ("lamost", "reobserved"):
        if kind in decided and (decided[kind].label == rare_class).any():
            d = decided[kind]
            own = d.label == rare_class
            if kind == "lamost":
                found["recall_lamost"] = _by_star(d.candidate[own], d.star[own], rng)
            # A spectrum that is noisy itself does not reach the S/N that was asked for.
            found |= _recall(f"recall_{kind}", d, own, d.measured_snr, rng)
    if library is not None:
        far = [name for name in _others(library.group, rare_class) if name not in near]
        called |= _called(library, far, rng)
    return {**found, **called, **rest}


def members_of(decided: dict, rare_class: str):
    """Whole members of the rare class by which its recall is shown against S/N.

    Returns
    -------
    decided : Decided
        Library stars, or, without any of the class, real spectra with noise added.
    own : ndarray of bool, shape (n,)
        Which of them.
    snr : ndarray, shape (n,)
    """
    library = decided["library"]
    own = library.whole & (library.group == rare_class)
    if own.any() or "reobserved" not in decided:
        return library, own, library.snr
    real = decided["reobserved"]
    return real, real.label == rare_class, real.measured_snr


def _others(label, rare_class) -> list[str]:
    """Classes or groups that there are, besides the rare class and spectra without a label."""
    return [name for name in classes_of(label) if name != rare_class]


def _recall(name, decided, own, snr, rng) -> dict:
    """Members of the rare class that are found, by S/N."""
    out = {}
    for low, high in SNR_BINS:
        last = high == SNR_BINS[-1][1]
        here = own & (snr >= low) & ((snr < high) | last)
        key = f"{name}_snr_above_{low:g}" if last else f"{name}_snr_{low:g}_{high:g}"
        out[key] = _by_star(decided.candidate[here], decided.star[here], rng)
    return out


def _called(library, groups, rng) -> dict:
    """Library stars of other groups that are called candidates."""
    out = {}
    for group in groups:
        own = library.whole & (library.group == group)
        out[f"candidates_{group}"] = _by_star(library.candidate[own], library.star[own], rng)
    return out


def _found_and_taken(name, decided, own, rare_class, rng) -> dict:
    """Members of the rare class found and others taken for it, among some spectra.

    The nearest of its look-alikes count as neither.
    """
    alike = LOOKALIKES.get(rare_class, ["", *_others(decided.group, rare_class)])[1:]
    rare, other = own & (decided.group == rare_class), own & np.isin(decided.group, alike)
    return {
        f"recall_{name}": _by_star(decided.candidate[rare], decided.star[rare], rng),
        f"candidates_{name}": _by_star(decided.candidate[other], decided.star[other], rng),
    }


def _alarms(decided, own) -> dict:
    count, n = int(decided.candidate[own].sum()), int(own.sum())
    return {
        "count": count,
        "n": n,
        "stars": len(set(decided.star[own])),
        "rate": count / max(n, 1),
        "upper_limit_95": upper_limit(count, n),
    }


def _letters(decided, classes, rng) -> dict:
    """How far the letter of LAMOST spectra is LAMOST's own."""
    own = (decided.snr > 20) & np.isin(decided.label, [c for c in classes if c in "AFGKM"])
    order = [LETTERS.index(c) if c in LETTERS else 99 for c in classes]
    predicted = np.array(order)[decided.p[own].argmax(axis=1)] if own.any() else np.array([])
    true = np.array([LETTERS.index(x) for x in decided.label[own]], dtype=int)
    star = decided.star[own]
    return {
        "letter_exact": _by_star(predicted == true, star, rng),
        "letter_within_one": _by_star(np.abs(predicted - true) <= 1, star, rng),
    }


def _by_star(hit, star, rng) -> dict:
    rate, low, high = rate_by_star(hit, star, rng)
    return {
        "rate": None if np.isnan(rate) else rate,
        "low": None if np.isnan(low) else low,
        "high": None if np.isnan(high) else high,
        "count": int(np.sum(hit)),
        "n": len(hit),
        "stars": len(set(star)),
    }
