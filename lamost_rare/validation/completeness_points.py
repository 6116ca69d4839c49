"""Points at which a completeness is asked for: S/N, extinction, subtype."""

from __future__ import annotations

import numpy as np

from ..errors import LamostRareError
from ..simulation.mk_types import subtype_number
from ..text import printable

__all__ = ["CompletenessError", "OutsideWarning", "points_of"]


class CompletenessError(LamostRareError, ValueError):
    """Arguments, or trials, of which no completeness can be told.

    Examples
    --------
    >>> from lamost_rare import completeness
    >>> completeness(subtype="late")
    Traceback (most recent call last):
        ...
    lamost_rare.validation.completeness_points.CompletenessError: ...
    """


class OutsideWarning(UserWarning):
    """Some of what was asked lies outside of what was tried.

    Examples
    --------
    >>> import warnings
    >>> from lamost_rare import completeness
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     part = completeness(snr=[1, 20])["completeness"]
    >>> said[0].category.__name__, bool(part[0] == part[0])  # NaN is not itself
    ('OutsideWarning', False)
    """


def points_of(snr, a_v, subtype) -> dict[str, np.ndarray]:
    """Return what was given as one-dimensional arrays of equal length."""
    given = {}
    if snr is not None:
        given["snr"] = _numbers("snr", snr)
    if a_v is not None:
        given["a_v"] = _numbers("a_v", a_v, "mag")
    if subtype is not None:
        given["subtype"] = _subtypes(subtype)
    try:
        arrays = np.broadcast_arrays(*given.values())
    except ValueError:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in given.items())
        raise CompletenessError(f"shapes do not go together: {shapes}") from None
    return {name: np.atleast_1d(x).ravel() for name, x in zip(given, arrays, strict=True)}


def _numbers(name: str, values, unit: str = "") -> np.ndarray:
    from astropy.units import Quantity, UnitConversionError

    try:
        if isinstance(values, Quantity):
            values = values.to_value(unit)
        array: np.ndarray = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
    except UnitConversionError as error:
        raise CompletenessError(f"{name}: {error}") from None
    except (TypeError, ValueError):
        shown = printable(repr(values))[:60]
        raise CompletenessError(f"{name} must be a number or numbers, not {shown}") from None
    return array


def _subtypes(values) -> np.ndarray:
    if np.ma.asarray(values).dtype.kind in "fiu":
        return _numbers("subtype", values)
    array = np.asarray(values, dtype=object)
    numbers = [_subtype(value) for value in array.ravel().tolist()]
    return np.array(numbers, dtype=float).reshape(array.shape)


def _subtype(value) -> float:
    """Return the number of a type, of a number, or of text with a number."""
    number = subtype_number(value) if isinstance(value, str) else np.nan
    if number != number:
        try:
            number = float(value)
        except (TypeError, ValueError):
            pass
    if number != number:
        shown = printable(repr(value))[:60]
        raise CompletenessError(f"unknown subtype {shown}: give a type as O9.5, or its number, 9.5")
    return number
