"""Observations of which a first stage is not sure: what a recogniser has to learn from."""

from __future__ import annotations

import numpy as np

from ..inference.first_stage import FirstStage
from ..spectra.normalize import network_input
from .stream import UNCERTAIN_BATCHES, ObservationStream

__all__ = ["UncertainStream"]

UNCERTAIN = (0.003, 0.999)
"""Between these probabilities of the rare class, by the first stage, an observation is kept;"""
OTHERS = 0.15
"""and this part of all others."""

_MOST = 64


class UncertainStream:
    """Observations of another stream that are hard to tell from the rare class, and some others.

    After a while a recogniser learns no more from most of what a survey observes. Which
    observations are kept depends on their pixels alone, so that the probability of a class, given
    the pixels, is that of the whole stream.

    Parameters
    ----------
    stream : ObservationStream
    first_stage : FirstStage
        Trained on the same stars.
    rare_class : str
    """

    def __init__(self, stream: ObservationStream, first_stage: FirstStage, rare_class: str):
        self._stream = stream
        self._first_stage = first_stage
        self._rare = stream.classes.index(rare_class)
        self.classes = stream.classes
        self.preprocessing = stream.preprocessing
        self.fingerprint = stream.fingerprint

    def inputs(self, number: int, size: int):
        """As `ObservationStream.inputs`."""
        kept, labels = [], []
        for part in range(_MOST):
            batch, label = self._stream.batch(UNCERTAIN_BATCHES + number * _MOST + part, size)
            _, p = self._first_stage.judge(batch.flux, batch.mask)
            low, high = UNCERTAIN
            keep = (p[:, self._rare] > low) & (p[:, self._rare] < high)
            keep |= np.random.default_rng([self._stream.seed, number, part]).random(size) < OTHERS
            kept.append(network_input(batch[keep], self.preprocessing))
            labels.append(label[keep])
            if sum(map(len, labels)) >= size:
                break
        else:
            raise RuntimeError(f"of {size * _MOST} observations fewer than {size} were kept")
        return np.concatenate(kept)[:size], np.concatenate(labels)[:size].astype(np.int32)
