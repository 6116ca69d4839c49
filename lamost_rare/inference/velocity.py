"""Radial velocities of hot stars, from lines of hydrogen, helium and some metals.

A spectrum is compared with templates of the analytic star model
(`lamost_rare.simulation.analytic`) at every velocity, in windows around lines of the photosphere.
In each window the continuum is a straight line, whichever fits best; the depths of the template's
lines have one common factor, whichever fits best. What is left is a function of the velocity: by
how much lines there lower chi-square, which is the square of the cross-correlation of spectrum and
template, weighted with the inverse variance. Its highest peak is the velocity, the curvature of
the peak gives the error. ``benchmarks/velocities.py`` measures both on stars of known shift.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..simulation.analytic import analytic_star
from ..spectra.air_vacuum import air_to_vacuum
from ..spectra.at_rest import C_KM_S
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import WavelengthGrid
from .threads import one_blas_thread

__all__ = ["LIMIT", "TEMPLATES", "measure_velocities"]

TEMPLATES = {
    "O": ("O4", "O7", "O9.5", "B2"),
    "B": ("O9.5", "B1", "B3", "B7"),
}
"""Types of the templates of the rare classes that have some; others have no velocities."""
ROTATIONS = (100.0, 300.0)
"""km/s: each template is there slowly and fast rotating."""

LIMIT = 600.0
"""km/s; larger velocities are not given."""
FLOOR = 12.0
"""km/s, added in quadrature to each error. Of spectra without noise, models in non-LTE at rest come
out within 3 km/s, and observed stars that are shifted and rotated within 10 (the benchmark); the
zero-points of LAMOST's plates are good to some 5 km/s."""
ERROR_FACTOR = 1.2
"""Errors that the curvature gives are too small by that: noise of neighbouring pixels is not
independent, and no template is the star (the benchmark)."""
MAX_ERROR = 100.0
"""km/s; a larger error says no more than that there are lines."""
LEAST_GAIN = 25.0
"""By how much lines must lower chi-square: 5 times the noise."""
LEAST_LEAD = 9.0
"""By how much more than at any other peak, `APART` from it."""
APART = 200.0
"""km/s."""

_BEYOND = 100.0  # km/s: a peak at the limit has two sides
_FINE = 4  # velocities to a pixel
_STEPS = (5e-5, 2e-4)  # dex to a pixel, from and to: grids as LAMOST's
_MIN_VALID = 0.6  # of a window's pixels; with fewer it is left out
_SPIKE = 0.1  # of the continuum: what stands higher above it, by 5 errors, is no starlight

# Air wavelengths, Å. What is left out moves with the windows: the cores of the Balmer lines, which
# nebulae and discs fill. He II 4686, N III 4634-41 and H alpha have no window: winds shape them.
# fmt: off
_WINDOWS = (
    ((3808.0, 3850.0), ()),
    ((4005.0, 4046.0), ()),
    ((4079.0, 4127.0), (4098.2, 4105.2)),
    ((4132.0, 4156.0), ()),
    ((4180.0, 4222.0), ()),
    ((4312.0, 4369.0), (4336.5, 4344.5)),
    ((4376.0, 4401.0), ()),
    ((4446.0, 4502.0), ()),
    ((4519.0, 4590.0), ()),
    ((4702.0, 4724.0), ()),
    ((4834.0, 4889.0), (4857.3, 4865.3)),
    ((4908.0, 4936.0), ()),
    ((5385.0, 5440.0), ()),
    ((5852.0, 5886.0), ()),
)
# fmt: on
_AT_REST = ((4875.0, 4889.0), (5886.5, 5899.0))
"""Air wavelengths, Å, of what does not move with the star: the diffuse band at 4882, and Na I."""


class _Windows(NamedTuple):
    """The windows on a grid, one after the other, and the templates in them."""

    pixels: np.ndarray
    """Indices of the windows' pixels, shape (n_used,)."""
    member: np.ndarray
    """1 for the window that a pixel is of, else 0, shape (n_used, n_windows)."""
    x: np.ndarray
    """Distance from the window's middle, -1 to 1, shape (n_used,)."""
    at_rest: np.ndarray
    """True where a line of the interstellar medium is, shape (n_pixels,) of the grid."""
    step: float
    """Of the shifts, in dex."""
    offsets: np.ndarray
    """The shifts in such steps, shape (n_shifts,)."""
    depth: np.ndarray
    """1 - flux / continuum, shape (n_templates * n_shifts, n_used)."""
    squared: np.ndarray


