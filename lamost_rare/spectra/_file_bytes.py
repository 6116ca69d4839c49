"""Bytes of a small file, decompressed where it is gzip, with hard limits on both sizes."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable

from ..text import printable
from ._codec import codec
from .quality import SpectrumError
from .raw import RawSpectrum

__all__ = ["MAX_BYTES", "decompress", "read_bytes", "read_file"]

MAX_BYTES = 8 * 2**20
"""Limit on a file and on what it expands to; LAMOST spectra stay under 60 kB and 200 kB."""

_MAX_MEMBERS = 256
"""Limit on gzip members, of which LAMOST's files have one: each copies all that follows it."""
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31  # zlib's code for "one gzip member, header and checksum verified"


def read_file(
    path,
    content: bytes | None,
    read: Callable[[bytes, str], RawSpectrum],
    codec=codec,
) -> RawSpectrum:
    """Read a spectrum from a file.

    Parameters
    ----------
    path : str, bytes or path-like
    content : bytes or None
        What the file holds, if that was read already.
    read : callable
        Given the expanded content and the path as text, returns the spectrum.
    codec : module
        As `decompress` takes it.

    Raises
    ------
    SpectrumError
        If the file cannot be used; the detail begins with its path. No other exception.
    """
    path = os.fsdecode(path)
    try:
        if content is None:
            content = read_bytes(path)
        return read(decompress(content, codec), path)
    except SpectrumError as error:
        raise SpectrumError(error.reason, f"{printable(path)} {error.detail}") from None
    except Exception as error:
        detail = f"{printable(path)}: {type(error).__name__}: {printable(str(error))[:200]}"
        raise SpectrumError("internal_error", detail) from error


def read_bytes(path) -> bytes:
    """Read all bytes of a regular file of at most `MAX_BYTES`.

    Raises
    ------
    SpectrumError
        ``unreadable``, ``not_a_file``, ``empty_file`` or ``too_large``.
    """
    try:
        # Not to block: opening a FIFO would wait for its writer for ever.
        file = os.open(path, _OPEN_FLAGS)
        try:
            content = _read_regular(file)
        finally:
            os.close(file)
    except (OSError, ValueError) as error:
        if isinstance(error, SpectrumError):
            raise
        detail = getattr(error, "strerror", None) or str(error)
        raise SpectrumError("unreadable", f"cannot be read: {printable(detail)}") from None
    if not content:
        raise SpectrumError("empty_file", "has no bytes")
    return content


def _read_regular(file: int) -> bytes:
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        kind = "directory" if stat.S_ISDIR(status.st_mode) else "special file"
        raise SpectrumError("not_a_file", f"is a {kind}")
    parts: list[bytes] = []
    size = 0
    while size <= MAX_BYTES and status.st_size <= MAX_BYTES:
        parts.append(os.read(file, status.st_size + 1 if not parts else MAX_BYTES))
        size += len(parts[-1])
        if size == status.st_size or not parts[-1]:  # else it was a short read, or the file grew
            return b"".join(parts)
    size = max(size, status.st_size)
    raise SpectrumError("too_large", f"has {size} bytes, over the limit of {MAX_BYTES}")


def decompress(content: bytes, codec=zlib) -> bytes:
    """Expand gzip content, known by its magic bytes; other content is returned as it is.

    Several gzip members are joined. What follows the last member and is not gzip is ignored, as
    gzip(1) does: each member's own checksum has vouched for its content by then.

    Parameters
    ----------
    content : bytes
    codec : module
        `zlib`, or ``isal.isal_zlib``, which has the same interface.

    Raises
    ------
    SpectrumError
        ``corrupt_gzip``, also for more than 256 members; ``too_large`` as soon as `MAX_BYTES` is
        passed.
    """
    if not content.startswith(_GZIP_MAGIC):
        return content
    members: list[bytes] = []
    room = MAX_BYTES
    while len(members) < _MAX_MEMBERS:
        stream = codec.decompressobj(_GZIP_WBITS)
        try:
            member = stream.decompress(content, room + 1)
        except codec.error as error:
            raise SpectrumError(
                "corrupt_gzip", f"is corrupt gzip: {printable(str(error))}"
            ) from None
        room -= len(member)
        if room < 0:
            raise SpectrumError("too_large", f"expands to more than {MAX_BYTES} bytes")
        if not stream.eof:
            raise SpectrumError("corrupt_gzip", "is truncated: the gzip stream has no end")
        members.append(member)
        content = stream.unused_data
        if not content.startswith(_GZIP_MAGIC):
            return members[0] if len(members) == 1 else b"".join(members)
    raise SpectrumError("corrupt_gzip", f"is gzip in more than {_MAX_MEMBERS} pieces")
