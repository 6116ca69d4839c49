"""The training of a generator: seeded, resumable, and stopped at its best by measured quality."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp

from ..folder_lock import folder_lock
from ..hdf5 import load_weights
from ..inference.generation import generate
from ..networks.keras_backend import standard_settings
from ..progress import counted
from ..spectra.grid import LAMOST_GRID
from .checkpoint import BEST_WEIGHTS, reseed, save_weights
from .duel import Duel, GanOptions, GanRefinement

__all__ = [
    "FEWEST_EXAMPLES",
    "GanOptions",
    "GanRefinement",
    "centre_generator",
    "feature_distance",
    "train_gan",
]

_log = logging.getLogger(__name__)

FEWEST_EXAMPLES = 20
"""Fewest spectra to train on."""


def feature_distance(real, generated) -> np.ndarray:
    """Return the Kolmogorov-Smirnov distance of each feature between two sets.

    Parameters
    ----------
    real, generated : ndarray, shape (n, n_features)

    Returns
    -------
    ndarray, shape (n_features,)
    """
    return ks_2samp(real, generated, axis=0, method="asymp").statistic


def centre_generator(generator, examples, validation, seed, grid=LAMOST_GRID) -> float:
    """Move the statistics of what a generator makes to those of real spectra.

    `networks.gan_statistics.centre_level_and_noise` and `centre_lines` are applied three times,
    for spectra are not quite linear in what is changed.

    Parameters
    ----------
    generator : keras.Model
        Changed in place.
    examples, validation : ndarray, shape (n, n_pixels)
        Standardized flux: that of the training, and that to be judged by.
    seed : int

    Returns
    -------
    float
        Quality after it, as `train_gan` measures it.
    """
    from ..networks.gan_statistics import centre_level_and_noise, centre_lines
    from ..networks.spectral_features import feature_model, features_of

    number = min(max(len(examples), 1000), 4000)
    for turn in range(3):
        for centre in (centre_level_and_noise, centre_lines):
            centre(generator, examples, generate(generator, number, 1000 * seed + 77 + turn))
    model = feature_model(grid)
    return _quality(generator, model, features_of(model, validation), seed)[0]


def _quality(generator, model, known, seed) -> tuple[float, np.ndarray]:
    """Return the mean distance of generated spectra from known features, and these spectra."""
    from ..networks.spectral_features import features_of

    sample = generate(generator, max(len(known), 200), seed)
    return float(feature_distance(known, features_of(model, sample)).mean()), sample


def check_examples(examples, needed=FEWEST_EXAMPLES) -> None:
    """Refuse spectra from which a generator cannot learn.

    Raises
    ------
    ValueError
        If there are too few, if flux is not finite, or if spectra do not differ.
    """
    if len(examples) < needed:
        raise ValueError(
            f"{len(examples)} spectra are too few to train a generator, {needed} are needed: add "
            "observations, or simulate them from library stars of the class"
        )
    bad = ~np.isfinite(examples).all(axis=1)
    if bad.any():
        raise ValueError(
            f"{bad.sum()} of {len(examples)} training spectra hold NaN or infinite flux, the first "
            f"is number {int(np.argmax(bad))}"
        )
    flat = np.ptp(examples, axis=1) == 0
    if flat.any():
        raise ValueError(
            f"{flat.sum()} of {len(examples)} training spectra are constant, the first is number "
            f"{int(np.argmax(flat))}"
        )
    if len(np.unique(examples, axis=0)) < needed:
        raise ValueError(f"fewer than {needed} of the {len(examples)} training spectra differ")


def train_gan(
    examples,
    validation,
    architecture,
    options: GanOptions,
    folder,
    *,
    grid=LAMOST_GRID,
    keep_weights=False,
    refinement: GanRefinement | None = None,
):
    """Train a generator against a discriminator.

    Every ``sample_every`` iterations a few spectra, the state and the quality are written to
    ``folder``; a second call with the same arguments goes on where the first was stopped and ends
    with the same weights. Quality is the mean Kolmogorov-Smirnov distance of the features of
    `networks.spectral_features` from those of ``validation``.

    Parameters
    ----------
    examples, validation : ndarray, shape (n, n_pixels), float32
        Standardized flux of real spectra, to train on and to judge by.
    architecture : dict
        As `networks.build.build_network` takes it.
    options : GanOptions
    folder : path-like
        For ``state.npz``, ``best.weights.h5``, ``samples.npz`` and ``log.jsonl``.
    grid : WavelengthGrid
    keep_weights : bool
        Whether the generator's weights at every look stay, in ``weights/NNNNNN.weights.h5``.
    refinement : GanRefinement, optional
        What comes after ``options.iterations``, from the average of the weights on.

    Returns
    -------
    generator : keras.Model
        At its best iteration.
    log : list of dict
        One entry a look.

    Raises
    ------
    ValueError
        If the examples will not do, ``folder`` holds another training, or another process trains
        there.
    """
    check_examples(examples)
    given = examples, validation, architecture, options
    with folder_lock(folder):
        return _train(*given, Path(folder), grid, keep_weights, refinement)


@standard_settings()
def _train(examples, validation, architecture, options, folder, grid, keep_weights, refinement):
    from ..networks.layers import keras
    from ..networks.spectral_features import features_of

    keras.utils.set_random_seed(options.seed)
    duel = Duel(architecture, options, grid, examples)
    known = features_of(duel.features, np.asarray(validation, dtype=np.float32))
    fingerprint = {
        "options": asdict(options),
        "architecture": architecture,
        "grid": grid.to_dict(),
        "examples": hashlib.sha256(np.ascontiguousarray(examples, dtype=np.float32)).hexdigest(),
    }
    total = options.iterations + (refinement.iterations if refinement else 0)
    log = duel.restore(folder, fingerprint, refinement)
    start = log[-1]["iteration"] if log else 0
    _log.info("training of a generator: iteration %d of %d", start, total)
    for iteration in counted(range(start, total), total, "iterations", "GAN", done=start):
        if iteration == options.iterations:
            duel.refine(refinement)
        since = iteration % options.iterations
        if since % duel.sample_every == 0:
            # The draws of dropout must not depend on where the training was interrupted.
            reseed(duel.layers, options.seed * 100_003 + iteration)
        losses = duel.step(iteration, examples)
        done = iteration + 1
        if (since + 1) % duel.sample_every == 0 or done in (options.iterations, total):
            with duel.averaged():
                quality, sample = _quality(duel.generator, duel.features, known, options.seed)
                log.append({"iteration": done, "quality": quality, **losses})
                best = quality <= min(entry["quality"] for entry in log)
                _log.info(
                    "iteration %d of %d: distance from real spectra %.4f%s",
                    *(done, total, quality, ", the best so far" * best),
                )
                _keep_look(folder, duel.generator, sample[:24], done, best, keep_weights)
            duel.save(folder, fingerprint, log)
    load_weights(duel.generator, folder / BEST_WEIGHTS)
    return duel.generator, log


def _keep_look(folder, generator, sample, iteration, best, keep_weights):
    """Write a few spectra, and the weights that are the best so far or to be kept."""
    (folder / "samples").mkdir(exist_ok=True)
    np.save(folder / "samples" / f"{iteration:06d}.npy", sample)
    if best:
        save_weights(generator, folder / BEST_WEIGHTS)
    if keep_weights:
        (folder / "weights").mkdir(exist_ok=True)
        generator.save_weights(folder / "weights" / f"{iteration:06d}.weights.h5")
