"""Mean and scatter of what a generator makes, moved to those of real spectra."""

from __future__ import annotations

import numpy as np

from . import layers
from .gan import LineDepths, smooth_basis
from .layers import keras, ops, precise

__all__ = ["centre_level_and_noise", "centre_lines", "start_from"]


def start_from(generator: keras.Model, examples, seed=0) -> None:
    """Let a new generator begin at the mean of real spectra, as variable as they are.

    An adversary would take thousands of steps to teach what is known beforehand: mean depth of the
    lines, mean and scatter of level and noise, and noise that is of one kind in all pixels.

    Parameters
    ----------
    generator : keras.Model
        From `build_generator`, changed in place.
    examples : ndarray, shape (n, n_pixels)
        Standardized flux.
    seed : int
    """
    n = examples.shape[1]
    layer = generator.get_layer
    log_level, depth = _levels_and_depths(examples)
    smooth = _smooth_coefficients(log_level, depth, layer("level").units)

    def outputs(name):
        return _layer_outputs(generator, name, [seed, 1])

    for name, real in smooth.items():
        kernel, bias = layer(name).get_weights()
        made = outputs(name)
        kernel *= real.std(axis=0) / np.maximum(made.std(axis=0), 1e-6)
        layer(name).set_weights([kernel, real.mean(axis=0).astype(np.float32)])
        made = outputs(name)
        layer(name).set_weights([kernel, (2 * real.mean(axis=0) - made.mean(axis=0))])
    kernel, bias = layer("lines").get_weights()
    spread = np.minimum(depth.std(axis=0).mean(), 0.03) / max(outputs("lines").std(), 1e-6)
    shape = (n, 1) if bias.ndim == 2 else (1,)
    mean = np.median(depth, axis=0) if bias.ndim == 2 else np.zeros(1)
    layer("lines").set_weights([kernel * spread, mean.reshape(shape)])
    kernel, bias = layer("noise_field").get_weights()
    made = outputs("noise_field")
    axes = 0 if bias.ndim == 2 else (0, 1)
    spread, centre = np.maximum(made.std(axis=axes), 1e-6), made.mean(axis=axes)
    # The same scatter in every pixel, and a mean of zero: a field that varies more in one place
    # than in another does not look like noise, and a mean would be a pattern that all share.
    kernel = kernel / (spread[..., None] if bias.ndim == 2 else spread)
    layer("noise_field").set_weights([kernel, (bias - centre) / spread])


def centre_lines(generator: keras.Model, examples, generated) -> float:
    """Move the mean depth at each wavelength to that of real spectra, where kernels are local.

    What an adversary leaves a little too weak in all spectra is seen in no single one of them. A
    difference counts the less the nearer it is to its own uncertainty.

    Parameters
    ----------
    generator : keras.Model
        From `build_generator`, changed in place if each pixel has a bias of its own.
    examples, generated : ndarray, shape (n, n_pixels), (m, n_pixels)
        Standardized flux, real and from this generator.

    Returns
    -------
    float
        Root mean square of what was added.
    """
    kernel, bias = generator.get_layer("lines").get_weights()
    if bias.ndim != 2:
        return 0.0
    means, errors = zip(*(_mean_depth(flux) for flux in (examples, generated)), strict=True)
    difference = means[0] - means[1]
    square = difference**2
    change = difference * square / np.maximum(square + errors[0] ** 2 + errors[1] ** 2, 1e-12)
    generator.get_layer("lines").set_weights([kernel, bias + change[:, None].astype(np.float32)])
    return float(np.sqrt(np.mean(change**2)))


def centre_level_and_noise(generator: keras.Model, examples, generated, seed=0) -> float:
    """Move mean and scatter of level and noise along the spectrum to those of real spectra.

    An adversary leaves noise a little too weak, and level a little too much alike. Both are given
    by coefficients of Legendre polynomials, which are scaled and moved.

    Parameters
    ----------
    generator : keras.Model
        From `build_generator`, changed in place.
    examples, generated : ndarray, shape (n, n_pixels), (m, n_pixels)
        Standardized flux, real and from this generator.
    seed : int

    Returns
    -------
    float
        Root mean square of what was added to the coefficients' means.
    """
    layer = generator.get_layer
    n_level = layer("level").units
    fluxes = map(_levels_and_depths, (examples, generated))
    real, made = (_smooth_coefficients(level, depth, n_level) for level, depth in fluxes)
    changes = []
    for name in real:
        mean = _layer_outputs(generator, name, [seed, 2]).mean(axis=0)
        kernel, bias = layer(name).get_weights()
        ratio = real[name].std(axis=0) / np.maximum(made[name].std(axis=0), 1e-6)
        ratio = np.clip(ratio, 0.5, 2)
        change = real[name].mean(axis=0) - made[name].mean(axis=0)
        moved = mean + change - ratio * (mean - bias)
        layer(name).set_weights([kernel * ratio, moved.astype(np.float32)])
        changes.append(change)
    return float(np.sqrt(np.mean(np.square(changes))))


def _layer_outputs(generator, name, seed) -> np.ndarray:
    """Return the output of a layer of a generator for 512 draws, the same for the same seed."""
    draws = np.random.default_rng(seed).standard_normal((512, generator.input_shape[1]))
    part = layers.Model(generator.input, generator.get_layer(name).output)
    return np.asarray(part.predict_on_batch(draws.astype(np.float32)))


def _depths_in_parts(flux):
    """Yield logarithm of the level and depth, by `LineDepths`, some spectra at a time."""
    flux, layer = np.asarray(flux, dtype=np.float32), precise(LineDepths)()
    for start in range(0, len(flux), 256):
        both = ops.convert_to_numpy(layer(flux[start : start + 256, :, None]))
        yield both[..., 0], both[..., 1] / 4


def _levels_and_depths(flux):
    """Return logarithm of the level, and depth, (n, n_pixels) each."""
    levels, depths = zip(*_depths_in_parts(flux), strict=True)
    return np.concatenate(levels), np.concatenate(depths)


def _smooth_coefficients(log_level, depth, n_level) -> dict:
    """Fit the logarithms of level and of noise along spectra; coefficients (n, n_level) each."""
    blocks = 2 * n_level
    size = (depth.shape[1] - 2) // blocks
    difference = np.abs(depth[:, 1:-1] - 0.5 * (depth[:, :-2] + depth[:, 2:]))
    noise = difference[:, : blocks * size].reshape(len(depth), blocks, size)
    # The median of |d| of a Gaussian is 0.67 sigma; the variance of d is 3/2 sigma^2.
    log_noise = np.log(np.median(noise, axis=2) / 0.67 / np.sqrt(1.5) + 1e-4)
    return {
        name: values @ np.linalg.pinv(smooth_basis(values.shape[1], n_level)).T
        for name, values in (("level", log_level), ("scale", log_noise))
    }


def _mean_depth(flux):
    """Return the mean depth of spectra and its error, (n_pixels,) each."""
    total, squares = np.zeros(flux.shape[1]), np.zeros(flux.shape[1])
    for _, depth in _depths_in_parts(flux):
        depth = np.clip(depth, -1, 1).astype(np.float64)  # the noisiest pixels are not to decide
        total += depth.sum(axis=0)
        squares += (depth**2).sum(axis=0)
    mean = total / len(flux)
    return mean, np.sqrt(np.maximum(squares / len(flux) - mean**2, 0) / len(flux))
