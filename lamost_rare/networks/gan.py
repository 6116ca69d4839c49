"""LCGAN (Yang et al. 2021, Figs. 3 and 4), and the SGAN that it is compared with (Zheng et al.
2020).

Both generate flux divided by its 2-norm (Eq. 1), times the square root of the number of pixels so
that it is of order one.
"""

from __future__ import annotations

import numpy as np

from . import layers
from .architectures import SHIPPED_LCGAN, SHIPPED_SGAN
from .layers import CHANNELS_LAST, keras, ops, precise
from .locally_connected import LocallyConnected1D

__all__ = [
    "build_discriminator",
    "build_generator",
    "centre_level_and_noise",
    "centre_lines",
    "complete_architecture",
    "start_from",
    "without_noise",
]

_KNOWN = {"lcgan": SHIPPED_LCGAN, "sgan": SHIPPED_SGAN}


def complete_architecture(architecture: dict) -> dict:
    """An architecture block with every key.

    Raises
    ------
    ValueError
        If the network or a key is unknown, or the lengths do not fit.
    """
    network = architecture.get("network", "lcgan")
    if network not in _KNOWN:
        raise ValueError(f"unknown network {network!r}; known: {', '.join(_KNOWN)}")
    unknown = sorted(set(architecture) - set(_KNOWN[network]))
    if unknown:
        raise ValueError(f"unknown key in the architecture of a GAN: {', '.join(unknown)}")
    a = {**_KNOWN[network], **architecture}
    n = a["n_pixels"]
    lengths = [a["start"] * 2**i for i in range(len(a["channels"]))]
    lengths += [a["local_noise"] * 2**i for i in range(len(a["noise_channels"]))]
    if wrong := [length for length in lengths if n % length]:
        raise ValueError(f"{n} pixels are not a multiple of a layer's {wrong[0]}")
    if not 0 < a["local_noise"] < a["noise"]:
        raise ValueError(f"local_noise must lie between 0 and noise, {a['noise']}")
    return a


@keras.saving.register_keras_serializable(package="lamost_rare")
class Observed(keras.layers.Layer):
    """Level, lines and noise put together to standardized flux.

    ``exp(level) (1 + lines + exp(scale) noise)``, divided by its root mean square: Eq. 1 of Yang
    et al. (2021) times the square root of the number of pixels. Level and scale are given by the
    coefficients of Legendre polynomials along the spectrum. Lines are smoothed to the resolution
    of LAMOST, so that what differs from pixel to pixel is noise alone.
    """

    def call(self, level, lines, scale, noise):
        lines = ops.conv(lines, resolution_kernel(), padding="same", data_format=CHANNELS_LAST)
        basis = smooth_basis(lines.shape[1], level.shape[1]).T
        level, scale = (ops.expand_dims(ops.matmul(x, basis), -1) for x in (level, scale))
        # Bounded, so that no step of a training can leave the range of float32.
        level, scale = (ops.clip(x, -10, 10) for x in (level, scale))
        flux = ops.exp(level) * (1 + lines + ops.exp(scale) * noise)
        return flux * ops.rsqrt(ops.mean(ops.square(flux), axis=1, keepdims=True) + 1e-12)

    def compute_output_shape(self, level_shape, lines_shape, scale_shape, noise_shape):
        return lines_shape


def resolution_kernel() -> np.ndarray:
    """Gaussian of R = 1800 in pixels of 1e-4 dex: FWHM 2.4 pixels; (7, 1, 1) float32."""
    sigma = 1 / (1800 * 1e-4 * np.log(10)) / 2.355
    kernel = np.exp(-0.5 * (np.arange(-3, 4) / sigma) ** 2)
    return (kernel / kernel.sum()).astype(np.float32)[:, None, None]


def smooth_basis(n_pixels, n_level) -> np.ndarray:
    """Legendre polynomials of degree 0 to n_level - 1, (n_pixels, n_level) float32."""
    x = np.linspace(-1, 1, n_pixels)
    return np.polynomial.legendre.legvander(x, n_level - 1).astype(np.float32)


