"""`show_candidates`: a table of candidates with small pictures, for notebooks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from html import escape
from typing import Any, NamedTuple

import numpy as np

from ..annotations import PathLike, TableLike
from ..errors import LamostRareError
from ..inference.columns import columns_of_catalogue
from ..preset_config import Evidence
from ..spectra.quality import QualityFlag
from ..spectra.raw import RawSpectrum
from ..text import first_line, printable
from .choosing import choose
from .close_ups import close_ups, lines_named
from .errors import NothingToShowError
from .finished_scan import open_scan
from .headline import name_of
from .line_sets import ShownLine, few_lines
from .one_spectrum import one_spectrum
from .row_values import columns_of, number_in, rare_class_of, rows_of_table
from .small_pictures import spectrum_svg
from .sources import open_sources, read_spectra

__all__ = ["CandidateGallery", "show_candidates"]

MOST = 200
"""Rows that are shown: some 9 kB each, which stay in a notebook's file."""
_USUAL = ("snr_g", "novelty", "o_subtype", "velocity", "flags")
_LONGEST_CELL = 80


class _Shown(NamedTuple):
    """A row as it is shown."""

    name: str
    cells: dict[str, str]
    picture: str
    note: str


class CandidateGallery:
    """Candidates with small pictures; shown by itself in a notebook.

    Attributes
    ----------
    title : str
    """

    def __init__(self, title: str, rows: Sequence[_Shown], columns: Sequence[str]):
        self.title = title
        self._rows = tuple(rows)
        self._columns = tuple(map(printable, columns))

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        if not self._rows:
            return self.title
        heads = ["", *self._columns]
        table = [heads, *([row.name, *row.cells.values()] for row in self._rows)]
        widths = [max(len(line[i]) for line in table) for i in range(len(heads))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            + (f"  ({row.note})" if row and row.note else "")
            for line, row in zip(table, [None, *self._rows], strict=True)
        ]
        return "\n".join([self.title, *lines])

    def _repr_html_(self) -> str:
        """Return the table as HTML that needs nothing else and follows the colours around it."""
        cell = (
            "padding:4px 10px;text-align:left;vertical-align:middle;white-space:nowrap;"
            "border-top:1px solid #8888"
        )
        head = "".join(
            f'<th scope="col" style="{cell}">{escape(name)}</th>'
            for name in ("spectrum", *self._columns)
        )
        body = "".join(
            f'<tr style="background:transparent"><th scope="row" style="{cell};font-weight:normal">'
            f"<div>{escape(row.name)}</div>{row.picture}<div>{escape(row.note)}</div></th>"
            + "".join(f'<td style="{cell}">{escape(text)}</td>' for text in row.cells.values())
            + "</tr>"
            for row in self._rows
        )
        return (
            '<div style="overflow-x:auto"><table style="border-collapse:collapse">'
            f'<caption style="caption-side:top;text-align:left">{escape(self.title)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


def show_candidates(
    table_or_scan: Any, number: int = 20, columns: Iterable[str] | None = None
) -> CandidateGallery:
    """Show candidates in a notebook: each with its spectrum and three of the lines that decide.

    Parameters
    ----------
    table_or_scan : path or table
        The directory that a scan wrote, of which the candidates are shown in their order; or a
        table of astropy, pandas or pyarrow with a column ``path`` (as ``classify_spectra`` gives
        it), or a list of its rows.
    number : int
        How many rows are shown, from the first on: 1 to 200.
    columns : iterable of str, optional
        Names of columns beside the pictures. By default class, probability, S/N, novelty, subtype,
        velocity and flags, those of them that there are.

    Returns
    -------
    CandidateGallery
        What a notebook shows of it is HTML without scripts, some 9 kB a row; ``print`` gives text.
        A spectrum that is not there any more has a line that says so.

    Raises
    ------
    ReportError
        If the directory holds no finished scan.
    TypeError, ValueError
        If it is no table, there is no such column, or ``number`` is not allowed.

    Examples
    --------
    >>> from lamost_rare import show_candidates
    >>> gallery = show_candidates("demo-output/candidates", number=3)
    >>> print(str(gallery).count("\\n") > 2)
    True
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST:
        raise ValueError(f"number must be a whole number from 1 to {MOST}, not {number!r}")
    if isinstance(columns, str):
        raise TypeError(f"columns must be a list of names, as [{columns!r}]")
    if isinstance(table_or_scan, (str, bytes, os.PathLike)):
        given = _of_scan(table_or_scan, number)
    elif hasattr(table_or_scan, "output"):  # what a scan returns
        given = _of_scan(table_or_scan.output, number)
    else:
        given = _of_table(table_or_scan, number)
    shown = _columns(given, columns)
    lines = lines_named(few_lines(given.rare, given.evidence))
    rows = [
        _shown(values, found, shown, lines)
        for values, found in zip(given.rows, given.spectra, strict=True)
    ]
    return CandidateGallery(given.title, rows, shown)


class _Given(NamedTuple):
    """What is to be shown."""

    title: str
    rows: list[dict[str, Any]]
    spectra: Iterable[tuple[RawSpectrum | None, str]]
    names: list[str]
    rare: str
    evidence: Evidence | None = None


def _of_scan(folder: PathLike, number: int) -> _Given:
    scan = open_scan(folder)
    where = printable(scan.folder)
    try:
        chosen = choose(scan).rows
    except NothingToShowError:
        return _Given(f"no candidates in {where}", [], [], scan.columns, scan.rare_class)
    table = chosen.slice(0, number)
    spectra: list[tuple[RawSpectrum | None, str]] = [(None, "")] * len(table)
    for seen in read_spectra(scan, table, open_sources(scan)):
        spectra[seen.row] = seen.raw, seen.changed if seen.raw else seen.missing
    title = f"{_counted(len(table), len(chosen), 'candidate')} in {where}"
    rows = table.to_pylist()
    return _Given(title, rows, spectra, table.column_names, scan.rare_class, scan.evidence)


def _of_table(table: TableLike, number: int) -> _Given:
    rows = list(rows_of_table(table, number))
    names = columns_of(table) or list(dict.fromkeys(name for row in rows for name in row))
    if rows and "path" not in names:
        raise ValueError("the table has no column 'path', which says where its spectra are")
    title = _counted(len(rows), len(table) if hasattr(table, "__len__") else len(rows), "row")
    spectra = (_read(row) for row in rows)
    return _Given(title, rows, spectra, names, rare_class_of(names) or "O")


def _counted(shown: int, n: int, what: str) -> str:
    plural = what if n == 1 else f"{what}s"
    return f"{n} {plural}" if shown == n else f"the first {shown} of {n} {plural}"


def _read(row: dict[str, Any]) -> tuple[RawSpectrum | None, str]:
    try:
        return one_spectrum(row).raw, ""
    except (LamostRareError, ValueError) as error:
        return None, first_line(error)


def _columns(given: _Given, columns: Iterable[str] | None) -> list[str]:
    if columns is None:
        wanted = ["prediction", f"p_{given.rare}_survey", f"p_{given.rare}", *_USUAL]
        there = [name for name in wanted if any(_cell(row, name) for row in given.rows)]
        if f"p_{given.rare}_survey" in there:  # the number to quote
            there = [name for name in there if name != f"p_{given.rare}"]
        return there
    names, columns = list(map(str, given.names)), list(columns)
    for name in columns:
        if names and name not in names:
            close = get_close_matches(str(name), names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names[:8])}, …"
            raise ValueError(f"columns: the table has no '{printable(name)}'; {hint}")
    return columns


def _shown(
    values: dict[str, Any],
    found: tuple[RawSpectrum | None, str],
    columns: Sequence[str],
    lines: Sequence[ShownLine],
) -> _Shown:
    cells = {name: _cell(values, name) for name in columns}
    raw, note = found
    name = name_of(values, raw)
    if raw is None:
        return _Shown(name, cells, "", f"no spectrum: {printable(note)}")
    return _Shown(name, cells, spectrum_svg(raw, close_ups(raw, lines), name), printable(note))


def _cell(values: Mapping[str, Any], name: str) -> str:
    """Return a cell as people read it; empty where nothing was measured."""
    value = values.get(name)
    if name == "flags":
        bits = number_in(values, name)
        flags = QualityFlag(int(bits)) if bits > 0 else QualityFlag(0)
        return ", ".join((flag.name or "").lower().replace("_", " ") for flag in flags)
    if value is None or value is np.ma.masked:
        return ""
    number = number_in(values, name)
    if not np.isnan(number) and not isinstance(value, (str, bytes, bool, np.bool_)):
        error = number_in(values, f"{name}_err")
        return _formatted(name, getattr(value, "value", value)) + (
            "" if np.isnan(error) else f" ± {_formatted(name, error)}"
        )
    if isinstance(getattr(value, "value", value), float):  # not a number
        return ""
    return printable(value)[:_LONGEST_CELL]


def _formatted(name: str, number: float) -> str:
    """Return a number as the catalogue shows it; one of another column with four digits."""
    if isinstance(number, (int, np.integer)):
        return str(number)
    return format(float(number), _formats().get(name) or ".4g").replace("-", "−")


@cache
def _formats() -> dict[str, str | None]:
    found = {column.name: column.format for column in columns_of_catalogue(("O",), "O")}
    return found
