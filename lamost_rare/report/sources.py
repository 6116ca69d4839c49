"""The spectra of rows of a scan, from where the scan read them."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from ..spectra.quality import SpectrumError
from ..spectra.raw import RawSpectrum
from ..survey.inputs.items import read_item
from .finished_scan import FinishedScan

__all__ = ["read_spectra"]


def read_spectra(scan: FinishedScan, rows: pa.Table) -> Iterator[tuple[int, RawSpectrum | str]]:
    """Yield the number of each row with its spectrum, or with what is wrong with it."""
    for number, path in enumerate(rows["path"].to_pylist()):
        try:
            yield number, read_item(path, header=True)
        except SpectrumError as error:
            yield number, f"{error.reason}: {error.detail}"
