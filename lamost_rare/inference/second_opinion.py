"""A second network, which is asked about the few spectra that the first does not rule out.

What two networks that were trained apart say of noise has less to do with each other than what they
say of lines: their mean is wrong less often than either. Asking about one spectrum in fifty costs
next to nothing.
"""

from __future__ import annotations

import numpy as np

from .calibration import rare_score

__all__ = ["asked", "mean_opinion"]


def asked(logits, rare: int, log_odds: float) -> np.ndarray:
    """Rows of logits (n_spectra, n_classes) that a second network is asked about.

    Those whose log-odds of the rare class are above ``log_odds``.
    """
    return np.flatnonzero(rare_score(logits, rare) > log_odds)


def mean_opinion(logits, evidence, rows, other_logits, other_evidence):
    """What two networks say together.

    Parameters
    ----------
    logits : ndarray, shape (n_spectra, n_classes)
        Of the first network.
    evidence : ndarray, shape (n_spectra,)
        As `~lamost_rare.inference.calibration.line_evidence` gives it for these logits.
    rows : ndarray of int, shape (n_asked,)
        From `asked`.
    other_logits, other_evidence : ndarray, shape (n_asked, n_classes) and (n_asked,)
        Of the second network.

    Returns
    -------
    logits, evidence : ndarray
        For these rows the mean of the logits, and the evidence if either network had the lines
        looked at; for all others those of the first network.
    """
    logits, evidence = np.array(logits, dtype=np.float32), np.array(evidence, dtype=float)
    logits[rows] = (logits[rows] + other_logits) / 2
    own = evidence[rows]
    evidence[rows] = np.where(own != 0, own, other_evidence)
    return logits, evidence
