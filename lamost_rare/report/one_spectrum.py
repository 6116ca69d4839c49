"""One spectrum, from whatever a person has of it: a file, an object, a row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

from ..annotations import PathLike
from ..spectra.quality import SpectrumError
from ..spectra.raw import RawSpectrum
from ..spectra.reading import read_each
from ..survey.inputs.items import read_item
from ..survey.reader import close_inputs
from ..text import printable
from .errors import ReportError
from .finished_scan import open_scan, take_rows
from .locating import locate
from .row_values import number_in, row_values, text_in
from .rows_of_table import numbers_of_table
from .sources import open_sources, read_spectra

__all__ = ["OneSpectrum", "one_spectrum"]


class OneSpectrum(NamedTuple):
    """A spectrum, and what its row says of it.

    Attributes
    ----------
    raw : RawSpectrum
    values : mapping
        Cells of the row; empty if there is none.
    """

    raw: RawSpectrum
    values: Mapping[str, Any]


def one_spectrum(
    spectrum: Any, medium: str = "vacuum", scan: PathLike | None = None
) -> OneSpectrum:
    """Read the spectrum that is meant.

    Parameters
    ----------
    spectrum : path, Spectrum, RawSpectrum, or a row of a table
        Rows as `~lamost_rare.report.row_values.row_values` takes them, with a ``path``.
    medium : {"vacuum", "air"}
        What the wavelengths of an object of specutils are measured in.
    scan : path, optional
        The directory of the scan that a row is of. The spectrum then is where the scan read it,
        also in a store, and is found by its ``obsid``, too.

    Raises
    ------
    SpectrumError
        If it cannot be read.
    ReportError
        If ``scan`` is no finished scan, or not that of the row.
    TypeError, ValueError
        If it is nothing of the kind, or not a single one; if the file has another obsid than the
        row says.
    """
    if medium not in ("vacuum", "air"):
        raise ValueError(f"medium must be 'vacuum' or 'air', not {medium!r}")
    values = row_values(spectrum)
    if values is None:
        if scan is not None:
            raise TypeError("scan says where the spectrum of a row is: give a row of its catalogue")
        return OneSpectrum(_single(spectrum, medium), {})
    return _of_row(values) if scan is None else _of_scan(values, scan)


def _single(spectrum: Any, medium: str) -> RawSpectrum:
    found = [raw for _, raw in islice(read_each(spectrum, medium), 2)]
    if len(found) != 1:
        n = "no spectrum" if not found else "more than one spectrum"
        raise ValueError(f"this holds {n}: give one, as spectra[0]")
    if isinstance(found[0], SpectrumError):
        raise found[0]
    return found[0]


def _of_row(values: Mapping[str, Any]) -> OneSpectrum:
    path = text_in(values, "path")
    if not path:
        raise ValueError(
            "the row has no path to read its spectrum from: give the spectrum itself"
            if "path" in values
            else "the row has no column 'path': give the spectrum itself, or its path"
        )
    (place,) = locate([path])
    if not place.items:
        raise SpectrumError(
            "unreadable",
            f"{printable(path)}: {place.missing} (of a scan of a store, or of files that were "
            "moved, give its directory as scan)",
        )
    try:
        raw = read_item(place.items[0], header=True)
    finally:
        close_inputs()
    found = int(raw.identity.get("obsid", -1))
    if number_in(values, "obsid") >= 0 <= found != (stated := int(values["obsid"])):
        raise ValueError(
            f"{printable(path)} holds obsid {found}, and the row is of {stated}: "
            "the file was exchanged"
        )
    return OneSpectrum(raw, values)


def _of_scan(values: Mapping[str, Any], folder: PathLike) -> OneSpectrum:
    scan = open_scan(folder)
    named: dict[str, list] = {"path": [text_in(values, "path")]}
    if number_in(values, "obsid") >= 0:
        named["obsid"] = [int(values["obsid"])]
    numbers = numbers_of_table(scan, named).numbers
    if not len(numbers):
        raise ReportError(f"the row is not in the catalogue of {printable(scan.folder)}")
    row = take_rows(scan.catalogue, numbers)
    (seen,) = read_spectra(scan, row, open_sources(scan))
    if seen.raw is None:
        raise SpectrumError("unreadable", f"{printable(row['path'][0].as_py())}: {seen.missing}")
    if seen.changed:
        raise ReportError(f"{printable(row['path'][0].as_py())}: {seen.changed}")
    return OneSpectrum(seen.raw, row.to_pylist()[0] | dict(values))
