"""Normalization: the paper's Eq. 1, and the network input that presets use.

What a preset was trained on is stored in its ``preprocessing`` block and applied here, for training
and for inference alike, so that the two cannot differ.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from .batch import SpectrumBatch

__all__ = ["network_input", "normalize_l2", "pseudo_continuum", "rectify"]

_CHUNK = 32  # spectra at a time, so that the temporaries stay in the processor's cache

DEFAULT_PREPROCESSING = {
    "normalization": "pseudo_continuum",
    "block": 32,
    "smooth": 3.0,
    "line_depth": 0.04,
    "weight": "noise",
}
"""Preprocessing of the default preset; see `network_input` for the parameters."""

_RECTIFY = {name: DEFAULT_PREPROCESSING[name] for name in ("block", "smooth", "line_depth")}


def normalize_l2(batch: SpectrumBatch) -> SpectrumBatch:
    """Divide each spectrum by its 2-norm over valid pixels (Yang et al. 2021, Eq. 1).

    Parameters
    ----------
    batch : SpectrumBatch

    Returns
    -------
    SpectrumBatch
        New flux and ivar; masked pixels hold 0. A spectrum without valid flux stays zero.

    Examples
    --------
    >>> import numpy as np
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> from lamost_rare.spectra import normalize_l2
    >>> batch = normalize_l2(analytic_spectra(["O5"], np.random.default_rng(1), snr=50.0))
    >>> print(np.linalg.norm(batch.flux, axis=1).round(3))
    [1.]
    """
    flux = np.where(batch.mask, 0, batch.flux).astype(np.float32)
    norm = _l2_norm(flux)
    return replace(
        batch,
        flux=(flux / norm).astype(np.float32),
        ivar=(batch.ivar * norm * norm).astype(np.float32),
    )


def _l2_norm(flux: np.ndarray) -> np.ndarray:
    # Scaled by the largest value first: squares of 1e20 or 1e-25 leave float32.
    largest = np.abs(flux).max(axis=1, keepdims=True).astype(np.float64)
    largest[largest == 0] = 1.0
    scaled = flux / largest
    norm = largest * np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None]
    norm[norm == 0] = 1.0
    return norm


@lru_cache(maxsize=8)
def _kernel(n_blocks: int, smooth: float):
    """Return the Gaussian weights of blocks for each other, shape (n_blocks, n_blocks)."""
    index = np.arange(n_blocks)
    kernel = np.exp(-0.5 * ((index[:, None] - index[None, :]) / smooth) ** 2)
    return kernel.astype(np.float32)


def _interpolate(level: np.ndarray, block: int, n_pixels: int) -> np.ndarray:
    """(n, n_blocks) to (n, n_pixels): linear between centres, constant beyond the outermost."""
    padded = np.pad(level, ((0, 0), (1, 1)), mode="edge")
    fraction = (np.arange(block, dtype=np.float32) + np.float32(0.5)) / np.float32(block)
    segments = np.diff(padded, axis=1)[:, :, None] * fraction
    segments += padded[:, :-1, None]
    first = block // 2
    return segments.reshape(len(level), -1)[:, first : first + n_pixels]


def _blocks(values: np.ndarray, block: int, fill) -> np.ndarray:
    n, n_pixels = values.shape
    n_blocks = -(-n_pixels // block)
    if n_blocks * block != n_pixels:
        pad = np.full((n, n_blocks * block - n_pixels), fill, dtype=values.dtype)
        values = np.concatenate([values, pad], axis=1)
    return values.reshape(n, n_blocks, block)


def _smooth_blocks(level, weight, smooth, block, n_pixels):
    """Weighted smoothing of block values that bridges empty blocks, interpolated to pixels."""
    tiny = np.float32(1e-6)
    kernel = _kernel(level.shape[1], smooth)
    numerator = (level * weight) @ kernel
    denominator = weight @ kernel
    # Far from any valid block the kernel underflows: fall back to the spectrum's mean level.
    total = np.maximum(weight.sum(axis=1, keepdims=True), tiny)
    mean = (level * weight).sum(axis=1, keepdims=True) / total
    values = np.where(denominator > 1e-3, numerator / np.maximum(denominator, tiny), mean)
    return _interpolate(values.astype(np.float32), block, n_pixels)


def pseudo_continuum(flux, mask, *, block=32, smooth=3.0):
    """Fit a smooth level through each spectrum, and the noise about it.

    The level is the median in blocks of pixels, smoothed over neighbouring blocks by a Gaussian,
    and linear between block centres; medians keep cosmic rays and single lines out of it. The
    noise is estimated from second differences of neighbouring pixels, so that it does not depend
    on the uncertainties that came with the spectrum.

    Parameters
    ----------
    flux : ndarray, shape (n_spectra, n_pixels), float32
        Finite where not masked.
    mask : ndarray, shape (n_spectra, n_pixels), bool
        True where not to be used.
    block : int
        Pixels in a block.
    smooth : float
        Standard deviation of the smoothing, in blocks.

    Returns
    -------
    level, noise : ndarray, shape (n_spectra, n_pixels), float32
        In the units of flux; noise is a standard deviation per pixel.
    """
    good = ~mask
    n_pixels = flux.shape[1]
    blocks = _blocks(np.where(good, flux, np.float32(np.inf)), block, np.inf)
    blocks.sort(axis=2)
    count = np.add.reduce(_blocks(good, block, False), axis=2, dtype=np.int32)
    low = np.maximum(count - 1, 0) // 2
    high = np.minimum(count // 2, block - 1)
    middle = np.stack([low, high], axis=2)
    median = np.take_along_axis(blocks, middle, axis=2).mean(axis=2)
    weight = (count / np.float32(block)).astype(np.float32)
    median = np.where(count > 0, median, 0).astype(np.float32)
    level = _smooth_blocks(median, weight, float(smooth), block, n_pixels)

    clean = np.where(good, flux, np.float32(0))
    second = np.zeros_like(clean)
    usable = np.zeros_like(good)
    inner = second[:, 1:-1]
    np.add(clean[:, :-2], clean[:, 2:], out=inner)
    inner *= np.float32(-0.5)
    inner += clean[:, 1:-1]
    np.abs(inner, out=inner)
    usable[:, 1:-1] = good[:, 1:-1] & good[:, :-2] & good[:, 2:]
    second *= usable
    pairs = np.add.reduce(_blocks(usable, block, False), axis=2, dtype=np.float32)
    deviation = _blocks(second, block, 0).sum(axis=2) / np.maximum(pairs, 1)
    # E|d| of a Gaussian is sigma sqrt(2/pi); the variance of the difference is 3/2 sigma^2.
    deviation *= np.float32(np.sqrt(np.pi / 2) / np.sqrt(1.5))
    noise = _smooth_blocks(deviation, pairs / np.float32(block), float(smooth), block, n_pixels)
    return level, noise


def rectify(batch: SpectrumBatch, *, block=32, smooth=3.0, line_depth=0.04):
    """Return line depths in units of the noise, or of a typical line where noise is small.

    ``arcsinh((flux - level) / sqrt((line_depth * level)**2 + noise**2))``. Pixels weigh as in a
    matched filter, so that LAMOST's noisy blue end cannot drown the rest; weak lines of good
    spectra are of order one; the arcsinh keeps strong lines, emission and cosmic rays finite
    without cutting them off.

    Parameters
    ----------
    batch : SpectrumBatch
    block, smooth
        As in `pseudo_continuum`.
    line_depth : float
        Depth of a typical line in units of the level.

    Returns
    -------
    depth, weight : ndarray, shape (n_spectra, n_pixels), float32
        The depths, and ``line_depth * level`` over what they were divided by; 0 where masked.
    """
    depth, weight = (np.empty(batch.flux.shape, dtype=np.float32) for _ in range(2))
    for start in range(0, len(batch), _CHUNK):
        rows = slice(start, start + _CHUNK)
        depth[rows], weight[rows] = _rectify_some(
            batch.flux[rows], batch.mask[rows], block, smooth, line_depth
        )
    return depth, weight


def _rectify_some(flux, mask, block, smooth, line_depth):
    flux = np.where(mask, np.float32(0), flux)
    largest = np.maximum(flux.max(axis=1, keepdims=True), -flux.min(axis=1, keepdims=True))
    flux /= np.where(largest > 0, largest, np.float32(1))
    level, noise = pseudo_continuum(flux, mask, block=block, smooth=smooth)
    typical = np.float32(line_depth) * level
    scale = np.sqrt(typical * typical + noise * noise)
    np.maximum(scale, np.float32(1e-12), out=scale)
    flux -= level
    flux /= scale
    flux = _arcsinh(flux)
    flux[mask] = 0
    typical /= scale
    np.clip(typical, 0, 1, out=typical)
    typical[mask] = 0
    return flux, typical


def _arcsinh(x):
    """Good to 3e-7 of `numpy.arcsinh`, and six times as fast: numpy has vector instructions for the
    logarithm. For values below 1e18, whose squares float32 can hold."""
    y = x * x
    y += np.float32(1)
    np.sqrt(y, out=y)
    y += np.abs(x)
    np.log(y, out=y)
    return np.copysign(y, x, out=y)


def network_input(batch: SpectrumBatch, preprocessing: dict) -> np.ndarray:
    """Return what a network sees, as its preset describes it.

    Parameters
    ----------
    batch : SpectrumBatch
    preprocessing : dict
        ``normalization`` is ``"pseudo_continuum"`` (with the parameters of `rectify`) or ``"l2"``
        (Yang et al. 2021, Eq. 1, times the square root of the number of pixels). With the former
        ``weight`` may be ``"noise"``; it is ``"valid"`` where it is absent.

    Returns
    -------
    ndarray, shape (n_spectra, n_pixels, 2), float32
        The normalized spectrum, and what a pixel is worth, 0 where masked: 1 (``"valid"``), or from
        1 without noise to 0 (``"noise"``), the depth of a typical line as `rectify` scales it, for
        whether a weak line is weak, or would be seen at all, depends on the noise.

    Raises
    ------
    ValueError
        If the normalization or weight is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from lamost_rare import load_preset
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> from lamost_rare.spectra import network_input
    >>> batch = analytic_spectra(["O5"], np.random.default_rng(1), snr=50.0)
    >>> network_input(batch, load_preset().preprocessing).shape
    (1, 3072, 2)
    """
    parameters = dict(preprocessing)
    kind = parameters.pop("normalization", None)
    weight = parameters.pop("weight", "valid")
    if kind not in ("pseudo_continuum", "l2"):
        raise ValueError(f"unknown normalization {kind!r}; known: 'pseudo_continuum', 'l2'")
    if weight not in ("valid", "noise") or (kind == "l2" and weight == "noise"):
        raise ValueError(f"unknown weight {weight!r} of pixels with normalization {kind!r}")
    out = np.empty((*batch.flux.shape, 2), dtype=np.float32)
    if kind == "l2":
        out[..., 0] = normalize_l2(batch).flux * np.float32(np.sqrt(batch.flux.shape[1]))
        out[..., 1] = ~batch.mask
        return out
    out[..., 0], out[..., 1] = rectify(batch, **{**_RECTIFY, **parameters})
    if weight == "valid":
        out[..., 1] = ~batch.mask
    return out
