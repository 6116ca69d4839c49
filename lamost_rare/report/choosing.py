"""Which rows of a scan are looked at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..inference.arrow_files import arrow_file, open_parquet
from ..survey.candidates import rank_candidates
from .errors import NothingToShowError, ReportError
from .finished_scan import FinishedScan, take_rows

__all__ = ["Chosen", "choose_candidates", "choose_most_probable"]

MOST_ROWS = 20_000
"""A page of so many takes a browser some gigabyte of memory."""


class Chosen(NamedTuple):
    """Rows to look at, in the order in which they are shown.

    Attributes
    ----------
    rows : pyarrow.Table
        Of the catalogue.
    how : str
        How they were chosen, for people.
    notes : list of str
        What could not be chosen, for people.
    """

    rows: pa.Table
    how: str
    notes: list[str]


def choose_candidates(scan: FinishedScan) -> Chosen:
    """Choose the candidates, as the scan ordered them."""
    with arrow_file(scan.folder / "candidates.parquet") as file:
        rows = pq.read_table(file)
    if not len(rows):
        raise NothingToShowError("the scan has no candidates: --top 50 shows the 50 most probable")
    return Chosen(rows, "candidates of the scan", [])


def choose_most_probable(scan: FinishedScan, n: int) -> Chosen:
    """Choose the spectra that are most probably of the rare class."""
    if not scan.rare_class:
        raise ReportError("--top needs probabilities of a rare class, which this scan has not")
    names = [f"p_{scan.rare_class}_survey", f"p_{scan.rare_class}"]
    columns = []
    with open_parquet(scan.catalogue, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=names):
            columns.append([batch.column(name).to_numpy(zero_copy_only=False) for name in names])
    by = [np.concatenate([np.empty(0), *part]) for part in zip(*columns, strict=True)]
    name, p = next(
        ((k, v) for k, v in zip(names, by, strict=True) if np.isfinite(v).any()), ("", by[0])
    )
    usable = np.flatnonzero(np.isfinite(p))
    if not len(usable):
        raise NothingToShowError("no spectrum of the scan has a probability")
    best = usable[np.argsort(-p[usable], kind="stable")[:n]]
    rows = _ranked(take_rows(scan.catalogue, best), scan)
    return Chosen(rows, f"the {len(rows)} of greatest {name}", [])


def _ranked(rows: pa.Table, scan: FinishedScan) -> pa.Table:
    return rank_candidates(rows, scan.rare_class, scan.preset and scan.preset.settings.evidence)
