"""Who a Spectrum object is, from its ``meta``."""

from __future__ import annotations

import math
from collections.abc import Mapping

from .quality import QualityFlag

__all__ = ["HEADER_CARDS", "META_KEY", "identity_from_meta", "kept_flags"]

META_KEY = "lamost_rare"
"""Key of ``Spectrum.meta`` under which our loader and `to_spectrum` keep identity and flags."""

HEADER_CARDS = {
    "obsid": ("OBSID",),
    "designation": ("DESIG", "DESIGNATION"),
    "ra": ("RA", "PLUG_RA"),
    "dec": ("DEC", "PLUG_DEC"),
    "snr_g": ("SNRG", "SN_G"),
}
"""The cards of each identity column; under the first of them our loader writes it."""

_KEPT_CARDS = (
    *("CLASS", "SUBCLASS", "DATA_V", "PLANID", "LMJD", "SPID", "FIBERID", "Z"),
    *("SNRU", "SNRG", "SNRR", "SNRI", "SNRZ"),
)

_KEPT_FLAGS = int(QualityFlag.NO_IVAR | QualityFlag.BAD_IVAR)


def identity_from_meta(meta) -> tuple[dict, dict]:
    """Return the identity of an object, and cards worth keeping.

    Parameters
    ----------
    meta : dict or None
        ``meta["lamost_rare"]["identity"]`` counts first, as our loader and `to_spectrum` write it;
        then the cards of ``meta["header"]``. Values that make no sense count as missing.

    Returns
    -------
    identity : dict
        All keys of `~lamost_rare.spectra.batch.IDENTITY_DTYPES`.
    header : dict
        Further cards, with upper-case keys.
    """
    own = _mapping(_mapping(_mapping(meta).get(META_KEY)).get("identity"))
    header = _mapping(_mapping(meta).get("header"))

    def find(name):
        if name in own:
            return own[name]
        return next((header[key] for key in HEADER_CARDS.get(name, ()) if key in header), None)

    ra, dec = _number(find("ra")), _number(find("dec"))
    identity = {
        "path": _text(find("path")),
        "obsid": _whole(find("obsid")),
        "designation": _text(find("designation")),
        "ra": ra if 0 <= ra <= 360 else math.nan,
        "dec": dec if -90 <= dec <= 90 else math.nan,
        "snr_g": _number(find("snr_g")),
    }
    return identity, {key: header[key] for key in _KEPT_CARDS if key in header}


def kept_flags(meta) -> int:
    """Return the bits that our loader or `to_spectrum` noted and the arrays no longer show."""
    flags = _whole(_mapping(_mapping(meta).get(META_KEY)).get("flags"))
    return flags & _KEPT_FLAGS if flags > 0 else 0


def _mapping(value) -> Mapping:
    # astropy's Header behaves as a mapping without being registered as one.
    return value if isinstance(value, Mapping) or hasattr(value, "cards") else {}


def _text(value) -> str:
    return str(value).strip() if isinstance(value, str) else ""


def _number(value) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) and number > -9000 else math.nan


def _whole(value) -> int:
    try:
        number = int(value)
        if isinstance(value, float) and number != value:
            return -1
    except (TypeError, ValueError, OverflowError):
        return -1
    return number if -(2**63) < number < 2**63 else -1
