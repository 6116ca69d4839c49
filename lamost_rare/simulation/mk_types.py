"""MK types: their numbers, the types of O stars as revised, and the populations of a survey that
they belong to.

``revised_types.csv`` has types from the Galactic O-Star Spectroscopic Survey (Sota et al. 2011,
ApJS 193, 24; 2014, ApJS 211, 10; Maíz Apellániz et al. 2016, ApJS 224, 4), which defines O9.7 for
all luminosity classes: many an old B0 became O9.7. It holds the stars of which the new type was
certain when it was written; others keep the type of their library. It was written by hand: before
you quote a type, look it up in the source.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

import numpy as np

__all__ = ["POPULATIONS", "is_border", "population_of", "revised_types", "subtype_number"]

POPULATIONS = {
    "O3-O8.5": ("O",),
    "O9-O9.7": ("O",),
    "B0-B0.5": ("B",),
    "B1-B2.5": ("B",),
    "B3-B9": ("B",),
    "hot_subdwarf": ("hot_subdwarf",),
    "white_dwarf": ("white_dwarf",),
    "other": ("other",),
    "A-M": ("A", "F", "G", "K", "M"),
}
"""Populations of a survey in which O stars are looked for, with the classes of their members."""

# A zero stands for the letter O in some libraries; N and C mark nitrogen and carbon.
_TYPE = re.compile(
    r"\s*([OB0])[NC]?\s*([0-9](?:\.[0-9]+)?)(?![0-9])"
    r"(?::?\s*[-/]\s*([OB]?)[NC]?\s*([0-9](?:\.[0-9]+)?)(?![0-9]))?"
)
_COOLER = re.compile(r"\s*[AFGKM]")


def subtype_number(mk_type: object) -> float:
    """Return the number of an MK type: 9.5 for O9.5, 10.5 for B0.5.

    Of a range, as "O3.5-4" or "B0.5/1", it is the middle; of two stars it is that of the first.
    NaN for a type without a number, and for any but O and B.

    >>> subtype_number("ON9.2V"), subtype_number("09Ib"), subtype_number("B0.5/1 V")
    (9.2, 9.0, 10.75)
    """
    found = _TYPE.match(str(mk_type).upper())
    if not found:
        return np.nan
    letter, first, other_letter, second = found.groups()
    low = float(first) + 10 * (letter == "B")
    if second is None:
        return low
    high = float(second) + 10 * ((other_letter or letter) == "B")
    return (low + high) / 2


def is_border(mk_type: object) -> bool:
    """Return whether a type is at the border of O and B: later than O9.5, up to B0.5."""
    return bool(9.5 < subtype_number(mk_type) <= 10.5)


def population_of(label: str, mk_type: str, rare_class: str) -> str:
    """Return the population of a survey that a spectrum belongs to, or "" if it has no class.

    Parameters
    ----------
    label : str
        Class. It decides between O and B, whatever the type says.
    mk_type : str
        Without a number the frequent case is meant: O9-O9.7 of O stars, B3-B9 of B stars. A class
        B with a type of A or later is of a survey that does not know B stars, and whose spectrum
        shows helium: B1-B2.5.
    rare_class : str
        Any other than O has its classes for populations.

    Returns
    -------
    str
        One of `POPULATIONS`; another class is a population by itself.
    """
    if rare_class != "O" or label not in ("O", "B"):
        late = rare_class == "O" and label in POPULATIONS["A-M"]
        return "A-M" if late else str(label)
    subtype = subtype_number(mk_type)
    if label == "O":
        return "O3-O8.5" if subtype < 9 else "O9-O9.7"
    if subtype <= 10.5:
        return "B0-B0.5"
    return "B1-B2.5" if subtype < 13 or _COOLER.match(str(mk_type)) else "B3-B9"


@cache
def revised_types() -> dict[str, str]:
    """Return the revised type of each star, by its name as `simulation.labels.star_name` gives it.

    Sources stand in ``revised_types.csv``, in the folder of this module.
    """
    text = files(__package__).joinpath("revised_types.csv").read_text(encoding="utf-8")
    return {row["star"]: row["type"] for row in csv.DictReader(text.splitlines())}
