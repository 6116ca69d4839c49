"""Flux-conserving resampling of spectra to a grid, and their assembly into a batch.

The flux density of an output pixel is the mean of the spectrum's over the width of that pixel
(Carnall 2017, arXiv:1705.05165), and its variance follows by propagation: with ``w`` the width of
the overlaps, ``F = sum(w f) / sum(w)`` and ``V = sum(w**2 v) / sum(w)**2``. Pixel edges,
and so the results, are those of ``specutils.manipulation.FluxConservingResampler``.

What differs from it is the treatment of masked and of missing pixels. The sums run over
valid pixels alone, and an output pixel of which less than half is covered by them is masked.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._grid_arrays import MIN_VALID_FRACTION, GridArrays
from .batch import SpectrumBatch, empty_identity
from .grid import WavelengthGrid
from .quality import QualityFlag, SpectrumError
from .raw import RawSpectrum
from .snr import G_BAND, g_band

__all__ = ["MIN_VALID_FRACTION", "assemble"]

MIN_VALID_PIXELS = 0.1
"""A spectrum is rejected if fewer than this fraction of the grid's pixels are valid."""

MAX_SNR_RATIO = 15.0
"""How many times the S/N that a file states may be that of its pixels, and the other way round.

Of 2,277 real spectra some of LAMOST's first plate have the largest ratios, up to 8.
"""

SNR_BOUNDS = (0.05, 1e4)
"""S/N that a spectrum can have: noise alone has 0.67 (as the median of what its size is, without
its sign), and no detector counts the photons of more."""

_SAME = 1e-6  # relative difference of fluxes that are the same


def assemble(
    raws: Sequence[RawSpectrum], grid: WavelengthGrid, arrays: GridArrays | None = None
) -> tuple[SpectrumBatch, list[tuple[int, SpectrumError]]]:
    """Put spectra on a grid, and judge them.

    Parameters
    ----------
    raws : sequence of RawSpectrum
    grid : WavelengthGrid
    arrays : GridArrays, optional
        Where to put the spectra; with as many rows as there are spectra, or more.

    Returns
    -------
    batch : SpectrumBatch
        The usable spectra, in their order, with `QualityFlag` bits set. Its length may be 0.
    rejects : list of (int, SpectrumError)
        Index into ``raws`` and reason of each spectrum that is not in the batch: ``no_overlap``,
        ``no_valid_pixels``, ``too_few_pixels``, ``zero_flux``, ``bad_wavelength``, ``bad_shape``.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare.spectra import LAMOST_GRID, assemble, read_lamost
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))[40:43]
    >>> batch, rejects = assemble([read_lamost(file) for file in files], LAMOST_GRID)
    >>> batch.flux.shape, len(rejects)
    ((3, 3072), 0)
    """
    raws = list(raws)
    if arrays is None:
        arrays = GridArrays(len(raws), grid)
    arrays.keep(len(raws))
    errors = arrays.fill(raws)
    n_valid = grid.n_pixels - _count(arrays.mask)
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


def _count(rows):
    """Count what is True in each row: faster one by one than along an axis."""
    return np.array([np.count_nonzero(row) for row in rows], dtype=np.int64)


def _varied(flux, mask):
    """Return whether the few pixels that are looked at differ, as those of most spectra do."""
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
    """Return bits of `QualityFlag` that follow from the pixels on the grid."""
    flags = np.zeros(len(n_valid), dtype=np.int64)
    n_negative = _count(arrays.flux < 0)
    n_masked = arrays.n_covered - n_valid
    snr = np.array(snr_g, dtype=np.float64)
    snr[~(snr > -9000)] = np.nan
    doubtful = _doubtful(arrays, snr, n_valid, grid)
    # A card that may be absurd must not make a spectrum better than its pixels are.
    rows = np.flatnonzero((doubtful | ~np.isfinite(snr)) & (n_valid > 0))
    if len(rows):
        snr[rows] = np.fmin(snr[rows], _median_snr(arrays, rows, grid))
    for flag, condition in (
        (QualityFlag.PARTIAL_COVERAGE, n_valid < 0.8 * grid.n_pixels),
        (QualityFlag.LOW_SNR, snr < 5),
        (QualityFlag.NEGATIVE_FLUX, n_negative > 0.1 * n_valid),
        (QualityFlag.RESAMPLED, arrays.resampled),
        (QualityFlag.SNR_DOUBTFUL, doubtful),
        (QualityFlag.MASKED_PIXELS_MANY, n_masked > 0.2 * arrays.n_covered),
    ):
        flags[condition] |= int(flag)
    return flags


def _doubtful(arrays, claimed, n_valid, grid):
    """Return where the claimed S/N (NaN: none) and of the pixels contradict each other."""
    known = np.isfinite(claimed)
    claim = np.where(known, np.maximum(claimed, 1), np.nan)
    found = _quick_snr(arrays, grid)

    def beyond(found, claim, strictness):
        low, high = SNR_BOUNDS[0] * strictness, SNR_BOUNDS[1] / strictness
        ratio = MAX_SNR_RATIO / strictness
        bad = ~((found >= low) & (found <= high))
        return bad | (found > ratio * claim) | (claim > ratio * found) | (claim > SNR_BOUNDS[1])

    doubtful = np.isinf(claimed)
    rows = np.flatnonzero(beyond(found, claim, 2) & (n_valid > 0))
    if len(rows):
        exact = _median_snr(arrays, rows, grid, np.abs)
        doubtful[rows] |= beyond(exact, claim[rows], 1)
    return doubtful


def _quick_snr(arrays, grid):
    """Return nearly what `_median_snr` gives of the pixels' size: by one pixel in 16."""
    band = g_band(grid)
    some = slice(band.start, band.stop, 16)
    with np.errstate(over="ignore"):
        snr = np.abs(arrays.flux[:, some]) * np.sqrt(arrays.ivar[:, some])
    n_some = snr.shape[1]
    if not n_some:
        return np.full(len(snr), np.nan)
    snr.sort(axis=1)  # the masked ones, which are 0, come first
    n_masked = np.count_nonzero(arrays.mask[:, some], axis=1)
    middle = np.minimum((n_masked + n_some) // 2, n_some - 1)
    return np.where(n_masked < n_some, snr[np.arange(len(snr)), middle], np.nan).astype(float)


def _median_snr(arrays, rows, grid, size=np.asarray):
    """Return the median S/N in the g band, or of all that is valid where g has nothing.

    ``size`` is `numpy.abs` where signs are not to matter.
    """
    band = (grid.wavelength >= G_BAND[0]) & (grid.wavelength <= G_BAND[1])
    estimates = np.empty(len(rows))
    for k, i in enumerate(rows):
        valid = ~arrays.mask[i]
        use = valid & band if (valid & band).any() else valid
        with np.errstate(over="ignore"):
            snr = size(arrays.flux[i, use]) * np.sqrt(arrays.ivar[i, use])
        estimates[k] = np.median(snr)
    return estimates
