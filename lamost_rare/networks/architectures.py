"""Layer sizes of the shipped networks, as their presets store them. No Keras here."""

from __future__ import annotations

__all__ = ["PAPER_RACNET", "SHIPPED_RACNET"]

SHIPPED_RACNET = {
    "network": "racnet",
    "n_pixels": 3072,
    "n_channels": 2,
    "stem_channels": 24,
    "stem_kernel": 16,
    "stem_stride": 4,
    "block_channels": [24, 32, 48, 64],
    "kernel": 7,
    "convolutions": 1,
    "head_channels": 16,
    "head_units": 64,
    "dropout": 0.3,
    "template_units": 256,
    "template_pool": 2,
    "template_dropout": 0.5,
    "template_l2": 2e-5,
}
"""Four residual attention blocks after a strided stem whose kernel is as wide as a line, and
beside them a layer of templates, each a weight for every pixel of the spectrum: at low S/N a line
is only seen by a filter that knows where it is. Small enough that a survey runs on a laptop."""

PAPER_RACNET = {**SHIPPED_RACNET, "template_units": 0}
"""The paper does not give its layer sizes; its four classes are recognised with the same
network."""
