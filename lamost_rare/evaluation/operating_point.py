"""Temperature, weight of the line evidence and thresholds, from spectra not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..inference.calibration import (
    add_evidence,
    calibrate,
    rare_score,
    thresholds_of,
)
from ..inference.discriminant import reaches_discriminant
from .discriminant import Judged, fit_discriminant
from .trials import subtype_group

__all__ = ["OperatingPoint", "Requirements", "choose_operating_point", "fit_calibration"]

SNR_EDGES = (0.0, 10.0, 20.0, np.inf)
"""Ranges of S/N (g) that have a threshold of their own, wide enough for it not to hang on a few
spectra,"""
SNR_KNOTS = (7.0, 14.0, 30.0)
"""and the S/N for which it holds; between them it is interpolated."""


@dataclass
class Requirements:
    """What the thresholds must keep in each range of S/N: highest rates of wrong candidates.

    ``reobserved`` is the rate among re-observed survey spectra other than B stars, of all S/N
    together where there is a group; B stars among them count with ``late_b``. ``lowest`` is the
    least probability. ``margin`` is what the discriminant's threshold is above that which the
    survey spectra at hand ask for: the next ones hold something that these do not.
    """

    reobserved: float = 1e-6
    early_b: float = 0.15
    late_b: float = 0.002
    lookalike: float = 0.01
    lowest: float = 0.6
    margin: float = 0.5


@dataclass
class OperatingPoint:
    """Temperature and evidence weight of `calibrate`, and lowest probabilities of a candidate.

    ``threshold`` holds at any S/N, unless ``by_snr`` has one for each of `SNR_KNOTS`. With a
    ``discriminant`` its own threshold must be reached too.
    """

    temperature: float = 1.0
    threshold: float = 0.5
    weight: float = 0.0
    by_snr: tuple = ()
    discriminant: dict | None = None

    @property
    def calibration(self) -> dict:
        """As a preset's ``calibration``."""
        return {"temperature": self.temperature, "evidence_weight": self.weight}

    @property
    def threshold_by_snr(self) -> dict | None:
        """As a preset's ``threshold_by_snr``."""
        if not self.by_snr:
            return None
        return {"snr": list(SNR_KNOTS), "threshold": list(self.by_snr)}


def probabilities(trial, rare: int, point: OperatingPoint) -> np.ndarray:
    """Calibrated probabilities of a trial, shape (n, n_classes)."""
    return calibrate(
        add_evidence(trial.logits, rare, trial.evidence, point.weight), point.calibration
    )


def score_of(trial, rare: int, point: OperatingPoint) -> np.ndarray:
    """Log-odds of the rare class, shape (n,); -inf where the key lines are not covered."""
    logits = add_evidence(trial.logits, rare, trial.evidence, point.weight)
    return np.where(trial.covered, rare_score(logits, rare, point.temperature), -np.inf)


def candidates(trial, rare: int, point: OperatingPoint) -> np.ndarray:
    """Whether each spectrum of a trial would be a candidate, shape (n,)."""
    p = probabilities(trial, rare, point)
    limit = thresholds_of(trial.measured_snr, point.threshold, point.threshold_by_snr)
    found = (p[:, rare] >= limit) & trial.covered
    rows = np.flatnonzero(found)
    found[rows] = reaches_discriminant(p[rows], trial.measured_snr[rows], point.discriminant)
    return found


def fit_calibration(logits, label, rare, evidence) -> tuple[float, float]:
    """Temperature and evidence weight of the lowest cross-entropy.

    Parameters
    ----------
    logits : ndarray, shape (n, n_classes)
    label : ndarray of int, shape (n,)
    rare : int
    evidence : ndarray, shape (n,)
    """
    from scipy.optimize import minimize

    def loss(parameters):
        z = add_evidence(logits, rare, evidence, parameters[1]) / np.exp(parameters[0])
        z -= z.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(label)), label].mean()

    best = minimize(loss, [0.0, 0.3], method="Nelder-Mead", options={"xatol": 1e-3}).x
    return float(np.exp(best[0])), float(np.clip(best[1], 0, 3))


