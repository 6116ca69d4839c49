"""Stellar libraries as stars to simulate: in vacuum, at LAMOST's resolution, on one grid.

A library is an HDF5 file: ``wavelength`` (m,) in Å, ``flux`` (n, m) with NaN where there is no
data, ``meta/object``, ``meta/label`` (MK type), ``meta/letter``, and the file attributes
``medium`` (air or vacuum) and ``resolution``. ``meta/note`` may say more of each spectrum, and the
attribute ``kind`` is ``synthetic`` if they are models.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import Field, dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from ..hdf5 import open_hdf5
from ..spectra.air_vacuum import air_to_vacuum
from ..spectra.grid import LAMOST_GRID, WavelengthGrid

__all__ = [
    "STAR_GRID",
    "LibraryStars",
    "Rows",
    "bridge",
    "broaden_to_lamost",
    "read_library",
    "resolution_fwhm",
]

MARGIN = 128
STAR_GRID = WavelengthGrid(
    LAMOST_GRID.log10_start - MARGIN * LAMOST_GRID.log10_step,
    LAMOST_GRID.log10_step,
    LAMOST_GRID.n_pixels + 2 * MARGIN,
)
"""`LAMOST_GRID` with 128 pixels (8,800 km/s) more at both ends, so that a shift has something to
draw on."""

RESOLVING_POWER = 1800.0
FWHM_TO_SIGMA = 1 / (2 * np.sqrt(2 * np.log(2)))
_OVERSAMPLE = 4


class Rows:
    """What data classes have whose fields are arrays of a row for each spectrum."""

    flux: np.ndarray
    __dataclass_fields__: ClassVar[dict[str, Field]]

    def __len__(self) -> int:
        return len(self.flux)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} spectra>"

    def __getitem__(self, rows: np.ndarray | slice) -> Self:
        return type(self)(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    @classmethod
    def concatenate(cls, parts: Iterable[Self]) -> Self:
        """Join sets."""
        parts = list(parts)
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


@dataclass(repr=False)
class LibraryStars(Rows):
    """Spectra of library stars.

    Attributes
    ----------
    flux : ndarray, shape (n, n_pixels), float32
        On `STAR_GRID`, scaled to a median of 1; gaps are bridged linearly.
    valid : ndarray, shape (n, n_pixels), bool
        Where there is data.
    name, label, letter, library : ndarray of str, shape (n,)
    teff : ndarray, shape (n,)
        K, NaN where unknown.
    note : ndarray of str, shape (n,)
    synthetic : ndarray of bool, shape (n,)
        True for models.
    """

    flux: np.ndarray
    valid: np.ndarray
    name: np.ndarray
    label: np.ndarray
    letter: np.ndarray
    library: np.ndarray
    teff: np.ndarray
    note: np.ndarray
    synthetic: np.ndarray


def resolution_fwhm(text: str) -> tuple[str, float]:
    """Read what a library says of its resolution, as ``("fwhm", Å)`` or ``("R", R)``.

    A range counts as its geometric mean; text without a number as coarser than LAMOST (R 1000).

    >>> resolution_fwhm("FWHM about 1.1 A")
    ('fwhm', 1.1)
    >>> kind, value = resolution_fwhm("R about 2000")
    >>> kind, round(value)
    ('R', 2000)
    """
    numbers = [float(x) for x in re.findall(r"\d+(?:\.\d+)?", text)]
    kind = "fwhm" if "fwhm" in text.lower() else "R"
    if not numbers or (kind == "R" and not re.search(r"\bR\b", text)):
        return "R", 1000.0
    return kind, float(np.exp(np.mean(np.log(numbers[:2] if "-" in text else numbers[:1]))))


def _sigma_pixels(kind: str, value: float, wavelength: np.ndarray, step: float) -> np.ndarray:
    fwhm = np.full_like(wavelength, value) if kind == "fwhm" else wavelength / value
    return fwhm * FWHM_TO_SIGMA / (wavelength * np.log(10) * step)


def _gaussian_filter_rows(rows: np.ndarray, sigma: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d

    return rows if sigma <= 0 else gaussian_filter1d(rows, sigma, axis=1, mode="nearest")


def broaden_to_lamost(
    flux: np.ndarray,
    wavelength: np.ndarray,
    resolution: tuple[str, float],
    *,
    log10_step: float,
    resolving_power: float = RESOLVING_POWER,
) -> np.ndarray:
    """Broaden rows on a log grid from a library's resolution to LAMOST's.

    The kernel is a Gaussian whose variance is the difference of the two; its width changes along
    the spectrum, so that rows broadened by five widths are blended pixel by pixel. Where the
    library is coarser than LAMOST nothing can be done and nothing is.

    Parameters
    ----------
    flux : ndarray, shape (n, m)
    wavelength : ndarray, shape (m,)
        Å, log-linear with step ``log10_step``.
    resolution : tuple
        As from `resolution_fwhm`.

    Returns
    -------
    ndarray, shape (n, m)
    """
    target = _sigma_pixels("R", resolving_power, wavelength, log10_step)
    own = _sigma_pixels(*resolution, wavelength, log10_step)
    sigma = np.sqrt(np.maximum(target**2 - own**2, 0))
    levels = np.linspace(sigma.min(), sigma.max(), 5)
    if levels[-1] - levels[0] < 1e-3:
        return _gaussian_filter_rows(flux, float(levels[-1]))
    out = np.zeros_like(flux)
    for level in levels:
        weight = np.clip(1 - np.abs(sigma - level) / (levels[1] - levels[0]), 0, None)
        if weight.any():
            out += _gaussian_filter_rows(flux, float(level)) * weight.astype(flux.dtype)
    return out


def bridge(flux: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Interpolate rows linearly over masked pixels, so that shifts and filters see no holes."""
    out = flux.copy()
    index = np.arange(flux.shape[1])
    for row, bad in zip(out, mask, strict=True):
        if bad.any() and not bad.all():
            row[bad] = np.interp(index[bad], index[~bad], row[~bad])
    return out


