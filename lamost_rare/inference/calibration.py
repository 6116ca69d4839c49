"""From logits to probabilities: temperature, and what measured lines say of the rare class."""

from __future__ import annotations

import numpy as np

from ..preset_config import Evidence, KeyLines
from ..spectra.batch import SpectrumBatch
from .evidence import measure_lines

__all__ = [
    "EVIDENCE",
    "KEY_LINES",
    "add_evidence",
    "calibrate",
    "line_evidence",
    "mean_width",
    "missing_lines",
    "rare_score",
    "significance_of_lines",
]

KEY_LINE_HALF_WIDTH = 12.0
"""Å around each key line, of which at least two thirds must be valid."""
KEY_LINES = {
    # He I 4026, 4388, 4471, 5876, 6678, He II 4200, 4541, 4686, 5411 (air), here in vacuum: with
    # one side of the spectrum lost there may be three left on the other.
    "O": KeyLines(
        (4027.33, 4201.02, 4389.16, 4472.73, 4542.86, 4686.99, 5413.02, 5877.25, 6680.0), needed=3
    ),
}
"""Those of the rare classes of which they are known."""
EVIDENCE = {
    "O": Evidence(("heii_4200", "heii_4541", "heii_5411"), 0.05, (0.55, 0.22), (0.0, 0.12)),
}
"""Lines that define a rare class, where they are known. He II absorption defines O; 4686 is left
out because it is in emission in Of stars. Mean and scatter (Å) are those of library O and B stars,
near what LAMOST's own O and B0-B2 stars show."""


def calibrate(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Probabilities by softmax of the logits over a temperature (Guo et al. 2017).

    Parameters
    ----------
    logits : ndarray, shape (n_spectra, n_classes)
    temperature : float

    Returns
    -------
    ndarray, shape (n_spectra, n_classes), float32
        Rows sum to 1.
    """
    from scipy.special import softmax

    return softmax(np.asarray(logits, np.float64) / temperature, axis=1).astype(np.float32)


def missing_lines(batch: SpectrumBatch, key_lines: KeyLines | None) -> np.ndarray:
    """True where too few of the key lines can be seen, shape (n_spectra,)."""
    if key_lines is None:
        return np.zeros(len(batch), dtype=bool)
    wavelength = batch.grid.wavelength
    seen = np.zeros(len(batch), dtype=int)
    for line in key_lines.wavelength:
        near = np.abs(wavelength - line) < KEY_LINE_HALF_WIDTH
        if near.any():
            seen += (~batch.mask[:, near]).mean(axis=1) > 2 / 3
    return seen < int(key_lines.needed)


def rare_score(logits, rare: int, temperature: float = 1.0) -> np.ndarray:
    """log(p / (1 - p)) of the rare class, shape (n_spectra,): does not saturate as p does."""
    from scipy.special import logsumexp

    z = np.asarray(logits, dtype=np.float64) / temperature
    return z[:, rare] - logsumexp(np.delete(z, rare, axis=1), axis=1)


def mean_width(batch: SpectrumBatch, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean of the equivalent widths of ``evidence.lines``, and its error, in Å.

    Each line's error has ``floor`` added in quadrature, for the continuum that no error bar knows.
    NaN where no line can be measured.
    """
    return _mean_of_widths(measure_lines(batch, evidence.lines), evidence)


def significance_of_lines(widths: dict, evidence: Evidence) -> np.ndarray:
    """The mean of `mean_width` over its error, from widths that were measured before.

    Parameters
    ----------
    widths : dict of ndarray, each of shape (n_spectra,)
        ``ew_<line>`` and ``ew_<line>_err`` of `~lamost_rare.inference.evidence.measure_lines`.
    evidence : Evidence

    Returns
    -------
    ndarray, shape (n_spectra,)
        NaN where no line could be measured.
    """
    mean, error = _mean_of_widths(widths, evidence)
    return mean / error


def _mean_of_widths(widths: dict, evidence: Evidence) -> tuple[np.ndarray, np.ndarray]:
    total = weight = np.zeros(())
    for name in evidence.lines:
        width = np.asarray(widths[f"ew_{name}"], dtype=float)
        error = np.hypot(np.asarray(widths[f"ew_{name}_err"], dtype=float), evidence.floor)
        good = np.isfinite(width) & np.isfinite(error)
        w = np.where(good, 1 / np.where(good, error, 1) ** 2, 0)
        total = total + w * np.where(good, width, 0)
        weight = weight + w
    weight = np.where(weight > 0, weight, np.nan)
    return total / weight, 1 / np.sqrt(weight)


def line_evidence(batch: SpectrumBatch, logits, rare: int, evidence: Evidence | None) -> np.ndarray:
    """Return what the lines of the rare class say, as a log-likelihood ratio, shape (n_spectra,).

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
    evidence : Evidence or None
    """
    out = np.zeros(len(batch))
    if evidence is None or evidence.present is None or evidence.absent is None:
        return out
    rows = np.flatnonzero(rare_score(logits, rare) > -4.6)
    if not len(rows):
        return out
    width, error = mean_width(batch[rows], evidence)

    def log_normal(mean, scatter):
        s = np.hypot(scatter, error)
        return -0.5 * ((width - mean) / s) ** 2 - np.log(s)

    ratio = log_normal(*evidence.present) - log_normal(*evidence.absent)
    out[rows] = np.where(np.isfinite(ratio), np.clip(ratio, -8, 4), 0)
    return out


def add_evidence(logits, rare: int, ratio, weight: float) -> np.ndarray:
    """Logits (n_spectra, n_classes), float64, with ``weight * ratio`` added to the rare class."""
    out = np.array(logits, dtype=np.float64)
    out[:, rare] += weight * np.asarray(ratio)
    return out
