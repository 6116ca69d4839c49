"""The data sets of Yang et al. (2021), Table 1, from library stars observed in simulation and real
LAMOST spectra."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..training.examples import Examples, complete_rows, observe_examples

__all__ = ["CLASSES", "PaperSets", "PaperSizes", "make_sets", "split_stars"]

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
    set5: int = 1000
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
    set2 : Examples
        O spectra of other stars.
    train, test : dict of str to Examples
        F, G and K of different stars; ``test`` has O too, of the stars of set 2.
    """

    set1: Examples
    simulated: Examples
    set2: Examples
    train: dict
    test: dict


def make_sets(sources, noise, run: int, n_stars: int | None, sizes: PaperSizes) -> PaperSets:
    """The sets of a run: the same for the same arguments.

    Half of the O stars, drawn for the run, are those of set 2; ``n_stars`` of the others, or all
    of them, are those of set 1, whose size shrinks with them. Seven tenths of the F, G and K stars
    train, the others test.

    Parameters
    ----------
    sources : LabelledSources
    noise : NoiseBank
        As of `training.generator.noise_of`.
    run : int
    n_stars : int or None
    sizes : PaperSizes

    Raises
    ------
    ValueError
        If there are too few stars of a class.
    """
    first, second = split_stars(sources, "O", run, 0.5)
    share = 1.0
    if n_stars is not None and n_stars < len(first):
        share, first = n_stars / len(first), first[:n_stars]

    def spectra(label, stars, number, offset, snr=sizes.snr_range):
        rows = complete_rows(sources, label)
        rows = rows[np.isin(sources.star[rows], stars)]
        # Far apart, so that no two sets of any run share their noise.
        seed = 1000 * run + offset
        return observe_examples(sources, rows, number, noise, snr_range=snr, seed=seed)

    set1 = spectra("O", first, max(round(share * sizes.set1), 1), 1)
    simulated = spectra("O", first, sizes.set5, 2)
    unseen = spectra("O", second, max(sizes.test, sizes.set2), 3)
    train, test = {}, {"O": unseen}
    for i, label in enumerate(CLASSES[1:]):
        own, others = split_stars(sources, label, run, 0.7)
        number = max(sizes.set5, sizes.set3)
        train[label] = spectra(label, own, number, 10 + i)
        test[label] = spectra(label, others, sizes.test, 20 + i)
    return PaperSets(set1, simulated, unseen[np.arange(sizes.set2)], train, test)


def split_stars(sources, label, run, part) -> tuple[list, list]:
    """Stars of a class with complete spectra, shuffled and cut in two."""
    rows = complete_rows(sources, label)
    stars = sorted(set(sources.star[rows]))
    if len(stars) < 4:
        raise ValueError(
            f"{len(stars)} stars of class {label} have spectra over the whole grid; at least 4 are "
            "needed, to train on some and to test on others"
        )
    order = np.random.default_rng([run, 323]).permutation(len(stars))
    cut = min(max(round(part * len(stars)), 2), len(stars) - 2)
    return [stars[i] for i in order[:cut]], [stars[i] for i in order[cut:]]
