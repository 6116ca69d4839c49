"""Rates with their uncertainties."""

from __future__ import annotations

import numpy as np

__all__ = ["BOUNDS", "part_of_stars", "rate_by_star", "star_weights", "upper_limit"]

BOUNDS = (5, 95)
"""Percentiles between which a range of 90 % lies."""
_UNSEEN = 0.5
"""Stars of either outcome that were not seen and that ranges allow for (Jeffreys)."""


def upper_limit(count: int, trials: int, confidence: float = 0.95) -> float:
    """Upper limit of a binomial rate (Clopper & Pearson 1934, one-sided).

    >>> round(upper_limit(0, 300_000) * 1e6, 1)
    10.0
    """
    from scipy.stats import beta

    if trials == 0:
        return 1.0
    return 1.0 if count >= trials else float(beta.ppf(confidence, count + 1, trials - count))


def rate_by_star(hit, star, rng, *, n_resamples=1000) -> tuple[float, float, float]:
    """Mean of ``hit`` with its 16th and 84th percentile when stars, not spectra, are resampled.

    Parameters
    ----------
    hit : ndarray of bool, shape (n,)
    star : ndarray, shape (n,)
        Spectra of one star are not independent.
    rng : numpy.random.Generator

    Returns
    -------
    rate, low, high : float
        NaN if there are no spectra.
    """
    hit = np.asarray(hit, dtype=float)
    if not len(hit):
        return np.nan, np.nan, np.nan
    _, group = np.unique(np.asarray(star, dtype=str), return_inverse=True)
    total = np.bincount(group)
    good = np.bincount(group, weights=hit)
    weight = rng.multinomial(len(total), np.full(len(total), 1 / len(total)), size=n_resamples)
    rates = (weight @ good) / (weight @ total)
    low, high = np.percentile(rates, [16, 84])
    return float(hit.mean()), float(low), float(high)


def star_weights(rng, n_stars: int, n_resamples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what each star counts in samples of a Bayesian bootstrap (Rubin 1981, Ann. Stat. 9,
    130), and what stars not seen, found or lost, count beside them.

    Where every star was found a sample of the stars says nothing of those to come: a half of a star
    found and a half of one lost are added, as Jeffreys' prior does.

    Parameters
    ----------
    rng : numpy.random.Generator
    n_stars, n_resamples : int

    Returns
    -------
    weight : ndarray, shape (n_resamples, n_stars)
    unseen : ndarray, shape (n_resamples, 2)
        Of those found, of those lost.
    """
    weight = rng.standard_gamma(1.0, size=(n_resamples, n_stars))
    return weight, rng.standard_gamma(_UNSEEN, size=(n_resamples, 2))


def part_of_stars(hit, star, weight, rng, *, n_resamples=1000) -> tuple[float, float, float]:
    """Mean of ``hit``, each star counted alike, with its range of 90 % over samples of stars.

    Parameters
    ----------
    hit : ndarray of bool, shape (n,)
    star : ndarray of int, shape (n,)
    weight : ndarray, shape (n,)
        Of each spectrum beside others of its star.
    rng : numpy.random.Generator

    Returns
    -------
    part, low, high : float
        NaN if there are no spectra.
    """
    if not len(hit):
        return np.nan, np.nan, np.nan
    _, group = np.unique(star, return_inverse=True)
    of_star = np.bincount(group, np.asarray(hit) * weight) / np.bincount(group, weight)
    counted, unseen = star_weights(rng, len(of_star), n_resamples)
    sampled = (counted @ of_star + unseen[:, 0]) / (counted.sum(axis=1) + unseen.sum(axis=1))
    part = float(of_star.mean())
    low, high = np.percentile(sampled, BOUNDS)
    return part, float(min(low, part)), float(max(high, part))
