"""Flux-conserving resampling of spectra to a grid, and their assembly into a batch.

The flux density of an output pixel is the mean of the source's flux density over the width of that
pixel (Carnall 2017, arXiv:1705.05165), and its variance follows by propagation: with ``w`` the
width of the overlaps, ``F = sum(w f) / sum(w)`` and ``V = sum(w**2 v) / sum(w)**2``. Pixel edges,
and so the results, are those of ``specutils.manipulation.FluxConservingResampler``.

What differs from it is the treatment of masked and of missing pixels. The sums run over valid
source pixels alone, and an output pixel of which less than half is covered by them is masked.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from ._overlap import overlap_matrix, source_key
from .batch import SpectrumBatch, empty_identity
from .grid import WavelengthGrid
from .quality import QualityFlag, SpectrumError
from .raw import RawSpectrum

__all__ = ["MIN_VALID_FRACTION", "assemble", "resample"]

MIN_VALID_FRACTION = 0.5
"""An output pixel is masked if valid source pixels cover less than this fraction of it."""

MIN_VALID_PIXELS = 0.1
"""A spectrum is rejected if fewer than this fraction of the grid's pixels are valid."""

G_BAND = (4000.0, 5500.0)
"""Å; where the signal-to-noise is estimated if the source does not state it."""

_SAME = 1e-6  # relative difference of fluxes that are the same
_ALIGNED = 1e-6  # pixels; a source grid as close as this to the target's lattice is copied
_BLOCK = 32  # spectra to a matrix product: what stays in the processor's cache


def resample(raw: RawSpectrum, grid: WavelengthGrid):
    """Put one spectrum on a grid.

    Parameters
    ----------
    raw : RawSpectrum
    grid : WavelengthGrid

    Returns
    -------
    flux, ivar : ndarray, shape (n_pixels,), float32
        Relative flux per Å and its inverse variance; 0 where masked.
    mask : ndarray, shape (n_pixels,), bool
    resampled : bool
        False if the source lies on the grid's lattice, so that pixels were copied.

    Raises
    ------
    SpectrumError
        ``no_overlap``; ``bad_wavelength`` or ``bad_shape`` for wavelengths that are no axis.
    """
    arrays = _Arrays(1, grid)
    error = arrays.fill([raw])[0]
    if error is not None:
        raise error
    return arrays.flux[0], arrays.ivar[0], arrays.mask[0], bool(arrays.resampled[0])


def assemble(raws, grid: WavelengthGrid):
    """Put spectra on a grid and judge them.

    Parameters
    ----------
    raws : sequence of RawSpectrum
    grid : WavelengthGrid

    Returns
    -------
    batch : SpectrumBatch
        The usable spectra, in their order, with `QualityFlag` bits set. Its length may be 0.
    rejects : list of (int, SpectrumError)
        Index into ``raws`` and reason of each spectrum that is not in the batch: ``no_overlap``,
        ``no_valid_pixels``, ``too_few_pixels``, ``zero_flux``, ``bad_wavelength``, ``bad_shape``.
    """
    raws = list(raws)
    arrays = _Arrays(len(raws), grid)
    errors = arrays.fill(raws)
    n_valid = np.count_nonzero(~arrays.mask, axis=1)
    identity = _identity(raws)
    flags = np.array([int(raw.flags) for raw in raws], dtype=np.int64)
    flags |= _flags(arrays, n_valid, identity["snr_g"], grid)

    varied = _varied(arrays.flux, arrays.mask)
    # Where valid pixels are few the cause is that, not what their fluxes happen to be.
    for i, raw in enumerate(raws):
        if errors[i] is not None:
            continue
        if n_valid[i] == 0:
            bad = "all" if raw.mask.all() else "all that lie on the grid"
            errors[i] = SpectrumError("no_valid_pixels", f"{bad} of {len(raw.mask)} are bad")
        elif n_valid[i] < MIN_VALID_PIXELS * grid.n_pixels:
            detail = f"{n_valid[i]} of the grid's {grid.n_pixels} pixels are valid"
            errors[i] = SpectrumError("too_few_pixels", detail)
        elif not varied[i] and _is_constant(arrays.flux[i], arrays.mask[i]):
            errors[i] = SpectrumError("zero_flux", "flux is the same in every valid pixel")

    batch = SpectrumBatch(grid, arrays.flux, arrays.ivar, arrays.mask, identity, flags)
    rejects = [(i, error) for i, error in enumerate(errors) if error is not None]
    if rejects:
        batch = batch[np.array([error is None for error in errors], dtype=bool)]
    return batch, rejects


