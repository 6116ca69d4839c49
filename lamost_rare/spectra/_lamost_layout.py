"""What a LAMOST file must hold, layout by layout; shared by both ways of parsing one.

The parsers turn bytes into `LamostContents`, each in its own way; every decision about what is
acceptable is taken here, so that the two cannot disagree about it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ._fits_cards import find_end, padded
from .quality import SpectrumError

__all__ = [
    "DESCRIPTIVE_CARDS",
    "IMAGE_ROWS",
    "TABLE_COLUMNS",
    "WANTED_CARDS",
    "Column",
    "LamostContents",
    "Table",
    "check_complete",
    "check_primary",
    "data_bytes",
    "extensions",
    "find_layout",
    "find_table",
    "has_scaling",
]

IMAGE_ROWS = 5
_MAX_EXTENSIONS = 32
"""How far COADD is searched for; in LAMOST's files it is the first extension."""

TABLE_COLUMNS = ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK")

WANTED_CARDS = (
    *("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "BSCALE", "BZERO", "BLANK", "GROUPS"),
    *("EXTEN0", "COEFF0", "COEFF1", "OBSID", "DESIG", "RA", "DEC", "LMJD", "MJD", "PLANID"),
    *("SPID", "FIBERID", "DATA_V", "CLASS", "SUBCLASS", "Z", "SNRU", "SNRG", "SNRR", "SNRI"),
    *("SNRZ", "SN_U", "SN_G", "SN_R", "SN_I", "SN_Z"),
)
"""Cards of the primary header that are read; the other hundred are skipped."""

DESCRIPTIVE_CARDS = frozenset(
    "LMJD MJD PLANID SPID FIBERID DATA_V CLASS SUBCLASS Z"
    " SNRU SNRR SNRI SNRZ SN_U SN_R SN_I SN_Z".split()
)
"""Those of them that say nothing of how to read the file nor who the star is."""

_BITPIX = {-64: ">f8", -32: ">f4", 8: "u1", 16: ">i2", 32: ">i4", 64: ">i8"}
_TFORM = re.compile(r"(\d{0,9})([A-Z])")
_MEDIUM_RESOLUTION = re.compile(r"COADD_[BR]|[BR]-[\d.]+")
"""Names of the blue and red arm, and of their exposures by the minute, in LAMOST's other survey."""
_TFORM_BYTES = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "E": 4, "K": 8, "D": 8, "C": 8, "M": 16,
                "P": 8, "Q": 16}  # fmt: skip
_TFORM_NUMBERS = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}


class Column(NamedTuple):
    """Where a table column lies in a row: its number from 0, type, length and byte offset."""

    number: int
    dtype: str
    repeat: int
    offset: int


class Table(NamedTuple):
    """The one-row table of a spectrum: its columns and cards, and where its data begin."""

    columns: dict[str, Column]
    cards: dict
    data: int


class LamostContents(NamedTuple):
    """What both parsers return: the wanted cards, the rows of `TABLE_COLUMNS`, and of what."""

    cards: dict
    rows: np.ndarray | list[np.ndarray]
    of_table: bool


def integer_card(cards: dict, name: str) -> int:
    """Return the value of a card that must be an integer, and not negative (except BITPIX)."""
    value = cards.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise SpectrumError("missing_card", f"has no integer card {name}")
    if value < 0 and name != "BITPIX":
        raise SpectrumError("bad_shape", f"has {name} = {value}")
    return value


def check_primary(cards: dict) -> tuple[str, int] | None:
    """Judge a primary header.

    Returns
    -------
    (dtype, n_pixels) of the image of five rows, or None if the primary holds no data, so that a
    table must follow.
    """
    if cards.get("SIMPLE") is not True:
        raise SpectrumError("not_fits", "does not begin with SIMPLE = T: not FITS")
    naxis = integer_card(cards, "NAXIS")
    dtype = _BITPIX.get(integer_card(cards, "BITPIX"))
    if dtype is None:
        raise SpectrumError("bad_shape", f"has BITPIX = {cards['BITPIX']}, which FITS lacks")
    if naxis == 0:  # NAXIS1 and NAXIS2 are stale cards then
        return None
    if naxis != 2 or cards.get("GROUPS") is True:
        raise SpectrumError(
            "unknown_layout", f"has a primary array of {naxis} axes; no LAMOST layout has"
        )
    n_pixels, n_rows = integer_card(cards, "NAXIS1"), integer_card(cards, "NAXIS2")
    if n_rows != IMAGE_ROWS:
        reason = "bad_shape" if "EXTEN0" in cards else "unknown_layout"
        raise SpectrumError(reason, f"has an image of {n_rows} rows, not {IMAGE_ROWS}")
    if n_pixels < 2:
        raise SpectrumError("bad_shape", f"has an image of {n_pixels} pixels a row")
    return dtype, n_pixels


def has_scaling(cards: dict, keys=("BSCALE", "BZERO")) -> bool:
    """Return whether cards scale the stored numbers."""
    for key in keys:
        if type(cards.get(key, 1)) not in (int, float):
            raise SpectrumError("bad_shape", f"has {key} = {cards[key]!r}, which is no number")
    return cards.get(keys[0], 1) != 1 or cards.get(keys[1], 0) != 0


def check_complete(data: bytes, end: int) -> None:
    """Raise a SpectrumError unless the file has its data, which end at byte ``end``."""
    if end > len(data):
        raise SpectrumError("truncated_fits", "ends before its data do")


