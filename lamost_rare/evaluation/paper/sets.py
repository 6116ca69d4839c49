"""The data sets of Yang et al. (2021), Table 1, from library stars observed in simulation and real
LAMOST spectra."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...simulation.dataset import LabelledStars
from ...simulation.examples import Examples, complete_rows, simulate_again, simulate_examples
from ...simulation.noise import NoiseBank
from ...spectra.grid import LAMOST_GRID
from ..generated_metrics import repeated

__all__ = [
    "CLASSES",
    "PaperSets",
    "PaperSizes",
    "level_red_end",
    "make_sets",
    "observed_from",
    "split_stars",
]

CLASSES = ("O", "F", "G", "K")


@dataclass(frozen=True)
class PaperSizes:
    """Numbers of spectra. The defaults are the paper's where two cores allow them.

    Attributes
    ----------
    set1, set2 : int
        O spectra to train a GAN on, and to validate with.
    set3 : int
        O and F spectra each, for the SVM; those of set 4 too.
    set5 : int
        Spectra of each class to train the recogniser on; 10,000 in the paper.
    test : int
        Spectra of each class, of stars not trained on, for bins of S/N, calibration and false
        alarms. The first of the O spectra are set 2.
    snr_range : tuple
        S/N (g), log-uniform.
    """

    set1: int = 150
    set2: int = 323
    set3: int = 1000
    set5: int = 2000
    test: int = 1000
    snr_range: tuple = (5.0, 100.0)


@dataclass
class PaperSets:
    """Spectra of one run.

    Attributes
    ----------
    set1 : Examples
        O spectra of ``n_stars`` stars.
    simulated : Examples
        ``set5`` further observations of the same stars, in other noise.
    reobserved : ndarray, shape (set5, n_pixels), float32
        Spectra of set 1, in turn, with more noise, reddening and shift.
    set2 : Examples
        O spectra of other stars.
    train, test : dict of str to Examples
        F, G and K of different stars; ``test`` has O too, of the stars of set 2.
    """

    set1: Examples
    simulated: Examples
    reobserved: np.ndarray
    set2: Examples
    train: dict
    test: dict


RED_END = 7380.0
"""Å; where the reddest spectra of two libraries end, less the largest velocity."""


def level_red_end(flux: np.ndarray) -> np.ndarray:
    """Make standardized flux constant beyond `RED_END`.

    Many library O stars have no data there, where `simulation.examples.standardize` bridges to the
    end of the grid without noise, and few others do: a recogniser must not know them by that.
    """
    end = int(np.searchsorted(LAMOST_GRID.wavelength, RED_END))
    out = np.array(flux, dtype=np.float32)
    out[:, end:] = out[:, end - 16 : end].mean(axis=1, keepdims=True)
    rms = np.sqrt(np.mean(out**2, axis=1, keepdims=True))
    return out / np.where(rms > 0, rms, 1)


def make_sets(
    labelled: LabelledStars, noise: NoiseBank, run: int, n_stars: int | None, sizes: PaperSizes
) -> PaperSets:
    """Make the sets of a run: the same for the same arguments.

    Half of the O stars, drawn for the run, are those of set 2; ``n_stars`` of the others, or all
    of them, are those of set 1, whose size shrinks with them. Seven tenths of the F, G and K stars
    train, the others test.

    Parameters
    ----------
    labelled : LabelledStars
    noise : NoiseBank
        As of `simulation.simulate_stars.noise_of`.
    run : int
    n_stars : int or None
    sizes : PaperSizes

    Raises
    ------
    ValueError
        If there are too few stars of a class.
    """
    first, second = split_stars(labelled, "O", run, 0.5)
    share = 1.0
    if n_stars is not None and n_stars < len(first):
        share, first = n_stars / len(first), first[:n_stars]

    def spectra(
        label: str, stars: list[str], number: int, offset: int, snr: tuple = sizes.snr_range
    ) -> Examples:
        rows = complete_rows(labelled, label)
        rows = rows[np.isin(labelled.star[rows], stars)]
        # Far apart, so that no two sets of any run share their noise.
        seed = 1000 * run + offset
        made = simulate_examples(labelled, rows, number, noise, snr_range=snr, seed=seed)
        return replace(made, flux=level_red_end(made.flux))

    set1 = spectra("O", first, max(round(share * sizes.set1), 1), 1)
    simulated = spectra("O", first, sizes.set5, 2)
    reobserved = observed_from(repeated(set1.flux, sizes.set5), noise, 1000 * run + 4, sizes)
    unseen = spectra("O", second, max(sizes.test, sizes.set2), 3)
    train, test = {}, {"O": unseen}
    for i, label in enumerate(CLASSES[1:]):
        own, others = split_stars(labelled, label, run, 0.7)
        number = max(sizes.set5, sizes.set3)
        train[label] = spectra(label, own, number, 10 + i)
        test[label] = spectra(label, others, sizes.test, 20 + i)
    return PaperSets(set1, simulated, reobserved, unseen[np.arange(sizes.set2)], train, test)


def observed_from(flux: np.ndarray, noise: NoiseBank, seed: int, sizes: PaperSizes) -> np.ndarray:
    """Observe spectra of real or generated stars (again) in simulation, in the S/N of all sets."""
    return level_red_end(simulate_again(flux, noise, snr_range=sizes.snr_range, seed=seed))


def split_stars(labelled: LabelledStars, label: str, run: int, part: float) -> tuple[list, list]:
    """Shuffle the stars of a class that have complete spectra, and cut them in two."""
    rows = complete_rows(labelled, label)
    stars = sorted(set(labelled.star[rows]))
    if len(stars) < 4:
        raise ValueError(
            f"{len(stars)} stars of class {label} have spectra over the whole grid; at least 4 are "
            "needed, to train on some and to test on others"
        )
    order = np.random.default_rng([run, 323]).permutation(len(stars))
    cut = min(max(round(part * len(stars)), 2), len(stars) - 2)
    return [stars[i] for i in order[:cut]], [stars[i] for i in order[cut:]]
