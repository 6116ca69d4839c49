"""A small analytic star model, for tests and demonstrations that need no stellar library.

A Planck continuum and absorption lines whose strengths follow the spectral type, as a LAMOST
spectrum of R = 1800 would show them. Good enough to be recognised; not meant to measure anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from ..spectra.air_vacuum import air_to_vacuum
from ..spectra.at_rest import C_KM_S
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import LAMOST_GRID, WavelengthGrid
from . import _analytic_models as models
from .effects import INTERSTELLAR

__all__ = ["TYPES", "analytic_spectra", "analytic_star"]

TYPES = ("O", "B", "A", "F", "G", "K", "M", "white_dwarf", "hot_subdwarf", "qso", "galaxy")

_LETTERS = "OBAFGKM"
_VSINI = {"O": 120.0, "B": 130.0, "A": 90.0, "F": 20.0, "hot_subdwarf": 10.0}
"""Typical projected rotation in km/s; that of the other types cannot be seen at R = 1800."""


def _parse_kind(kind: str, subtype: float) -> tuple[str, float]:
    match = re.fullmatch(r"([OBAFGKM])(\d+(?:\.\d+)?)?[IV]*", kind)
    if match:
        return match[1], float(match[2]) if match[2] else subtype
    if kind not in TYPES:
        raise ValueError(f"kind must be one of {', '.join(TYPES)}, or as 'B2', not {kind!r}")
    return kind, subtype


def analytic_star(
    kind: str,
    wavelength: WavelengthGrid | np.ndarray,
    *,
    subtype: float = 5.0,
    vsini: float | None = None,
    rv: float = 0.0,
    a_v: float = 0.0,
    r_v: float = 3.1,
    redshift: float | None = None,
) -> np.ndarray:
    """Return the flux of a star (or QSO, or galaxy) of a type, without noise.

    Parameters
    ----------
    kind : str
        One of `TYPES`, or a letter with a subtype, as ``"O9.5"``.
    wavelength : WavelengthGrid or array, shape (n_pixels,)
        Vacuum wavelengths in Å, increasing.
    subtype : float
        From 0 to below 10; O stars begin near 3. Of white dwarfs 50,400 K / Teff; of hot
        subdwarfs from 0 (sdB, He I) to 9 (sdO, He II). Unused for QSO and galaxy.
    vsini : float, optional
        Projected rotation in km/s; by default typical of the type.
    rv : float
        Radial velocity in km/s.
    a_v, r_v : float
        Extinction in V (mag) by the curve of Gordon et al. (2023), with the interstellar lines and
        diffuse bands (4428, 5780, 6284 Å, ...) that come with it, at rest.
    redshift : float, optional
        Of a QSO (default 2) or a galaxy (default 0.08).

    Returns
    -------
    ndarray, shape (n_pixels,), float64
        Flux per Å, scaled to a median of 1.

    Raises
    ------
    ValueError
        If the kind is unknown.

    Notes
    -----
    Line strengths follow main-sequence stars. Rotation enters as a Gaussian of its own variance.
    """
    kind, subtype = _parse_kind(kind, subtype)
    if isinstance(wavelength, WavelengthGrid):
        wavelength = wavelength.wavelength
    wavelength = np.asarray(wavelength, dtype=float)
    rest = wavelength / (1 + rv / C_KM_S)
    vsini = _VSINI.get(kind, 0.0) if vsini is None else vsini
    if kind == "white_dwarf":
        flux = models.white_dwarf(rest, subtype)
    elif kind == "hot_subdwarf":
        flux = models.hot_subdwarf(rest, subtype, vsini)
    elif kind == "qso":
        flux = models.qso(rest, 2.0 if redshift is None else redshift)
    elif kind == "galaxy":
        flux = models.galaxy(rest, 0.08 if redshift is None else redshift)
    else:
        flux = models.normal_star(rest, 10 * _LETTERS.index(kind) + subtype, vsini)
    if a_v:
        flux = flux * _interstellar(wavelength, a_v, r_v)
    return flux / np.median(flux)


def _interstellar(wavelength: np.ndarray, a_v: float, r_v: float) -> np.ndarray:
    import astropy.units as u
    from dust_extinction.parameter_averages import G23

    depth = 0.4 * np.log(10) * a_v * G23(Rv=r_v)(wavelength * u.AA)
    excess = min(a_v / r_v, 1.5)  # the narrow lines saturate
    for air, fwhm, per_magnitude in INTERSTELLAR:
        centre = np.atleast_1d(air_to_vacuum(air))
        models.add_lines(depth, wavelength, centre, [per_magnitude * excess], fwhm / 2.3548, 0.0)
    return np.exp(-depth)


def _noise_shape(wavelength: np.ndarray, flux: np.ndarray) -> np.ndarray:
    """Return the relative standard deviation a pixel, as LAMOST's two arms give it."""
    blue = 1 / (1 + np.exp(-(wavelength - 4150) / 180))
    join = 1 - 0.55 * np.exp(-0.5 * ((wavelength - 5850) / 110) ** 2)
    throughput = (0.04 + blue) * join
    light = np.clip(flux * throughput, 1e-3, None)
    # Photons of the star, and of a sky that matters most where the star is faint.
    return np.sqrt(light + 0.15) / throughput