@lru_cache(maxsize=4)
def _windows_of(grid: WavelengthGrid, types: tuple[str, ...]) -> _Windows | None:
    """Return the windows that the grid holds whole, and the templates in them; None if none."""
    wavelength = grid.wavelength

    def between(low, high):
        return (wavelength >= air_to_vacuum(low)) & (wavelength <= air_to_vacuum(high))

    pixels, x = [], []
    for (low, high), left_out in _WINDOWS:
        if air_to_vacuum(low) < wavelength[0] or air_to_vacuum(high) > wavelength[-1]:
            continue
        inside = between(low, high)
        if left_out:
            inside &= ~between(*left_out)
        pixels.append(np.flatnonzero(inside))
        x.append(np.linspace(-1, 1, np.ptp(pixels[-1]) + 1)[pixels[-1] - pixels[-1][0]])
    if not pixels:
        return None
    used = np.concatenate(pixels)
    step = grid.log10_step / _FINE
    reach = int(np.log10(1 + (LIMIT + _BEYOND) / C_KM_S) / step)
    offsets = np.arange(-reach, reach + 1)
    # A template on a finer lattice that reaches farther: each shift is a choice of its pixels.
    n_fine = (grid.n_pixels - 1) * _FINE + 1 + 2 * reach
    fine = WavelengthGrid(grid.log10_start - reach * step, step, n_fine)
    depths = (_depth_of(kind, vsini, fine) for kind in types for vsini in ROTATIONS)
    depth = np.concatenate([d[used * _FINE + reach - offsets[:, None]] for d in depths])
    number = np.repeat(np.arange(len(pixels)), [len(some) for some in pixels])
    member = (number[:, None] == np.arange(len(pixels))).astype(float)
    at_rest = np.logical_or.reduce([between(*span) for span in _AT_REST])
    return _Windows(used, member, np.concatenate(x), at_rest, step, offsets, depth, depth**2)


def _depth_of(kind: str, vsini: float, grid: WavelengthGrid) -> np.ndarray:
    """Return the depth of a template's lines; what is smooth in it does not matter."""
    flux = analytic_star(kind, grid, vsini=vsini)
    smooth = np.polynomial.Polynomial.fit(grid.log_wavelength, np.log(flux), 3)
    return 1 - flux / np.exp(smooth(grid.log_wavelength))


def measure_velocities(batch: SpectrumBatch, rare_class: str) -> tuple[np.ndarray, np.ndarray]:
    """Radial velocities of stars of a rare class, or of what may be one, and their errors.

    Parameters
    ----------
    batch : SpectrumBatch
        Fluxes that have not been rectified or normalized pixel by pixel; scaling does not matter.
    rare_class : str

    Returns
    -------
    velocity, error : ndarray, shape (n_spectra,), float32
        km/s, positive for a star that recedes, in the frame that the wavelengths are in: for
        LAMOST's files the heliocentric one. NaN where no velocity between -600 and 600 km/s stands
        out, where the error is above 100 km/s, for all spectra if the class has no templates
        (`TEMPLATES`), and on grids with pixels much narrower or wider than LAMOST's. For a binary
        it is that of the brighter star or something between the two; for a star with a strong wind
        it is the wind's in part, tens of km/s below the star's.
    """
    velocity, error = (np.full(len(batch), np.nan, dtype=np.float32) for _ in range(2))
    types, grid = TEMPLATES.get(rare_class), batch.grid
    if types is None or not _STEPS[0] <= grid.log10_step <= _STEPS[1] or not len(batch):
        return velocity, error
    windows = _windows_of(grid, types)
    if windows is None:
        return velocity, error
    # Row by row: what a matrix product gives must not depend on which spectra came together.
    with one_blas_thread(), np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for row in range(len(batch)):
            pixels = batch.flux[row], batch.ivar[row], batch.mask[row]
            velocity[row], error[row] = _measure(*pixels, windows)
    return velocity, error


def _measure(flux, ivar, mask, windows: _Windows) -> tuple[float, float]:
    """Return velocity and error of one spectrum, both NaN where there is no clear peak.

    For a second look the windows are moved to where the first found the star, by whole pixels: so
    what they cut off, and what is left out of them, is the same at any velocity.
    """
    first = _peak(_gains(flux, ivar, mask, windows, 0), windows)
    if first is None:
        return np.nan, np.nan
    moved = round(first[0] / _FINE)
    found = _peak(_gains(flux, ivar, mask, windows, moved), windows) if moved else first
    if found is None:
        return np.nan, np.nan
    velocity = C_KM_S * (10.0 ** ((found[0] + moved * _FINE) * windows.step) - 1)
    error = np.hypot(ERROR_FACTOR * found[1], FLOOR)
    if abs(velocity) > LIMIT or error > MAX_ERROR:
        return np.nan, np.nan
    return velocity, error


