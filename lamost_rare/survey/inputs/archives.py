"""Tar archives of spectra, read where they are: nothing is ever unpacked or written."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from ...spectra._codec import GZIP_ERRORS, open_gzip
from ...spectra._file_bytes import MAX_BYTES
from ...spectra.quality import SpectrumError
from ...text import first_line, printable

__all__ = ["close_archive", "iterate_members", "read_member"]

_LONGEST_NAME = 4096
_LARGEST_HEADER = 2**20
"""Of an extended header, which the library holds in memory whatever size it claims."""

_ERRORS = (
    tarfile.TarError,
    *GZIP_ERRORS,
    ValueError,
    OverflowError,
)
_SKIP = 2**20

_KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.DIRTYPE: "a directory",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


def iterate_members(archive: bytes, suffixes: tuple[bytes, ...], on_other) -> Iterator[tuple]:
    """Yield the members whose names have one of the suffixes; call ``on_other`` for each other one.

    Yields
    ------
    name : bytes
        As the archive has it; empty for the archive itself, if it ends too early.
    offset, size : int
        Where the content is, in the archive or in what it expands to.
    reason, detail : str
        Empty, or why the member is not read: ``not_a_file`` for links, devices and the like,
        ``unsafe_name`` for one that leads out of the archive, ``too_large``, ``corrupt_archive``.
    """
    try:
        with _Stream(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            while (info := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it would keep every one
                if info.size < 0:
                    raise ValueError("a header claims a negative size")
                name = info.name.encode("utf-8", "surrogateescape")
                if info.isdir():
                    continue
                if not name.lower().endswith(suffixes):
                    on_other()
                    continue
                reason, detail = _judge(info, name)
                name = name.replace(b"\0", b"\\x00")[:_LONGEST_NAME]
                yield name, info.offset_data, info.size, reason, detail
            stream.check_end()
    except Exception as error:  # of many kinds, as damage and malice are
        yield b"", 0, 0, *_reason_of(error)


def _judge(info: tarfile.TarInfo, name: bytes) -> tuple[str, str]:
    if not info.isreg() or info.issparse():
        kind = _KINDS.get(info.type, "a sparse file" if info.isreg() else "no regular file")
        return "not_a_file", f"{kind} in the archive"
    if name.startswith(b"/") or b".." in name.split(b"/"):
        return "unsafe_name", "the name leads out of the archive"
    if b"\0" in name or len(name) > _LONGEST_NAME:
        return "unsafe_name", "the name is none that a file can have"
    if info.size > MAX_BYTES:
        return "too_large", f"has {info.size} bytes, over the limit of {MAX_BYTES}"
    return "", ""


def _reason_of(error: Exception) -> tuple[str, str]:
    if isinstance(error, OSError) and error.errno is not None:
        return "unreadable", f"the archive cannot be read: {error.strerror}"
    return "corrupt_archive", f"the archive is damaged: {printable(first_line(error))}"


def read_member(archive: bytes, offset: int, size: int) -> bytes:
    """Return the content of a member.

    Raises
    ------
    SpectrumError
        ``unreadable``, ``empty_file``, or ``corrupt_archive``.
    """
    try:
        if not _last or _last[0].path != archive or _last[0].tell() > offset:
            close_archive()
            _last.append(_Stream(archive))
        stream = _last[0]
        stream.seek(offset)
        content = stream.read(size)
    except _ERRORS as error:
        close_archive()
        reason, detail = _reason_of(error)
        raise SpectrumError(reason, f"cannot be read: {detail}") from None
    if len(content) < size:
        raise SpectrumError("corrupt_archive", "cannot be read: the archive ends too early")
    if not content:
        raise SpectrumError("empty_file", "has no bytes")
    return content


_last: list[_Stream] = []
"""What a reader has open. Readers go forwards, so that a compressed archive is expanded once."""


def close_archive() -> None:
    """Close the archive that `read_member` keeps open."""
    for stream in _last:
        stream.close()
    _last.clear()


class _Stream:
    """An archive as bytes that can be read forwards, expanded where it is gzip."""

    def __init__(self, path: bytes):
        self.path = path
        self._raw = open(path, "rb")
        magic = self._raw.read(2)
        self._raw.seek(0)
        self._block = b""
        self._packed = magic == b"\x1f\x8b"
        self._file = open_gzip(self._raw) if self._packed else self._raw

    def __enter__(self):
        return self

    def __exit__(self, *exc_info) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self._raw.close()

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        """Only forwards from the beginning, where the archive is compressed."""
        if not self._packed or whence:
            return self._file.seek(offset, whence)
        if offset < self.tell():
            return self._file.seek(offset)
        while (left := offset - self.tell()) > 0:
            if not self._file.read(min(left, _SKIP)):
                break
        return self.tell()

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > max(_LARGEST_HEADER, MAX_BYTES):
            raise ValueError(f"a header claims {size} bytes")
        self._block = self._file.read(size)
        return self._block

    def check_end(self) -> None:
        """Raise `EOFError` unless what was read last is the mark at the end of an archive.

        Without this, damage between two members would pass for the end.
        """
        if not self._block or self._block.strip(b"\0"):
            raise EOFError("no mark of its end where its members end: some may be missing")
        while self._packed and self._file.read(_SKIP):
            pass  # the checksum is at the very end
