"""The spectra of rows of a scan, from where the scan read them, and whether they are the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from ..annotations import PathLike
from ..spectra.quality import SpectrumError
from ..spectra.raw import RawSpectrum
from ..survey.inputs.items import Item, read_item
from ..survey.inputs.store import StoreInput, read_rows
from ..survey.reader import close_inputs
from ..text import check_paths, path_text, printable, without_name
from ..wording import named
from .comparing import Comparison
from .errors import ReportError
from .finished_scan import FinishedScan
from .locating import Place, locate, store_of

__all__ = ["Seen", "Sources", "open_sources", "read_spectra"]

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


class Sources(NamedTuple):
    """Where the spectra of a scan are.

    Attributes
    ----------
    store : StoreInput or None
        Which the scan read; otherwise it read files and archives.
    moved : tuple of (str, str)
        Beginnings of paths as the scan has them, and what stands in their place now; empty if
        nothing was moved.
    notes : list of str
        What people should know, in plain words.
    """

    store: StoreInput | None = None
    moved: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def path_now(self, path: str) -> str:
        """Return the path of a spectrum that the scan calls so."""
        for before, now in self.moved:
            if path == before or path.startswith(f"{before.rstrip('/')}/"):
                return now + path[len(before.rstrip("/")) :]
        return path


def open_sources(scan: FinishedScan, spectra: PathLike | None = None) -> Sources:
    """Find out where the spectra of a scan are.

    Parameters
    ----------
    scan : FinishedScan
    spectra : path, optional
        Where they are now, if they were moved: the directory, archive or store that takes the place
        of the scan's source, or the directory that takes that of its ``root``.

    Raises
    ------
    ReportError
        If there is nothing of that name.
    """
    source = scan.manifest.get("root") or scan.manifest["source"]
    if spectra is None:
        store, why = store_of(source)
        notes = (f"{why[:1].upper()}{why[1:]}: files that it was packed from are shown.",)
        return Sources(store, notes=notes if why else ())
    check_paths(spectra=spectra)
    path = os.path.abspath(os.fsdecode(spectra))
    if not os.path.exists(path):
        raise ReportError(f"{named('spectra')} {printable(path)}: no such file or directory")
    now = path_text(path)
    store, why = store_of(now)
    if why:
        raise ReportError(f"{named('spectra')}: {why}")
    # Paths of a list are relative to its folder, if they are not elsewhere.
    return Sources(store, () if store else ((source, now), (os.path.dirname(source), now)))


def read_spectra(scan: FinishedScan, rows: pa.Table, sources: Sources) -> Iterator[Seen]:
    """Yield what became of the spectrum of each row, in the order in which they are read best.

    Parameters
    ----------
    scan : FinishedScan
    rows : pyarrow.Table
        Of its catalogue.
    sources : Sources
    """
    store = sources.store
    places = locate(map(sources.path_now, rows["path"].to_pylist()), store)
    comparison = Comparison(scan, rows)
    try:
        for start in range(0, len(places), AT_ONCE):
            read = [_read(place, comparison, store) for place in places[start : start + AT_ONCE]]
            there = [(s.row, s.raw) for s in read if s.raw is not None and not s.changed]
            other = comparison.of_lines(there)
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
