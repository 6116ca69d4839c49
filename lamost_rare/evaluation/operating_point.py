"""Temperature and threshold of a classifier, from spectra that it was not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..inference.calibration import calibrate, fit_temperature
from .trials import subtype_group

__all__ = ["OperatingPoint", "Requirements", "choose_operating_point", "rare_score"]


@dataclass
class Requirements:
    """What the threshold must keep: highest rates of wrong candidates.

    ``reobserved`` is the rate among re-observed survey spectra, far below what can be counted; it
    is reached by extrapolating the exponential tail of the score.
    """

    reobserved: float = 2e-6
    early_b: float = 0.15
    late_b: float = 0.003
    lookalike: float = 0.0005
    lowest: float = 0.5


@dataclass
class OperatingPoint:
    """Temperature for `calibrate`, and the lowest probability of a candidate."""

    temperature: float
    threshold: float


def rare_score(logits, rare: int, temperature: float = 1.0) -> np.ndarray:
    """log(p / (1 - p)) of the rare class, shape (n,): does not saturate as p does."""
    z = np.asarray(logits, dtype=np.float64) / temperature
    others = np.delete(z, rare, axis=1)
    top = others.max(axis=1, keepdims=True)
    return z[:, rare] - (top + np.log(np.exp(others - top).sum(axis=1, keepdims=True)))[:, 0]


def choose_operating_point(trials, sources, classes, rare_class, requirements=None):
    """The temperature of the lowest cross-entropy, and the lowest threshold that meets the
    requirements.

    Parameters
    ----------
    trials : list of Trial
        Of any folds.
    sources : LabelledSources
    classes : sequence of str
    rare_class : str
    requirements : Requirements, optional

    Returns
    -------
    OperatingPoint
    """
    need = requirements or Requirements()
    index = {name: i for i, name in enumerate(classes)}
    logits, labels = [], []
    for trial in trials:
        label = sources.label[trial.row]
        known = np.isin(label, list(classes))
        if trial.kind != "reobserved":
            logits.append(trial.logits[known])
            labels.append(np.array([index[x] for x in label[known]], dtype=int))
    temperature = fit_temperature(np.concatenate(logits), np.concatenate(labels))

    rare = index[rare_class]
    limits = [np.log(need.lowest / (1 - need.lowest))]
    for trial in trials:
        score = rare_score(trial.logits, rare, temperature)
        score = np.where(trial.usable, score, -np.inf)
        group = np.array(
            [
                subtype_group(*x)
                for x in zip(sources.label[trial.row], sources.mk_type[trial.row], strict=True)
            ]
        )
        if trial.kind == "library":
            limits.append(_limit(score[group == "B0-B0.5"], need.early_b))
            limits.append(_limit(score[group == "B1+"], need.late_b))
            for name in ("hot_subdwarf", "white_dwarf"):
                limits.append(_limit(score[group == name], need.lookalike))
        elif rare_class not in set(sources.label[trial.row]):
            limits.append(_tail(score, need.reobserved) if len(score) > 5000 else _limit(score, 0))
    limit = max(limits)
    return OperatingPoint(temperature, float(1 / (1 + np.exp(-limit))))


def _limit(score, rate) -> float:
    """The score that at most a part ``rate`` exceeds."""
    if not len(score):
        return -np.inf
    ordered = np.sort(score)[::-1]
    allowed = int(np.floor(rate * len(score)))
    return float(ordered[min(allowed, len(ordered) - 1)]) + 1e-6


def _tail(score, rate, largest=200) -> float:
    """The score that a part ``rate`` would exceed if the tail beyond the largest scores is
    exponential."""
    score = np.sort(score[np.isfinite(score)])[::-1]
    n = min(largest, len(score) // 5)
    if n < 10:
        return float(score[0]) if len(score) else -np.inf
    start = score[n]
    scale = float((score[:n] - start).mean())
    extrapolated = start + scale * np.log(n / len(score) / rate)
    return max(float(extrapolated), float(score[0]) + 1e-6)


def candidates(trial, rare: int, point: OperatingPoint) -> np.ndarray:
    """Whether each spectrum of a trial would be a candidate, shape (n,)."""
    p = calibrate(trial.logits, {"temperature": point.temperature})[:, rare]
    return (p >= point.threshold) & trial.usable
