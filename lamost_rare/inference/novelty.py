"""How unlike all known spectra one is: a number and a flag, which change nothing else.

A small dense network that is independent of the recogniser was taught to tell observations of
known stars from spectra that were made odd in many ways. Its score is set against the scores of
known stars that it was not trained on, at the same noise: `novelty` is how rare such a score is
among them, as -log10 of the part of them whose score is as high.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..presets import NOVELTY_FILE, Preset, PresetError
from ..spectra.quality import QualityFlag
from .block_depths import CHUNK, SEGMENTS, block_depths, n_features
from .dense import Layers, dense, layers_of, named_layers

__all__ = ["MOST", "Novelty", "load_novelty", "novelty_features", "novelty_flags"]

MOST = 6.0
"""Novelty of what is as odd as none of a million known spectra; no higher one is given."""
STRONG = (1.5, 2.5)
"""Scaled depths from which a block counts as one with a strong line."""


def novelty_features(depths: np.ndarray) -> np.ndarray:
    """Return what the network is shown.

    Parameters
    ----------
    depths : ndarray, shape (n_spectra, n), float32
        From `~lamost_rare.inference.block_depths.block_depths`.

    Returns
    -------
    ndarray, shape (n_spectra, n + 108), float32
        The depths, and for each twelfth of the spectrum: the mean of their squares, the highest
        and the lowest, the mean of the squares of the differences between neighbours and of the
        products of such differences that follow each other, and how many are above 1.5 and 2.5,
        and below -1.5 and -2.5.
    """
    part = depths[:, :-SEGMENTS].reshape(len(depths), SEGMENTS, -1)
    step = part[:, :, 1:] - part[:, :, :-1]
    each = np.float32(1 / part.shape[2])
    beyond = [part > x for x in STRONG] + [part < -x for x in STRONG]
    return np.concatenate(
        [
            depths,
            np.einsum("ijk,ijk->ij", part, part) * each,
            part.max(axis=2),
            part.min(axis=2),
            np.einsum("ijk,ijk->ij", step, step) * each,
            np.einsum("ijk,ijk->ij", step[:, :, 1:], step[:, :, :-1]) * each,
            *(where.sum(axis=2, dtype=np.uint8).astype(np.float32) for where in beyond),
        ],
        axis=1,
    )


def quietness(depths: np.ndarray) -> np.ndarray:
    """Return 0.05 over the root of the squares of 0.05 and of the noise of a block, the mean over
    the parts of the spectrum where anything is valid: from 0 (noise alone) to 1; NaN where
    nothing is, shape (n_spectra,)."""
    worth = depths[:, -SEGMENTS:].astype(float)
    n_parts = (worth > 0).sum(axis=1)
    return np.where(n_parts > 0, worth.sum(axis=1) / np.maximum(n_parts, 1), np.nan)


@dataclass
class Novelty:
    """The network, and how its scores are distributed over known spectra.

    Attributes
    ----------
    layers : list of (ndarray, ndarray)
        Kernel and bias of each (`~lamost_rare.inference.dense.dense`); one output, the score.
    quiet : ndarray, shape (n,)
        Rising values of `quietness`.
    rarity : ndarray, shape (m,)
        Rising values of novelty.
    score : ndarray, shape (n, m)
        Score at which, at each quietness, each novelty is reached; rising along the second axis.
        In between all is linear.
    threshold : float
        Novelty from which a spectrum is flagged; not in its file.
    """

    layers: Layers
    quiet: np.ndarray
    rarity: np.ndarray
    score: np.ndarray
    threshold: float = 2.0

    ROWS = CHUNK  # that it computes together

    def of(self, flux, mask) -> np.ndarray:
        """Novelty of spectra on the preset's grid, shape (n_spectra,), float32; NaN where nothing
        is valid."""
        out = np.empty(len(flux), dtype=np.float32)
        # All products of one shape, as those of the first stage.
        depths = np.zeros((self.ROWS, n_features(flux.shape[1])), dtype=np.float32)
        for start in range(0, len(flux), self.ROWS):
            rows = slice(start, min(start + self.ROWS, len(flux)))
            n = rows.stop - start
            depths[:n] = block_depths(flux[rows], mask[rows])
            out[rows] = self.of_depths(depths)[:n]
        return out

    def of_depths(self, depths) -> np.ndarray:
        """`of` for what `block_depths` gives."""
        return self.rarity_of(self.scores(depths), quietness(depths))

    def scores(self, depths) -> np.ndarray:
        """Score of the network for what `block_depths` gives, shape (n_spectra,)."""
        return dense(self.layers, novelty_features(depths))[:, 0]

    def rarity_of(self, score, quiet) -> np.ndarray:
        """Novelty for a score at a quietness, both of shape (n_spectra,)."""
        known = np.isfinite(quiet)
        at = np.interp(np.where(known, quiet, 0), self.quiet, np.arange(len(self.quiet)))
        below = np.minimum(at.astype(int), max(len(self.quiet) - 2, 0))
        above = np.minimum(below + 1, len(self.quiet) - 1)
        part = (at - below)[:, None]
        reached = (1 - part) * self.score[below] + part * self.score[above]
        rows = np.arange(len(reached))
        right = np.clip((score[:, None] >= reached).sum(axis=1), 1, len(self.rarity) - 1)
        low, high = reached[rows, right - 1], reached[rows, right]
        step = (score - low) / (high - low)
        found = self.rarity[right - 1] + step * (self.rarity[right] - self.rarity[right - 1])
        return np.where(known, np.clip(found, 0, MOST), np.nan).astype(np.float32)

    def save(self, path) -> str:
        """Write it into an ``.npz`` file; returns the SHA-256 of the file."""
        content = io.BytesIO()
        arrays = named_layers(self.layers)
        arrays |= {"quiet": self.quiet, "rarity": self.rarity, "score": self.score}
        np.savez(content, **arrays)  # type: ignore[arg-type]
        Path(path).write_bytes(content.getvalue())
        return hashlib.sha256(content.getvalue()).hexdigest()

    @classmethod
    def load(cls, path) -> Novelty:
        """Read what `save` wrote."""
        return cls.from_bytes(Path(path).read_bytes())

    @classmethod
    def from_bytes(cls, content: bytes) -> Novelty:
        """Make it of what `save` wrote.

        Raises
        ------
        KeyError, OSError, ValueError
            If that is damaged or incomplete.
        """
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            tables = (stored[name].astype(float) for name in ("quiet", "rarity", "score"))
            made = cls(layers_of(stored), *tables)
        shape = len(made.quiet), len(made.rarity)
        rising = all((np.diff(x) > 0).all() for x in (made.quiet, made.rarity, made.score))
        if made.score.shape != shape or min(shape) < 2 or not rising:
            raise ValueError("its table of scores is none")
        return made


def novelty_flags(novelty, threshold: float) -> np.ndarray:
    """Return the flag of each spectrum, whose novelty may be NaN; shape (n_spectra,), int64."""
    return np.where(np.asarray(novelty) >= threshold, int(QualityFlag.OUT_OF_DISTRIBUTION), 0)


def load_novelty(preset: Preset) -> Novelty | None:
    """Novelty as a preset has it, or None; PresetError if it is not the preset's own."""
    described = preset.settings.novelty
    if described is None:
        return None
    try:
        content = (preset.folder / NOVELTY_FILE).read_bytes()
        if hashlib.sha256(content).hexdigest() != described.sha256:
            raise ValueError("its SHA-256 is not the one in config.json: damaged or replaced")
        made = Novelty.from_bytes(content)
        n_seen = novelty_features(np.zeros((1, n_features(preset.grid.n_pixels)))).shape[1]
        if [made.layers[0][0].shape[0], made.layers[-1][0].shape[1]] != [n_seen, 1]:
            raise ValueError("it does not fit the preset's grid")
    except (OSError, ValueError, KeyError, IndexError, AttributeError) as error:
        what = str(error).splitlines()[0]
        raise PresetError(f"preset {preset.name!r}: {NOVELTY_FILE}: {what}") from error
    made.threshold = described.threshold
    return made
