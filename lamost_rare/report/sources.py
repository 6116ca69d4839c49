"""The spectra of rows of a scan, from where the scan read them, and whether they are the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from ..spectra.quality import SpectrumError
from ..spectra.raw import RawSpectrum
from ..survey.inputs.items import Item, read_item
from ..survey.inputs.store import StoreInput, read_rows
from ..survey.reader import close_inputs
from ..text import without_name
from .comparing import Comparison
from .finished_scan import FinishedScan
from .locating import Place, locate

__all__ = ["Seen", "read_spectra"]

AT_ONCE = 64
"""Spectra in memory."""


class Seen(NamedTuple):
    """What became of the spectrum of a row.

    Attributes
    ----------
    row : int
    raw : RawSpectrum or None
    missing : str
        Why there is none, for people.
    changed : str
        Why it is not the spectrum that was scanned, for people.
    """

    row: int
    raw: RawSpectrum | None = None
    missing: str = ""
    changed: str = ""


def read_spectra(
    scan: FinishedScan, rows: pa.Table, store: StoreInput | None = None
) -> Iterator[Seen]:
    """Yield what became of the spectrum of each row, in the order in which they are read best.

    Parameters
    ----------
    scan : FinishedScan
    rows : pyarrow.Table
        Of its catalogue.
    store : StoreInput, optional
        Which the scan read.
    """
    places = locate(rows["path"].to_pylist(), store)
    comparison = Comparison(scan, rows)
    try:
        for start in range(0, len(places), AT_ONCE):
            read = [_read(place, comparison, store) for place in places[start : start + AT_ONCE]]
            there = [seen for seen in read if seen.raw is not None and not seen.changed]
            other = comparison.of_lines([(seen.row, seen.raw) for seen in there])
            for seen in read:
                yield seen._replace(changed=other.get(seen.row, seen.changed))
    finally:
        close_inputs()


def _read(place: Place, comparison: Comparison, store: StoreInput | None) -> Seen:
    """Read the first of the items that is the spectrum of the row; else one that can be read."""
    found = Seen(place.row, missing=place.missing)
    for item in place.items:
        try:
            raw = _read_item(item, store)
        except SpectrumError as error:
            if found.raw is None:
                detail = without_name(error.detail, Item.from_bytes(item).path)
                found = found._replace(missing=f"cannot be shown: {detail}")
            continue
        changed = comparison.of_identity(place.row, raw)
        if not changed or found.raw is None:
            found = Seen(place.row, raw, changed=changed)
        if not changed:
            break
    return found


def _read_item(item: bytes, store: StoreInput | None) -> RawSpectrum:
    if store is None:
        return read_item(item, header=True)
    where = Item.from_bytes(item)
    batch, _, rejects = read_rows(where.path, [where.row], store.grid)
    for _, reason, detail in rejects:
        raise SpectrumError(reason, detail)
    return RawSpectrum(
        store.grid.wavelength,
        *(batch.flux[0], batch.ivar[0], batch.mask[0]),
        *(store.grid.log10_start, store.grid.log10_step),
        {name: values[0] for name, values in batch.identity.items()},
    )
