"""`SpectraModel`: a `SpectrumBatch` as stpipe's steps hand it on, and its files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from lamost_rare.spectra.batch import IDENTITY_DTYPES, SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid
from lamost_rare.text import printable

__all__ = ["SpectraModel", "open_spectra"]

_MARK = "LMSTRARE"  # the card by which our own FITS files are known


class SpectraModel:
    """Spectra and what the steps found out about them; stpipe takes it for a data model.

    Attributes
    ----------
    batch : SpectrumBatch
    rejected : list of (str, str, str)
        Path, reason and detail of what could not be used.
    properties : set of str
        What steps did to the spectra, such as ``"rectified"``.
    meta : namespace
        ``filename``, and ``cal_step`` with ``"COMPLETE"`` or ``"SKIPPED"`` for each step.

    Examples
    --------
    >>> import numpy as np
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> from lamost_rare_stpipe.datamodel import SpectraModel, open_spectra
    >>> batch = analytic_spectra(["O5", "G2"], np.random.default_rng(1), snr=50.0)
    >>> path = SpectraModel(batch).save("two.fits")
    >>> len(open_spectra(path).batch)
    2
    """

    crds_observatory = "lamost"  # stpipe asks for it; nothing is looked up

    def __init__(self, batch, filename=None, rejected=(), properties=(), cal_step=None):
        self.batch = batch
        self.rejected = list(rejected)
        self.properties = set(properties)
        self.meta = SimpleNamespace(filename=filename, cal_step=SimpleNamespace(**cal_step or {}))

    def get_crds_parameters(self) -> dict:
        """Nothing: there are no reference files."""
        return {}

    def save(self, path, dir_path=None, *args, **kwargs) -> str:
        """Write to a file, ``.fits`` or ``.asdf``, and return its path.

        ``path`` may be a function of the model's filename; ``dir_path`` replaces its directory.
        An existing file is replaced. Another suffix is a ValueError.
        """
        from lamost_rare.atomic import atomic_path

        path = Path(path(self.meta.filename) if callable(path) else path)
        if dir_path is not None:
            path = Path(dir_path) / path.name
        if path.suffix not in (".fits", ".asdf"):
            raise ValueError(f"{printable(path)}: the suffix must be .fits or .asdf")
        write = _write_fits if path.suffix == ".fits" else _write_asdf
        with atomic_path(path.absolute()) as temporary:
            write(self, temporary)
        return str(path)


def _write_fits(model: SpectraModel, path) -> None:
    from astropy.io import fits
    from astropy.table import Table

    batch = model.batch
    header = fits.Header()
    header[_MARK] = json.dumps(_about(model))
    header["GENERATD"] = (bool(batch.generated), "whether generated spectra are among these")
    header["COEFF0"] = (batch.grid.log10_start, "log10 of the first vacuum wavelength (A)")
    header["COEFF1"] = (batch.grid.log10_step, "log10 step per pixel")
    images = {"FLUX": batch.flux, "IVAR": batch.ivar, "MASK": batch.mask.astype(np.uint8)}
    hdus = [fits.PrimaryHDU(header=header)]
    hdus += [fits.ImageHDU(values, name=name) for name, values in images.items()]
    hdus += [fits.BinTableHDU(Table(_columns(batch, "ascii")), name="SPECTRA")]
    fits.HDUList(hdus).writeto(path, overwrite=True)


def _read_fits(path) -> SpectraModel:
    from astropy.io import fits
    from astropy.table import Table

    with fits.open(path, memmap=False) as hdus:
        table = Table.read(hdus["SPECTRA"])
        table.convert_bytestring_to_unicode()
        columns = {name: np.asarray(table[name]) for name in table.colnames}
        images = [hdus[name].data for name in ("FLUX", "IVAR", "MASK")]
        return _model(path, json.loads(hdus[0].header[_MARK]), images, columns)


def _write_asdf(model: SpectraModel, path) -> None:
    import asdf

    batch = model.batch
    images = {"flux": batch.flux, "ivar": batch.ivar, "mask": batch.mask}
    tree = {"about": _about(model), **images, "columns": _columns(batch, "utf-8")}
    asdf.AsdfFile({"lamost_rare": tree}).write_to(path)


def _read_asdf(path) -> SpectraModel:
    import asdf

    with asdf.open(path, memmap=False, lazy_load=False) as file:
        if "lamost_rare" not in file:
            raise ValueError(f"{printable(path)} holds no spectra of lamost-rare")
        tree = file["lamost_rare"]
        columns = {name: np.array(values) for name, values in tree["columns"].items()}
        images = [np.array(tree[name]) for name in ("flux", "ivar", "mask")]
        return _model(path, tree["about"], images, columns)


def _about(model: SpectraModel) -> dict:
    """Everything but the arrays, as JSON and YAML can hold it."""
    return {
        "layout_version": 1,
        "grid": model.batch.grid.to_dict(),
        "generated": bool(model.batch.generated),
        "properties": sorted(model.properties),
        "cal_step": dict(vars(model.meta.cal_step)),
        "rejected": [[printable(text) for text in row] for row in model.rejected],
    }


def _columns(batch: SpectrumBatch, encoding: str) -> dict[str, np.ndarray]:
    """Identity, flags and added columns; each row says whether it was generated."""
    columns = {**batch.identity, "flags": batch.flags, **batch.columns}
    columns.setdefault("generated", np.full(len(batch), batch.generated))
    for name, values in columns.items():
        if np.asarray(values).dtype.kind in "OU":  # without letters that the format cannot hold
            safe = [str(v).encode(encoding, "backslashreplace").decode(encoding) for v in values]
            columns[name] = np.array(safe, dtype=str)
    return columns


def _model(path, about: dict, images, columns: dict) -> SpectraModel:
    """A model from what a file holds, in the machine's byte order and with text as objects."""
    flux, ivar, mask = (np.asarray(i, dtype) for i, dtype in zip(images, "ff?", strict=True))
    for name, values in columns.items():
        native = object if values.dtype.kind == "U" else values.dtype.newbyteorder("=")
        columns[name] = values.astype(IDENTITY_DTYPES.get(name, native))
    identity = {name: columns.pop(name) for name in IDENTITY_DTYPES}
    flags = columns.pop("flags").astype(np.int64)
    if not about["generated"]:
        del columns["generated"]
    grid = WavelengthGrid.from_dict(about["grid"])
    batch = SpectrumBatch(grid, flux, ivar, mask, identity, flags, columns, about["generated"])
    rejected = [tuple(row) for row in about["rejected"]]
    return SpectraModel(batch, str(path), rejected, about["properties"], about["cal_step"])


