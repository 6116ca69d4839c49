"""Rows of a catalogue that a table of anybody's names."""

from __future__ import annotations

import os
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..annotations import TableLike
from ..inference.arrow_files import open_parquet
from ..spectra.quality import QualityFlag
from ..survey.errors import ScanError
from ..survey.inputs.tables import open_table
from ..survey.inputs.values import plain_text, text_of, whole_numbers
from ..text import check_paths, first_line, printable
from .errors import ReportError
from .finished_scan import FinishedScan
from .row_values import columns_of

__all__ = ["Found", "columns_of_file", "look_up", "numbers_of_table"]

_COLUMNS = ("path", "obsid")
_ASTROPY = {".ecsv": "ascii.ecsv", ".vot": "votable", ".xml": "votable"}
_MOST_BYTES = 200 * 2**20
_MOST_NAMED = 1_000_000
_SHOWN = 3


class Found(NamedTuple):
    """Rows of a catalogue.

    Attributes
    ----------
    numbers : ndarray of int64
        In the order of the table, each once.
    name : str
        Of the table, for people.
    notes : list of str
        Which of its rows are not in the catalogue, for people.
    """

    numbers: np.ndarray
    name: str
    notes: list[str]


def numbers_of_table(scan: FinishedScan, table: TableLike) -> Found:
    """Find the rows of a catalogue that a table names, by ``path`` or, where that is not there or
    not in the catalogue, by ``obsid``.

    Parameters
    ----------
    scan : FinishedScan
    table : path, `astropy.table.Table`, `pyarrow.Table` or mapping of str to sequence
        A file is CSV, ECSV, FITS, Parquet or VOTable. It has a column ``obsid`` or ``path``, in
        letters of any case; others do not matter.

    Raises
    ------
    ReportError
        If it cannot be read, or has neither column.
    """
    if isinstance(table, (str, bytes, os.PathLike)):
        check_paths(rows=table)
        file = Path(os.fsdecode(table))
        name, columns = printable(file.name), columns_of_file(file)
    else:
        name, columns = "the given table", _columns_of_object(table)
    paths = list(map(_path, columns.get("path", ())))
    obsids = whole_numbers(list(columns.get("obsid", ())))
    n = max(len(paths), len(obsids))
    paths, obsids = paths or [""] * n, obsids or [None] * n
    by_path, by_obsid = look_up(scan, paths, obsids)
    numbers: dict[int, None] = {}
    lost, repeated = [], 0
    for path, obsid in zip(paths, obsids, strict=True):
        at_path = by_path.get(path) or by_path.get(path.strip(), {})
        number = at_path.get(obsid, next(iter(at_path.values()), by_obsid.get(obsid)))
        if number is None:
            lost.append(f"path {printable(path)}" if path else f"obsid {obsid}")
        elif number in numbers:
            repeated += 1
        else:
            numbers[number] = None
    notes = []
    if lost:
        shown = ", ".join(lost[:_SHOWN]) + (" and others" if lost[_SHOWN:] else "")
        notes.append(f"{len(lost)} of {n} rows of {name} are not in the catalogue: {shown}.")
    if repeated:
        notes.append(f"{repeated} of {n} rows of {name} repeat another one.")
    return Found(np.array(list(numbers), dtype=np.int64), name, notes)


def _columns_of_object(table: TableLike) -> dict[str, Sequence]:
    names: list[Any] | None = columns_of(table)
    if names is None:
        named: Any = getattr(table, "columns", table)
        names = list(named)
    chosen = _chosen(list(map(str, names)), "the given table")
    values = {field: table[names[i]] for field, i in chosen.items()}
    return {
        field: column.to_pylist() if hasattr(column, "to_pylist") else np.asarray(column).tolist()
        for field, column in values.items()
    }


