"""The table of `classify_spectra` as a file or as lines for a terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..atomic import atomic_path
from ..errors import LamostRareError
from ..spectra.quality import QualityFlag
from ..text import check_paths, printable
from ..wording import named

__all__ = ["OutputError", "check_output", "terminal_lines", "write_table"]


_SUFFIXES = (".csv", ".ecsv", ".fits", ".parquet", ".vot")


class OutputError(LamostRareError, ValueError):
    """An output file that cannot be written as asked.

    Examples
    --------
    >>> from lamost_rare.inference.output import check_output
    >>> check_output("table.xlsx")
    Traceback (most recent call last):
        ...
    lamost_rare.inference.output.OutputError: table.xlsx: the suffix must be one of .csv, ...
    """


def check_output(path, *, overwrite: bool = False) -> None:
    """Find out before the work whether the result can be written; the suffix decides the format.

    Raises
    ------
    OutputError
        If not, with what to change.
    """
    check_paths(path=path)
    path = Path(path)
    shown = printable(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise OutputError(f"{shown}: the suffix must be one of {', '.join(_SUFFIXES)}")
    if path.is_dir():
        raise OutputError(f"{shown} is a directory")
    if path.exists() and not overwrite:
        raise OutputError(f"{shown} exists already; {named('overwrite', True)} replaces it")
    if not path.parent.is_dir():
        raise OutputError(f"{shown}: there is no directory {printable(path.parent)}")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{shown}: {printable(path.parent)} is not writable")


def write_table(table, path, *, overwrite: bool = False) -> None:
    """Write the table of `classify_spectra`, completely or not at all.

    Raises
    ------
    OutputError
        As `check_output`.
    OSError
        If writing fails; an earlier file of that name is then as it was.
    """
    from astropy.table import Table

    check_output(path, overwrite=overwrite)
    plain = Table(table, copy=False)
    plain.meta = {k: v for k, v in table.meta.items() if k != "rejected"}
    with atomic_path(Path(path).absolute()) as temporary:
        _write(plain, temporary, Path(path).suffix.lower())


def _write_csv(rows, names: list[str], path) -> None:
    from astropy.table import MaskedColumn, Table

    from .arrow import for_spreadsheets

    cells = Table()
    for name, column in zip(names, for_spreadsheets(rows).columns, strict=True):
        values = column.to_numpy()
        if column.null_count:
            values = MaskedColumn(values, mask=np.isnan(values))  # an empty cell
        cells[name] = values.astype(str) if values.dtype.kind == "O" else values
    cells.write(path, format="ascii.csv", overwrite=True)


def _write(table, path, suffix: str) -> None:
    from .arrow import arrow_table, parquet_writer
    from .table_formats import WRITERS, Rows

    rows = arrow_table(table)
    if suffix == ".csv":
        _write_csv(rows, table.colnames, path)
    elif suffix == ".parquet":
        with open(path, "wb") as file, parquet_writer(file, rows.schema, table.meta) as write:
            write(rows)
    else:
        WRITERS[suffix](Rows.of_table(rows, table.meta), path, "catalogue")


def terminal_lines(table) -> Iterator[str]:
    """Yield a compact, aligned table for people: one line a spectrum, below a heading.

    Lines have no control characters.
    """
    rare = table.meta["rare_class"]
    odds = "expected" in table.meta  # p_<rare> ranks, but it is the other that says how surely
    column = f"p_{rare}_survey" if odds else f"p_{rare}"
    heading = f"p({rare}, survey)" if odds else f"p({rare})"
    rows = [("prediction", heading, "candidate", "S/N(g)", "flags", "path")]
    for path, prediction, p, candidate, snr, flags in zip(
        table["path"],
        table["prediction"],
        table[column],
        table["candidate"],
        table["snr_g"],
        table["flags"],
        strict=True,
    ):
        rows.append(
            (
                str(prediction) or "-",
                "-" if np.isnan(p) else f"{p:.4f}",
                "yes" if candidate else "",
                "-" if np.isnan(snr) else f"{snr:{'.1f' if abs(snr) < 1e6 else '.0e'}}",
                "|".join(str(flag.name) for flag in QualityFlag if flags & flag) or "-",
                printable(path) or "-",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if i in (1, 3) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
