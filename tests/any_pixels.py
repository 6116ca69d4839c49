"""Pixels of any kind, for tests with hypothesis."""

import numpy as np
from hypothesis import strategies as st

from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID

ANY_PIXELS = {
    "seed": st.integers(0, 2**32 - 1),
    "scale": st.sampled_from([0.0, 1e-30, 1.0, 1e30]),
    "bad": st.floats(0, 1),
    "odd": st.sampled_from([0.0, np.nan, np.inf, -np.inf, 1e38]),
}


def batch_of(seed, scale, bad, odd):
    """Two spectra of noise of some scale, some pixels masked, some with an odd number."""
    rng = np.random.default_rng(seed)
    flux = (scale * rng.standard_normal((2, LAMOST_GRID.n_pixels))).astype("f4")
    ivar = np.abs(rng.standard_normal(flux.shape)).astype("f4")
    flux[rng.random(flux.shape) < 0.01] = odd
    ivar[rng.random(flux.shape) < 0.01] = odd
    return SpectrumBatch(LAMOST_GRID, flux, ivar, rng.random(flux.shape) < bad)
