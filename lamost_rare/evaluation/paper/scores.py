"""Scores of a recogniser's answers on stars that it was not trained on."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, log_expit, logsumexp

from ...validation.trials import SNR_BINS

__all__ = ["AT_SNR", "SCORES", "calibration_error", "false_alarms_at", "score"]

RECALL = 0.95
SCORES = {
    "set2": "accuracy on set 2",
    "snr_5_10": "S/N 5-10",
    "snr_10_20": "S/N 10-20",
    "snr_20_100": "S/N above 20",
    "others": "F, G, K not called O",
    "false_alarms": f"false alarms at recall {RECALL}",
    "log_loss": "log loss",
    "calibration": "calibration error",
}
"""Names of the scores, in the order of the tables."""

AT_SNR = tuple(f"snr_{low:g}_{high:g}" for low, high in SNR_BINS)
"""Scores in bins of S/N."""


def calibration_error(p: np.ndarray, true: np.ndarray, n_bins: int = 10) -> float:
    """Return the expected calibration error: the mean of |observed frequency - mean probability|
    over equal bins of probability, weighted by how many spectra lie in each (Naeini et al. 2015).

    Parameters
    ----------
    p : ndarray, shape (n,)
        Probability of the rare class.
    true : ndarray of bool, shape (n,)
    """
    index = np.clip((np.asarray(p) * n_bins).astype(int), 0, n_bins - 1)
    n = np.bincount(index, minlength=n_bins)
    difference = np.bincount(index, weights=true, minlength=n_bins)
    difference = difference - np.bincount(index, weights=p, minlength=n_bins)
    return float(np.abs(difference).sum() / n.sum())


def false_alarms_at(recall: float, rare_score: np.ndarray, other_score: np.ndarray) -> float:
    """Return the part of the others that has the score which a part ``recall`` of the rare has."""
    ordered = np.sort(rare_score)[::-1]
    threshold = ordered[max(int(np.ceil(recall * len(ordered))) - 1, 0)]
    return float(np.mean(np.asarray(other_score) >= threshold))


def score(logits: np.ndarray, label: np.ndarray, snr: np.ndarray, n_set2: int) -> dict[str, float]:
    """Return all `SCORES`.

    Parameters
    ----------
    logits : ndarray, shape (n, n_classes)
        The rare class first.
    label : ndarray of int, shape (n,)
    snr : ndarray, shape (n,)
    n_set2 : int
        The first so many spectra of the rare class are data set 2.
    """
    z = np.asarray(logits, dtype=float)
    rare, hit = label == 0, z.argmax(axis=1) == 0
    # Of O or not: which of F, G and K it is does not matter. Log-odds, since p can round to 1.
    odds = z[:, 0] - logsumexp(z[:, 1:], axis=1)
    out = {"set2": float(hit[rare][:n_set2].mean())}
    for low, high in SNR_BINS:
        own = hit[rare & (snr >= low) & (snr < high)]
        out[f"snr_{low:g}_{high:g}"] = float(own.mean()) if len(own) else float("nan")
    out["others"] = float(1 - hit[~rare].mean())
    out["false_alarms"] = false_alarms_at(RECALL, odds[rare], odds[~rare])
    out["log_loss"] = float(-log_expit(np.where(rare, odds, -odds)).mean())
    out["calibration"] = calibration_error(expit(odds), rare)
    return out
