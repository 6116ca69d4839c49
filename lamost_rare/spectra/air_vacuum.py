"""Wavelengths in air and in vacuum (Morton 2000, ApJS 130, 403, Eq. 8: standard air)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._angstrom import in_angstrom, with_unit_of

__all__ = ["air_to_vacuum", "refractive_index", "vacuum_to_air"]


def refractive_index(vacuum_wavelength: Any) -> Any:
    """Return the refractive index of standard air (15 °C, 1 atm).

    Parameters
    ----------
    vacuum_wavelength : float, array_like or Quantity
        In Å if it has no unit.

    Returns
    -------
    ndarray
        Of the same shape.
    """
    s2 = (1e4 / in_angstrom(vacuum_wavelength)) ** 2
    return 1 + 8.34254e-5 + 2.406147e-2 / (130 - s2) + 1.5998e-4 / (38.9 - s2)


def vacuum_to_air(wavelength: Any) -> Any:
    """Turn vacuum wavelengths into those of air.

    Parameters
    ----------
    wavelength : float, array_like or Quantity
        In vacuum; in Å if it has no unit.

    Returns
    -------
    ndarray or Quantity
        In air, in the same shape and unit; below 2000 Å they stay as they are.

    Raises
    ------
    ValueError
        If the unit is that of no wavelength.

    Examples
    --------
    >>> from astropy import units as u
    >>> from lamost_rare.spectra import vacuum_to_air
    >>> vacuum_to_air(4542.86).round(2).item()
    4541.59
    >>> vacuum_to_air(454.286 * u.nm).round(3)
    <Quantity 454.159 nm>
    """
    return _turned(wavelength, lambda vacuum: vacuum / refractive_index(vacuum))


def air_to_vacuum(wavelength: Any) -> Any:
    """Turn air wavelengths into vacuum ones: the inverse of `vacuum_to_air`, to 1e-9 Å.

    Parameters
    ----------
    wavelength : float, array_like or Quantity
        In air; in Å if it has no unit.

    Returns
    -------
    ndarray or Quantity
        In vacuum, in the same shape and unit; below 2000 Å they stay as they are.

    Raises
    ------
    ValueError
        If the unit is that of no wavelength.

    Examples
    --------
    >>> from lamost_rare.spectra import air_to_vacuum
    >>> print(air_to_vacuum([4541.59, 6562.80]).round(2))
    [4542.86 6564.61]
    """
    return _turned(wavelength, _in_vacuum)


def _in_vacuum(air: np.ndarray) -> np.ndarray:
    vacuum = air
    for _ in range(4):
        vacuum = air * refractive_index(vacuum)
    return vacuum


def _turned(given: Any, turn: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Turn wavelengths of any unit; those below 2000 Å are in vacuum always, and stay."""
    wavelength = in_angstrom(given)
    with np.errstate(divide="ignore", invalid="ignore"):
        turned = turn(wavelength)
    return with_unit_of(given, np.where(wavelength < 2000, wavelength, turned))
