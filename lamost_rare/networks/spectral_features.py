"""Features that generated spectra must share with real ones: lines, level, noise."""

from __future__ import annotations

import numpy as np

from ..spectra.grid import WavelengthGrid
from ..spectra.lines import LINES
from . import layers
from .gan import LineDepths
from .layers import keras, ops

__all__ = ["SpectralFeatures", "feature_model", "features_of", "sliced_distance"]

_HALF_WIDTH = 8.0  # Å: a line of a fast rotator


@keras.saving.register_keras_serializable(package="lamost_rare")
class SpectralFeatures(keras.layers.Layer):
    """Features of standardized flux (n_spectra, n_pixels, 1), of shape (n_spectra, n_features).

    Mean depths in windows at lines and in every 24 Å between them, the level at 24 wavelengths,
    and the logarithm of the noise, from second differences, at 12: all linear, or nearly, in the
    depths that `LineDepths` gives.

    Parameters
    ----------
    grid : dict
        As `WavelengthGrid.to_dict` gives it.

    Attributes
    ----------
    n_lines : int
        So many features are depths of lines, and come first.
    """

    def __init__(self, grid, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.grid = dict(grid)
        wavelength = WavelengthGrid(**self.grid).wavelength
        windows = [np.abs(wavelength - line.wavelength) < _HALF_WIDTH for line in LINES.values()]
        self.n_lines = sum(w.sum() >= 2 for w in windows)
        edges = np.arange(wavelength[0], wavelength[-1] - 24, 24.0)
        windows += [(wavelength >= edge) & (wavelength < edge + 24) for edge in edges]
        windows = np.array([w for w in windows if w.sum() >= 2], dtype=np.float32)
        self._windows = (windows / windows.sum(axis=1, keepdims=True)).T
        self._depths = LineDepths(name="depths", dtype=self.dtype_policy)

    def call(self, inputs):
        both = self._depths(inputs)
        level, depth = both[..., 0], both[..., 1]
        lines = ops.matmul(depth, self._windows)
        n = depth.shape[1]
        level = ops.mean(ops.reshape(level[:, : n // 24 * 24], (-1, 24, n // 24)), axis=2)
        second = ops.abs(depth[:, 1:-1] - 0.5 * (depth[:, :-2] + depth[:, 2:]))
        m = (n - 2) // 12 * 12
        noise = ops.mean(ops.reshape(second[:, :m], (-1, 12, m // 12)), axis=2)
        return ops.concatenate([lines, level, ops.log(noise + 1e-3)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self._windows.shape[1] + 36)

    def get_config(self):
        return {**super().get_config(), "grid": self.grid}


def feature_model(grid: WavelengthGrid) -> keras.Model:
    """Build a network from standardized flux (n_spectra, n_pixels, 1) to `SpectralFeatures`, its
    layer ``features``."""
    inputs = layers.Input((grid.n_pixels, 1))
    features = layers.precise(SpectralFeatures)(grid.to_dict(), name="features")
    return layers.Model(inputs, features(inputs))


def features_of(model: keras.Model, flux) -> np.ndarray:
    """Return features (n_spectra, n_features) of flux (n_spectra, n_pixels) by a `feature_model`,
    some spectra at a time."""
    parts = [
        np.asarray(model.predict_on_batch(flux[i : i + 256, :, None]))
        for i in range(0, len(flux), 256)
    ]
    return np.concatenate(parts)


def sliced_distance(scale, n_projections=128, seed=0, weight=1.0):
    """Make a loss: the difference between the distributions of two batches of features.

    The Wasserstein distance of every feature, and of random mixtures of them, averaged (sliced
    Wasserstein distance, Rabin et al. 2012): marginal distributions and correlations.

    Parameters
    ----------
    scale : ndarray, shape (n_features,)
        Standard deviation of each feature among real spectra.
    n_projections, seed : int
    weight : float or ndarray, shape (n_features,)
        How much each feature by itself counts, beside 1 for every mixture.

    Returns
    -------
    callable
        From real and generated features (n_spectra, n_features) to (n_spectra,).
    """
    rng = np.random.default_rng(seed)
    mixtures = rng.standard_normal((len(scale), n_projections))
    mixtures /= np.linalg.norm(mixtures, axis=0)
    axes = np.concatenate([np.eye(len(scale)), mixtures], axis=1)
    axes = (axes / np.asarray(scale)[:, None]).astype(np.float32)
    weights = np.ones(axes.shape[1], dtype=np.float32)
    weights[: len(scale)] = weight

    def distance(real, generated):
        real = ops.sort(ops.matmul(real, axes), axis=0)
        generated = ops.sort(ops.matmul(generated, axes), axis=0)
        return ops.mean(ops.abs(real - generated) * weights, axis=1)

    return distance
