"""Line evidence: equivalent widths of the lines that tell a hot star's type, with their errors.

Each of `LINES` has a window, over which 1 - flux / continuum is summed, and side bands, through
which the local pseudo-continuum is drawn as a straight line.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ..spectra.at_rest import at_rest
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import WavelengthGrid
from ..spectra.lines import LINES, Line

__all__ = ["LINES", "Line", "local_continuum", "measure_lines", "measure_windows"]

MIN_BAND_FRACTION = 0.4
"""Of the pixels of the side bands on either side, at least this fraction must be valid."""
MIN_WINDOW_FRACTION = 0.8
"""Of the window's width at least this fraction must be valid; the rest is interpolated."""
_CLIP = 3.5
_ITERATIONS = 3
_AT_ONCE = 1024  # lines times spectra: what stays in the processor's cache


class _Pixels(NamedTuple):
    """Where pixels of lines are on a grid: rows of two-dimensional arrays are lines.

    As lines have different numbers of pixels, rows end with some that do not count.
    """

    bands: np.ndarray
    """Indices of side-band pixels."""
    blue: np.ndarray
    """Which of them lie on the blue side."""
    red: np.ndarray
    """Which of them lie on the red side; those that are neither do not count."""
    bands_x: np.ndarray
    """Their distance from the line's centre in units of the window's width."""
    blue_x: np.ndarray
    red_x: np.ndarray
    """Mean of ``bands_x`` on either side; one number a line."""
    window: np.ndarray
    """Indices of the window's pixels."""
    window_x: np.ndarray
    ends_x: np.ndarray
    """``window_x`` of the first and of the last that counts; two numbers a line."""
    width: np.ndarray
    """Å of each pixel that lie within the window: partial at its ends, 0 if it does not count."""


@lru_cache(maxsize=32)
def _pixels_of(lines: tuple[Line, ...], grid: WavelengthGrid) -> tuple[list[str], _Pixels | None]:
    """Names of those of the lines whose pixels the grid holds all, and these pixels."""
    edges = 10.0 ** (grid.log10_start + grid.log10_step * (np.arange(grid.n_pixels + 1) - 0.5))
    centres = grid.wavelength
    held, columns = [], []
    for line in lines:
        low, high = line.window
        if edges[0] > line.bands[0][0] or edges[-1] < line.bands[-1][1]:
            continue
        inside = np.zeros(grid.n_pixels, dtype=bool)
        for start, stop in line.bands:
            inside |= (centres >= start) & (centres <= stop)
        bands = np.flatnonzero(inside)
        blue = centres[bands] < low
        overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
        window = np.arange(*(np.flatnonzero(overlap > 0)[[0, -1]] + [0, 1]))
        bands_x, window_x = (
            (centres[pixels] - line.wavelength) / (high - low) for pixels in (bands, window)
        )
        held.append(line.name)
        of_bands = bands, blue, ~blue, bands_x, bands_x[blue].mean(), bands_x[~blue].mean()
        columns.append((*of_bands, window, window_x, window_x[[0, -1]], overlap[window]))
    return held, _Pixels(*map(_padded, zip(*columns, strict=True))) if held else None


def _padded(rows) -> np.ndarray:
    """Rows of different lengths as one array, with zeros behind the shorter ones."""
    rows = [np.asarray(row) for row in rows]
    if rows[0].ndim == 0:
        return np.array(rows)
    padded = np.zeros((len(rows), max(map(len, rows))), dtype=rows[0].dtype)
    for target, row in zip(padded, rows, strict=True):
        target[: len(row)] = row
    return padded


