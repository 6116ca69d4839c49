"""Tables as Arrow and Parquet hold them, with what is known of each column.

The one place for it: `classify_spectra` and `scan_directory` both write their Parquet files here.
A field has its description, unit, format (as Python's, ``.3f``) and UCD in its metadata, which is
where Arrow's users look. Astropy looks in the metadata of the whole table: they stand there too.
"""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..text import path_text, printable
from .columns import Column, columns_of_catalogue

__all__ = [
    "arrow_table",
    "astropy_heading",
    "described_field",
    "for_spreadsheets",
    "note",
    "parquet_writer",
    "schema_of",
    "without_nan",
]


def described_field(
    name: str, kind: pa.DataType, description: str = "", unit=None, format=None, ucd=None
) -> pa.Field:
    """Return a field with what is known of it in its metadata; ``unit`` in astropy's notation."""
    known = {"unit": unit, "format": format, "ucd": ucd}
    notes = {key: value for key, value in known.items() if value}
    return pa.field(name, kind, metadata={"description": description, **notes})


def schema_of(columns: Iterable[Column]) -> pa.Schema:
    """Return the schema of a table of these columns, with what is known of each."""
    return pa.schema(
        described_field(
            column.name,
            pa.string()
            if column.numpy_dtype.kind == "O"
            else pa.from_numpy_dtype(column.numpy_dtype),
            *(column.description, column.unit, column.format, column.ucd),
        )
        for column in columns
    )


def note(field: pa.Field, key: str) -> str:
    """Return one of the notes of `described_field`; empty if there is none."""
    return printable((field.metadata or {}).get(key.encode(), b"").decode())


def without_nan(table: pa.Table) -> pa.Table:
    """Return a table with nulls for NaN: to databases and data frames NaN is a value like
    others."""
    for i, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            null = pa.scalar(None, field.type)
            column = pc.if_else(pc.is_nan(table[i]), null, table[i])
            table = table.set_column(i, field, column)
    return table


def for_spreadsheets(table: pa.Table) -> pa.Table:
    """Return a table whose text a spreadsheet takes for text, with escapes for control characters.

    A cell that begins with ``=``, ``+``, ``-`` or ``@`` would be a formula there, which may run
    programs: an apostrophe goes before it.
    """
    for i, field in enumerate(table.schema):
        if field.type == pa.string():
            cells = [printable(text) for text in table[i].to_pylist()]
            cells = ["'" + text if text.startswith(_FORMULA) else text for text in cells]
            table = table.set_column(i, field, pa.array(cells, pa.string()))
    return table


_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""What a formula begins with; spreadsheets of East Asia know the wide forms too."""


def arrow_table(table) -> pa.Table:
    """Return rows of an `astropy.table.Table` of columns with one value a row, null where it has
    NaN.

    Text is as `~lamost_rare.text.path_text` makes it.
    """
    classes = [name[2:] for name in table.colnames if name.startswith("p_")]
    rare = next((name[:-7] for name in classes if name.endswith("_survey")), "")
    ucds = {column.name: column.ucd for column in columns_of_catalogue(classes, rare)}
    fields, arrays = [], []
    for column in table.itercols():
        info = column.info
        # Without the blanks of km / s, which VOTables do not allow.
        unit = info.unit and str(info.unit).replace(" ", "")
        notes = (info.description or "", unit, info.format, ucds.get(info.name))
        if column.dtype.kind == "U":
            array = pa.array(map(path_text, column.tolist()), pa.string())
        else:
            array = pa.array(np.asarray(column), from_pandas=True)
        fields.append(described_field(info.name, array.type, *notes))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def astropy_heading(fields, meta: dict | None = None):
    """Return an `astropy.table.Table` without rows that knows of its columns what the fields
    say."""
    from astropy.table import Column, Table

    heading = Table(meta=meta)
    for field in fields:
        dtype = str if field.type == pa.string() else field.type.to_pandas_dtype()
        notes = {key: note(field, key) or None for key in ("unit", "description", "format")}
        heading[field.name] = Column([], dtype=dtype, **notes)
    return heading


@contextlib.contextmanager
def parquet_writer(
    path, schema: pa.Schema, meta: dict | None = None, **options
) -> Iterator[Callable[..., None]]:
    """Write a Parquet file that `astropy.table.QTable.read` gives units and descriptions.

    ``schema`` is made by `schema_of` or `described_field`. ``meta`` is what astropy gives as
    ``meta`` of the table; for Arrow it stands as text in the schema's metadata. ``options`` are
    those of `pyarrow.parquet.ParquetWriter`.

    Yields a function of a table, and options of `pyarrow.parquet.ParquetWriter.write_table`; NaN is
    written as null.
    """
    from astropy.table.meta import get_yaml_from_table

    longest = {field.name: 1 for field in schema if field.type == pa.string()}
    with pq.ParquetWriter(path, schema, store_schema=False, **options) as writer:

        def write(table: pa.Table, **how) -> None:
            for name in longest:
                length = pc.max(pc.utf8_length(table[name])).as_py() or 0
                longest[name] = max(longest[name], length)
            writer.write_table(without_nan(table), **how)

        yield write
        notes = {key: str(value) for key, value in (meta or {}).items()}
        notes["table_meta_yaml"] = "\n".join(get_yaml_from_table(astropy_heading(schema, meta)))
        notes |= {f"table::len::{name}": str(length) for name, length in longest.items()}
        # Where Parquet keeps Arrow's schema; pyarrow writes it first, when no length is known.
        encoded = base64.b64encode(schema.with_metadata(notes).serialize())
        writer.add_key_value_metadata({"ARROW:schema": encoded})
