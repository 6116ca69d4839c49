"""The fast way from the bytes of a LAMOST file to its arrays: no FITS library involved."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np

from ._lamost_layout import (
    DESCRIPTIVE_CARDS,
    IDENTITY_CARDS,
    IMAGE_ROWS,
    MAX_EXTENSIONS,
    PRINTABLE_BYTES,
    WANTED_CARDS,
    LamostContents,
    check_primary,
    check_table,
    has_scaling,
    integer_card,
)
from .quality import SpectrumError

__all__ = ["FastPathUnavailable", "HeaderLayout", "cards_at", "known_layout", "parse_fast"]

_CARD = 80
_BLOCK = 2880
_END = b"END     "
_WANTED = {name.ljust(8).encode(): name for name in WANTED_CARDS}
_VALUE = re.compile(
    rb"= *(?:'((?:[^']|'')*)'|([TF])(?=[ /]|$)"
    rb"|([+-]?\d+)(?=[ /]|$)|([+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?)(?=[ /]|$))"
)


class FastPathUnavailable(Exception):
    """The file uses a feature of FITS that only the astropy path knows."""


def _value(card: bytes):
    """The value of the 72 bytes that follow a keyword; None if there is none."""
    match = _VALUE.match(card)
    if match is None:
        return None
    kind = match.lastindex
    assert kind is not None  # one of the alternatives has matched
    text = match[kind]
    if kind == 3:
        return int(text)
    if kind == 4:
        return float(text.upper().replace(b"D", b"E"))
    if kind == 2:
        return text == b"T"
    if text.endswith(b"&"):
        raise FastPathUnavailable("a string that CONTINUEs")
    return text.replace(b"''", b"'").translate(PRINTABLE_BYTES).decode("ascii").rstrip()


def _scan_cards(data: bytes, start: int, wanted=None) -> tuple[dict, int]:
    """Cards from ``start`` to END (all of them, or the wanted), and where END ends."""
    found = {}
    for position in range(start, len(data) - _CARD + 1, _CARD):
        key = data[position : position + 8]
        if wanted is None:
            if key == _END:
                break
            name = key.decode("ascii", "replace").rstrip()
        else:
            name = wanted.get(key)
            if name is None:
                if key == _END:
                    break
                continue
        if name not in found:  # of a repeated card the first counts, as in astropy
            found[name] = data[position + 8 : position + _CARD]
    else:
        raise SpectrumError("truncated_fits", "ends before its header does")
    values = {name: _value(card) for name, card in found.items() if card[:2] == b"= "}
    values = {name: value for name, value in values.items() if value is not None}
    return values, position + _CARD


class HeaderLayout(NamedTuple):
    """Where the wanted cards stand in primary headers that have these keywords in this order."""

    keywords: bytes
    n_cards: int
    start: int
    """Byte at which the data begin."""
    every: list[tuple[str, int]]
    """Name of each wanted card, and the byte behind its keyword."""
    needed: list[tuple[str, int]]
    """The same without `DESCRIPTIVE_CARDS`."""
    identity: list[tuple[str, int]]
    """Of those, `IDENTITY_CARDS`."""
    structure: list[tuple[int, int]]
    """First byte, and the one behind the last, of the others: they say how to read the file."""
    forms: dict[bytes, Any]
    """What was learnt of files in which those cards are the same; for `_lamost_direct`."""


_layouts: tuple[HeaderLayout, ...] = ()
"""Those met last: a plate's headers have the same cards in the same places. Never changed but
replaced, as threads may read it."""
_MOST_LAYOUTS = 16

_values: dict[bytes, object] = {}
_MOST_VALUES = 4096


def _keywords(data: bytes, n_cards: int) -> bytes:
    # A keyword has eight bytes, so all of them are a column of numbers.
    return np.frombuffer(data, np.uint64, n_cards * _CARD // 8)[:: _CARD // 8].tobytes()


def known_layout(data: bytes) -> HeaderLayout | None:
    """The layout of a file's primary header, if one of the last files had the same."""
    for layout in _layouts:
        n_cards = layout.n_cards
        # The last keyword is END: where it stands tells most layouts apart.
        if (
            data.startswith(_END, (n_cards - 1) * _CARD)
            and len(data) >= n_cards * _CARD
            and _keywords(data, n_cards) == layout.keywords
        ):
            return layout
    return None