def _gains(flux, ivar, mask, windows: _Windows, moved: int) -> np.ndarray:
    """Return by how much lines lower chi-square, shape (n_templates, n_shifts), with the windows
    moved by some pixels."""
    pixels = windows.pixels + moved
    there = (pixels >= 0) & (pixels < len(flux))
    pixels = np.where(there, pixels, 0)
    flux, weight = flux[pixels].astype(np.float64), ivar[pixels].astype(np.float64)
    good = there & ~mask[pixels] & ~windows.at_rest[pixels]
    good &= np.isfinite(flux) & np.isfinite(weight) & (weight > 0)
    flux = np.where(good, flux, 0)
    member, x = windows.member, windows.x
    for _ in range(2):
        good &= member @ (good @ member >= _MIN_VALID * member.sum(axis=0)) > 0
        continuum = _lines_through(flux, np.where(good, weight, 0), x, member)
        above = flux - continuum
        good &= (continuum > 0) & ~((above > _SPIKE * continuum) & (above**2 * weight > 25))
    weight = np.where(good, weight, 0)
    residual = flux - _lines_through(flux, weight, x, member)
    # Straight lines are taken out of the template too: those of its own best fit, window by window.
    by_depth = np.where(good, weight * continuum, 0)
    columns = [(by_depth * residual)[:, None], by_depth[:, None] * member]
    columns.append((by_depth * x)[:, None] * member)
    sums = windows.depth @ np.concatenate(columns, axis=1)
    t0, t1 = np.split(sums[:, 1:], 2, axis=1)
    s0, s1, s2, inverse = _moments(weight, x, member)
    square = windows.squared @ (by_depth * np.where(good, continuum, 0))
    square -= ((s2 * t0 - 2 * s1 * t1) * t0 + s0 * t1 * t1) @ inverse
    # Lines in absorption alone: the residual of a line is negative.
    gain = np.where((square > 0) & (sums[:, 0] < 0), sums[:, 0] ** 2 / square, 0.0)
    return np.nan_to_num(gain, posinf=0.0).reshape(-1, len(windows.offsets))


def _moments(weight, x, member):
    """Return the sums of weights times 1, x and x² in each window, and 1 / determinant; 0 where
    there is none."""
    s0, s1, s2 = (weight * x**power @ member for power in range(3))
    determinant = s0 * s2 - s1 * s1
    return s0, s1, s2, np.where(determinant > 0, 1 / determinant, 0)


def _lines_through(flux, weight, x, member) -> np.ndarray:
    """Return weighted straight lines through the windows' pixels, shape (n_used,)."""
    s0, s1, s2, inverse = _moments(weight, x, member)
    t0, t1 = weight * flux @ member, weight * x * flux @ member
    return member @ ((s2 * t0 - s1 * t1) * inverse) + x * (member @ ((s0 * t1 - s1 * t0) * inverse))


def _peak(gain, windows: _Windows) -> tuple[float, float] | None:
    """Return where the highest peak is, in steps, and its error in km/s; None if none is clear."""
    kind, best = np.unravel_index(np.argmax(gain), gain.shape)
    curve, last = gain[kind], len(windows.offsets) - 1
    if curve[best] < LEAST_GAIN or not _FINE <= best <= last - _FINE:
        return None
    km_s = C_KM_S * np.log(10) * windows.step
    peaks = np.flatnonzero((curve[1:-1] >= curve[:-2]) & (curve[1:-1] >= curve[2:])) + 1
    others = curve[peaks[np.abs(peaks - best) * km_s > APART]]
    if others.max(initial=0) > curve[best] - LEAST_LEAD:
        return None
    # A parabola through the peak, a pixel to both sides.
    x = np.arange(-_FINE, _FINE + 1.0)
    a, b, _ = np.polyfit(x, curve[best - _FINE : best + _FINE + 1], 2)
    if a >= 0:
        return None
    at = np.clip(-b / (2 * a), -_FINE, _FINE)
    return windows.offsets[best] + at, km_s / np.sqrt(-a)