def _draw(kind: str, rng: np.random.Generator) -> dict:
    """Draw parameters of `analytic_star` as they occur in the survey's sky."""
    velocity = float(rng.normal(0, 40))
    if kind == "qso":
        return {"redshift": float(rng.uniform(0.3, 3.2))}
    if kind == "galaxy":
        return {"redshift": float(rng.uniform(0.02, 0.25))}
    first = {"O": 5.0, "white_dwarf": 2.0}.get(kind, 0.0)
    last = {"M": 5.0, "white_dwarf": 6.0}.get(kind, 9.5)
    a_v = {"O": rng.uniform(1, 5), "B": rng.uniform(0.3, 3)}.get(kind, rng.uniform(0, 0.8))
    vsini = _VSINI.get(kind, 0.0) * float(rng.uniform(0.3, 1.7))
    return {
        "subtype": round(float(rng.uniform(first, last)) * 2) / 2,
        "vsini": vsini,
        "rv": velocity,
        "a_v": 0.0 if kind == "white_dwarf" else float(a_v),
    }


def analytic_spectra(
    kinds: Iterable[str],
    rng: np.random.Generator,
    snr: float | np.ndarray = 40.0,
    *,
    grid: WavelengthGrid = LAMOST_GRID,
    first_obsid: int = 1,
) -> SpectrumBatch:
    """Draw spectra of the model over its parameters, observed with noise.

    Parameters
    ----------
    kinds : sequence of str
        One a spectrum: of `TYPES`, or a letter with its subtype as ``"O7"``.
    rng : numpy.random.Generator
    snr : float or array, shape (n,)
        Median S/N a pixel between 4000 and 5500 Å.
    grid : WavelengthGrid
    first_obsid : int
        The obsid of the first spectrum; the others follow.

    Returns
    -------
    SpectrumBatch
        With ``columns`` ``kind``, ``class_name`` (STAR, QSO or GALAXY) and ``subclass``, as LAMOST
        writes them. About one pixel in a hundred is masked. O and B stars lie behind dust,
        of A_V 1 to 5 and 0.3 to 3 mag.

    Raises
    ------
    ValueError
        If a kind is unknown.
    """
    kinds = list(kinds)
    n, wavelength = len(kinds), grid.wavelength
    snr = np.broadcast_to(np.asarray(snr, dtype=float), (n,))
    flux = np.empty((n, grid.n_pixels), dtype=np.float32)
    ivar = np.empty_like(flux)
    subclass = np.empty(n, dtype=object)
    band = (wavelength > 4000) & (wavelength < 5500)
    band = band if band.any() else np.ones_like(band)
    for i, kind in enumerate(kinds):
        letter, subtype = _parse_kind(kind, np.nan)
        parameters = _draw(letter, rng)
        if not np.isnan(subtype):
            parameters["subtype"] = subtype
        model = analytic_star(letter, wavelength, **parameters)
        noise = _noise_shape(wavelength, model)
        noise *= np.median((model / noise)[band]) / snr[i]
        scale = 20.0 * snr[i]  # counts: brighter stars have more of both
        flux[i] = scale * (model + noise * rng.standard_normal(grid.n_pixels))
        ivar[i] = (scale * noise) ** -2.0
        subclass[i] = _subclass(letter, parameters.get("subtype"))
    mask = rng.random(flux.shape) < 0.01
    flux[mask] = ivar[mask] = 0
    obsid = first_obsid + np.arange(n)
    ra, dec = rng.uniform(0, 360, n), rng.uniform(-10, 60, n)
    identity = {
        "obsid": obsid,
        "designation": np.array(
            [_designation(*place) for place in zip(ra, dec, strict=True)], object
        ),
        "ra": ra,
        "dec": dec,
        "snr_g": snr.copy(),
    }
    letters = [_parse_kind(kind, 0)[0] for kind in kinds]
    class_name = [{"qso": "QSO", "galaxy": "GALAXY"}.get(letter, "STAR") for letter in letters]
    columns = {
        "kind": np.array(letters, dtype=object),
        "class_name": np.array(class_name, dtype=object),
        "subclass": subclass,
    }
    return SpectrumBatch(grid, flux, ivar, mask, identity, columns=columns)


def _subclass(letter: str, subtype: float | None) -> str:
    if letter in _LETTERS:
        return f"{letter}{subtype:g}"
    return {"white_dwarf": "WD", "hot_subdwarf": "sdB" if (subtype or 0) < 5 else "sdO"}.get(
        letter, "Non"
    )


def _designation(ra: float, dec: float) -> str:
    """LAMOST's name of a place, as ``LAMOST J220923.69-020809.9``."""
    time, arc = round(ra / 15 * 360000) % 8640000, round(abs(dec) * 36000)
    return (
        f"LAMOST J{time // 360000:02d}{time // 6000 % 60:02d}{time / 100 % 60:05.2f}"
        f"{'-' if dec < 0 else '+'}{arc // 36000:02d}{arc // 600 % 60:02d}{arc / 10 % 60:04.1f}"
    )
