"""Wavelengths in air and in vacuum (Morton 2000, ApJS 130, 403, Eq. 8: standard air)."""

from __future__ import annotations

import numpy as np

__all__ = ["air_to_vacuum", "refractive_index", "vacuum_to_air"]


def refractive_index(vacuum_wavelength):
    """Refractive index of standard air (15 °C, 1 atm) at vacuum wavelengths in Å."""
    s2 = (1e4 / np.asarray(vacuum_wavelength, dtype=float)) ** 2
    return 1 + 8.34254e-5 + 2.406147e-2 / (130 - s2) + 1.5998e-4 / (38.9 - s2)


def vacuum_to_air(wavelength):
    """Turn vacuum wavelengths into those of air.

    Parameters
    ----------
    wavelength : float or array_like
        In Å, in vacuum.

    Returns
    -------
    ndarray
        In Å, in air, in the same shape; below 2000 Å they stay as they are.

    Examples
    --------
    >>> from lamost_rare.spectra import vacuum_to_air
    >>> vacuum_to_air(4542.86).round(2).item()
    4541.59
    """
    wavelength = np.asarray(wavelength, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        air = wavelength / refractive_index(wavelength)
    return np.where(wavelength < 2000, wavelength, air)


def air_to_vacuum(wavelength):
    """Turn air wavelengths into vacuum ones: the inverse of `vacuum_to_air`, to 1e-9 Å.

    Parameters
    ----------
    wavelength : float or array_like
        In Å, in air.

    Returns
    -------
    ndarray
        In Å, in vacuum, in the same shape; below 2000 Å they stay as they are.

    Examples
    --------
    >>> from lamost_rare.spectra import air_to_vacuum
    >>> print(air_to_vacuum([4541.59, 6562.80]).round(2))
    [4542.86 6564.61]
    """
    wavelength = np.asarray(wavelength, dtype=float)
    vacuum = wavelength.copy()
    for _ in range(4):
        with np.errstate(divide="ignore", invalid="ignore"):
            vacuum = wavelength * refractive_index(vacuum)
    return np.where(wavelength < 2000, wavelength, vacuum)
