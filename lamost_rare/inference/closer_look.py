"""A closer look at the few spectra that may be of the rare class: velocity, lines, O subtype."""

from __future__ import annotations

import numpy as np

from ..presets import Preset
from ..spectra.batch import SpectrumBatch
from .columns import closer_columns
from .emission import HOT, emission_flags, may_be_hot
from .evidence import LINES, measure_lines
from .subtype import LINES_NEEDED, o_subtype
from .velocity import measure_velocities

__all__ = ["FAST", "LEAST", "flag_emission", "follow_velocities", "look_closer"]

LEAST = 0.01
"""Probability of the rare class, by the classifier, from which on it is worth a closer look."""
FAST = 100.0
"""km/s; up to that all windows of lines are wide enough."""
_INTERSTELLAR = ("caii_k",)


def look_closer(
    batch: SpectrumBatch, probabilities, candidate, preset: Preset, widths=None
) -> dict[str, np.ndarray]:
    """Measure velocity and subtype of what may be of the rare class.

    That are candidates, and spectra whose ``p_<rare>`` is at least `LEAST`. For others the columns
    hold what they held before, and NaN if there were none.

    Parameters
    ----------
    batch : SpectrumBatch
    probabilities : ndarray, shape (n_spectra, n_classes)
    candidate : ndarray of bool, shape (n_spectra,)
    preset : Preset
        A classifier.
    widths : dict of ndarray, optional
        Columns of `~lamost_rare.inference.evidence.measure_lines` for the batch.

    Returns
    -------
    dict of ndarray, each of shape (n_spectra,)
        The `~lamost_rare.inference.columns.closer_columns`, and the widths if they are given: of
        stars that move fast in windows that follow them.
    """
    names = [column.name for column in closer_columns(preset.rare_class)]
    found = {name: np.full(len(batch), np.nan, dtype=np.float32) for name in names}
    found |= {name: np.array(batch.columns[name]) for name in names if name in batch.columns}
    rows = np.flatnonzero(_may_be_rare(probabilities, candidate, preset))
    widths = {} if widths is None else dict(widths)
    if not len(rows):
        return widths | found
    some = batch[rows]
    motion = measure_velocities(some, preset.rare_class)
    own = {name: column[rows] for name, column in widths.items()}
    closer = dict(zip(("velocity", "velocity_err"), motion, strict=True))
    if not own and "o_subtype" in found:
        own = measure_lines(some, LINES_NEEDED)
    own = follow_velocities(some, own, *motion)
    if "o_subtype" in found:
        closer["o_subtype"], closer["o_subtype_err"] = o_subtype(own)
    for name, values in closer.items():
        found[name][rows] = values
    for name in widths:
        widths[name] = np.array(widths[name])
        widths[name][rows] = own[name]
    return widths | found


def flag_emission(batch: SpectrumBatch, probabilities, candidate, preset: Preset) -> np.ndarray:
    """Flag emission lines of O and B stars, and of what may be of the rare class if that is O or B.

    Parameters are those of `look_closer`.

    Returns
    -------
    ndarray, shape (n_spectra,), int64
        `~lamost_rare.inference.emission.emission_flags`; 0 for all others.
    """
    flags = np.zeros(len(batch), dtype=np.int64)
    hot = may_be_hot(probabilities, preset.classes)
    if preset.rare_class in HOT:
        hot |= _may_be_rare(probabilities, candidate, preset)
    rows = np.flatnonzero(hot)
    if len(rows):
        flags[rows] = emission_flags(batch[rows])
    return flags


def _may_be_rare(probabilities, candidate, preset: Preset) -> np.ndarray:
    return (probabilities[:, preset.classes.index(preset.rare_class)] >= LEAST) | candidate


def follow_velocities(
    batch: SpectrumBatch, widths: dict[str, np.ndarray], velocity, error
) -> dict[str, np.ndarray]:
    """Widths with those of fast stars measured again, in windows that follow the star.

    Fast is what moves at more than 100 km/s and three times the error. Ca II K stays as it is: in
    hot stars it is a line of the gas between us and them.

    Parameters
    ----------
    batch : SpectrumBatch
    widths : dict of ndarray, each of shape (n_spectra,)
        From `measure_lines`, of some lines or all.
    velocity, error : ndarray, shape (n_spectra,)
        km/s, NaN where unknown.

    Returns
    -------
    dict of ndarray
        As ``widths``, which are left as they are.
    """
    speed = np.abs(np.asarray(velocity, dtype=float))
    rows = np.flatnonzero((speed > FAST) & (speed > 3 * np.asarray(error, dtype=float)))
    if not len(rows):
        return dict(widths)
    names = [name for name in LINES if f"ew_{name}" in widths and name not in _INTERSTELLAR]
    again = measure_lines(batch[rows], names, np.asarray(velocity)[rows])
    found = {name: np.array(column) for name, column in widths.items()}
    for name, column in again.items():
        found[name][rows] = column
    return found
