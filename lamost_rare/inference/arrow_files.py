"""Files for Arrow, whatever their names."""

from __future__ import annotations

import os

import pyarrow as pa

__all__ = ["arrow_file"]


def arrow_file(path, mode: str = "rb") -> pa.OSFile:
    """An open file. Arrow itself opens none by a `str` or `pathlib.Path` that is not UTF-8."""
    return pa.OSFile(os.fsencode(path), mode)
