"""Whether a spectrum is of a hot star at all: a linear discriminant on probabilities and S/N.

Which kind of hot star it is the probability of the rare class says. That it is none of the common
cool ones, of which a survey has a million for each O star, needs more certainty than probabilities
that were learned from balanced classes have, and the more so the lower the S/N.

The features are those of the odds in a survey, too (`odds`). A discriminant with a threshold is in
presets of recipes without prevalences alone (`lamost_rare.validation.discriminant_fit`): the
shipped ones have none, those made before may.
"""

from __future__ import annotations

import numpy as np

from ..preset_config import Discriminant

__all__ = ["discriminant_features", "discriminant_score", "reaches_discriminant"]

LOWEST_LOG = -15.0
"""Below it a logarithm of a probability says nothing more."""
SNR_RANGE = (3.0, 100.0)
"""S/N (g) outside of which nothing changes any more."""


def discriminant_features(probabilities, snr) -> np.ndarray:
    """Return what the discriminant is linear in.

    Parameters
    ----------
    probabilities : ndarray, shape (n_spectra, n_classes)
    snr : ndarray, shape (n_spectra,)
        S/N (g); unknown counts as low.

    Returns
    -------
    ndarray, shape (n_spectra, 2 * n_classes + 2), float64
        Logarithms of the probabilities; their products with the logarithm of the S/N; that, and its
        square.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    log_p = np.log(np.maximum(p, np.exp(LOWEST_LOG)))
    log_snr = np.log(np.clip(np.nan_to_num(snr, nan=0.0), *SNR_RANGE))[:, None]
    return np.concatenate([log_p, log_p * log_snr, log_snr, log_snr**2], axis=1)


def discriminant_score(probabilities, snr, discriminant: Discriminant) -> np.ndarray:
    """Log-odds of a hot star, shape (n_spectra,)."""
    features = discriminant_features(probabilities, snr)
    return features @ np.asarray(discriminant.weights) + discriminant.constant


def reaches_discriminant(probabilities, snr, discriminant: Discriminant | None) -> np.ndarray:
    """Return which scores reach their threshold, shape (n_spectra,).

    Parameters
    ----------
    probabilities, snr : ndarray
        As `discriminant_features` takes them.
    discriminant : Discriminant or None
        Without it all do.
    """
    if discriminant is None:
        return np.ones(len(probabilities), dtype=bool)
    return discriminant_score(probabilities, snr, discriminant) >= discriminant.threshold
