"""The recogniser of Yang et al. (2021) on stored spectra, and the ways to fill its rare class."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...spectra.batch import SpectrumBatch
from ...spectra.grid import LAMOST_GRID, WavelengthGrid
from ...spectra.normalize import network_input
from ...training.loop import TrainingOptions, predict_logits, train_network
from ..generated_metrics import repeated
from .sets import CLASSES, PaperSets

__all__ = ["WAYS", "StoredSpectra", "rare_spectra", "short_title", "train_recogniser"]

WAYS = {
    "nothing": "nothing: data set 1 as it is",
    "repetition": "data set 1 repeated",
    "reobserved": "data set 1 with noise added: also reddening and shift",
    "simulation": "simulation: more observations of the stars of set 1",
    "sgan": "SGAN",
    "lcgan": "LCGAN",
    "observed-sgan": "SGAN stars in real noise: without the generator's own",
    "observed-lcgan": "LCGAN stars in real noise: without the generator's own",
    "reobserved+observed-sgan": "half data set 1 with noise added, half SGAN stars in real noise",
    "reobserved+observed-lcgan": "half data set 1 with noise added, half LCGAN stars in real noise",
    "simulation+observed-lcgan": "half simulation, half LCGAN stars in real noise",
}
"""Ways to fill the rare class. Generated spectra alone are the paper's data sets 5a and 5b. A
recogniser may know generated spectra by their noise, which is not that of the F, G and K spectra:
therefore the stars of a generator are observed in simulation, too."""


def short_title(way: str) -> str:
    """Return the title of one of `WAYS` up to its explanation."""
    return WAYS[way].split(":")[0]


class StoredSpectra:
    """Batches for `training.loop.train_network` from spectra held in memory.

    Parameters
    ----------
    flux : ndarray, shape (n, n_pixels), float32
        Standardized.
    label : ndarray of int, shape (n,)
    classes : sequence of str
    preprocessing : dict
        As `spectra.normalize.network_input` takes it.
    seed : int
        Of the order: each spectrum once in every pass.
    """

    def __init__(
        self,
        flux: np.ndarray,
        label: np.ndarray,
        classes: Sequence[str],
        preprocessing: dict,
        seed: int = 0,
        grid: WavelengthGrid = LAMOST_GRID,
    ):
        self.flux, self.label = flux, label
        self.classes, self.preprocessing = tuple(classes), dict(preprocessing)
        self.seed, self.grid = seed, grid

    def fingerprint(self) -> dict:
        """Return what the state of a training is recognised by, for `training.loop`."""
        return {
            "classes": list(self.classes),
            "preprocessing": self.preprocessing,
            "stream": {"sha256": hashlib.sha256(self.flux.data).hexdigest(), "seed": self.seed},
            "n_sources": len(self.flux),
        }

    def inputs(self, number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Make network input (size, n_pixels, 2) and labels (size,) of the batch of some number."""
        n = len(self.label)
        place = np.arange(number * size, (number + 1) * size)
        passes = range(place[0] // n, place[-1] // n + 1)
        order = np.concatenate(
            [np.random.default_rng([self.seed, k]).permutation(n) for k in passes]
        )
        rows = order[place - passes[0] * n]
        return self.whole(self.flux[rows]), self.label[rows].astype(np.int32)

    def whole(self, flux: np.ndarray) -> np.ndarray:
        """Make network input of complete spectra."""
        batch = SpectrumBatch(
            self.grid, flux, np.ones(flux.shape, np.float32), np.zeros(flux.shape, dtype=bool)
        )
        return network_input(batch, self.preprocessing)


def rare_spectra(
    way: str, sets: PaperSets, number: int, generated: np.ndarray | None = None
) -> list[tuple]:
    """Choose the O spectra of a way to fill the rare class.

    Parameters
    ----------
    way : str
        Key of `WAYS`.
    sets : PaperSets
    number : int
        Spectra wanted; only ``nothing`` has fewer.
    generated : ndarray, shape (m, n_pixels), optional
        From the GAN that the way asks for, observed if it asks for that.

    Returns
    -------
    list of (ndarray, int)
        Different spectra, shape (n, n_pixels), and to how many they are to be repeated.
    """
    parts = way.split("+")
    if way == "nothing":
        return [(sets.set1.flux, len(sets.set1))]
    if way == "repetition":
        return [(sets.set1.flux, number)]
    sizes = [number - number // 2, number // 2] if len(parts) == 2 else [number]
    filled = {"simulation": sets.simulated.flux, "reobserved": sets.reobserved}
    if generated is not None:
        filled |= {part: generated for part in parts if part not in filled}
    chosen = [filled[part][:n] for part, n in zip(parts, sizes, strict=True)]
    return [(np.concatenate(chosen), number)]


def train_recogniser(
    rare: list[tuple[np.ndarray, int]],
    sets: PaperSets,
    number: int,
    architecture: dict,
    options: TrainingOptions,
    preprocessing: dict,
    folder: str | os.PathLike,
) -> dict[str, np.ndarray]:
    """Train on O against F, G and K, with a 7:3 split and an early stop as in the paper.

    Parameters
    ----------
    rare : list of (ndarray, int)
        As from `rare_spectra`. They are repeated after the split, so that no spectrum stands on
        both sides of it; those that are observed anew have stars on both sides.
    sets : PaperSets
    number : int
        Spectra of each other class.
    architecture : dict
        Of a RAC-Net.
    options : TrainingOptions
        ``steps_per_epoch`` follows from the number of spectra.
    preprocessing : dict
    folder : path-like
        For the state of the training.

    Returns
    -------
    dict of ndarray
        ``logits`` (m, 4) of all spectra of ``sets.test`` with their ``label``, ``snr`` and
        ``star``, and ``epochs``, how long it trained.
    """
    parts = _split(rare, sets, number, options.seed)
    flux, label = parts["train"]
    stream = StoredSpectra(flux, label, CLASSES, preprocessing, options.seed)
    steps = max(1, len(stream.label) // options.batch_size)
    flux, label = parts["validation"]
    model, log = train_network(
        stream,
        architecture,
        replace(options, steps_per_epoch=steps),
        Path(folder),
        validation=(stream.whole(flux), label),
    )
    logits = [predict_logits(model, stream.whole(sets.test[c].flux)) for c in CLASSES]
    return {
        "logits": np.concatenate(logits).astype(np.float32),
        "label": np.repeat(np.arange(len(CLASSES)), [len(x) for x in logits]),
        "snr": np.concatenate([sets.test[c].snr for c in CLASSES]),
        "star": np.concatenate([sets.test[c].star for c in CLASSES]).astype(str),
        "epochs": np.array(len(log)),
    }


def _split(
    rare: list[tuple[np.ndarray, int]], sets: PaperSets, number: int, seed: int
) -> dict[str, list[np.ndarray]]:
    """Return flux and labels to train and to validate with, seven to three of each class."""
    rng = np.random.default_rng([seed, 73])
    parts: dict[str, list] = {"train": [], "validation": []}
    pieces = [(0, *part) for part in rare]
    pieces += [(k, sets.train[c].flux[:number], number) for k, c in enumerate(CLASSES) if c != "O"]
    for k, flux, wanted in pieces:
        order = rng.permutation(len(flux))
        cut = round(0.7 * len(flux))
        for part, rows in (("train", order[:cut]), ("validation", order[cut:])):
            share = max(len(rows), round(wanted * len(rows) / len(flux)))
            rows = repeated(rows, share)
            parts[part].append((flux[rows], np.full(len(rows), k, dtype=np.int32)))
    return {k: [np.concatenate(x) for x in zip(*some, strict=True)] for k, some in parts.items()}