def _primary_cards(data: bytes, descriptive: bool) -> tuple[dict, int]:
    """Wanted cards of the primary header, as `_scan_cards` gives them, and where the data begin.

    Without those of `DESCRIPTIVE_CARDS`, unless they are wanted, too.
    """
    global _layouts
    layout = known_layout(data)
    if layout is not None:
        return cards_at(data, layout.every if descriptive else layout.needed), layout.start
    cards, end = _scan_cards(data, 0, _WANTED)
    _layouts = (_layout(data, end), *_layouts[: _MOST_LAYOUTS - 1])
    return cards, _padded(end)


def _layout(data: bytes, end: int) -> HeaderLayout:
    n_cards = end // _CARD
    keywords = _keywords(data, n_cards)
    places: dict[str, int] = {}
    for position in range(n_cards):
        name = _WANTED.get(keywords[8 * position : 8 * position + 8])
        if name is not None:
            places.setdefault(name, position * _CARD + 8)
    every = list(places.items())
    needed = [card for card in every if card[0] not in DESCRIPTIVE_CARDS]
    identity = [card for card in needed if card[0] in IDENTITY_CARDS]
    spans: list[tuple[int, int]] = []
    for name, place in needed:
        if name in IDENTITY_CARDS:
            continue
        first, last = place, place + _CARD - 8
        if spans and spans[-1][1] + 8 == first:  # the card before this one
            first = spans.pop()[0]
        spans.append((first, last))
    return HeaderLayout(keywords, n_cards, _padded(end), every, needed, identity, spans, {})


def cards_at(data: bytes, places: list[tuple[str, int]]) -> dict:
    """The values of cards of a header, whose places its `HeaderLayout` has.

    Raises
    ------
    FastPathUnavailable
        If one is a long string.
    """
    found = {}
    for name, offset in places:
        card = data[offset : offset + _CARD - 8]
        try:
            value = _values[card]
        except KeyError:
            value = _value(card) if card[:2] == b"= " else None
            if len(_values) >= _MOST_VALUES:
                _values.clear()
            _values[card] = value
        if value is not None:
            found[name] = value
    return found


def _padded(n_bytes: int) -> int:
    return -(-n_bytes // _BLOCK) * _BLOCK


def _array(data: bytes, dtype: str, count: int, offset: int) -> np.ndarray:
    if offset + count * np.dtype(dtype).itemsize > len(data):
        raise SpectrumError("truncated_fits", "ends before its data do")
    return np.frombuffer(data, dtype, count, offset)


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
        return LamostContents(cards, columns=_parse_table(data, start))
    dtype, n_pixels = image
    if has_scaling(cards) or not dtype.startswith(">f"):
        raise FastPathUnavailable("scaled or integer data")
    values = _array(data, dtype, IMAGE_ROWS * n_pixels, start)
    return LamostContents(cards, image=values.reshape(IMAGE_ROWS, n_pixels))


def _parse_table(data: bytes, start: int) -> dict[str, np.ndarray]:
    for _ in range(MAX_EXTENSIONS):
        if not data.startswith(b"XTENSION=", start):
            break
        cards, end = _scan_cards(data, start)
        start += _padded(end - start)
        columns = check_table(cards)
        if columns is not None:
            for column in columns.values():
                keys = [f"{key}{column.number + 1}" for key in ("TSCAL", "TZERO")]
                if has_scaling(cards, keys) or not column.dtype.startswith(">f"):
                    raise FastPathUnavailable("scaled or integer data")
            return {
                name: _array(data, column.dtype, column.repeat, start + column.offset)
                for name, column in columns.items()
            }
        start += _extension_bytes(cards)
    raise SpectrumError("unknown_layout", "has neither an image of five rows nor a COADD table")


def _extension_bytes(cards: dict) -> int:
    """Padded size of an extension's data (FITS standard 4.0, equation 2)."""
    n_axes = integer_card(cards, "NAXIS")
    if n_axes > 999:
        raise SpectrumError("bad_shape", f"has NAXIS = {n_axes}; FITS allows 999")
    count = int(n_axes > 0)
    for axis in range(1, n_axes + 1):
        count *= integer_card(cards, f"NAXIS{axis}")
    count += integer_card(cards, "PCOUNT") if "PCOUNT" in cards else 0
    count *= integer_card(cards, "GCOUNT") if "GCOUNT" in cards else 1
    return _padded(abs(integer_card(cards, "BITPIX")) // 8 * count)
