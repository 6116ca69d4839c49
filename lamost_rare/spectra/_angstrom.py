"""Wavelengths with a unit, where numbers are in Å."""

from __future__ import annotations

import numpy as np

__all__ = ["in_angstrom", "with_unit_of"]


def in_angstrom(wavelength) -> np.ndarray:
    """Return wavelengths as numbers in Å; what has no unit is in Å already.

    Parameters
    ----------
    wavelength : float, array_like or Quantity
        A column with a unit will do as well.

    Raises
    ------
    ValueError
        If the unit is that of no wavelength.
    """
    if getattr(wavelength, "unit", None) is None:
        return np.asarray(wavelength, dtype=float)
    from astropy.units import Quantity, UnitConversionError

    try:
        return np.asarray(Quantity(wavelength).to_value("Angstrom"), dtype=float)
    except UnitConversionError as error:
        raise ValueError(f"wavelength: {error}") from None


def with_unit_of(given, angstrom):
    """Return wavelengths in Å in the unit in which others were given; numbers if these had none."""
    if getattr(given, "unit", None) is None:
        return angstrom
    from astropy.units import Quantity

    return Quantity(angstrom, "Angstrom").to(given.unit)
