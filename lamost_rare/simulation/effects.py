"""What happens to starlight on its way into a LAMOST spectrum, as factors on a grid.

All functions take a number of spectra and a random generator and return arrays of shape
(n_spectra, n_pixels).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..spectra.air_vacuum import air_to_vacuum
from ..spectra.grid import WavelengthGrid

__all__ = [
    "calibration_error",
    "cosmic_rays",
    "coverage_gaps",
    "extinction_curve",
    "interstellar_lines",
    "nebular_lines",
    "sky_residuals",
    "telluric_bands",
]

R_V = (2.6, 3.1, 3.6, 4.4)

# Air wavelength (Å), FWHM (Å), equivalent width (Å) per unit of E(B-V).
# Diffuse bands: Friedman et al. 2011, ApJ 727, 33; Ca II and Na I: Munari & Zwitter 1997, A&A 318,
# 269.
INTERSTELLAR = (
    (3933.66, 2.6, 0.35),
    (3968.47, 2.6, 0.20),
    (4428.0, 20.0, 2.2),
    (4762.6, 3.5, 0.12),
    (5780.5, 3.5, 0.52),
    (5797.1, 3.2, 0.18),
    (5889.95, 3.3, 0.65),
    (5895.92, 3.3, 0.50),
    (6203.0, 4.0, 0.18),
    (6283.8, 5.0, 1.20),
    (6613.6, 3.5, 0.22),
)
# Air wavelength (Å), strength relative to Hβ = 1 for case B and a typical H II region.
_NEBULAR = (
    (4340.47, 0.47),
    (4861.33, 1.0),
    (4958.91, 0.7),
    (5006.84, 2.1),
    (5875.6, 0.12),
    (6548.05, 0.3),
    (6562.80, 2.9),
    (6583.45, 0.9),
    (6716.44, 0.35),
    (6730.82, 0.27),
)
_SKY = (4358.3, 5460.7, 5577.34, 5892.0, 6300.3, 6363.8, 6863.9, 6923.2, 7276.4, 7316.3, 7340.9)


@lru_cache(maxsize=8)
def extinction_curve(grid: WavelengthGrid) -> np.ndarray:
    """A(λ)/A(V) for each of `R_V`, shape (4, n_pixels), float32 (Gordon et al. 2023)."""
    import astropy.units as u
    from dust_extinction.parameter_averages import G23

    wavelength = grid.wavelength * u.AA
    return np.stack([G23(Rv=r)(wavelength) for r in R_V]).astype(np.float32)


@lru_cache(maxsize=32)
def _profiles(grid: WavelengthGrid, kind: str) -> np.ndarray:
    """Unit-area (in Å) Gaussian profiles of a line list, shape (n_lines, n_pixels)."""
    lines = {"interstellar": INTERSTELLAR, "nebular": _NEBULAR, "sky": [(w,) for w in _SKY]}[kind]
    out = []
    for line in lines:
        centre = float(air_to_vacuum(line[0]))
        fwhm = line[1] if kind == "interstellar" else centre / 1800
        sigma = np.hypot(fwhm if kind == "interstellar" else 0, centre / 1800) / 2.3548
        profile = np.exp(-0.5 * ((grid.wavelength - centre) / sigma) ** 2)
        out.append(profile / (sigma * np.sqrt(2 * np.pi)))
    return np.array(out, dtype=np.float32)


def interstellar_lines(
    colour_excess: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    """Return the transmission of interstellar lines and diffuse bands for E(B-V) (n,) in mag."""
    strength = np.array([line[2] for line in INTERSTELLAR], dtype=np.float32)
    n = len(colour_excess)
    # Saturation of the narrow lines and the scatter from one line of sight to another.
    amount = np.minimum(colour_excess, 1.5)[:, None] * strength
    amount = amount * np.exp(rng.normal(0, 0.35, (n, len(strength))))
    return np.exp(-(amount.astype(np.float32) @ _profiles(grid, "interstellar")))


def nebular_lines(
    strength: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    """Return H II emission over the local continuum; ``strength`` is Hβ's width in Å."""
    ratio = np.array([line[1] for line in _NEBULAR], dtype=np.float32)
    ratio = ratio * np.exp(rng.normal(0, 0.4, (len(strength), len(ratio))))
    return ((strength[:, None] * ratio).astype(np.float32)) @ _profiles(grid, "nebular")


def sky_residuals(scale: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator) -> np.ndarray:
    """Return residuals of sky lines over the local continuum; ``scale`` (n,) is a width in Å."""
    amount = rng.normal(0, 1, (len(scale), len(_SKY))) * scale[:, None]
    amount *= rng.random(amount.shape) < 0.5
    amount[:, 2] *= 3  # [O I] 5577 is by far the worst
    return amount.astype(np.float32) @ _profiles(grid, "sky")