class _Arrays:
    """The arrays of a batch, and how spectra get into them."""

    def __init__(self, n_spectra, grid):
        shape = (n_spectra, grid.n_pixels)
        self.grid = grid
        self.flux = np.zeros(shape, dtype=np.float32)
        self.ivar = np.zeros(shape, dtype=np.float32)
        self.mask = np.ones(shape, dtype=bool)
        self.n_covered = np.zeros(n_spectra, dtype=np.int64)
        self.resampled = np.zeros(n_spectra, dtype=bool)
        self._before = np.full((n_spectra, 2), np.nan)  # flux, ivar one pixel before the grid

    def fill(self, raws):
        """Fill row ``i`` with ``raws[i]``; returns a `SpectrumError` or None for each."""
        errors = [None] * len(raws)
        copies, groups, keys, sources = [], defaultdict(list), {}, {}
        for i, raw in enumerate(raws):
            try:
                shift = self._lattice_shift(raw)
                if shift is not None:
                    self._copy(i, raw, shift)
                    copies.append(i)
                    continue
                # Spectra that share the array itself need only one digest of it.
                key = keys.get(id(raw.wavelength))
                if key is None or raw.log10_start is not None:
                    key = keys[id(raw.wavelength)] = source_key(raw)
                groups[key].append(i)
                sources[key] = raw.wavelength
            except SpectrumError as error:
                errors[i] = error
        self._clean_copies(raws, copies)
        for key, rows in groups.items():
            matrix = overlap_matrix(key, sources[key], self.grid)
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

    def _lattice_shift(self, raw):
        """Grid pixel of the source's pixel 0, or None if it is not on the grid's lattice."""
        if raw.log10_start is None or raw.log10_step is None or len(raw.wavelength) < 2:
            return None
        step = self.grid.log10_step
        shift = (raw.log10_start - self.grid.log10_start) / step
        drift = (raw.log10_step / step - 1) * len(raw.wavelength)
        nearest = round(shift)
        if abs(shift - nearest) < _ALIGNED and abs(drift) < _ALIGNED:
            return nearest
        return None

    def _copy(self, i, raw, shift):
        first = max(shift, 0)
        last = min(shift + len(raw.wavelength), self.grid.n_pixels)
        if last > first:
            source = slice(first - shift, last - shift)
            self.flux[i, first:last] = raw.flux[source]
            self.ivar[i, first:last] = raw.ivar[source]
            self.mask[i, first:last] = raw.mask[source]
            self.n_covered[i] = last - first
            if shift < 0 and not raw.mask[-shift - 1]:
                self._before[i] = raw.flux[-shift - 1], raw.ivar[-shift - 1]

    def _widen_first_pixel(self):
        """Let the grid's first pixel reach as far as its extrapolated edge does.

        That edge is not the midpoint with the source pixel before, but lies 1e-4 of a pixel beyond
        it: the only pixel in which a copy would not equal the matrix, and specutils.
        """
        flux, ivar = self._before.T
        use = ~self.mask[:, 0] & np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)
        outside = 0.5 * (1 - 10.0**-self.grid.log10_step)
        variance = outside**2 / ivar[use] + (1 - outside) ** 2 / self.ivar[use, 0]
        self.flux[use, 0] = outside * flux[use] + (1 - outside) * self.flux[use, 0]
        self.ivar[use, 0] = 1 / variance

    def _clean_copies(self, raws, rows):
        """Zeros where masked; anything unusable that the source's mask missed is masked too."""
        if not rows:
            return
        everything = len(rows) == len(self.flux)
        pick = slice(None) if everything else np.array(rows)
        flux, ivar, mask = self.flux[pick], self.ivar[pick], self.mask[pick]
        mask |= ~(np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0))
        flux[mask] = 0
        ivar[mask] = 0
        if not everything:
            self.flux[pick], self.ivar[pick], self.mask[pick] = flux, ivar, mask
        self._widen_first_pixel()

    def _multiply(self, raws, rows, matrix):
        source = matrix.source
        # float64 for flux, in which neighbours of opposite sign may cancel; the other two are sums
        # of positive numbers, for which float32 is good to 3e-7.
        flux = np.array([raws[i].flux[source] for i in rows], dtype=np.float64)
        ivar = np.array([raws[i].ivar[source] for i in rows], dtype=np.float32)
        bad = np.array([raws[i].mask[source] for i in rows], dtype=bool)
        bad |= ~(np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0))
        valid = matrix.coverage
        if bad.any():
            np.copyto(flux, 0, where=bad)
            np.copyto(ivar, np.inf, where=bad)  # variance 0: contributes nothing
            valid = _product(matrix.fraction32, (~bad).astype(np.float32))
        flux = _product(matrix.fraction, flux)
        variance = _product(matrix.squared32, 1 / ivar)

        masked = np.broadcast_to((valid < MIN_VALID_FRACTION) | (variance <= 0), flux.shape)
        valid = np.where(masked, 1, valid)
        np.copyto(flux, 0, where=masked)
        np.copyto(variance, np.inf, where=masked)
        self.mask[rows] = masked
        self.flux[rows] = flux / valid
        self.ivar[rows] = valid**2 / variance


