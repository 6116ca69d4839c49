"""Temperature, weight of the line evidence and discriminant, from spectra not trained on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ..inference.calibration import add_evidence
from ..inference.decision import CandidateRule
from ..preset_config import Calibration, ThresholdBySnr
from ..simulation.mk_types import POPULATIONS, population_of
from .discriminant_fit import Judged, fit_discriminant
from .odds_fit import fit_odds
from .survey_sample import PREVALENCE, Sample

__all__ = [
    "Requirements",
    "candidates",
    "choose_odds",
    "choose_operating_point",
    "fit_calibration",
    "populations_of",
    "probabilities",
    "sample_of",
    "score_of",
    "survey_judgement",
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
    if rule.odds is not None:
        return rule.reached(survey_judgement(trial, rule)[0], trial.covered)
    return rule.decide(probabilities(trial, rule), trial.measured_snr, trial.covered)


def survey_judgement(trial, rule: CandidateRule) -> tuple[np.ndarray, np.ndarray]:
    """Return probability in a survey and score of a trial, shape (n,); NaN without odds."""
    if rule.odds is None:
        unknown = np.full(len(trial.row), np.nan, dtype=np.float32)
        return unknown, unknown
    p = probabilities(trial, rule)
    return rule.odds.judge(p, trial.measured_snr, trial.lost, np.asarray(trial.evidence))


def sample_of(trials, stars, rule: CandidateRule, rare_class: str) -> Sample:
    """Return trials as `odds_fit.fit_odds` takes them."""
    parts = [
        Sample(
            probabilities(trial, rule),
            trial.measured_snr,
            trial.lost,
            np.asarray(trial.evidence),
            trial.covered,
            populations_of(stars, trial.row, rare_class),
            stars.star[trial.row],
            np.full(len(trial.row), trial.kind, dtype=object),
        )
        for trial in trials
    ]
    return Sample.concatenate(parts)


def populations_of(stars, rows, rare_class: str) -> np.ndarray:
    """Return the population of a survey that rows of stars belong to, shape (n,).

    It is empty for spectra without a label, and for those that are `LabelledStars.uncertain`.
    """
    types = zip(stars.label, stars.mk_type, strict=True)
    names = np.array([population_of(*pair, rare_class) for pair in types], dtype=object)
    return np.where(stars.uncertain, "", names)[rows]


def choose_odds(
    trials, stars, classes, rare_class, prevalence=None, n_resamples=0
) -> CandidateRule:
    """Return calibration of the lowest cross-entropy, and the odds in a survey.

    Parameters
    ----------
    trials, stars, classes, rare_class
        As for `choose_operating_point`.
    prevalence : mapping of str to float, optional
        Of each population; by default LAMOST's, for O stars.
    n_resamples : int
        Samples of stars from which the spread of each population is taken.
    """
    rule = _calibrated(trials, stars, classes, rare_class)
    prevalence = PREVALENCE if prevalence is None else prevalence
    of = {name: POPULATIONS.get(name, (name,))[0] for name in prevalence}
    sample = sample_of(trials, stars, rule, rare_class)
    odds = fit_odds(sample, rare_class, classes, of, prevalence, n_resamples=n_resamples)
    return replace(rule, odds=odds)


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
    least = float(need.probability.threshold[-1])
    rule = _calibrated(trials, stars, classes, rare_class)
    rule = replace(rule, threshold=least, threshold_by_snr=need.probability)
    if group:
        judged = [_judge(trial, stars, rare_class, rule, group) for trial in trials]
        reobserved = sum(len(t.score) for t in judged if t.kind == "reobserved")
        allowed = int(need.reobserved * reobserved + 1e-9)
        found = fit_discriminant(judged, np.isin(classes, group), allowed, need.margin)
        rule = replace(rule, discriminant=found)
    return rule


def _calibrated(trials, stars, classes, rare_class) -> CandidateRule:
    """Fit the calibration to spectra as they are and to library stars."""
    index = {name: i for i, name in enumerate(classes)}
    rare = index[rare_class]
    logits, labels, evidence = [], [], []
    for trial in trials:
        label = stars.label[trial.row]
        known = np.isin(label, list(classes))
        if trial.kind in ("lamost", "library"):
            logits.append(trial.logits[known])
            labels.append(np.array([index[x] for x in label[known]], dtype=int))
            evidence.append(trial.evidence[known])
    temperature, weight = fit_calibration(
        np.concatenate(logits), np.concatenate(labels), rare, np.concatenate(evidence)
    )
    return CandidateRule(rare, Calibration(temperature, weight))


def _judge(trial, stars, rare_class, rule, group) -> Judged:
    """A trial as the discriminant needs it: B stars and the like are not for it to keep out."""
    p, score, reached = probabilities(trial, rule), score_of(trial, rule), candidates(trial, rule)
    label = stars.label[trial.row]
    own = label == rare_class
    other = ~np.isin(label, [rare_class, *group]) & (trial.kind != "library")
    return Judged(trial.kind, p, trial.measured_snr, score, reached, own, other)
