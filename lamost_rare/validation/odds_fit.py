"""Fit of the odds in a survey, on spectra of stars that were not trained on.

The score is a logistic regression of the rare class against everything else, each spectrum
weighted by how many of a survey's spectra it stands for: so it is fitted to the few that come near
the rare class, and to those populations that are frequent. The distribution of the scores of each
population follows from maximum likelihood. Scores below the range of interest only count as below
it: what a population looks like on the whole says nothing of its tail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..inference.odds import LEAST, SurveyOdds, odds_features
from ..preset_config import Odds, Population
from .survey_sample import PREVALENCE, Sample, survey_weights

__all__ = ["Evidenced", "fit_odds"]

LOWEST = -6.0
"""Score below which it only counts that it is below."""
HIGHEST = 15.0
"""Score above which nothing changes any more."""
PENALTY = 3.0
"""Strength of the ridge on the weights of the score, for standardized features."""
EFFECTIVE = 100.0
"""As how many spectra those of one star count at most: they are not independent."""


@dataclass
class Evidenced:
    """Scores of one population, prepared for the fit of their distribution.

    Attributes
    ----------
    score, log_snr, lost, weight : ndarray, shape (n,)
        Of the spectra whose score is above `LOWEST`; ``log_snr`` is ln(S/N / 10).
    star : ndarray of int, shape (n,)
    below : tuple of ndarray, each of shape (m,)
        The same four, without the score, of bins of those that are not.
    n_stars : int
    """

    score: np.ndarray
    log_snr: np.ndarray
    lost: np.ndarray
    weight: np.ndarray
    star: np.ndarray
    below: tuple
    n_stars: int

    @classmethod
    def of(cls, sample: Sample, score) -> Evidenced:
        """Prepare the spectra of a population; stars count alike, and no more than they may."""
        names, star = np.unique(sample.star.astype(str), return_inverse=True)
        weight = survey_weights(sample, {sample.population[0]: 1.0})
        weight *= min(EFFECTIVE * len(names), len(sample))
        log_snr = np.log(np.clip(np.nan_to_num(sample.snr, nan=3.0), 3, 100) / 10)
        above = (score > LOWEST) & (weight > 0)
        rest = (score <= LOWEST) & (weight > 0)
        bins = np.digitize(log_snr[rest], np.linspace(log_snr.min(), log_snr.max(), 15))
        lost = np.minimum((sample.lost[rest] * 10).astype(int), 9)
        key = (star[rest] * 20 + bins) * 10 + lost
        _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        total = np.bincount(inverse, weights=weight[rest])
        below = log_snr[rest][first], sample.lost[rest][first], total, star[rest][first]
        return cls(
            score[above], log_snr[above], sample.lost[above], weight[above], star[above],
            below, len(names),
        )  # fmt: skip

    def resampled(self, times) -> Evidenced:
        """Return it with each star as often as ``times``, shape (n_stars,), says."""
        log_snr, lost, weight, star = self.below
        below = log_snr, lost, weight * times[star], star
        return replace(self, weight=self.weight * times[self.star], below=below)


def fit_odds(
    sample: Sample,
    rare_class: str,
    classes,
    population_class: Mapping[str, str],
    prevalence: Mapping[str, float] | None = None,
    *,
    n_resamples: int = 0,
    seed: int = 0,
) -> SurveyOdds:
    """Fit the score and its distributions.

    Parameters
    ----------
    sample : Sample
    rare_class : str
    classes : sequence of str
    population_class : mapping of str to str
        Class of each population.
    prevalence : mapping of str to float, optional
        Of each population that is to be told from the others; by default LAMOST's. Those of which
        no spectrum was tried are left out.
    n_resamples : int
        Samples of stars from which the spread of the densities is taken; 0: none.
    seed : int
        Of the resampling.
    """
    prevalence = dict(PREVALENCE if prevalence is None else prevalence)
    rare = list(classes).index(rare_class)
    sample = sample[np.isin(sample.population, list(prevalence))]
    near = sample.probabilities[:, rare] >= LEAST
    features = odds_features(sample.probabilities[near], sample.snr[near], sample.evidence[near])
    own = {name for name, of in population_class.items() if of == rare_class}
    weight = survey_weights(sample, prevalence)
    member = np.isin(sample.population[near], list(own))
    weights, constant = _regression(features, member, weight[near], classes, rare)
    score = np.full(len(sample), -np.inf)
    score[near] = features @ weights + constant

    fitted = {}
    rng = np.random.default_rng(seed)
    for name in prevalence:
        rows = sample.population == name
        if rows.any():
            fitted[name] = _population(
                sample[rows], score[rows], population_class[name], n_resamples, rng
            )
    odds = Odds(tuple(weights.tolist()), float(constant), (LOWEST, HIGHEST), fitted)
    # Of what was not tried nothing is known.
    prevalence = {name: prevalence[name] for name in fitted}
    return SurveyOdds(odds, prevalence, rare_class, rare)


def _regression(x, y, weight, classes, rare) -> tuple[np.ndarray, float]:
    """Weights of features, and constant; the more probable another class, the lower the score."""
    from scipy.optimize import minimize
    from scipy.special import expit

    mean, scatter = x.mean(axis=0), x.std(axis=0) + 1e-9
    z = (x - mean) / scatter
    w = weight / weight[y].sum()
    ridge = PENALTY / 1000

    def loss(v):
        s = z @ v[:-1] + v[-1]
        error = w * (expit(s) - y)
        value = (w * (np.logaddexp(0, s) - y * s)).sum() + 0.5 * ridge * (v[:-1] ** 2).sum()
        return value, np.append(z.T @ error + ridge * v[:-1], error.sum())

    n = len(classes)
    bounds = [(None, 0.0)] * n + [(None, None)] * (n + 2) + [(0.0, None), (None, None)]
    bounds[rare] = (0.0, None)
    start = np.zeros(x.shape[1] + 1)
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 3000}
    ).x
    weights = found[:-1] / scatter
    return weights, float(found[-1] - weights @ mean)


def _population(sample, score, of, n_resamples, rng) -> Population:
    """Fit a population; its spread comes from samples of its stars."""
    data = Evidenced.of(sample, score)
    best = _fit(data)
    even = np.full(data.n_stars, 1 / data.n_stars)
    found = [
        _fit(data.resampled(rng.multinomial(data.n_stars, even).astype(float)), best)
        for _ in range(n_resamples)
    ]
    at = np.array([_log_tail(parameters) for parameters in found])
    spread = float(np.sqrt(at.var(axis=0).mean())) if len(at) else 0.0
    a, b, c, d, e = (float(x) for x in best)
    return Population(of, (a, b, c), (d, e), spread)


PRIOR_MEAN = np.array([-8.0, 1.0, 0.0, 0.6, 0.0])
PRIOR_SCATTER = np.array([10.0, 3.0, 6.0, 0.5, 0.4])
"""What is thought of location and scale before anything is seen: a normal distribution of each."""


def _fit(data: Evidenced, start=None) -> np.ndarray:
    """Location (a, b, c) and log scale (d, e) of the greatest posterior probability."""
    from scipy.optimize import minimize
    from scipy.special import expit

    s, (s_below, lost_below, w_below, _) = data.log_snr, data.below

    def loss(v):
        a, b, c, d, e = v
        scale = np.exp(d + e * s)
        z = (data.score - (a + b * s + c * data.lost)) / scale
        likely = -z - 2 * np.logaddexp(0, -z) - d - e * s
        by_z = np.tanh(z / 2)  # what the likelihood loses with z
        by_location = data.weight * by_z / scale
        by_scale = data.weight * (by_z * z - 1)
        scale_below = np.exp(d + e * s_below)
        z_below = (LOWEST - (a + b * s_below + c * lost_below)) / scale_below
        under = -np.logaddexp(0, -z_below)
        by_below = w_below * expit(-z_below)
        l_below, d_below = -by_below / scale_below, -by_below * z_below
        gradient = np.array(
            [
                by_location.sum() + l_below.sum(),
                by_location @ s + l_below @ s_below,
                by_location @ data.lost + l_below @ lost_below,
                by_scale.sum() + d_below.sum(),
                by_scale @ s + d_below @ s_below,
            ]
        )
        pull = (v - PRIOR_MEAN) / PRIOR_SCATTER
        value = -(data.weight @ likely) - w_below @ under + 0.5 * (pull**2).sum()
        return value, pull / PRIOR_SCATTER - gradient

    begin = PRIOR_MEAN if start is None else start
    return minimize(loss, begin, jac=True, method="L-BFGS-B").x


def _log_tail(parameters) -> list[float]:
    """Logarithm of the part above even odds, at S/N 10, 20 and 40."""
    a, b, _, d, e = parameters
    s = np.log(np.array([10.0, 20.0, 40.0]) / 10)
    return (-np.logaddexp(0, -(a + b * s) / np.exp(d + e * s))).tolist()
