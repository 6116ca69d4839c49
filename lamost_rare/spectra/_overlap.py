"""Sparse matrices that average flux density over the pixels of another grid."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from .grid import WavelengthGrid
from .quality import SpectrumError

__all__ = ["OverlapMatrix", "PixelAxis", "axis_of", "overlap_matrix", "pixel_edges"]

_GAP_FACTOR = 5.0


@dataclass(frozen=True)
class PixelAxis:
    """The pixels of a spectrum; equal where the wavelengths are.

    Attributes
    ----------
    key : tuple or bytes
        COEFF0, COEFF1 and the number of pixels of a log-linear axis, or a digest of another.
    wavelength : ndarray, shape (m,)
        Increasing, in Å.
    """

    key: tuple | bytes
    wavelength: np.ndarray = field(compare=False, repr=False)


@dataclass(frozen=True)
class OverlapMatrix:
    """How the pixels of a spectrum lie in those of a grid.

    Attributes
    ----------
    pixels : slice
        The ``m`` pixels of the spectrum that touch the grid; the others have no columns.
    fraction : scipy.sparse.csr_array, shape (n_pixels, m)
        Fraction of output pixel ``i`` (in wavelength) that pixel ``j`` covers.
    fraction32, squared32 : scipy.sparse.csr_array, shape (n_pixels, m), float32
        The same, and its square, for the propagation of masks and of variances.
    coverage : ndarray, shape (n_pixels,)
        Fraction of each output pixel that is covered, 0 to 1.
    """

    pixels: slice
    fraction: object
    fraction32: object
    squared32: object
    coverage: np.ndarray


def pixel_edges(centres) -> np.ndarray:
    """Return the edges of pixels from their centres: midpoints, the outer ones by extrapolation.

    Parameters
    ----------
    centres : array_like, shape (m,), m >= 2
        Increasing wavelengths, in any unit.

    Returns
    -------
    ndarray, shape (m + 1,)
        As ``specutils.SpectralAxis.bin_edges`` has them, so that results agree.
    """
    centres = np.asarray(centres, dtype=np.float64)
    edges = np.empty(len(centres) + 1)
    edges[1:-1] = 0.5 * (centres[1:] + centres[:-1])
    edges[0] = 1.5 * centres[0] - 0.5 * centres[1]
    edges[-1] = 1.5 * centres[-1] - 0.5 * centres[-2]
    return edges


def _own_edges(wavelength):
    """Return lower and upper edge of each pixel; pixels do not reach into a gap.

    Without this, the two pixels beside a hole in the data (between two arms, say) would each be
    smeared over half of the hole.
    """
    edges = pixel_edges(wavelength)
    lower, upper = edges[:-1].copy(), edges[1:].copy()
    step = np.diff(wavelength)
    if len(step) >= 3:
        before = np.concatenate([step[1:2], step[:-1]])
        after = np.concatenate([step[1:], step[-2:-1]])
        for i in np.flatnonzero(step > _GAP_FACTOR * np.maximum(before, after)):
            upper[i] = wavelength[i] + 0.5 * before[i]
            lower[i + 1] = wavelength[i + 1] - 0.5 * after[i]
    return lower, upper


def axis_of(raw) -> PixelAxis:
    """Return the axis of a `RawSpectrum`.

    Raises
    ------
    SpectrumError
        ``bad_wavelength`` if wavelengths that are not a log grid are not increasing, positive and
        finite; ``bad_shape`` for fewer than two pixels.
    """
    wavelength = raw.wavelength
    if len(wavelength) < 2:
        raise SpectrumError("bad_shape", f"a spectrum needs two pixels, this has {len(wavelength)}")
    if raw.log10_start is not None and raw.log10_step:
        key = (float(raw.log10_start), float(raw.log10_step), len(wavelength))
        return PixelAxis(key, wavelength)
    wavelength = np.ascontiguousarray(wavelength, dtype=np.float64)
    # A comparison with NaN is False, and two finite ends with increasing steps bound all the rest.
    if not (wavelength[0] > 0 and wavelength[-1] < np.inf and np.all(np.diff(wavelength) > 0)):
        raise SpectrumError("bad_wavelength", "wavelengths are not positive, finite and increasing")
    return PixelAxis(hashlib.blake2b(wavelength.data, digest_size=16).digest(), wavelength)


@lru_cache(maxsize=64)
def overlap_matrix(axis: PixelAxis, grid: WavelengthGrid) -> OverlapMatrix:
    """Return the matrix from the pixels of a spectrum to those of a grid."""
    from scipy.sparse import csr_array

    wavelength = axis.wavelength
    if isinstance(axis.key, tuple):  # the log grid itself: stored wavelengths may be rounded
        start, step, n_own = axis.key
        wavelength = 10.0 ** (start + step * np.arange(n_own))
    n_pixels = grid.n_pixels
    lower, upper = _own_edges(wavelength)
    target = pixel_edges(grid.wavelength)
    # All edges together cut the wavelengths into pieces, each inside one pixel of either side.
    first, last = max(lower[0], target[0]), min(upper[-1], target[-1])
    cuts = np.unique(np.concatenate([lower, upper, target]))
    cuts = cuts[(cuts >= first) & (cuts <= last)]
    if len(cuts) < 2:
        cuts = np.zeros(1)
    middle = 0.5 * (cuts[1:] + cuts[:-1])
    row = (np.searchsorted(target, middle, side="right") - 1).astype(np.int32)
    column = (np.searchsorted(lower, middle, side="right") - 1).astype(np.int32)
    fraction = np.diff(cuts) / np.diff(target)[row]
    inside = middle < upper[column]
    row, column, fraction = row[inside], column[inside], fraction[inside]

    indptr = np.searchsorted(row, np.arange(n_pixels + 1)).astype(np.int32)
    pixels = slice(int(column.min()), int(column.max()) + 1) if len(column) else slice(0, 0)
    column -= pixels.start
    shape = (n_pixels, pixels.stop - pixels.start)
    matrix = csr_array((fraction, column, indptr), shape=shape)
    return OverlapMatrix(
        pixels,
        matrix,
        matrix.astype(np.float32),
        csr_array((fraction**2, column, indptr), shape=shape, dtype=np.float32),
        np.bincount(row, weights=fraction, minlength=n_pixels).astype(np.float32),
    )
