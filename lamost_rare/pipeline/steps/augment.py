"""`augment`: generated spectra of a rare class, until the classes balance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...inference.augmentation import augment_spectra
from ...spectra.batch import SpectrumBatch
from ..step import Column, Parameter, Step
from .resample import Resample

__all__ = ["Augment"]


class Augment(Step):
    """Add generated spectra of the rare class to a labelled batch.

    The batch that comes back is marked as generated as a whole, so that it never enters a
    catalogue; its boolean column ``generated`` tells the rows apart. They have no identity, carry
    the label of the rare class, and have the median 2-norm of its real spectra.
    """

    name = "augment"
    summary = "add generated spectra of the rare class to a labelled batch (for training only)"
    parameters = (
        Parameter("preset", str, None, "the generator (the default one)", path=True),
        Parameter("rare_class", str, "O", "label of the spectra that it generates"),
        Parameter("number", int, None, "how many (as many as the largest class has more)"),
        Parameter("seed", int, 0, "of everything random"),
    )
    needs = ("label", "not rectified")
    adds = ("generated", Column("generated", bool, "whether the spectrum was generated"))

    def __init__(self, **parameters):
        super().__init__(**parameters)
        if self.number is not None and self.number < 0:
            raise self.error(f"number must not be negative, it is {self.number}")

    def process(self, batch):
        """Return the batch with generated spectra behind its own.

        Raises
        ------
        ValueError
            If the batch has no column ``label``.
        """
        if "label" not in batch.columns:
            raise self.error("needs a batch with a column 'label'")
        label = np.asarray(batch.columns["label"], dtype=object)
        rare = label == self.rare_class
        generated = np.full(len(batch), batch.generated)
        columns = {"generated": generated, **batch.columns, "label": label}
        batch = replace(batch, columns=columns, generated=True)
        number = self.number
        if number is None:
            counts = np.unique(label[~rare].astype(str), return_counts=True)[1]
            number = max(0, int(counts.max(initial=0)) - int(rare.sum()))
        if number == 0:
            return batch
        columns = {name: _filled(column, number) for name, column in batch.columns.items()}
        columns["label"] = np.full(number, self.rare_class, dtype=object)
        columns["generated"] = np.ones(number, dtype=bool)
        new = replace(self._generate(number, batch.grid), columns=columns)
        new = scale_to(new, batch[rare] if rare.any() else batch)
        return SpectrumBatch.concatenate([batch, new])

    def _generate(self, number, grid):
        new = augment_spectra(number, preset=self.preset, seed=self.seed)
        return replace(Resample(**grid.to_dict()).process(new), generated=True)


def scale_to(new, real):
    """Multiply ``new`` by a number, so that its median 2-norm is that of ``real``."""

    def norm(batch):
        flux = np.where(batch.mask, 0, batch.flux).astype(np.float64)
        return float(np.median(np.sqrt((flux * flux).sum(axis=1))))

    if not len(real) or norm(new) == 0 or norm(real) == 0:
        return new
    factor = norm(real) / norm(new)
    return replace(
        new,
        flux=(new.flux * factor).astype(np.float32),
        ivar=(new.ivar / factor**2).astype(np.float32),
    )


def _filled(column, number):
    """Return a column of ``number`` rows without values: NaN, -1, False or an empty text."""
    column = np.asarray(column)
    missing = {"f": np.nan, "i": -1, "b": False}.get(column.dtype.kind, "")
    return np.full((number, *column.shape[1:]), missing, dtype=column.dtype)
