"""Generators: from the files of a preset to a network, and from a seed to spectra."""

from __future__ import annotations

import warnings

import numpy as np

from ..hdf5 import HDF5Error, load_weights
from ..presets import WEIGHTS_FILE, Preset, PresetError, check_kind, load_preset
from ..processes import check_not_forked
from ..progress import counted

__all__ = ["DEFAULT_GENERATOR", "generate", "generator_preset", "load_generator"]

DEFAULT_GENERATOR = "lcgan-o-v1"
"""What `augment_spectra` and ``lamost-rare augment`` use unless told otherwise."""


def load_generator(preset=None):
    """Build the network of a generator preset, with its weights.

    Parameters
    ----------
    preset : str, path or Preset, optional
        By default `DEFAULT_GENERATOR`.

    Returns
    -------
    keras.Model
        From noise (n, 900) to standardized flux (n, n_pixels, 1).

    Raises
    ------
    PresetError
        If there is no such preset, or it is not a generator.
    """
    preset = generator_preset(preset)
    check_not_forked()
    from ..networks.build import build_network

    try:
        model = build_network(preset.architecture, "generator")
    except ValueError as error:
        raise PresetError(f"preset {preset.name!r}: {error}") from error
    if model.output_shape[1] != preset.grid.n_pixels:
        raise PresetError(
            f"preset {preset.name!r} makes {model.output_shape[1]} pixels, its grid has "
            f"{preset.grid.n_pixels}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras warns of layers without weights
            load_weights(model, preset.weights_path)
    except HDF5Error as error:
        raise PresetError(f"preset {preset.name!r}: {WEIGHTS_FILE}: {error}") from error
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise PresetError(
            f"preset {preset.name!r}: its weights do not fit its architecture"
        ) from error
    return model


def generator_preset(preset) -> Preset:
    """Load a preset, by default `DEFAULT_GENERATOR`, unless it is one; refuse a classifier."""
    if not isinstance(preset, Preset):
        preset = load_preset(DEFAULT_GENERATOR if preset is None else preset)
    check_kind(preset, "generator")
    return preset


def generate(generator, number, seed, batch_size=256) -> np.ndarray:
    """Return standardized flux (number, n_pixels), float32; the same for the same seed."""
    check_not_forked()
    rng = np.random.default_rng([seed, 20210503])
    out = np.empty((number, generator.output_shape[1]), dtype=np.float32)
    starts = range(0, number, batch_size)
    for start in counted(starts, len(starts), "batches", "generating"):
        noise = rng.standard_normal((batch_size, generator.input_shape[1])).astype(np.float32)
        flux = np.asarray(generator.predict_on_batch(noise))[..., 0]
        out[start : start + batch_size] = flux[: number - start]
    return out
