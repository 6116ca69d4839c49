"""Temperature, weight of the line evidence and discriminant, from spectra not trained on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..inference.calibration import add_evidence
from ..inference.decision import CandidateRule
from ..preset_config import Calibration, ThresholdBySnr
from .discriminant_fit import Judged, fit_discriminant

__all__ = [
    "Requirements",
    "candidates",
    "choose_operating_point",
    "fit_calibration",
    "probabilities",
    "score_of",
]


@dataclass(frozen=True)
class Requirements:
    """What is asked of a candidate, and what the discriminant must keep out.

    The probability that is asked for is given, not fitted to the few look-alikes that come near
    it: a quantile of those is mostly chance, and a probability that is calibrated already says at
    what price a spectrum is taken.

    Attributes
    ----------
    probability : ThresholdBySnr
        The more noise, the more stars that only seem to be of the rare class: more is asked for.
    reobserved : float
        Highest rate of wrong candidates among re-observed survey spectra outside the group.
    margin : float
        What the discriminant's threshold is above that which the survey spectra at hand ask for:
        the next ones hold something that these do not.
    """

    probability: ThresholdBySnr = field(
        default_factory=lambda: ThresholdBySnr((7.0, 14.0, 30.0), (0.85, 0.7, 0.6))
    )
    reobserved: float = 4e-6
    margin: float = 0.5


def probabilities(trial, rule: CandidateRule) -> np.ndarray:
    """Calibrated probabilities of a trial, shape (n, n_classes)."""
    return rule.probabilities(trial.logits, trial.evidence)


def score_of(trial, rule: CandidateRule) -> np.ndarray:
    """Log-odds of the rare class, shape (n,); -inf where the key lines are not covered."""
    return np.where(trial.covered, rule.score(trial.logits, trial.evidence), -np.inf)


def candidates(trial, rule: CandidateRule) -> np.ndarray:
    """Return which spectra of a trial would be candidates, shape (n,)."""
    return rule.decide(probabilities(trial, rule), trial.measured_snr, trial.covered)


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
    from scipy.special import log_softmax

    def loss(parameters):
        z = add_evidence(logits, rare, evidence, parameters[1]) / np.exp(parameters[0])
        log_p = log_softmax(z, axis=1)
        return -log_p[np.arange(len(label)), label].mean()

    best = minimize(loss, [0.0, 0.3], method="Nelder-Mead", options={"xatol": 1e-3}).x
    return float(np.exp(best[0])), float(np.clip(best[1], 0, 3))


def choose_operating_point(trials, stars, classes, rare_class, requirements=None, group=()):
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
    stars : LabelledStars
    classes : sequence of str
    rare_class : str
    requirements : Requirements, optional
    group : sequence of str
        The rare class and its look-alikes.

    Returns
    -------
    CandidateRule
    """
    need = requirements or Requirements()
    trials = [trial for trial in trials if trial.kind != "damaged"]
    index = {name: i for i, name in enumerate(classes)}
    rare = index[rare_class]
    logits, labels, evidence = [], [], []
    for trial in trials:
        label = stars.label[trial.row]
        known = np.isin(label, list(classes))
        if trial.kind != "reobserved":
            logits.append(trial.logits[known])
            labels.append(np.array([index[x] for x in label[known]], dtype=int))
            evidence.append(trial.evidence[known])
    temperature, weight = fit_calibration(
        np.concatenate(logits), np.concatenate(labels), rare, np.concatenate(evidence)
    )
    rule = CandidateRule(
        rare,
        Calibration(temperature, weight),
        float(need.probability.threshold[-1]),
        need.probability,
    )
    if group:
        judged = [_judge(trial, stars, rare_class, rule, group) for trial in trials]
        reobserved = sum(len(t.score) for t in judged if t.kind == "reobserved")
        allowed = int(need.reobserved * reobserved + 1e-9)
        found = fit_discriminant(judged, np.isin(classes, group), allowed, need.margin)
        rule = replace(rule, discriminant=found)
    return rule


def _judge(trial, stars, rare_class, rule, group) -> Judged:
    """A trial as the discriminant needs it: B stars and the like are not for it to keep out."""
    p, score, reached = probabilities(trial, rule), score_of(trial, rule), candidates(trial, rule)
    label = stars.label[trial.row]
    own = label == rare_class
    other = ~np.isin(label, [rare_class, *group]) & (trial.kind != "library")
    return Judged(trial.kind, p, trial.measured_snr, score, reached, own, other)
