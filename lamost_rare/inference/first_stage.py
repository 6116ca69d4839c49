"""A cheap first look at a spectrum, which settles the many that are plainly something common.

A small dense network on depths in blocks of four pixels, in numpy alone: it costs a tenth of the
recogniser. What it is sure of the recogniser never sees.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..presets import Preset, PresetError

__all__ = [
    "FIRST_STAGE_FILE",
    "FirstStage",
    "block_depths",
    "certainty",
    "load_first_stage",
    "log_odds_of",
    "mixed",
    "weight_in_mean",
]

FIRST_STAGE_FILE = "first_stage.npz"

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
APART = 2.0
"""Log-odds of its classes against those that border on them, from which a spectrum is settled."""
COMMON = 3.0
"""Log-odds of its classes against all others together (p of 0.95), from which one is settled."""
_CHUNK = 32  # spectra at a time: what stays in a core's own cache, also while others are busy


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
    for start in range(0, n, _CHUNK):
        rows = slice(start, start + _CHUNK)
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


@dataclass
class FirstStage:
    """A small dense network, and when it is sure.

    Attributes
    ----------
    layers : list of (ndarray, ndarray)
        Kernel (n_in, n_out) and bias (n_out,) of each; all but the last are followed by a ReLU.
    settled : ndarray of bool, shape (n_classes,)
        Classes that it may settle.
    bordering : ndarray of bool, shape (n_classes,)
        Classes for which one that it may settle can be taken without harm.
    log_odds : float
        A spectrum is settled if its `certainty` is at least this.
    rare : ndarray of bool, shape (n_classes,), optional
        The class that must not be lost; without it, no class may that is not settled.
    """

    layers: list[tuple[np.ndarray, np.ndarray]]
    settled: np.ndarray
    bordering: np.ndarray
    log_odds: float
    rare: np.ndarray | None = None

    ROWS = _CHUNK  # that it computes together

    def logits(self, flux, mask) -> np.ndarray:
        """Logits (n_spectra, n_classes), float32, of spectra on the preset's grid."""
        out = np.empty((len(flux), len(self.settled)), dtype=np.float32)
        # A matrix product of other shape may round otherwise: so all are of one shape, and what
        # comes out for a spectrum does not depend on the others.
        x = np.zeros((self.ROWS, self.layers[0][0].shape[0]), dtype=np.float32)
        for start in range(0, len(flux), self.ROWS):
            rows = slice(start, min(start + self.ROWS, len(flux)))
            n = rows.stop - start
            x[:n] = block_depths(flux[rows], mask[rows])
            out[rows] = self._layers(x)[:n]
        return out

    def _layers(self, x):
        for i, (kernel, bias) in enumerate(self.layers):
            if i:
                np.maximum(x, 0, out=x)
            x = x @ kernel
            x += bias
        return x

    def judge(self, flux, mask) -> tuple[np.ndarray, np.ndarray]:
        """Return which spectra are settled, and the probabilities of all.

        Parameters
        ----------
        flux, mask : ndarray, shape (n_spectra, n_pixels)

        Returns
        -------
        sure : ndarray of bool, shape (n_spectra,)
        probabilities : ndarray, shape (n_spectra, n_classes), float32
        """
        return self.decide(self.logits(flux, mask))

    def decide(self, logits) -> tuple[np.ndarray, np.ndarray]:
        """`judge` for its own logits (n_spectra, n_classes)."""
        from scipy.special import softmax

        sure = certainty(logits, self.settled, self.bordering, self.rare) >= self.log_odds
        return sure, softmax(logits, axis=1)

    def save(self, path) -> str:
        """Write it into an ``.npz`` file; returns the SHA-256 of the file."""
        arrays: dict[str, Any] = {}
        for i, (kernel, bias) in enumerate(self.layers):
            arrays |= {f"kernel{i}": kernel, f"bias{i}": bias}
        content = io.BytesIO()
        arrays |= {"settled": self.settled, "bordering": self.bordering}
        if self.rare is not None:
            arrays["rare"] = self.rare
        np.savez(content, log_odds=np.float64(self.log_odds), **arrays)
        Path(path).write_bytes(content.getvalue())
        return hashlib.sha256(content.getvalue()).hexdigest()

    @classmethod
    def load(cls, path) -> FirstStage:
        """Read what `save` wrote."""
        return cls._from_bytes(Path(path).read_bytes())

    @classmethod
    def _from_bytes(cls, content: bytes) -> FirstStage:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            n_layers = sum(name.startswith("kernel") for name in stored)
            layers = [(stored[f"kernel{i}"], stored[f"bias{i}"]) for i in range(n_layers)]
            settled = stored["settled"]
            bordering = stored.get("bordering", np.zeros_like(settled))
            return cls(layers, settled, bordering, float(stored["log_odds"]), stored.get("rare"))


def mixed(logits, first_stage, weight: float) -> np.ndarray:
    """Mean of a recogniser's logits and those of a first stage, which have the given weight."""
    return ((logits + weight * first_stage) / (1 + weight)).astype(np.float32)


def log_odds_of(logits, inside) -> np.ndarray:
    """Log-odds of being in any of some classes, given as a mask; shape (n_spectra,)."""
    return _log_sum(logits[:, inside]) - _log_sum(logits[:, ~inside])


def certainty(logits, settled, bordering, rare=None) -> np.ndarray:
    """Return how sure it is that spectra are of certain classes, not of quite different ones.

    Parameters
    ----------
    logits : ndarray, shape (n_spectra, n_classes)
    settled, bordering : ndarray of bool, shape (n_classes,)
        Those certain classes, and others that count for neither side.
    rare : ndarray of bool, shape (n_classes,), optional
        A class that must not be lost, of which there has to be more certainty than of others.

    Returns
    -------
    ndarray, shape (n_spectra,)
        Log-odds of any of the two sorts against the rare class, or against all others where there
        is none; -inf where the log-odds against all others are below `COMMON` then, and where
        those of the first sort against the second are below `APART`.
    """
    near = settled | bordering
    odds = log_odds_of(logits, near)
    if rare is not None:
        common = odds >= COMMON
        pair = near | rare
        odds = np.where(common, log_odds_of(logits[:, pair], near[pair]), -np.inf)
    if bordering.any():
        odds[log_odds_of(logits[:, near], settled[near]) < APART] = -np.inf
    return odds


def _log_sum(x):
    # For as few numbers `scipy.special.logsumexp` takes four times as long.
    largest = x.max(axis=1)
    return largest + np.log(np.exp(x - largest[:, None]).sum(axis=1))


def weight_in_mean(preset: Preset) -> float:
    """Weight of the first stage's logits in a mean with the recogniser's, or 0."""
    described = preset.settings.first_stage
    return float(described.mixed) if described else 0.0


def load_first_stage(preset: Preset) -> FirstStage | None:
    """The first stage of a preset, or None; PresetError if it is not the preset's own, or unfit."""
    described = preset.settings.first_stage
    if described is None:
        return None
    path = preset.folder / FIRST_STAGE_FILE
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != described.sha256:
            raise ValueError("its SHA-256 is not the one in config.json: damaged or replaced")
        stage = FirstStage._from_bytes(content)
        fits = [n_features(preset.grid.n_pixels), len(preset.classes)]
        if [stage.layers[0][0].shape[0], stage.layers[-1][0].shape[1]] != fits:
            raise ValueError("it does not fit the preset's grid and classes")
    except (OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        what = str(error).splitlines()[0]
        raise PresetError(f"preset {preset.name!r}: {FIRST_STAGE_FILE}: {what}") from error
    return stage
