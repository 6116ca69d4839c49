"""Rows of a table, of whichever kind of table it is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from ..annotations import TableLike
from ..text import path_text

__all__ = ["columns_of", "number_in", "rare_class_of", "row_values", "rows_of_table", "text_in"]


def row_values(row: Any) -> dict[str, Any] | None:
    """Return the cells of a row by the names of its columns, or None if it is no row.

    Parameters
    ----------
    row : object
        A mapping, a row of an astropy table, a Series of pandas, a row of ``itertuples``, a record
        of a numpy array, a struct of pyarrow, or a table that has one row.

    Raises
    ------
    TypeError
        If it is a table of several rows, or of none.
    """
    if hasattr(row, "as_py"):
        row = row.as_py()
    if isinstance(row, Mapping):
        return {str(name): value for name, value in row.items()}
    if isinstance(row, np.void) and row.dtype.names:
        return {name: row[name] for name in row.dtype.names}
    if hasattr(row, "_asdict"):
        return row._asdict()
    if hasattr(row, "colnames") and hasattr(row, "as_void"):  # of astropy
        return {name: row[name] for name in row.colnames}
    if columns_of(row) is not None:
        rows = list(rows_of_table(row, 2))
        if len(rows) != 1:
            n = len(row)
            raise TypeError(f"a table of {n} rows is no spectrum: give one of them, as table[0]")
        return rows[0]
    if hasattr(row, "to_dict") and hasattr(row, "index"):  # a Series
        return {str(name): value for name, value in row.to_dict().items()}
    return None


def columns_of(table: TableLike) -> list[str] | None:
    """Return names of the columns of a table, or None if it is none.

    Parameters
    ----------
    table : object
        A table of astropy, a DataFrame, a table or batch of pyarrow, or a numpy array of records.
    """
    if hasattr(table, "as_void"):
        return None
    for attribute in ("colnames", "column_names"):
        if hasattr(table, attribute):
            return list(getattr(table, attribute))
    if isinstance(table, np.ndarray):
        return list(table.dtype.names) if table.dtype.names else None
    if _is_frame(table):
        return [str(name) for name in table.columns]
    return None


def _is_frame(table: TableLike) -> bool:
    return hasattr(table, "iterrows") and not hasattr(table, "colnames")


def rows_of_table(table: TableLike, number: int) -> Iterable[dict[str, Any]]:
    """Return the first rows of a table, or of a list of rows, each as `row_values` does.

    Raises
    ------
    TypeError
        If it is neither, or something in the list is no row.
    """
    if hasattr(table, "to_pylist"):
        return table.slice(0, number).to_pylist()
    given: Iterable
    if _is_frame(table):
        given = (row for _, row in table.iloc[:number].iterrows())
    elif columns_of(table) is not None:
        given = table[:number]
    elif isinstance(table, (str, bytes, Mapping)) or not isinstance(table, Iterable):
        raise TypeError(f"a {type(table).__name__} is no table of candidates")
    else:
        given = islice(table, number)
    rows = []
    for row in given:
        values = row_values(row)
        if values is None:
            raise TypeError(f"a {type(row).__name__} is no row of a table of candidates")
        rows.append(values)
    return rows


def number_in(values: Mapping[str, Any], name: str) -> float:
    """Return a number of a row; NaN where there is none, or the column is missing."""
    value = values.get(name)
    if value is None or value is np.ma.masked:
        return np.nan
    try:
        return float(getattr(value, "value", value))
    except (TypeError, ValueError):
        return np.nan


def text_in(values: Mapping[str, Any], name: str) -> str:
    """Return text of a row; empty where there is none, or the column is missing."""
    value = values.get(name)
    if value is None or value is np.ma.masked or isinstance(value, float):  # which may be NaN
        return ""
    if isinstance(value, (bytes, os.PathLike)):
        return path_text(value)
    return str(value)


def rare_class_of(names: Iterable[str]) -> str:
    """Return the rare class of a table, by the names of its columns; empty if it says none."""
    found = (re.fullmatch("p_(.+)_survey", name) for name in names)
    return next((match[1] for match in found if match), "")
