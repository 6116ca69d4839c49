"""What one column of a table is."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

__all__ = ["Column"]


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

    Raises
    ------
    ValueError
        If the name or the type is one that some table format cannot hold.

    Examples
    --------
    >>> from lamost_rare.pipeline import Column
    >>> Column("mean_snr", "f4", "mean S/N a pixel", format=".1f").numpy_dtype
    dtype('float32')
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
