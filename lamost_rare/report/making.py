"""From a scan to its page."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..atomic import atomic_path
from ..spectra.raw import RawSpectrum
from ..text import check_paths, printable
from .choosing import choose_candidates, choose_most_probable
from .errors import ReportError
from .finished_scan import open_scan
from .packing import pack_spectrum
from .page import write_page
from .records import list_of
from .sources import read_spectra

__all__ = ["make_report"]


def make_report(scan, output=None, *, top: int | None = None, overwrite: bool = False) -> Path:
    """Write a page for looking at spectra of a finished scan.

    Parameters
    ----------
    scan : path
        The directory that the scan wrote.
    output : path, optional
        Of the page; by default ``page.html`` in the scan's directory.
    top : int, optional
        So many of the most probable spectra, in place of the candidates.
    overwrite : bool
        Whether to replace a file of that name.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    ReportError
    """
    found = open_scan(scan)
    check_paths(output=output)
    target = Path(os.path.abspath(os.fsdecode(output or found.folder / "page.html")))
    if target.exists() and not overwrite:
        raise ReportError(f"{printable(target)} exists already; --overwrite replaces it")
    chosen = choose_candidates(found) if top is None else choose_most_probable(found, top)
    page = list_of(found, chosen, title=f"{found.folder.name}: {chosen.how}")
    with tempfile.TemporaryFile(dir=target.parent) as spool:
        places = _pack(read_spectra(found, chosen.rows), page, spool)
        with atomic_path(target) as temporary, open(temporary, "wb") as file:
            write_page(file, page, _copied(spool, places))
    return target


def _pack(spectra, page: dict, spool) -> list[tuple[int, int]]:
    """Put spectra into a file as they come; return where each is, and complete the list."""
    n = page["spectra"]
    places = [(0, 0)] * n
    columns = page["columns"]
    columns |= {
        name: [""] * n for name in ("missing", "changed", "survey_class", "survey_subclass")
    }
    columns |= {"axis": [-1] * n, "survey_z": [None] * n}
    axes: dict = {}
    for number, found in spectra:
        if isinstance(found, str):
            columns["missing"][number] = printable(found)
            continue
        try:
            packed = base64.b64encode(pack_spectrum(found.flux, found.ivar, found.mask))
        except ValueError as error:
            columns["missing"][number] = str(error)
            continue
        columns["axis"][number] = _axis(found, axes, page["axes"])
        columns["survey_class"][number] = printable(found.header.get("CLASS", ""))
        columns["survey_subclass"][number] = printable(found.header.get("SUBCLASS", ""))
        places[number] = spool.tell(), len(packed)
        spool.write(packed)
    return places


def _axis(raw: RawSpectrum, known: dict, axes: list) -> int:
    """Return the number of a spectrum's wavelengths among those that are known."""
    n = len(raw.wavelength)
    if raw.log10_start is not None:
        key: tuple = raw.log10_start, raw.log10_step, n
        axis = {"log10_start": raw.log10_start, "log10_step": raw.log10_step, "n": n}
    else:
        content = raw.wavelength.astype("<f8").tobytes()
        key = (content,)
        axis = {"wavelength": content, "n": n}
    if key not in known:
        known[key] = len(axes)
        axes.append(axis)
    return known[key]


def _copied(spool, places: list[tuple[int, int]]) -> Iterator[bytes]:
    for start, size in places:
        spool.seek(start)
        yield spool.read(size)
