"""Tables in the formats of other programs: FITS, ECSV and VOTable.

Rows go from Arrow to the file a block at a time, so that memory does not grow with the
table. The formats' own libraries would hold all of it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ..text import printable
from .arrow import astropy_heading, note

__all__ = ["WRITERS", "Rows"]

BLOCK = 32_768
"""Rows held in memory."""

_FITS_BLOCK = 2880

_KEYWORDS = {
    "preset": "PRESET",
    "weights_sha256": "WEIGHTS",
    "rare_class": "RARE",
    "threshold": "THRESHLD",
}
"""Of FITS, for what is known of a table."""

# What all three formats have: other types become the next larger one, or text.
_PLAIN = {
    pa.int8(): pa.int16(),
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.string(),
    pa.float16(): pa.float32(),
}
_FITS_TYPES = {
    pa.bool_(): ("L", "u1"),
    pa.int16(): ("I", ">i2"),
    pa.int32(): ("J", ">i4"),
    pa.int64(): ("K", ">i8"),
    pa.float32(): ("E", ">f4"),
    pa.float64(): ("D", ">f8"),
}
_VOTABLE_TYPES = {
    pa.bool_(): "boolean",
    pa.int16(): "short",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
}


class Rows:
    """A table of columns that all formats can hold, read a block at a time.

    ``batches`` gives the rows as `pyarrow.parquet.ParquetFile.iter_batches` does; ``checkpoint``
    is called for each block and may raise, to stop. ``meta`` goes into the heading of ECSV and, by
    keywords of FITS, into the header of FITS.
    """

    def __init__(
        self,
        schema: pa.Schema,
        n_rows: int,
        batches: Callable[..., Iterator[pa.RecordBatch]],
        checkpoint: Callable[[], None] = lambda: None,
        meta: dict | None = None,
    ):
        self._batches = batches
        self._checkpoint = checkpoint
        self.n_rows = n_rows
        self.meta = meta or {}
        self.fields = [field.with_type(self._type(field)) for field in schema]
        self.text = [field.name for field in self.fields if field.type == pa.string()]

    @classmethod
    def of_table(cls, table: pa.Table, meta: dict) -> Rows:
        """Give the rows of a table that is in memory."""

        def batches(size: int, columns=None):
            return table.select(columns or table.column_names).to_batches(max_chunksize=size)

        return cls(table.schema, len(table), batches, meta=meta)

    @staticmethod
    def _type(field: pa.Field) -> pa.DataType:
        kind = _PLAIN.get(field.type, field.type)
        if kind != pa.string() and kind not in _FITS_TYPES:
            raise ValueError(f"column {printable(field.name)} is of type {kind}")
        return kind

    def blocks(self, columns=None, *, encoding: str = "utf-8") -> Iterator[dict[str, pa.Array]]:
        """Yield the columns of each block, with text that is printable and that an encoding has.

        What was not measured is NaN, never null.
        """
        kinds = {field.name: field.type for field in self.fields}
        for batch in self._batches(BLOCK, columns=columns):
            self._checkpoint()
            block = {}
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                column = column.cast(kinds[name])
                if column.null_count:
                    if not pa.types.is_floating(column.type):
                        raise ValueError(f"column {printable(name)} has empty cells")
                    column = pc.fill_null(column, np.nan)
                block[name] = _safe(column, encoding) if name in self.text else column
            yield block

    def widths(self, length: Callable[[pa.Array], pa.Array], encoding: str) -> dict[str, int]:
        """Return how long the longest text of each column of text is, 1 at the least.

        All rows are read for it.
        """
        found = dict.fromkeys(self.text, 1)
        for block in self.blocks(self.text, encoding=encoding) if self.text else ():
            for column, values in block.items():
                found[column] = max(found[column], pc.max(length(values)).as_py() or 0)
        return found


def _safe(column: pa.Array, encoding: str) -> pa.Array:
    if pc.all(pc.ascii_is_printable(column)).as_py() is not False:
        return column
    return pa.array(
        [
            printable(text).encode(encoding, "backslashreplace").decode(encoding)
            for text in column.to_pylist()
        ],
        pa.string(),
    )


def _write_fits(rows: Rows, path: Path, name: str) -> None:
    from astropy.io import fits

    widths = rows.widths(pc.binary_length, "ascii")
    columns, dtype = [], []
    for field in rows.fields:
        width = widths.get(field.name)
        code, kind = (f"{width}A", f"S{width}") if width else _FITS_TYPES[field.type]
        unit, shown = _ascii(note(field, "unit")) or None, _fits_format(field)
        columns.append(fits.Column(field.name, code, unit=unit, disp=shown))
        dtype.append((field.name, kind))
    header = fits.BinTableHDU.from_columns(columns, nrows=0, name=name.upper()).header
    header["NAXIS2"] = rows.n_rows
    for number, field in enumerate(rows.fields, start=1):
        if description := note(field, "description"):
            header[f"TCOMM{number}"] = _ascii(description)
        if ucd := note(field, "ucd"):
            header[f"TUCD{number}"] = _ascii(ucd)  # no standard has it: TOPCAT's own word
    header.update({key: rows.meta[name] for name, key in _KEYWORDS.items() if name in rows.meta})

    with open(path, "wb") as file:
        file.write(fits.PrimaryHDU().header.tostring().encode("ascii"))
        file.write(header.tostring().encode("ascii"))
        for block in rows.blocks(encoding="ascii"):
            table = np.empty(len(next(iter(block.values()))), dtype)
            for column, values in block.items():
                if column in widths:
                    table[column] = values.to_pylist()
                elif pa.types.is_boolean(values.type):
                    table[column] = np.where(values.to_numpy(zero_copy_only=False), *b"TF")
                else:
                    table[column] = values.to_numpy()
            file.write(table.tobytes())
        file.write(bytes(-rows.n_rows * np.dtype(dtype).itemsize % _FITS_BLOCK))


def _fits_format(field: pa.Field) -> str | None:
    """Return how a column is shown, in FORTRAN's words."""
    digits = _digits(field)
    return f"F{digits + 6}.{digits}" if digits else None


