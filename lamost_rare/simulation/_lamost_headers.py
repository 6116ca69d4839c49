"""Headers of simulated LAMOST files: the cards of real ones that any reader may look at."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral

from ..spectra._fits_cards import END, padded

__all__ = ["Facts", "header_block", "primary_cards", "table_cards"]

Card = tuple[str, str | float | None, str]
"""Key, value and comment."""


@dataclass
class Facts:
    """What the header of a simulated file says of its spectrum.

    Attributes
    ----------
    obsid, designation, ra, dec, lmjd, planid, spid, fiberid
        Identity; ra and dec in degrees. The early layout has no card for obsid.
    snr : five numbers
        S/N in u, g, r, i, z; NaN is written as -9999.
    class_name, subclass, z
        LAMOST's own classification.
    data_version : str or None
        DATA_V; by default that of a release with the file's layout.
    """

    obsid: int = -1
    designation: str = ""
    ra: float = 0.0
    dec: float = 0.0
    snr: Sequence[float] = (math.nan,) * 5
    class_name: str = "STAR"
    subclass: str = ""
    z: float = 0.0
    lmjd: int = 56000
    planid: str = "SIMULATED"
    spid: int = 1
    fiberid: int = 1
    data_version: str | None = None


def _format_value(value: str | float) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''").ljust(8) + "'"
    if isinstance(value, bool):
        return "T".rjust(20) if value else "F".rjust(20)
    if isinstance(value, Integral):
        return str(value).rjust(20)
    value = float(value)
    return repr(value if math.isfinite(value) else -9999.0).upper().rjust(20)


def _format_card(card: Card) -> bytes:
    key, value, comment = card
    if key in ("COMMENT", "") or value is None:
        text = f"{key:8s}{comment}"
    else:
        text = f"{key:8s}= {_format_value(value):20s} / {comment}"
    return text.encode("ascii", "replace")[:80].ljust(80)


def header_block(cards: Iterable[Card]) -> bytes:
    """Cards, each (key, value, comment), as a FITS header padded to whole blocks."""
    header = b"".join(map(_format_card, cards)) + END
    return header.ljust(padded(len(header)))


def _section(name: str) -> Card:
    return ("COMMENT", None, f"--------{name}")


def primary_cards(
    layout: str,
    n_pixels: int,
    bitpix: int,
    facts: Facts,
    file_name: str,
    coefficients: tuple[float, float],
    normalized: bool,
) -> list[Card]:
    """Return the cards of the primary header of one layout; ``coefficients`` are COEFF0 and 1."""
    coeff0, coeff1 = coefficients
    early, table = layout == "early", layout == "dr8plus"
    cards: list[Card] = [
        ("SIMPLE", True, "Primary Header created by MWRFITS"),
        ("BITPIX", 16 if table else bitpix, ""),
        # Real files of the last layout keep NAXIS1 and NAXIS2 although they have no axes.
        ("NAXIS", 0 if table else 2, "Number of array dimensions"),
        ("NAXIS1", n_pixels, ""),
        ("NAXIS2", 5, ""),
        ("EXTEND", True, ""),
        _section("FILE INFORMATION"),
        ("AUTHOR", "lamost-rare simulation", "Who compiled the information"),
        ("N_EXTEN", 2 if table else 1, "The amount of extension"),
    ]
    if early:
        cards += [
            ("EXTEN0", "Flux Inverse Subcontinuum Andmask Ormask", ""),
            ("MJD", str(facts.lmjd), "Local Modified Julian day"),
        ]
    else:
        cards += [
            ("FILENAME", file_name, ""),
            ("OBSID", int(facts.obsid), "Unique number ID of this spectrum"),
            ("DATA_V", facts.data_version, "Data release version"),
            ("LMJD", facts.lmjd, "Local Modified Julian Day"),
            ("MJD", facts.lmjd - 1, "Modified Julian Day"),
        ]
        if table:
            cards.append(("NORM", int(normalized), "1 if there is a normalized spectrum"))
        else:
            cards.append(("EXTEN0", "Flux, Inverse, Wavelength, Andmask, Ormask", ""))
    fiber = facts.fiberid
    cards += [
        ("ORIGIN", "simulated", "Not an observation"),
        _section("TELESCOPE PARAMETERS"),
        ("TELESCOP", "LAMOST", "GuoShouJing Telescope"),
        ("LONGITUD", 117.58, "[deg] Longitude of site"),
        ("LATITUDE", 40.39, "[deg] Latitude of site"),
        _section("OBSERVATION PARAMETERS"),
        ("PLANID", facts.planid, "Plan ID in use"),
        ("RA", float(facts.ra), "[deg] Right ascension of object"),
        ("DEC", float(facts.dec), "[deg] Declination of object"),
        ("DESIG", facts.designation, "Designation of LAMOST target"),
        ("FIBERID", str(fiber) if early else fiber, "Fiber ID of Object"),
        ("OBJTYPE", "Star", "Object type from input catalog"),
        ("RADECSYS", "FK5", "Equatorial coordinate system"),
        ("EQUINOX", 2000.0, "Equinox in years"),
        _section("SPECTROGRAPH PARAMETERS"),
        ("SPID", facts.spid, "Spectrograph ID"),
        _section("DATA REDUCTION PARAMETERS"),
        ("HELIO", True, "Heliocentric correction"),
        ("VACUUM", True, "Wavelengths are in vacuum"),
        ("NWORDER", 2, "Number of linear-log10 coefficients"),
        ("WFITTYPE", "LOG-LINEAR", "Linear-log10 dispersion"),
        ("COEFF0", coeff0, "Central wavelength (log10) of first pixel"),
        ("COEFF1", coeff1, "Log10 dispersion per pixel"),
        ("CRVAL1", coeff0, "Central wavelength (log10) of first pixel"),
        ("CD1_1", coeff1, "Log10 dispersion per pixel"),
        ("CRPIX1", 1, "Starting pixel (1-indexed)"),
        ("CTYPE1", "LINEAR", ""),
        ("DC-FLAG", 1, "Log-linear flag"),
        _section("SPECTRA ANALYSIS RESULTS"),
        ("CLASS", facts.class_name, "Class of object"),
        ("SUBCLASS", facts.subclass, "Subclass of object"),
        ("Z", float(facts.z), "Redshift of object"),
    ]
    for band, value in zip("UGRIZ", facts.snr, strict=True):
        key = f"SN_{band}" if early else f"SNR{band}"
        # Early files cap the S/N at 99.
        value = min(float(value), 99.0) if early else float(value)
        cards.append((key, value, f"SNR of {band.lower()} filter"))
    return cards


def table_cards(columns: Sequence[str], n_pixels: int, letter: str) -> list[Card]:
    """Return the cards of a COADD table of one row: ``columns``, each of ``n_pixels`` numbers."""
    width = n_pixels * len(columns) * (4 if letter == "E" else 8)
    cards: list[Card] = [
        ("XTENSION", "BINTABLE", "Binary table written by MWRFITS"),
        ("BITPIX", 8, "Required value"),
        ("NAXIS", 2, "Required value"),
        ("NAXIS1", width, "Number of bytes per row"),
        ("NAXIS2", 1, "Number of rows"),
        ("PCOUNT", 0, "Normally 0 (no varying arrays)"),
        ("GCOUNT", 1, "Required value"),
        ("TFIELDS", len(columns), "Number of columns in table"),
        ("EXTNAME", "COADD", "The extension name"),
    ]
    cards += [(f"TTYPE{i}", name, "") for i, name in enumerate(columns, 1)]
    cards += [(f"TFORM{i}", f"{n_pixels}{letter}", "") for i in range(1, len(columns) + 1)]
    return cards