def columns_of_file(path: Path, besides: Sequence[str] = ()) -> dict[str, Sequence]:
    """Return columns of a table by name: ``path`` and ``obsid``, as far as they are there, and all
    of ``besides``.

    Raises
    ------
    ReportError
        If it cannot be read, has neither path nor obsid, or lacks one of ``besides``.
    """
    shown = printable(path)
    try:
        with open(path, "rb"):  # what the system says of it, before what a library makes of that
            pass
        if path.suffix.lower() in _ASTROPY:
            return _by_astropy(path, besides)
        table = open_table(path)
        chosen = _chosen(table.names, shown, besides)
        rows: list[tuple] = []
        for piece in table.pieces(list(chosen.values())):
            rows += (row or (None,) * len(chosen) for row in piece)
            if len(rows) > _MOST_NAMED:
                raise ReportError(f"{shown} has more than {_MOST_NAMED} rows: give fewer")
    except ScanError as error:
        raise ReportError(str(error)) from None
    except OSError as error:
        raise ReportError(f"cannot read {shown}: {error.strerror or error}") from None
    return dict(zip(chosen, zip(*rows, strict=True), strict=True)) if rows else {}


def _by_astropy(path: Path, besides: Sequence[str]) -> dict[str, Sequence]:
    from astropy.table import Table

    shown = printable(path)
    if path.stat().st_size > _MOST_BYTES:
        raise ReportError(f"{shown} has more than {_MOST_BYTES >> 20} MB: give it as FITS or CSV")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = Table.read(path, format=_ASTROPY[path.suffix.lower()])
    except Exception as error:  # of many kinds
        raise ReportError(f"{shown} cannot be read: {printable(first_line(error))}") from None
    chosen = _chosen(table.colnames, shown, besides)
    return {field: table.columns[i].tolist() for field, i in chosen.items()}


def _path(value: object) -> str:
    """Return a path as a table of any program has it; empty if there is none."""
    if isinstance(value, str):
        return value
    return text_of(value) if isinstance(value, bytes) else plain_text(value)


def _chosen(names: list[str], shown: str, besides: Sequence[str] = ()) -> dict[str, int]:
    """Return which column is which."""
    lower = [name.strip().lower() for name in names]
    for name in besides:
        if name not in lower:
            raise ReportError(f"{shown} has no column {name}")
    chosen = {name: lower.index(name) for name in _COLUMNS if name in lower}
    if not chosen:
        there = ", ".join(printable(name[:40]) for name in names[:8]) or "nothing"
        raise ReportError(f"{shown} has neither obsid nor path among its columns (but {there})")
    return chosen | {name: lower.index(name) for name in besides}


def look_up(scan: FinishedScan, paths: list[str], obsids: list) -> tuple[dict, dict]:
    """Return the numbers of rows by path, for each by obsid, and by obsid alone.

    Paths of which the text is the same may be of several files. Of several rows with one obsid, the
    first that is not flagged as a repetition counts.
    """
    # Some programs fill text of FITS up with blanks, which may also be a part of a name.
    texts = [path.encode("utf-8", "replace").decode() for path in {*paths, *map(str.strip, paths)}]
    among = {
        "path": pa.array(texts, pa.string()),
        "obsid": pa.array([n for n in set(obsids) if n is not None and n != -1], pa.int64()),
    }
    by_path: dict[str, dict[int, int]] = defaultdict(dict)
    by_obsid: dict[int, int] = {}
    start = 0
    with open_parquet(scan.catalogue, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=[*_COLUMNS, "flags"]):
            named = pc.is_in(batch["path"], value_set=among["path"])
            single = pc.equal(pc.bit_wise_and(batch["flags"], int(QualityFlag.DUPLICATE_OBSID)), 0)
            numbered = pc.and_(pc.is_in(batch["obsid"], value_set=among["obsid"]), single)
            rows = pa.array(np.flatnonzero(pc.or_(named, numbered).to_numpy(zero_copy_only=False)))
            columns = batch["path"], batch["obsid"], named, numbered
            values = zip(
                rows.to_pylist(), *(c.take(rows).to_pylist() for c in columns), strict=True
            )
            for row, path, obsid, is_named, is_numbered in values:
                if is_named:
                    by_path[path].setdefault(obsid, start + row)
                if is_numbered:
                    by_obsid.setdefault(obsid, start + row)
            start += len(batch)
    return by_path, by_obsid