def choose_operating_point(trials, sources, classes, rare_class, requirements=None, group=()):
    """Calibration of the lowest cross-entropy, and the lowest thresholds that meet the
    requirements.

    Without a group the threshold of the rare class alone keeps out its look-alikes and the common
    spectra that noise makes look like it. With one, it keeps out the rest of the group, and a
    discriminant everything else: whether a spectrum is of a hot star at all and which kind of hot
    star it is are two questions, and noise answers the second less well.

    Parameters
    ----------
    trials : list of Trial
        Of any folds; damaged spectra are left out.
    sources : LabelledSources
    classes : sequence of str
    rare_class : str
    requirements : Requirements, optional
    group : sequence of str
        The rare class and its look-alikes.

    Returns
    -------
    OperatingPoint
    """
    need = requirements or Requirements()
    trials = [trial for trial in trials if trial.kind != "damaged"]
    index = {name: i for i, name in enumerate(classes)}
    rare = index[rare_class]
    logits, labels, evidence = [], [], []
    for trial in trials:
        label = sources.label[trial.row]
        known = np.isin(label, list(classes))
        if trial.kind != "reobserved":
            logits.append(trial.logits[known])
            labels.append(np.array([index[x] for x in label[known]], dtype=int))
            evidence.append(trial.evidence[known])
    fitted = fit_calibration(
        np.concatenate(logits), np.concatenate(labels), rare, np.concatenate(evidence)
    )
    point = OperatingPoint(fitted[0], weight=fitted[1])
    arguments = trials, sources, rare_class, rare, point, need, group
    point.by_snr = _by_snr(_log_odds(*arguments, *r) for r in pairwise(SNR_EDGES))
    point.threshold = point.by_snr[-1]
    if group:
        judged = [_judge(trial, sources, rare_class, rare, point, group) for trial in trials]
        reobserved = sum(len(t.score) for t in judged if t.kind == "reobserved")
        allowed = int(need.reobserved * reobserved + 1e-9)
        hot = np.isin(classes, group)
        point.discriminant = fit_discriminant(judged, hot, allowed, need.margin)
    return point


def _by_snr(limits) -> tuple[float, ...]:
    """Probabilities from log-odds for ranges of S/N: more noise never lowers a threshold."""
    limits = np.minimum(np.maximum.accumulate(list(limits)[::-1])[::-1], 16.0)
    return tuple(float(1 / (1 + np.exp(-x))) for x in limits)


def _judge(trial, sources, rare_class, rare, point, group) -> Judged:
    """A trial as the discriminant needs it: B stars and the like are not for it to keep out."""
    p, score = probabilities(trial, rare, point), score_of(trial, rare, point)
    limit = thresholds_of(trial.measured_snr, point.threshold, point.threshold_by_snr)
    label = sources.label[trial.row]
    own = (label == rare_class) & (trial.kind == "library")
    other = ~np.isin(label, [rare_class, *group]) & (trial.kind != "library")
    reached = (p[:, rare] >= limit) & trial.covered
    return Judged(trial.kind, p, trial.measured_snr, score, reached, own, other)


def _log_odds(trials, sources, rare_class, rare, point, need, group, low, high) -> float:
    """The lowest threshold, as log-odds, that meets the requirements between two S/N."""
    limits = [np.log(need.lowest / (1 - need.lowest))]
    late_b = [np.array([])]
    for trial in trials:
        snr = np.nan_to_num(trial.measured_snr, nan=0.0)
        own = (snr >= low) & (snr < high)
        score, rows = score_of(trial, rare, point)[own], trial.row[own]
        label = sources.label[rows]
        if trial.kind == "library":
            known = sources.whole[rows]
            score, rows, label = score[known], rows[known], label[known]
            pairs = zip(label, sources.mk_type[rows], strict=True)
            kind = np.array([subtype_group(*pair) for pair in pairs], dtype=object)
            limits.append(_limit(score[kind == "B0-B0.5"], need.early_b))
            late_b.append(score[kind == "B1+"])
            compact = (kind == "hot_subdwarf") | (kind == "white_dwarf")
            limits.append(_limit(score[compact], need.lookalike))
            continue
        other = label != rare_class
        if group:  # the rest is for the discriminant
            other &= np.isin(label, group)
        if trial.kind == "lamost":
            limits.append(_limit(score[other], 0))
        else:
            # A B star is no false alarm of noise: it counts with those of the libraries.
            late_b.append(score[label == "B"])
            limits.append(_limit(score[other & (label != "B")], need.reobserved))
    limits.append(_limit(np.concatenate(late_b), need.late_b))
    return float(max(limits))


def _limit(score, rate) -> float:
    """The score that at most a part ``rate`` exceeds."""
    if not len(score):
        return -np.inf
    ordered = np.sort(score)[::-1]
    allowed = int(np.floor(rate * len(score)))
    return float(ordered[min(allowed, len(ordered) - 1)]) + 1e-3
