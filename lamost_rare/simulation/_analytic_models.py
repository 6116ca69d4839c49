"""The parts of the analytic star model: one function for each sort of object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from ..spectra.air_vacuum import air_to_vacuum
from ..spectra.at_rest import C_KM_S
from ._line_tables import (
    BALMER,
    BALMER_CURVES,
    BANDS,
    CURVES,
    HOT_LINES,
    METAL_LINES,
    MOLECULAR_LINES,
    WIDE_LINES,
)

__all__ = ["add_lines", "galaxy", "hot_subdwarf", "normal_star", "qso", "white_dwarf"]

RESOLVING_POWER = 1800.0
_FWHM = 2.3548
_TEFF = (
    "2 46000, 5 41000, 7 36000, 9 33000, 10 30000, 12 20500, 15 15500, 18 11800, 20 9600, "
    "25 8100, 30 7200, 35 6500, 40 5900, 45 5600, 50 5250, 55 4400, 60 3850, 65 3050, 69 2500"
)
# Hot subdwarfs and white dwarfs: high gravity widens the Balmer lines and ends the series early.
# Wavelength, equivalent width (Å) of the optical depth.
_SUBDWARF_BALMER = ((6562.8, 5.0), (4861.3, 8.0), (4340.5, 9.0), (4101.7, 9.0), (3970.1, 8.0),
                    (3889.1, 6.5), (3835.4, 4.0), (3797.9, 2.0))  # fmt: skip
_DA_BALMER = ((6562.8, 45.0), (4861.3, 62.0), (4340.5, 55.0), (4101.7, 40.0), (3970.1, 21.0),
              (3889.1, 8.0))  # fmt: skip
# Rest wavelength in vacuum (Å), equivalent width (Å), full width (km/s).
_QSO_LINES = ((1215.7, 80.0, 6000.0), (1240.1, 20.0, 5000.0), (1397.8, 8.0, 5000.0),
              (1549.1, 30.0, 5000.0), (1908.7, 20.0, 6000.0), (2798.8, 32.0, 4500.0),
              (4341.7, 12.0, 4000.0), (4862.7, 45.0, 4000.0), (4960.3, 8.0, 900.0),
              (5008.2, 22.0, 900.0), (6564.6, 190.0, 4000.0))  # fmt: skip
_GALAXY_LINES = ((3728.5, 9.0), (4341.7, 2.0), (4862.7, 5.0), (4960.3, 2.5), (5008.2, 7.0),
                 (6549.9, 2.5), (6564.6, 18.0), (6585.3, 7.5), (6718.3, 4.0),
                 (6732.7, 3.0))  # fmt: skip


@lru_cache(maxsize=64)
def _points(text: str) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array([[float(number) for number in pair.split()] for pair in text.split(",")])
    return pairs[:, 0], pairs[:, 1]


def _curve(text: str, code: float) -> float:
    return float(np.interp(code, *_points(text)))


@lru_cache(maxsize=32)
def _lines(text: str) -> np.ndarray:
    """Return rows of a line table, their wavelengths turned from air to vacuum."""
    rows = [row.split() for row in text.replace("\n", " ").split(";") if row.strip()]
    table = np.array(rows, dtype=float)
    table[:, 0] = air_to_vacuum(table[:, 0])
    return table


def _sigma(centre: np.ndarray, intrinsic: float, vsini: float) -> np.ndarray:
    """Return the width (Å) of a line: instrument, atmosphere, rotation (whose sigma is v/2)."""
    instrument = centre / RESOLVING_POWER / _FWHM
    return np.sqrt(instrument**2 + intrinsic**2 + (centre * vsini / 2 / C_KM_S) ** 2)


def add_lines(
    depth: np.ndarray,
    wavelength: np.ndarray,
    centres: np.ndarray,
    strengths: Sequence[float] | np.ndarray,
    intrinsic: float,
    vsini: float,
) -> None:
    """Add Gaussian lines of given equivalent widths (Å) to an optical depth."""
    sigmas = _sigma(centres, intrinsic, vsini)
    low = np.searchsorted(wavelength, centres - 5 * sigmas)
    high = np.searchsorted(wavelength, centres + 5 * sigmas)
    for centre, strength, sigma, i, j in zip(centres, strengths, sigmas, low, high, strict=True):
        if strength and j > i:
            x = (wavelength[i:j] - centre) / sigma
            depth[i:j] += strength / (sigma * np.sqrt(2 * np.pi)) * np.exp(-0.5 * x * x)


def _add_wide(
    depth: np.ndarray,
    wavelength: np.ndarray,
    air: float,
    strength: float,
    damping: float,
    vsini: float,
    intrinsic: float = 1.0,
) -> None:
    """Add one Voigt line; ``damping`` is the half width (Å) of its Lorentzian part."""
    from scipy.special import voigt_profile

    if not strength:
        return
    centre = np.atleast_1d(air_to_vacuum(air))
    if damping == 0:
        add_lines(depth, wavelength, centre, [strength], intrinsic, vsini)
        return
    sigma = float(_sigma(centre[0], intrinsic, vsini))
    x = wavelength - centre[0]
    profile = damping / np.pi / (x**2 + damping**2)
    core = slice(*np.searchsorted(x, (-12 * sigma, 12 * sigma)))  # beyond, the wings are alone
    profile[core] = voigt_profile(x[core], sigma, damping)
    depth += strength * profile


def _planck(wavelength: np.ndarray | float, teff: float) -> np.ndarray:
    return wavelength**-5.0 / np.expm1(1.43877e8 / (wavelength * teff))


def normal_star(wavelength: np.ndarray, code: float, vsini: float) -> np.ndarray:
    """Return the flux of an ordinary star; ``code`` is the spectral code of `_line_tables`."""
    depth = np.zeros_like(wavelength)
    for name, text in HOT_LINES.items():
        strength = _curve(CURVES[name], code)
        if strength:
            table = _lines(text)
            add_lines(depth, wavelength, table[:, 0], strength * table[:, 1], 1.0, vsini)
    weights = np.array([_curve(CURVES[name], code) for name in ("warm", "cool", "coldest")])
    if weights.any():
        for text, width in ((METAL_LINES, 0.5), (MOLECULAR_LINES, 2.5)):
            table = _lines(text)
            add_lines(depth, wavelength, table[:, 0], table[:, 1:] @ weights, width, vsini)
    for name, air, weight, damping in WIDE_LINES:
        _add_wide(depth, wavelength, air, weight * _curve(CURVES[name], code), damping, vsini)
    narrow, broad, core = (_curve(text, code) for text in BALMER_CURVES.values())
    for air, *weights_of in BALMER:
        _add_wide(depth, wavelength, air, weights_of[0] * narrow, 4.0, vsini)
        _add_wide(depth, wavelength, air, weights_of[1] * broad, 10.0, vsini)
        _add_wide(depth, wavelength, air, weights_of[2] * core, 0.0, vsini)
    strength = _curve(CURVES["tio"], code)
    if strength:
        for air, weight, length in BANDS:
            distance = wavelength - float(air_to_vacuum(air))
            edge = 1 / (1 + np.exp(-np.clip(distance / 1.5, -40, 40)))
            depth += strength * weight * edge * np.exp(-np.clip(distance, 0, None) / length)
    return _planck(wavelength, _curve(_TEFF, code)) * np.exp(-depth)


def hot_subdwarf(wavelength: np.ndarray, subtype: float, vsini: float) -> np.ndarray:
    """Return flux of a hot subdwarf; subtype 0: sdB with He I alone, 9: sdO with He II alone."""
    depth = np.zeros_like(wavelength)
    for air, strength in _SUBDWARF_BALMER:
        _add_wide(depth, wavelength, air, strength, 7.0, vsini)
    ionized = subtype / 9
    helium = (("he1", 1.0 - ionized), ("he2", 1.3 * ionized), ("he2_4686", 1.5 * ionized))
    for name, strength in helium:
        table = _lines(HOT_LINES[name])
        add_lines(depth, wavelength, table[:, 0], strength * table[:, 1], 1.3, vsini)
    return _planck(wavelength, 26000 + 2000 * subtype) * np.exp(-depth)


def white_dwarf(wavelength: np.ndarray, subtype: float) -> np.ndarray:
    """Return the flux of a DA; ``subtype`` is 50,400 K / Teff."""
    depth = np.zeros_like(wavelength)
    # The Balmer lines of a DA are strongest near 13,000 K, DA4.
    scale = np.interp(subtype, [0, 2, 4, 6, 9], [0.35, 0.8, 1.0, 0.5, 0.1])
    for air, strength in _DA_BALMER:
        _add_wide(depth, wavelength, air, scale * strength, 28.0, 0.0, intrinsic=3.0)
    return _planck(wavelength, 50400 / max(subtype, 1.0)) * np.exp(-depth)


def _emission(
    wavelength: np.ndarray, centre: float, width_km_s: float, equivalent_width: float
) -> np.ndarray:
    sigma = np.hypot(width_km_s / C_KM_S * centre / _FWHM, centre / RESOLVING_POWER / _FWHM)
    shape = np.exp(-0.5 * ((wavelength - centre) / sigma) ** 2)
    return equivalent_width * shape / (sigma * np.sqrt(2 * np.pi))


def qso(wavelength: np.ndarray, redshift: float) -> np.ndarray:
    """Return the flux of a quasar: a power law and broad emission lines."""
    flux = (wavelength / 5000.0) ** -1.5
    excess = np.ones_like(flux)
    for rest, width, velocity in _QSO_LINES:
        centre = rest * (1 + redshift)
        excess += _emission(wavelength, centre, velocity, width * (1 + redshift))
    # The Lyman-alpha forest.
    return flux * excess * np.where(wavelength < 1215.7 * (1 + redshift), 0.6, 1.0)


def galaxy(wavelength: np.ndarray, redshift: float) -> np.ndarray:
    """Return the flux of a star-forming galaxy: light of F and K stars, narrow emission lines."""
    rest = wavelength / (1 + redshift)
    flux = normal_star(rest, 52.0, 350.0) / _planck(5500.0, 5000.0)
    flux += 0.5 * normal_star(rest, 35.0, 350.0) / _planck(5500.0, 6500.0)
    for line, width in _GALAXY_LINES:
        flux += _emission(rest, line, 250.0, width) * np.median(flux)
    return flux
