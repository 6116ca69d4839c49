"""Real spectra to set generated ones beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..simulation.dataset import LabelledStars
from ..simulation.examples import complete_rows, simulate_examples
from ..simulation.simulate_stars import noise_of
from ..training.generator import real_examples
from .generated_metrics import line_depths
from .paper.sets import split_stars

if TYPE_CHECKING:
    from .any_generator import Generator
    from .generated import GanSizes

__all__ = ["KINDS", "RealSpectra"]

KINDS = ("unseen", "seen")
"""Real spectra: of stars that the generator did not see; of its training stars, in other noise."""


class RealSpectra:
    """Observations of stars that a generator saw, of others of its class, and of F stars.

    Parameters
    ----------
    labelled : LabelledStars
    generator : Generator
    sizes : GanSizes

    Raises
    ------
    ValueError
        If none of the stars is among the data, or there are too few F stars.
    """

    def __init__(self, labelled: LabelledStars, generator: Generator, sizes: GanSizes):
        training = generator.training
        self.labelled, self.sizes = labelled, sizes
        self.rare_class = generator.rare_class or "O"
        rows = complete_rows(labelled, self.rare_class)
        if not len(rows):
            raise ValueError(f"the data hold no complete spectrum of class {self.rare_class}")
        real = training.get("source") == "real"
        if real:
            rows = rows[labelled.real[rows]]
        self.noise = noise_of(labelled)
        self.snr_range = tuple(training.get("snr_range") or (8.0, 100.0))
        stars = training.get("stars")
        self.known = bool(stars)
        seen = (
            np.isin(labelled.star[rows].astype(str), stars) if stars else np.ones(len(rows), bool)
        )
        if not seen.any():
            raise ValueError(f"none of the training stars of {generator.name} is among the data")
        self.rows = {"unseen": rows[~seen], "seen": rows[seen]}
        if real:
            self.training = real_examples(labelled, self.rows["seen"]).flux
        else:  # the same observations that it was trained on
            number = int(training.get("n_examples") or 4000)
            seed = 2 * int(training.get("options", {}).get("seed", 0)) + 1
            self.training = self.observe(self.rows["seen"], number, seed)
        self.training_lines = line_depths(self.training)
        f_rows = complete_rows(labelled, "F")
        halves = split_stars(labelled, "F", 0, 0.5)
        self.f = [f_rows[np.isin(labelled.star[f_rows], half)] for half in halves]

    def observe(self, rows: np.ndarray, number: int, seed: int) -> np.ndarray:
        """Return the flux of observations of the stars in some rows."""
        return simulate_examples(
            self.labelled, rows, number, self.noise, snr_range=self.snr_range, seed=seed
        ).flux

    def of_kinds(self, seed: int) -> dict[str, np.ndarray]:
        """Return data set 2 of a seed, of each kind of stars that there is."""
        first = 50_000 + 10 * seed  # far from the seeds of trainings
        return {
            kind: self.observe(rows, self.sizes.set2, first + KINDS.index(kind))
            for kind, rows in self.rows.items()
            if len(rows)
        }
