"""What a scan's catalogue says of spectra that people looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..inference.arrow_files import open_parquet
from ..inference.columns import IDENTITY, Column, columns_of_catalogue
from .finished_scan import FinishedScan
from .verdict import Verdict, key_of

__all__ = ["joined_columns"]

_OF_SPECTRUM = {"path": "path", "obsid": "obsid", "designation": "name", "ra": "ra", "dec": "dec"}


def joined_columns(
    scan: FinishedScan, verdicts: Iterable[Verdict]
) -> tuple[list[Column], dict[str, dict]]:
    """Return columns of a scan's catalogue, and their values for spectra that have verdicts.

    Parameters
    ----------
    scan : FinishedScan
    verdicts : iterable of Verdict

    Returns
    -------
    columns : list of Column
        ``p_<rare>_survey``, ``snr_g`` and ``prediction``, as far as the catalogue has them.
    values : dict of str to dict
        For each key that is in the catalogue, values of these by name; also path, obsid, name, ra
        and dec, where the catalogue has them.
    """
    keys: set[str] = set()
    obsids: set[int | None] = set()
    for verdict in verdicts:
        keys.add(verdict.key)
        obsids.add(verdict.obsid)
    known = (*IDENTITY, *columns_of_catalogue(scan.classes, scan.rare_class))
    wanted = (f"p_{scan.rare_class}_survey", "snr_g", "prediction")
    columns = [c for c in {c.name: c for c in known}.values() if c.name in wanted]
    columns = [c for c in columns if c.name in scan.columns]
    columns.sort(key=lambda column: wanted.index(column.name))
    names = list(dict.fromkeys([*_OF_SPECTRUM, *(column.name for column in columns)]))
    # Making keys of millions of rows takes long: of those alone that may be meant, if told.
    told = sorted(obsid for obsid in obsids if obsid is not None)
    only = None if None in obsids else pa.array(told, pa.int64())
    found: dict[str, dict] = {}
    with open_parquet(scan.catalogue, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=names):
            if only is not None:
                batch = batch.filter(pc.is_in(batch.column("obsid"), only))
            for row in batch.to_pylist():
                key = key_of(row["path"], row["obsid"])
                if key in keys:
                    found[key] = {_OF_SPECTRUM.get(name, name): _told(row[name]) for name in names}
    return columns, found


def _told(value: object) -> object:
    """Return a value of a row, None for what stands for none."""
    missing = value in ("", -1) if isinstance(value, (str, int)) else value is None
    return None if missing or (isinstance(value, float) and np.isnan(value)) else value
