"""What is known of a column of the catalogue; steps say it of those that they add."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ..spectra.lines import LINES
from .rows import column_description, column_format, column_ucd, column_unit

__all__ = ["Column", "documented_column", "evidence_columns"]


@dataclass(frozen=True)
class Column:
    """A column of the catalogue.

    Attributes
    ----------
    name : str
        Letters, digits and ``_``, so that every table format can hold it.
    dtype : type or str
        As numpy takes it, or ``str`` for text.
    description : str
        What it holds, in a few words.
    unit : str, optional
        In astropy's notation.
    format : str, optional
        How values are shown, as Python formats them: ``.3f``.
    ucd : str, optional
        What it is in the words of the Virtual Observatory (UCD1+), for VOTables.
    """

    name: str
    dtype: type | str = "f8"
    description: str = ""
    unit: str | None = None
    format: str | None = None
    ucd: str | None = None

    def __post_init__(self):
        if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", self.name):
            raise ValueError(f"a column cannot be called {self.name!r}: use letters, digits and _")
        if np.dtype(self.dtype).kind not in "biufU":
            raise ValueError(f"column {self.name!r} cannot hold {self.dtype!r}")

    @property
    def numpy_dtype(self) -> np.dtype:
        """The type of the values; ``object`` stands for text."""
        dtype = np.dtype(self.dtype)
        return np.dtype(object) if dtype.kind == "U" else dtype


def documented_column(name: str, dtype) -> Column:
    """A column that every catalogue may have, with what is known of it there."""
    dtype = str if dtype is object else dtype
    notes = (f(name) for f in (column_description, column_unit, column_format, column_ucd))
    return Column(name, dtype, *notes)


def evidence_columns() -> list[Column]:
    """The columns of line evidence, which readers measure."""
    names = [f"ew_{line}{suffix}" for line in LINES for suffix in ("", "_err")]
    return [documented_column(name, "f4") for name in names]
