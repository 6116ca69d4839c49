"""What a FITS file is that is no low-resolution spectrum of LAMOST: files of others, by structure.

Data models: https://data.sdss.org/datamodel (SDSS, BOSS, APOGEE),
https://desidatamodel.readthedocs.io (DESI), https://docs.datacentral.org.au (GALAH, GAMA).
"""

from __future__ import annotations

from ._fits_cards import CARD, find_end, padded, value_match, value_of
from ._lamost_layout import data_bytes, extensions
from .quality import SpectrumError

__all__ = ["other_survey"]

_LAMOST = ("LAMOST", "GSJT", "GUOSHOUJING")


def other_survey(data: bytes) -> SpectrumError | None:
    """Return the error for a file of another survey or telescope; None if it does not tell."""
    primary: dict = {}
    names: list[str] = []
    try:
        primary = _cards(data, 0)
        start = padded(find_end(data, 0))
        start += padded(data_bytes(primary))
        for cards, _, _ in extensions(data, start, _cards):
            names.append(_text(cards, "EXTNAME"))
    except SpectrumError:
        pass  # what was found before it may do
    survey = _survey(primary, names)
    if survey is None:
        return None
    return SpectrumError("other_survey", f"is no LAMOST spectrum but one of {survey}")


def _cards(data: bytes, start: int) -> dict:
    """Return all cards with a value."""
    values: dict = {}
    for position in range(start, find_end(data, start), CARD):
        match = value_match(data[position + 8 : position + CARD])
        if match:
            name = data[position : position + 8].decode("ascii", "replace").rstrip(" ")
            values.setdefault(name, value_of(match))
    return values


def _text(cards: dict, name: str) -> str:
    value = cards.get(name)
    return value.strip().upper() if isinstance(value, str) else ""


def _survey(primary: dict, names: list[str]) -> str | None:
    telescope, survey, origin = (_text(primary, key) for key in ("TELESCOP", "SURVEY", "ORIGIN"))
    if telescope.startswith(_LAMOST):
        return None
    if "APOGEE" in survey or _text(primary, "SFILE1").startswith(("APVISIT", "ASVISIT")):
        return "APOGEE"
    if survey == "SDSS-V" or {"V_ASTRA", "SDSS_ID"} <= primary.keys():
        return "SDSS-V"
    if telescope.startswith("SDSS 2.5-M"):
        return "SDSS or BOSS"
    if "FIBERMAP" in names and {"B_FLUX", "R_FLUX", "Z_FLUX"} & set(names):
        return "DESI"
    for known in ("GALAH", "GAMA"):
        if known in origin:
            return known
    for key, value in (("SURVEY", survey), ("TELESCOP", telescope)):
        if value:
            return f"another survey ({key} = {value[:40]!r})"
    return None