def open_spectra(source, grid: WavelengthGrid | None = None) -> SpectraModel:
    """Anything that holds spectra as a model.

    Parameters
    ----------
    source : SpectraModel, SpectrumBatch, path, Spectrum, or a list of paths and Spectrum objects
        A path is a LAMOST file, or one that `SpectraModel.save` wrote. Any other data model is
        taken by its attribute ``spectra``: paths or Spectrum objects.
    grid : WavelengthGrid, optional
        Where spectra are put that are not on a grid yet. By default LAMOST's own.

    Raises
    ------
    SpectrumError
        If none of the spectra can be used; of several, those that cannot are in ``rejected``.
    TypeError
        If the source is nothing of the kind.
    """
    from lamost_rare.spectra.reading import read_batch

    if isinstance(source, (list, tuple)) and len(source) == 1:
        source = source[0]
    if isinstance(source, SpectraModel):
        return source
    if isinstance(source, SpectrumBatch):
        return SpectraModel(source)
    if isinstance(source, (str, os.PathLike)) and (read := _own_reader(Path(source))):
        return read(Path(source))
    batch, rejects = read_batch(getattr(source, "spectra", source), grid or LAMOST_GRID)
    if not len(batch):
        raise rejects[0][2] if rejects else ValueError("no spectra were given")
    filename = getattr(getattr(source, "meta", None), "filename", None)
    rejected = [(path, error.reason, error.detail) for _, path, error in rejects]
    return SpectraModel(batch, filename or batch.identity["path"][0] or None, rejected)


def _own_reader(path: Path):
    """How to read a file that `SpectraModel.save` wrote; None for any other."""
    if path.suffix == ".asdf":
        return _read_asdf
    if path.suffix == ".fits" and path.is_file() and os.access(path, os.R_OK):
        with open(path, "rb") as file:
            block = file.read(2880)
        if any(block.startswith(_MARK.encode(), card) for card in range(0, 2880, 80)):
            return _read_fits
    return None
