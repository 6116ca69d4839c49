"""The fast way from the bytes of a LAMOST file to its arrays: no FITS library involved."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ._fits_cards import CARD, END, continues, find_end, padded, value_match, value_of
from ._lamost_layout import (
    DESCRIPTIVE_CARDS,
    IMAGE_ROWS,
    TABLE_COLUMNS,
    WANTED_CARDS,
    LamostContents,
    check_complete,
    check_primary,
    find_table,
    has_scaling,
)
from .quality import SpectrumError

__all__ = ["FastPathUnavailable", "parse_fast"]

_LONGEST_KEPT = 2**15
"""Bytes of a header whose cards are remembered."""
_WANTED = {name.ljust(8).encode(): name for name in WANTED_CARDS}


class FastPathUnavailable(Exception):
    """The file uses a feature of FITS that only the astropy path knows."""


@lru_cache(maxsize=4096)
def _value(card: bytes):
    """Return the value of the 72 bytes that follow a keyword; None if there is none."""
    match = value_match(card)
    if match is None:
        return None
    if continues(match):
        raise FastPathUnavailable("a string that CONTINUEs")
    return value_of(match)


def _scan_cards(data: bytes, start: int) -> dict:
    """Return all cards of the header that begins at ``start``."""
    header = data[start : find_end(data, start)]
    return _cards_of(header) if len(header) <= _LONGEST_KEPT else _cards_of.__wrapped__(header)


@lru_cache(maxsize=64)  # most files of a survey have the very same one in front of their table
def _cards_of(header: bytes) -> dict:
    values: dict[str, Any] = {}
    for position in range(0, len(header), CARD):
        name = header[position : position + 8].decode("ascii", "replace").rstrip(" ")
        if name not in values:  # of a repeated card the first counts
            values[name] = _value(header[position + 8 : position + CARD])
    return {name: value for name, value in values.items() if value is not None}


class _HeaderLayout(NamedTuple):
    """Where the wanted cards stand in primary headers that have these keywords in this order."""

    keywords: bytes
    n_cards: int
    start: int
    """Byte at which the data begin."""
    every: list[tuple[str, int]]
    """Name of each wanted card, and the byte behind its keyword."""
    needed: list[tuple[str, int]]
    """The same without `DESCRIPTIVE_CARDS`."""


_layouts: tuple[_HeaderLayout, ...] = ()
"""Those met last: a plate's headers have the same cards in the same places. Never changed but
replaced, as threads may read it."""
_MOST_LAYOUTS = 16


def _keywords(data: bytes, n_cards: int) -> bytes:
    # A keyword has eight bytes, so all of them are a column of numbers.
    return np.frombuffer(data, np.uint64, n_cards * CARD // 8)[:: CARD // 8].tobytes()


def _known_layout(data: bytes) -> _HeaderLayout | None:
    """Return the layout of a file's primary header, if one of the last files had the same."""
    for layout in _layouts:
        n_cards = layout.n_cards
        # The last keyword is END: where it stands tells most layouts apart.
        if (
            data.startswith(END, (n_cards - 1) * CARD)
            and _keywords(data, n_cards) == layout.keywords
        ):
            return layout
    return None


def _primary_cards(data: bytes, descriptive: bool) -> tuple[dict, int]:
    """Return wanted cards of the primary header, and where the data begin."""
    global _layouts
    layout = _known_layout(data)
    if layout is None:
        layout = _layout(data, find_end(data, 0))
        # A card like "END = 5" ends no header, but has the keyword of one that does: such a layout
        # must not be taken for that of a file whose header ends there.
        keywords = layout.keywords
        if all(keywords[i : i + 8] != END[:8] for i in range(0, len(keywords) - 8, 8)):
            _layouts = (layout, *_layouts[: _MOST_LAYOUTS - 1])
    cards = {}
    for name, offset in layout.every if descriptive else layout.needed:
        value = _value(data[offset : offset + CARD - 8])
        if value is not None:
            cards[name] = value
    return cards, layout.start


def _layout(data: bytes, end: int) -> _HeaderLayout:
    n_cards = end // CARD
    keywords = _keywords(data, n_cards)
    places: dict[str, int] = {}
    for position in range(n_cards):
        name = _WANTED.get(keywords[8 * position : 8 * position + 8])
        if name is not None:
            places.setdefault(name, position * CARD + 8)
    every = list(places.items())
    needed = [card for card in every if card[0] not in DESCRIPTIVE_CARDS]
    return _HeaderLayout(keywords, n_cards, padded(end), every, needed)


def parse_fast(data: bytes, *, descriptive: bool = True) -> LamostContents:
    """Parse a FITS file held in memory; cards of `DESCRIPTIVE_CARDS` may be left out.

    Raises
    ------
    SpectrumError
        If the content is not a LAMOST spectrum.
    FastPathUnavailable
        If astropy has to read it: scaled or integer data, long strings.
    """
    if not data.startswith(b"SIMPLE  ="):
        raise SpectrumError("not_fits", "does not begin with SIMPLE = T: not FITS")
    cards, start = _primary_cards(data, descriptive)
    image = check_primary(cards)
    if image is None:
        return LamostContents(cards, _parse_table(data, start), of_table=True)
    dtype, n_pixels = image
    if has_scaling(cards) or not dtype.startswith(">f"):
        raise FastPathUnavailable("scaled or integer data")
    n_values = IMAGE_ROWS * n_pixels
    check_complete(data, start + n_values * np.dtype(dtype).itemsize)
    values = np.frombuffer(data, dtype, n_values, start)
    return LamostContents(cards, values.reshape(IMAGE_ROWS, n_pixels)[:4], of_table=False)


def _parse_table(data: bytes, start: int) -> list[np.ndarray]:
    table = find_table(data, start, _scan_cards)
    for column in table.columns.values():
        keys = [f"{key}{column.number + 1}" for key in ("TSCAL", "TZERO")]
        if has_scaling(table.cards, keys) or not column.dtype.startswith(">f"):
            raise FastPathUnavailable("scaled or integer data")
    columns = (table.columns[name] for name in TABLE_COLUMNS)
    return [np.frombuffer(data, c.dtype, c.repeat, table.data + c.offset) for c in columns]
