"""Tables of any size, read a piece at a time: CSV, FITS, Parquet, the first two gzipped or not."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import islice
from operator import itemgetter
from pathlib import Path

import numpy as np

from ...inference.arrow_files import open_parquet
from ...text import printable
from ..errors import ScanError
from .text_lines import clear_errors_of, expanded, text_lines
from .values import text_of

__all__ = ["Table", "open_table"]

PIECE = 2048
"""Rows in memory at a time."""

_SEPARATORS = "|\t;,"
_LONGEST_LINE = 2**16
_FITS_BLOCK = 2880
_MOST_HEADER_BLOCKS = 4096
_LONGEST_ROW = 2**20
_TFORM = re.compile(r"(\d{0,9})([LXBIJKAEDCMPQ])")
_TFORM_BYTES = {"L": 1, "B": 1, "A": 1, "I": 2, "J": 4, "K": 8, "E": 4, "D": 8, "C": 8, "M": 16,
                "P": 8, "Q": 16}  # fmt: skip
_TFORM_NUMBERS = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}


class Table:
    """Text with one row a line; ``names`` are those of the columns.

    The separator is the first of ``|``, tab, ``;`` and ``,`` that the first line has. A quoted
    field may hold separators, and ends with its line at the latest: a stray quote costs one row.
    """

    def __init__(self, path: Path):
        self.path = path
        with self._lines() as lines:
            first = next(lines, "").lstrip("#").strip()
        self._separator = next((c for c in _SEPARATORS if c in first), ",")
        self.names = [name.strip() for name in self._split(first)]

    def pieces(self, columns: list[int]) -> Iterator[list[tuple | None]]:
        """Yield rows, `PIECE` or fewer at a time: the values in some columns (by number), or None
        for a row that has more or fewer values than the table has columns.

        Raises
        ------
        ScanError
            If the table cannot be read to its end.
        """
        with self._lines() as lines:
            next(lines, None)
            rows = map(self._split, lines)
            n = len(self.names)
            pick = itemgetter(*columns) if len(columns) > 1 else lambda row: (row[columns[0]],)
            while piece := list(islice(rows, PIECE)):
                yield [pick(row) if len(row) == n else None for row in piece]

    def _split(self, line: str) -> list[str]:
        if '"' not in line:
            return line.split(self._separator)
        try:
            return next(csv.reader([line], delimiter=self._separator, strict=True))
        except csv.Error:
            return []

    @contextlib.contextmanager
    def _lines(self):
        """The lines that are not empty."""

        def lines(file):
            for line in text_lines(file, _LONGEST_LINE):
                if len(line) > _LONGEST_LINE:
                    raise ScanError(
                        f"{printable(self.path)} is no table: it has lines of more than "
                        f"{_LONGEST_LINE} bytes"
                    )
                yield line.decode("utf-8", "surrogateescape")

        with _clear(self.path), open(self.path, "rb", buffering=0) as file:
            with contextlib.closing(lines(file)) as found:
                yield found


class _FitsTable(Table):
    """The first binary table of a FITS file."""

    def __init__(self, path: Path):
        self.path = path
        with _clear(path), _expanded(path) as stream:
            header = _find_table(stream, path)
            self._start = stream.tell()
        self._n_rows, self._width = header["NAXIS2"], header["NAXIS1"]
        self.names, self._columns, offset = [], [], 0
        for number in range(1, int(header["TFIELDS"]) + 1):
            form = _TFORM.match(str(header.get(f"TFORM{number}", "")).strip())
            if form is None:
                raise ScanError(f"{printable(path)} has no readable TFORM{number}")
            repeat, kind = int(form[1] or 1), form[2]
            width = -(-repeat // 8) if kind == "X" else repeat * _TFORM_BYTES[kind]
            dtype = f"S{repeat}" if kind == "A" and repeat else None
            if kind in _TFORM_NUMBERS and repeat == 1:
                dtype = _TFORM_NUMBERS[kind]
            scale = [header.get(f"{card}{number}") for card in ("TSCAL", "TZERO", "TNULL")]
            self.names.append(str(header.get(f"TTYPE{number}", "")).strip())
            self._columns.append((dtype, offset, *scale))
            offset += width
        if offset != self._width or not 0 < offset <= _LONGEST_ROW:
            raise ScanError(f"{printable(path)} has a table whose rows are not those of its header")

    def pieces(self, columns):
        chosen = [self._columns[i] for i in columns]
        for i, column in zip(columns, chosen, strict=True):
            if column[0] is None:
                raise ScanError(
                    f"{printable(self.path)} has a column {printable(self.names[i])} of neither "
                    "one number a row nor text"
                )
        dtype = np.dtype(
            {
                "names": [f"c{i}" for i in range(len(chosen))],
                "formats": [column[0] for column in chosen],
                "offsets": [column[1] for column in chosen],
                "itemsize": self._width,
            }
        )
        with _clear(self.path), _expanded(self.path) as stream:
            _skip(stream, self._start)
            for first in range(0, self._n_rows, PIECE):
                n = min(PIECE, self._n_rows - first)
                content = _read(stream, n * self._width)
                rows = np.frombuffer(content, dtype)
                values = [_values(rows[f"c{i}"], *c[2:]) for i, c in enumerate(chosen)]
                yield list(zip(*values, strict=True))


class _ParquetTable(Table):
    """A Parquet file."""

    def __init__(self, path: Path):
        self.path = path
        with self._open() as file:
            self.names = list(file.schema_arrow.names)

    def pieces(self, columns):
        names = [self.names[i] for i in columns]
        with self._open() as file:
            for batch in file.iter_batches(PIECE, columns=names):
                values = [batch.column(name).to_pylist() for name in names]
                yield list(zip(*values, strict=True))

    @contextlib.contextmanager
    def _open(self):
        with _clear(self.path), open_parquet(self.path) as file:
            yield file


def open_table(path: Path) -> Table:
    """Return the table in a file, which kind of table its first bytes say.

    Raises
    ------
    ScanError
        If it cannot be read.
    """
    with _clear(path):
        with open(path, "rb") as file:
            start = file.read(4)
        if start == b"PAR1":
            return _ParquetTable(path)
        with _expanded(path) as stream:
            start = stream.read(9)
    return _FitsTable(path) if start == b"SIMPLE  =" else Table(path)


@contextlib.contextmanager
def _expanded(path: Path) -> Iterator[io.BufferedReader]:
    """The bytes of a file, or of what it expands to if it is gzipped."""
    with open(path, "rb", buffering=0) as file, expanded(file) as stream:
        yield stream


def _clear(path: Path) -> AbstractContextManager:
    """Have said in one line what the libraries say of a damaged file."""
    return clear_errors_of(path, "catalogue")


def _find_table(stream, path: Path) -> dict:
    """Return the header of the first binary table; the stream is at its data then."""
    header = _header(stream)
    while str(header.get("XTENSION", "")).strip() != "BINTABLE":
        _skip(stream, _data_size(header))
        if not stream.peek(1):
            raise ScanError(f"{printable(path)} is FITS without a binary table: no catalogue")
        header = _header(stream)
    if header.get("ZTABLE") is True:
        raise ScanError(f"{printable(path)} holds a tile-compressed table: expand it first")
    _data_size(header)
    if type(header.get("TFIELDS")) is not int or header["NAXIS"] != 2:
        raise ValueError("a table without TFIELDS, or not of two axes")
    return header


def _header(stream) -> dict:
    from astropy.io import fits

    blocks: list[bytes] = []
    while not blocks or not any(blocks[-1][i : i + 80].rstrip() == b"END" for i in _CARDS):
        blocks.append(_read(stream, _FITS_BLOCK))
        if len(blocks) > _MOST_HEADER_BLOCKS:
            raise ValueError("a FITS header without an end")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cards that nobody asks for
        header = fits.Header.fromstring(b"".join(blocks))
        found: dict = {}
        for card in header.cards:
            with contextlib.suppress(fits.VerifyError):
                found.setdefault(card.keyword, card.value)
        return found


_CARDS = range(0, _FITS_BLOCK, 80)


def _data_size(header: dict) -> int:
    """Return the number of bytes of the data behind a header, with what fills the last block."""
    naxis = header.get("NAXIS")
    n_axes = min(naxis, 999) if type(naxis) is int else 0
    values: list = [header.get("BITPIX"), naxis]
    values += [header.get(f"NAXIS{i + 1}") for i in range(n_axes)]
    values += [header.get("PCOUNT", 0), header.get("GCOUNT", 1)]
    if not all(type(value) is int for value in values) or min(values[1:]) < 0:
        raise ValueError("a FITS header without BITPIX, NAXIS or the like")
    bitpix, naxis, *axes, pcount, gcount = values
    size = abs(bitpix) // 8 * gcount * (pcount + (math.prod(axes) if naxis else 0))
    return -(-size // _FITS_BLOCK) * _FITS_BLOCK


def _read(stream, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError("it ends before its header says so")
    return content


def _skip(stream, size: int) -> None:
    while size > 0:
        size -= len(_read(stream, min(size, 2**20)))


def _values(column: np.ndarray, scale, zero, null) -> list:
    if column.dtype.kind == "S":
        return list(map(text_of, column.tolist()))
    values = column.tolist()
    if scale in (None, 1) and zero in (None, 0) and null is None:
        return values
    scale, zero = 1 if scale is None else scale, 0 if zero is None else zero
    if scale == int(scale) and zero == int(zero):  # unsigned numbers, which FITS shifts
        scale, zero = int(scale), int(zero)
    return [None if value == null else value * scale + zero for value in values]
