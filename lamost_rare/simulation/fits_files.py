"""Simulated spectra written as LAMOST files, in each of the three layouts."""

from __future__ import annotations

import datetime
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..spectra._codec import codec
from ..spectra._fits_cards import padded
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import WavelengthGrid
from ._lamost_headers import Facts, header_block, primary_cards, table_cards

__all__ = [
    "LAYOUTS",
    "Facts",
    "gzip_bytes",
    "lamost_file_bytes",
    "lamost_file_name",
    "lamost_folder",
    "write_batch",
    "write_lamost_file",
]

LAYOUTS = ("early", "dr1-7", "dr8plus")

_DATA_VERSIONS = {"early": "", "dr1-7": "LAMOST DR7", "dr8plus": "LAMOST DR10"}
_MJD_EPOCH = datetime.date(1858, 11, 17)


def lamost_file_name(lmjd: int, planid: str, spid: int, fiberid: int) -> str:
    """LAMOST's name of a spectrum, as ``spec-55859-F5902_sp01-005.fits.gz``."""
    return f"spec-{lmjd}-{planid}_sp{spid:02d}-{fiberid:03d}.fits.gz"


def lamost_folder(lmjd: int, planid: str) -> str:
    """Return the folder LAMOST delivers a spectrum in, ``<YYYYMMDD>/<PLANID>``.

    The folder carries the UTC date, the file name the local day LMJD = MJD + 1.
    """
    date = _MJD_EPOCH + datetime.timedelta(days=lmjd - 1)
    return f"{date:%Y%m%d}/{planid}"


def gzip_bytes(content: bytes, level: int = 1) -> bytes:
    """Gzip with no time in it: the same content gives the same bytes.

    Levels up to 3 are those of isal (fast); higher ones are zlib's.
    """
    stream = (codec if level <= 3 else zlib).compressobj(level, wbits=31)
    return stream.compress(content) + stream.flush()


def _wavelength_cards(wavelength: WavelengthGrid | np.ndarray) -> tuple[np.ndarray, float, float]:
    if isinstance(wavelength, WavelengthGrid):
        return wavelength.wavelength, wavelength.log10_start, wavelength.log10_step
    wavelength = np.asarray(wavelength, dtype=float)
    ends = np.log10(wavelength[[0, -1]])
    step = (ends[1] - ends[0]) / (len(wavelength) - 1)
    return wavelength, round(float(ends[0]), 10), round(float(step), 12)