def telluric_bands(n_spectra: int, grid: WavelengthGrid, rng: np.random.Generator) -> np.ndarray:
    """Return transmission of the O2 B band, and of water at 7200 Å, over- or under-corrected."""
    wavelength = grid.wavelength
    b_band = np.exp(-(np.clip(wavelength - 6869, 0, None) / 35)) * (wavelength > 6868)
    b_band *= 0.75 + 0.25 * np.cos((wavelength - 6872) / 3.2)
    water = np.exp(-0.5 * ((wavelength - 7240) / 55) ** 2)
    water *= 0.7 + 0.3 * np.cos((wavelength - 7190) / 5.0) * np.cos((wavelength - 7190) / 17.0)
    alpha = np.exp(-0.5 * ((wavelength - 6290) / 12) ** 2)
    depth = rng.normal(0, 1, (n_spectra, 3)) * np.array([0.12, 0.06, 0.02])
    return np.exp(depth.astype(np.float32) @ np.stack([b_band, water, alpha]).astype(np.float32))


def calibration_error(
    n_spectra: int,
    grid: WavelengthGrid,
    rng: np.random.Generator,
    *,
    scale: float | np.ndarray = 0.10,
) -> np.ndarray:
    """Return smooth calibration error, ripple, and a step where the arms join (5700-6000 Å)."""
    x = np.linspace(-1, 1, grid.n_pixels)
    order = 7
    basis = np.polynomial.legendre.legvander(x, order)[:, 1:].T.astype(np.float32)
    coefficient = rng.normal(0, 1, (n_spectra, order)) * scale / np.sqrt(np.arange(1, order + 1))
    log_factor = coefficient.astype(np.float32) @ basis
    period, phase, amplitude, at, step, width = (
        values.astype(np.float32)
        for values in (
            rng.uniform(80, 700, (n_spectra, 1)),
            rng.uniform(0, 2 * np.pi, (n_spectra, 1)),
            np.abs(rng.normal(0, 0.012, (n_spectra, 1))),
            grid.pixel_of(rng.uniform(5700, 6000, (n_spectra, 1))),
            rng.normal(0, 0.08, (n_spectra, 1)) * (rng.random((n_spectra, 1)) < 0.6),
            rng.uniform(1, 25, (n_spectra, 1)),
        )
    )
    pixel = np.arange(grid.n_pixels, dtype=np.float32)
    log_factor += amplitude * np.sin(np.float32(2 * np.pi) / period * pixel + phase)
    log_factor += step / (1 + np.exp(np.clip((at - pixel) / width, -30, 30)))
    return np.exp(log_factor)


def cosmic_rays(
    n_spectra: int, grid: WavelengthGrid, rng: np.random.Generator, *, rate: float = 1.0
) -> np.ndarray:
    """Return spikes one to three pixels wide, in units of the local continuum."""
    out = np.zeros((n_spectra, grid.n_pixels), dtype=np.float32)
    count = rng.poisson(rate, n_spectra)
    rows = np.repeat(np.arange(n_spectra), count)
    at = rng.integers(1, grid.n_pixels - 1, len(rows))
    height = np.exp(rng.normal(-0.5, 1.0, len(rows)))
    out[rows, at] += height
    wide = rng.random(len(rows)) < 0.5
    out[rows[wide], at[wide] + 1] += 0.6 * height[wide]
    out[rows[wide], at[wide] - 1] += 0.3 * height[wide]
    return out


def coverage_gaps(
    n_spectra: int,
    grid: WavelengthGrid,
    rng: np.random.Generator,
    *,
    gap: float = 0.15,
    half: float = 0.06,
) -> np.ndarray:
    """Return the mask (True is lost) of bad columns, and sometimes of one side of the spectrum."""
    index = np.arange(grid.n_pixels)
    mask = np.zeros((n_spectra, grid.n_pixels), dtype=bool)
    for row in np.flatnonzero(rng.random(n_spectra) < gap):
        for _ in range(rng.integers(1, 4)):
            start = rng.integers(0, grid.n_pixels)
            mask[row, start : start + int(np.exp(rng.uniform(1, 5.5)))] = True
    for row in np.flatnonzero(rng.random(n_spectra) < half):
        edge = rng.uniform(0.25, 0.75) * grid.n_pixels
        mask[row] |= index < edge if rng.random() < 0.4 else index >= edge
    return mask
