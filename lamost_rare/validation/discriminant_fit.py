"""Fit of the discriminant that tells hot stars from all else, on spectra not trained on.

It is for recipes whose rare class has look-alikes (`group`), and of which nobody knows how frequent
the populations of a survey are. Where that is known, odds do the same and more: `odds_fit`. No
shipped preset has a discriminant now. `train classifier` fits none: its candidates are those of a
probability of 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..inference.discriminant import discriminant_features, discriminant_score
from ..preset_config import Discriminant

__all__ = ["Judged", "fit_discriminant"]

DOUBTFUL = -3.0
"""Log-odds of the rare class above which a spectrum takes part: others are out in any case."""
FEWEST = 20
"""Spectra of either kind without which there is nothing to fit."""
PENALTY = 10.0
"""Strength of the ridge penalty: as if so many spectra asked for weights of 0, on standardized
features."""


@dataclass
class Judged:
    """Spectra of one kind of trial, and what is known of them.

    Attributes
    ----------
    kind : str
        As `Trial.kind`.
    p : ndarray, shape (n, n_classes)
        Probabilities.
    snr, score : ndarray, shape (n,)
        S/N (g), and log-odds of the rare class.
    reached : ndarray of bool, shape (n,)
        Whether the probability of the rare class is that of a candidate.
    own, other : ndarray of bool, shape (n,)
        Whether it is of the rare class, and whether it is to be kept out.
    """

    kind: str
    p: np.ndarray
    snr: np.ndarray
    score: np.ndarray
    reached: np.ndarray
    own: np.ndarray
    other: np.ndarray


def _regression(x, y, falls) -> np.ndarray:
    """Weights, those of features that ``falls`` marks at most 0, and a constant."""
    from scipy.optimize import minimize
    from scipy.special import expit

    ridge = PENALTY / len(y)

    def loss(v):
        z = x @ v[:-1] + v[-1]
        error = expit(z) - y
        value = (np.logaddexp(0, z) - y * z).mean() + 0.5 * ridge * (v[:-1] ** 2).sum()
        return value, np.append(x.T @ error / len(y) + ridge * v[:-1], error.mean())

    bounds = [(None, 0) if down else (None, None) for down in falls] + [(None, None)]
    start = np.zeros(len(bounds))
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 2000}
    )
    return found.x


def fit_discriminant(trials: list[Judged], hot, allowed: int, margin: float) -> Discriminant | None:
    """Logistic regression of the rare class against a survey's common spectra.

    Parameters
    ----------
    trials : list of Judged
    hot : ndarray of bool, shape (n_classes,)
        Classes that are not to be kept out. The probability of any other class can only lower the
        score, so that nothing strange gains by looking like one of them.
    allowed : int
        How many of the re-observed spectra that reach the probability may stay; of spectra as they
        are none may.
    margin : float
        What the threshold is above that.

    Returns
    -------
    Discriminant or None
        None if there is too little to fit.
    """
    features, wanted = [], []
    for t in trials:
        near = (t.own | t.other) & (t.score > DOUBTFUL)
        features.append(discriminant_features(t.p[near], t.snr[near]))
        wanted.append(t.own[near])
    x, y = np.concatenate(features), np.concatenate(wanted)
    if min(y.sum(), (~y).sum()) < FEWEST:
        return None
    mean, scatter = x.mean(axis=0), x.std(axis=0) + 1e-9
    falls = np.concatenate([~np.asarray(hot), ~np.asarray(hot), [False, False]])
    *weights, constant = _regression((x - mean) / scatter, y, falls)
    weights = weights / scatter
    found = Discriminant(tuple(weights.tolist()), float(constant - weights @ mean), 0.0)
    limits = [0.0]  # even odds, if nothing asks for more
    for t in trials:
        alarm = t.other & t.reached
        scores = np.sort(discriminant_score(t.p[alarm], t.snr[alarm], found))[::-1]
        stay = allowed if t.kind == "reobserved" else 0
        if len(scores) > stay:
            limits.append(float(scores[stay]) + margin + 1e-3)
    return replace(found, threshold=max(limits))
