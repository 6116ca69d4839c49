"""The library that compresses: ISA-L (isal), several times as fast as zlib, its streams alike."""

from __future__ import annotations

import zlib
from gzip import GzipFile
from types import ModuleType
from typing import BinaryIO

codec: ModuleType
try:
    from isal import isal_zlib as codec
except ImportError:  # no build for this platform: the standard library is slower, not different
    codec = zlib

__all__ = ["GZIP_ERRORS", "codec", "open_gzip"]

GZIP_ERRORS = (OSError, EOFError, zlib.error, codec.error)
"""What reading from `open_gzip` raises where a stream is damaged; isal's is no zlib.error."""


def open_gzip(file: BinaryIO) -> GzipFile:
    """Open the expanded content of an open gzip file, of any number of members."""
    if codec is zlib:
        return GzipFile(fileobj=file)
    from isal.igzip import GzipFile as Quick

    return Quick(fileobj=file)
