"""Emission lines of hot stars and of nebulae before them, as flags."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..spectra.batch import SpectrumBatch
from ..spectra.lines import EMISSION_LINES
from ..spectra.quality import QualityFlag
from .evidence import measure_windows

__all__ = ["HOT", "HOT_FROM", "emission_flags", "may_be_hot"]

HOT = ("O", "B")
"""Classes of the stars of whose emission lines the flags speak."""
HOT_FROM = 0.5
"""Sum of their probabilities from which on a spectrum is looked at."""

SIGNIFICANCE = 5.0
ALONG = 3.0
"""Of a second nebular line, beside one of `SIGNIFICANCE`: one alone may be a cosmic ray."""

FLOORS = {
    "hbeta_core": 0.15,
    "halpha_core": 0.15,
    "niii_4634": 0.08,
    "heii_4686": 0.12,
    "oiii_4959": 0.06,
    "oiii_5007": 0.06,
    "nii_6583": 0.15,
    "sii_6716": 0.1,
}
"""Å, added in quadrature to each error: what neighbouring absorption lines and diffuse bands make
of a continuum (``benchmarks/emission_flags.py``)."""

_BALMER = ("hbeta_core", "halpha_core")
_HELIUM_NITROGEN = ("niii_4634", "heii_4686")
_NEBULAR = ("oiii_4959", "oiii_5007", "nii_6583", "sii_6716")


def may_be_hot(probabilities, classes) -> np.ndarray:
    """Return which spectra are those of O and B stars, as far as a classifier says, (n,)."""
    hot = [i for i, name in enumerate(classes) if name in HOT]
    return np.asarray(probabilities)[:, hot].sum(axis=1) >= HOT_FROM


def emission_flags(batch: SpectrumBatch) -> np.ndarray:
    """Flags of the emission lines of every spectrum of a batch.

    A line is in emission if its equivalent width, in a narrow window with bands near by
    (`~lamost_rare.spectra.lines.EMISSION_LINES`), is below zero by five times its error, of which
    `FLOORS` are a part. Before that each pixel becomes the median of itself and its neighbours: no
    cosmic ray in a single pixel is a line.

    Parameters
    ----------
    batch : SpectrumBatch
        Of hot stars: in cooler ones bands hold other lines. Fluxes that have not been rectified or
        normalized pixel by pixel; scaling does not matter.

    Returns
    -------
    ndarray, shape (n_spectra,), int64
        ``EMISSION_BALMER``, ``EMISSION_HEII_NIII`` and ``EMISSION_NEBULAR`` of
        `~lamost_rare.spectra.quality.QualityFlag`; 0 where nothing is seen, or could be.
    """
    widths = measure_windows(_without_spikes(batch), tuple(EMISSION_LINES.values()))
    with np.errstate(invalid="ignore"):
        strength = {
            name: -widths[f"ew_{name}"].astype(float)
            / np.hypot(widths[f"ew_{name}_err"].astype(float), floor)
            for name, floor in FLOORS.items()
        }

        def number(names, least):
            return np.sum([strength[name] >= least for name in names], axis=0)

        nebula = (number(_NEBULAR, SIGNIFICANCE) > 0) & (number(_NEBULAR, ALONG) > 1)
        flags = np.where(number(_BALMER, SIGNIFICANCE) > 0, int(QualityFlag.EMISSION_BALMER), 0)
        wind = number(_HELIUM_NITROGEN, SIGNIFICANCE) > 0
    flags = flags | np.where(wind, int(QualityFlag.EMISSION_HEII_NIII), 0)
    return flags | np.where(nebula, int(QualityFlag.EMISSION_NEBULAR), 0)


def _without_spikes(batch: SpectrumBatch) -> SpectrumBatch:
    """Return the batch with each pixel the median of three, where all three are valid."""
    flux = np.array(batch.flux)
    left, middle, right = flux[:, :-2], flux[:, 1:-1], flux[:, 2:]
    median = np.maximum(np.minimum(left, middle), np.minimum(np.maximum(left, middle), right))
    bad = batch.mask[:, :-2] | batch.mask[:, 1:-1] | batch.mask[:, 2:]
    flux[:, 1:-1] = np.where(bad, middle, median)
    return replace(batch, flux=flux)