@keras.saving.register_keras_serializable(package="lamost_rare")
class LineDepths(keras.layers.Layer):
    """What the discriminator looks at: the level of a spectrum, and the depth of its lines.

    From flux (n_spectra, n_pixels, 1) to (n_spectra, n_pixels, 2): the logarithm of the smoothed
    flux, and four times flux over smoothed flux less one. The kernel, a running mean taken twice,
    is fixed.
    """

    def __init__(self, width=97, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def call(self, inputs):
        n, half = inputs.shape[1], self.width // 2
        # Differences of a running sum: cheap at any width. At the edges, over what there is.
        total = ops.pad(ops.cumsum(inputs, axis=1), ((0, 0), (1, 0), (0, 0)))
        end = np.minimum(np.arange(n) + half + 1, n)
        start = np.maximum(np.arange(n) - half, 0)
        weight = (end - start).astype(np.float32)[None, :, None]
        level = (ops.take(total, end, axis=1) - ops.take(total, start, axis=1)) / weight
        level = ops.maximum(level, 0.02)
        return ops.concatenate([ops.log(level), 4 * (inputs / level - 1)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], 2)

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable(package="lamost_rare")
class MinibatchDeviation(keras.layers.Layer):
    """Append to each vector how much those of its batch differ (Karras et al. 2018, Sect. 3)."""

    def call(self, inputs):
        deviation = ops.mean(ops.sqrt(ops.var(inputs, axis=0) + 1e-6))
        return ops.concatenate([inputs, deviation * ops.ones_like(inputs[:, :1])], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] + 1)


_locally_connected = precise(LocallyConnected1D)


def _stretch(x, length):
    factor = length // x.shape[1]
    return layers.UpSampling1D(factor)(x) if factor > 1 else x


def _layer(a, x, channels, name, activation=True):
    kind = _locally_connected if a["network"] == "lcgan" else layers.Conv1D
    x = kind(channels, a["kernel"], padding="same", name=name)(x)
    return layers.LeakyReLU(a["leak"], name=f"{name}_act")(x) if activation else x


def build_generator(architecture: dict) -> keras.Model:
    """From noise (n_spectra, 900) to standardized flux (n_spectra, n_pixels, 1).

    Locally connected convolution and up-sampling alternate up to the length of the spectrum (Yang
    et al. 2021, Fig. 3); with ``network`` of ``sgan`` the kernels are shared. A part of the 900
    numbers stands for places along the spectrum and becomes the noise of the pixels there; the
    rest for the spectrum as a whole: its lines, its level, and how noisy it is.

    Parameters
    ----------
    architecture : dict
        Any keys of `networks.architectures.SHIPPED_LCGAN`.

    Raises
    ------
    ValueError
        If a key is unknown or the lengths do not divide each other.
    """
    a = complete_architecture(architecture)
    n, start, places = a["n_pixels"], a["start"], a["local_noise"]
    z = layers.Input((a["noise"],), name="noise")
    whole = z[:, places:]
    for i in range(2):
        whole = layers.Dense(a["global_units"], name=f"whole{i}")(whole)
        whole = layers.LeakyReLU(a["leak"], name=f"whole{i}_act")(whole)
        whole = layers.Dropout(a["generator_dropout"], name=f"whole{i}_dropout")(whole)

    x = layers.Dense(start * a["channels"][0], name="start")(whole)
    x = layers.LeakyReLU(a["leak"], name="start_act")(x)
    x = layers.Reshape((start, a["channels"][0]), name="start_shape")(x)
    for i, channels in enumerate(a["channels"]):
        x = _layer(a, _stretch(x, start * 2**i), channels, f"lines{i}")
    lines = _layer(a, _stretch(x, n), 1, "lines", activation=False)

    y = layers.Reshape((places, 1), name="places")(z[:, :places])
    for i, channels in enumerate(a["noise_channels"]):
        y = _layer(a, _stretch(y, places * 2**i), channels, f"noise{i}")
    noise = _layer(a, _stretch(y, n), 1, "noise_field", activation=False)

    level = layers.Dense(a["n_level"], name="level")(whole)
    scale = layers.Dense(a["n_level"], name="scale")(whole)
    flux = precise(Observed)(name="observed")(level, lines, scale, noise)
    return layers.Model(z, flux, name=a["network"])


