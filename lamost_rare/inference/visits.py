"""What several spectra of one star say together.

The densities of n spectra of a star would be multiplied if they were independent. They are not:
what is peculiar to the star, and how a classifier takes that, comes again in each of them. So the
sum of the logarithms is divided by the number, and multiplied by how many independent spectra they
are worth, n / (1 + (n - 1) c), where c is the part of the scatter that they have in common; with
n^-1 = sum of squares of the weights where they do not weigh the same. A hundred faint spectra say
no more than 1 / c independent ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .odds import SNR_RANGE, SurveyOdds

__all__ = ["COMMON", "Together", "judge_together", "snr_weight"]

COMMON = 0.3
"""Part of the scatter of scores that spectra of one star have in common. With it two spectra at S/N
7 find as many O stars as one at S/N 10, with more false ones: benchmarks/visits.py."""
ENOUGH_SNR = 10.0
"""S/N from which on every spectrum has the same voice in what the star is."""
GOOD_SNR = 30.0
"""S/N from which on all spectra weigh the same: it is no longer noise in what they differ."""
CONTRADICTION = 6.0
"""Logarithm of the likelihood ratio against what most spectra say, from which on one is left out:
it has a fault, or is of another star. By chance it happens once in exp(6) = 400 times at most."""


@dataclass(frozen=True)
class Together:
    """What spectra say of n stars.

    Attributes
    ----------
    probability : ndarray, shape (n_stars,), float32
        Of the rare class, in the survey.
    kept : ndarray of bool, shape (n_spectra,)
        False for those that do not fit the others, which are left out.
    """

    probability: np.ndarray
    kept: np.ndarray


def snr_weight(snr, largest: float = GOOD_SNR) -> np.ndarray:
    """Return the weight of spectra: the square of the S/N, within limits. Unknown counts as low."""
    return np.clip(np.nan_to_num(snr, nan=0.0), SNR_RANGE[0], largest) ** 2


def judge_together(odds: SurveyOdds, score, snr, lost, star) -> Together:
    """Return the probability of the rare class for stars of one or more spectra.

    One spectrum gives what it gives by itself. What most of a star's spectra say, the rare class
    or not, is the median of the likelihood ratios, with a voice by S/N up to `ENOUGH_SNR`. Those
    that are a `CONTRADICTION` to it are left out, as long as they have less than half of the
    voices. The others weigh by S/N up to `GOOD_SNR`.

    Parameters
    ----------
    odds : SurveyOdds
    score, snr, lost : ndarray, shape (n_spectra,)
        As `~lamost_rare.inference.odds.SurveyOdds.log_joint` takes them.
    star : ndarray of int, shape (n_spectra,)
        Numbers from 0 on, each at least once.
    """
    from scipy.special import softmax

    score, snr, lost = (np.asarray(values, dtype=float) for values in (score, snr, lost))
    star = np.asarray(star)
    n_stars = int(star.max()) + 1 if len(star) else 0
    densities = odds.log_densities(score, snr, lost)
    voice = snr_weight(snr, ENOUGH_SNR)
    ratio = densities[:, odds.own].max(axis=1) - densities[:, ~odds.own].max(axis=1)
    said = _median(ratio, voice, star, n_stars)[star]
    doubted = np.where(said > 0, -ratio, ratio) > CONTRADICTION
    against = np.bincount(star, voice * doubted, n_stars)
    minority = against < 0.5 * np.bincount(star, voice, n_stars)
    kept = ~(doubted & minority[star])
    joint = _joint(densities, snr_weight(snr) * kept, star, n_stars) + odds.log_prevalence
    shares = softmax(joint, axis=1)
    return Together(shares[:, odds.own].sum(axis=1).astype(np.float32), kept)


def _median(values, weight, star, n_stars: int) -> np.ndarray:
    """Return the weighted median of each star's values, the lower one where there are two."""
    order = np.lexsort((values, star))
    total = np.bincount(star, weight, n_stars)
    below = np.cumsum(weight[order]) - np.r_[0, np.cumsum(total)[:-1]][star[order]]
    reached = np.flatnonzero(below >= 0.5 * total[star[order]] * (1 - 1e-9))
    _, first = np.unique(star[order][reached], return_index=True)
    return values[order[reached[first]]]


def _joint(densities, weight, star, n_stars: int) -> np.ndarray:
    """Return the logarithms of the densities of all spectra of each star."""
    share = weight / np.bincount(star, weight, n_stars)[star]
    worth = 1 / (COMMON + (1 - COMMON) * np.bincount(star, share**2, n_stars))
    sums = [np.bincount(star, share * column, n_stars) for column in densities.T]
    return np.stack(sums, axis=1) * worth[:, None]
