"""Batched prediction with a preset: one compiled function, called on batches of one shape."""

from __future__ import annotations

import copy
import logging
import time

import numpy as np

from ..hdf5 import HDF5Error, load_weights
from ..networks.keras_backend import load_keras
from ..networks.native_logs import without_native_logs
from ..presets import WEIGHTS_FILE, Preset, PresetError, check_kind
from ..processes import check_not_forked
from ..spectra.batch import SpectrumBatch
from ..spectra.normalize import network_input
from ..text import printable
from .calibration import line_evidence
from .decision import CandidateRule, Prediction, judge
from .first_stage import load_first_stage, mixed, weight_in_mean
from .novelty import load_novelty
from .threads import LEAST_ROWS, fix_network_threads, one_blas_thread

__all__ = [
    "Predictor",
    "batched_logits",
    "compile_network",
    "device_function",
    "load_classifier",
]
_log = logging.getLogger(__name__)

NORMALIZED_AT_ONCE = 256
"""Spectra, about: fewer at a time take longer, more only take memory."""


def load_classifier(preset: Preset):
    """The preset's network with its weights, as a `keras.Model` that gives logits.

    Raises
    ------
    PresetError
        If the preset is no classifier or the weights do not fit its architecture.
    """
    check_not_forked()
    from ..networks.build import build_network

    check_kind(preset, "classifier")
    try:
        model = build_network({**preset.architecture, "n_classes": len(preset.classes)})
        load_weights(model, preset.weights_path)
    except HDF5Error as error:
        raise PresetError(f"preset {preset.name!r}: {WEIGHTS_FILE}: {error}") from error
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PresetError(
            f"preset {preset.name!r}: weights and architecture do not fit: {reason}"
        ) from error
    return model


def compile_network(model, batch_size: int, n_pixels: int, n_channels: int):
    """A function from network input to logits, arrays both, for batches of one size."""
    keras = load_keras()
    call = device_function(model, batch_size, n_pixels, n_channels)

    def on_arrays(x):
        check_not_forked()
        return keras.ops.convert_to_numpy(call(keras.ops.convert_to_tensor(x)))

    return on_arrays


def device_function(model, batch_size: int, n_pixels: int, n_channels: int):
    """`compile_network` for the back end's own tensors: nothing leaves the device.

    Compiled by XLA with TensorFlow and JAX; PyTorch runs the layers as they are.
    """
    keras = load_keras()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(
            lambda x: model(x, training=False),
            jit_compile=True,
            autograph=False,  # there is no Python to rewrite, and it would leave a file behind
            input_signature=[tf.TensorSpec((batch_size, n_pixels, n_channels), tf.float32)],
        )
    if keras.backend.backend() == "jax":
        import jax

        trainable = [v.value for v in model.trainable_variables]
        fixed = [v.value for v in model.non_trainable_variables]
        return jax.jit(lambda x: model.stateless_call(trainable, fixed, x, training=False)[0])
    if keras.backend.backend() == "torch":
        import torch

        return torch.inference_mode()(lambda x: model(x, training=False))
    return lambda x: model(x, training=False)