def lamost_file_bytes(
    layout: str,
    wavelength: WavelengthGrid | np.ndarray,
    flux: np.ndarray,
    ivar: np.ndarray,
    andmask: np.ndarray | None = None,
    ormask: np.ndarray | None = None,
    *,
    normalization: np.ndarray | None = None,
    dtype: str = ">f4",
    **facts: Any,
) -> bytes:
    """Write one spectrum as the bytes of an uncompressed LAMOST file.

    Parameters
    ----------
    layout : {"early", "dr1-7", "dr8plus"}
    wavelength : WavelengthGrid or array, shape (m,)
        Vacuum wavelengths in Å. The early layout stores none: they must be log-linear there.
    flux, ivar : array, shape (m,)
        Relative flux per Å and its inverse variance.
    andmask, ormask : array, shape (m,), optional
        Pixel masks, not zero where bad in all or in any exposure. Default: all good.
    normalization : array, shape (m,), optional
        Only in dr8plus; without it the column is -9999, as in files with NORM = 0.
    dtype : {">f4", ">f8"}
        LAMOST's are float32, a few float64.
    **facts
        What the header says, as `Facts` has it.

    Raises
    ------
    ValueError
        If the layout is unknown, the arrays differ in length, or the early layout is asked for
        wavelengths that are not log-linear.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, not {layout!r}")
    wavelength, coeff0, coeff1 = _wavelength_cards(wavelength)
    n_pixels = len(wavelength)
    andmask = np.zeros(n_pixels) if andmask is None else andmask
    rows = {
        "FLUX": flux,
        "IVAR": ivar,
        "WAVELENGTH": wavelength,
        "ANDMASK": andmask,
        "ORMASK": andmask if ormask is None else ormask,
    }
    if layout == "dr8plus":
        empty = np.full(n_pixels, -9999.0)
        rows["NORMALIZATION"] = empty if normalization is None else normalization
    elif layout == "early":
        expected = coeff0 + coeff1 * np.arange(n_pixels)
        if np.abs(np.log10(wavelength) - expected).max() > 0.05 * coeff1:
            raise ValueError("the early layout stores no wavelengths: they must be log-linear")
        rows["WAVELENGTH"] = np.asarray(flux) - np.nanmedian(flux)  # 'Subcontinuum'
    said = Facts(**facts)
    if said.data_version is None:
        said.data_version = _DATA_VERSIONS[layout]
    name = lamost_file_name(said.lmjd, said.planid, said.spid, said.fiberid).removesuffix(".gz")
    bitpix, letter = {">f4": (-32, "E"), ">f8": (-64, "D")}[dtype]
    header = header_block(
        primary_cards(
            layout, n_pixels, bitpix, said, name, (coeff0, coeff1), normalization is not None
        )
    )
    if layout == "dr8plus":
        header += header_block(table_cards(list(rows), n_pixels, letter))
    for row_name, row in rows.items():
        if len(row) != n_pixels:
            raise ValueError(f"{row_name} has {len(row)} pixels, wavelength {n_pixels}")
    with np.errstate(over="ignore"):
        data = np.stack([np.asarray(row) for row in rows.values()]).astype(dtype).tobytes()
    return header + data.ljust(padded(len(data)), b"\0")


def write_lamost_file(
    path: str | os.PathLike,
    layout: str,
    wavelength: WavelengthGrid | np.ndarray,
    flux: np.ndarray,
    ivar: np.ndarray,
    *args: np.ndarray | None,
    gzip_level: int = 1,
    **facts: Any,
) -> Path:
    """Write one spectrum as a LAMOST file, gzipped if the name ends in ``.gz``.

    Parameters
    ----------
    path : path-like
        Its folder must exist.
    layout, wavelength, flux, ivar, *args, **facts
        See `lamost_file_bytes`.
    gzip_level : int
        See `gzip_bytes`.

    Returns
    -------
    pathlib.Path
    """
    path = Path(path)
    content = lamost_file_bytes(layout, wavelength, flux, ivar, *args, **facts)
    path.write_bytes(gzip_bytes(content, gzip_level) if path.suffix == ".gz" else content)
    return path


def write_batch(
    folder: str | os.PathLike,
    batch: SpectrumBatch,
    layout: str | Sequence[str] = "dr1-7",
    *,
    lmjd: int = 56000,
    planid: str = "SIMULATED",
    first_number: int = 0,
    **facts: Any,
) -> list[Path]:
    """Write every spectrum of a batch in LAMOST's folders, 250 fibers to each of 16 spectrographs.

    Parameters
    ----------
    folder : path-like
        Created where it is missing.
    batch : SpectrumBatch
        Masked pixels get a non-zero and-mask. ``columns["subclass"]`` and ``["class_name"]``
        are written where they are there.
    layout : str or sequence of str
        One for all, or one a spectrum.
    lmjd, planid
        The plate. Further plates are numbered ``planid`` + ``_2`` and so on after 4,000 spectra.
    first_number : int
        Number of the first spectrum within the plate, from 0.
    **facts
        Further parameters of `write_lamost_file`, the same for all.

    Returns
    -------
    list of pathlib.Path, one a spectrum
    """
    layouts = [layout] * len(batch) if isinstance(layout, str) else list(layout)
    paths = []
    for i, one_layout in enumerate(layouts):
        plate, number = divmod(first_number + i, 4000)
        plan = planid if plate == 0 else f"{planid}_{plate + 1}"
        spid, fiberid = number // 250 + 1, number % 250 + 1
        target = Path(folder, lamost_folder(lmjd, plan))
        target.mkdir(parents=True, exist_ok=True)
        known: dict[str, Any] = {
            name: str(batch.columns[name][i])
            for name in ("subclass", "class_name")
            if name in batch.columns
        }
        snr_g = float(batch.identity["snr_g"][i])
        paths.append(
            write_lamost_file(
                target / lamost_file_name(lmjd, plan, spid, fiberid),
                one_layout,
                batch.grid,
                batch.flux[i],
                batch.ivar[i],
                batch.mask[i],
                obsid=int(batch.identity["obsid"][i]),
                designation=str(batch.identity["designation"][i]),
                ra=float(batch.identity["ra"][i]),
                dec=float(batch.identity["dec"][i]),
                snr=[0.3 * snr_g, snr_g, 1.5 * snr_g, 1.7 * snr_g, 1.3 * snr_g],
                lmjd=lmjd,
                planid=plan,
                spid=spid,
                fiberid=fiberid,
                **(known | facts),
            )
        )
    return paths
