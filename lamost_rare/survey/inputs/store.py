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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np

from ...hdf5 import HDF5Error, open_hdf5
from ...inference.columns import GENERAL_CATALOGUE
from ...spectra._codec import codec
from ...spectra.batch import IDENTITY_DTYPES, SpectrumBatch
from ...spectra.grid import WavelengthGrid
from ...text import first_line, printable
from ..errors import ScanError
from .base import ScanInput
from .discovery import Entry, Walk
from .items import Item
from .store_format import (
    BESIDES,
    CHECKSUMS,
    COLUMN_ROWS,
    NUMBERS,
    PIXELS,
    TEXT,
    check_datasets,
    checksums,
    encode,
    impossible,
    of_text,
    rejected_entry,
    text_checksums,
)

__all__ = [
    "CHUNK_ROWS",
    "FORMAT",
    "Rows",
    "StoreInput",
    "close_store",
    "join_parts",
    "read_rows",
    "write_part",
]

FORMAT = "lamost-rare store 1"

CHUNK_ROWS = 32
"""Spectra to a chunk: one alone costs the reading of so many."""

_LEVEL = 1


class Rows:
    """Rows of a store in memory, rejects as long as nothing else is put into them.

    Parameters
    ----------
    paths : list of bytes
    n_pixels : int
    besides : sequence of str
        Names of further columns that the spectra come with: some of `GENERAL_CATALOGUE`.
    """

    def __init__(self, paths: list[bytes], n_pixels: int, besides: Sequence[str] = ()):
        n = len(paths)
        self._besides = besides
        self.pixels = {
            name: np.full((n, n_pixels), name == "mask", dtype=dtype)
            for name, dtype in PIXELS.items()
        }
        types = {**NUMBERS, **{name: BESIDES[name] for name in besides}}
        self.columns = {name: np.zeros(n, t) for name, t in types.items() if t != "S"}
        self.text = {name: [b""] * n for name in (*TEXT, *of_text(besides))}
        self.text["path"] = list(paths)

    def __len__(self) -> int:
        return len(self.text["path"])

    def put(self, rows: list[int], batch: SpectrumBatch) -> None:
        """Store the spectra of a batch in the rows with these numbers."""
        if not rows:  # and then the batch lacks the columns of a catalogue
            return
        for name, array in self.pixels.items():
            array[rows] = getattr(batch, name)
        for name, column in self.columns.items():
            column[rows] = batch.flags if name == "flags" else _known(batch, name)
        for name in ("designation", *of_text(self._besides)):
            for row, text in zip(rows, _known(batch, name), strict=True):
                self.text[name][row] = encode(text, name)

    def reject(self, row: int, reason: str, detail: str) -> None:
        """Say why a row is none."""
        for name, text in (("reason", reason), ("detail", detail)):
            self.text[name][row] = encode(text, name)


def _known(batch: SpectrumBatch, name: str):
    return batch.identity[name] if name in batch.identity else batch.columns[name]


def write_part(path: Path, rows: Rows) -> None:
    """Write rows as a file with the datasets of a store; only `join_parts` makes it one."""
    with _create(path) as file:
        for name, array in rows.pixels.items():
            dataset = _pixel_dataset(file, name, *array.shape)
            for start in range(0, len(array), CHUNK_ROWS):
                chunk = np.zeros((CHUNK_ROWS, array.shape[1]), array.dtype)
                part = array[start : start + CHUNK_ROWS]
                chunk[: len(part)] = part
                content = codec.compress(_shuffle(chunk), _LEVEL)
                dataset.id.write_direct_chunk((start, 0), content)
        for name, column in rows.columns.items():
            _column(file, name, len(rows), column.dtype)[:] = column
        for name, values in rows.text.items():
            values = np.array(values, dtype=bytes)
            _column(file, name, len(rows), values.dtype)[:] = values
        for name, found in zip(
            CHECKSUMS, (checksums(rows.pixels), text_checksums(rows.text)), strict=True
        ):
            _column(file, name, len(rows), "<u4")[:] = found


