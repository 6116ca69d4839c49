"""Reader of LAMOST low-resolution spectra.

Three layouts exist, and are told apart by their structure, never by file name or release:

``early``
    Primary image of five rows: flux, inverse variance, continuum-subtracted flux, and-mask,
    or-mask. It has no row of wavelengths: they follow from COEFF0 and COEFF1 alone.
``dr1-7``
    Primary image of five rows: flux, inverse variance, wavelength, and-mask, or-mask.
``dr8plus``
    Empty primary, with stale NAXIS1 and NAXIS2 cards, and a one-row table COADD with columns
    FLUX, IVAR, WAVELENGTH, ANDMASK, ORMASK, NORMALIZATION.

Data model: http://www.lamost.org/dr7/v2.0/doc/lr-data-production-description
"""

from __future__ import annotations

import math
import os
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ..text import printable
from ._codec import codec
from ._file_bytes import decompress, read_bytes
from ._lamost_fast import FastPathUnavailable, parse_fast
from ._lamost_layout import TABLE_COLUMNS, LamostContents, find_layout
from ._other_surveys import other_survey
from .quality import QualityFlag, SpectrumError
from .raw import IVAR_RANGE, PlacedSpectrum, RawSpectrum

if TYPE_CHECKING:
    from ._lamost_direct import DirectRows

__all__ = ["read_lamost"]

_OF_STRUCTURE = ("unknown_layout", "missing_card", "bad_shape", "truncated_fits")
"""Reasons behind which may be that the file is another survey's."""
_METHODS = ("auto", "fast", "astropy")
_AGREEMENT = 0.05  # pixels; real files stay under 0.02, the rounding of float32 wavelengths
_agreed: dict[tuple, bytes] = {}
"""Rows of wavelengths that were found to agree with COEFF0 and COEFF1."""
_MOST_AGREED = 64
_SNR = tuple((f"SNR{band}", f"SN_{band}") for band in "UGRIZ")
_BAD_IVAR = int(QualityFlag.BAD_IVAR)
_MISSING_IDENTITY = int(QualityFlag.MISSING_IDENTITY)


