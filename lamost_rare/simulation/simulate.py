"""Simulate how LAMOST would observe a star, of a library or observed before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ..spectra.at_rest import C_KM_S
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import LAMOST_GRID
from ..spectra.normalize import pseudo_continuum
from ..spectra.snr import g_band_snr
from . import effects
from .library import MARGIN, STAR_GRID
from .noise import NoiseBank, expected_error

__all__ = ["Conditions", "shift_and_rotate", "simulate"]

KM_S_PER_PIXEL = C_KM_S * np.log(10) * STAR_GRID.log10_step


@dataclass
class Conditions:
    """How each of n spectra is observed; every attribute has shape (n,).

    Attributes
    ----------
    snr : float
        Wanted median S/N a pixel in the g band.
    radial_velocity, vsini : float
        km/s.
    a_v : float
        Added extinction in mag.
    nebular : float
        Equivalent width (Å) of nebular Hβ emission.
    calibration : float
        Scale of the smooth calibration error (standard deviation of each Legendre term, natural
        log).
    """

    snr: np.ndarray
    radial_velocity: np.ndarray
    vsini: np.ndarray
    a_v: np.ndarray
    nebular: np.ndarray
    calibration: np.ndarray

    @classmethod
    def draw(
        cls,
        n_spectra: int,
        rng: np.random.Generator,
        *,
        hot: np.ndarray | None = None,
        snr_range: tuple[float, float] = (4.0, 150.0),
    ) -> Self:
        """Draw conditions as met in the survey.

        Parameters
        ----------
        hot : ndarray of bool, shape (n_spectra,), optional
            True for OB stars: A_V up to 8, rotation up to 350 km/s, nebulae; else A_V mostly below
            2.
        snr_range : pair of float
            S/N (g) is log-uniform in this range.
        """
        hot = np.zeros(n_spectra, dtype=bool) if hot is None else np.asarray(hot, dtype=bool)
        low, high = np.log(snr_range)
        snr = np.exp(rng.uniform(low, high, n_spectra))
        velocity = rng.normal(0, 60, n_spectra)
        fast = rng.random(n_spectra) < 0.15
        velocity = np.where(fast, rng.uniform(-500, 500, n_spectra), velocity)
        vsini = np.where(hot, rng.uniform(0, 350, n_spectra) * (rng.random(n_spectra) < 0.6), 0)
        a_v = np.where(
            hot,
            np.where(rng.random(n_spectra) < 0.8, rng.uniform(0, 4, n_spectra), 0)
            + np.where(rng.random(n_spectra) < 0.25, rng.uniform(0, 4, n_spectra), 0),
            np.abs(rng.normal(0, 0.8, n_spectra)),
        )
        nebular = np.where(
            hot & (rng.random(n_spectra) < 0.25), np.exp(rng.normal(-0.5, 1.2, n_spectra)), 0
        )
        calibration = np.abs(rng.normal(0, 0.12, n_spectra))
        return cls(snr, velocity, vsini, a_v, nebular, calibration)


def shift_and_rotate(
    flux: np.ndarray, radial_velocity: np.ndarray, vsini: np.ndarray
) -> np.ndarray:
    """Doppler shift and rotational broadening on a log grid, by Fourier transform.

    Parameters
    ----------
    flux : ndarray, shape (n, n_pixels), float32
        On a grid with steps of 1e-4 dex; gaps bridged.
    radial_velocity, vsini : ndarray, shape (n,)
        km/s. The rotation profile is the elliptic one, without limb darkening (Gray 2005, Eq.
        18.14, ε = 0).

    Returns
    -------
    ndarray, shape (n, n_pixels), float32
    """
    from scipy.special import j1

    n_pixels = flux.shape[1]
    length = 4096 if n_pixels <= 4096 - 256 else 2 ** int(np.ceil(np.log2(n_pixels + 256)))
    ramp = np.linspace(0, 1, length - n_pixels, dtype=np.float32)
    pad = flux[:, -1:] * (1 - ramp) + flux[:, :1] * ramp  # no edge for the transform to ring on
    spectrum = np.fft.rfft(np.concatenate([flux, pad], axis=1), axis=1)
    frequency = np.fft.rfftfreq(length)[None, :]
    angle = 2 * np.pi * frequency
    x = angle * (np.asarray(vsini, dtype=float) / KM_S_PER_PIXEL)[:, None]
    rotation = np.where(x > 1e-6, 2 * j1(x) / np.maximum(x, 1e-6), 1.0)
    phase = np.exp(-1j * angle * (np.asarray(radial_velocity) / KM_S_PER_PIXEL)[:, None])
    out = np.fft.irfft(spectrum * (rotation * phase).astype(np.complex64), n=length, axis=1)
    return out[:, :n_pixels].astype(np.float32)


def _shift_mask(valid: np.ndarray, radial_velocity: np.ndarray) -> np.ndarray:
    pixels = np.rint(np.asarray(radial_velocity) / KM_S_PER_PIXEL).astype(int)
    index = np.arange(valid.shape[1])[None, :] - pixels[:, None]
    inside = (index >= 0) & (index < valid.shape[1])
    shifted = np.take_along_axis(valid, np.clip(index, 0, valid.shape[1] - 1), axis=1)
    return shifted & inside


def simulate(
    flux: np.ndarray,
    valid: np.ndarray,
    conditions: Conditions,
    noise: NoiseBank,
    rng: np.random.Generator,
    *,
    ivar: np.ndarray | None = None,
    gaps: bool | dict = True,
    cosmic_rays: bool = True,
) -> SpectrumBatch:
    """Simulate observations of stars.

    Parameters
    ----------
    flux : ndarray, shape (n, STAR_GRID.n_pixels), float32
        Of any scale; gaps bridged.
    valid : ndarray of bool, same shape
        Where the star has data.
    conditions : Conditions
    noise : NoiseBank
    rng : numpy.random.Generator
    ivar : ndarray, same shape, optional
        Inverse variance that the spectra have already, if they are real ones (0 in rows that are
        not). Such rows are shifted by whole pixels, keep their masks and own noise,
        and only get the noise that is missing to the wanted S/N; they are never made less noisy.
    gaps : bool or dict
        Whether to lose more pixels than the noise's donors lost; a dict for the arguments of
        `effects.coverage_gaps`.
    cosmic_rays : bool
        Whether to add cosmic rays.

    Returns
    -------
    SpectrumBatch
        On `LAMOST_GRID`, with ``identity["snr_g"]`` measured from the result.
    """
    n = len(flux)
    grid = STAR_GRID
    c = conditions
    real = np.zeros(n, dtype=bool) if ivar is None else np.any(ivar > 0, axis=1)
    velocity = np.where(
        real, np.rint(c.radial_velocity / KM_S_PER_PIXEL) * KM_S_PER_PIXEL, c.radial_velocity
    )
    out = np.empty((n, grid.n_pixels), dtype=np.float32)
    library = ~real
    if library.any():
        out[library] = shift_and_rotate(flux[library], velocity[library], c.vsini[library])
    good = _shift_mask(valid, velocity)
    own_variance = np.zeros((n, grid.n_pixels), dtype=np.float32)
    for row in np.flatnonzero(real):
        assert ivar is not None  # which is why there are real ones
        pixels = round(velocity[row] / KM_S_PER_PIXEL)
        out[row] = np.roll(flux[row], pixels)
        own = np.roll(ivar[row], pixels)
        own_variance[row] = np.where(own > 0, 1 / np.where(own > 0, own, 1), 0)

    curve = effects.extinction_curve(grid)[rng.integers(0, len(effects.R_V), n)]
    factor = 10 ** (-0.4 * c.a_v[:, None].astype(np.float32) * curve)
    factor *= effects.interstellar_lines(c.a_v / 3.1, grid, rng)
    factor *= effects.telluric_bands(n, grid, rng)
    factor *= effects.calibration_error(n, grid, rng, scale=c.calibration[:, None])
    out *= factor
    own_variance *= factor * factor

    level = pseudo_continuum(out, ~good, block=64, smooth=1.0)[0]
    out += level * effects.nebular_lines(c.nebular, grid, rng)
    sky = np.abs(rng.normal(0, 1, n)) * np.clip(8 / c.snr, 0.0, 1.0)
    out += np.abs(level) * effects.sky_residuals(sky, grid, rng)

    efficiency, bad = noise.draw(n, rng)
    wanted = expected_error(level, efficiency, c.snr * np.exp(rng.normal(0, 0.15, n)))
    missing = np.sqrt(np.maximum(wanted**2 - own_variance, 0)).astype(np.float32)
    out += missing * noise.draw_noise(n, rng)
    variance = own_variance + missing**2
    good &= ~np.where(real[:, None], False, bad)
    if cosmic_rays:
        out += level * effects.cosmic_rays(n, grid, rng)
    if gaps:
        arguments = {} if gaps is True else gaps
        good &= ~effects.coverage_gaps(n, grid, rng, **arguments)

    inner = slice(MARGIN, MARGIN + LAMOST_GRID.n_pixels)
    mask = ~(good & (variance > 0) & np.isfinite(out))[:, inner]
    result_flux = np.where(mask, 0, out[:, inner]).astype(np.float32)
    result_ivar = np.where(mask, 0, 1 / np.where(mask, 1, variance[:, inner])).astype(np.float32)
    batch = SpectrumBatch(LAMOST_GRID, result_flux, result_ivar, mask)
    batch.identity["snr_g"] = g_band_snr(result_flux, result_ivar, mask, LAMOST_GRID)
    return batch
