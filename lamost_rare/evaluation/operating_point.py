"""Temperature, weight of the line evidence and thresholds, from spectra not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..inference.calibration import add_evidence, calibrate, rare_score, thresholds_of
from .trials import subtype_group

__all__ = ["OperatingPoint", "Requirements", "choose_operating_point", "fit_calibration"]

LOW_SNR = 10.0
"""S/N (g) below which the threshold is another."""


@dataclass
class Requirements:
    """What the thresholds must keep: highest rates of wrong candidates.

    ``reobserved`` is the rate among re-observed survey spectra. Rates hold above and below
    `LOW_SNR` each.
    """

    reobserved: float = 5e-6
    early_b: float = 0.15
    late_b: float = 0.003
    lookalike: float = 0.005
    lowest: float = 0.5


@dataclass
class OperatingPoint:
    """Temperature and evidence weight of `calibrate`, and lowest probabilities of a candidate."""

    temperature: float = 1.0
    threshold: float = 0.5
    weight: float = 0.0
    low_threshold: float = 0.5

    @property
    def calibration(self) -> dict:
        """As a preset's ``calibration``."""
        return {"temperature": self.temperature, "evidence_weight": self.weight}

    @property
    def low_snr(self) -> dict:
        """As a preset's ``low_snr``."""
        return {"snr": LOW_SNR, "threshold": self.low_threshold}


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
    p = probabilities(trial, rare, point)[:, rare]
    limit = thresholds_of(trial.measured_snr, point.threshold, point.low_snr)
    return (p >= limit) & trial.covered


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


def choose_operating_point(trials, sources, classes, rare_class, requirements=None):
    """Calibration of the lowest cross-entropy, and the lowest thresholds that meet the
    requirements.

    Parameters
    ----------
    trials : list of Trial
        Of any folds.
    sources : LabelledSources
    classes : sequence of str
    rare_class : str
    requirements : Requirements, optional

    Returns
    -------
    OperatingPoint
    """
    need = requirements or Requirements()
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
    high = _threshold(trials, sources, rare_class, rare, point, need, lambda snr: snr >= LOW_SNR)
    low = _threshold(trials, sources, rare_class, rare, point, need, lambda snr: ~(snr >= LOW_SNR))
    point.threshold, point.low_threshold = high, max(low, high)
    return point


def _threshold(trials, sources, rare_class, rare, point, need, chosen) -> float:
    limits = [np.log(need.lowest / (1 - need.lowest))]
    for trial in trials:
        own = chosen(trial.measured_snr)
        score, rows = score_of(trial, rare, point)[own], trial.row[own]
        label = sources.label[rows]
        if trial.kind == "library":
            pairs = zip(label, sources.mk_type[rows], strict=True)
            group = np.array([subtype_group(*pair) for pair in pairs], dtype=object)
            limits.append(_limit(score[group == "B0-B0.5"], need.early_b))
            limits.append(_limit(score[group == "B1+"], need.late_b))
            compact = (group == "hot_subdwarf") | (group == "white_dwarf")
            limits.append(_limit(score[compact], need.lookalike))
        elif trial.kind == "lamost":
            limits.append(_limit(score[label != rare_class], 0))
        else:
            limits.append(_limit(score[label != rare_class], need.reobserved))
    return float(1 / (1 + np.exp(-max(limits))))


def _limit(score, rate) -> float:
    """The score that at most a part ``rate`` exceeds."""
    if not len(score):
        return -np.inf
    ordered = np.sort(score)[::-1]
    allowed = int(np.floor(rate * len(score)))
    return float(ordered[min(allowed, len(ordered) - 1)]) + 1e-3
