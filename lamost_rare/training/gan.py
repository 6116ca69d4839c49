"""The training of a generator: seeded, resumable, and stopped at its best by measured quality."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..spectra.grid import LAMOST_GRID

__all__ = ["FEWEST_EXAMPLES", "GanOptions", "feature_distance", "generate", "train_gan"]

FEWEST_EXAMPLES = 20
"""Spectra without which nothing can be learned."""


@dataclass
class GanOptions:
    """How a generator is trained.

    Optimizer, the two learning rates (two time-scale update rule), one-sided label smoothing and
    dropout are those of Yang et al. (2021); α and β are not given there.

    Attributes
    ----------
    iterations : int
        Updates of the generator.
    batch_size : int
    generator_rate, discriminator_rate : float
        Of RMSprop.
    alpha, beta : float
        Real spectra are labelled 1 - alpha, generated ones beta.
    matching : float
        Weight, beside the adversarial loss, of the distance of line depths, level and noise from
        those of real spectra; 0 for the paper's loss alone.
    average : float
        Decay of the running average of the generator's weights that is kept and judged.
    sample_every : int
        Iterations between looks at the quality, each with a checkpoint.
    seed : int
    """

    iterations: int = 3000
    batch_size: int = 64
    generator_rate: float = 1e-4
    discriminator_rate: float = 1.5e-4
    alpha: float = 0.1
    beta: float = 0.0
    matching: float = 5.0
    average: float = 0.995
    sample_every: int = 250
    seed: int = 0


def generate(generator, number, seed, batch_size=256) -> np.ndarray:
    """Standardized flux (number, n_pixels), float32; the same for the same seed."""
    rng = np.random.default_rng([seed, 20210503])
    out = np.empty((number, generator.output_shape[1]), dtype=np.float32)
    for start in range(0, number, batch_size):
        noise = rng.standard_normal((batch_size, generator.input_shape[1])).astype(np.float32)
        flux = np.asarray(generator.predict_on_batch(noise))[..., 0]
        out[start : start + batch_size] = flux[: number - start]
    return out


def feature_distance(real, generated) -> np.ndarray:
    """Kolmogorov-Smirnov distance of each feature between two sets.

    Parameters
    ----------
    real, generated : ndarray, shape (n, n_features)

    Returns
    -------
    ndarray, shape (n_features,)
    """
    both = np.sort(np.concatenate([real, generated]), axis=0)
    out = np.empty(both.shape[1])
    for i in range(both.shape[1]):
        below = [
            np.searchsorted(np.sort(x[:, i]), both[:, i], side="right") / len(x)
            for x in (real, generated)
        ]
        out[i] = np.abs(below[0] - below[1]).max()
    return out


def check_examples(examples, needed=FEWEST_EXAMPLES) -> None:
    """Refuse what nothing can be learned from.

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
        As `networks.gan.build_generator` takes it.
    options : GanOptions
    folder : path-like
        For ``state.npz``, ``best.weights.h5``, ``samples.npz`` and ``log.jsonl``.
    grid : WavelengthGrid
    keep_weights : bool
        Whether the generator's weights at every look stay, in ``weights/NNNNNN.weights.h5``.

    Returns
    -------
    generator : keras.Model
        At its best iteration.
    log : list of dict
        One entry a look.

    Raises
    ------
    ValueError
        If the examples will not do, or ``folder`` holds another training.
    """
    import keras

    check_examples(examples)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(options.seed)
    duel = _Duel(architecture, options, grid, examples)
    known = duel.features_of(np.asarray(validation, dtype=np.float32))
    fingerprint = json.loads(
        json.dumps(
            {
                "options": asdict(options),
                "architecture": architecture,
                "grid": grid.to_dict(),
                "examples": _digest(examples),
            }
        )
    )
    log = duel.restore(folder, fingerprint)
    start = log[-1]["iteration"] if log else 0
    for iteration in _progress(start, options.iterations):
        if iteration % options.sample_every == 0:
            # The draws of dropout must not depend on where the training was interrupted.
            duel.reseed(options.seed * 100_003 + iteration)
        losses = duel.step(iteration, examples)
        done = iteration + 1
        if done % options.sample_every == 0 or done == options.iterations:
            with duel.averaged():
                sample = generate(duel.generator, max(len(known), 200), options.seed)
                distance = feature_distance(known, duel.features_of(sample))
                entry = {"iteration": done, "quality": float(distance.mean()), **losses}
                log.append(entry)
                best = entry["quality"] <= min(e["quality"] for e in log)
                duel.save_best(folder, sample[:24], done, best)
                if keep_weights:
                    (folder / "weights").mkdir(exist_ok=True)
                    duel.generator.save_weights(folder / "weights" / f"{done:06d}.weights.h5")
            duel.save(folder, fingerprint, log)
    duel.generator.load_weights(folder / "best.weights.h5")
    return duel.generator, log


class _Duel:
    """Generator and discriminator with their optimizers."""

    def __init__(self, architecture, options, grid, examples):
        import keras

        from ..networks.gan import build_discriminator, build_generator, start_from
        from ..networks.spectral_features import SpectralFeatures, sliced_distance

        self.options = options
        self.generator = build_generator(architecture)
        self.discriminator = build_discriminator(architecture)
        n = self.generator.output_shape[1]
        if n != grid.n_pixels or examples.shape[1] != n:
            raise ValueError(
                f"the network makes {n} pixels, the grid has {grid.n_pixels}, the training spectra "
                f"{examples.shape[1]}"
            )
        start_from(self.generator, examples, options.seed)
        inputs = keras.Input((n, 1))
        features = SpectralFeatures(grid.to_dict(), name="features")
        self.features = keras.Model(inputs, features(inputs))
        real = self.features_of(examples)
        centre = np.median(real, axis=0)
        scale = 1.48 * np.median(np.abs(real - centre), axis=0) + 0.02

        self.discriminator.trainable = False
        flux = self.generator.output
        self.both = keras.Model(
            self.generator.input, [self.discriminator(flux), self.features(flux)]
        )
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        self.both.compile(
            optimizer=keras.optimizers.RMSprop(options.generator_rate),
            loss=[loss, sliced_distance(scale)],
            loss_weights=[1.0, options.matching],
        )
        self.both.optimizer.build(self.generator.trainable_variables)
        self.discriminator.trainable = True
        self.discriminator.compile(
            optimizer=keras.optimizers.RMSprop(options.discriminator_rate), loss=loss
        )
        self.discriminator.optimizer.build(self.discriminator.trainable_variables)
        self.average = [np.array(w) for w in self.generator.get_weights()]

    def features_of(self, flux) -> np.ndarray:
        parts = [
            np.asarray(self.features.predict_on_batch(flux[i : i + 256, :, None]))
            for i in range(0, len(flux), 256)
        ]
        return np.concatenate(parts)

    def step(self, iteration, examples) -> dict:
        """One update of each; the same for the same iteration."""
        o = self.options
        rng = np.random.default_rng([o.seed, iteration])
        size = o.batch_size
        noise = rng.standard_normal((2, size, self.generator.input_shape[1])).astype(np.float32)
        rows = rng.choice(len(examples), (2, size), replace=len(examples) < 2 * size)
        generated = np.asarray(self.generator.predict_on_batch(noise[0]))
        ones = np.ones((size, 1), dtype=np.float32)
        self.discriminator.trainable = True
        real_loss = self.discriminator.train_on_batch(
            examples[rows[0]][..., None], (1 - o.alpha) * ones
        )
        fake_loss = self.discriminator.train_on_batch(generated, o.beta * ones)
        self.discriminator.trainable = False
        target = self.features.predict_on_batch(examples[rows[1]][..., None])
        losses = self.both.train_on_batch(noise[1], [ones, target], return_dict=False)
        decay = min(o.average, (1 + iteration) / (10 + iteration))
        for mean, now in zip(self.average, self.generator.get_weights(), strict=True):
            mean += (1 - decay) * (now - mean)
        total = losses[0] if isinstance(losses, (list, tuple)) else losses
        return {
            "discriminator_loss": float(np.ravel(real_loss)[0] + np.ravel(fake_loss)[0]) / 2,
            "generator_loss": float(total),
        }

    def averaged(self):
        """Context in which the generator has the average of its weights."""
        return _Weights(self.generator, self.average)

    def reseed(self, seed):
        import keras

        keras.utils.set_random_seed(seed)
        for i, layer in enumerate([*self.generator.layers, *self.discriminator.layers]):
            generator = getattr(layer, "seed_generator", None)
            if generator is not None:
                generator.state.assign(keras.random.SeedGenerator(seed + i).state)

    def _variables(self):
        return [
            *self.generator.variables,
            *self.discriminator.variables,
            *self.both.optimizer.variables,
            *self.discriminator.optimizer.variables,
        ]

    def save(self, folder, fingerprint, log):
        temporary = folder / "state.npz.tmp"
        arrays = {f"v{i}": np.asarray(v) for i, v in enumerate(self._variables())}
        arrays |= {f"a{i}": v for i, v in enumerate(self.average)}
        with open(temporary, "wb") as file:
            np.savez(file, **arrays, log=json.dumps(log), fingerprint=json.dumps(fingerprint))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, folder / "state.npz")
        (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))

    def save_best(self, folder, sample, iteration, best):
        (folder / "samples").mkdir(exist_ok=True)
        np.save(folder / "samples" / f"{iteration:06d}.npy", sample)
        if best:
            self.generator.save_weights(folder / "best.tmp.weights.h5")
            os.replace(folder / "best.tmp.weights.h5", folder / "best.weights.h5")

    def restore(self, folder, fingerprint) -> list[dict]:
        path = folder / "state.npz"
        if not path.exists():
            return []
        with np.load(path) as state:
            if json.loads(str(state["fingerprint"])) != fingerprint:
                raise ValueError(
                    f"{folder} holds a training with other options or spectra; choose another "
                    "folder or remove it"
                )
            for i, variable in enumerate(self._variables()):
                variable.assign(state[f"v{i}"])
            self.average = [state[f"a{i}"] for i in range(len(self.average))]
            return json.loads(str(state["log"]))


class _Weights:
    def __init__(self, model, weights):
        self.model, self.weights = model, weights

    def __enter__(self):
        self.kept = self.model.get_weights()
        self.model.set_weights(self.weights)

    def __exit__(self, *_):
        self.model.set_weights(self.kept)


def _digest(examples) -> str:
    import hashlib

    return hashlib.sha256(np.ascontiguousarray(examples, dtype=np.float32)).hexdigest()


def _progress(start, end):
    import sys

    from tqdm import tqdm

    return tqdm(
        range(start, end), initial=start, total=end, desc="GAN", disable=not sys.stderr.isatty()
    )
