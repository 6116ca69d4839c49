"""Generator and discriminator, and how they are trained together, step by step."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

import numpy as np

from ..networks.keras_backend import load_keras

__all__ = ["Duel", "GanOptions", "GanRefinement"]


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


@dataclass
class GanRefinement:
    """How a generator is trained at the end.

    A batch of 64 spectra says little of how strong a line is in how many of them; what the
    adversary cares about least stays wrong longest. So it goes on with more spectra at a time, the
    depths of lines weighing more, and slower and slower.

    Attributes
    ----------
    iterations : int
    batch_size : int
    line_weight : float
        Of the depth of each line in `GanOptions.matching`, beside 1 for other features.
    average : float
        As in `GanOptions`.
    last_rate : float
        The learning rates fall to this part of those of `GanOptions`.
    sample_every : int
    """

    iterations: int = 300
    batch_size: int = 256
    line_weight: float = 10.0
    average: float = 0.98
    last_rate: float = 0.05
    sample_every: int = 50


class Duel:
    """Generator and discriminator with their optimizers."""

    def __init__(self, architecture, options, grid, examples):
        from ..networks import layers
        from ..networks.build import build_network
        from ..networks.gan_statistics import start_from
        from ..networks.layers import keras
        from ..networks.spectral_features import feature_model, features_of

        self.options = options
        self.refinement: GanRefinement | None = None
        self.generator = build_network(architecture, "generator")
        self.discriminator = build_network(architecture, "discriminator")
        n = self.generator.output_shape[1]
        if n != grid.n_pixels or examples.shape[1] != n:
            raise ValueError(
                f"the network makes {n} pixels, the grid has {grid.n_pixels}, the training spectra "
                f"{examples.shape[1]}"
            )
        start_from(self.generator, examples, options.seed)
        self.features = feature_model(grid)
        self._n_lines = self.features.get_layer("features").n_lines
        real = features_of(self.features, examples)
        centre = np.median(real, axis=0)
        self._scale = 1.48 * np.median(np.abs(real - centre), axis=0) + 0.02

        self.discriminator.trainable = False
        flux = self.generator.output
        self.both = layers.Model(
            self.generator.input, [self.discriminator(flux), self.features(flux)]
        )
        self._adversarial = keras.losses.BinaryCrossentropy(from_logits=True)
        self._compile_both()
        self.discriminator.trainable = True
        self.discriminator.compile(
            optimizer=keras.optimizers.RMSprop(options.discriminator_rate), loss=self._adversarial
        )
        self.discriminator.optimizer.build(self.discriminator.trainable_variables)
        self.average = [np.array(w) for w in self.generator.get_weights()]

    def _compile_both(self, line_weight=1.0):
        from ..networks.layers import keras
        from ..networks.spectral_features import sliced_distance

        weight = np.ones(len(self._scale))
        weight[: self._n_lines] = line_weight
        self.both.compile(
            optimizer=keras.optimizers.RMSprop(self.options.generator_rate),
            loss=[self._adversarial, sliced_distance(self._scale, weight=weight)],
            loss_weights=[1.0, self.options.matching],
        )
        self.both.optimizer.build(self.generator.trainable_variables)

    def refine(self, refinement: GanRefinement):
        """Go on from the average of the weights, in another manner."""
        self.refinement = refinement
        known = [np.array(v) for v in self.both.optimizer.variables]
        self.discriminator.trainable = False
        self._compile_both(refinement.line_weight)
        self.discriminator.trainable = True
        for variable, value in zip(self.both.optimizer.variables, known, strict=True):
            variable.assign(value)
        self.generator.set_weights(self.average)

    @property
    def sample_every(self) -> int:
        return (self.refinement or self.options).sample_every

    def _manner(self, iteration) -> tuple[int, float]:
        """Batch size and decay of the average; also sets the learning rates."""
        o, refinement = self.options, self.refinement
        if refinement is None:
            return o.batch_size, min(o.average, (1 + iteration) / (10 + iteration))
        turn = np.pi * (iteration - o.iterations) / refinement.iterations
        part = refinement.last_rate + (1 - refinement.last_rate) * 0.5 * (1 + np.cos(turn))
        self.both.optimizer.learning_rate.assign(part * o.generator_rate)
        self.discriminator.optimizer.learning_rate.assign(part * o.discriminator_rate)
        return refinement.batch_size, refinement.average

    def step(self, iteration, examples) -> dict:
        """One update of each; the same for the same iteration."""
        o = self.options
        rng = np.random.default_rng([o.seed, iteration])
        size, decay = self._manner(iteration)
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
        keras = load_keras()
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
        if self.refinement is not None:
            fingerprint = {**fingerprint, "refinement": asdict(self.refinement)}
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

    def restore(self, folder, fingerprint, refinement=None) -> list[dict]:
        path = folder / "state.npz"
        if not path.exists():
            return []
        with np.load(path) as state:
            known = json.loads(str(state["fingerprint"]))
            begun = known.pop("refinement", None)
            wanted = refinement and asdict(refinement)
            if known != fingerprint or begun not in (None, wanted):
                raise ValueError(
                    f"{folder} holds a training with other options or spectra; choose another "
                    "folder or remove it"
                )
            log = json.loads(str(state["log"]))
            if begun:
                self.refine(refinement)
            for i, variable in enumerate(self._variables()):
                variable.assign(state[f"v{i}"])
            self.average = [state[f"a{i}"] for i in range(len(self.average))]
            return log


class _Weights:
    def __init__(self, model, weights):
        self.model, self.weights = model, weights

    def __enter__(self):
        self.kept = self.model.get_weights()
        self.model.set_weights(self.weights)

    def __exit__(self, *_):
        self.model.set_weights(self.kept)
