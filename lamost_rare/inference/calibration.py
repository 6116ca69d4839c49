"""From logits to probabilities, and from probabilities to candidates."""

from __future__ import annotations

import numpy as np

from ..presets import Preset
from ..spectra.batch import SpectrumBatch

__all__ = [
    "calibrate",
    "contradicted",
    "fit_temperature",
    "is_candidate",
    "key_lines_missing",
    "missing_lines",
]

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


def missing_lines(batch: SpectrumBatch, key_lines: dict | None) -> np.ndarray:
    """True where too few of the key lines can be seen, shape (n_spectra,).

    Parameters
    ----------
    batch : SpectrumBatch
    key_lines : dict or None
        Vacuum wavelengths in Å (``wavelength``) and how many of them must be at least two thirds
        valid (``needed``).
    """
    if not key_lines:
        return np.zeros(len(batch), dtype=bool)
    wavelength = batch.grid.wavelength
    seen = np.zeros(len(batch), dtype=int)
    for line in key_lines["wavelength"]:
        near = np.abs(wavelength - line) < KEY_LINE_HALF_WIDTH
        if near.any():
            seen += (~batch.mask[:, near]).mean(axis=1) > 2 / 3
    return seen < int(key_lines["needed"])


def key_lines_missing(batch: SpectrumBatch, preset: Preset) -> np.ndarray:
    """`missing_lines` with the ``key_lines`` of a preset's configuration."""
    return missing_lines(batch, preset.config.get("key_lines"))


def contradicted(batch: SpectrumBatch, evidence: dict | None) -> np.ndarray:
    """True where the lines that define the rare class can be measured and are not there, shape
    (n_spectra,).

    The weighted mean E of the equivalent widths of ``evidence["lines"]`` (He II lines that are
    never in emission in O stars) with its error s contradicts the class if E + ``sigmas`` s <
    ``lowest``. Each line's error has ``floor`` added in quadrature, for the continuum that no
    error bar knows. Nothing is contradicted where no line can be measured.

    Parameters
    ----------
    batch : SpectrumBatch
    evidence : dict or None
        ``lines`` (names of `evidence.LINES`), ``lowest`` and ``floor`` in Å, ``sigmas``.
    """
    if not evidence or not len(batch):
        return np.zeros(len(batch), dtype=bool)
    from .evidence import measure_lines

    measured = measure_lines(batch)
    total = np.zeros(len(batch))
    weight = np.zeros(len(batch))
    for name in evidence["lines"]:
        width = np.asarray(measured[f"ew_{name}"], dtype=float)
        error = np.hypot(np.asarray(measured[f"ew_{name}_err"], dtype=float), evidence["floor"])
        good = np.isfinite(width) & np.isfinite(error)
        w = np.where(good, 1 / np.where(good, error, 1) ** 2, 0)
        total += w * np.where(good, width, 0)
        weight += w
    seen = weight > 0
    weight[~seen] = 1
    highest = total / weight + evidence["sigmas"] / np.sqrt(weight)
    return seen & (highest < evidence["lowest"])


def is_candidate(batch: SpectrumBatch, probabilities: np.ndarray, preset: Preset) -> np.ndarray:
    """Whether each spectrum is a candidate of the preset's rare class, shape (n_spectra,).

    Its probability must reach the preset's threshold, its key lines must be covered, and its line
    evidence must not contradict it (`contradicted`); generated spectra are never candidates.
    """
    if batch.generated or not preset.rare_class:
        return np.zeros(len(batch), dtype=bool)
    rare = probabilities[:, preset.classes.index(preset.rare_class)]
    candidate = (rare >= preset.threshold) & ~key_lines_missing(batch, preset)
    rows = np.flatnonzero(candidate)
    if len(rows):
        candidate[rows] = ~contradicted(batch[rows], preset.config.get("evidence"))
    return candidate
