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
from .block_depths import CHUNK, block_depths, n_features
from .dense import Layers, dense, layers_of, named_layers
from .novelty import NOVELTY_FILE, Novelty, load_novelty

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

APART = 2.0
"""Log-odds of its classes against those that border on them, from which a spectrum is settled."""
COMMON = 3.0
"""Log-odds of its classes against all others together (p of 0.95), from which one is settled."""


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
    novelty : Novelty, optional
        What else is found out from the same look at a spectrum.
    """

    layers: Layers
    settled: np.ndarray
    bordering: np.ndarray
    log_odds: float
    rare: np.ndarray | None = None
    novelty: Novelty | None = None

    ROWS = CHUNK  # that it computes together

    def logits(self, flux, mask) -> np.ndarray:
        """Logits (n_spectra, n_classes), float32, of spectra on the preset's grid."""
        return self.look(flux, mask)["first_stage"]

    def look(self, flux, mask) -> dict[str, np.ndarray]:
        """Logits as ``first_stage``, and with a `Novelty` its numbers as ``first_novelty``."""
        n_spectra = len(flux)
        logits = np.empty((n_spectra, len(self.settled)), dtype=np.float32)
        novelty = np.empty(n_spectra, dtype=np.float32)
        # A matrix product of other shape may round otherwise: so all are of one shape, and what
        # comes out for a spectrum does not depend on the others.
        x = np.zeros((self.ROWS, self.layers[0][0].shape[0]), dtype=np.float32)
        for start in range(0, n_spectra, self.ROWS):
            rows = slice(start, min(start + self.ROWS, n_spectra))
            n = rows.stop - start
            x[:n] = block_depths(flux[rows], mask[rows])
            logits[rows] = self._layers(x)[:n]
            if self.novelty is not None:
                novelty[rows] = self.novelty.of_depths(x)[:n]
        found = {"first_stage": logits}
        return found if self.novelty is None else {**found, "first_novelty": novelty}

    def _layers(self, x):
        return dense(self.layers, x)

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
        arrays: dict[str, Any] = named_layers(self.layers)
        content = io.BytesIO()
        arrays |= {"settled": self.settled, "bordering": self.bordering}
        if self.rare is not None:
            arrays["rare"] = self.rare
        np.savez(content, log_odds=np.float64(self.log_odds), **arrays)
        Path(path).write_bytes(content.getvalue())
        return hashlib.sha256(content.getvalue()).hexdigest()

    @classmethod
    def load(cls, path) -> FirstStage:
        """Read what `save` wrote, and the `Novelty` beside it if there is one."""
        stage = cls._from_bytes(Path(path).read_bytes())
        beside = Path(path).with_name(NOVELTY_FILE)
        if beside.exists():
            stage.novelty = Novelty.load(beside)
        return stage

    @classmethod
    def _from_bytes(cls, content: bytes) -> FirstStage:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            layers = layers_of(stored)
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
    stage.novelty = load_novelty(preset)
    return stage
