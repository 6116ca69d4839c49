"""RAC-Net: residual blocks with channel attention (Zou et al. 2020; Yang et al. 2021, Figs. 5 and
6)."""

from __future__ import annotations

from . import layers
from .architectures import SHIPPED_RACNET
from .attention import ChannelAttention
from .layers import keras

__all__ = ["DEFAULT_ARCHITECTURE", "SUBSPACE", "build_racnet", "opinions"]

DEFAULT_ARCHITECTURE = {**SHIPPED_RACNET, "template_noise_pool": 0, "subspace": 0, "n_classes": 10}
"""Values of the keys that an architecture lacks."""


def _convolve(x, channels, kernel, name, activation=True):
    x = layers.Conv1D(channels, kernel, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if activation else x


def _residual_block(x, channels, kernel, convolutions, name):
    """f(x) = shortcut(x) + attention(convolutions(x)), halved in length afterwards."""
    y = x
    for i in range(convolutions):
        last = i == convolutions - 1
        y = _convolve(y, channels, kernel, f"{name}_{i}", activation=not last)
    y = layers.precise(ChannelAttention)(name=f"{name}_attention")(y)
    if x.shape[-1] != channels:
        x = layers.Conv1D(channels, 1, use_bias=False, name=f"{name}_shortcut")(x)
    x = layers.Add(name=f"{name}_add")([x, y])
    x = layers.ReLU(name=f"{name}_out")(x)
    return layers.MaxPooling1D(2, padding="same", name=f"{name}_pool")(x)


def _templates(inputs, a):
    """Weights for every pixel of the normalized spectrum: a bank of matched filters."""
    x = layers.AveragePooling1D(a["template_pool"], name="template_pool")(inputs[:, :, :1])
    x = layers.Flatten(name="template_flatten")(x)
    if a["template_noise_pool"]:
        # How much noise there is in each piece of the spectrum: what a weak line means.
        noise = layers.AveragePooling1D(a["template_noise_pool"], name="noise_pool")(
            inputs[:, :, 1:]
        )
        noise = layers.Flatten(name="noise_flatten")(noise)
        x = layers.Concatenate(name="template_both")([x, noise])
    x = layers.Dense(
        a["template_units"],
        activation="relu",
        kernel_regularizer=keras.regularizers.L2(a["template_l2"]),
        name="template_dense",
    )(x)
    x = layers.Dropout(a["template_dropout"], name="template_dropout")(x)
    return layers.Dense(a["head_units"], activation="relu", name="template_head")(x)


SUBSPACE = "subspace"
"""Name of the layer whose kernel, of shape (n_pixels, n_components), holds the components."""
_OPINIONS = ("racnet_logits", "subspace_logits")
_NOISE_POOL = 64  # pixels over which the noise is taken as one


def _subspace(inputs, a):
    """Dense layers on a spectrum's components along a few fixed directions.

    Pixels count once as they are, and once by what they are worth, as in a matched filter.
    """
    depth, worth = inputs[:, :, 0], inputs[:, :, 1]
    project = layers.Dense(a["subspace"], use_bias=False, trainable=False, name=SUBSPACE)
    noise = layers.AveragePooling1D(_NOISE_POOL, name="subspace_pool")(inputs[:, :, 1:])
    parts = {
        "depth": project(depth),
        "worth": project(layers.Multiply(name="subspace_weighted")([depth, worth])),
        "noise": layers.Flatten(name="subspace_flatten")(noise),
    }
    x = [
        layers.BatchNormalization(momentum=0.99, name=f"subspace_{name}_norm")(part)
        for name, part in parts.items()
    ]
    x = layers.Concatenate(name="subspace_all")(x)
    for i, units in enumerate(a["subspace_units"]):
        x = layers.Dense(units, activation="relu", name=f"subspace_dense{i}")(x)
        x = layers.Dropout(a["subspace_dropout"], name=f"subspace_dropout{i}")(x)
    return x


def opinions(model: keras.Model) -> keras.Model:
    """Return the same network with the logits that `build_racnet` takes the mean of, each apart.

    They are trained apart, so that one does not learn to leave a class to the other: what they have
    in common is then what both have seen for themselves.

    Parameters
    ----------
    model : keras.Model
        From `build_racnet`.

    Returns
    -------
    keras.Model
        Shares all layers with ``model``; the same if there is but one opinion.
    """
    names = {layer.name for layer in model.layers}
    if not names.issuperset(_OPINIONS):
        return model
    outputs = [model.get_layer(name).output for name in _OPINIONS]
    return layers.Model(model.inputs, outputs, name="opinions")


def build_racnet(architecture: dict) -> keras.Model:
    """Build the recogniser from a preset's ``architecture`` block.

    Parameters
    ----------
    architecture : dict
        Any of the keys of `DEFAULT_ARCHITECTURE`; absent ones take its values.

    Returns
    -------
    keras.Model
        From (n_spectra, n_pixels, n_channels) to logits (n_spectra, n_classes).

    Raises
    ------
    ValueError
        If a key is unknown.
    """
    unknown = sorted(set(architecture) - set(DEFAULT_ARCHITECTURE))
    if unknown:
        raise ValueError(f"unknown key in the architecture of a RAC-Net: {', '.join(unknown)}")
    a = {**DEFAULT_ARCHITECTURE, **architecture}
    inputs = layers.Input((a["n_pixels"], a["n_channels"]), name="spectrum")
    x = layers.Conv1D(
        a["stem_channels"],
        a["stem_kernel"],
        strides=a["stem_stride"],
        padding="same",
        use_bias=False,
        name="stem_conv",
    )(inputs)
    x = layers.BatchNormalization(momentum=0.95, name="stem_norm")(x)
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.MaxPooling1D(2, padding="same", name="stem_pool")(x)
    for i, channels in enumerate(a["block_channels"]):
        x = _residual_block(x, channels, a["kernel"], a["convolutions"], f"block{i}")
    x = layers.Conv1D(a["head_channels"], 1, activation="relu", name="head_conv")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(a["dropout"], name="dropout")(x)
    x = layers.Dense(a["head_units"], activation="relu", name="head_dense")(x)
    x = layers.Dropout(a["dropout"], name="head_dropout")(x)
    if a["template_units"]:
        x = layers.Concatenate(name="both")([x, _templates(inputs, a)])
        x = layers.Dense(a["head_units"], activation="relu", name="both_dense")(x)

    def classify(x, name):
        # Whatever precision the rest has: bfloat16 would round a logit of 5 to steps of 0.03.
        return layers.Dense(a["n_classes"], dtype="float32", name=name)(x)

    if not a["subspace"]:
        return layers.Model(inputs, classify(x, "logits"), name="racnet")
    both = [
        classify(own, name) for own, name in zip((x, _subspace(inputs, a)), _OPINIONS, strict=True)
    ]
    logits = layers.Average(dtype="float32", name="logits")(both)
    return layers.Model(inputs, logits, name="racnet")