def put_on_star_grid(
    wavelength: np.ndarray,
    flux: np.ndarray,
    *,
    medium: str,
    resolution: tuple[str, float],
    grid: WavelengthGrid = STAR_GRID,
) -> tuple[np.ndarray, np.ndarray]:
    """Put library spectra on `STAR_GRID`, in vacuum, at R 1800.

    Parameters
    ----------
    wavelength : ndarray, shape (m,)
        Å in ``medium``.
    flux : ndarray, shape (n, m)
        NaN where there is no data.
    medium : {"air", "vacuum"}
    resolution : tuple
        As from `resolution_fwhm`.

    Returns
    -------
    flux, valid : ndarray, shape (n, grid.n_pixels)
    """
    if medium == "air":
        wavelength = air_to_vacuum(wavelength)
    fine_step = grid.log10_step / _OVERSAMPLE
    n_fine = grid.n_pixels * _OVERSAMPLE
    fine = 10 ** (grid.log10_start - 0.5 * grid.log10_step + (np.arange(n_fine) + 0.5) * fine_step)
    dense = np.empty((len(flux), n_fine), dtype=np.float32)
    inside = np.empty((len(flux), n_fine), dtype=bool)
    index = np.arange(len(wavelength))
    for i, row in enumerate(flux):
        good = np.isfinite(row) & (row > 0)
        if good.sum() < 10:
            dense[i], inside[i] = 1, False
            continue
        row = row / np.median(row[good])
        dense[i] = np.interp(fine, wavelength, np.interp(index, index[good], row[good]))
        inside[i] = np.interp(fine, wavelength, good.astype(float), left=0, right=0) > 0.99
    dense = broaden_to_lamost(dense, fine, resolution, log10_step=fine_step)
    pixels = len(flux), grid.n_pixels, _OVERSAMPLE
    valid = np.all(inside.reshape(pixels), axis=2)
    return dense.reshape(pixels).mean(axis=2), valid


def read_library(path: str | os.PathLike) -> LibraryStars:
    """Read one library file.

    Parameters
    ----------
    path : path-like
        HDF5 file as the module describes it.

    Raises
    ------
    ValueError
        If a dataset is missing or the shapes disagree; as `HDF5Error`, if the file leads to others.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        try:
            wavelength = file["wavelength"][:].astype(float)
            flux = file["flux"][:].astype(np.float32)
            meta = {
                k: np.array([_text(x) for x in file["meta"][k][:]])
                for k in ("object", "label", "letter")
            }
        except KeyError as error:
            raise ValueError(f"{path.name} is not a stellar library: {error.args[0]}") from None
        teff = file["meta/teff"][:].astype(float) if "teff" in file["meta"] else None
        note = file["meta/note"][:] if "note" in file["meta"] else [""] * len(flux)
        synthetic = _text(file.attrs.get("kind", "")) == "synthetic"
        medium = "vacuum" if str(file.attrs.get("medium", "air")).startswith("vac") else "air"
        resolution = resolution_fwhm(str(file.attrs.get("resolution", "")))
    if flux.shape != (len(meta["object"]), len(wavelength)):
        raise ValueError(f"{path.name}: flux has shape {flux.shape}, not (objects, wavelengths)")
    if path.stem == "indous":
        flux[flux <= 2e-4] = np.nan  # its gap pixels hold 0.0001 of the original scale
    grid_flux, valid = put_on_star_grid(wavelength, flux, medium=medium, resolution=resolution)
    n = len(grid_flux)
    return LibraryStars(
        grid_flux,
        valid,
        meta["object"],
        meta["label"],
        meta["letter"],
        np.full(n, path.stem),
        np.full(n, np.nan) if teff is None else teff,
        np.array([_text(x) for x in note]),
        np.full(n, synthetic),
    )


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
