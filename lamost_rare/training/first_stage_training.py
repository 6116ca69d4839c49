"""Training of the first stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..inference.first_stage import FirstStage, block_depths
from ..networks.keras_backend import standard_settings
from ..validation.first_stage_figures import roles_of
from .stream import FIRST_STAGE_BATCHES, ObservationStream

__all__ = ["FirstStageOptions", "train_first_stage"]


@dataclass
class FirstStageOptions:
    """How to train the first stage.

    Attributes
    ----------
    n_observations : int
        Simulated once, and used in all epochs.
    epochs, batch_size : int
    learning_rate : float
        Of Adam, falling as a cosine.
    units : tuple of int
        Of the hidden layers.
    dropout : float
        After the first layer.
    l2 : float
        Of the first kernel.
    """

    n_observations: int = 400_000
    epochs: int = 8
    batch_size: int = 512
    learning_rate: float = 2e-3
    units: tuple = (64, 32)
    dropout: float = 0.1
    l2: float = 1e-5


@standard_settings()
def train_first_stage(stream: ObservationStream, options: FirstStageOptions, seed=0) -> FirstStage:
    """Train on observations of a stream.

    Parameters
    ----------
    stream : ObservationStream
    options : FirstStageOptions
    seed : int

    Returns
    -------
    FirstStage
        Without a rare class, and never sure: its ``log_odds`` are infinite.
    """
    from ..networks import layers
    from ..networks.layers import keras

    size = 256
    n_batches = -(-options.n_observations // size)
    features, labels = [], []
    for number in range(n_batches):
        batch, label = stream.batch(FIRST_STAGE_BATCHES + number, size)
        features.append(block_depths(batch.flux, batch.mask).astype(np.float16))
        labels.append(label)
    x, y = np.concatenate(features), np.concatenate(labels)
    keras.utils.set_random_seed(seed)
    n_classes = len(stream.classes)
    first, *others = options.units
    inputs = layers.Input((x.shape[1],))
    regularizer = keras.regularizers.L2(options.l2)
    z = layers.Dense(first, activation="relu", kernel_regularizer=regularizer)(inputs)
    z = layers.Dropout(options.dropout)(z)
    for units in others:
        z = layers.Dense(units, activation="relu")(z)
    model = layers.Model(inputs, layers.Dense(n_classes)(z))
    steps = options.epochs * (len(y) // options.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(options.learning_rate, steps, alpha=0.01)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng(seed)
    for _ in range(options.epochs):
        order = rng.permutation(len(y))
        for start in range(0, len(y) - options.batch_size + 1, options.batch_size):
            rows = order[start : start + options.batch_size]
            model.train_on_batch(x[rows].astype(np.float32), y[rows])
    weights: list = [
        tuple(np.asarray(w, dtype=np.float32) for w in layer.get_weights())
        for layer in model.layers
        if layer.get_weights()
    ]
    settled, bordering, _ = roles_of(stream.classes, rare_class="")
    return FirstStage(weights, settled, bordering, np.inf)
