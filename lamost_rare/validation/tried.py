"""Trials on unseen stars as a preset keeps them: enough to say anew what it finds, and at what
price, for any prevalence, threshold, S/N or reddening."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ..atomic import atomic_path
from ..inference.odds import SurveyOdds
from ..presets import Preset, PresetError
from ..simulation.library import Rows

__all__ = ["TRIED_FILE", "Tried", "load_tried", "save_tried"]

TRIED_FILE = "trials.npz"
"""Name of the file in the folder of a preset."""
_MOST_BYTES = 64 << 20
_UNREADABLE = (
    OSError, EOFError, KeyError, ValueError, IndexError, TypeError, BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(repr=False)
class Tried(Rows):
    """Spectra of stars that were judged by a classifier which has not seen them; n of them.

    Attributes
    ----------
    kind : ndarray of str, shape (n,)
        ``library`` (stars observed in simulation), ``damaged`` (the same with one side of the
        spectrum lost), ``lamost`` (as they are) or ``reobserved`` (with noise added).
    population : ndarray of str, shape (n,)
        Of `~lamost_rare.preset_config.Odds`; empty if it is of none.
    mk_type : ndarray of str, shape (n,)
    star : ndarray of int, shape (n,)
        A number for each star.
    score : ndarray, shape (n,), float32
        As `~lamost_rare.inference.odds.SurveyOdds.score` gave it, fitted to the other folds; NaN
        where the probability of the rare class is below `~lamost_rare.inference.odds.LEAST`.
    snr : ndarray, shape (n,), float32
        Measured, as `~lamost_rare.spectra.snr.usable_snr` does it.
    lost : ndarray, shape (n,), float32
        Lost part of the pixels.
    covered : ndarray of bool, shape (n,)
        Whether enough of the key lines can be seen.
    a_v, velocity, vsini : ndarray, shape (n,), float32
        Added extinction in mag, radial velocity and rotation in km/s.
    weight : ndarray, shape (n,), float32
        How many spectra one stands for: those without a score are kept in part only.
    """

    kind: np.ndarray
    population: np.ndarray
    mk_type: np.ndarray
    star: np.ndarray
    score: np.ndarray
    snr: np.ndarray
    lost: np.ndarray
    covered: np.ndarray
    a_v: np.ndarray
    velocity: np.ndarray
    vsini: np.ndarray
    weight: np.ndarray

    def __len__(self):
        return len(self.score)

    def probability(self, odds: SurveyOdds) -> np.ndarray:
        """Return the probability of the rare class in a survey, shape (n,)."""
        out = np.zeros(len(self))
        rows = np.flatnonzero(np.isfinite(self.score))
        out[rows] = odds.probability(self.score[rows], self.snr[rows], self.lost[rows])
        return out

    def candidate(self, odds: SurveyOdds, threshold: float) -> np.ndarray:
        """Return which would be candidates, shape (n,)."""
        return (self.probability(odds) >= threshold) & self.covered


_TEXT = ("kind", "population", "mk_type")


def save_tried(folder, tried: Tried) -> None:
    """Write `TRIED_FILE` into the folder of a preset, whole or not at all."""
    arrays: dict[str, Any] = {}
    for field in fields(Tried):
        values = getattr(tried, field.name)
        if field.name in _TEXT:
            names, values = np.unique(np.asarray(values, dtype=str), return_inverse=True)
            arrays[f"{field.name}_names"] = names
            values = values.astype(np.int16)
        arrays[field.name] = values
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    with atomic_path(Path(folder) / TRIED_FILE) as temporary:
        Path(temporary).write_bytes(buffer.getvalue())


def load_tried(preset: Preset) -> Tried:
    """Read the trials of a preset.

    Raises
    ------
    PresetError
        If it keeps none, or the file cannot be used.
    """
    path = preset.folder / TRIED_FILE
    if not path.exists():
        raise PresetError(
            f"preset {preset.name!r} keeps no trials on unseen stars ({TRIED_FILE}), of which this "
            "would be computed"
        )
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ValueError("too large")
        with np.load(io.BytesIO(path.read_bytes())) as stored:
            columns = {field.name: stored[field.name] for field in fields(Tried)}
            for name in _TEXT:
                columns[name] = stored[f"{name}_names"][columns[name]].astype(object)
        tried = Tried(**columns)
        if len({len(values) for values in columns.values()}) != 1:
            raise ValueError("columns of different lengths")
    except _UNREADABLE as error:
        raise PresetError(
            f"preset {preset.name!r}: {TRIED_FILE} cannot be used ({type(error).__name__})"
        ) from error
    return tried
