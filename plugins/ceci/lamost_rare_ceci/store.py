"""Batches in HDF5: a group with a row for each spectrum, whether it can be used or not.

The group ``spectra`` has ``flux``, ``ivar`` and ``mask`` of shape (n_spectra, n_pixels),
``wavelength`` (n_pixels,) in Å in vacuum, and columns (n_spectra,). Of somebody else's file
``flux``, ``ivar`` and ``wavelength`` are enough; its other columns are kept.
"""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from lamost_rare.pipeline import Column
from lamost_rare.spectra.batch import IDENTITY_DTYPES, SpectrumBatch, empty_identity
from lamost_rare.spectra.grid import WavelengthGrid
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.spectra.raw import RawSpectrum
from lamost_rare.spectra.resample import assemble

__all__ = ["append", "columns_of", "process", "read_rows", "usable", "with_all_rows"]

_PIXELS = ("flux", "ivar", "mask")
_MISSING = {"f": np.nan, "i": -1, "b": False}


def usable(batch: SpectrumBatch) -> np.ndarray:
    """Which rows hold a spectrum, shape (n_spectra,), bool."""
    return (batch.flags & QualityFlag.UNUSABLE) == 0


def with_all_rows(batch: SpectrumBatch, rejects) -> SpectrumBatch:
    """The batch with a row, flagged as unusable, for each reject.

    Parameters
    ----------
    batch : SpectrumBatch
    rejects : list of (int, str, SpectrumError)
        Number among all spectra, path and reason; as `lamost_rare.spectra.reading.read_batch`
        gives them. The reasons make the column ``reason``.
    """
    n = len(batch) + len(rejects)
    used = np.ones(n, dtype=bool)
    used[[i for i, _, _ in rejects]] = False

    def spread(values, missing):
        full = np.full((n, *values.shape[1:]), missing, dtype=values.dtype)
        full[used] = values
        return full

    missing = {name: column[0] for name, column in empty_identity(1).items()}
    identity = {name: spread(batch.identity[name], missing[name]) for name in IDENTITY_DTYPES}
    columns = {name: spread(v, _missing(v.dtype)) for name, v in batch.columns.items()}
    columns["reason"] = np.full(n, "", dtype=object)
    for i, path, error in rejects:
        identity["path"][i], columns["reason"][i] = path, error.reason
    pixels = [spread(getattr(batch, name), name == "mask") for name in _PIXELS]
    flags = spread(batch.flags, int(QualityFlag.UNUSABLE))
    return SpectrumBatch(batch.grid, *pixels, identity, flags, columns, batch.generated)


def _missing(dtype):
    return _MISSING.get(np.dtype(dtype).kind, "")


def process(step, batch: SpectrumBatch) -> SpectrumBatch:
    """What a step makes of the usable rows; the others stay, with added columns left empty."""
    used = usable(batch)
    if used.all() and len(batch):
        return step.process(batch)
    done = step.process(batch[used]) if used.any() else batch[used]
    columns = {name: values.copy() for name, values in batch.columns.items()}
    for column in step.adds:
        if isinstance(column, Column):
            dtype = column.numpy_dtype
            columns[column.name] = np.full(len(batch), _missing(dtype), dtype=dtype)
    for name, values in done.columns.items():
        columns[name][used] = values
    full = replace(batch, columns=columns)
    for name in (*_PIXELS, "flags"):
        values = getattr(batch, name).copy()
        values[used] = getattr(done, name)
        setattr(full, name, values)
    return full


def columns_of(batch: SpectrumBatch, pixels: bool) -> dict[str, np.ndarray]:
    """What is stored of a batch, with or without its pixels."""
    images = {name: getattr(batch, name) for name in _PIXELS if pixels}
    return {**images, **batch.identity, "flags": batch.flags, **batch.columns}


def append(group, rows: dict[str, np.ndarray]) -> None:
    """Append rows to the datasets of an HDF5 group, which are made where they are missing."""
    import h5py

    for name, values in rows.items():
        text = values.dtype.kind in "OU"
        if text:
            values = [str(value).encode("utf-8", "surrogateescape") for value in values]
        if name not in group:
            shape = () if text else values.shape[1:]
            dtype = h5py.string_dtype() if text else values.dtype
            chunks = (64 if shape else 4096, *shape)
            group.create_dataset(name, (0, *shape), dtype, maxshape=(None, *shape), chunks=chunks)
        dataset = group[name]
        start = len(dataset)
        dataset.resize(start + len(values), axis=0)
        if len(values):
            dataset[start:] = values


def read_rows(group, rows: slice, grid: WavelengthGrid) -> SpectrumBatch:
    """Rows of a group of spectra.

    Parameters
    ----------
    group : h5py.Group
    rows : slice
    grid : WavelengthGrid
        What the spectra of others are put on; those that a stage of ours wrote are on a grid.

    Raises
    ------
    ValueError
        If the group lacks flux, ivar or wavelength, or their shapes do not fit together.
    """
    import h5py

    where = f"{group.file.filename}, group {group.name!r}"
    shapes = {n: d.shape for n, d in group.items() if isinstance(d, h5py.Dataset)}
    for name in ("flux", "ivar", "wavelength"):
        if name not in shapes:
            raise ValueError(f"{where}: no dataset {name!r}")
    shape = shapes["flux"]
    if not (
        len(shape) == 2
        and shapes["wavelength"] == shape[1:]
        and shapes["ivar"] == shapes.get("mask", shape) == shape
    ):
        raise ValueError(f"{where}: flux, ivar, mask (n_spectra, n_pixels) and wavelength differ")
    data = {}
    for name in shapes:
        if name != "wavelength" and shapes[name][:1] == shape[:1]:
            column = group[name]
            if h5py.check_string_dtype(column.dtype):
                column = column.asstr(errors="surrogateescape")
            data[name] = column[rows]
    flux, ivar = (data.pop(name).astype("f4") for name in ("flux", "ivar"))
    mask = data.pop("mask", np.zeros(flux.shape)).astype(bool)
    pixels = flux, ivar, mask
    identity = {n: data.pop(n).astype(t) for n, t in IDENTITY_DTYPES.items() if n in data}
    flags = data.pop("flags", None)  # of others: they mean something else
    generated = bool(group.attrs.get("generated", False) or np.any(data.get("generated", False)))
    if "grid" in group.attrs:
        own = WavelengthGrid.from_dict(json.loads(group.attrs["grid"]))
        return SpectrumBatch(own, *pixels, identity, flags, data, generated)
    wavelength = group["wavelength"][:].astype("f8")
    raws = [
        RawSpectrum(wavelength, *(values[i] for values in pixels), identity=row)
        for i, row in enumerate(_rows(identity, len(flux)))
    ]
    batch, refused = assemble(raws, grid)
    batch = with_all_rows(batch, [(i, "", error) for i, error in refused])
    identity, columns = {**batch.identity, **identity}, {**data, **batch.columns}
    return replace(batch, identity=identity, columns=columns, generated=generated)


def _rows(columns: dict, n: int):
    """Columns of length ``n`` as a dict for each row."""
    return [{name: values[i] for name, values in columns.items()} for i in range(n)]
