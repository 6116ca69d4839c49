"""Files for Arrow, whatever their names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pyarrow as pa

__all__ = ["arrow_file", "open_parquet"]


def arrow_file(path, mode: str = "rb") -> pa.OSFile:
    """Return an open file. Arrow itself opens none by a `str` or `pathlib.Path` that is not
    UTF-8."""
    return pa.OSFile(os.fsencode(path), mode)


@contextlib.contextmanager
def open_parquet(path, **options) -> Iterator:
    """Open a Parquet file: a `pyarrow.parquet.ParquetFile` with these options."""
    import pyarrow.parquet as pq

    with arrow_file(path) as content, pq.ParquetFile(content, **options) as file:
        yield file
