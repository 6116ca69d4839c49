"""Trials as a sample of a survey: how frequent each population is, and what each spectrum stands
for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..simulation.library import Rows

__all__ = ["LOST_SHARE", "PREVALENCE", "SNR_SHARES", "Sample", "survey_weights"]

PREVALENCE = {
    "O3-O8.5": 6.0e-6,
    "O9-O9.7": 8.5e-6,
    "B0-B0.5": 5.0e-5,
    "B1-B2.5": 6.0e-4,
    "B3-B9": 2.35e-3,
    "hot_subdwarf": 2.1e-4,
    "white_dwarf": 6.0e-4,
    "other": 5.68e-2,
    "A-M": 0.9393755,
}
"""Fractions of the spectra of LAMOST DR7. O stars: 127 to 172 labelled of 10.43 million spectra
(Yang et al. 2021), of which somewhat more than half are of O9 and O9.7, as among the O stars of the
solar neighbourhood (Maíz Apellániz et al. 2016). B stars: 37,778 spectra of OB stars (Liu et al.
2024); their subtypes are an estimate from the initial mass function, known to a factor of two. Hot
subdwarfs and white dwarfs: 2,200 (Tan et al. 2022; Lei et al.) and 6,000 (Tan et al. 2023). Other:
quasars, galaxies, unknown objects, carbon stars and the like (DR7 v2.0, counts by class)."""

SNR_SHARES = {(0.0, 5.0): 0.17, (5.0, 10.0): 0.16, (10.0, 20.0): 0.22, (20.0, np.inf): 0.45}
"""Fractions of the spectra of a survey by S/N: of LAMOST's a third is below 10."""

LOST_SHARE = 0.03
"""Fraction of a survey's spectra of which the blue or the red half is missing."""


@dataclass(repr=False)
class Sample(Rows):
    """Judged spectra of stars that the classifier has not seen, n of them.

    Attributes
    ----------
    probabilities : ndarray, shape (n, n_classes)
        Calibrated.
    snr, lost, evidence : ndarray, shape (n,)
        As `~lamost_rare.inference.odds.SurveyOdds` takes them.
    covered : ndarray of bool, shape (n,)
    population, star, kind : ndarray of str, shape (n,)
        Population of the survey (rows with an empty one are not used), star, kind of trial.
    """

    probabilities: np.ndarray
    snr: np.ndarray
    lost: np.ndarray
    evidence: np.ndarray
    covered: np.ndarray
    population: np.ndarray
    star: np.ndarray
    kind: np.ndarray

    def __len__(self):
        return len(self.snr)


def survey_weights(sample: Sample, prevalence: Mapping[str, float]) -> np.ndarray:
    """Return how many of a survey's spectra each spectrum stands for, shape (n,).

    The sum over a population is its prevalence. Within it each star counts alike in each bin of
    `SNR_SHARES`, and the damaged ones together have `LOST_SHARE`.

    Parameters
    ----------
    sample : Sample
    prevalence : mapping of str to float
    """
    weight = np.zeros(len(sample))
    edges = [low for low, _ in SNR_SHARES]
    which = np.searchsorted(edges, np.nan_to_num(sample.snr, nan=0.0), side="right") - 1
    damaged = sample.kind == "damaged"
    names, star = np.unique(sample.star.astype(str), return_inverse=True)
    for name, share in prevalence.items():
        own = sample.population == name
        for lost, part in ((False, 1 - LOST_SHARE), (True, LOST_SHARE)):
            if not (own & damaged).any():
                part = 0.0 if lost else 1.0
            for k, in_snr in enumerate(SNR_SHARES.values()):
                rows = np.flatnonzero(own & (damaged == lost) & (which == k))
                if len(rows):
                    each = np.bincount(star[rows], minlength=len(names))
                    w = 1 / each[star[rows]]
                    weight[rows] = share * part * in_snr * w / w.sum()
    return weight
