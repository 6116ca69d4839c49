"""Noise and bad pixels of real LAMOST spectra, to be given to simulated ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from ..spectra.grid import WavelengthGrid
from ..spectra.normalize import pseudo_continuum
from ..spectra.snr import g_band, g_band_snr
from .library import STAR_GRID

__all__ = ["BACKGROUND", "NoiseBank", "expected_error"]

BACKGROUND = 3000.0
"""Photo-electrons a pixel that do not come from the star (sky, detector), as far as they matter to
the noise. With it the S/N of real LAMOST spectra at 4000 to 7200 Å is what the efficiency of others
predicts, to 15 % in the median, for faint and bright, hot and cool stars."""

TYPICAL_SCATTER, TYPICAL_CORRELATION = 0.78, 0.13
"""Standard deviation of LAMOST's noise in units of the errors that come with the spectra, and the
correlation of neighbouring pixels: medians over LAMOST spectra of S/N (g) below 12, stars taken
out. For a bank without residuals."""

_FEWEST_BRIGHT = 100
_COMPONENTS = 30
_WIDTH = 15  # pixels: more than a line has
_MOST_SMOOTH = 2.5
_ALIKE = 1e-5  # of the continuum: the rounding of float32


@dataclass
class NoiseBank:
    """Noise of real spectra on `STAR_GRID`.

    Attributes
    ----------
    efficiency : ndarray, shape (n, n_pixels), float32
        Photo-electrons for a flux that is the same everywhere, divided by their median in the g
        band.
    mask : ndarray, shape (n, n_pixels), bool
        Bad pixels.
    residual : ndarray, shape (k, n_pixels), float32
        What is left of faint spectra when the star is taken out, in units of the error that the
        survey gives: sky residuals, cosmic rays and correlated noise as they are; 0 where masked.
        Its standard deviation need not be 1: LAMOST's errors are a quarter too large.
    """

    efficiency: np.ndarray
    mask: np.ndarray
    residual: np.ndarray

    @classmethod
    def from_spectra(
        cls,
        flux: np.ndarray,
        ivar: np.ndarray,
        mask: np.ndarray,
        *,
        faint: float = 12.0,
        bright: float = 30.0,
        grid: WavelengthGrid = STAR_GRID,
    ) -> Self:
        """Learn from real spectra.

        The lines of the faint stars themselves must not be taken for noise. They are fitted with
        principal components of the bright spectra; where these do not describe a faint spectrum
        (galaxies, molecular bands) it is not used.

        Parameters
        ----------
        flux, ivar, mask : ndarray, shape (n, n_pixels)
        faint : float
            Spectra below this S/N (g) give residuals.
        bright : float
            Spectra above this S/N (g) say what lines stars have. With fewer than 100 of them there
            are no residuals.
        """
        level, _ = pseudo_continuum(flux, mask, block=32, smooth=1.5)
        median = g_band_snr(flux, ivar, mask, grid)
        usable = np.isfinite(median) & (median > 2) & ((~mask).mean(axis=1) > 0.7)
        flux, ivar, mask = flux[usable], ivar[usable], mask[usable]
        level, median = level[usable], median[usable]
        sigma = np.sqrt(_smooth_variance(ivar, mask))
        efficiency = _electrons_over_snr(np.maximum(level, 0) / sigma) / sigma
        efficiency /= np.median(efficiency[:, g_band(grid)], axis=1, keepdims=True)
        efficiency = np.clip(efficiency, 0.02, 20).astype(np.float32)
        is_faint, is_bright = median < faint, median > bright
        residual = np.zeros((0, flux.shape[1]), dtype=np.float32)
        if is_bright.sum() >= _FEWEST_BRIGHT and is_faint.any():
            floor = 0.05 * np.median(np.abs(level), axis=1, keepdims=True)
            level = np.maximum(level, np.maximum(floor, 1e-30))
            depth = np.where(mask, 0, flux / level - 1)
            residual = _without_stars(
                depth[is_faint], ~mask[is_faint] * (level / sigma)[is_faint], depth[is_bright]
            )
        return cls(efficiency, mask.copy(), residual)

    @classmethod
    def analytic(
        cls, rng: np.random.Generator, n_spectra: int = 64, *, grid: WavelengthGrid = STAR_GRID
    ) -> Self:
        """Make a stand-in for real spectra: efficiency falls to the blue, a few bad pixels."""
        x = np.linspace(-1, 1, grid.n_pixels)
        slope = rng.uniform(0.3, 1.2, (n_spectra, 1))
        log_efficiency = slope * x - 2.4 * np.clip(-0.6 - x, 0, None)
        log_efficiency -= np.median(log_efficiency[:, g_band(grid)], axis=1, keepdims=True)
        efficiency = np.exp(log_efficiency)
        mask = rng.random((n_spectra, grid.n_pixels)) < 0.01
        white = rng.standard_normal((n_spectra, grid.n_pixels + 2))
        residual = (white[:, :-2] * 0.25 + white[:, 1:-1] + white[:, 2:] * 0.25) / 1.06
        return cls(efficiency.astype(np.float32), mask, residual.astype(np.float32))

    def draw(self, n_spectra: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw the efficiencies and masks of ``n_spectra`` spectra of the bank."""
        rows = rng.integers(0, len(self.efficiency), n_spectra)
        return self.efficiency[rows], self.mask[rows]

    @cached_property
    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Standard deviation of each residual, and the correlation of its neighbouring pixels."""
        if not len(self.residual):
            typical = np.array([[TYPICAL_SCATTER], [TYPICAL_CORRELATION]], dtype=np.float32)
            return typical[0], typical[1]
        core = np.clip(self.residual, -5, 5)
        known = np.maximum((core != 0).sum(axis=1), 1)
        variance = np.einsum("ij,ij->i", core, core) / known
        neighbours = np.einsum("ij,ij->i", core[:, 1:], core[:, :-1]) / known
        correlation = np.clip(neighbours / np.maximum(variance, 1e-12), 0, 0.6)
        return np.sqrt(variance).astype(np.float32), correlation.astype(np.float32)

    def draw_noise(
        self, n_spectra: int, rng: np.random.Generator, *, real_fraction: float = 0.5
    ) -> np.ndarray:
        """Draw noise in units of the error that a survey would give, shape (n_spectra, n_pixels).

        It is as strong, and neighbouring pixels are as correlated, as in a random residual of the
        bank. A part of the rows are such residuals themselves, half and half with other noise of
        the same kind, shifted and with a random sign.
        """
        n_pixels = self.efficiency.shape[1]
        white = rng.standard_normal((n_spectra, n_pixels + 2), dtype=np.float32)
        like = rng.integers(0, len(self._statistics[0]), (n_spectra, 1))
        scatter, correlation = (values[like] for values in self._statistics)
        # A moving average (s, 1, s) has a correlation of 2 s / (1 + 2 s^2).
        side = correlation / (1 + np.sqrt(1 - 2 * correlation**2))
        noise = side * white[:, :-2] + white[:, 1:-1] + side * white[:, 2:]
        noise *= scatter / np.sqrt(1 + 2 * side**2)
        if len(self.residual):
            real = np.flatnonzero(rng.random(n_spectra) < real_fraction)
            sign = rng.choice(np.array([-1, 1], dtype=np.float32), len(real))
            shift = rng.integers(-3, 4, len(real))
            for row, s, k in zip(real, sign, shift, strict=True):
                pick = rng.integers(0, len(self.residual))
                noise[row] = 0.5 * noise[row] + s * np.roll(self.residual[pick], k) * 0.87
        return noise


def expected_error(
    level: np.ndarray, efficiency: np.ndarray, snr: np.ndarray, grid: WavelengthGrid = STAR_GRID
) -> np.ndarray:
    """Return the error of a spectrum with a wanted S/N: photon noise of star and `BACKGROUND`.

    Faint spectra are noisy as their background is, whatever the star; the S/N of a hot one is
    higher in the blue, as it has more light there, and that of a bright one is less uneven.

    Parameters
    ----------
    level : ndarray, shape (n, n_pixels)
        Flux without lines; of negative values the size counts.
    efficiency : ndarray, shape (n, n_pixels)
        As `NoiseBank` has it.
    snr : ndarray, shape (n,)
        Median over the pixels of the g band.

    Returns
    -------
    ndarray, shape (n, n_pixels)
        In units of the flux.
    """
    electrons = efficiency * np.abs(level)
    # The S/N grows with the number of electrons: the median of one is that of the other.
    wanted = snr * _electrons_over_snr(snr)
    median = np.median(electrons[:, g_band(grid)], axis=1)
    median = np.maximum(median, 0.01 * electrons.mean(axis=1))  # most of it may be dark
    scale = (wanted / np.maximum(median, 1e-30)).astype(efficiency.dtype)[:, None]
    return np.sqrt(scale * electrons + np.float32(BACKGROUND)) / (scale * efficiency)


def _electrons_over_snr(snr: np.ndarray) -> np.ndarray:
    """Electrons of a star over their S/N, which for n of them is n / sqrt(n + `BACKGROUND`)."""
    return 0.5 * (snr + np.sqrt(snr**2 + 4 * BACKGROUND))


def _without_stars(depth: np.ndarray, weight: np.ndarray, bright: np.ndarray) -> np.ndarray:
    """Return residuals of faint spectra in units of their errors, their stars taken out.

    Parameters
    ----------
    depth : ndarray, shape (n, n_pixels)
        Flux over level, less 1; 0 where masked.
    weight : ndarray, shape (n, n_pixels)
        One over the error of ``depth``; 0 where masked.
    bright : ndarray, shape (m, n_pixels)
        ``depth`` of bright spectra.

    Returns
    -------
    ndarray, shape (k, n_pixels), float32
        Those of the n of which the components leave no lines.
    """
    mean, values, components = _star_components(np.clip(bright, -1, 1).astype(np.float64))
    kept = []
    for spectrum, w in zip(depth, weight.astype(np.float64), strict=True):
        off = spectrum - mean
        own = np.where(np.abs(off * w) < 5, w, 0)  # without cosmic rays
        weighted = components * own
        normal = weighted @ weighted.T + np.diag(1 / values)
        amount = np.linalg.solve(normal, weighted @ (own * off))
        left = np.clip((off - amount @ components) * w, -6, 12)
        if _smooth_part(left) < _MOST_SMOOTH:
            kept.append(left)
    return np.array(kept, dtype=np.float32).reshape(-1, depth.shape[1])


def _star_components(bright: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mean of different stars, and variance and shape of principal components.

    Spectra that are alike have fewer components. Which of them differ by rounding alone depends on
    the processor, so that what is no more than that counts as alike.
    """
    from sklearn.decomposition import PCA

    if np.ptp(bright, axis=0).max() < _ALIKE:
        return bright.mean(axis=0), np.zeros(0), np.zeros((0, bright.shape[1]))
    pca = PCA(_COMPONENTS, svd_solver="randomized", random_state=0).fit(bright)
    varied = pca.explained_variance_ > 1e-9 * pca.explained_variance_[0]
    return pca.mean_, pca.explained_variance_[varied], pca.components_[varied]


def _smooth_part(residual: np.ndarray) -> float:
    """Return how much larger the variance of means over 15 pixels is than without correlation."""
    from scipy.ndimage import uniform_filter1d

    core = np.clip(residual, -5, 5)
    known = (core != 0).astype(float)
    count = uniform_filter1d(known, _WIDTH)
    full = count > 0.9
    if not full.any():
        return np.inf
    means = uniform_filter1d(core, _WIDTH)[full]
    return float(_WIDTH * np.mean(means**2) / np.mean(core[core != 0] ** 2))


def _smooth_variance(ivar: np.ndarray, mask: np.ndarray, width: int = 31) -> np.ndarray:
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
