"""Small dense networks in numpy alone."""

from __future__ import annotations

import numpy as np

__all__ = ["dense", "layers_of", "named_layers"]

Layers = list[tuple[np.ndarray, np.ndarray]]
"""Kernel (n_in, n_out) and bias (n_out,) of each layer."""


def dense(layers: Layers, x: np.ndarray) -> np.ndarray:
    """Apply dense layers to rows of numbers (n, n_in); all but the last are followed by a ReLU."""
    for i, (kernel, bias) in enumerate(layers):
        if i:
            np.maximum(x, 0, out=x)
        x = x @ kernel
        x += bias
    return x


def named_layers(layers: Layers) -> dict[str, np.ndarray]:
    """Return the arrays of layers by the names that they have in a file."""
    arrays: dict[str, np.ndarray] = {}
    for i, (kernel, bias) in enumerate(layers):
        arrays |= {f"kernel{i}": kernel, f"bias{i}": bias}
    return arrays


def layers_of(stored) -> Layers:
    """Return the layers that `named_layers` gave to a file, of what `numpy.load` makes of it."""
    n_layers = sum(name.startswith("kernel") for name in stored)
    return [(stored[f"kernel{i}"], stored[f"bias{i}"]) for i in range(n_layers)]
