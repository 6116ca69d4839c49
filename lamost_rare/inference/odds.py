"""The probability that a spectrum is of the rare class in a survey: p_<rare>_survey.

A network that was trained on classes of equal size says which spectra look like the rare class.
How many of those are of it depends on how frequent each class is, and on how often its members
come to look so. A linear score ranks spectra; for each population of a survey it has a logistic
distribution that depends on the S/N and on the lost part of the spectrum. Bayes' theorem does the
rest:

    p(population | score) = prevalence x density(score) / sum of the same over all populations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..preset_config import Odds, Population, PresetConfig
from ..spectra.batch import SpectrumBatch
from ..spectra.snr import usable_snr
from .discriminant import discriminant_features

__all__ = [
    "LEAST",
    "SurveyOdds",
    "log_density",
    "lost_fraction",
    "odds_features",
    "spread_of",
]

LEAST = 1e-4
"""Probability of the rare class by the classifier below which that in a survey is given as 0: it
is less than one in a million there."""
SNR_RANGE = (3.0, 100.0)
"""S/N outside of which nothing changes any more."""
TENTH = 10.0
MOST_SPREAD = 1.5
"""Spread of a population that counts at most: more only says that its density is not known."""
STEP = 0.2
"""Of scores at which odds are compared;"""
AT_ONCE = 1024
"""for as many spectra at a time."""


def odds_features(probabilities, snr, evidence) -> np.ndarray:
    """Return what the score is linear in.

    Parameters
    ----------
    probabilities : ndarray, shape (n_spectra, n_classes)
        Calibrated.
    snr : ndarray, shape (n_spectra,)
        From `~lamost_rare.spectra.snr.usable_snr`; unknown counts as low.
    evidence : ndarray, shape (n_spectra,)
        From `~lamost_rare.inference.calibration.line_evidence`.

    Returns
    -------
    ndarray, shape (n_spectra, 2 * n_classes + 3), float64
        Those of the discriminant, and the evidence.
    """
    features = discriminant_features(probabilities, snr)
    return np.concatenate([features, np.asarray(evidence, dtype=float)[:, None]], axis=1)


def lost_fraction(batch: SpectrumBatch) -> np.ndarray:
    """Return which part of the pixels of each spectrum is lost, shape (n_spectra,)."""
    return batch.mask.mean(axis=1)


def log_density(score, snr, lost, population: Population) -> np.ndarray:
    """Return the logarithm of the density of a population's scores, shape (n_spectra,)."""
    s = _log_snr(snr)
    a, b, c = population.location
    d, e = population.scale
    log_scale = d + e * s
    z = (np.asarray(score) - (a + b * s + c * np.asarray(lost))) / np.exp(log_scale)
    return -np.abs(z) - 2 * np.log1p(np.exp(-np.abs(z))) - log_scale


def spread_of(population: Population) -> float:
    """Return the standard deviation of the logarithm of a density, as far as it counts."""
    return min(population.spread, MOST_SPREAD)


def _log_snr(snr) -> np.ndarray:
    return np.log(np.clip(np.nan_to_num(snr, nan=0.0), *SNR_RANGE) / TENTH)


