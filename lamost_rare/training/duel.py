"""Generator and discriminator, and how they are trained together, step by step."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np

from .checkpoint import load_state, save_state

__all__ = ["Duel", "GanOptions", "GanRefinement"]


@dataclass
class GanOptions:
    """Options of the training of a generator.

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
    """Options of the end of the training of a generator.

    A batch of 64 spectra says little of how strong a line is in how many of them; what matters
    least to the adversary stays wrong longest. The training therefore goes on with more spectra at
    a time, with more weight of the depths of lines, and more and more slowly.

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
        """Go on from the average of the weights, with other options."""
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

    def _pace(self, iteration) -> tuple[int, float]:
        """Set the learning rates; return batch size and decay of the average."""
        o, refinement = self.options, self.refinement
        if refinement is None:
            return o.batch_size, min(o.average, (1 + iteration) / (10 + iteration))
        turn = np.pi * (iteration - o.iterations) / refinement.iterations
        part = refinement.last_rate + (1 - refinement.last_rate) * 0.5 * (1 + np.cos(turn))
        self.both.optimizer.learning_rate.assign(part * o.generator_rate)
        self.discriminator.optimizer.learning_rate.assign(part * o.discriminator_rate)
        return refinement.batch_size, refinement.average

    def step(self, iteration, examples) -> dict:
        """Update each once, the same for the same iteration; return the losses."""
        o = self.options
        rng = np.random.default_rng([o.seed, iteration])
        size, decay = self._pace(iteration)
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

    @contextmanager
    def averaged(self):
        """Give the generator the average of its weights within the block."""
        kept = self.generator.get_weights()
        self.generator.set_weights(self.average)
        yield
        self.generator.set_weights(kept)

    @property
    def layers(self) -> list:
        """Layers of both networks."""
        return [*self.generator.layers, *self.discriminator.layers]

    def _variables(self):
        models = self.generator, self.discriminator
        optimizers = self.both.optimizer, self.discriminator.optimizer
        return [variable for holder in models + optimizers for variable in holder.variables]

    def save(self, folder, fingerprint, log):
        """Write the state."""
        groups = {"v": self._variables(), "a": self.average}
        save_state(folder, groups, self._fingerprint(fingerprint, self.refinement), log)

    @staticmethod
    def _fingerprint(fingerprint, refinement) -> dict:
        return {**fingerprint, "refinement": asdict(refinement)} if refinement else fingerprint

    def restore(self, folder, fingerprint, refinement=None) -> list[dict]:
        """Read the state, also that of a training whose refinement has not begun.

        Returns
        -------
        list of dict
            The log, empty if there is no state.
        """
        state = load_state(folder, fingerprint, self._fingerprint(fingerprint, refinement))
        if state is None:
            return []
        if "refinement" in state.fingerprint:
            self.refine(refinement)
        state.assign("v", self._variables())
        self.average = [state.arrays[f"a{i}"] for i in range(len(self.average))]
        return state.log
