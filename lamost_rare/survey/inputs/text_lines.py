"""Lines of text files as other systems and programs write them."""

from __future__ import annotations

import codecs
import contextlib
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ...spectra._codec import GZIP_ERRORS, open_gzip
from ...text import first_line, printable
from ..errors import ScanError

__all__ = ["clear_errors_of", "expanded", "text_lines"]

_BLOCK = 2**16
_UTF16 = (
    # With a byte order mark, or beginning with two ASCII characters.
    ("utf-16", re.compile(rb"\xff\xfe(?!\0\0)|\xfe\xff")),
    ("utf-16-le", re.compile(rb"[\x01-\x7f]\0[\x01-\x7f]\0")),
    ("utf-16-be", re.compile(rb"\0[\x01-\x7f]\0[\x01-\x7f]")),
)


@contextlib.contextmanager
def clear_errors_of(path: Path, kind: str) -> Iterator[None]:
    """Say in one line what the libraries say of a damaged file; ``kind`` is what it should be."""
    import pyarrow as pa

    try:
        yield
    except (*GZIP_ERRORS, ValueError, pa.ArrowException) as error:
        raise ScanError(
            f"{printable(path)} is no {kind} that can be read, or truncated or damaged: "
            f"{printable(getattr(error, 'strerror', None) or first_line(error))[:200]}"
        ) from error


@contextlib.contextmanager
def expanded(file: BinaryIO) -> Iterator[io.BufferedReader[Any]]:
    """The bytes of an open file from here on, or of what it expands to if it is gzipped."""
    raw: Any = file
    with io.BufferedReader(raw, 2**20) as buffered:
        if buffered.peek(2)[:2] != b"\x1f\x8b":
            yield buffered
            return
        with open_gzip(buffered) as stream, io.BufferedReader(stream, 2**20) as content:
            yield content


def text_lines(
    file: BinaryIO, longest: int, *, name: Callable[[bytes], bytes] | None = None
) -> Iterator[bytes]:
    """Yield the lines of a text that are not empty, in UTF-8 if it is UTF-16, else as they are.

    Gzip is expanded, a byte order mark left out. A line ends with LF or CR LF, or with CR where
    there is no LF in the first 64 KiB. One that is longer than ``longest`` may be given without its
    end, but longer than this: memory holds some blocks of the file.

    ``name`` makes a path of a line, or empty bytes: the text is a list of paths then. If there is a
    NUL in its first 64 KiB, lines end with NUL and nothing else, and are paths as they stand.
    """
    with expanded(file) as stream:
        start = stream.peek(4)[:4]
        encoding = next((name for name, begin in _UTF16 if begin.match(start)), None)
        if encoding:
            stream = io.BufferedReader(_Recoded(stream, encoding), _BLOCK)
        elif start.startswith(codecs.BOM_UTF8):
            stream.read(3)
        block = stream.read(_BLOCK)
        end, extra = b"\n", b"\r"
        if name and b"\0" in block:
            end, extra, name = b"\0", b"", None
        elif b"\n" not in block and b"\r" in block:
            end = b"\r"

        def whole(lines):
            if extra:
                lines = [line.rstrip(extra) for line in lines]
            return filter(None, map(name, lines) if name else lines)

        rest = b""
        while block:
            *lines, rest = (rest + block).split(end)
            yield from whole(lines)
            rest = rest[: longest + 2 * _BLOCK]
            block = stream.read(_BLOCK)
        yield from whole([rest])


class _Recoded(io.RawIOBase):
    """UTF-16 as UTF-8; half of a surrogate pair, which a Windows name may have, is kept."""

    def __init__(self, stream: BinaryIO, encoding: str):
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
        self._rest = b""

    def readable(self):
        return True

    def readinto(self, buffer):
        block = b"more"
        while block and not self._rest:
            block = self._stream.read(_BLOCK)
            text = self._decoder.decode(block, final=not block)
            self._rest = text.encode("utf-8", "surrogatepass")
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n
