"""The same as `_lamost_fast`, by astropy: the reference, and the fallback for rare features."""

from __future__ import annotations

import io
import re
import warnings

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyError

from ..text import printable
from ._lamost_layout import (
    MAX_EXTENSIONS,
    PRINTABLE_BYTES,
    TABLE_COLUMNS,
    WANTED_CARDS,
    LamostContents,
    check_primary,
    check_table,
)
from .quality import SpectrumError

__all__ = ["parse_astropy"]

_COUNT = re.compile(rb"(NAXIS|TFIELDS) *= *[+]?0*[1-9][0-9]{3}")


def _cards(header, names=None) -> dict:
    """Values of cards, of those that can be read; of a repeated card the first."""
    values = {}
    for name in dict.fromkeys(header if names is None else names):
        if name in ("", "COMMENT", "HISTORY") or name not in header:
            continue
        try:
            value = header[name]
        except (VerifyError, ValueError):
            continue
        if isinstance(value, str):
            value = value.rstrip()
        if isinstance(value, (str, bool, int, float)):
            values[name] = value
    return values


def parse_astropy(data: bytes) -> LamostContents:
    """Parse a FITS file held in memory.

    Raises
    ------
    SpectrumError
        If the content is not a LAMOST spectrum.
    """
    if not data.startswith(b"SIMPLE  ="):
        raise SpectrumError("not_fits", "does not begin with SIMPLE = T: not FITS")
    _refuse_endless(data)
    with warnings.catch_warnings():
        # What astropy warns of (odd bytes, truncation) is judged here and reported by reason code.
        warnings.simplefilter("ignore")
        try:
            # Judged before anything is opened: astropy's own errors do not tell the reason.
            cards = _cards(_primary_header(data), WANTED_CARDS)
            has_image = check_primary(cards) is not None
            with fits.open(io.BytesIO(data), memmap=False) as hdus:
                return _parse(hdus, cards, has_image, len(data))
        except SpectrumError:
            raise
        except Exception as error:  # astropy raises nearly any type on hostile bytes
            raise SpectrumError("not_fits", f"cannot be read as FITS: {_line(error)}") from None


def _refuse_endless(data: bytes) -> None:
    """Refuse counts over FITS's limit of 999: astropy would loop over a billion axes."""
    for match in _COUNT.finditer(data):
        if match.start() % 80 == 0:
            name = match[1].decode()
            raise SpectrumError("bad_shape", f"has {name} over 999, the limit of FITS")


def _line(error: Exception) -> str:
    return printable(" ".join(str(error).split())[:200]) or type(error).__name__


def _primary_header(data: bytes):
    stream = io.BytesIO(data)
    try:
        fits.Header.fromfile(stream, padding=False)
    except OSError:  # "Header missing END card"
        raise SpectrumError("truncated_fits", "ends before its header does") from None
    # astropy gives no value of a string with control characters in it.
    return fits.Header.fromstring(data[: stream.tell()].translate(PRINTABLE_BYTES))


def _parse(hdus, cards: dict, has_image: bool, n_bytes: int) -> LamostContents:
    if has_image:
        _check_complete(hdus[0], n_bytes)
        return LamostContents(cards, image=np.array(hdus[0].data))
    for number in range(1, MAX_EXTENSIONS + 1):
        try:
            hdu = hdus[number]
        except IndexError:
            break
        columns = check_table(_cards(hdu.header))
        if columns is not None:
            _check_complete(hdu, n_bytes)
            row = hdu.data[0]
            return LamostContents(
                cards,
                columns={
                    name: np.array(row.field(columns[name].number)).ravel()
                    for name in TABLE_COLUMNS
                },
            )
    raise SpectrumError("unknown_layout", "has neither an image of five rows nor a COADD table")


def _check_complete(hdu, n_bytes: int) -> None:
    # Also keeps astropy from allocating what a forged header asks for.
    header = hdu.header
    size = abs(header["BITPIX"]) // 8 * header["NAXIS1"] * header["NAXIS2"]
    if hdu.fileinfo()["datLoc"] + size > n_bytes:
        raise SpectrumError("truncated_fits", "ends before its data do")
