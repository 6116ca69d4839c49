"""Rows of the catalogue: the values of its columns for a batch."""

from __future__ import annotations

import numpy as np

from ..presets import Preset
from ..spectra.batch import SpectrumBatch
from ..spectra.quality import QualityFlag
from .closer_look import flag_emission, look_closer
from .columns import columns_of_catalogue

__all__ = ["catalogue_columns", "flag_duplicates"]


def catalogue_columns(batch: SpectrumBatch, prediction, preset: Preset, evidence=None) -> dict:
    """Return the rows of a batch as columns by name, in the order of `columns_of_catalogue`.

    ``evidence`` is what `~lamost_rare.inference.evidence.measure_lines` gives; without it the
    columns of lines are left out. Text has dtype object.

    Raises
    ------
    ValueError
        If the spectra were generated: those never enter a catalogue.
    """
    if batch.generated:
        raise ValueError("generated spectra never enter a catalogue")
    probabilities = np.asarray(prediction.probabilities)
    valid = np.isfinite(probabilities).all(axis=1)
    best = np.where(valid, np.nan_to_num(probabilities, nan=-1.0).argmax(axis=1), -1)
    values = dict(batch.identity)
    values["prediction"] = np.array([*preset.classes, ""], dtype=object)[best]
    values |= {f"p_{name}": probabilities[:, i] for i, name in enumerate(preset.classes)}
    values[f"p_{preset.rare_class}_survey"] = np.asarray(prediction.survey)
    for name in ("score", "snr", "lost"):
        values[f"survey_{name}"] = np.asarray(getattr(prediction, name))
    values["candidate"] = np.asarray(prediction.candidate) & valid
    values["novelty"] = np.asarray(prediction.novelty)
    values["flags"] = batch.flags | np.asarray(prediction.flags)
    chosen = batch, probabilities, values["candidate"], preset
    values["flags"] = values["flags"] | flag_emission(*chosen)
    values |= look_closer(*chosen, evidence)
    columns = columns_of_catalogue(preset.classes, preset.rare_class, evidence=evidence is not None)
    return {c.name: np.asarray(values[c.name], dtype=c.numpy_dtype) for c in columns}


def flag_duplicates(obsid, flags, seen: set) -> None:
    """Set DUPLICATE_OBSID in ``flags`` where an obsid was met before, in place.

    Spectra without one (-1) are never duplicates. ``seen`` are those met so far; new ones are
    added.
    """
    for row, number in enumerate(obsid.tolist()):
        if number < 0:
            continue
        if number in seen:
            flags[row] |= int(QualityFlag.DUPLICATE_OBSID)
        seen.add(number)