def _digits(field: pa.Field) -> int:
    """Digits after the point that a column is shown with; 0 if nothing is said of them."""
    match = re.fullmatch(r"\.(\d+)f", note(field, "format"))
    return int(match[1]) if match else 0


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _write_ecsv(rows: Rows, path: Path, name: str) -> None:
    empty = astropy_heading(rows.fields, rows.meta)
    heading = io.StringIO()
    empty.write(heading, format="ascii.ecsv", delimiter=",")

    with open(path, "wb") as file:
        file.write(heading.getvalue().encode())
        for block in rows.blocks():
            for column, values in block.items():
                if pa.types.is_boolean(values.type):
                    block[column] = pc.if_else(values, "True", "False")
            table = pa.table(block)
            pa_csv.write_csv(table, file, pa_csv.WriteOptions(include_header=False))


def _write_votable(rows: Rows, path: Path, name: str) -> None:
    # Text of a known size, which astropy reads as text: without, it makes Python objects of it.
    widths = rows.widths(pc.utf8_length, "utf-8")
    fields = [_votable_field(field, widths.get(field.name)) for field in rows.fields]
    # 1.3 for the sake of Angstrom, which programs know: from 1.4 on it is to be written as 0.1nm.
    start = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        '<RESOURCE type="results">\n'
        f"{_COOSYS if any(map(_is_position, rows.fields)) else ''}"
        f'<TABLE name={quoteattr(name)} nrows="{rows.n_rows}">\n'
        f"{''.join(fields)}<DATA>\n<TABLEDATA>\n"
    )
    with open(path, "wb") as file:
        file.write(start.encode())
        for block in rows.blocks():
            cells = [_votable_text(values) for values in block.values()]
            lines = pc.binary_join_element_wise(*cells, "</TD><TD>")
            for line in lines.to_pylist():
                file.write(f"<TR><TD>{line}</TD></TR>\n".encode())
        file.write(b"</TABLEDATA>\n</DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n")


_COOSYS = '<COOSYS ID="ICRS" system="ICRS"/>\n'


def _is_position(field: pa.Field) -> bool:
    return note(field, "ucd").startswith("pos.eq")


def _votable_field(field: pa.Field, width: int | None) -> str:
    attributes = {
        "ID": field.name,
        "name": field.name,
        "datatype": _VOTABLE_TYPES.get(field.type, "unicodeChar"),
        "arraysize": f"{width}*" if width else "",
        "unit": note(field, "unit"),
        "ucd": note(field, "ucd"),
        "ref": "ICRS" if _is_position(field) else "",
        "precision": str(_digits(field) or ""),
    }
    written = " ".join(f"{key}={quoteattr(value)}" for key, value in attributes.items() if value)
    description = escape(note(field, "description"))
    return f"<FIELD {written}>\n<DESCRIPTION>{description}</DESCRIPTION>\n</FIELD>\n"


def _votable_text(values: pa.Array) -> pa.Array:
    """Return values as the contents of cells."""
    if pa.types.is_string(values.type):
        for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            values = pc.replace_substring(values, character, entity)
        return values
    text = values.cast(pa.string())
    if pa.types.is_floating(values.type):
        text = pc.if_else(pc.is_nan(values), "", text)  # an empty cell is null
        text = pc.replace_substring(text, "inf", "Inf")
    return text


WRITERS = {".fits": _write_fits, ".ecsv": _write_ecsv, ".vot": _write_votable}
"""What writes `Rows` to a path, under a name of the table, by suffix."""
