"""One spectrum as few bytes, which a browser takes apart without a library.

Little-endian, deflated by zlib::

    u16 n_pixels | u16 pixels to a block | i32 x n_blocks: e
    flux   3 planes of n_pixels bytes: low, middle and high bytes
    sigma  2 planes of n_pixels bytes
    mask   1 bit a pixel, 1 where it is masked, the lowest bit first

The step of a block's flux is 2**(e/8), a quarter of its smallest standard error or less: rounding
stays within an eighth of it. Flux is a whole number of steps, and a standard error 8 times its
logarithm to base 2; of both the differences from pixel to pixel are stored, with the sign as the
lowest bit, byte by byte in planes, since that deflates best.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "BLOCK",
    "MOST_PIXELS",
    "PackedArrays",
    "pack_arrays",
    "pack_spectrum",
    "unpack_spectrum",
]

BLOCK = 32
"""Pixels that share a step."""
MOST_PIXELS = 2**16 - 1
_MOST_STEPS = 2**22 - 1
"""Of a flux: the difference of two such fits three bytes with its sign."""
_PER_OCTAVE = 8
_BEYOND = 0.1
"""Of the range of valid fluxes: how far the flux of a masked pixel may lie beyond it."""


class PackedArrays(NamedTuple):
    """What `unpack_spectrum` returns, each of shape (n_pixels,)."""

    flux: np.ndarray
    sigma: np.ndarray
    mask: np.ndarray


def pack_spectrum(flux: ArrayLike, ivar: ArrayLike, mask: ArrayLike) -> bytes:
    """Pack a spectrum.

    Parameters
    ----------
    flux, ivar : array-like, shape (n_pixels,)
        Flux and inverse variance; any value where masked.
    mask : array-like, shape (n_pixels,)
        True where a pixel is not to be used. What is not finite, or has no positive inverse
        variance, is masked as well.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If no pixel is valid, or there are more than `MOST_PIXELS`.

    Notes
    -----
    Masked pixels keep their flux where it is finite, moved to `_BEYOND` of the range of the valid
    ones if it is beyond that; else flux, and always sigma, are drawn between valid neighbours.
    """
    flux, ivar = np.asarray(flux, dtype=np.float64), np.asarray(ivar, dtype=np.float64)
    if not 0 < len(flux) <= MOST_PIXELS:
        raise ValueError(f"{len(flux)} pixels, not 1 to {MOST_PIXELS}")
    valid = ~np.asarray(mask, dtype=bool) & np.isfinite(flux) & (ivar > 0) & np.isfinite(ivar)
    if not valid.any():
        raise ValueError("every pixel is masked")
    pixels = np.arange(len(flux))
    log_sigma = -0.5 * np.log2(ivar, where=valid, out=np.zeros(len(flux)))
    if not valid.all():
        log_sigma = np.interp(pixels, pixels[valid], log_sigma[valid])
        flux = _filled(flux, valid)
    return _deflate(pack_arrays(flux, log_sigma, ~valid))


def _filled(flux: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return fluxes with numbers that can be drawn where they are masked."""
    low, high = flux[valid].min(), flux[valid].max()
    room = _BEYOND * (high - low)
    kept = valid | np.isfinite(flux)
    pixels = np.arange(len(flux))
    filled = np.interp(pixels, pixels[valid], flux[valid])
    filled[kept] = np.clip(flux[kept], low - room, high + room)
    return filled


def pack_arrays(flux: np.ndarray, log_sigma: np.ndarray, mask: np.ndarray) -> bytes:
    """Return the bytes that are deflated; ``log_sigma`` is to base 2, all numbers are finite."""
    n = len(flux)
    step = _exponents(flux, log_sigma, mask)
    size = np.exp2(np.repeat(step, BLOCK)[:n] / _PER_OCTAVE)
    parts = [
        np.array([n, BLOCK], dtype="<u2").tobytes(),
        step.astype("<i4").tobytes(),
        _planes(_differences(np.rint(flux / size)), 3),
        _planes(_differences(np.rint(_PER_OCTAVE * log_sigma)), 2),
        np.packbits(mask, bitorder="little").tobytes(),
    ]
    return b"".join(parts)


def _exponents(flux: np.ndarray, log_sigma: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return e of each block: by its smallest sigma, larger where its flux would have too many
    steps."""
    filled = -(-len(flux) // BLOCK) * BLOCK

    def blocks(values: np.ndarray, fill: float) -> np.ndarray:
        padded = np.full(filled, fill)
        padded[: len(values)] = values
        return padded.reshape(-1, BLOCK)

    least = blocks(np.where(mask, np.inf, log_sigma), np.inf).min(axis=1)
    some = np.flatnonzero(np.isfinite(least))
    least = np.interp(np.arange(len(least)), some, least[some])
    exponent = np.floor(_PER_OCTAVE * (least - 2))
    largest = blocks(np.abs(flux), 0.0).max(axis=1)
    with np.errstate(divide="ignore"):
        needed = np.ceil(_PER_OCTAVE * np.log2(largest / _MOST_STEPS))
    return np.maximum(exponent, needed).astype(np.int64)


def _differences(values: np.ndarray) -> np.ndarray:
    whole: np.ndarray = values.astype(np.int64)
    found = np.diff(whole, prepend=0)
    return (found << 1) ^ (found >> 63)


def _planes(numbers: np.ndarray, n_bytes: int) -> bytes:
    return b"".join((numbers >> 8 * k & 0xFF).astype(np.uint8).tobytes() for k in range(n_bytes))


def _deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_FILTERED)
    return packer.compress(content) + packer.flush()


def unpack_spectrum(packed: bytes) -> PackedArrays:
    """Return flux, standard errors and mask of what `pack_spectrum` made.

    Raises
    ------
    ValueError, zlib.error
        If it is something else.
    """
    content = zlib.decompress(packed)
    n, block = np.frombuffer(content, "<u2", 2).tolist()
    n_blocks = -(-n // block)
    exponents = np.frombuffer(content, "<i4", n_blocks, 4)
    at = 4 + 4 * n_blocks
    if len(content) != at + 5 * n + -(-n // 8):
        raise ValueError(f"{len(content)} bytes for {n} pixels")
    size = np.exp2(np.repeat(exponents, block)[:n] / _PER_OCTAVE)
    flux = _summed(content, at, n, 3) * size
    sigma = np.exp2(_summed(content, at + 3 * n, n, 2) / _PER_OCTAVE)
    bits = np.frombuffer(content, np.uint8, offset=at + 5 * n)
    return PackedArrays(flux, sigma, np.unpackbits(bits, bitorder="little")[:n].astype(bool))


def _summed(content: bytes, at: int, n: int, n_bytes: int) -> np.ndarray:
    planes = np.frombuffer(content, np.uint8, n * n_bytes, at).reshape(n_bytes, n)
    numbers = sum(plane.astype(np.int64) << 8 * k for k, plane in enumerate(planes))
    return np.cumsum((numbers >> 1) ^ -(numbers & 1))
