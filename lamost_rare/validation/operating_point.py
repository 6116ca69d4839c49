"""Temperature, weight of the line evidence and discriminant, from spectra not trained on."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..inference.calibration import add_evidence, calibrate, rare_score, thresholds_of
from ..inference.discriminant import reaches_discriminant
from .discriminant_fit import Judged, fit_discriminant

__all__ = ["OperatingPoint", "Requirements", "choose_operating_point", "fit_calibration"]


@dataclass(frozen=True)
class Requirements:
    """What is asked of a candidate, and what the discriminant must keep out.

    The probability that is asked for is given, not fitted to the few look-alikes that come near
    it: a quantile of those is mostly chance, and a probability that is calibrated already says at
    what price a spectrum is taken.

    Attributes
    ----------
    probability : dict
        ``snr``, rising, and the ``threshold`` of each, as a preset's ``threshold_by_snr``. The
        more noise, the more stars that only seem to be of the rare class: more is asked for.
    reobserved : float
        Highest rate of wrong candidates among re-observed survey spectra outside the group.
    margin : float
        What the discriminant's threshold is above that which the survey spectra at hand ask for:
        the next ones hold something that these do not.
    """

    probability: dict = field(
        default_factory=lambda: {"snr": [7.0, 14.0, 30.0], "threshold": [0.85, 0.7, 0.6]}
    )
    reobserved: float = 4e-6
    margin: float = 0.5


@dataclass
class OperatingPoint:
    """Temperature and evidence weight of `calibrate`, and lowest probabilities of a candidate.

    ``threshold`` holds at any S/N, unless ``threshold_by_snr`` says otherwise. With a
    ``discriminant`` its own threshold must be reached too.
    """

    temperature: float = 1.0
    threshold: float = 0.5
    weight: float = 0.0
    threshold_by_snr: dict | None = None
    discriminant: dict | None = None

    @property
    def calibration(self) -> dict:
        """As a preset's ``calibration``."""
        return {"temperature": self.temperature, "evidence_weight": self.weight}


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
    """Calibration of the lowest cross-entropy, the probability that is asked for, and, with a
    group, a discriminant.

    The probability of the rare class alone would have to keep out its look-alikes and the common
    spectra that noise makes look like it. With a group it keeps out the rest of the group, and a
    discriminant everything else: whether a spectrum is of a hot star at all and which kind of hot
    star it is are two questions, and noise answers the second less well.

    Parameters
    ----------
    trials : list of Trial
        Of any folds; damaged spectra are left out.
    sources : LabelledStars
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
    temperature, weight = fit_calibration(
        np.concatenate(logits), np.concatenate(labels), rare, np.concatenate(evidence)
    )
    threshold = float(need.probability["threshold"][-1])
    point = OperatingPoint(temperature, threshold, weight, need.probability)
    if group:
        judged = [_judge(trial, sources, rare_class, rare, point, group) for trial in trials]
        reobserved = sum(len(t.score) for t in judged if t.kind == "reobserved")
        allowed = int(need.reobserved * reobserved + 1e-9)
        hot = np.isin(classes, group)
        point.discriminant = fit_discriminant(judged, hot, allowed, need.margin)
    return point


def _judge(trial, sources, rare_class, rare, point, group) -> Judged:
    """A trial as the discriminant needs it: B stars and the like are not for it to keep out."""
    p, score = probabilities(trial, rare, point), score_of(trial, rare, point)
    limit = thresholds_of(trial.measured_snr, point.threshold, point.threshold_by_snr)
    label = sources.label[trial.row]
    own = label == rare_class
    other = ~np.isin(label, [rare_class, *group]) & (trial.kind != "library")
    reached = (p[:, rare] >= limit) & trial.covered
    return Judged(trial.kind, p, trial.measured_snr, score, reached, own, other)