def measure_lines(
    batch: SpectrumBatch, names: Iterable[str] | None = None, velocity: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Equivalent widths of `LINES` in every spectrum of a batch.

    The equivalent width is the sum of (1 - f/c) dλ over the line's window, f the flux and c the
    local pseudo-continuum: a straight line fitted to the side bands with weights 1/σ², outliers
    beyond 3.5 σ (or 3.5 times the scatter, if that is larger) left out. Its variance follows by
    propagation, with a photon and a continuum term as in Vollmann & Eversberg (2006, AN 327, 862):
    the sum of (dλ/c)² σ² plus gᵀ C g, where C is the covariance of the fit's two parameters and g
    the derivative of the width by them. Pixels are taken as independent.

    Windows stay where a star at rest has the line, unless ``velocity`` says where it is. They are
    wide enough for ±300 km/s, but for Si IV 4089, He I 4471 and Mg II 4481, which have near
    neighbours: ±100 km/s. The bands are clean in OB stars; in cooler ones they hold other lines,
    and the values are indices on a pseudo-continuum, down to negative values for H gamma and H
    delta in G and K stars. White dwarfs' Balmer lines reach beyond the bands and are too weak.

    Parameters
    ----------
    batch : SpectrumBatch
        Fluxes that have not been rectified or normalized pixel by pixel; scaling does not matter.
    names : iterable of str, optional
        Which lines; by default all.
    velocity : ndarray, shape (n_spectra,), optional
        km/s, of the stars; NaN where it is unknown. Spectra are moved by whole pixels, so that
        windows are right within half of one, and those that stay where they are give the same
        widths as without.

    Returns
    -------
    dict of ndarray, each of shape (n_spectra,), float32
        ``ew_<line>`` and ``ew_<line>_err`` in Å, absorption positive; NaN where too few pixels
        are valid, the grid ends before the side bands do, or the continuum is below three times
        its error.

    Examples
    --------
    >>> import numpy as np
    >>> from lamost_rare.inference.evidence import measure_lines
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> batch = analytic_spectra(["O5", "A0"], np.random.default_rng(1), snr=80.0)
    >>> width = measure_lines(batch, names=["heii_4541"])["ew_heii_4541"]
    >>> bool(width[0] > 0.4 > 0.2 > width[1])  # Å
    True
    """
    names = tuple(LINES if names is None else names)
    if velocity is not None:
        batch = at_rest(batch, velocity)
    return measure_windows(batch, tuple(LINES[name] for name in names))


def measure_windows(batch: SpectrumBatch, lines: tuple[Line, ...]) -> dict[str, np.ndarray]:
    """Do `measure_lines` for any lines: columns ``ew_<name>`` and ``ew_<name>_err``."""
    held, pixels = _pixels_of(lines, batch.grid)
    shape = len(batch), len(held)
    width, error = np.empty(shape, np.float32), np.empty(shape, np.float32)
    at_once = max(1, _AT_ONCE // max(1, len(held)))
    if pixels is not None:
        for start in range(0, len(batch), at_once):
            rows = slice(start, start + at_once)
            width[rows], error[rows] = _measure(
                batch.flux[rows], batch.ivar[rows], batch.mask[rows], pixels
            )
    columns = {}
    for name in (line.name for line in lines):
        for key, values in ((f"ew_{name}", width), (f"ew_{name}_err", error)):
            if name in held:
                columns[key] = np.ascontiguousarray(values[:, held.index(name)])
            else:
                columns[key] = np.full(len(batch), np.nan, dtype=np.float32)
    return columns


def local_continuum(batch: SpectrumBatch, line: Line) -> tuple[np.ndarray, np.ndarray]:
    """Return the straight line through a line's side bands, which its width is measured from.

    Parameters
    ----------
    batch : SpectrumBatch
    line : Line

    Returns
    -------
    level, slope : ndarray, shape (n_spectra,), float64
        Flux at the line's centre, and its change per Å; NaN where too few pixels are valid or the
        grid ends before the side bands do.
    """
    _, pixels = _pixels_of((line,), batch.grid)
    if pixels is None:
        nothing = np.full(len(batch), np.nan)
        return nothing, nothing.copy()
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        taken = _take(batch.flux, batch.ivar, batch.mask, pixels.bands)
        level, slope, *_, usable = _fit_continuum(*taken, pixels)
    low, high = line.window
    level, slope = (np.where(usable, x, np.nan)[:, 0] for x in (level, slope))
    return level, slope / (high - low)


def _measure(flux, ivar, mask, pixels: _Pixels) -> tuple[np.ndarray, np.ndarray]:
    """Widths and errors, shape (n_spectra, n_lines). Further axes are those of pixels."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        fit = _fit_continuum(*_take(flux, ivar, mask, pixels.bands), pixels)
        flux, ivar = _take(flux, ivar, mask, pixels.window)
        level, slope, c00, c01, c11, usable = fit
        counts = pixels.width > 0
        good = (ivar > 0) & counts
        total = pixels.width.sum(axis=1)
        covered = _sum_over(good, pixels.width) / total
        continuum = level[..., None] + slope[..., None] * pixels.window_x
        # The least significant end of the window decides whether dividing by c makes sense.
        x = pixels.ends_x
        c_error = np.sqrt(c00[..., None] + 2 * x * c01[..., None] + x**2 * c11[..., None])
        at_ends = level[..., None] + slope[..., None] * x
        usable &= (at_ends > 3 * c_error).all(axis=2)
        usable &= covered >= MIN_WINDOW_FRACTION
        ratio = flux / continuum
        whole = (good == counts).all(axis=2)
        for row, line in zip(*np.nonzero(usable & ~whole), strict=True):
            x, valid = pixels.window_x[line], good[row, line]
            ratio[row, line] = np.interp(x, x[valid], ratio[row, line, valid])
        width = total - _sum_over(ratio, pixels.width)
        by_pixel = pixels.width / continuum
        photon = np.where(good, by_pixel**2 / np.where(good, ivar, 1), 0).sum(axis=2)
        by_pixel *= ratio
        by_level = by_pixel.sum(axis=2)
        by_slope = _sum_over(by_pixel, pixels.window_x)
        variance = (
            photon / covered**2  # interpolated pixels count as their neighbours do
            + by_level**2 * c00
            + 2 * by_level * by_slope * c01
            + by_slope**2 * c11
        )
        error = np.sqrt(variance)
    usable &= np.isfinite(width) & np.isfinite(error)
    return np.where(usable, width, np.nan), np.where(usable, error, np.nan)


def _take(flux, ivar, mask, columns) -> tuple[np.ndarray, np.ndarray]:
    """Flux and ivar of some pixels in float64, both 0 where the pixel must not be used."""
    flux = flux[:, columns].astype(np.float64)
    ivar = ivar[:, columns].astype(np.float64)
    bad = mask[:, columns] | ~np.isfinite(flux) | ~np.isfinite(ivar) | (ivar <= 0)
    flux[bad] = 0
    ivar[bad] = 0
    return flux, ivar


def _sum_over(values, weight) -> np.ndarray:
    """Sum over pixels, each with the weight that it has in its line."""
    return np.einsum("nlp,lp->nl", values, weight)


def _fit_continuum(flux, ivar, pixels: _Pixels):
    """Weighted straight line through the side bands, with outliers left out.

    Returns level and slope (per unit of x), their covariance c00, c01, c11, and whether each
    spectrum has enough valid pixels on both sides; arrays of shape (n_spectra, n_lines).
    """
    x = pixels.bands_x
    ivar = np.where(pixels.blue | pixels.red, ivar, 0)
    good = ivar > 0
    usable = np.ones(good.shape[:2], dtype=bool)
    medians = []
    for side in (pixels.blue, pixels.red):
        here = good & side
        least = np.maximum(3, MIN_BAND_FRACTION * side.sum(axis=1))
        usable &= here.sum(axis=2) >= least
        # Start from medians, which one cosmic ray cannot move.
        medians.append(_median(flux, here))
    blue, red = medians
    slope = (red - blue) / (pixels.red_x - pixels.blue_x)
    level = blue - slope * pixels.blue_x
    for _ in range(_ITERATIONS):
        residual = np.abs(flux - level[..., None] - slope[..., None] * x)
        scatter = 1.4826 * _median(residual, good)
        keep = residual**2 * ivar <= _CLIP**2
        keep |= residual <= _CLIP * scatter[..., None]
        weight = np.where(keep, ivar, 0)
        s0, s1, s2 = weight.sum(axis=2), _sum_over(weight, x), _sum_over(weight, x * x)
        weighted = weight * flux
        t0, t1 = weighted.sum(axis=2), _sum_over(weighted, x)
        determinant = s0 * s2 - s1 * s1
        level = (s2 * t0 - s1 * t1) / determinant
        slope = (s0 * t1 - s1 * t0) / determinant
    # Structure beyond the noise (weak lines, flat-field residuals) makes the fit less certain than
    # the pixel errors say; chance excess of chi-square does not count.
    n_used = (keep & good).sum(axis=2)
    freedom = np.maximum(n_used - 2, 1)
    residual = flux - level[..., None] - slope[..., None] * x
    reduced = (weight * residual * residual).sum(axis=2) / freedom
    excess = np.where(reduced > 1 + 3 * np.sqrt(2 / freedom), reduced, 1.0)
    usable &= determinant > 0
    scale = excess / determinant
    return level, slope, scale * s2, -scale * s1, scale * s0, usable


def _median(values, good):
    """Median of the good values over the pixels; 0 where there are none."""
    count = good.sum(axis=2)[..., None]
    ordered = np.sort(np.where(good, values, np.inf), axis=2)
    middle = 0.5 * (
        np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=2)
        + np.take_along_axis(ordered, np.minimum(count // 2, values.shape[2] - 1), axis=2)
    )
    return np.where(count > 0, middle, 0.0)[..., 0]