def read_lamost(
    path,
    *,
    method: str = "auto",
    content: bytes | None = None,
    header: bool = True,
    rows: DirectRows | None = None,
) -> RawSpectrum | PlacedSpectrum:
    """Read one LAMOST low-resolution spectrum, gzipped or not.

    Parameters
    ----------
    path : str or path-like
        The file. Kept in ``identity["path"]`` as it is given.
    method : {"auto", "fast", "astropy"}
        ``fast`` parses the bytes itself; ``astropy`` goes through `astropy.io.fits` and the
        standard library's decompression, with identical results; ``auto`` is fast, with astropy
        where the file uses a FITS feature that the fast parser does not know.
    content : bytes, optional
        What the file holds, where that was read already; ``path`` is then a name and no more.
    header : bool
        Whether to fill the attribute ``header``.
    rows : DirectRows, optional
        Where to put the pixels at once if nothing is unusual about the file; only its identity and
        flags, as a `PlacedSpectrum`, are returned then.

    Returns
    -------
    RawSpectrum
        ``wavelength`` may be an array shared between spectra, and is then read-only.
        ``identity`` has all keys of `~lamost_rare.spectra.batch.IDENTITY_DTYPES`, with missing
        ones marked as that table says. ``header`` has those present of CLASS, SUBCLASS, DATA_V,
        PLANID (text), LMJD, SPID, FIBERID (int), Z, SNRU, SNRG, SNRR, SNRI, SNRZ (float, NaN for
        LAMOST's sentinel -9999).

    Raises
    ------
    SpectrumError
        If the file cannot be used, with one of the codes of
        `~lamost_rare.spectra.quality.REJECT_REASONS`. No other exception, whatever the bytes.
    ValueError
        If ``method`` is unknown.

    Notes
    -----
    Wavelengths come from COEFF0 and COEFF1 where the row or column of wavelengths agrees with
    them to 0.05 pixel, so that spectra keep to one lattice; otherwise from the row itself.
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, not {method!r}")
    path = os.fspath(path)
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    data = b""
    try:
        if content is None:
            content = read_bytes(path)
        data = decompress(content, zlib if method == "astropy" else codec)
        placed = rows and rows.place(data, path)
        if placed:
            return placed
        raw = _to_raw_spectrum(_parse(data, method, header), path, header)
        if rows:
            rows.learn(data, raw)
        return raw
    except SpectrumError as error:
        if error.reason in _OF_STRUCTURE:
            error = other_survey(data) or error
        raise SpectrumError(error.reason, f"{printable(path)} {error.detail}") from None
    except Exception as error:
        detail = f"{printable(path)}: {type(error).__name__}: {printable(str(error))[:200]}"
        raise SpectrumError("internal_error", detail) from error


def _parse(data: bytes, method: str, header: bool = True) -> LamostContents:
    if method != "astropy":
        try:
            return parse_fast(data, descriptive=header)
        except FastPathUnavailable as error:
            if method == "fast":
                raise SpectrumError(
                    "unknown_layout", f"needs method='auto' or 'astropy': it has {error}"
                ) from None
    from ._lamost_astropy import parse_astropy

    return parse_astropy(data)


def _to_raw_spectrum(contents: LamostContents, path: str, header: bool = True) -> RawSpectrum:
    cards = contents.cards
    layout = find_layout(contents)
    if contents.columns is not None:
        flux, ivar, row, andmask = (contents.columns[name] for name in TABLE_COLUMNS)
    else:
        assert contents.image is not None
        flux, ivar, row, andmask = contents.image[:4]
    row = None if layout == "early" else row
    wavelength, start, step = _wavelengths(cards, row, len(flux))
    flux, ivar = _native(flux), _native(ivar)
    with np.errstate(over="ignore", invalid="ignore"):  # float64 beyond float32 turns inf: masked
        flux = flux.astype(np.float32, copy=False)
        ivar = ivar.astype(np.float32, copy=False)
        good = np.isfinite(flux)
        if not (flux.any() if good.all() else flux[good].any()):
            raise SpectrumError("zero_flux", "has no flux: every pixel is zero or not a number")
        if andmask.view(f"u{andmask.itemsize}").any():  # mostly every bit is zero
            good &= _native(andmask) == 0
        positive = (ivar >= IVAR_RANGE[0]) & (ivar <= IVAR_RANGE[1])
        without = good & ~positive
        bad_ivar = without.any() and not _is_nothing(ivar[without]).all()
        good &= positive
    _check_used(flux, good)
    mask = ~good
    identity, flags = identity_of(cards, path)
    if bad_ivar:
        flags |= _BAD_IVAR
    kept = _header(cards, layout) if header else {}
    return RawSpectrum(wavelength, flux, ivar, mask, start, step, identity, layout, flags, kept)


def _is_nothing(ivar) -> np.ndarray:
    """Where an inverse variance says that a pixel holds no information."""
    return (ivar >= 0) & (ivar < IVAR_RANGE[0])


def _native(array) -> np.ndarray:
    """From big-endian, as FITS has it, to the machine's own order."""
    return array.astype(array.dtype.newbyteorder("="))


def _check_used(flux, good) -> None:
    first = good.argmax()
    if not good[first]:
        raise SpectrumError("no_valid_pixels", "has no valid pixel: every one is masked")
    if first + 1 < len(flux) and good[first + 1] and flux[first + 1] != flux[first]:
        return  # as nearly always
    differs = flux != flux[first]
    differs &= good
    if not differs.any() and good.sum() > 1:
        raise SpectrumError(
            "zero_flux", f"has the same flux, {flux[first]:g}, in every valid pixel"
        )


@lru_cache(maxsize=64)
def _log_linear(start: float, step: float, n_pixels: int) -> np.ndarray | None:
    """Wavelengths (Å) of a COEFF0, COEFF1 pair, or None if it describes none."""
    if not (math.isfinite(start) and 0 < start < 10 and 0 < step < 0.1):
        return None
    with np.errstate(over="ignore"):
        wavelength = 10.0 ** (start + step * np.arange(n_pixels))
    if not (np.isfinite(wavelength[-1]) and np.all(np.diff(wavelength) > 0)):
        return None
    wavelength.flags.writeable = False
    return wavelength


