"""A finished table in the format of another program: FITS, ECSV or VOTable.

Rows go from Parquet to the other file a block at a time, so that memory does not grow with the
table. The formats' own libraries would hold all of it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from ..text import printable
from .arrow_files import arrow_file
from .atomic import atomic_path

__all__ = ["FORMATS", "convert_table"]

FORMATS = {"parquet": ".parquet", "fits": ".fits", "ecsv": ".ecsv", "votable": ".vot"}
"""Formats of tables, each with the suffix of its files."""

BLOCK = 32_768
"""Rows held in memory."""

_FITS_BLOCK = 2880

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


def convert_table(source, target, checkpoint: Callable[[], None] = lambda: None) -> None:
    """Write a table of a scan again, in the format that the suffix of ``target`` names.

    Units and descriptions of columns go with them: as TUNIT and TCOMM cards in FITS, as attributes
    and elements of each FIELD in a VOTable, in the heading of ECSV. Characters that a format cannot
    hold are written as escapes: control characters in all three, and in FITS all that is not ASCII.

    Parameters
    ----------
    source : str or path
        ``catalogue.parquet`` of a scan, or another of its tables.
    target : str or path
        Ends in .fits, .ecsv or .vot. Appears when it is complete, in place of one that may be
        there; the same table gives the same bytes.
    checkpoint : callable, optional
        Called for each block of rows; may raise, to stop.

    Raises
    ------
    ValueError
        If the suffix is another, or a column holds what these formats cannot.
    OSError
        If ``target`` cannot be written. An earlier file is as it was.

    Notes
    -----
    FITS columns of text are as wide as their longest value.
    """
    target = Path(target)
    try:
        write = _WRITERS[target.suffix.lower()]
    except KeyError:
        raise ValueError(
            f"{printable(target)}: the suffix must be one of {', '.join(_WRITERS)}"
        ) from None
    with (
        arrow_file(source) as content,
        pq.ParquetFile(content, pre_buffer=False) as file,
        atomic_path(target) as temporary,
    ):
        write(_Rows(file, checkpoint), temporary, target.stem)


class _Rows:
    """A Parquet file of columns that all formats can hold, read a block at a time."""

    def __init__(self, file: pq.ParquetFile, checkpoint: Callable[[], None]):
        self._file = file
        self._checkpoint = checkpoint
        self.n_rows = file.metadata.num_rows
        self.fields = [field.with_type(self._type(field)) for field in file.schema_arrow]
        self.text = [field.name for field in self.fields if field.type == pa.string()]

    @staticmethod
    def _type(field: pa.Field) -> pa.DataType:
        kind = _PLAIN.get(field.type, field.type)
        if kind != pa.string() and kind not in _FITS_TYPES:
            raise ValueError(f"column {printable(field.name)} is of type {kind}")
        return kind

    def blocks(self, columns=None, *, encoding: str = "utf-8") -> Iterator[dict[str, pa.Array]]:
        """The columns of each block, with text that is printable and that an encoding has."""
        kinds = {field.name: field.type for field in self.fields}
        for batch in self._file.iter_batches(BLOCK, columns=columns):
            self._checkpoint()
            block = {}
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if column.null_count:
                    raise ValueError(f"column {printable(name)} has empty cells")
                column = column.cast(kinds[name])
                block[name] = _safe(column, encoding) if name in self.text else column
            yield block

    @staticmethod
    def note(field: pa.Field, key: str) -> str:
        """Unit or description of a column; empty if it has none."""
        return printable((field.metadata or {}).get(key.encode(), b"").decode())


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


def _write_fits(rows: _Rows, path: Path, name: str) -> None:
    from astropy.io import fits

    widths = dict.fromkeys(rows.text, 1)
    for block in rows.blocks(rows.text, encoding="ascii") if rows.text else ():
        for column, values in block.items():
            widths[column] = max(widths[column], pc.max(pc.binary_length(values)).as_py())

    columns, dtype = [], []
    for field in rows.fields:
        width = widths.get(field.name)
        code, kind = (f"{width}A", f"S{width}") if width else _FITS_TYPES[field.type]
        unit = _ascii(rows.note(field, "unit")) or None
        columns.append(fits.Column(field.name, code, unit=unit))
        dtype.append((field.name, kind))
    header = fits.BinTableHDU.from_columns(columns, nrows=0, name=name.upper()).header
    header["NAXIS2"] = rows.n_rows
    for number, field in enumerate(rows.fields, start=1):
        if description := rows.note(field, "description"):
            header[f"TCOMM{number}"] = _ascii(description)

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
            file.write(table)
        file.write(bytes(-rows.n_rows * np.dtype(dtype).itemsize % _FITS_BLOCK))


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _write_ecsv(rows: _Rows, path: Path, name: str) -> None:
    from astropy.table import Column, Table

    empty = Table()
    for field in rows.fields:
        dtype = str if field.name in rows.text else field.type.to_pandas_dtype()
        unit, description = (rows.note(field, key) or None for key in ("unit", "description"))
        empty[field.name] = Column([], dtype=dtype, unit=unit, description=description)
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


def _write_votable(rows: _Rows, path: Path, name: str) -> None:
    fields = []
    for field in rows.fields:
        kind = _VOTABLE_TYPES.get(field.type, 'unicodeChar" arraysize="*')
        unit = rows.note(field, "unit").replace(
            "Angstrom", "0.1nm"
        )  # as the VOUnits standard has it
        unit = f" unit={quoteattr(unit)}" if unit else ""
        fields.append(
            f'<FIELD ID="{field.name}" name="{field.name}" datatype="{kind}"{unit}>\n'
            f"<DESCRIPTION>{escape(rows.note(field, 'description'))}</DESCRIPTION>\n</FIELD>\n"
        )
    start = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">\n'
        f'<RESOURCE type="results">\n<TABLE name={quoteattr(name)} nrows="{rows.n_rows}">\n'
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


def _votable_text(values: pa.Array) -> pa.Array:
    """Values as the contents of cells."""
    if pa.types.is_string(values.type):
        for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            values = pc.replace_substring(values, character, entity)
        return values
    text = values.cast(pa.string())
    if pa.types.is_floating(values.type):
        for ours, theirs in (("nan", "NaN"), ("inf", "Inf")):
            text = pc.replace_substring(text, ours, theirs)
    return text


_WRITERS = {".fits": _write_fits, ".ecsv": _write_ecsv, ".vot": _write_votable}
