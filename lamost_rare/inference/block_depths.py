"""Spectra as depths in blocks of four pixels, which what is to be quick goes by."""

from __future__ import annotations

import numpy as np

__all__ = ["BLOCK", "CHUNK", "SEGMENTS", "block_depths", "n_features"]

BLOCK = 4
"""Pixels to a block: R 1800 has 2.4 to its resolution, and the lines of cool stars are blends."""
WINDOW = 20
"""Blocks on either side over which the local level is taken: 2 % of the wavelength."""
SEGMENTS = 12
"""Parts of the spectrum that have a noise of their own."""
TYPICAL = 0.05
"""Depth of a typical line, to which the noise is compared."""
LINEAR = 4.0
"""Scaled depths are compressed from here on, and never reach it."""
CHUNK = 32
"""Spectra at a time: what stays in a core's own cache, also while others are busy."""


def n_features(n_pixels: int) -> int:
    """Length of the second axis of `block_depths`."""
    return n_pixels // BLOCK + SEGMENTS


def block_depths(flux, mask) -> np.ndarray:
    """Return what the first stage sees of spectra.

    Parameters
    ----------
    flux : ndarray, shape (n_spectra, n_pixels), float32
    mask : ndarray, shape (n_spectra, n_pixels), bool
        True where a pixel must not be used.

    Returns
    -------
    ndarray, shape (n_spectra, n_pixels // 4 + 12), float32
        For each block of four pixels the depth of its mean below the mean of the 41 blocks around
        it, in units of that mean, over the root of the squares of 0.05 and of the noise: x, of
        which x / (1 + |x| / 4) is given; 0 where nothing is valid. Then 0.05 over that root for
        each twelfth of the spectrum. The noise is that between neighbouring blocks.

    Raises
    ------
    ValueError
        If the pixels do not divide into blocks and twelfths.
    """
    n, n_pixels = flux.shape
    if n_pixels % (BLOCK * SEGMENTS):
        raise ValueError(f"{n_pixels} pixels are no multiple of {BLOCK * SEGMENTS}")
    out = np.empty((n, n_features(n_pixels)), dtype=np.float32)
    for start in range(0, n, CHUNK):
        rows = slice(start, start + CHUNK)
        out[rows] = _depths(flux[rows], mask[rows])
    return out


def _depths(flux, mask) -> np.ndarray:
    n = len(flux)
    usable = ~mask
    flux = flux.copy()
    flux[mask] = 0
    largest = np.maximum(flux.max(axis=1), -flux.min(axis=1))[:, None]
    flux /= np.where(largest > 0, largest, np.float32(1))
    total = flux[:, ::BLOCK] + flux[:, 1::BLOCK]
    for i in range(2, BLOCK):
        total += flux[:, i::BLOCK]
    # Four flags are one number of 32 bits, whose highest byte becomes their sum.
    count = ((usable.view(np.uint32) * np.uint32(0x01010101)) >> np.uint32(24)).astype(np.float32)
    n_blocks = count.shape[1]
    seen = count > 0

    level = _around(total) / np.maximum(_around(count), np.float32(1))
    np.maximum(count, np.float32(1), out=count)
    # A level near zero or below is noise: depths in units of it would mean nothing.
    least = np.float32(0.02) * np.abs(level).max(axis=1, keepdims=True) + np.float32(1e-9)
    depth = (total / count - level) / np.maximum(level, least)
    depth[~seen] = 0

    squares = np.zeros_like(depth)
    np.subtract(depth[:, 1:], depth[:, :-1], out=squares[:, 1:])
    squares *= squares
    np.minimum(squares, np.float32(4), out=squares)
    both = np.zeros_like(seen)
    np.logical_and(seen[:, 1:], seen[:, :-1], out=both[:, 1:])
    squares[~both] = 0
    n_both = both.reshape(n * SEGMENTS, -1).astype(np.float32).sum(axis=1).reshape(n, SEGMENTS)
    squares = squares.reshape(n, SEGMENTS, -1).sum(axis=2)
    variance = squares / np.maximum(2 * n_both, np.float32(1))
    worth = np.float32(TYPICAL) / np.sqrt(np.float32(TYPICAL**2) + variance)
    worth[n_both == 0] = 0

    scaled = depth.reshape(n, SEGMENTS, -1) * (worth / np.float32(TYPICAL))[:, :, None]
    scaled /= 1 + np.abs(scaled) / np.float32(LINEAR)
    return np.concatenate([scaled.reshape(n, n_blocks), worth], axis=1)


def _around(values):
    """Sum over the blocks around each, shape as ``values``."""
    n, n_blocks = values.shape
    sums = np.zeros((n, n_blocks + 2 * WINDOW + 1), dtype=np.float32)
    inner = slice(WINDOW + 1, WINDOW + 1 + n_blocks)
    np.cumsum(values, axis=1, out=sums[:, inner])
    sums[:, inner.stop :] = sums[:, inner.stop - 1 : inner.stop]
    return sums[:, 2 * WINDOW + 1 :] - sums[:, :n_blocks]
