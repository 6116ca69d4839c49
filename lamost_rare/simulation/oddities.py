"""Spectra that no star has, made of library stars in ways that know of no kind of object.

What tells known spectra from all others is to be learned from these. So none of them is meant to
look like anything: there are lines where none should be, stars at velocities and scales that no
star has, parts of one star in another, contrasts that are too strong or turned around.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..spectra.grid import WavelengthGrid
from ..spectra.normalize import pseudo_continuum
from .lookalikes import continuum, line_profiles

__all__ = ["make_odd"]

_EDGE = 300
"""Pixels at either end in which no oddity is centred: some of a spectrum is always lost there."""

_Way = Callable[[np.ndarray, np.ndarray, WavelengthGrid, np.random.Generator], np.ndarray]


def make_odd(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    """Make a spectrum odd.

    Parameters
    ----------
    flux, other : ndarray, shape (n_pixels,)
        Of two stars, all of it known and positive at the median.
    grid : WavelengthGrid
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n_pixels,), float32
    """
    way = _WAYS[rng.integers(len(_WAYS))]
    made = way(flux / np.median(np.abs(flux)), other / np.median(np.abs(other)), grid, rng)
    return np.nan_to_num(made, nan=1.0, posinf=1.0, neginf=1.0).astype(np.float32)


def _level(flux: np.ndarray) -> np.ndarray:
    level, _ = pseudo_continuum(
        flux[None].astype(np.float32), np.zeros((1, len(flux)), dtype=bool), block=64, smooth=1.5
    )
    return np.maximum(level[0], 1e-6)


def _between(
    low: float, high: float, rng: np.random.Generator, size: int | None = None
) -> np.ndarray:
    """Draw numbers whose logarithms are uniform."""
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def _lines(n: int, emission: float, grid: WavelengthGrid, rng: np.random.Generator) -> np.ndarray:
    """Return a factor (n_pixels,) of lines anywhere, of which a part is in emission."""
    low, high = grid.wavelength[[_EDGE, -_EDGE]]
    centre = rng.uniform(low, high, n)
    depth = _between(0.05, 0.8, rng, n)
    depth = np.where(rng.random(n) < emission, 4 * depth**1.3, -depth)
    width = _between(3.5, 120, rng, n)
    return np.clip(1 + line_profiles(grid.wavelength, centre, width, depth, 0.3), 0.05, None)


def _with_lines(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    return flux * _lines(int(rng.integers(1, 8)), rng.choice([0, 0.5, 1]), grid, rng)


def _moved(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    """Another velocity than any star has: 9 to 900 pixels of 69 km/s, or far more."""
    farther = rng.random() < 0.5
    pixels = rng.integers(_EDGE, len(flux) - _EDGE) if farther else _between(9, 900, rng)
    return np.roll(flux, int(pixels) * rng.choice([-1, 1]))


def _stretched(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    if rng.random() < 0.2:
        return flux[::-1]
    index = np.arange(len(flux))
    scale = 1 + rng.choice([-1, 1]) * _between(0.01, 0.2, rng)
    fixed = rng.uniform(0, len(flux))
    return np.interp((index - fixed) * scale + fixed, index, flux)


def _patched(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    """A stretch of another star."""
    start, stop = np.sort(rng.integers(0, len(flux), 2))
    stop = max(stop, start + 600)
    return np.concatenate([flux[:start], other[start:stop], flux[stop:]])


def _contrast(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    """Lines deeper than they are, or turned into emission."""
    level = _level(flux)
    power = rng.uniform(1.8, 4) if rng.random() < 0.5 else rng.uniform(-1.5, -0.2)
    return level * np.clip(flux / level, 0.02, 50) ** power


def _smeared(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    smooth = gaussian_filter1d(flux, _between(6, 45, rng))
    if rng.random() < 0.3:
        return smooth
    return smooth * _lines(int(rng.integers(1, 5)), 0.5, grid, rng)


def _no_star(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    lines = _lines(int(rng.integers(1, 20)), rng.choice([0, 0.25, 1]), grid, rng)
    return continuum(grid.wavelength, rng) * lines


def _doubled(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    """The lines of two stars on each other."""
    return flux / _level(flux) * (other / _level(other))


def _spiked(
    flux: np.ndarray, other: np.ndarray, grid: WavelengthGrid, rng: np.random.Generator
) -> np.ndarray:
    """Many narrow lines, added or subtracted, somewhere or everywhere."""
    n = int(rng.integers(3, 60))
    low, high = grid.wavelength[[_EDGE, -_EDGE]]
    if rng.random() < 0.5:
        low, high = np.sort(rng.uniform(low, high, 2))
    centre = rng.uniform(low, max(high, low + 300), n)
    height = _between(0.05, 8, rng) * rng.exponential(1, n)
    sign = rng.choice([-1, 1]) if rng.random() < 0.7 else rng.choice([-1, 1], n)
    width = np.full(n, rng.uniform(2.5, 6))
    return flux + _level(flux) * line_profiles(grid.wavelength, centre, width, sign * height, 0)


_WAYS: tuple[_Way, ...] = (
    _with_lines, _moved, _moved, _stretched, _patched, _contrast, _smeared, _no_star, _doubled,
    _spiked, _spiked,
)  # fmt: skip
