"""The same as `_lamost_fast`, by astropy: the reference, and the fallback for rare features.

What a card is, and what a header must say, is judged by the same code; astropy then takes values
and arrays from headers that hold nothing else.
"""

from __future__ import annotations

import re
import warnings

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyError

from ..text import printable
from ._fits_cards import find_end, padded, plain_header
from ._lamost_layout import (
    IMAGE_ROWS,
    TABLE_COLUMNS,
    WANTED_CARDS,
    Column,
    LamostContents,
    Table,
    check_complete,
    check_primary,
    find_table,
    has_scaling,
)
from .quality import SpectrumError

__all__ = ["parse_astropy"]

_PRIMARY = frozenset(WANTED_CARDS).__contains__
_EXTENSION = re.compile(
    r"(?:XTENSION|BITPIX|NAXIS\d*|[PG]COUNT|TFIELDS|EXTNAME|T(?:FORM|TYPE|SCAL|ZERO)\d+)"
).fullmatch


def _cards(header: bytes) -> dict:
    """Return values of the cards of a plain header, of those that can be read."""
    values = {}
    for card in fits.Header.fromstring(header).cards:
        try:
            value = card.value
        except (VerifyError, ValueError):
            continue
        if isinstance(value, str):
            value = value.rstrip()
        if isinstance(value, (str, bool, int, float)):
            values[card.keyword] = value
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
    with warnings.catch_warnings(), fits.conf.set_temp("enable_record_valued_keyword_cards", False):
        # What astropy warns of is judged here and reported by reason code.
        warnings.simplefilter("ignore")
        try:
            return _parse(data)
        except SpectrumError:
            raise
        except Exception as error:  # astropy raises nearly any type on hostile bytes
            raise SpectrumError("not_fits", f"cannot be read as FITS: {_line(error)}") from None


def _line(error: Exception) -> str:
    return printable(" ".join(str(error).split())[:200]) or type(error).__name__


def _parse(data: bytes) -> LamostContents:
    header = plain_header(data, 0, _PRIMARY)
    cards = _cards(header)
    image = check_primary(cards)
    start = padded(find_end(data, 0))
    if image is not None:
        has_scaling(cards)  # for what it refuses
        dtype, n_pixels = image
        end = start + IMAGE_ROWS * n_pixels * np.dtype(dtype).itemsize
        check_complete(data, end)
        hdu = fits.PrimaryHDU.fromstring(header + data[start:end])
        return LamostContents(cards, np.array(hdu.data)[:4], of_table=False)
    table = find_table(data, start, lambda data, at: _cards(plain_header(data, at, _EXTENSION)))
    rows = [_column(data, table, table.columns[name]) for name in TABLE_COLUMNS]
    return LamostContents(cards, rows, of_table=True)


def _column(data: bytes, table: Table, column: Column) -> np.ndarray:
    """Read one column, as a table of its own: astropy refuses some for what others are."""
    scaling = [f"{key}{column.number + 1}" for key in ("TSCAL", "TZERO")]
    has_scaling(table.cards, scaling)  # for what it refuses
    first = table.data + column.offset
    width = column.repeat * np.dtype(column.dtype).itemsize
    cards = {"XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "NAXIS1": width, "NAXIS2": 1}
    cards |= {"PCOUNT": 0, "GCOUNT": 1, "TFIELDS": 1, "TTYPE1": "VALUE"}
    cards["TFORM1"] = table.cards[f"TFORM{column.number + 1}"]
    cards |= {key[:5] + "1": table.cards[key] for key in scaling if key in table.cards}
    header = fits.Header(cards).tostring().encode("ascii")
    hdu = fits.BinTableHDU.fromstring(header + data[first : first + width])
    return np.array(hdu.data["VALUE"][0])
