"""Layer sizes of the shipped networks, as their presets store them. No Keras here."""

from __future__ import annotations

__all__ = [
    "PAPER_RACNET",
    "SHIPPED_LCGAN",
    "SHIPPED_RACNET",
    "SHIPPED_SGAN",
    "SMALL_RACNET",
    "network_name",
]

SHIPPED_RACNET = {
    "network": "racnet",
    "n_pixels": 3072,
    "n_channels": 2,
    "stem_channels": 32,
    "stem_kernel": 16,
    "stem_stride": 8,
    "block_channels": [32, 48, 64],
    "kernel": 7,
    "convolutions": 1,
    "head_channels": 16,
    "head_units": 64,
    "dropout": 0.3,
    "template_units": 512,
    "template_pool": 2,
    "template_noise_pool": 64,
    "template_dropout": 0.5,
    "template_l2": 2e-5,
    "subspace": 64,
    "subspace_units": [512, 256],
    "subspace_dropout": 0.3,
}
"""Three residual attention blocks after a strided stem whose kernel is as wide as a line, and
beside them a layer of templates, each a weight for every pixel of the spectrum: at low S/N a line
is only seen by a filter that knows where it is. A second opinion comes from dense layers that see a
spectrum only as its components along the principal components of spectra without noise, in which
most of the noise is not; the logits are the mean of both. Small enough that a survey runs on a
laptop."""

PAPER_RACNET = {
    **SHIPPED_RACNET,
    "stem_channels": 24,
    "stem_stride": 4,
    "block_channels": [24, 32, 48, 64],
    "template_units": 0,
    "subspace": 0,
}
"""Residual attention blocks alone, as in the paper, which does not give its layer sizes."""

SMALL_RACNET = {
    "n_channels": 2,
    "stem_channels": 16,
    "block_channels": [16, 24, 32],
    "head_channels": 16,
    "head_units": 32,
    "dropout": 0.1,
    "template_units": 0,
}
"""A RAC-Net that trains in a minute on some hundred spectra."""

SHIPPED_LCGAN = {
    "network": "lcgan",
    "n_pixels": 3072,
    "noise": 900,
    "local_noise": 768,
    "global_units": 96,
    "start": 96,
    "channels": [16, 12, 8, 8],
    "noise_channels": [4, 3],
    "kernel": 5,
    "n_level": 8,
    "generator_dropout": 0.0,
    "discriminator_channels": [12, 16, 16],
    "discriminator_units": 64,
    "discriminator_dropout": 0.3,
    "leak": 0.2,
}
"""900 numbers of noise, of which 768 belong to places along the spectrum and become its noise, and
132 to the spectrum as a whole. Layer sizes are not in the paper."""

SHIPPED_SGAN = {
    **SHIPPED_LCGAN,
    "network": "sgan",
    "channels": [32, 32, 24, 16],
    "noise_channels": [8, 8],
    "discriminator_channels": [16, 32, 32],
}
"""The same sizes with one kernel for all wavelengths, after Zheng et al. (2020)."""


def network_name(architecture: dict, known) -> str:
    """Return the network that an architecture names: one of those known, by default the first.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    known = list(known)
    name = architecture.get("network", known[0])
    if name not in known:
        raise ValueError(f"unknown network {name!r}; known: {', '.join(known)}")
    return name
