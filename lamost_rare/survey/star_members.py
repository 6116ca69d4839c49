"""Which rows of a catalogue are spectra of one star, which of them count, and which is best."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from ..spectra.quality import QualityFlag
from .sky_groups import seed_of_each, unit_vectors

__all__ = ["FAULTS", "Members", "members_of", "numbers"]

FAULTS = (
    QualityFlag.UNUSABLE
    | QualityFlag.NEGATIVE_FLUX
    | QualityFlag.NO_IVAR
    | QualityFlag.SNR_DOUBTFUL
)
"""Flags of spectra by which a star is judged only if it has no others."""
NEEDED = ("ra", "dec", "snr_g", "flags")

Blocks = Callable[[list[str]], Iterator[pa.RecordBatch]]
"""Gives columns of a catalogue, some rows at a time, from the first to the last."""


@dataclass
class Members:
    """The stars of a catalogue of n spectra, m of which stars have more than one.

    Attributes
    ----------
    group : ndarray of int32, shape (n,)
        Number of the star among those with more than one row; -1 for any other star.
    best : ndarray of bool, shape (n,)
        True for one row of each star.
    used : ndarray of bool, shape (n,)
        True for rows by which their star is judged.
    ra, dec : ndarray, shape (m,)
        Mean position in degrees.
    n_spectra, n_used : ndarray of int32, shape (m,)
        An observation that was met twice counts once.
    """

    group: np.ndarray
    best: np.ndarray
    used: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    n_spectra: np.ndarray
    n_used: np.ndarray

    def __len__(self):
        return len(self.n_spectra)


def numbers(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """Return a column of numbers, NaN where there is none."""
    return np.asarray(batch.column(name).to_numpy(zero_copy_only=False))


def members_of(blocks: Blocks) -> Members:
    """Find the stars of a catalogue by position, and judge which of their spectra count.

    A row flagged ``DUPLICATE_OBSID`` counts if its star has no other; one with a fault is used if
    its star has none without. The best spectrum is the used one of highest S/N, of equals the
    first. Memory is some 100 bytes a row.
    """
    ra, dec, snr, sound, single = _read(blocks)
    # Faults and repetitions last, so that the position of a star is that of a good spectrum.
    quality = np.where(single, np.where(sound, snr, snr - 2e4), snr - 4e4)
    seed = seed_of_each(ra, dec, quality)
    count = np.bincount(seed, minlength=len(seed))
    shared = count > 1
    number = np.where(shared, np.cumsum(shared) - 1, -1).astype(np.int32)
    group = number[seed]
    del seed, count, shared, number

    rows = np.flatnonzero(group >= 0)
    star, m = group[rows], int(group.max(initial=-1)) + 1
    counts = single[rows] | ~_any(single[rows], star, m)[star]
    good = counts & sound[rows]
    used = np.ones(len(group), dtype=bool)
    used[rows] = np.where(_any(good, star, m)[star], good, counts)
    best = np.ones(len(group), dtype=bool)
    best[rows] = False
    order = np.lexsort((rows, -quality[rows], ~used[rows], star))
    starts: Any = np.flatnonzero(np.r_[True, np.diff(star[order]) > 0]) if len(rows) else []
    best[rows[order[starts]]] = True
    mean = [np.bincount(star, axis, m) for axis in unit_vectors(ra[rows], dec[rows])]
    return Members(
        group,
        best,
        used,
        np.degrees(np.arctan2(mean[1], mean[0])) % 360,
        np.degrees(np.arctan2(mean[2], np.hypot(mean[0], mean[1]))),
        np.bincount(star, counts, m).astype(np.int32),
        np.bincount(star, used[rows], m).astype(np.int32),
    )


def _any(values, star, m) -> np.ndarray:
    return np.bincount(star, values, m) > 0


def _read(blocks: Blocks):
    """Return position, S/N, and whether there is no fault, and no repetition, of all rows."""
    parts: list[list[np.ndarray]] = [[] for _ in range(5)]
    for batch in blocks(list(NEEDED)):
        ra, dec, snr = (numbers(batch, name).astype(float) for name in NEEDED[:3])
        flags = numbers(batch, "flags").astype(np.int64)
        # Infinite or huge S/N is no better than none.
        snr = np.where((snr > 0) & (snr < 1e4), snr, 0).astype(np.float32)
        sound, single = flags & FAULTS == 0, flags & QualityFlag.DUPLICATE_OBSID == 0
        for part, values in zip(parts, (ra, dec, snr, sound, single), strict=True):
            part.append(values)
    empty = (float, float, np.float32, bool, bool)
    return [np.concatenate([np.empty(0, kind), *p]) for kind, p in zip(empty, parts, strict=True)]
