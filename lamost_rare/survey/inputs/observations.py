"""What a row of LAMOST's general catalogue says of one spectrum, and whether a file agrees."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...spectra.quality import SpectrumError
from ...spectra.raw import RawSpectrum
from ...text import printable
from ..errors import ScanError
from .values import numbers, plain_text, whole_numbers

__all__ = [
    "POSITION_TOLERANCE",
    "Observation",
    "choose_columns",
    "observation_columns",
    "read_observations",
]

POSITION_TOLERANCE = 3.0
"""Arcseconds by which the positions of a row and its file may differ; a LAMOST fibre sees 3.3."""

_ALIASES = {
    "ra": ("ra", "raj2000", "radeg", "objra"),
    "dec": ("dec", "dej2000", "dedeg", "objdec"),
    "class_name": ("class",),
    "snr_g": ("snrg",),
}
"""Names of columns, in lower case, for fields that are called otherwise; the releases and their
mirrors differ in those of the position."""

_PREFIXES = ("", "combined_", "catalogue_")
"""What the archive's query service puts before the names."""

_MISSING_OBSID = (-1, -9999)
_PLATE = ("lmjd", "planid", "spid", "fiberid")
_LONGEST_PLANID = 200
_LONGEST_TEXT = 64
_encode = json.JSONEncoder(separators=(",", ":")).encode


def choose_columns(names: list[str]) -> dict[str, int]:
    """Return which column of a catalogue, by its number, holds which field of an `Observation`.

    Raises
    ------
    ScanError
        If there is no OBSID, or two columns have the same name.
    """
    lower = [name.strip().lower() for name in names]
    chosen = {}
    for field in Observation._fields[:-1]:  # all but `contested`
        aliases = _ALIASES.get(field, (field,))
        wanted = [prefix + alias for prefix in _PREFIXES for alias in aliases]
        name = next((name for name in wanted if name in lower), None)
        if name is None:
            continue
        if lower.count(name) > 1:
            raise ScanError(f"two columns are called {name}: which one holds is not known")
        chosen[field] = lower.index(name)
    if "obsid" not in chosen:
        shown = [printable(name[:40]) for name in names[:8]] + ["..."] * (len(names) > 8)
        raise ScanError(f"has no column obsid (but {', '.join(shown) or 'nothing'})")
    return chosen


class Observation(NamedTuple):
    """A row of a general catalogue.

    Attributes
    ----------
    obsid : int
    lmjd, spid, fiberid : int
        Local modified Julian day, spectrograph, fibre; -1 where missing.
    planid : str
        Name of the plan of the plate; empty where missing.
    ra, dec, ra_obs, dec_obs : float
        Degrees, of the target and of the fibre; NaN where missing.
    class_name, subclass : str
        What LAMOST's pipeline takes it for.
    snr_g : float
        Signal-to-noise ratio in the g band; NaN where missing.
    contested : bool
        Whether an earlier row with another OBSID names the same file.
    """

    obsid: int
    lmjd: int = -1
    planid: str = ""
    spid: int = -1
    fiberid: int = -1
    ra: float = math.nan
    dec: float = math.nan
    ra_obs: float = math.nan
    dec_obs: float = math.nan
    class_name: str = ""
    subclass: str = ""
    snr_g: float = math.nan
    contested: bool = False

    @classmethod
    def from_text(cls, text: str) -> Observation:
        """Take apart what `to_text` wrote."""
        return cls(*json.loads(text))

    def to_text(self) -> str:
        """Return the row as text in ASCII."""
        return _encode(self)

    @property
    def missing(self) -> list[str]:
        """Return the parts of the plate's identity, and so of the file's name, that are missing."""
        return [name for name in _PLATE if getattr(self, name) in (-1, "")]

    @property
    def stem(self) -> str:
        """LAMOST's name of the file, up to its ending."""
        return f"spec-{self.lmjd}-{self.planid}_sp{self.spid:02d}-{self.fiberid:03d}"

    def check(self, raw: RawSpectrum) -> None:
        """Compare with the header of a file; one that has no OBSID is given that of the row.

        A file is that of the row if its OBSID is, or, where it has none, if LMJD, PLANID, SPID and
        FIBERID all are; and if its position, where both have one, is within `POSITION_TOLERANCE`
        of the row's target or fibre.

        Raises
        ------
        SpectrumError
            ``catalogue_mismatch``, with what both say.
        """
        found = raw.identity["obsid"]
        if found in _MISSING_OBSID:
            self._check_plate(raw)
            raw.identity["obsid"] = self.obsid
        elif found != self.obsid:
            raise _mismatch(raw, f"obsid is {found}, in the catalogue {self.obsid}")
        self._check_position(raw)

    def _check_plate(self, raw: RawSpectrum) -> None:
        for name in _PLATE:
            found, wanted = raw.header.get(name.upper(), ""), getattr(self, name)
            if found != wanted or found == "":
                found, wanted = (printable(str(v)) or "missing" for v in (found, wanted))
                raise _mismatch(
                    raw, f"obsid is missing, and its {name} is {found}, in the catalogue {wanted}"
                )
        if self.contested:
            raise _mismatch(
                raw, f"obsid is missing, in the catalogue it is {self.obsid} and, before, another"
            )

    def _check_position(self, raw: RawSpectrum) -> None:
        found = raw.identity["ra"], raw.identity["dec"]
        both = [(self.ra, self.dec), (self.ra_obs, self.dec_obs)]
        apart = [_separation(*found, *position) for position in both]
        apart = [value for value in apart if not math.isnan(value)]
        if apart and min(apart) > POSITION_TOLERANCE:
            position = both[0] if not math.isnan(self.ra + self.dec) else both[1]
            raise _mismatch(
                raw,
                f"position is {found[0]:.6f} {found[1]:+.6f}, in the catalogue "
                f"{position[0]:.6f} {position[1]:+.6f}: {min(apart):.1f} arcsec apart",
            )


