"""Spectra that are not ordinary stars, made up from random lines: outliers to learn to reject.

Few hot subdwarfs, white dwarfs, quasars and emission-line stars are at hand, and junk has no
library. A classifier that has seen only those few takes the next one for the nearest class it
knows. The functions here draw such spectra over wide ranges of their parameters; they are crude on
purpose, and never used to measure anything.
"""

from __future__ import annotations

import numpy as np

from ..spectra.air_vacuum import air_to_vacuum
from ..spectra.grid import WavelengthGrid

__all__ = [
    "compact_star",
    "continuum",
    "emission_line_object",
    "junk",
    "line_profiles",
    "random_lines",
]

BALMER = np.array([6562.80, 4861.33, 4340.47, 4101.73, 3970.07, 3889.05, 3835.38, 3797.90])
HE_I = np.array([4026.2, 4387.9, 4471.5, 4713.1, 4921.9, 5015.7, 5875.6, 6678.2, 7065.2, 3819.6])
HE_II = np.array([4199.8, 4541.6, 4685.7, 5411.5, 6560.1, 4859.3, 4338.7, 4100.0])
_QSO = np.array([1216, 1549, 1909, 2799, 3727, 4341, 4861, 4959, 5007, 6563])
_QSO_STRENGTH = np.array([4.0, 2.0, 1.2, 1.2, 0.3, 0.5, 1.5, 0.7, 2.0, 4.0])
_NARROW = np.array([3727.5, 3868.8, 4340.5, 4861.3, 4958.9, 5006.8, 6548, 6562.8, 6583.4, 6724])
_WOLF_RAYET = np.array(
    [4058, 4100, 4340, 4541, 4604, 4640, 4686, 4861, 5411, 5696, 5808, 5876, 6563]
)


def line_profiles(
    wavelength: np.ndarray,
    centre: np.ndarray,
    fwhm: np.ndarray,
    depth: np.ndarray,
    lorentzian: float,
) -> np.ndarray:
    """Return the sum of pseudo-Voigt profiles of given centres (n_lines,), shape (n_pixels,)."""
    x = (wavelength[None, :] - np.asarray(centre)[:, None]) / np.asarray(fwhm)[:, None]
    square = (x * x).astype(np.float32)
    shape = (1 - lorentzian) * np.exp(-2.7726 * square) + lorentzian / (1 + 4 * square)
    return np.asarray(depth) @ shape


