"""What a card of a FITS header is, by the standard (4.0, section 4) and nothing else.

Both ways of parsing a LAMOST file go by this, so that they cannot disagree about what a header
says: astropy, left alone, also takes lower-case keywords, HIERARCH and values without ``= ``.

A value belongs to an upper-case keyword in bytes 1 to 8, left-justified, with ``= `` in bytes 9 and
10, and only a comment may follow it. Of a repeated keyword the first card counts, whatever is in
it. The header ends with a card that is END and nothing else. Two things that the standard forbids
are read all the same, because files have them: lower-case exponents, and control characters and
other bytes that are no ASCII, each as ``?``. Of what it allows, text with a quote before a slash in
it counts as no value: astropy takes that for its end.
"""

from __future__ import annotations

import re

from .quality import SpectrumError

__all__ = [
    "CARD",
    "END",
    "continues",
    "find_end",
    "padded",
    "plain_header",
    "value_match",
    "value_of",
]

CARD = 80
END = b"END".ljust(CARD)

_BLOCK = 2880
_PRINTABLE = bytes(byte if 32 <= byte < 127 else ord("?") for byte in range(256))
"""Translation of what FITS forbids in a header (control characters, non-ASCII) to ``?``."""
_KEYWORD = re.compile(rb"[A-Z0-9_-]+ *")
_TEXT = rb"'((?:[^']|''(?! */))*)'"
_NO_MORE = rb" *(?:/|\Z)"
_CONTINUED = re.compile(rb"CONTINUE  +" + _TEXT + _NO_MORE)
_VALUE = re.compile(
    rb"= +(?:" + _TEXT + rb"|([TF])"
    rb"|([+-]?\d+)|([+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?))" + _NO_MORE
)


def value_match(rest: bytes) -> re.Match | None:
    """Match the 72 bytes that follow a keyword: text, logical, integer or real; None if no value.

    Group 1 to 4, of which the last that matched says the kind.
    """
    return _VALUE.match(rest)


def value_of(match: re.Match):
    """Return the value in a match of `value_match`."""
    kind = match.lastindex
    assert kind is not None  # one of the alternatives has matched
    text = match[kind]
    if kind == 3:
        return int(text)
    if kind == 4:
        return float(text.upper().replace(b"D", b"E"))
    if kind == 2:
        return text == b"T"
    return text.replace(b"''", b"'").translate(_PRINTABLE).decode("ascii").rstrip()


def continues(match: re.Match) -> bool:
    """Return whether a value is text that the CONTINUE cards behind it carry on."""
    return match.lastindex == 1 and match[1].rstrip(b" ").endswith(b"&")


def find_end(data: bytes, start: int) -> int:
    """Return the byte behind the END card of the header that begins at ``start``.

    Raises
    ------
    SpectrumError
        ``truncated_fits`` if there is none.
    """
    position = data.find(END, start)
    while position >= 0 and (position - start) % CARD:
        position = data.find(END, position + 1)
    if position < 0:
        raise SpectrumError("truncated_fits", "ends before its header does")
    return position + CARD


def plain_header(data: bytes, start: int, wanted) -> bytes:
    """Return the header at ``start`` with nothing in it that is no card: FITS for any reader.

    Parameters
    ----------
    data : bytes
    start : int
    wanted : callable
        Whether a keyword (str) is to be kept.

    Returns
    -------
    bytes
        Whole blocks, with the cards in their order.
    """
    end = find_end(data, start)
    kept, seen, open_text = [], set(), False
    for position in range(start, end - CARD, CARD):
        card = data[position : position + CARD]
        key = card[:8]
        if open_text and (match := _CONTINUED.match(card)):
            kept.append(card.translate(_PRINTABLE))
            open_text = continues(match)
            continue
        open_text = False
        if key in seen or not _KEYWORD.fullmatch(key):
            continue
        seen.add(key)
        found = value_match(card[8:])
        if found and wanted(key.decode().rstrip()):
            kept.append(card.translate(_PRINTABLE))
            open_text = continues(found)
    header = b"".join(kept) + END
    return header.ljust(padded(len(header)))


def padded(n_bytes: int) -> int:
    """Return the next whole number of FITS blocks."""
    return -(-n_bytes // _BLOCK) * _BLOCK