def read_observations(columns: dict[str, Sequence], n_rows: int) -> list[Observation | str]:
    """Make rows of a catalogue from its columns, which are text or numbers by field.

    A row without a usable OBSID is a text that says what is wrong with it.
    """
    missing = [None] * n_rows

    def get(name):
        return columns.get(name, missing)

    def plate(name):
        return [-1 if n is None or n < 0 else n for n in whole_numbers(get(name))]

    values = {
        "obsid": whole_numbers(get("obsid")),
        "lmjd": plate("lmjd"),
        "planid": list(map(_plan, get("planid"))),
        "spid": plate("spid"),
        "fiberid": plate("fiberid"),
        "ra": numbers(get("ra"), 0, 360),
        "dec": numbers(get("dec"), -90, 90),
        "ra_obs": numbers(get("ra_obs"), 0, 360),
        "dec_obs": numbers(get("dec_obs"), -90, 90),
        "class_name": [plain_text(value)[:_LONGEST_TEXT] for value in get("class_name")],
        "subclass": [plain_text(value)[:_LONGEST_TEXT] for value in get("subclass")],
        "snr_g": numbers(get("snr_g"), -999, math.inf),
        "contested": [False] * n_rows,
    }
    rows = map(Observation._make, zip(*map(values.get, Observation._fields), strict=True))
    return [
        f"no usable obsid: {printable(repr(asked))[:80]}"
        if row.obsid is None or row.obsid in _MISSING_OBSID
        else row
        for row, asked in zip(rows, get("obsid"), strict=True)
    ]


def observation_columns(rows: list[Observation]) -> dict[str, np.ndarray]:
    """Return what the rows say as columns of a batch: those of `GENERAL_CATALOGUE`."""

    def text(values):
        column = np.empty(len(rows), dtype=object)
        column[:] = values
        return column

    return {
        "catalogue_class": text([row.class_name for row in rows]),
        "catalogue_subclass": text([row.subclass for row in rows]),
        "catalogue_snr_g": np.array([row.snr_g for row in rows], dtype=np.float64),
    }


def _mismatch(raw: RawSpectrum, what: str) -> SpectrumError:
    path = printable(raw.identity["path"])
    return SpectrumError("catalogue_mismatch", f"{path} is not the spectrum of the row: its {what}")


def _separation(ra: float, dec: float, other_ra: float, other_dec: float) -> float:
    """Return the angle between two positions in arcseconds (haversine formula), NaN if one is
    missing."""
    if math.isnan(ra + dec + other_ra + other_dec):
        return math.nan
    ra, dec, other_ra, other_dec = map(math.radians, (ra, dec, other_ra, other_dec))
    haversine = (
        math.sin((other_dec - dec) / 2) ** 2
        + math.cos(dec) * math.cos(other_dec) * math.sin((other_ra - ra) / 2) ** 2
    )
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(haversine)))) * 3600


def _plan(value) -> str:
    """Return a name of a plan; nothing if it cannot be part of a file's name."""
    text = plain_text(value)
    return "" if "/" in text or "\0" in text or len(text) > _LONGEST_PLANID else text