def without_noise(generator: keras.Model) -> keras.Model:
    """A generator's stars, before anyone observed them: level and lines, no noise of pixels.

    Parameters
    ----------
    generator : keras.Model
        From `build_generator`; its weights are shared.

    Returns
    -------
    keras.Model
        From the same numbers to standardized flux (n_spectra, n_pixels, 1).
    """
    level, lines, scale, noise = (
        generator.get_layer(name).output for name in ("level", "lines", "scale", "noise_field")
    )
    flux = generator.get_layer("observed")(level, lines, scale, ops.zeros_like(noise))
    return layers.Model(generator.input, flux, name=f"{generator.name}_without_noise")


def start_from(generator: keras.Model, examples, seed=0) -> None:
    """Let a new generator begin at the mean of real spectra, as variable as they are.

    What takes thousands of steps of an adversary is known beforehand: mean depth of the lines,
    mean and scatter of level and noise, and noise that is of one kind in all pixels.

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
    # As much in every pixel, and nothing in the mean: a field that is wilder here than there has
    # not the look of noise, and a mean would be a pattern that all spectra share.
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
    real, made = (
        _smooth_coefficients(*_levels_and_depths(flux), n_level) for flux in (examples, generated)
    )
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
    """What a layer of a generator gives for 512 draws, the same for the same seed."""
    draws = np.random.default_rng(seed).standard_normal((512, generator.input_shape[1]))
    part = layers.Model(generator.input, generator.get_layer(name).output)
    return np.asarray(part.predict_on_batch(draws.astype(np.float32)))


def _depths_in_parts(flux):
    """What `LineDepths` gives, some spectra at a time: logarithm of the level, and depth."""
    flux, layer = np.asarray(flux, dtype=np.float32), precise(LineDepths)()
    for start in range(0, len(flux), 256):
        both = ops.convert_to_numpy(layer(flux[start : start + 256, :, None]))
        yield both[..., 0], both[..., 1] / 4


def _levels_and_depths(flux):
    """`_depths_in_parts` of all spectra together, (n, n_pixels) each."""
    levels, depths = zip(*_depths_in_parts(flux), strict=True)
    return np.concatenate(levels), np.concatenate(depths)


def _smooth_coefficients(log_level, depth, n_level) -> dict:
    """Coefficients, (n, n_level) each, of the logarithms of level and of noise along spectra."""
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
    """Mean of the depths that `LineDepths` gives, and its error; (n_pixels,) each."""
    total, squares = np.zeros(flux.shape[1]), np.zeros(flux.shape[1])
    for _, depth in _depths_in_parts(flux):
        depth = np.clip(depth, -1, 1).astype(np.float64)  # the noisiest pixels are not to decide
        total += depth.sum(axis=0)
        squares += (depth**2).sum(axis=0)
    mean = total / len(flux)
    return mean, np.sqrt(np.maximum(squares / len(flux) - mean**2, 0) / len(flux))


def build_discriminator(architecture: dict) -> keras.Model:
    """From standardized flux (n_spectra, n_pixels, 1) to a logit (n_spectra, 1): real or generated.

    Parameters
    ----------
    architecture : dict
        As for `build_generator`.
    """
    a = complete_architecture(architecture)
    inputs = layers.Input((a["n_pixels"], 1), name="spectrum")
    x = precise(LineDepths)(name="depths")(inputs)
    for i, channels in enumerate(a["discriminator_channels"]):
        # Shared kernels first, for noise looks alike everywhere; then each place has its own.
        local = a["network"] == "lcgan" and i > 0
        kind = _locally_connected if local else layers.Conv1D
        x = kind(channels, 9, strides=4, padding="same", name=f"d{i}")(x)
        x = layers.LeakyReLU(a["leak"], name=f"d{i}_act")(x)
        x = layers.Dropout(a["discriminator_dropout"], name=f"d{i}_dropout")(x)
    x = layers.Flatten(name="d_flatten")(x)
    x = layers.Dense(a["discriminator_units"], name="d_dense")(x)
    x = layers.LeakyReLU(a["leak"], name="d_dense_act")(x)
    x = precise(MinibatchDeviation)(name="d_batch")(x)
    logit = layers.Dense(1, name="d_logit")(x)
    return layers.Model(inputs, logit, name=f"{a['network']}_discriminator")
