"""The few directions in which spectra without noise differ, for RAC-Net's second opinion."""

from __future__ import annotations

import numpy as np

from .stream import QUIET_BATCHES

__all__ = ["principal_components"]

SNR = (200.0, 400.0)
"""S/N (g) of the observations, as far as their sources have it: nearly without noise."""
_BATCHES, _SIZE = 80, 256


def principal_components(stream, n_components: int) -> np.ndarray:
    """Find the principal components of network input without noise.

    Every class counts alike, however strong its lines are and however often it is drawn.

    Parameters
    ----------
    stream : ObservationStream
    n_components : int

    Returns
    -------
    ndarray, shape (n_pixels, n_components), float32
        Orthonormal, those of the largest variance first.

    Raises
    ------
    ValueError
        If there are fewer pixels than components.
    """
    from scipy.linalg import eigh

    quiet = stream.quiet(SNR)
    moments: dict[int, np.ndarray] = {}
    for number in range(QUIET_BATCHES, QUIET_BATCHES + _BATCHES):
        inputs, label = quiet.inputs(number, _SIZE)
        for k in np.unique(label):
            x = inputs[label == k, :, 0]
            moments[k] = moments.get(k, 0) + x.T @ x
    total: np.ndarray = sum(  # type: ignore[assignment]  # there is a batch at least
        moment / max(float(np.trace(moment)), 1e-12) for moment in moments.values()
    )
    n_pixels = len(total)
    if n_components > n_pixels:
        raise ValueError(f"{n_components} components of spectra with {n_pixels} pixels")
    largest = [n_pixels - n_components, n_pixels - 1]
    _, vectors = eigh(total.astype(np.float64), subset_by_index=largest)
    return np.ascontiguousarray(vectors[:, ::-1], dtype=np.float32)
