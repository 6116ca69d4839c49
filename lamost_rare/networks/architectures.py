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
    "kernel": 5,
    "convolutions": 2,
    "head_channels": 16,
    "head_units": 64,
    "dropout": 0.3,
}
"""Four residual attention blocks after a strided stem whose kernel is as wide as a line: 119,842
parameters and 17 million multiplications a spectrum, so that a survey runs on a laptop."""

PAPER_RACNET = dict(SHIPPED_RACNET)
"""The paper does not give its layer sizes; its four classes are recognised with the same
network."""
