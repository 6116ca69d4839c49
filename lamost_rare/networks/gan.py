"""LCGAN (Yang et al. 2021, Figs. 3 and 4), and the SGAN that it is compared with (Zheng et al.
2020).

Both generate flux divided by its 2-norm (Eq. 1), times the square root of the number of pixels so
that it is of order one.
"""

from __future__ import annotations

import numpy as np

from . import layers
from .architectures import SHIPPED_LCGAN, SHIPPED_SGAN, network_name
from .layers import CHANNELS_LAST, keras, ops, precise
from .locally_connected import LocallyConnected1D

__all__ = [
    "build_discriminator",
    "build_generator",
    "complete_architecture",
    "without_noise",
]

_SIZES = {"lcgan": SHIPPED_LCGAN, "sgan": SHIPPED_SGAN}


def complete_architecture(architecture: dict) -> dict:
    """Complete an architecture block: return it with every key.

    Raises
    ------
    ValueError
        If the network or a key is unknown, or the lengths do not fit.
    """
    sizes = _SIZES[network_name(architecture, _SIZES)]
    unknown = sorted(set(architecture) - set(sizes))
    if unknown:
        raise ValueError(f"unknown key in the architecture of a GAN: {', '.join(unknown)}")
    a = {**sizes, **architecture}
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
    """Return a Gaussian of R = 1800 in pixels of 1e-4 dex: FWHM 2.4 pixels; (7, 1, 1) float32."""
    sigma = 1 / (1800 * 1e-4 * np.log(10)) / 2.355
    kernel = np.exp(-0.5 * (np.arange(-3, 4) / sigma) ** 2)
    return (kernel / kernel.sum()).astype(np.float32)[:, None, None]


def smooth_basis(n_pixels, n_level) -> np.ndarray:
    """Return Legendre polynomials of degree 0 to n_level - 1, (n_pixels, n_level) float32."""
    x = np.linspace(-1, 1, n_pixels)
    return np.polynomial.legendre.legvander(x, n_level - 1).astype(np.float32)


@keras.saving.register_keras_serializable(package="lamost_rare")
class LineDepths(keras.layers.Layer):
    """The level of a spectrum and the depth of its lines, which a discriminator looks at.

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
    """Build a network from noise (n_spectra, 900) to standardized flux (n_spectra, n_pixels, 1).

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
    """Leave out the noise of pixels: return a generator of level and lines alone.

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


def build_discriminator(architecture: dict) -> keras.Model:
    """Build a network from standardized flux (n_spectra, n_pixels, 1) to a logit (n_spectra, 1).

    The logit says how probably a spectrum is real.

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