def join_parts(
    path: Path,
    parts: list[Path],
    root: bytes,
    manifest: dict,
    checkpoint: Callable[[], None],
    besides: Sequence[str] = (),
) -> None:
    """Write a store from parts, each of which but the last has whole chunks.

    Parameters
    ----------
    path : Path
        Of the new file.
    parts : list of Path
        From `write_part`, in order.
    root : bytes
        Directory to which the paths are relative.
    manifest : dict
        What the store says of itself; ``grid`` is the only key that has to be there.
    checkpoint : callable
        Called between parts; may raise, to stop.
    besides : sequence of str
        As for `Rows`.
    """
    import h5py

    n_pixels = manifest["grid"]["n_pixels"]
    sizes, widths = [], dict.fromkeys([*TEXT, *of_text(besides)], 1)
    for part in parts:
        with h5py.File(part, "r") as old:
            sizes.append(len(old["path"]))
            for name in widths:
                widths[name] = max(widths[name], old[name].dtype.itemsize)
    n = sum(sizes)
    with _create(path) as file:
        pixels = {name: _pixel_dataset(file, name, n, n_pixels) for name in PIXELS}
        types = {**NUMBERS, **dict.fromkeys(CHECKSUMS, "<u4")}
        types |= {name: BESIDES[name] for name in besides}
        types |= {name: f"S{width}" for name, width in widths.items()}
        columns = {name: _column(file, name, n, dtype) for name, dtype in types.items()}
        start = 0
        for part, size in zip(parts, sizes, strict=True):
            checkpoint()
            with h5py.File(part, "r") as old:
                for name, dataset in pixels.items():
                    for row in range(0, size, CHUNK_ROWS):
                        _, content = old[name].id.read_direct_chunk((row, 0))
                        dataset.id.write_direct_chunk((start + row, 0), content)
                for name, dataset in columns.items():
                    dataset[start : start + size] = old[name][:]
            start += size
        file.attrs["root"] = np.void(root)
        file.attrs["manifest"] = json.dumps(manifest)
        file.attrs["format"] = FORMAT  # last: what has it is complete


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
            self.columns = tuple(column for column in GENERAL_CATALOGUE if column.name in file)
            check_datasets(file, self.grid, [column.name for column in self.columns])

    @property
    def root(self) -> bytes:
        """The directory that was packed."""
        return self._root

    def entries(self, walk: Walk) -> Iterator[Entry]:
        """The inputs of the store, rejects among them."""
        store = os.fspath(self.path)
        with self._open() as file:
            n = len(file["path"])
            names = [*TEXT, *of_text(column.name for column in self.columns)]
            for start in range(0, n, COLUMN_ROWS):
                some = slice(start, start + COLUMN_ROWS)
                text = {name: file[name][some].tolist() for name in names}
                found = text_checksums(text)
                stated = file["crc32_text"][some] if "crc32_text" in file else found
                sound = (found == stated).tolist()
                columns = (text["path"], text["reason"], text["detail"], sound)
                for row, values in enumerate(zip(*columns, strict=True), start):
                    reject = rejected_entry(row, *values)
                    yield reject or Entry(values[0], item=Item(store, row).to_bytes())

    def check_grid(self, grid: WavelengthGrid) -> None:
        """A store cannot be put onto another grid: resampling again would not be exact."""
        if grid != self.grid:
            raise ScanError(
                f"{printable(self.path)} holds spectra on another grid than the preset's: pack "
                "them again with --preset"
            )

    def empty_message(self, walk: Walk) -> str:
        """A store without rows."""
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

_READ_ERRORS = (
    *(OSError, KeyError, IndexError, TypeError, ValueError, RuntimeError),
    *(AttributeError, MemoryError, OverflowError),
)
"""What h5py raises for a damaged file, depending on where the damage is."""


