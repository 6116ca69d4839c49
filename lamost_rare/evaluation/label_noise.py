"""How often LAMOST's labels agree with each other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from ..simulation.dataset import LabelledStars, rows_by_star
from ..training.recipes import Recipe

__all__ = ["label_noise", "letters_agreed"]


def label_noise(stars: LabelledStars, recipe: Recipe) -> list[str]:
    """Say how often the labels of LAMOST spectra agree with each other."""
    agreed, n = letters_agreed(stars, [c for c in recipe.classes if c in "AFGKM"])
    if not n or agreed / n <= 0.5:
        return []
    # Both right or both wrong, between two neighbouring letters: a = q^2 + (1 - q)^2.
    right = (1 + np.sqrt(2 * agreed / n - 1)) / 2
    return [
        f"LAMOST itself gives the same letter to both spectra in {agreed} of {n} pairs of spectra "
        "of one position on the sky with S/N above 20. If it errs independently in each, then "
        f"{100 * right:.0f} % of its letters are the true ones."
    ]


def letters_agreed(
    stars: LabelledStars, letters: Iterable[str], snr: float = 20.0
) -> tuple[int, int]:
    """Count pairs of LAMOST spectra of one position that have the same label, and all such pairs.

    Parameters
    ----------
    stars : LabelledStars
    letters : sequence of str
        Labels that count.
    snr : float
        Spectra above this S/N (g).
    """
    own = stars.real & np.isin(stars.label, list(letters))
    own[own] = stars.snr[own] > snr
    agreed = n = 0
    for rows in rows_by_star(stars, own):
        pairs = list(combinations(stars.label[rows], 2))
        n += len(pairs)
        agreed += sum(a == b for a, b in pairs)
    return agreed, n