@dataclass(frozen=True)
class SurveyOdds:
    """The odds of a preset in a survey.

    Attributes
    ----------
    odds : Odds
    prevalence : dict of float
        Of each population.
    rare_class : str
    rare : int
        Its index among the classes.
    """

    odds: Odds
    prevalence: Mapping[str, float]
    rare_class: str
    rare: int

    def __repr__(self) -> str:
        share = sum(self.prevalence[name] for name in np.array(self.populations)[self.own])
        return f"<SurveyOdds of {self.rare_class}: {share:.3g} of the spectra are of it>"

    @classmethod
    def of(cls, config: PresetConfig) -> SurveyOdds | None:
        """Return the odds of a classifier's configuration; None if it has none."""
        if config.odds is None:
            return None
        rare = config.classes.index(config.rare_class)
        return cls(config.odds, config.prevalence, config.rare_class, rare)

    @property
    def populations(self) -> list[str]:
        """Names of the populations."""
        return list(self.odds.populations)

    @property
    def own(self) -> np.ndarray:
        """True for the populations of the rare class, shape (n_populations,)."""
        return np.array([p.of == self.rare_class for p in self.odds.populations.values()])

    def score(self, probabilities, snr, evidence) -> np.ndarray:
        """Return the scores of spectra, shape (n_spectra,).

        Parameters are those of `odds_features`.
        """
        features = odds_features(probabilities, snr, evidence)
        return features @ np.asarray(self.odds.weights) + self.odds.constant

    @property
    def log_prevalence(self) -> np.ndarray:
        """Logarithms of the prevalences, shape (n_populations,)."""
        with np.errstate(divide="ignore"):
            return np.log([self.prevalence[name] for name in self.odds.populations])

    def log_joint(self, score, snr, lost, shift=None) -> np.ndarray:
        """Return log(prevalence x density), shape (n_spectra, n_populations).

        Parameters
        ----------
        score, snr, lost : ndarray, shape (n_spectra,)
            The score, the S/N, and the lost part of the pixels.
        shift : ndarray, shape (n_populations,), optional
            What is added to the logarithms of the densities: to see what their errors do.
        """
        joint = self.log_densities(score, snr, lost) + self.log_prevalence
        return joint if shift is None else joint + shift

    def log_densities(self, score, snr, lost) -> np.ndarray:
        """Return the logarithms of the densities, shape (n_spectra, n_populations)."""
        score = np.asarray(score, dtype=float)
        snr, lost = (np.broadcast_to(x, score.shape) for x in (snr, lost))
        inside = self._never_less(np.clip(score, *self.odds.range), snr, lost)
        found = self._columns(inside, snr, lost)
        # Below the range a score says by itself what the odds are: they fall with it.
        found[:, self.own] += np.minimum(score - self.odds.range[0], 0)[:, None]
        return found

    def _columns(self, score, snr, lost) -> np.ndarray:
        populations = self.odds.populations.values()
        # Of a log-normal uncertainty, which is that of densities, the mean is above the median.
        mean = np.array([spread_of(p) ** 2 / 2 for p in populations])
        return np.stack([log_density(score, snr, lost, p) for p in populations], axis=-1) + mean

    def _log_odds(self, score, snr, lost) -> np.ndarray:
        joint = self._columns(score, snr, lost) + self.log_prevalence
        own, other = (np.logaddexp.reduce(joint[..., x], axis=-1) for x in (self.own, ~self.own))
        return own - other

    def _never_less(self, score, snr, lost) -> np.ndarray:
        """Return the scores, up to those given, of the highest odds, shape (n_spectra,).

        A higher score never means lower odds: far from all data tails of distributions may say so.
        """
        grid = np.arange(self.odds.range[0], self.odds.range[1] + STEP, STEP)
        found = np.array(score, dtype=float)
        for start in range(0, len(found), AT_ONCE):
            rows = slice(start, start + AT_ONCE)
            last = found[rows, None]
            up_to = np.concatenate([np.minimum(grid, last), last], axis=1)
            odds = self._log_odds(up_to, snr[rows, None], lost[rows, None])
            # Of equal odds the highest score, which is the score itself.
            best = np.argmax(odds[:, ::-1], axis=1)
            found[rows] = np.take_along_axis(up_to[:, ::-1], best[:, None], axis=1)[:, 0]
        return found

    def shares(self, score, snr, lost, shift=None) -> np.ndarray:
        """Return the probability of each population, shape (n_spectra, n_populations).

        Parameters are those of `log_joint`; rows sum to 1.
        """
        from scipy.special import softmax

        return softmax(self.log_joint(score, snr, lost, shift), axis=1)

    def probability(self, score, snr, lost, shift=None) -> np.ndarray:
        """Return the probability of the rare class in the survey, shape (n_spectra,)."""
        return self.shares(score, snr, lost, shift)[:, self.own].sum(axis=1)

    def of_batch(
        self, batch: SpectrumBatch, probabilities, evidence=None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the probability in the survey, and what it comes of, of each spectrum of a batch.

        Where the classifier's own probability is below `LEAST` it is 0, and all else NaN.

        Parameters
        ----------
        batch : SpectrumBatch
        probabilities : ndarray, shape (n_spectra, n_classes)
            Calibrated.
        evidence : ndarray, shape (n_spectra,), optional
            Of the lines; by default they say nothing.

        Returns
        -------
        probability, score, snr, lost : ndarray, shape (n_spectra,), float32
        """
        snr, lost = np.full((2, len(batch)), np.nan, dtype=np.float32)
        rows = np.flatnonzero(probabilities[:, self.rare] >= LEAST)
        if len(rows):
            some = batch[rows]
            snr[rows] = usable_snr(some.flux, some.ivar, some.mask, some.grid)
            lost[rows] = lost_fraction(some)
        said = np.zeros(len(batch)) if evidence is None else np.asarray(evidence)
        return *self.judge(probabilities, snr, lost, said), snr, lost

    def judge(self, probabilities, snr, lost, evidence) -> tuple[np.ndarray, np.ndarray]:
        """Do `of_batch` with S/N and lost part that are known, both of shape (n_spectra,)."""
        probability = np.zeros(len(probabilities), dtype=np.float32)
        score = np.full(len(probabilities), np.nan, dtype=np.float32)
        rows = np.flatnonzero(probabilities[:, self.rare] >= LEAST)
        if len(rows):
            score[rows] = self.score(probabilities[rows], snr[rows], evidence[rows])
            # In single precision, as a catalogue has them: who computes it again finds the same.
            snr, lost = (np.asarray(x[rows], dtype=np.float32) for x in (snr, lost))
            probability[rows] = self.probability(score[rows], snr, lost)
        return probability, score
