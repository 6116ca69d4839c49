"""Flux and uncertainty of a Spectrum object as relative flux per Å and inverse variance."""

from __future__ import annotations

import numpy as np
from astropy import units as u
from astropy.nddata import (
    InverseVariance,
    StdDevUncertainty,
    UnknownUncertainty,
    VarianceUncertainty,
)

from .quality import SpectrumError

__all__ = ["estimate_ivar", "flux_per_angstrom", "inverse_variance"]

_FLUX_UNITS = tuple(
    u.Unit(f"1e-17 erg / ({per})")
    for per in ("s cm2 AA", "s AA", "s cm2 AA sr", "s cm2 AA arcsec2")
)

_MIN_NOISE = 1e-3  # of the median flux; a spectrum without any noise gets a S/N of 1000
_NOISE_WINDOW = 200  # pixels


def flux_per_angstrom(unit, wavelength) -> np.ndarray:
    """Return the factors that turn flux in ``unit`` into flux per Å.

    Parameters
    ----------
    unit : astropy.units.UnitBase
        Dimensionless is relative flux per Å already. Flux, luminosity or surface brightness per
        wavelength, frequency or photon becomes 1e-17 erg/s/Å, per cm² and so on.
    wavelength : ndarray, shape (m,)
        Vacuum wavelengths in Å.

    Returns
    -------
    ndarray, shape (m,)

    Raises
    ------
    SpectrumError
        ``bad_spectrum`` for magnitudes, counts, and whatever else is no flux density.
    """
    if unit is None:
        unit = u.dimensionless_unscaled
    if unit.is_equivalent(u.dimensionless_unscaled):
        return np.full(len(wavelength), unit.to(u.dimensionless_unscaled))
    equivalencies = u.spectral_density(wavelength * u.AA)
    for target in _FLUX_UNITS:
        if unit.is_equivalent(target, equivalencies):
            return unit.to(target, np.ones(len(wavelength)), equivalencies)
    raise SpectrumError(
        "bad_spectrum",
        f"flux in {unit} is no flux density: convert it to one, per wavelength or per frequency",
    )


def inverse_variance(uncertainty, flux_unit) -> np.ndarray | None:
    """Return the inverse variance in ``flux_unit`` to the power -2; None if nothing is known.

    A standard deviation or variance that is not positive, or not finite, gives NaN.
    """
    if uncertainty is None or isinstance(uncertainty, UnknownUncertainty):
        return None
    flux_unit = u.dimensionless_unscaled if flux_unit is None else flux_unit
    values = np.asarray(uncertainty.array, dtype=np.float64)
    unit = uncertainty.unit
    if isinstance(uncertainty, InverseVariance):
        return _in_unit(values, unit, flux_unit**-2)
    if isinstance(uncertainty, VarianceUncertainty):
        variance = _in_unit(values, unit, flux_unit**2)
    elif isinstance(uncertainty, StdDevUncertainty):
        deviation = _in_unit(values, unit, flux_unit)
        variance = np.where(deviation > 0, deviation, np.nan) ** 2
    else:
        raise SpectrumError(
            "bad_spectrum",
            f"uncertainty is a {type(uncertainty).__name__}: give a standard deviation, a variance "
            "or an inverse variance",
        )
    return 1 / np.where(variance > 0, variance, np.nan)


def _in_unit(values, unit, wanted):
    if unit is None:
        return values
    try:
        return values * u.Unit(unit).to(wanted)
    except u.UnitConversionError:
        raise SpectrumError(
            "bad_spectrum", f"uncertainty in {unit} does not go with a flux: expected {wanted}"
        ) from None


def estimate_ivar(flux, good) -> np.ndarray:
    """Estimate the inverse variance from the scatter between neighbouring pixels.

    The noise is 1.4826 / sqrt(6) times the median of ``|2 f[i] - f[i-2] - f[i+2]|`` (DER_SNR:
    Stoehr et al. 2008, ASPC 394, 505), in windows of 200 good pixels, interpolated between them.

    Parameters
    ----------
    flux : ndarray, shape (m,)
        Finite where good.
    good : ndarray, shape (m,), bool

    Returns
    -------
    ndarray, shape (m,)
        Positive and finite. Noise is taken to be at least 1e-3 of the median flux.
    """
    where = np.flatnonzero(good)
    values = flux[where]
    scale = np.median(abs(values)) if len(values) else 0.0
    floor = _MIN_NOISE * scale or 1.0
    if len(values) < 5:
        return np.full(len(flux), floor**-2)
    scatter = abs(2 * values[2:-2] - values[:-4] - values[4:])
    windows = np.array_split(np.arange(len(scatter)), max(1, len(scatter) // _NOISE_WINDOW))
    noise = [1.4826 / np.sqrt(6) * np.median(scatter[window]) for window in windows]
    centres = [where[2 + int(np.mean(window))] for window in windows]
    return np.maximum(np.interp(np.arange(len(flux)), centres, noise), floor) ** -2.0
