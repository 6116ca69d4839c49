"""Which rows of a scan are looked at, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..annotations import TableLike
from ..inference.arrow_files import arrow_file, open_parquet
from ..inference.calibration import EVIDENCE
from ..survey.candidates import rank_candidates
from ..text import printable
from ..wording import named
from .errors import NothingToShowError, ReportError
from .finished_scan import FinishedScan, clear_errors, take_rows
from .rows_of_table import numbers_of_table
from .where import parse_condition

__all__ = ["MOST_ROWS", "Chosen", "choose"]

MOST_ROWS = 20_000
"""A page of so many takes a hundred megabytes, and a browser some times as much memory."""
_NUMBER = " number"
"""Column of row numbers; no catalogue has one of that name."""


class Chosen(NamedTuple):
    """Rows to look at, in the order in which they are shown.

    Attributes
    ----------
    rows : pyarrow.Table
        Of the catalogue; with ``evidence`` where the rare class has lines of its own.
    how : str
        How they were chosen, for people.
    notes : list of str
        What could not be chosen, for people.
    """

    rows: pa.Table
    how: str
    notes: list[str]


def choose(
    scan: FinishedScan,
    *,
    top: int | None = None,
    where: str | None = None,
    rows: TableLike | None = None,
) -> Chosen:
    """Choose candidates, the most probable spectra, those that fulfil a condition, or given ones.

    Parameters
    ----------
    scan : FinishedScan
    top : int, optional
        So many of the most probable ones: of those that fulfil ``where``, or of all.
    where : str, optional
        As `parse_condition` takes it.
    rows : path or table, optional
        As `numbers_of_table` takes it.

    Raises
    ------
    ReportError
        If what is asked cannot be, or would be more than `MOST_ROWS`.
    NothingToShowError
        If there is no such row.
    """
    if top is not None and (isinstance(top, bool) or not isinstance(top, int) or top < 1):
        raise ReportError(f"{named('top')} must be at least 1, and a whole number, not {top!r}")
    if rows is not None:
        if top is not None or where is not None:
            raise ReportError(
                f"{named('rows')} says all: give it without {named('top')} and {named('where')}"
            )
        return _once(_given(scan, rows))
    if top is None and where is None:
        return _once(_candidates(scan))
    how: list[str] = []
    numbers = None if where is None else _fulfilling(scan, where)
    if where is not None:
        how.append(f"spectra with {printable(where)}")
    if top is not None or numbers is None:
        numbers, name = _most_probable(scan, top, numbers)
        how.insert(0, f"the {len(numbers)} of greatest {name}")
    _check_number(len(numbers), f"add {named('top')}, or another condition")
    table = _ranked(scan, take_rows(scan.catalogue, numbers))
    return _once(Chosen(table, " of ".join(how), []))


def _once(chosen: Chosen) -> Chosen:
    """Return each spectrum once: a list may name a file twice, and then it is in a catalogue so."""
    rows = chosen.rows
    named = zip(rows["path"].to_pylist(), rows["obsid"].to_pylist(), strict=True)
    first = list({key: row for row, key in reversed(list(enumerate(named)))}.values())[::-1]
    if len(first) == len(rows):
        return chosen
    note = f"{len(rows) - len(first)} of {len(rows)} rows are the same file again: left out."
    return chosen._replace(rows=rows.take(pa.array(sorted(first))), notes=[*chosen.notes, note])


def _candidates(scan: FinishedScan) -> Chosen:
    path = scan.folder / "candidates.parquet"
    with clear_errors(path), arrow_file(path) as file:
        rows = pq.read_table(file)
    if not len(rows):
        raise NothingToShowError(
            f"the scan has no candidates: {named('top', 50)} shows the most probable"
        )
    _check_number(len(rows), f"{named('top')} takes the most probable")
    of = f" of class {scan.rare_class}" if scan.rare_class else ""
    return Chosen(rows, f"candidates{of}", [])


def _given(scan: FinishedScan, rows: TableLike) -> Chosen:
    found = numbers_of_table(scan, rows)
    if not len(found.numbers):
        raise NothingToShowError(f"no row of {found.name} is in the catalogue of the scan")
    _check_number(len(found.numbers), "give fewer")
    table = _with_evidence(scan, take_rows(scan.catalogue, found.numbers))
    return Chosen(table, f"rows of {found.name}", found.notes)


def _check_number(n: int, advice: str) -> None:
    if n == 0:
        raise NothingToShowError("no spectrum of the scan is as asked")
    if n > MOST_ROWS:
        raise ReportError(f"{n} spectra, where a page holds {MOST_ROWS} at most: {advice}")


def _fulfilling(scan: FinishedScan, where: str) -> np.ndarray:
    """Return the numbers of the rows that fulfil a condition."""
    with open_parquet(scan.catalogue, pre_buffer=False) as file:
        condition = parse_condition(where, file.schema_arrow)
        found, start = [np.empty(0, np.int64)], 0
        for batch in file.iter_batches(columns=condition.columns):
            numbers = pa.array(np.arange(start, start + len(batch)))
            table = pa.Table.from_batches([batch]).append_column(_NUMBER, numbers)
            try:
                found.append(table.filter(condition.expression)[_NUMBER].to_numpy())
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise ReportError(
                    f"{named('where')} cannot be answered: {printable(error)}"
                ) from None
            start += len(batch)
    return np.concatenate(found)


def _most_probable(
    scan: FinishedScan, n: int | None, among: np.ndarray | None
) -> tuple[np.ndarray, str]:
    """Return the numbers of so many rows, most probable first, and by which column that is.

    It is the probability in the survey, or, where the preset has no odds, the classifier's.
    """
    if not scan.rare_class:
        raise ReportError(
            f"{named('top')} needs the probability of a rare class, which this scan has not"
        )
    for name in (f"p_{scan.rare_class}_survey", f"p_{scan.rare_class}"):
        p = np.concatenate([np.empty(0), *_column(scan, name)])
        rows = np.arange(len(p)) if among is None else among
        rows = rows[np.isfinite(p[rows])]
        if len(rows):
            return rows[np.argsort(-p[rows], kind="stable")[:n]], name
    raise NothingToShowError("no spectrum as asked has a probability")


def _column(scan: FinishedScan, name: str) -> Iterator[np.ndarray]:
    if name in scan.columns:
        with open_parquet(scan.catalogue, pre_buffer=False) as file:
            for batch in file.iter_batches(columns=[name]):
                yield batch.column(0).to_numpy(zero_copy_only=False)


def _ranked(scan: FinishedScan, rows: pa.Table) -> pa.Table:
    """Sort rows as a scan sorts its candidates, where it has what that needs."""
    if not scan.rare_class or not _has_lines(scan):
        return rows
    return rank_candidates(rows, scan.rare_class, scan.evidence)


def _with_evidence(scan: FinishedScan, rows: pa.Table) -> pa.Table:
    """Return rows in their order with the column ``evidence``."""
    numbered = rows.append_column(_NUMBER, pa.array(np.arange(len(rows))))
    return _ranked(scan, numbered).sort_by(_NUMBER).drop_columns(_NUMBER)


def _has_lines(scan: FinishedScan) -> bool:
    evidence = scan.evidence or EVIDENCE.get(scan.rare_class)
    lines = evidence.lines if evidence else ()
    return all(f"ew_{line}" in scan.columns for line in lines)
