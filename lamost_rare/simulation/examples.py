"""Complete spectra of one class, for a generator to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..progress import counted
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import LAMOST_GRID
from .dataset import LabelledStars
from .library import MARGIN
from .noise import NoiseBank
from .simulate_stars import simulate_in_parts, simulate_pixels

__all__ = ["Examples", "complete_rows", "simulate_again", "simulate_examples", "standardize"]


@dataclass
class Examples:
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

    def __len__(self):
        return len(self.flux)

    def __getitem__(self, rows):
        return Examples(self.flux[rows], self.star[rows], self.snr[rows])

    @classmethod
    def concatenate(cls, parts):
        """Join sets."""
        parts = list(parts)
        return cls(*(np.concatenate([getattr(p, n) for p in parts]) for n in cls.__annotations__))


def standardize(batch: SpectrumBatch) -> np.ndarray:
    """Eq. 1 times the square root of the number of pixels, (n, n_pixels) float32, gaps bridged."""
    flux = batch.flux.astype(np.float64)
    index = np.arange(flux.shape[1])
    for row, bad in zip(flux, batch.mask, strict=True):
        if bad.any() and not bad.all():
            row[bad] = np.interp(index[bad], index[~bad], row[~bad])
    rms = np.sqrt(np.mean(flux**2, axis=1, keepdims=True))
    return (flux / np.where(rms > 0, rms, 1)).astype(np.float32)


def complete_rows(sources: LabelledStars, label: str, coverage=0.95) -> np.ndarray:
    """Rows of a class that cover the grid: a generator cannot learn what is not there."""
    inner = slice(MARGIN, MARGIN + LAMOST_GRID.n_pixels)
    covered = sources.valid[:, inner].mean(axis=1) >= coverage
    return np.flatnonzero((sources.label == label) & covered)


def simulate_examples(
    sources: LabelledStars, rows, number, noise: NoiseBank, *, snr_range=(8.0, 100.0), seed=0
) -> Examples:
    """Observations of chosen sources, every star as often as any other.

    Library spectra are observed as LAMOST would (`simulation.simulate`), without lost pixels;
    observed ones with more noise, reddening and shift.

    Parameters
    ----------
    sources : LabelledStars
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
        If there is no source.
    """
    rows = np.asarray(rows, dtype=int)
    if not len(rows):
        raise ValueError("no spectrum of the class covers the whole grid: nothing to learn from")
    rng = np.random.default_rng([seed, 150])
    stars = sorted(set(sources.star[rows]))
    of_star = {star: rows[sources.star[rows] == star] for star in stars}
    turns = np.concatenate([rng.permutation(len(stars)) for _ in range(-(-number // len(stars)))])
    picks = np.array([rng.choice(of_star[stars[k]]) for k in turns[:number]])
    parts = []
    observed = simulate_in_parts(
        sources, picks, noise, rng, snr_range, 256, gaps=False, cosmic_rays=False
    )
    for some, batch, _ in counted(observed, -(-number // 256), "parts", "observations"):
        parts.append(
            Examples(standardize(batch), sources.star[some].astype(str), batch.identity["snr_g"])
        )
    return Examples.concatenate(parts)


def simulate_again(flux, noise: NoiseBank, *, snr_range=(8.0, 100.0), seed=0) -> np.ndarray:
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
