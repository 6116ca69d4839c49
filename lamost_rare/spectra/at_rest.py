"""Spectra of moving stars, shifted to where a star at rest has its lines."""

from __future__ import annotations

import numpy as np

from .batch import SpectrumBatch

__all__ = ["C_KM_S", "at_rest"]

C_KM_S = 299792.458
"""Speed of light."""


def at_rest(batch: SpectrumBatch, velocity) -> SpectrumBatch:
    """Move spectra by whole pixels to where a star at rest has them.

    Parameters
    ----------
    batch : SpectrumBatch
    velocity : ndarray, shape (n_spectra,)
        km/s; NaN where it is unknown: those stay where they are.

    Returns
    -------
    SpectrumBatch
        Pixels alone, those that came from beyond the grid masked; the batch itself if nothing
        moves by half a pixel.
    """
    velocity = np.nan_to_num(np.asarray(velocity, dtype=float))
    pixels = np.rint(np.log10(1 + velocity / C_KM_S) / batch.grid.log10_step).astype(int)
    rows = np.flatnonzero(pixels)
    if not len(rows):
        return batch
    flux, ivar, mask = (np.array(array) for array in (batch.flux, batch.ivar, batch.mask))
    index = np.arange(batch.grid.n_pixels)
    for row in rows:
        source = index + pixels[row]
        there = (source >= 0) & (source < len(index))
        source = np.where(there, source, 0)
        flux[row] = np.where(there, flux[row, source], 0)
        ivar[row] = np.where(there, ivar[row, source], 0)
        mask[row] = mask[row, source] | ~there
    return SpectrumBatch(batch.grid, flux, ivar, mask)
