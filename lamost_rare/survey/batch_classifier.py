"""A preset as what a scan does to a batch: prediction, probabilities and candidates as columns."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ..inference.columns import classifier_columns, evidence_columns
from ..inference.decision import Prediction, judge
from ..inference.first_stage import FIRST_STAGE_FILE, load_first_stage, weight_in_mean
from ..inference.predictor import Predictor
from ..inference.prevalence import for_survey
from ..inference.rows import catalogue_columns
from ..inference.sizes import BATCH_SIZE
from ..inference.threads import one_blas_thread
from ..presets import Preset, check_kind
from ..spectra.batch import SpectrumBatch
from ..spectra.quality import QualityFlag
from .manifest import describe_preset

__all__ = ["BatchClassifier", "build_predictor"]

FEW = 48
"""Spectra that the network sees at a time after a first stage, which leaves it few of a batch."""


class BatchClassifier:
    """Classify batches with a preset; ``name`` is that of the step, for messages.

    The network is built when the first batch comes: a scan that finds nothing to classify does
    without TensorFlow. ``make_predictor`` makes of a preset and a batch size what predicts; by
    default `build_predictor`. If ``thorough``, the network is shown every spectrum, also those that
    the preset's first stage is sure of. ``prior`` and ``threshold`` are those of
    `~lamost_rare.inference.prevalence.for_survey`; ``trained`` is the preset without them.

    Raises
    ------
    PresetError
        If the preset is no classifier, or its first stage cannot be used.
    PriorError, ValueError
        If prior or threshold cannot be.
    """

    grid = property(lambda self: self.preset.grid)

    def __init__(
        self,
        preset: Preset,
        batch_size: int = BATCH_SIZE,
        name: str = "rare_star_classifier",
        thorough: bool = True,
        make_predictor: Callable | None = None,
        prior: Mapping[str, float] | None = None,
        threshold: float | None = None,
    ):
        check_kind(preset, "classifier")
        self.trained = preset
        self.prior, self.threshold = dict(prior or {}), threshold
        self.preset = for_survey(preset, prior, threshold)
        self.batch_size = batch_size
        self.name = name
        self.thorough = thorough
        self.make_predictor = make_predictor
        self.adds = classifier_columns(preset.classes, preset.rare_class)
        self._first = None if thorough else load_first_stage(preset)
        self._built: Any = None
        self.start_seconds = 0.0

    @property
    def first_stage(self):
        """Path of the first stage, which readers may apply: `Chunk.evidence`; or None."""
        return self._first and self.preset.folder / FIRST_STAGE_FILE

    def fingerprint(self) -> dict:
        """Return what the results depend on."""
        return {
            "name": self.name,
            "trained": describe_preset(self.trained),
            "thorough": self._first is None,
            "prior": self.prior,
            "threshold": self.threshold,
        }

    def prepare(self) -> None:
        """Build the network, unless that was done."""
        if self._built is None:
            size = self.batch_size if self._first is None else min(self.batch_size, FEW)
            began = time.monotonic()
            self._built = (self.make_predictor or build_predictor)(self.preset, size)
            self.start_seconds = time.monotonic() - began

    def process(self, batch: SpectrumBatch) -> SpectrumBatch:
        """Return the batch with the columns of the classifier, and with its flags OR-ed to the
        others. Where there are widths of lines, those of fast stars are measured again.

        Generated spectra get probabilities too, and are never candidates. In a batch of real and
        generated ones the boolean column ``generated`` tells which are which.
        """
        generated = np.full(len(batch), batch.generated)
        if batch.generated and "generated" in batch.columns:
            generated = np.asarray(batch.columns["generated"], dtype=bool)
        real = replace(batch, generated=False)
        prediction = self._predict(real)
        measured = [column.name for column in evidence_columns()]
        lines = None
        if all(name in batch.columns for name in measured):
            lines = {name: batch.columns[name] for name in measured}
        values = catalogue_columns(real, prediction, self.preset, lines)
        values["candidate"] &= ~generated
        changed = [column.name for column in self.adds] + (measured if lines else [])
        added = {name: values[name] for name in changed}
        return replace(batch, columns={**batch.columns, **added}, flags=values["flags"])

    def _predict(self, batch: SpectrumBatch) -> Prediction:
        if self._first is None:
            self.prepare()
            return self._built.predict(batch)
        looked = batch.columns  # as the reader has left them
        if "first_stage" not in looked:
            with one_blas_thread():
                looked = self._first.look(batch.flux, batch.mask)
        logits = looked["first_stage"]
        sure, probabilities = self._first.decide(logits)
        found = judge(batch, probabilities, self.preset.settings)
        found.flags[sure] |= int(QualityFlag.FIRST_STAGE)
        novelty = None
        if self._first.novelty is not None:
            novelty = looked["first_novelty"]
            found.mark_novelty(novelty, self._first.novelty.threshold)
        rows = np.flatnonzero(~sure)
        if len(rows):
            self.prepare()
            # A second look at the same pixels would cost more than the first: several threads.
            known = {"first_stage": logits[rows]} if weight_in_mean(self.preset) else {}
            if novelty is not None:
                known["novelty"] = novelty[rows]
            seen = self._built.predict(batch[rows], **known)
            for field in fields(Prediction):
                getattr(found, field.name)[rows] = getattr(seen, field.name)
        return found


def build_predictor(preset: Preset, batch_size: int):
    """Build the network of a preset, which loads TensorFlow."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

    return Predictor(preset, batch_size=batch_size)
