"""Writing an HDF5 store: parts of it first, then the parts joined."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ...spectra._codec import codec
from ...spectra.batch import SpectrumBatch
from .store_format import (
    CHECKSUMS,
    COLUMN_ROWS,
    EXTRA,
    FORMAT,
    NUMBERS,
    PIXELS,
    TEXT,
    checksums,
    encode,
    of_text,
    text_checksums,
)

__all__ = ["CHUNK_ROWS", "Rows", "join_parts", "write_part"]

CHUNK_ROWS = 32
"""Spectra to a chunk: one alone costs the reading of so many."""

_LEVEL = 1


class Rows:
    """Rows of a store in memory, rejects as long as nothing else is put into them.

    ``extra`` names further columns that the spectra come with: some of `GENERAL_CATALOGUE`.
    """

    def __init__(self, paths: list[bytes], n_pixels: int, extra: Sequence[str] = ()):
        n = len(paths)
        self._extra = extra
        self.pixels = {
            name: np.full((n, n_pixels), name == "mask", dtype=dtype)
            for name, dtype in PIXELS.items()
        }
        types = {**NUMBERS, **{name: EXTRA[name] for name in extra}}
        self.columns = {name: np.zeros(n, t) for name, t in types.items() if t != "S"}
        self.text = {name: [b""] * n for name in (*TEXT, *of_text(extra))}
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
            column[rows] = batch.flags if name == "flags" else _column_of(batch, name)
        for name in ("designation", *of_text(self._extra)):
            for row, text in zip(rows, _column_of(batch, name), strict=True):
                self.text[name][row] = encode(text, name)

    def reject(self, row: int, reason: str, detail: str) -> None:
        """Say why a row is none."""
        for name, text in (("reason", reason), ("detail", detail)):
            self.text[name][row] = encode(text, name)


def _column_of(batch: SpectrumBatch, name: str):
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
        for name, texts in rows.text.items():
            values = np.array(texts, dtype=bytes)
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
    extra: Sequence[str] = (),
) -> None:
    """Write a store from parts, each of which but the last has whole chunks.

    ``root`` is the directory to which the paths are relative, ``manifest`` what the store says of
    itself (only its ``grid`` has to be there), ``extra`` as for `Rows`. ``checkpoint`` is called
    between parts and may raise, to stop.
    """
    import h5py

    n_pixels = manifest["grid"]["n_pixels"]
    sizes, widths = [], dict.fromkeys([*TEXT, *of_text(extra)], 1)
    for part in parts:
        with h5py.File(part, "r") as old:
            sizes.append(len(old["path"]))
            for name in widths:
                widths[name] = max(widths[name], old[name].dtype.itemsize)
    n = sum(sizes)
    with _create(path) as file:
        pixels = {name: _pixel_dataset(file, name, n, n_pixels) for name in PIXELS}
        types = {**NUMBERS, **dict.fromkeys(CHECKSUMS, "<u4")}
        types |= {name: EXTRA[name] for name in extra}
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
    """Return bytes in the order in which HDF5's shuffle filter puts them."""
    return np.ascontiguousarray(chunk.view("u1").reshape(-1, chunk.itemsize).T).tobytes()
