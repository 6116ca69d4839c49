"""The pixels of a batch, and how spectra get into them: copied, or by a product with a matrix."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from ._overlap import axis_of, overlap_matrix
from .quality import SpectrumError
from .raw import IVAR_RANGE

__all__ = ["MIN_VALID_FRACTION", "GridArrays", "lattice_shift", "room_for"]

MIN_VALID_FRACTION = 0.5
"""An output pixel is masked if valid pixels of the spectrum cover less than this part of it."""

_ALIGNED = 1e-6  # pixels; pixels as close as this to the grid's lattice are copied
_BLOCK = 32  # spectra to a matrix product: what stays in the processor's cache


def room_for(n_spectra, grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return arrays for flux, ivar and mask of so many spectra, with anything in them."""
    shape = n_spectra, grid.n_pixels
    return np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, bool)


class GridArrays:
    """The arrays of a batch, and how spectra get into them.

    Parameters
    ----------
    n_spectra : int
    grid : WavelengthGrid
    memory : (ndarray, ndarray, ndarray), optional
        Arrays for flux, ivar and mask with at least as many rows, whatever is in them; by default
        new ones.
    """

    def __init__(self, n_spectra, grid, memory=None):
        memory = memory or room_for(n_spectra, grid)
        self.grid = grid
        self.flux, self.ivar, self.mask = (array[:n_spectra] for array in memory)
        self.n_covered = np.zeros(n_spectra, dtype=np.int64)
        self.resampled = np.zeros(n_spectra, dtype=bool)
        self._before = np.full((n_spectra, 2), np.nan)  # flux, ivar one pixel before the grid

    def keep(self, n_spectra):
        """Leave it at the first rows."""
        for name in ("flux", "ivar", "mask", "n_covered", "resampled", "_before"):
            setattr(self, name, getattr(self, name)[:n_spectra])

    def fill(self, raws):
        """Fill row ``i`` with ``raws[i]``; return a `SpectrumError` or None for each."""
        errors = [None] * len(raws)
        copies, groups, axes = [], defaultdict(list), {}
        self.flux.fill(0)
        self.ivar.fill(0)
        self.mask.fill(True)
        for i, raw in enumerate(raws):
            try:
                shift = lattice_shift(
                    raw.log10_start, raw.log10_step, len(raw.wavelength), self.grid
                )
                if shift is not None:
                    self._copy(i, raw, shift)
                    copies.append(i)
                    continue
                # Spectra that share the array itself need only one digest of it.
                axis = axes.get(id(raw.wavelength))
                if axis is None or raw.log10_start is not None:
                    axis = axes[id(raw.wavelength)] = axis_of(raw)
                groups[axis].append(i)
            except SpectrumError as error:
                errors[i] = error
        self._clean_copies(copies)
        self._widen_first_pixel()
        for axis, rows in groups.items():
            matrix = overlap_matrix(axis, self.grid)
            self.resampled[rows] = True
            self.n_covered[rows] = np.count_nonzero(matrix.coverage >= MIN_VALID_FRACTION)
            if self.n_covered[rows[0]]:
                for start in range(0, len(rows), _BLOCK):
                    self._multiply(raws, rows[start : start + _BLOCK], matrix)
        for i, raw in enumerate(raws):
            if errors[i] is None and self.n_covered[i] == 0:
                errors[i] = SpectrumError(
                    "no_overlap",
                    f"the spectrum covers {raw.wavelength[0]:.1f}-{raw.wavelength[-1]:.1f} Å, "
                    f"the grid {self.grid.wavelength[0]:.1f}-{self.grid.wavelength[-1]:.1f} Å",
                )
        return errors

    def _copy(self, i, raw, shift):
        first = max(shift, 0)
        last = min(shift + len(raw.wavelength), self.grid.n_pixels)
        if last > first:
            pixels = slice(first - shift, last - shift)
            self.flux[i, first:last] = raw.flux[pixels]
            self.ivar[i, first:last] = raw.ivar[pixels]
            self.mask[i, first:last] = raw.mask[pixels]
            self.n_covered[i] = last - first
            if shift < 0 and not raw.mask[-shift - 1]:
                self._before[i] = raw.flux[-shift - 1], raw.ivar[-shift - 1]

    def _widen_first_pixel(self):
        """Let the grid's first pixel reach as far as its extrapolated edge does.

        That edge is not the midpoint with the pixel before, but lies 1e-4 of a pixel beyond it:
        the only pixel in which a copy would not equal the matrix, and specutils.
        """
        flux, ivar = self._before.T
        use = ~self.mask[:, 0] & _usable(flux, ivar)
        outside = 0.5 * (1 - 10.0**-self.grid.log10_step)
        variance = outside**2 / ivar[use] + (1 - outside) ** 2 / self.ivar[use, 0]
        self.flux[use, 0] = outside * flux[use] + (1 - outside) * self.flux[use, 0]
        self.ivar[use, 0] = 1 / variance

    def _clean_copies(self, rows):
        """Zero what is masked; mask what is unusable and is not masked yet."""
        if not rows:
            return
        everything = len(rows) == len(self.flux)
        pick = slice(None) if everything else np.array(rows)
        flux, ivar, mask = self.flux[pick], self.ivar[pick], self.mask[pick]
        mask |= ~_usable(flux, ivar)
        flux[mask] = 0
        ivar[mask] = 0
        if not everything:
            self.flux[pick], self.ivar[pick], self.mask[pick] = flux, ivar, mask

    def _multiply(self, raws, rows, matrix):
        pixels = matrix.pixels
        # float64 for flux, in which neighbours of opposite sign may cancel; the other two are sums
        # of positive numbers, for which float32 is good to 3e-7.
        flux = np.array([raws[i].flux[pixels] for i in rows], dtype=np.float64)
        ivar = np.array([raws[i].ivar[pixels] for i in rows], dtype=np.float32)
        bad = np.array([raws[i].mask[pixels] for i in rows], dtype=bool)
        bad |= ~_usable(flux, ivar)
        valid = matrix.coverage
        if bad.any():
            np.copyto(flux, 0, where=bad)
            np.copyto(ivar, np.inf, where=bad)  # variance 0: contributes nothing
            valid = _product(matrix.fraction32, (~bad).astype(np.float32))
        flux = _product(matrix.fraction, flux)
        variance = _product(matrix.squared32, 1 / ivar)

        few = (valid < MIN_VALID_FRACTION) | (variance < 1 / IVAR_RANGE[1] / 4)
        masked = np.broadcast_to(few, flux.shape)
        valid = np.where(masked, 1, valid)
        np.copyto(flux, 0, where=masked)
        np.copyto(variance, np.inf, where=masked)
        self.mask[rows] = masked
        self.flux[rows] = flux / valid
        self.ivar[rows] = valid**2 / variance


def _usable(flux, ivar):
    usable = np.isfinite(flux)
    usable &= ivar >= IVAR_RANGE[0]
    usable &= ivar <= IVAR_RANGE[1]
    return usable


def lattice_shift(log10_start, log10_step, n_pixels, grid):
    """Return the grid pixel of a spectrum's pixel 0; None if that is not on the grid's lattice."""
    if log10_start is None or log10_step is None or n_pixels < 2:
        return None
    step = grid.log10_step
    shift = (log10_start - grid.log10_start) / step
    drift = (log10_step / step - 1) * n_pixels
    nearest = round(shift)
    if abs(shift - nearest) < _ALIGNED and abs(drift) < _ALIGNED:
        return nearest
    return None


def _product(matrix, spectra):
    """``matrix @ spectrum`` for each row of ``spectra``, in rows again."""
    return np.ascontiguousarray((matrix @ spectra.T).T)
