"""From logits to probabilities, and from probabilities to candidates."""

from __future__ import annotations

import numpy as np

from ..presets import Preset
from ..spectra.batch import SpectrumBatch
from ..spectra.snr import g_band_snr
from .discriminant import reaches_discriminant

__all__ = [
    "add_evidence",
    "calibrate",
    "is_candidate",
    "key_lines_missing",
    "line_evidence",
    "mean_width",
    "missing_lines",
    "rare_score",
    "significance_of_lines",
    "thresholds_of",
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


def rare_score(logits, rare: int, temperature: float = 1.0) -> np.ndarray:
    """log(p / (1 - p)) of the rare class, shape (n_spectra,): does not saturate as p does."""
    z = np.asarray(logits, dtype=np.float64) / temperature
    others = np.delete(z, rare, axis=1)
    top = others.max(axis=1, keepdims=True)
    return z[:, rare] - (top + np.log(np.exp(others - top).sum(axis=1, keepdims=True)))[:, 0]


def mean_width(batch: SpectrumBatch, evidence: dict) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of the equivalent widths of ``evidence["lines"]``, and its error, in Å.

    Each line's error has ``floor`` added in quadrature, for the continuum that no error bar knows.
    NaN where no line can be measured.
    """
    from .evidence import measure_lines

    return _mean_of_widths(measure_lines(batch, evidence["lines"]), evidence)


def significance_of_lines(widths: dict, evidence: dict) -> np.ndarray:
    """The mean of `mean_width` over its error, from widths that were measured before.

    Parameters
    ----------
    widths : dict of ndarray, each of shape (n_spectra,)
        ``ew_<line>`` and ``ew_<line>_err`` of `~lamost_rare.inference.evidence.measure_lines`.
    evidence : dict
        ``lines`` and ``floor``.

    Returns
    -------
    ndarray, shape (n_spectra,)
        NaN where no line could be measured.
    """
    mean, error = _mean_of_widths(widths, evidence)
    return mean / error


def _mean_of_widths(widths: dict, evidence: dict) -> tuple[np.ndarray, np.ndarray]:
    total = weight = np.zeros(())
    for name in evidence["lines"]:
        width = np.asarray(widths[f"ew_{name}"], dtype=float)
        error = np.hypot(np.asarray(widths[f"ew_{name}_err"], dtype=float), evidence["floor"])
        good = np.isfinite(width) & np.isfinite(error)
        w = np.where(good, 1 / np.where(good, error, 1) ** 2, 0)
        total = total + w * np.where(good, width, 0)
        weight = weight + w
    weight = np.where(weight > 0, weight, np.nan)
    return total / weight, 1 / np.sqrt(weight)


def line_evidence(batch: SpectrumBatch, logits, rare: int, evidence: dict | None) -> np.ndarray:
    """What the lines that define the rare class say, as a log-likelihood ratio, shape (n_spectra,).

    The mean equivalent width of `mean_width` is compared with two normal distributions, that of
    the rare class (``present``: mean and scatter in Å) and that of everything else (``absent``),
    both widened by the measurement's error. Between -8 and 4; 0 where no line can be measured, and
    where the network leaves no doubt that the spectrum is something else (its log-odds are below
    -4.6, p below 0.01).

    Parameters
    ----------
    batch : SpectrumBatch
    logits : ndarray, shape (n_spectra, n_classes)
        Of the network.
    rare : int
        Index of the rare class.
    evidence : dict or None
        ``lines``, ``floor``, ``present``, ``absent``.
    """
    out = np.zeros(len(batch))
    if not evidence:
        return out
    rows = np.flatnonzero(rare_score(logits, rare) > -4.6)
    if not len(rows):
        return out
    width, error = mean_width(batch[rows], evidence)

    def log_normal(mean, scatter):
        s = np.hypot(scatter, error)
        return -0.5 * ((width - mean) / s) ** 2 - np.log(s)

    ratio = log_normal(*evidence["present"]) - log_normal(*evidence["absent"])
    out[rows] = np.where(np.isfinite(ratio), np.clip(ratio, -8, 4), 0)
    return out


def add_evidence(logits, rare: int, ratio, weight: float) -> np.ndarray:
    """Logits (n_spectra, n_classes), float64, with ``weight * ratio`` added to the rare class."""
    out = np.array(logits, dtype=np.float64)
    out[:, rare] += weight * np.asarray(ratio)
    return out


def thresholds_of(snr, threshold: float, by_snr: dict | None) -> np.ndarray:
    """The threshold for spectra of a given S/N (g), shape (n_spectra,).

    Noise makes more likenesses of a rare star than there are rare stars: the lower the S/N, the
    higher the probability that is asked for. Between the S/N of ``by_snr["snr"]`` the log-odds of
    ``by_snr["threshold"]`` are interpolated, linearly in the logarithm of the S/N; where the S/N is
    unknown the strictest holds. Without ``by_snr`` it is ``threshold`` for all.
    """
    snr = np.asarray(snr, dtype=float)
    if not by_snr:
        return np.full(len(snr), threshold)
    known = np.asarray(by_snr["threshold"], dtype=float)
    log_odds = np.log(known / (1 - known))
    at = np.log(np.clip(np.where(np.isfinite(snr), snr, 0), 1e-3, None))
    found = np.interp(at, np.log(by_snr["snr"]), log_odds)
    found = np.where(np.isfinite(snr), found, log_odds.max())
    return 1 / (1 + np.exp(-found))


def is_candidate(batch: SpectrumBatch, probabilities: np.ndarray, preset: Preset) -> np.ndarray:
    """Whether each spectrum is a candidate of the preset's rare class, shape (n_spectra,).

    Its probability must reach the threshold for its S/N, which is measured from its own flux and
    inverse variance; so must the score of the discriminant; its key lines must be covered.
    Generated spectra are never candidates.
    """
    if batch.generated or not preset.rare_class:
        return np.zeros(len(batch), dtype=bool)
    rare = probabilities[:, preset.classes.index(preset.rare_class)]
    by_snr = preset.config.get("threshold_by_snr")
    discriminant = preset.config.get("discriminant")
    candidate = rare >= min([preset.threshold, *(by_snr or {}).get("threshold", ())])
    rows = np.flatnonzero(candidate)
    if len(rows):
        some = batch[rows]
        snr = g_band_snr(some.flux, some.ivar, some.mask, some.grid)
        candidate[rows] = rare[rows] >= thresholds_of(snr, preset.threshold, by_snr)
        candidate[rows] &= reaches_discriminant(probabilities[rows], snr, discriminant)
        candidate[rows] &= ~key_lines_missing(some, preset)
    return candidate
