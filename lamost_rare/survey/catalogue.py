"""Rows of the catalogue and of the rejected table, as Arrow tables."""

from __future__ import annotations

import pyarrow as pa

from ..inference.rows import (
    catalogue_columns,
    catalogue_dtypes,
    column_description,
    column_unit,
)
from ..presets import Preset

__all__ = ["REJECTED_SCHEMA", "as_text", "catalogue_schema", "catalogue_table", "rejected_table"]


def _field(name: str, kind: pa.DataType, description: str, unit: str | None = None) -> pa.Field:
    metadata = {"description": description} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, metadata=metadata)


REJECTED_SCHEMA = pa.schema(
    [
        _field("path", pa.string(), "input that is not in the catalogue"),
        _field("reason", pa.string(), "code of lamost_rare.spectra.quality.REJECT_REASONS"),
        _field("detail", pa.string(), "what was wrong with it"),
    ]
)
"""Columns of the rejected table."""


def catalogue_schema(preset: Preset) -> pa.Schema:
    """Columns of a preset's catalogue, with unit and description in the metadata of each."""
    return pa.schema(
        _field(
            name,
            pa.string() if dtype.kind == "O" else pa.from_numpy_dtype(dtype),
            column_description(name),
            column_unit(name),
        )
        for name, dtype in catalogue_dtypes(preset).items()
    )


def catalogue_table(batch, prediction, preset: Preset, evidence: dict, schema) -> pa.Table:
    """Catalogue rows of one batch."""
    columns = catalogue_columns(batch, prediction, preset, evidence)
    arrays = [
        pa.array(map(as_text, column) if column.dtype.kind == "O" else column, field.type)
        for field, column in zip(schema, columns.values(), strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def rejected_table(rejects: list[tuple[str, str, str]]) -> pa.Table:
    """Rows of the rejected table from (path, reason, detail)."""
    columns = zip(*rejects, strict=True) if rejects else ([], [], [])
    arrays = [pa.array(map(as_text, column), pa.string()) for column in columns]
    return pa.Table.from_arrays(arrays, schema=REJECTED_SCHEMA)


def as_text(value) -> str:
    r"""Text that UTF-8 can hold: bytes of a file name that are not UTF-8 become ``\xNN``."""
    text = str(value)
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
