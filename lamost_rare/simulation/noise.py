"""Noise and bad pixels of real LAMOST spectra, to be given to simulated ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..spectra.normalize import pseudo_continuum
from ..spectra.snr import g_band, g_band_snr
from .library import SOURCE_GRID

__all__ = ["NoiseBank"]


@dataclass
class NoiseBank:
    """Noise of observed spectra on `SOURCE_GRID`.

    Attributes
    ----------
    snr : ndarray, shape (n, n_pixels), float32
        S/N along the spectrum, divided by its median in the g band.
    mask : ndarray, shape (n, n_pixels), bool
        Bad pixels.
    residual : ndarray, shape (k, n_pixels), float32
        Standardised residuals of faint spectra about their smooth level: sky residuals, cosmic
        rays and correlated noise as they are.
    """

    snr: np.ndarray
    mask: np.ndarray
    residual: np.ndarray

    @classmethod
    def from_spectra(cls, flux, ivar, mask, *, faint=12.0, grid=SOURCE_GRID):
        """Learn from observed spectra.

        Parameters
        ----------
        flux, ivar, mask : ndarray, shape (n, n_pixels)
        faint : float
            Spectra below this S/N (g) give residuals.
        """
        level, scatter = pseudo_continuum(flux, mask, block=32, smooth=1.5)
        median = g_band_snr(flux, ivar, mask, grid)
        usable = np.isfinite(median) & (median > 2) & ((~mask).mean(axis=1) > 0.7)
        flux, ivar, mask = flux[usable], ivar[usable], mask[usable]
        level, scatter, median = level[usable], scatter[usable], median[usable]
        sigma = np.sqrt(_smooth_variance(ivar, mask))
        profile = np.clip(level / sigma / median[:, None], 0.02, 5).astype(np.float32)
        dim = median < faint
        residual = (flux[dim] - level[dim]) / np.maximum(scatter[dim], 1e-12)
        residual = np.where(mask[dim], 0, np.clip(residual, -6, 12)).astype(np.float32)
        return cls(profile, mask.copy(), residual)

    @classmethod
    def analytic(cls, rng, n_spectra=64, *, grid=SOURCE_GRID):
        """A stand-in where no observed spectra are at hand: S/N falls to the blue, a few bad
        pixels."""
        x = np.linspace(-1, 1, grid.n_pixels)
        slope = rng.uniform(0.3, 1.2, (n_spectra, 1))
        snr = np.exp(slope * (x - x[g_band(grid)].mean()) - 0.6 * np.clip(-0.6 - x, 0, None) * 4)
        mask = rng.random((n_spectra, grid.n_pixels)) < 0.01
        white = rng.standard_normal((n_spectra, grid.n_pixels + 2))
        residual = (white[:, :-2] * 0.25 + white[:, 1:-1] + white[:, 2:] * 0.25) / 1.06
        return cls(snr.astype(np.float32), mask, residual.astype(np.float32))

    def draw(self, n_spectra, rng):
        """S/N profiles and masks of ``n_spectra`` random spectra of the bank."""
        rows = rng.integers(0, len(self.snr), n_spectra)
        return self.snr[rows], self.mask[rows]

    def draw_noise(self, n_spectra, rng, *, real_fraction=0.35):
        """Standardised noise, shape (n_spectra, n_pixels), float32.

        Neighbouring pixels are correlated as in LAMOST's resampled spectra (median 0.25); a part
        of the rows are residuals of real faint spectra, shifted and with a random sign.
        """
        n_pixels = self.snr.shape[1]
        white = rng.standard_normal((n_spectra, n_pixels + 2), dtype=np.float32)
        side = rng.uniform(0, 0.35, (n_spectra, 1)).astype(np.float32)
        noise = side * white[:, :-2] + white[:, 1:-1] + side * white[:, 2:]
        noise /= np.sqrt(1 + 2 * side**2)
        if len(self.residual):
            real = np.flatnonzero(rng.random(n_spectra) < real_fraction)
            sign = rng.choice(np.array([-1, 1], dtype=np.float32), len(real))
            shift = rng.integers(-3, 4, len(real))
            for row, s, k in zip(real, sign, shift, strict=True):
                pick = rng.integers(0, len(self.residual))
                noise[row] = 0.5 * noise[row] + s * np.roll(self.residual[pick], k) * 0.87
        return noise


def _smooth_variance(ivar, mask, width=31):
    from scipy.ndimage import uniform_filter1d

    good = (~mask) & (ivar > 0)
    variance = np.where(good, 1 / np.where(good, ivar, 1), 0)
    # Capped: single pixels with a huge variance would make a whole window look noisy.
    cap = np.array(
        [np.percentile(v[g], 99) if g.any() else 1 for v, g in zip(variance, good, strict=True)]
    )
    variance = np.minimum(variance, cap[:, None])
    weight = uniform_filter1d(good.astype(np.float32), width, axis=1)
    smooth = uniform_filter1d(variance.astype(np.float64), width, axis=1)
    filled = np.where(weight > 0.05, smooth / np.maximum(weight, 0.05), np.nan)
    fallback = np.nanmedian(filled, axis=1, keepdims=True)
    return np.where(np.isfinite(filled), filled, fallback) + 1e-30
