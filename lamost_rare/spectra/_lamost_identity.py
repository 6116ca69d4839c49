"""Who a LAMOST spectrum is of, and what else its header says, from its cards."""

from __future__ import annotations

import math

from .quality import QualityFlag

__all__ = ["header_of", "identity_of", "number_of"]

_SNR = tuple((f"SNR{band}", f"SN_{band}") for band in "UGRIZ")
_MISSING_IDENTITY = int(QualityFlag.MISSING_IDENTITY)


def number_of(cards: dict, *names: str) -> float:
    """Return the first of the cards that is there as a number; NaN for none, text, sentinels."""
    for name in names:
        if name in cards:
            try:
                value = float(cards[name])
            except (ValueError, OverflowError):
                return math.nan
            return value if math.isfinite(value) and value > -999 else math.nan
    return math.nan


def _whole(cards: dict, *names: str) -> int:
    """Return the first usable one of the cards as an int (some files have it as text), else -1."""
    for name in names:
        value = cards.get(name)
        if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
            value = int(value)
        elif isinstance(value, float) and value.is_integer():
            value = int(value)
        # The least int64 stands for "none" in programs that others write.
        if type(value) is int and -(2**63) < value < 2**63:
            return value  # negative ones do occur: an OBSID of -28762 is in DR5
    return -1


def identity_of(cards: dict, path: str) -> tuple[dict, int]:
    """Return the attribute ``identity`` of a `RawSpectrum`, and the flags that follow from it."""
    ra, dec = number_of(cards, "RA"), number_of(cards, "DEC")
    obsid = _whole(cards, "OBSID")
    identity = {
        "path": path,
        "obsid": obsid,
        "designation": str(cards.get("DESIG", "")).strip(),
        "ra": ra if 0 <= ra <= 360 else math.nan,
        "dec": dec if -90 <= dec <= 90 else math.nan,
        # 99 is no sentinel here: early files write it for every S/N of 99 and above.
        "snr_g": number_of(cards, "SNRG", "SN_G"),
    }
    return identity, _MISSING_IDENTITY if obsid == -1 else 0


def header_of(cards: dict, layout: str) -> dict:
    """Return the attribute ``header`` of a `RawSpectrum`: see `read_lamost`."""
    header: dict[str, str | int | float] = {
        name: str(cards[name]).strip()
        for name in ("CLASS", "SUBCLASS", "DATA_V", "PLANID")
        if name in cards
    }
    # The earliest files have no LMJD: their MJD is the local one. Later files have both.
    lmjd = ("LMJD", "MJD") if layout == "early" else ("LMJD",)
    for name, keys in (("LMJD", lmjd), ("SPID", ("SPID",)), ("FIBERID", ("FIBERID",))):
        value = _whole(cards, *keys)
        if value >= 0:
            header[name] = value
    if "Z" in cards:
        header["Z"] = number_of(cards, "Z")
    for name, early_name in _SNR:
        if name in cards or early_name in cards:
            header[name] = number_of(cards, name, early_name)
    return header
