"""Rows of the catalogue and of the rejected table, as Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from ..inference.arrow import schema_of
from ..inference.columns import REJECTED, Column, catalogue_order
from ..spectra.batch import SpectrumBatch
from ..text import path_text

__all__ = ["REJECTED_SCHEMA", "catalogue_schema", "catalogue_table", "rejected_table"]


REJECTED_SCHEMA = schema_of(REJECTED)
"""Columns of the rejected table."""


def catalogue_schema(added: Iterable[Column]) -> pa.Schema:
    """Return the columns of a catalogue to which steps add some: `catalogue_order`."""
    return schema_of(catalogue_order(added))


def catalogue_table(batch: SpectrumBatch, schema: pa.Schema) -> pa.Table:
    """Catalogue rows of one batch.

    Raises
    ------
    ValueError
        If the spectra were generated: those never enter a catalogue.
    """
    if batch.generated:
        raise ValueError("generated spectra never enter a catalogue")
    values = {**batch.columns, **batch.identity, "flags": batch.flags}
    arrays = [
        _texts(column) if column.dtype.kind == "O" else pa.array(column, field.type)
        for field, column in ((field, values[field.name]) for field in schema)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _texts(column) -> pa.Array:
    if set(map(type, column)) <= {str}:
        try:
            return pa.array(column, pa.string())
        except UnicodeError:
            pass
    return pa.array(map(path_text, map(str, column)), pa.string())


def rejected_table(rejects: list[tuple[str, str, str]]) -> pa.Table:
    """Return rows of the rejected table from (path, reason, detail)."""
    columns = zip(*rejects, strict=True) if rejects else ([], [], [])
    arrays = [pa.array(map(path_text, map(str, column)), pa.string()) for column in columns]
    return pa.Table.from_arrays(arrays, schema=REJECTED_SCHEMA)
