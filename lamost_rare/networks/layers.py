"""Keras's layers, each told its data format and precision: those of no network here are the user's.

``from . import layers`` in place of ``from keras import layers``.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

from .keras_backend import load_keras

keras = load_keras()
ops = keras.ops

__all__ = [
    "CHANNELS_LAST",
    "Add",
    "Average",
    "AveragePooling1D",
    "BatchNormalization",
    "Concatenate",
    "Conv1D",
    "Dense",
    "Dropout",
    "Flatten",
    "Input",
    "LeakyReLU",
    "MaxPooling1D",
    "Model",
    "Multiply",
    "ReLU",
    "Reshape",
    "UpSampling1D",
    "precise",
    "precision",
]

CHANNELS_LAST = "channels_last"
"""Spectra are (n_spectra, n_pixels, channels) everywhere."""

_PRECISION = ContextVar("precision", default="float32")


@contextmanager
def precision(policy: str):
    """Let networks built within the block compute with another Keras policy than ``float32``."""
    token = _PRECISION.set(policy)
    try:
        yield
    finally:
        _PRECISION.reset(token)


def precise(kind, **fixed):
    """Give the instances of a layer class the networks' precision, unless told otherwise.

    Parameters
    ----------
    kind : type
        A `keras.Layer`.
    **fixed
        Further arguments that all instances have.
    """

    def make(*args, **kwargs):
        return kind(*args, **{"dtype": _PRECISION.get(), **fixed, **kwargs})

    return make


def Model(inputs, outputs, name=None):
    """Make a `keras.Model` whose precision is that of its layers."""
    model = keras.Model(inputs, outputs, name=name)
    model.dtype_policy = _PRECISION.get()
    return model


Input = partial(keras.Input, dtype="float32")
Add = precise(keras.layers.Add)
Average = precise(keras.layers.Average)
AveragePooling1D = precise(keras.layers.AveragePooling1D, data_format=CHANNELS_LAST)
BatchNormalization = precise(keras.layers.BatchNormalization)
Concatenate = precise(keras.layers.Concatenate)
Conv1D = precise(keras.layers.Conv1D, data_format=CHANNELS_LAST)
Dense = precise(keras.layers.Dense)
Dropout = precise(keras.layers.Dropout)
Flatten = precise(keras.layers.Flatten, data_format=CHANNELS_LAST)
LeakyReLU = precise(keras.layers.LeakyReLU)
MaxPooling1D = precise(keras.layers.MaxPooling1D, data_format=CHANNELS_LAST)
Multiply = precise(keras.layers.Multiply)
ReLU = precise(keras.layers.ReLU)
Reshape = precise(keras.layers.Reshape)
UpSampling1D = precise(keras.layers.UpSampling1D)