def continuum(wavelength: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a smooth continuum, shape (n_pixels,)."""
    x = np.log(wavelength / 5000.0)
    return np.exp(rng.normal(0, 1.5) * x + rng.normal(0, 2) * x**2)


def compact_star(grid: WavelengthGrid, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """Make up a hot subdwarf or white dwarf.

    Returns
    -------
    flux : ndarray, shape (n_pixels,)
    kind : str
        ``hot_subdwarf`` or ``white_dwarf``.
    """
    wavelength = grid.wavelength
    white_dwarf = rng.random() < 0.5
    balmer, he_i, he_ii = air_to_vacuum(BALMER), air_to_vacuum(HE_I), air_to_vacuum(HE_II)
    depth = np.zeros_like(wavelength)
    if white_dwarf:
        spectral_type = rng.choice(["DA", "DA", "DB", "DO", "DAO"])
        if spectral_type in ("DA", "DAO"):
            fwhm = rng.uniform(25, 110) * np.linspace(1, 0.6, 8)
            strength = rng.uniform(0.15, 0.6) * np.array([0.8, 1, 1, 0.95, 0.75, 0.5, 0.3, 0.15])
            depth += line_profiles(wavelength, balmer, fwhm, strength, rng.uniform(0.3, 0.8))
        if spectral_type == "DB":
            fwhm = rng.uniform(18, 60, len(he_i))
            depth += line_profiles(wavelength, he_i, fwhm, rng.uniform(0.08, 0.4, len(he_i)), 0.6)
        if spectral_type in ("DO", "DAO"):
            fwhm = rng.uniform(20, 60, len(he_ii)) * (1 if spectral_type == "DO" else 0.5)
            weight = np.array([0.3, 0.6, 1.0, 0.5, 0.6, 0.6, 0.4, 0.3])
            depth += line_profiles(wavelength, he_ii, fwhm, rng.uniform(0.1, 0.4) * weight, 0.6)
    else:
        helium_rich = rng.random() < 0.35
        strength = np.array([0.7, 1, 1, 1, 0.9, 0.8, 0.65, 0.5])
        if helium_rich:
            # Pickering lines stand where the Balmer lines would.
            weight = np.array([0.6, 0.9, 1.0, 0.8, 0.9, 1.0, 0.8, 0.6]) * rng.uniform(0.12, 0.4)
            depth += line_profiles(wavelength, he_ii, rng.uniform(9, 28, 8), weight, 0.5)
            if rng.random() < 0.6:
                size = rng.uniform(0.03, 0.3, len(he_i))
                depth += line_profiles(wavelength, he_i, rng.uniform(5, 14, len(he_i)), size, 0.5)
        else:
            fwhm = rng.uniform(17, 38) * np.linspace(0.9, 0.75, 8)
            depth += line_profiles(wavelength, balmer, fwhm, rng.uniform(0.3, 0.6) * strength, 0.6)
            if rng.random() < 0.6:  # sdOB, sdO
                weight = np.array([0.25, 0.4, 1.0, 0.4, 0, 0, 0, 0]) * rng.uniform(0.05, 0.3)
                depth += line_profiles(wavelength, he_ii, rng.uniform(5, 14, 8), weight, 0.4)
            if rng.random() < 0.6:
                size = rng.uniform(0.0, 0.12, len(he_i))
                depth += line_profiles(wavelength, he_i, rng.uniform(4, 9, len(he_i)), size, 0.4)
    flux = continuum(wavelength, rng) * np.clip(1 - depth, 0.05, None)
    return flux.astype(np.float32), "white_dwarf" if white_dwarf else "hot_subdwarf"


def emission_line_object(
    grid: WavelengthGrid,
    rng: np.random.Generator,
    background: np.ndarray | None = None,
    kind: str | None = None,
) -> np.ndarray:
    """Make up a quasar, emission-line galaxy, cataclysmic variable or Wolf-Rayet star.

    ``background`` (n_pixels,), a stellar spectrum, lies under narrow lines if given. ``kind`` is
    ``qso``, ``galaxy``, ``cv`` or ``wr``; any by default.
    """
    wavelength = grid.wavelength
    flux = continuum(wavelength, rng)
    kind = kind or rng.choice(["qso", "qso", "galaxy", "cv", "wr"])
    if kind == "qso":
        redshift = rng.uniform(0.03, 4.5)
        fwhm = np.exp(rng.normal(np.log(80), 0.5, len(_QSO))) * (1 + redshift) ** 0.5
        depth = _QSO_STRENGTH * np.exp(rng.normal(-0.9, 0.7, len(_QSO)))
        flux = flux * (1 + line_profiles(wavelength, _QSO * (1 + redshift), fwhm, depth, 0.3))
        if rng.random() < 0.25:  # broad absorption
            at = _QSO * (1 + redshift) * rng.uniform(0.93, 0.99, len(_QSO))
            trough = rng.uniform(0, 0.6, len(_QSO))
            flux = flux * np.clip(1 - line_profiles(wavelength, at, fwhm, trough, 0), 0.05, None)
    elif kind == "galaxy":
        if background is not None:
            flux = background / max(float(np.median(background)), 1e-6)
        redshift = rng.uniform(0.005, 0.45)
        depth = np.exp(rng.normal(-1, 1.3, len(_NARROW)))
        centre = _NARROW * (1 + redshift)
        shift = round(np.log10(1 + redshift) / grid.log10_step)
        flux = np.interp(np.arange(len(flux)) - shift, np.arange(len(flux)), flux)
        flux = flux * (1 + line_profiles(wavelength, centre, np.full(len(centre), 4.5), depth, 0))
    elif kind == "cv":
        centre = air_to_vacuum(np.concatenate([BALMER, HE_I, HE_II[2:3]]))
        depth = np.concatenate(
            [
                np.linspace(1.3, 0.5, 8) * rng.uniform(0.2, 1.5),
                rng.uniform(0, 0.5, len(HE_I)),
                rng.uniform(0, 0.6, 1),
            ]
        )
        flux = flux * (
            1
            + line_profiles(
                wavelength, centre, np.full(len(centre), rng.uniform(9, 35)), depth, 0.2
            )
        )
    else:
        depth = rng.uniform(0, 1.2, len(_WOLF_RAYET)) * (rng.random(len(_WOLF_RAYET)) < 0.7)
        depth[6] = rng.uniform(0.4, 3)
        fwhm = np.full(len(_WOLF_RAYET), rng.uniform(18, 70))
        flux = flux * (1 + line_profiles(wavelength, air_to_vacuum(_WOLF_RAYET), fwhm, depth, 0.3))
    return flux.astype(np.float32)


def random_lines(grid: WavelengthGrid, rng: np.random.Generator) -> np.ndarray:
    """Absorption and emission lines at random wavelengths: no known object."""
    wavelength = grid.wavelength
    n_lines = int(rng.integers(0, 25))
    centre = rng.uniform(wavelength[0], wavelength[-1], n_lines)
    fwhm = np.exp(rng.uniform(np.log(3), np.log(60), n_lines))
    depth = rng.exponential(0.15, n_lines) * np.where(rng.random(n_lines) < 0.75, -1, 1)
    flux = continuum(wavelength, rng)
    if n_lines:
        flux = flux * np.clip(1 + line_profiles(wavelength, centre, fwhm, depth, 0.3), 0.05, None)
    return flux.astype(np.float32)


def junk(grid: WavelengthGrid, rng: np.random.Generator, background: np.ndarray) -> np.ndarray:
    """Make up what a failed reduction leaves: fringes, steps, a spectrum shifted or reversed.

    ``background`` (n_pixels,) is any spectrum of positive median.
    """
    n_pixels = grid.n_pixels
    index = np.arange(n_pixels)
    kind = rng.integers(0, 5)
    flux = background / max(float(np.median(np.abs(background))), 1e-6)
    if kind == 0:  # fringes
        flux = continuum(grid.wavelength, rng)
        for _ in range(rng.integers(1, 4)):
            period = np.exp(rng.uniform(np.log(6), np.log(200)))
            flux = flux * (1 + rng.uniform(0.02, 0.3) * np.sin(2 * np.pi * index / period))
    elif kind == 1:  # another velocity than any star has
        shift = int(rng.integers(25, 900)) * (1 if rng.random() < 0.5 else -1)
        flux = np.roll(flux, shift)
    elif kind == 2:
        flux = flux[::-1]
    elif kind == 3:  # steps
        for _ in range(rng.integers(2, 8)):
            flux = flux * np.where(index > rng.integers(0, n_pixels), rng.uniform(0.4, 2.5), 1)
        flux = flux + rng.uniform(1, 4)
    else:  # nothing but continuum, or nothing at all
        flux = continuum(grid.wavelength, rng) * (rng.random() < 0.7) + 0.02
    return np.ascontiguousarray(flux, dtype=np.float32)
