"""An HDF5 store: spectra on one grid, a row for each input, as any HDF5 reader can open it.

Attributes of the file: ``format`` (`FORMAT`), ``manifest`` (JSON: grid, source, counts, versions),
``root`` (the directory to which paths are relative, as bytes). Datasets, the first axis of all of
which is that of the inputs, in the order of a scan:

``flux``, ``ivar``, ``mask``
    (n, n_pixels), as in `~lamost_rare.spectra.batch.SpectrumBatch`; a row of zeros and an all-true
    mask for a reject. Chunks of `CHUNK_ROWS` whole spectra, byte-shuffled and deflated.
``path``, ``designation``, ``obsid``, ``ra``, ``dec``, ``snr_g``, ``flags``
    Identity and `~lamost_rare.spectra.quality.QualityFlag` bits; text is UTF-8 bytes, and paths are
    the file system's own.
``reason``, ``detail``
    Empty, or why the input is not usable.
``catalogue_class``, ``catalogue_subclass``, ``catalogue_snr_g``
    What the general catalogue says of each; only in a store that was packed from one.
``crc32``
    (n,) CRC-32 of the bytes of flux, ivar and mask of a row, one after the other.
``crc32_text``
    (n,) CRC-32 of the text of a row: path, designation, reason and detail, then class and subclass
    if the store has them, each followed by a NUL byte. Stores of earlier versions lack it.

The pixels are exact: what a scan makes of a store is, to the bit, what it makes of the files.
A store may come from anywhere: it is refused if it leads to another file (`lamost_rare.hdf5`), or
if its datasets are not what they should be, and a row with impossible values is rejected.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from ...hdf5 import HDF5Error, open_hdf5
from ...inference.columns import GENERAL_CATALOGUE
from ...spectra.batch import IDENTITY_DTYPES, SpectrumBatch
from ...spectra.grid import WavelengthGrid
from ...text import first_line, printable
from ...wording import named
from ..errors import ScanError
from .base import ScanInput
from .discovery import Entry, Walk
from .items import Item
from .store_format import (
    COLUMN_ROWS,
    EXTRA,
    FORMAT,
    NUMBERS,
    PIXELS,
    TEXT,
    check_datasets,
    checksums,
    impossible,
    of_text,
    rejected_entry,
    text_checksums,
)

__all__ = ["StoreInput", "close_store", "read_rows"]


class StoreInput(ScanInput):
    """A store as the source of a scan; its inputs are those that it was packed from."""

    def __init__(self, path: Path):
        super().__init__(path)
        with self._open() as file:
            if not isinstance(kind := file.attrs.get("format"), str) or kind != FORMAT:
                raise ScanError(
                    f"{printable(path)} is HDF5, but no store of this version of lamost-rare: "
                    "make one with lamost-rare pack"
                )
            self._root = bytes(file.attrs["root"])
            self.manifest = json.loads(file.attrs["manifest"])
            self.grid = WavelengthGrid.from_dict(self.manifest["grid"])
            columns = (column for column in GENERAL_CATALOGUE if column.name in file)
            self.columns = tuple(columns)  # type: ignore[misc]  # those of this store
            check_datasets(file, self.grid, self.column_names)

    @property
    def root(self) -> bytes:
        return self._root

    def entries(self, walk: Walk) -> Iterator[Entry]:
        """Yield the inputs of the store, rejects among them."""
        store = os.fspath(self.path)
        with self._open() as file:
            n = len(file["path"])
            names = [*TEXT, *of_text(self.column_names)]
            for start in range(0, n, COLUMN_ROWS):
                some = slice(start, start + COLUMN_ROWS)
                text = {name: file[name][some].tolist() for name in names}
                found = text_checksums(text)
                expected = file["crc32_text"][some] if "crc32_text" in file else found
                sound = (found == expected).tolist()
                columns = (text["path"], text["reason"], text["detail"], sound)
                for row, values in enumerate(zip(*columns, strict=True), start):
                    reject = rejected_entry(row, *values)
                    yield reject or Entry(values[0], item=Item(store, row).to_bytes())

    def check_grid(self, grid: WavelengthGrid) -> None:
        """A store cannot be put onto another grid: resampling again would not be exact."""
        if grid != self.grid:
            raise ScanError(
                f"{printable(self.path)} holds spectra on another grid than the preset's: pack "
                f"them again with {named('preset')}"
            )

    def empty_message(self, walk: Walk) -> str:
        return f"no spectra in {printable(self.path)}: the store is empty"

    @contextmanager
    def _open(self):
        """The file; whatever HDF5 complains of is a damaged store."""
        try:
            with open_hdf5(self.path) as file:
                yield file
        except ScanError:
            raise
        except HDF5Error as error:
            raise ScanError(str(error)) from error
        except _READ_ERRORS as error:
            what = printable(first_line(error))
            raise ScanError(
                f"{printable(self.path)} is no readable store, truncated or damaged ({what}): "
                "pack it again"
            ) from error


_READ_ERRORS = (
    *(OSError, KeyError, IndexError, TypeError, ValueError, RuntimeError),
    *(AttributeError, MemoryError, OverflowError),
)
"""What h5py raises for a damaged file, depending on where the damage is."""


def read_rows(path: str, rows: list[int], grid: WavelengthGrid, at_row=None):
    """Read rows (increasing numbers) of a store on its grid, and check what was read.

    ``at_row`` is called with the position in ``rows`` before that row, or the block that begins
    with it, is read.

    Returns
    -------
    batch : SpectrumBatch
    kept : list of int
        Positions in ``rows`` of the spectra of the batch.
    rejects : list of (int, str, str)
        Position, reason (``corrupt_store``) and detail of the others.
    """
    n = len(rows)
    pixels = {name: np.empty((n, grid.n_pixels), dtype) for name, dtype in PIXELS.items()}
    numbers = {name: np.zeros(n, dtype) for name, dtype in NUMBERS.items()}
    others: dict[str, np.ndarray] = {"designation": np.full(n, "", dtype=object)}
    crc32 = np.zeros(n, dtype="<u4")
    wrong: dict[int, str] = {}

    def read(first: int, last: int) -> None:
        if at_row is not None:
            at_row(first)
        datasets = _opened(path).datasets
        span = slice(rows[first], rows[last - 1] + 1)
        chosen = np.array(rows[first:last]) - rows[first]
        for name in (name for name in EXTRA if name in datasets and name not in others):
            is_text = EXTRA[name] == "S"
            others[name] = np.full(n, "", object) if is_text else np.zeros(n, EXTRA[name])
        for name, array in {**pixels, **numbers, "crc32": crc32, **others}.items():
            values = datasets[name][span][chosen]
            if array.dtype == object:
                values = [value.decode("utf-8", "replace") for value in values.tolist()]
            array[first:last] = values

    try:
        read(0, n)
    except _READ_ERRORS:  # some chunk of those that the rows lie in: find out which
        close_store()
        for k in range(n):
            try:
                read(k, k + 1)
            except _READ_ERRORS as error:
                wrong[k] = f"cannot be read: {printable(first_line(error))}"
    found = checksums(pixels)
    for k in np.flatnonzero(found != crc32).tolist():
        wrong.setdefault(k, f"has the checksum {found[k]:08x}, not {crc32[k]:08x}")
    for k in np.flatnonzero(impossible(numbers, pixels)).tolist():
        wrong.setdefault(k, "has values that no spectrum has")
    identity = {name: numbers[name] for name in IDENTITY_DTYPES if name in numbers}
    identity["designation"] = others.pop("designation")
    batch = SpectrumBatch(
        grid,
        pixels["flux"],
        pixels["ivar"],
        pixels["mask"].view(bool),
        identity,
        numbers["flags"].copy(),
        columns=others,
    )
    kept = [k for k in range(n) if k not in wrong]
    rejects = [(k, "corrupt_store", f"row {rows[k]} {wrong[k]}") for k in sorted(wrong)]
    return (batch[kept] if wrong else batch), kept, rejects


def close_store() -> None:
    """Close the store that `read_rows` keeps open."""
    _open.clear()


class _OpenStore:
    """The store that a reader process has open, and the chunks that it read last."""

    def __init__(self, path: str):
        self.path = path
        # A cache for one chunk of each dataset: small batches come back to it.
        self.file = open_hdf5(path, rdcc_nbytes=4 * 2**20)

    @cached_property
    def datasets(self) -> dict:
        """Datasets by name."""
        return {name: self.file[name] for name in self.file}


_open: list[_OpenStore] = []


def _opened(path: str) -> _OpenStore:
    if not _open or _open[0].path != path:
        _open[:] = [_OpenStore(path)]
    return _open[0]
