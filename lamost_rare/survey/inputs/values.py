"""Values of tables that other programs wrote, text or numbers, as what they stand for."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Sequence
from decimal import Decimal

__all__ = ["numbers", "plain_text", "text_of", "whole_numbers"]

_INT64 = 2**63
_BYTES_IN_TEXT = re.compile(r"""b(?:'.*'|".*")""", re.DOTALL)


def text_of(value: bytes) -> str:
    """Return bytes of a text column, which may be filled up with NULs, as text."""
    return value.rstrip(b"\0").decode("utf-8", "surrogateescape")


def _unwrapped(value):
    """Return the text in bytes, and in text like ``b'F5902'``, as which bytes get into CSV; all
    else as it is."""
    if isinstance(value, bytes):
        return text_of(value)
    if isinstance(value, str) and _BYTES_IN_TEXT.fullmatch(value := value.strip()):
        try:
            return text_of(ast.literal_eval(value))
        except (ValueError, SyntaxError):  # text that only looks so
            return value
    return value


def _whole(value) -> int | None:
    """Return a whole number of 64 bits, also one that some program wrote as ``101005.0``."""
    value = _unwrapped(value)
    try:
        if isinstance(value, str):
            if not value.isascii() or "_" in value:
                return None
            try:
                value = int(value)
            except ValueError:
                value = float(value)
        if isinstance(value, float):
            # Beyond 2**53 not every whole number is a float: which one was meant is not known.
            value = int(value) if value.is_integer() and abs(value) < 2**53 else None
        elif isinstance(value, Decimal) and abs(value) < _INT64:
            value = int(value) if value == value.to_integral_value() else None
    except (ValueError, ArithmeticError):
        return None
    return value if type(value) is int and -_INT64 < value < _INT64 else None


def whole_numbers(values: Sequence) -> list[int | None]:
    """Return whole numbers of 64 bits; None for what is none."""
    if not all(map(_is_digits, values)):
        return list(map(_whole, values))
    return list(map(int, values))


def _is_digits(value) -> bool:
    return type(value) is str and len(value) < 19 and value.isascii() and value.isdigit()


def numbers(values: Sequence, low: float, high: float) -> list[float]:
    """Return the values as numbers; NaN for those that are none, or out of range as sentinels
    are."""
    try:
        found = list(map(float, values))
    except (TypeError, ValueError, OverflowError):
        found = list(map(_number, values))
    return [number if low <= number <= high else math.nan for number in found]


def _number(value) -> float:
    try:
        return float(_unwrapped(value))
    except (TypeError, ValueError, OverflowError):
        return math.nan


def plain_text(value) -> str:
    """Return text without the blanks around it; a missing value (None, NaN) is empty."""
    if type(value) is not str:
        if value is None or (type(value) is float and value != value):
            return ""
        value = str(_unwrapped(value))
    value = value.strip()
    return _unwrapped(value).strip() if value[:1] == "b" else value
