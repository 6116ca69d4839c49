"""Rows of the catalogue: the values of its columns for a batch."""

from __future__ import annotations

import numpy as np

from ..presets import Preset
from ..spectra.batch import SpectrumBatch
from ..spectra.quality import QualityFlag
from .columns import columns_of_catalogue

__all__ = ["catalogue_columns", "flag_duplicates"]


def catalogue_columns(batch: SpectrumBatch, prediction, preset: Preset, evidence=None) -> dict:
    """The catalogue's rows for a batch.

    Parameters
    ----------
    batch : SpectrumBatch
    prediction : lamost_rare.inference.decision.Prediction
        ``probabilities`` (n_spectra, n_classes), ``candidate`` and ``flags`` (n_spectra,).
    preset : Preset
        The one that made the prediction.
    evidence : dict of ndarray, optional
        From `~lamost_rare.inference.evidence.measure_lines`; without it the columns of lines are
        left out.

    Returns
    -------
    dict of ndarray, each of shape (n_spectra,)
        In the order of `columns_of_catalogue`; text has dtype object.

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
    values["candidate"] = np.asarray(prediction.candidate) & valid
    values["flags"] = batch.flags | np.asarray(prediction.flags)
    values |= evidence or {}
    columns = columns_of_catalogue(preset.classes, evidence=evidence is not None)
    return {c.name: np.asarray(values[c.name], dtype=c.numpy_dtype) for c in columns}


def flag_duplicates(obsid, flags, seen: set) -> None:
    """Set DUPLICATE_OBSID in ``flags`` where an obsid was met before, in place.

    Parameters
    ----------
    obsid : ndarray, shape (n_spectra,), int64
        -1 where there is none; such spectra are never duplicates.
    flags : ndarray, shape (n_spectra,), int64
    seen : set of int
        Those met so far; the new ones are added.
    """
    for row, number in enumerate(obsid.tolist()):
        if number < 0:
            continue
        if number in seen:
            flags[row] |= int(QualityFlag.DUPLICATE_OBSID)
        seen.add(number)
