"""Complete spectra of one class, for a generator to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..progress import counted
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import LAMOST_GRID
from .dataset import LabelledStars
from .library import MARGIN, Rows, bridge
from .noise import NoiseBank
from .simulate_stars import simulate_in_parts, simulate_pixels

__all__ = ["Examples", "complete_rows", "simulate_again", "simulate_examples", "standardize"]


@dataclass(repr=False)
class Examples(Rows):
    """Spectra of one class.

    Attributes
    ----------
    flux : ndarray, shape (n, n_pixels), float32
        Standardized: Eq. 1 of Yang et al. (2021) times the square root of the number of pixels.
    star : ndarray of str, shape (n,)
    snr : ndarray, shape (n,)
        Median S/N in g.
    """

    flux: np.ndarray
    star: np.ndarray
    snr: np.ndarray


def standardize(batch: SpectrumBatch) -> np.ndarray:
    """Scale by Eq. 1 times the square root of the number of pixels, gaps bridged, to float32."""
    flux = bridge(batch.flux.astype(np.float64), batch.mask)
    rms = np.sqrt(np.mean(flux**2, axis=1, keepdims=True))
    return (flux / np.where(rms > 0, rms, 1)).astype(np.float32)


def complete_rows(stars: LabelledStars, label: str, coverage: float = 0.95) -> np.ndarray:
    """Return rows of a class that cover the grid: none can be learnt where there is nothing."""
    inner = slice(MARGIN, MARGIN + LAMOST_GRID.n_pixels)
    covered = stars.valid[:, inner].mean(axis=1) >= coverage
    return np.flatnonzero((stars.label == label) & covered)


def simulate_examples(
    stars: LabelledStars,
    rows: np.ndarray,
    number: int,
    noise: NoiseBank,
    *,
    snr_range: tuple[float, float] = (8.0, 100.0),
    seed: int = 0,
) -> Examples:
    """Simulate observations of chosen stars, every star as often as any other.

    No pixels are lost; real spectra get more noise, reddening and shift.

    Parameters
    ----------
    stars : LabelledStars
    rows : ndarray of int
        As from `complete_rows`.
    number : int
        Observations.
    noise : NoiseBank
    snr_range : tuple
        S/N (g), log-uniform.
    seed : int

    Returns
    -------
    Examples
        In random order.

    Raises
    ------
    ValueError
        If there are no rows.
    """
    rows = np.asarray(rows, dtype=int)
    if not len(rows):
        raise ValueError("no spectrum of the class covers the whole grid: nothing to learn from")
    rng = np.random.default_rng([seed, 150])
    of_star = [rows[stars.star[rows] == star] for star in sorted(set(stars.star[rows]))]
    n = len(of_star)
    turns = np.concatenate([rng.permutation(n) for _ in range(-(-number // n))])
    picks = np.array([rng.choice(of_star[k]) for k in turns[:number]])
    parts = []
    simulated = simulate_in_parts(
        stars, picks, noise, rng, snr_range, 256, gaps=False, cosmic_rays=False
    )
    for some, batch, _ in counted(simulated, -(-number // 256), "parts", "observations"):
        parts.append(
            Examples(standardize(batch), stars.star[some].astype(str), batch.identity["snr_g"])
        )
    return Examples.concatenate(parts)


def simulate_again(
    flux: np.ndarray,
    noise: NoiseBank,
    *,
    snr_range: tuple[float, float] = (8.0, 100.0),
    seed: int = 0,
) -> np.ndarray:
    """Pass standardized spectra through `simulate_pixels`, and standardize them again.

    Parameters
    ----------
    flux : ndarray, shape (n, n_pixels), float32
    noise : NoiseBank
    snr_range : tuple
    seed : int

    Returns
    -------
    ndarray, shape (n, n_pixels), float32
        In the same order, gaps bridged.
    """
    rng = np.random.default_rng([seed, 151])
    out = np.empty(flux.shape, dtype=np.float32)
    for start in range(0, len(flux), 256):
        rows = slice(start, start + 256)
        out[rows] = standardize(simulate_pixels(flux[rows], noise, rng, snr_range))
    return out
