"""Generated stars among those that the recogniser is trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..inference.generation import generate
from ..simulation.dataset import LabelledStars
from ..simulation.examples import complete_rows, simulate_examples
from ..simulation.noise import NoiseBank
from ..simulation.simulate_stars import on_star_grid
from .gan_training import GanOptions, centre_generator, train_gan
from .stream import ObservationStream, levels

__all__ = ["MixedStream", "generated_stars"]


class MixedStream(ObservationStream):
    """The observations of another stream, with generated stars among its rare ones.

    Parameters
    ----------
    stream : ObservationStream
        Whose stars, noise and options these are.
    generated : ndarray, shape (n, n_pixels), float32
        Stars on `STAR_GRID`, before extinction and without noise (`generated_stars`).
    fraction : float
        Part of the rare class's observations that are made of them.
    rare_class : str
    seed : int
    """

    def __init__(self, stream: ObservationStream, generated, fraction, rare_class, seed):
        super().__init__(
            stream.stars,
            stream.classes,
            stream.preprocessing,
            stream.options,
            noise=stream.noise,
            seed=seed,
        )
        if fraction and not len(generated):
            raise ValueError("there are no generated stars to observe")
        self.generated, self.fraction, self.rare_class = generated, fraction, rare_class

    def _fill(self, i, name, flux, ivar, valid, rng) -> int:
        if name == self.rare_class and rng.random() < self.fraction:
            flux[i] = self.generated[rng.integers(len(self.generated))]
            return self.classes.index(name)
        return super()._fill(i, name, flux, ivar, valid, rng)


def generated_stars(
    stars: LabelledStars,
    noise: NoiseBank,
    architecture: dict,
    options: GanOptions,
    folder,
    *,
    rare_class="O",
    n_examples=1500,
    number=3000,
) -> np.ndarray:
    """Generate stars, with a generator trained on the library stars of a class.

    What it learns from is observed, hence reddened: each star gets the level of a library star in
    place of its own, and is reddened when it is observed itself.

    Parameters
    ----------
    stars : LabelledStars
        Those to train on.
    noise : NoiseBank
    architecture : dict
        As `networks.build.build_network` takes it.
    options : GanOptions
    folder : path-like
        For the state of the training; an interrupted one goes on.
    rare_class : str
    n_examples, number : int
        Observations to train on, and stars to generate.

    Returns
    -------
    ndarray, shape (number, n_pixels), float32
        On `STAR_GRID`.

    Raises
    ------
    ValueError
        If no library star of the class covers the whole grid.
    """
    from ..networks.gan import without_noise

    rows = complete_rows(stars, rare_class)
    rows = rows[~stars.real[rows]]
    examples = simulate_examples(stars, rows, n_examples, noise, seed=2 * options.seed + 1).flux
    generator, _ = train_gan(examples, examples, architecture, options, Path(folder))
    centre_generator(generator, examples, examples, options.seed)
    made = on_star_grid(generate(without_noise(generator), number, options.seed))
    lent = np.random.default_rng([options.seed, 39]).choice(rows, number)
    lines = made / levels(made, np.ones(made.shape, dtype=bool))
    return (lines * levels(stars.flux[lent], stars.valid[lent])).astype(np.float32)
