"""What the columns of a table of completeness hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["described"]

_DESCRIPTIONS = {
    "by": "what the bins are of",
    "bin": "the bin",
    "snr_min": "least S/N (g)",
    "snr_max": "S/N (g) below which it is",
    "snr": "S/N (g)",
    "a_v": "extinction",
    "subtype": "9.5 for O9.5",
    "completeness": "part of the rare class that is found",
    "low": "5th percentile over samples of stars",
    "high": "95th percentile over samples of stars",
    "spectra": "spectra tried",
    "stars": "stars that they are of",
}


def described(table: QTable) -> QTable:
    """Return the table with descriptions and formats of its columns."""
    for name in table.colnames:
        table[name].info.description = _DESCRIPTIONS[name]
        if name in ("completeness", "low", "high"):
            table[name].info.format = ".3f"
    return table
