"""Rates with their uncertainties."""

from __future__ import annotations

import numpy as np

__all__ = ["rate_by_star", "upper_limit"]


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
    return float(hit.mean()), *(float(x) for x in np.percentile(rates, [16, 84]))