def extensions(
    data: bytes, start: int, read_cards: Callable[[bytes, int], dict]
) -> Iterator[tuple[dict, int, int]]:
    """Go through the extensions of a file, 32 at most.

    Parameters
    ----------
    data : bytes
    start : int
        Where the first extension would begin.
    read_cards : callable
        Given ``data`` and where a header begins, returns its cards.

    Yields
    ------
    cards : dict
    first, last : int
        Where its data begin, and the byte behind them. Whether the file has them all is not
        looked at.
    """
    for _ in range(_MAX_EXTENSIONS):
        if not data.startswith(b"XTENSION=", start):
            return
        first = start + padded(find_end(data, start) - start)
        cards = read_cards(data, start)
        size = data_bytes(cards)
        yield cards, first, first + size
        start = first + padded(size)


def data_bytes(cards: dict) -> int:
    """Return the size of the data behind a header, without padding (FITS 4.0, equation 2)."""
    n_axes = integer_card(cards, "NAXIS")
    if n_axes > 999:
        raise SpectrumError("bad_shape", f"has NAXIS = {n_axes}; FITS allows 999")
    count = int(n_axes > 0)
    for axis in range(1, n_axes + 1):
        count *= integer_card(cards, f"NAXIS{axis}")
    count += integer_card(cards, "PCOUNT") if "PCOUNT" in cards else 0
    count *= integer_card(cards, "GCOUNT") if "GCOUNT" in cards else 1
    return abs(integer_card(cards, "BITPIX")) // 8 * count


def find_table(data: bytes, start: int, read_cards: Callable[[bytes, int], dict]) -> Table:
    """Return the table of a spectrum among the extensions, as `extensions` takes them."""
    for cards, first, last in extensions(data, start, read_cards):
        columns = _check_table(cards)
        if columns is not None:
            check_complete(data, last)
            return Table(columns, cards, first)
    raise SpectrumError("unknown_layout", "has neither an image of five rows nor a COADD table")


def _check_table(cards: dict) -> dict[str, Column] | None:
    """Judge the header of an extension.

    Parameters
    ----------
    cards : dict
        All cards of the extension.

    Returns
    -------
    The columns of `TABLE_COLUMNS` if this is the one-row table of a spectrum, or None if it is
    something else.
    """
    if cards.get("XTENSION") != "BINTABLE":
        return None
    extension = str(cards.get("EXTNAME", "")).strip().upper()
    if _MEDIUM_RESOLUTION.fullmatch(extension):
        raise SpectrumError(
            "medium_resolution",
            f"is a medium-resolution spectrum of LAMOST: it has the arm {extension}",
        )
    n_fields = integer_card(cards, "TFIELDS")
    if n_fields > 999:
        raise SpectrumError("bad_shape", f"has TFIELDS = {n_fields}; FITS allows 999")
    columns = {}
    offset = 0
    for number in range(n_fields):
        tform = cards.get(f"TFORM{number + 1}")
        match = _TFORM.match(tform.strip()) if isinstance(tform, str) else None
        if match is None or match[2] not in _TFORM_BYTES | {"X": 0}:
            raise SpectrumError("missing_card", f"has no readable TFORM{number + 1}")
        repeat = int(match[1] or 1)
        name = str(cards.get(f"TTYPE{number + 1}", "")).strip().upper()
        if name in TABLE_COLUMNS and name not in columns:
            dtype = _TFORM_NUMBERS.get(match[2], "")
            columns[name] = Column(number, dtype, repeat, offset)
        offset += -(-repeat // 8) if match[2] == "X" else repeat * _TFORM_BYTES[match[2]]
    missing = [name for name in TABLE_COLUMNS if name not in columns]
    if missing:
        if extension != "COADD":
            return None
        raise SpectrumError("missing_card", f"has a COADD table without {', '.join(missing)}")
    if integer_card(cards, "NAXIS") != 2 or integer_card(cards, "BITPIX") != 8:
        raise SpectrumError("bad_shape", "has a table whose NAXIS is not 2 or BITPIX not 8")
    if integer_card(cards, "GCOUNT") != 1 or integer_card(cards, "PCOUNT") > 2**31:
        raise SpectrumError("bad_shape", "has a table whose GCOUNT is not 1 or PCOUNT absurd")
    if integer_card(cards, "NAXIS2") != 1 or integer_card(cards, "NAXIS1") != offset:
        raise SpectrumError("bad_shape", "has a COADD table that is not one row of its columns")
    repeats = {column.repeat for column in columns.values()}
    if len(repeats) != 1 or min(repeats) < 2 or not all(c.dtype for c in columns.values()):
        raise SpectrumError("bad_shape", "has columns in COADD that differ in length or hold text")
    return columns


def find_layout(contents: LamostContents) -> str:
    """Return the layout's name: ``early``, ``dr1-7`` or ``dr8plus``."""
    if contents.of_table:
        return "dr8plus"
    rows = contents.cards.get("EXTEN0")
    if isinstance(rows, str):
        if "subcontinuum" in rows.lower():
            return "early"
        if "wavelength" in rows.lower():
            return "dr1-7"
    # Other surveys store images of five rows too (SDSS's old spSpec files have COEFF0 as well), so
    # without EXTEN0 only a row of wavelengths in the optical makes the file LAMOST's.
    row = contents.rows[2]
    if math.isfinite(row[0]) and 3000 < row[0] < row[-1] < 11000 and np.all(np.diff(row) > 0):
        return "dr1-7"
    raise SpectrumError("unknown_layout", "has an image of five rows, but not those of LAMOST")
