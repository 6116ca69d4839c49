"""Rows of the catalogue and of the rejected table, as Arrow tables."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from ..inference.arrow import described_field
from ..inference.columns import Column, documented_column, evidence_columns
from ..inference.rows import column_ucd
from ..spectra.batch import IDENTITY_DTYPES, SpectrumBatch

__all__ = ["REJECTED_SCHEMA", "as_text", "catalogue_schema", "catalogue_table", "rejected_table"]


REJECTED_SCHEMA = pa.schema(
    [
        described_field(
            "path", pa.string(), "input that is not in the catalogue", ucd=column_ucd("path")
        ),
        described_field(
            "reason",
            pa.string(),
            "code of lamost_rare.spectra.quality.REJECT_REASONS",
            ucd="meta.code.status",
        ),
        described_field("detail", pa.string(), "what was wrong with it", ucd="meta.note"),
    ]
)
"""Columns of the rejected table."""


def catalogue_schema(added: Iterable[Column]) -> pa.Schema:
    """Columns of a catalogue, with what is known of each in its metadata.

    Parameters
    ----------
    added : iterable of Column
        What steps add. A classifier's columns have their place before the flags, those of line
        evidence are there anyway, and all others come last.
    """
    added = list(added)
    identity = [documented_column(name, dtype) for name, dtype in IDENTITY_DTYPES.items()]
    classes = [c for c in added if c.name in ("prediction", "candidate") or c.name[:2] == "p_"]
    fixed = [*identity, *classes, documented_column("flags", "i8"), *evidence_columns()]
    columns = {column.name: column for column in [*fixed, *added]}
    return pa.schema(
        described_field(
            name,
            pa.string()
            if column.numpy_dtype.kind == "O"
            else pa.from_numpy_dtype(column.numpy_dtype),
            column.description,
            column.unit,
            column.format,
            column.ucd,
        )
        for name, column in columns.items()
    )


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
    return pa.array(map(as_text, column), pa.string())


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
