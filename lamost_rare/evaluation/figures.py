"""The figures of merit of a classifier of hot stars, from its trials."""

from __future__ import annotations

import numpy as np

from .operating_point import candidates, choose_operating_point, probabilities
from .statistics import rate_by_star, upper_limit
from .trials import SNR_BINS, subtype_group

__all__ = ["Decided", "cross_fitted", "measure"]

LETTERS = "OBAFGKM"
_LOOKALIKES = ("B1+", "hot_subdwarf", "white_dwarf")


class Decided:
    """Trials of one kind with labels, probabilities and decisions.

    Attributes
    ----------
    p, candidate, snr, label, group, star, mk_type, name, library, whole : ndarray
        Probabilities have shape (n, n_classes), the others (n,).
    """

    def __init__(self, kind, parts, sources):
        rows = np.concatenate([trial.row for trial, _, _ in parts])
        self.kind = kind
        self.row = rows
        self.p = np.concatenate([p for _, p, _ in parts])
        self.candidate = np.concatenate([c for _, _, c in parts])
        self.snr = np.concatenate([trial.snr for trial, _, _ in parts])
        self.whole = sources.whole[rows]
        self.label = sources.label[rows]
        self.mk_type = sources.mk_type[rows]
        self.star = sources.star[rows]
        self.name = sources.name[rows]
        self.library = sources.origin[rows]
        self.group = np.array(
            [subtype_group(*x) for x in zip(self.label, self.mk_type, strict=True)], dtype=object
        )


def cross_fitted(trials_of_fold, sources, classes, rare_class, fixed=None, group=()):
    """Decide each fold's trials at the operating point that the other folds give.

    Parameters
    ----------
    trials_of_fold : dict of int to list of Trial
    sources : LabelledSources
    classes, rare_class
        Of the recipe.
    fixed : OperatingPoint, optional
        Used for all instead.
    group : sequence of str
        As `choose_operating_point` takes it.

    Returns
    -------
    decided : dict of str to Decided
        By kind of trial.
    shipped : OperatingPoint
        From all folds together: what the preset uses.
    points : list of OperatingPoint
        Those used here.
    """
    rare = list(classes).index(rare_class)
    everything = _join(trials_of_fold.values())
    shipped = fixed or choose_operating_point(everything, sources, classes, rare_class, group=group)
    parts: dict[str, list] = {}
    points = []
    for fold, trials in trials_of_fold.items():
        others = [t for k, t in trials_of_fold.items() if k != fold]
        point = (
            choose_operating_point(_join(others), sources, classes, rare_class, group=group)
            if others and fixed is None
            else shipped
        )
        points.append(point)
        for trial in trials:
            p = probabilities(trial, rare, point)
            parts.setdefault(trial.kind, []).append((trial, p, candidates(trial, rare, point)))
    return {k: Decided(k, v, sources) for k, v in parts.items()}, shipped, points


def _join(lists):
    from .trials import Trial

    by_kind: dict[str, list] = {}
    for trials in lists:
        for trial in trials:
            by_kind.setdefault(trial.kind, []).append(trial)
    return [Trial.concatenate(t) for t in by_kind.values()]


def measure(decided: dict, classes, seed=0) -> dict:
    """The figures, each a dict with ``rate``, its uncertainty and its numbers.

    Parameters
    ----------
    decided : dict of str to Decided
    classes : sequence of str
    seed : int
        Of the resampling of stars.

    Returns
    -------
    dict
        Ready for JSON.
    """
    rng = np.random.default_rng(seed)
    out = {}
    library = decided.get("library")
    if library is not None:
        for low, high in SNR_BINS:
            own = library.whole & (library.group == "O")
            own &= (library.snr >= low) & (library.snr < high)
            name = f"recall_snr_{low:g}_{high:g}" if high < 100 else f"recall_snr_above_{low:g}"
            out[name] = _by_star(library.candidate[own], library.star[own], rng)
        for group in ("B0-B0.5", *_LOOKALIKES):
            own = library.whole & (library.group == group)
            out[f"candidates_{group}"] = _by_star(library.candidate[own], library.star[own], rng)
        blue = ~library.whole & (library.snr >= 10)
        out |= _found_and_taken("known_in_the_blue", library, blue, rng)
    damaged = decided.get("damaged")
    if damaged is not None:
        out |= _found_and_taken("one_side_lost", damaged, damaged.whole, rng)
    for kind in ("lamost", "reobserved"):
        if kind not in decided:
            continue
        d = decided[kind]
        own = d.label != "O"
        count, n = int(d.candidate[own].sum()), int(own.sum())
        out[f"false_alarms_{kind}"] = {
            "count": count,
            "n": n,
            "rate": count / max(n, 1),
            "upper_limit_95": upper_limit(count, n),
        }
    if "reobserved" in decided:
        d = decided["reobserved"]
        own = d.label == "B"
        out["candidates_reobserved_B"] = _by_star(d.candidate[own], d.star[own], rng)
    if "lamost" in decided:
        d = decided["lamost"]
        own = (d.snr > 20) & np.isin(d.label, [c for c in classes if c in "AFGKM"])
        order = [LETTERS.index(c) if c in LETTERS else 99 for c in classes]
        predicted = np.array(order)[d.p[own].argmax(axis=1)] if own.any() else np.array([])
        true = np.array([LETTERS.index(x) for x in d.label[own]], dtype=int)
        out["letter_exact"] = _by_star(predicted == true, d.star[own], rng)
        out["letter_within_one"] = _by_star(np.abs(predicted - true) <= 1, d.star[own], rng)
    return out


def _found_and_taken(name, decided, own, rng) -> dict:
    """O stars found and look-alikes taken for O stars, among some spectra."""
    rare, other = own & (decided.group == "O"), own & np.isin(decided.group, _LOOKALIKES)
    return {
        f"recall_{name}": _by_star(decided.candidate[rare], decided.star[rare], rng),
        f"candidates_{name}": _by_star(decided.candidate[other], decided.star[other], rng),
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