def _product(matrix, spectra):
    """``matrix @ spectrum`` for each row of ``spectra``, in rows again."""
    return np.ascontiguousarray((matrix @ spectra.T).T)


def _varied(flux, mask):
    """Whether the few pixels that are looked at differ, as those of most spectra do."""
    some, masked = flux[:, ::64].astype(np.float64), mask[:, ::64]
    low = np.where(masked, np.inf, some).min(axis=1, initial=np.inf)
    high = np.where(masked, -np.inf, some).max(axis=1, initial=-np.inf)
    return high - low > _SAME * np.maximum(np.abs(low), np.abs(high))


def _is_constant(flux, mask):
    values = flux[~mask]
    low, high = float(values.min()), float(values.max())
    return high - low <= _SAME * max(abs(low), abs(high))


def _identity(raws):
    identity = empty_identity(len(raws))
    for name, column in identity.items():
        for i, raw in enumerate(raws):
            value = raw.identity.get(name)
            if value is not None:
                column[i] = value
    return identity


def _flags(arrays, n_valid, snr_g, grid):
    """Bits of `QualityFlag` that follow from the pixels on the grid."""
    flags = np.zeros(len(n_valid), dtype=np.int64)
    n_negative = np.count_nonzero(arrays.flux < 0, axis=1)
    n_masked = arrays.n_covered - n_valid
    snr = np.array(snr_g, dtype=np.float64)
    unknown = np.flatnonzero(~(np.isfinite(snr) & (snr > -9000)) & (n_valid > 0))
    if len(unknown):
        snr[unknown] = _median_snr(arrays, unknown, grid)
    for flag, condition in (
        (QualityFlag.PARTIAL_COVERAGE, n_valid < 0.8 * grid.n_pixels),
        (QualityFlag.LOW_SNR, snr < 5),
        (QualityFlag.NEGATIVE_FLUX, n_negative > 0.1 * n_valid),
        (QualityFlag.RESAMPLED, arrays.resampled),
        (QualityFlag.MASKED_PIXELS_MANY, n_masked > 0.2 * arrays.n_covered),
    ):
        flags[condition] |= int(flag)
    return flags


def _median_snr(arrays, rows, grid):
    """Median of flux over its error in the g band, or over everything valid where g has nothing."""
    band = (grid.wavelength >= G_BAND[0]) & (grid.wavelength <= G_BAND[1])
    estimates = np.empty(len(rows))
    for k, i in enumerate(rows):
        valid = ~arrays.mask[i]
        use = valid & band if (valid & band).any() else valid
        estimates[k] = np.median(arrays.flux[i, use] * np.sqrt(arrays.ivar[i, use]))
    return estimates
