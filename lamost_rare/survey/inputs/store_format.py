"""What stands in an HDF5 store, and whether one that may come from anywhere holds just that."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np

from ...inference.columns import GENERAL_CATALOGUE
from ...spectra._codec import codec
from ...spectra.grid import WavelengthGrid
from ...spectra.quality import REJECT_REASONS
from ...text import printable
from .discovery import Entry

__all__ = [
    "CHECKSUMS",
    "COLUMN_ROWS",
    "EXTRA",
    "FORMAT",
    "NUMBERS",
    "PIXELS",
    "TEXT",
    "check_datasets",
    "checksums",
    "encode",
    "impossible",
    "of_text",
    "rejected_entry",
    "text_checksums",
]

FORMAT = "lamost-rare store 1"
PIXELS = {"flux": np.dtype("<f4"), "ivar": np.dtype("<f4"), "mask": np.dtype("u1")}
TEXT = ("path", "designation", "reason", "detail")
EXTRA = {c.name: "S" if c.dtype is str else f"<{c.dtype}" for c in GENERAL_CATALOGUE}
NUMBERS = {"obsid": "<i8", "ra": "<f8", "dec": "<f8", "snr_g": "<f8", "flags": "<i8"}
CHECKSUMS = ("crc32", "crc32_text")
_WIDEST = {"path": 65_536, "detail": 65_536}
_WIDE = 4096
"""Bytes that a text may have; in a store of others it could ask for any amount of memory."""

_LARGEST_CHUNK = 2**27
_DENSEST = 1100
"""What deflate can expand, at most 1032 times."""

COLUMN_ROWS = 1024


def of_text(names) -> list[str]:
    """Return those of the columns of a general catalogue that hold text."""
    return [name for name in names if EXTRA[name] == "S"]


def encode(text: str, name: str) -> bytes:
    """Return a text as the dataset of this name holds it."""
    return str(text).encode("utf-8", "backslashreplace")[: _WIDEST.get(name, _WIDE)]


def checksums(pixels: dict[str, np.ndarray]) -> np.ndarray:
    """CRC-32 of the pixels of each row: ``crc32``."""
    found = np.empty(len(pixels["flux"]), dtype="<u4")
    for row in range(len(found)):
        value = 0
        for name in PIXELS:
            value = codec.crc32(pixels[name][row], value)
        found[row] = value
    return found


def text_checksums(text: dict[str, list[bytes]]) -> np.ndarray:
    """CRC-32 of the texts of each row, in the order of their datasets: ``crc32_text``."""
    rows = zip(*text.values(), strict=True)
    return np.array([codec.crc32(b"\0".join((*row, b""))) for row in rows], dtype="<u4")


def check_datasets(file, grid: WavelengthGrid, extra: list[str]) -> None:
    """Raise ValueError unless a store has the datasets that `write_part` makes, and whole.

    What is not stored in chunks reads as zeros; a store of a few bytes could claim any number of
    rows of those, or texts of any width.
    """
    numbers = {**NUMBERS, "crc32": "<u4"}
    numbers |= {name: EXTRA[name] for name in extra if EXTRA[name] != "S"}
    if "crc32_text" in file:
        numbers["crc32_text"] = "<u4"
    texts = [*TEXT, *of_text(extra)]
    n = file["path"].shape[0]
    stored = 0
    for name in (*PIXELS, *numbers, *texts):
        dataset = file[name]
        plain: Any = numbers.get(name, dataset.dtype)
        dtype: Any = np.dtype(plain) if name not in PIXELS else PIXELS[name]
        if dataset.dtype != dtype or (name in texts and dtype.kind != "S"):
            raise ValueError(f"its {name} are of type {dataset.dtype}")
        if dataset.shape != ((n, grid.n_pixels) if name in PIXELS else (n,)):
            raise ValueError("its datasets differ in length")
        if name in texts and dtype.itemsize > _WIDEST.get(name, _WIDE):
            raise ValueError(f"its {name} claim {dtype.itemsize} bytes a row")
        size = dataset.id.get_storage_size()
        n_chunks = math.prod(
            -(-length // chunk) for length, chunk in zip(dataset.shape, dataset.chunks, strict=True)
        )
        if (
            math.prod(dataset.chunks) * dtype.itemsize > _LARGEST_CHUNK
            or dataset.id.get_num_chunks() != n_chunks
            or dataset.size * dtype.itemsize > _DENSEST * size
        ):
            raise ValueError(f"its {name} claim more rows than its chunks can hold")
        stored += size
    if stored > os.path.getsize(file.filename):
        raise ValueError("its chunks claim more bytes than it has")


def rejected_entry(
    row: int, path: bytes, reason: bytes, detail: bytes, sound: bool
) -> Entry | None:
    """Return a row that is rejected before its pixels are read."""
    why, more = reason.decode("utf-8", "replace"), detail.decode("utf-8", "replace")
    if not sound:
        why, more = "corrupt_store", f"the text of row {row} does not agree with its checksum"
    elif b"\0" in path or not path:
        why, more = "corrupt_store", f"row {row} has a path that no file can have"
    elif why and why not in REJECT_REASONS:
        why, more = "corrupt_store", f"row {row} gives a reason that is none: {why[:40]}"
    return Entry(path.replace(b"\0", b"\\x00"), why, printable(more)) if why else None


def impossible(numbers: dict[str, np.ndarray], pixels: dict[str, np.ndarray]) -> np.ndarray:
    """Return rows with values that no reader of files gives, shape (n,), bool."""
    ra, dec, snr = (numbers[name] for name in ("ra", "dec", "snr_g"))
    with np.errstate(invalid="ignore"):
        wrong = ~(np.isnan(ra) | ((ra >= 0) & (ra <= 360)))
        wrong |= ~(np.isnan(dec) | (np.abs(dec) <= 90))
        wrong |= np.isinf(snr) | (snr <= -999)
        wrong |= (numbers["obsid"] == np.iinfo(np.int64).min) | (numbers["flags"] < 0)
        for name in ("flux", "ivar"):
            low, high = pixels[name].min(axis=1), pixels[name].max(axis=1)  # NaN if any is
            wrong |= ~(np.isfinite(low) & np.isfinite(high))
            wrong |= (name == "ivar") & (low < 0)
        wrong |= pixels["mask"].max(axis=1) > 1
    return wrong
