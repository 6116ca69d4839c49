"""From logits to probabilities, and from probabilities to candidates."""

from __future__ import annotations

import numpy as np

from ..presets import Preset
from ..spectra.batch import SpectrumBatch

__all__ = ["calibrate", "fit_temperature", "is_candidate", "key_lines_missing"]

KEY_LINE_HALF_WIDTH = 12.0
"""Å around each key line that must be mostly valid."""


def calibrate(logits: np.ndarray, calibration: dict | None) -> np.ndarray:
    """Probabilities by softmax of the logits over the ``temperature`` (Guo et al. 2017).

    Parameters
    ----------
    logits : ndarray, shape (n_spectra, n_classes)
    calibration : dict or None
        ``temperature``, 1 if absent.

    Returns
    -------
    ndarray, shape (n_spectra, n_classes), float32
        Rows sum to 1.
    """
    z = np.asarray(logits, dtype=np.float64) / float((calibration or {}).get("temperature", 1.0))
    z -= z.max(axis=1, keepdims=True)
    p = np.exp(z)
    return (p / p.sum(axis=1, keepdims=True)).astype(np.float32)


def fit_temperature(logits: np.ndarray, label: np.ndarray) -> float:
    """The temperature of the lowest cross-entropy on logits (n, k) with labels (n,)."""
    from scipy.optimize import minimize_scalar

    def loss(log_temperature):
        z = logits / np.exp(log_temperature)
        z = z - z.max(axis=1, keepdims=True)
        log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        return -log_p[np.arange(len(label)), label].mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x))


def key_lines_missing(batch: SpectrumBatch, preset: Preset) -> np.ndarray:
    """True where too few of the preset's key lines can be seen, shape (n_spectra,).

    ``config["key_lines"]`` gives vacuum wavelengths in Å (``wavelength``) and how many of them must be at
    least two thirds valid (``needed``).
    """
    key = preset.config.get("key_lines")
    if not key:
        return np.zeros(len(batch), dtype=bool)
    wavelength = batch.grid.wavelength
    seen = np.zeros(len(batch), dtype=int)
    for line in key["wavelength"]:
        near = np.abs(wavelength - line) < KEY_LINE_HALF_WIDTH
        if near.any():
            seen += (~batch.mask[:, near]).mean(axis=1) > 2 / 3
    return seen < int(key["needed"])


def is_candidate(batch: SpectrumBatch, probabilities: np.ndarray, preset: Preset) -> np.ndarray:
    """Whether each spectrum is a candidate of the preset's rare class, shape (n_spectra,).

    Its probability must reach the preset's threshold; generated spectra are never candidates.
    """
    if batch.generated or not preset.rare_class:
        return np.zeros(len(batch), dtype=bool)
    rare = probabilities[:, preset.classes.index(preset.rare_class)]
    return rare >= preset.threshold