def read_rows(path: str, rows: list[int], grid: WavelengthGrid, at_row=None):
    """Read rows of a store, and check what was read.

    Parameters
    ----------
    path : str
    rows : list of int
        Increasing.
    grid : WavelengthGrid
        The store's.
    at_row : callable, optional
        Called with the position in ``rows`` before that row, or the block that begins with it, is
        read.

    Returns
    -------
    batch : SpectrumBatch
    kept : list of int
        Positions in ``rows`` of the spectra of the batch.
    rejects : list of (int, str, str)
        Position, reason (``corrupt_store`` or ``unreadable``) and detail of the others.
    """
    n = len(rows)
    arrays = {name: np.empty((n, grid.n_pixels), dtype) for name, dtype in PIXELS.items()}
    numbers = {name: np.zeros(n, dtype) for name, dtype in NUMBERS.items()}
    text = {"designation": np.full(n, "", dtype=object)}
    besides: dict[str, np.ndarray] = {}
    crc32 = np.zeros(n, dtype="<u4")
    rejects: list[tuple[int, str, str]] = []

    def read(first: int, last: int) -> None:
        if at_row is not None:
            at_row(first)
        datasets = _opened(path).datasets
        low = rows[first]
        span, chosen = slice(low, rows[last - 1] + 1), np.array(rows[first:last]) - low
        for name in BESIDES.keys() & datasets.keys():
            if name not in besides:
                is_text = BESIDES[name] == "S"
                besides[name] = np.full(n, "", object) if is_text else np.zeros(n, BESIDES[name])
        for name, array in {**arrays, **numbers, "crc32": crc32, **besides, **text}.items():
            values = datasets[name][span][chosen]
            if array.dtype == object:
                values = [value.decode("utf-8", "replace") for value in values.tolist()]
            array[first:last] = values

    try:
        read(0, n)
        damaged = False
    except _READ_ERRORS:
        damaged = True  # some chunk of those that the rows lie in: find out which
    if damaged:
        close_store()
        for k in range(n):
            try:
                read(k, k + 1)
            except _READ_ERRORS as error:
                why = printable(first_line(error))
                rejects.append((k, "corrupt_store", f"row {rows[k]} cannot be read: {why}"))
    lost = {k for k, _, _ in rejects}
    found = checksums(arrays)
    for k in np.flatnonzero(found != crc32).tolist():
        if k not in lost:
            detail = f"row {rows[k]} has the checksum {found[k]:08x}, not {crc32[k]:08x}"
            rejects.append((k, "corrupt_store", detail))
    lost = {k for k, _, _ in rejects}
    for k in np.flatnonzero(impossible(numbers, arrays)).tolist():
        if k not in lost:
            rejects.append((k, "corrupt_store", f"row {rows[k]} has values that no spectrum has"))
    lost = {k for k, _, _ in rejects}
    kept = [k for k in range(n) if k not in lost]
    identity = {name: numbers[name] for name in IDENTITY_DTYPES if name in numbers}
    identity |= text
    mask = arrays["mask"].view(bool)
    pixels = arrays["flux"], arrays["ivar"], mask
    columns = {name: besides[name] for name in BESIDES if name in besides}
    batch = SpectrumBatch(grid, *pixels, identity, numbers["flags"].copy(), columns=columns)
    return (batch[kept] if lost else batch), kept, sorted(rejects)


def close_store() -> None:
    """Close the store that `read_rows` keeps open."""
    _open.clear()


def _opened(path: str) -> _OpenStore:
    if not _open or _open[0].path != path:
        _open[:] = [_OpenStore(path)]
    return _open[0]


@contextmanager
def _create(path: Path):
    import h5py

    creation = h5py.h5p.create(h5py.h5p.FILE_CREATE)
    creation.set_obj_track_times(False)  # the same rows are the same bytes, whenever
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    version = h5py.h5f.LIBVER_V110  # from which on metadata have checksums of their own
    access.set_libver_bounds(version, version)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    name = os.fsencode(path)
    with h5py.File(h5py.h5f.create(name, h5py.h5f.ACC_TRUNC, creation, access)) as file:
        yield file


def _pixel_dataset(file, name: str, n: int, n_pixels: int):
    return file.create_dataset(
        name,
        shape=(n, n_pixels),
        dtype=PIXELS[name],
        maxshape=(max(n, CHUNK_ROWS), n_pixels),
        chunks=(CHUNK_ROWS, n_pixels),
        shuffle=True,
        compression="gzip",
        compression_opts=_LEVEL,
    )


def _column(file, name: str, n: int, dtype):
    return file.create_dataset(
        name,
        shape=(n,),
        dtype=dtype,
        maxshape=(max(n, COLUMN_ROWS),),
        chunks=(COLUMN_ROWS,),
        shuffle=True,
        compression="gzip",
        compression_opts=_LEVEL,
        fletcher32=True,
    )


def _shuffle(chunk: np.ndarray) -> bytes:
    """Bytes in the order in which HDF5's shuffle filter puts them."""
    return np.ascontiguousarray(chunk.view("u1").reshape(-1, chunk.itemsize).T).tobytes()