def _wavelengths(cards: dict, row, n_pixels: int):
    """Wavelengths (Å), and COEFF0 and COEFF1 if they hold."""
    start, step = _number(cards, "COEFF0"), _number(cards, "COEFF1")
    by_cards = _log_linear(start, step, n_pixels)
    if row is None:
        if math.isnan(start) or math.isnan(step):
            raise SpectrumError("missing_card", "has no wavelengths: COEFF0 or COEFF1 is missing")
        if by_cards is None:
            raise SpectrumError("bad_wavelength", f"has COEFF0 = {start:g}, COEFF1 = {step:g}")
        return by_cards, start, step
    if by_cards is not None:
        # Most files of a survey have the very same bytes here.
        key, content = (start, step, row.dtype.str), row.tobytes()
        if _agreed.get(key) == content:
            return by_cards, start, step
        tolerance = _AGREEMENT * step * math.log(10)
        # A NaN in the row fails this comparison and is caught below.
        if (np.abs(_native(row) - by_cards) <= tolerance * by_cards).all():
            if len(_agreed) >= _MOST_AGREED:
                _agreed.clear()
            _agreed[key] = content
            return by_cards, start, step
    row = row.astype(np.float64)
    if not np.isfinite(row).all():
        raise SpectrumError("bad_wavelength", "has wavelengths that are not numbers")
    if not (row[0] > 0 and np.all(np.diff(row) > 0)):
        raise SpectrumError(
            "bad_wavelength", "has wavelengths that are not positive and increasing"
        )
    return row, None, None


def _number(cards: dict, *names: str) -> float:
    """The first of the cards that is there, as a number; NaN for none, text and sentinels."""
    for name in names:
        if name in cards:
            try:
                value = float(cards[name])
            except (ValueError, OverflowError):
                return math.nan
            return value if math.isfinite(value) and value > -999 else math.nan
    return math.nan


def _whole(cards: dict, *names: str) -> int:
    """The first of the cards that is there, as an int (some files write it as text), else -1."""
    for name in names:
        value = cards.get(name)
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
            value = int(value)
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        # The least int64 stands for "none" in programs that others write.
        if type(value) is int and -(2**63) < value < 2**63:
            return value  # negative ones do occur: an OBSID of -28762 is in DR5
    return -1


def identity_of(cards: dict, path: str) -> tuple[dict, int]:
    """The attribute ``identity`` of a `RawSpectrum`, and the flags that follow from it."""
    ra, dec = _number(cards, "RA"), _number(cards, "DEC")
    obsid = _whole(cards, "OBSID")
    identity = {
        "path": path,
        "obsid": obsid,
        "designation": str(cards.get("DESIG", "")).strip(),
        "ra": ra if 0 <= ra <= 360 else math.nan,
        "dec": dec if -90 <= dec <= 90 else math.nan,
        # 99 is no sentinel here: early files write it for every S/N of 99 and above.
        "snr_g": _number(cards, "SNRG", "SN_G"),
    }
    return identity, _MISSING_IDENTITY if obsid == -1 else 0


def _header(cards: dict, layout: str) -> dict:
    header: dict[str, str | int | float] = {
        name: str(cards[name]).strip()
        for name in ("CLASS", "SUBCLASS", "DATA_V", "PLANID")
        if name in cards
    }
    # The earliest files have no LMJD: their MJD is the local one. Later files have both.
    lmjd = ("LMJD", "MJD") if layout == "early" else ("LMJD",)
    for name, sources in (("LMJD", lmjd), ("SPID", ("SPID",)), ("FIBERID", ("FIBERID",))):
        value = _whole(cards, *sources)
        if value >= 0:
            header[name] = value
    if "Z" in cards:
        header["Z"] = _number(cards, "Z")
    for name, early_name in _SNR:
        if name in cards or early_name in cards:
            header[name] = _number(cards, name, early_name)
    return header
