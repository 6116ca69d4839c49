"""Values of tables that other programs wrote, text or numbers, as what they stand for."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["numbers", "plain_text", "whole_numbers"]

_INT64 = 2**63


def _whole(value) -> int | None:
    """A whole number of 64 bits, also one that some program wrote as ``101005.0``."""
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
    except ValueError:
        return None
    return value if type(value) is int and -_INT64 < value < _INT64 else None


def whole_numbers(values: Sequence) -> list[int | None]:
    """Whole numbers of 64 bits; None for what is none."""
    if not all(map(_is_digits, values)):
        return list(map(_whole, values))
    return list(map(int, values))


def _is_digits(value) -> bool:
    return type(value) is str and len(value) < 19 and value.isascii() and value.isdigit()


def numbers(values: Sequence, low: float, high: float) -> list[float]:
    """The values as numbers; NaN for those that are none, or out of range as sentinels are."""
    try:
        found = list(map(float, values))
    except (TypeError, ValueError, OverflowError):
        found = list(map(_number, values))
    return [number if low <= number <= high else math.nan for number in found]


def _number(value) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def plain_text(value) -> str:
    """Text without the blanks around it; a missing value is empty."""
    return "" if value is None else str(value).strip()
