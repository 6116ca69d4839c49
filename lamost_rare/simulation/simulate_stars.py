"""Observations of labelled stars, in conditions that depend on their class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypedDict, Unpack

import numpy as np

from ..spectra.batch import SpectrumBatch
from .dataset import LabelledStars
from .library import MARGIN, STAR_GRID
from .noise import NoiseBank
from .simulate import Conditions, simulate

__all__ = [
    "HOT",
    "draw_conditions",
    "noise_of",
    "on_star_grid",
    "simulate_in_parts",
    "simulate_pixels",
    "simulate_stars",
]

HOT = ("O", "B", "hot_subdwarf", "white_dwarf")
"""Classes whose library stars are reddened, and rotate, as OB stars."""


class Losses(TypedDict, total=False):
    """What `simulate` may be told of pixels that are lost."""

    gaps: bool | dict
    cosmic_rays: bool


def noise_of(stars: LabelledStars, seed: int = 0) -> NoiseBank:
    """Return the noise of the real spectra; an analytic model of LAMOST's where they are few."""
    seen = stars.real
    if seen.sum() < 20:
        return NoiseBank.analytic(np.random.default_rng(seed))
    return NoiseBank.from_spectra(stars.flux[seen], stars.ivar[seen], ~stars.valid[seen])


def draw_conditions(
    label: np.ndarray, real: np.ndarray, rng: np.random.Generator, snr_range: tuple[float, float]
) -> Conditions:
    """Draw conditions for spectra of given classes, n of them.

    Parameters
    ----------
    label : ndarray of str, shape (n,)
    real : ndarray of bool, shape (n,)
        True for real spectra, which have their own dust and rotation.
    rng : numpy.random.Generator
    snr_range : pair of float
        S/N (g) is log-uniform in this range.
    """
    hot = np.isin(label, HOT) & ~real
    conditions = Conditions.draw(len(label), rng, hot=hot, snr_range=snr_range)
    conditions.vsini *= np.isin(label, ("O", "B"))
    return conditions


def simulate_stars(
    stars: LabelledStars,
    rows: np.ndarray,
    noise: NoiseBank,
    rng: np.random.Generator,
    snr_range: tuple[float, float],
    **losses: Unpack[Losses],
) -> tuple[SpectrumBatch, Conditions]:
    """Simulate observations of some rows; ``losses`` are ``gaps``, ``cosmic_rays`` of `simulate`.

    Returns
    -------
    batch : SpectrumBatch
    conditions : Conditions
    """
    some = stars[rows]
    conditions = draw_conditions(some.label, some.real, rng, snr_range)
    batch = simulate(some.flux, some.valid, conditions, noise, rng, ivar=some.ivar, **losses)
    return batch, conditions


def simulate_in_parts(
    stars: LabelledStars,
    rows: np.ndarray,
    noise: NoiseBank,
    rng: np.random.Generator,
    snr_range: tuple[float, float],
    size: int = 512,
    **losses: Unpack[Losses],
) -> Iterator[tuple[np.ndarray, SpectrumBatch, Conditions]]:
    """Do `simulate_stars` for ``size`` rows at a time; yield each part with its rows."""
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        yield some, *simulate_stars(stars, some, noise, rng, snr_range, **losses)


def on_star_grid(flux: np.ndarray) -> np.ndarray:
    """Put flux on the grid of the networks, (n, n_pixels), on `STAR_GRID`, its ends held."""
    beyond = STAR_GRID.n_pixels - MARGIN - flux.shape[1]
    return np.pad(flux, ((0, 0), (MARGIN, beyond)), mode="edge")


def simulate_pixels(
    flux: np.ndarray, noise: NoiseBank, rng: np.random.Generator, snr_range: tuple[float, float]
) -> SpectrumBatch:
    """Simulate observations of spectra on the grid of the networks.

    They are reddened, shifted, miscalibrated, and get the noise and the bad pixels of real spectra.
    They may be noisy themselves, or come from a generator; what noise they have stays in them.

    Parameters
    ----------
    flux : ndarray, shape (n, n_pixels), float32
        Without gaps.
    noise : NoiseBank
    rng : numpy.random.Generator
    snr_range : pair of float
        S/N (g) of the noise that is added, log-uniform.
    """
    some = on_star_grid(flux)
    known = np.ones(some.shape, dtype=bool)
    # Dust and rotation of a hot star are in them already.
    plain = draw_conditions(np.full(len(some), ""), known[:, 0], rng, snr_range)
    return simulate(some, known, plain, noise, rng, gaps=False, cosmic_rays=False)
