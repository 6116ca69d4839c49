"""Rows of the catalogue: which columns there are, in which order, with which units and meaning.

The one place for it: `classify_spectra` and `scan_directory` both take their columns from here.
"""

from __future__ import annotations

import numpy as np

from ..presets import Preset
from ..spectra.batch import IDENTITY_DTYPES, SpectrumBatch
from ..spectra.quality import QualityFlag
from .evidence import LINES

__all__ = [
    "catalogue_columns",
    "catalogue_dtypes",
    "column_description",
    "column_format",
    "column_ucd",
    "column_unit",
    "flag_duplicates",
]


def catalogue_dtypes(preset: Preset, *, evidence: bool = True) -> dict[str, np.dtype]:
    """Names and types of the catalogue's columns, in their order.

    Parameters
    ----------
    preset : Preset
        A classifier; each of its classes has a column.
    evidence : bool
        Whether there are columns for the lines.

    Returns
    -------
    dict of str to dtype
        ``object`` stands for text.
    """
    dtypes = {name: np.dtype(dtype) for name, dtype in IDENTITY_DTYPES.items()}
    dtypes["prediction"] = np.dtype(object)
    dtypes |= {f"p_{name}": np.dtype(np.float32) for name in preset.classes}
    dtypes |= {"candidate": np.dtype(bool), "flags": np.dtype(np.int64)}
    if evidence:
        for line in LINES:
            dtypes[f"ew_{line}"] = dtypes[f"ew_{line}_err"] = np.dtype(np.float32)
    return dtypes


def catalogue_columns(batch: SpectrumBatch, prediction, preset: Preset, evidence=None) -> dict:
    """The catalogue's rows for a batch.

    Parameters
    ----------
    batch : SpectrumBatch
    prediction : lamost_rare.inference.predictor.Prediction
        ``probabilities`` (n_spectra, n_classes), ``candidate`` and ``flags`` (n_spectra,).
    preset : Preset
        The one that made the prediction.
    evidence : dict of ndarray, optional
        From `~lamost_rare.inference.evidence.measure_lines`; without it the columns of lines are
        left out.

    Returns
    -------
    dict of ndarray, each of shape (n_spectra,)
        In the order of `catalogue_dtypes`; text has dtype object.

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
    return {
        name: np.asarray(values[name], dtype=dtype)
        for name, dtype in catalogue_dtypes(preset, evidence=evidence is not None).items()
    }


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


_DESCRIPTIONS = {
    "path": "absolute path of where the spectrum was read from; empty for an object in memory",
    "obsid": "LAMOST observation identifier; -1 if there is none",
    "designation": "name of the object in its file",
    "ra": "right ascension (ICRS)",
    "dec": "declination (ICRS)",
    "snr_g": "signal-to-noise ratio in the g band",
    "prediction": "most probable class",
    "candidate": "whether it is worth a look as a member of the rare class",
    "flags": "sum of quality flag bits",
}


_UCDS = {
    "path": "meta.ref;meta.file",
    "obsid": "meta.id;meta.main",
    "designation": "meta.id;src",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
    "snr_g": "stat.snr;em.opt",
    "prediction": "src.class",
    "candidate": "meta.code.member",
    "flags": "meta.code.qual",
}


def column_unit(name: str) -> str | None:
    """Unit of a catalogue column in astropy's notation, or None."""
    if name in ("ra", "dec"):
        return "deg"
    return "Angstrom" if name.startswith("ew_") else None


def column_format(name: str) -> str | None:
    """How many digits of a catalogue column are shown, as Python formats them, or None."""
    if name.startswith("p_"):
        return ".4f"
    if name.startswith("ew_"):
        return ".3f"
    return {"ra": ".5f", "dec": ".5f", "snr_g": ".1f"}.get(name)


def column_ucd(name: str) -> str | None:
    """What a catalogue column is in the words of the Virtual Observatory (UCD1+), or None."""
    if name.startswith("p_"):
        return "stat.probability;src.class"
    if name.startswith("ew_"):
        error = "stat.error;" if name.endswith("_err") else ""
        return f"{error}spect.line.eqWidth"
    return _UCDS.get(name)


def column_description(name: str) -> str:
    """What a catalogue column holds, in a few words."""
    if name.startswith("p_"):
        return f"calibrated probability of class {name[2:]}"
    if name.startswith("ew_"):
        line = LINES[name[3:].removesuffix("_err")]
        if name.endswith("_err"):
            return f"standard error of the equivalent width of {line.label}"
        return f"equivalent width of {line.label}, absorption positive"
    return _DESCRIPTIONS[name]