def batched_logits(call, batch: SpectrumBatch, preprocessing: dict, shape, n_classes: int):
    """Logits of a batch from a function compiled for one shape; the last part is padded.

    Parameters
    ----------
    call : callable
        From `compile_network`.
    batch : SpectrumBatch
    preprocessing : dict
        As `network_input` takes it.
    shape : tuple of int
        (batch size, n_pixels, n_channels) that ``call`` was compiled for.
    n_classes : int

    Returns
    -------
    ndarray, shape (n_spectra, n_classes), float32
    """
    out = np.empty((len(batch), n_classes), dtype=np.float32)
    size = shape[0]
    together = size * max(1, NORMALIZED_AT_ONCE // size)
    for start in range(0, len(batch), together):
        with one_blas_thread():
            inputs = network_input(batch[start : start + together], preprocessing)
        for first in range(0, len(inputs), size):
            some = x = inputs[first : first + size]
            if len(some) < size:
                x = np.zeros(shape, dtype=np.float32)
                x[: len(some)] = some
            rows = slice(start + first, start + first + len(some))
            out[rows] = call(x)[: len(some)]
    return out


class Predictor:
    """Predict with a preset.

    Parameters
    ----------
    preset : Preset
    batch_size : int
        Spectra in one call of the network. The last batch is padded, so that the network is
        compiled once and a spectrum's result does not depend on how many came with it. With
        TensorFlow it does not depend on the number of cores either (`threads`), if this is the
        first use of TensorFlow in the process.

    Raises
    ------
    PresetError
        If the preset cannot be used.
    """

    def __init__(self, preset: Preset, batch_size: int = 256):
        if batch_size < 1:
            raise ValueError(f"batch_size must be positive, not {batch_size}")
        self.preset = preset
        self.batch_size = batch_size
        began = time.monotonic()
        with without_native_logs():  # of compilation
            self._build()
        name, seconds = printable(preset.name), time.monotonic() - began
        _log.info("network of preset %s loaded and compiled in %.1f s", name, seconds)

    def __repr__(self) -> str:
        return f"<Predictor of {self.preset!r}, batches of {self.batch_size}>"

    def _build(self):
        preset = self.preset
        fix_network_threads()
        self.model = load_classifier(preset)
        n_pixels, n_channels = self.model.input_shape[1:]
        if preset.grid.n_pixels != n_pixels:
            raise PresetError(
                f"preset {preset.name!r}: grid of {preset.grid.n_pixels} pixels, "
                f"network of {n_pixels}"
            )
        self._shape = (max(self.batch_size, LEAST_ROWS), n_pixels, n_channels)
        self._weight = weight_in_mean(preset)
        self._first_stage = load_first_stage(preset) if self._weight else None
        self._novelty = load_novelty(preset)
        self._call = compile_network(self.model, *self._shape)
        self._call(np.zeros(self._shape, dtype=np.float32))  # compiles now

    def deciding(self, preset: Preset) -> Predictor:
        """Return the same network with the rule of another preset, which differs in that alone."""
        other = copy.copy(self)
        other.preset = preset
        return other

    def logits(self, batch: SpectrumBatch, first_stage=None) -> np.ndarray:
        """Uncalibrated logits, shape (n_spectra, n_classes), float32.

        Those of the network; or, if the preset says so (``first_stage``, ``mixed``), their mean
        with those of its first stage, which may be given where they are known.

        Raises
        ------
        ValueError
            If the batch is not on the preset's grid.
        """
        if batch.grid != self.preset.grid:
            raise ValueError(
                f"the batch is on {batch.grid}, preset {self.preset.name!r} needs "
                f"{self.preset.grid}: resample first"
            )
        logits = batched_logits(
            self._call,
            batch,
            self.preset.preprocessing,
            self._shape,
            len(self.preset.classes),
        )
        if self._first_stage is None:
            return logits
        if first_stage is None:
            with one_blas_thread():
                first_stage = self._first_stage.logits(batch.flux, batch.mask)
        return mixed(logits, first_stage, self._weight)

    def predict(self, batch: SpectrumBatch, first_stage=None, novelty=None) -> Prediction:
        """Calibrated probabilities, candidates, novelty and flags of a batch on the preset's grid.

        ``first_stage`` as `logits` takes it; ``novelty`` may be given where it is known, too.
        """
        logits = self.logits(batch, first_stage)
        settings, evidence = self.preset.settings, np.zeros(len(batch))
        rule = CandidateRule.of(settings)
        if rule.calibration.evidence_weight or settings.odds is not None:
            evidence = line_evidence(batch, logits, rule.rare, settings.evidence)
        found = judge(batch, rule.probabilities(logits, evidence), settings, evidence)
        if self._novelty is not None:
            if novelty is None:
                with one_blas_thread():
                    novelty = self._novelty.of(batch.flux, batch.mask)
            found.mark_novelty(novelty, self._novelty.threshold)
        return found
