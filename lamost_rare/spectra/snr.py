"""Signal-to-noise of spectra on a grid."""

from __future__ import annotations

import numpy as np

__all__ = ["g_band_snr", "usable_snr"]

G_BAND = (4000.0, 5500.0)
"""Å; where S/N (g) is taken as the median over pixels of flux over its uncertainty."""


def g_band(grid) -> slice:
    """Return the pixels of ``grid`` in the g band."""
    low, high = np.clip(grid.pixel_of(np.array(G_BAND)).round().astype(int), 0, grid.n_pixels)
    return slice(int(low), int(high))


def g_band_snr(flux, ivar, mask, grid) -> np.ndarray:
    """Return the median S/N a pixel in the g band, (n,); NaN where no pixel is valid there."""
    band = g_band(grid)
    snr = np.where(mask[:, band], np.nan, flux[:, band] * np.sqrt(ivar[:, band]))
    out = np.full(len(flux), np.nan)
    some = np.isfinite(snr).any(axis=1)
    out[some] = np.nanmedian(snr[some], axis=1)
    return out


def usable_snr(flux, ivar, mask, grid) -> np.ndarray:
    """Return `g_band_snr`, (n,); where less than a fifth of the g band is valid, that of all pixels
    that are."""
    band = g_band(grid)
    snr = g_band_snr(flux, ivar, mask, grid)
    for row in np.flatnonzero(mask[:, band].mean(axis=1) > 0.8):
        good = ~mask[row]
        snr[row] = np.median(flux[row, good] * np.sqrt(ivar[row, good])) if good.any() else np.nan
    return snr
