"""A list of files, one path a line."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..text import printable
from .discovery import Entry, Walk, archive_entries, is_archive
from .sources import Source

__all__ = ["ListSource"]

_LONGEST = 4096
_BLOCK = 2**16


class ListSource(Source):
    """A text file with paths, relative to its own folder or absolute, as the source of a scan.

    They are inputs in the order of the list, whatever their names; an archive stands for its
    members. Lines end with a newline, or with a NUL if there is one in the first 64 KiB (as
    ``find -print0`` writes them); empty lines do not count.
    """

    @property
    def root(self) -> bytes:
        """The folder of the list."""
        return os.fsencode(self.path.parent)

    def entries(self, walk: Walk) -> Iterator[Entry]:
        """The files of the list."""
        for path in _lines(self.path):
            if len(path) > _LONGEST:
                yield Entry(path[:_LONGEST], "unreadable", "the path is longer than paths can be")
            elif b"\0" in path:
                yield Entry(path.replace(b"\0", b"\\x00"), "unreadable", "no path has a NUL in it")
            elif is_archive(path):
                yield from archive_entries(self.root, path, walk)
            else:
                yield Entry(path)

    def nothing(self, walk: Walk) -> str:
        """An empty list."""
        return f"no paths in {printable(self.path)}"


def _lines(path) -> Iterator[bytes]:
    """The lines that are not empty, none longer than can be told to be too long."""
    with open(path, "rb") as file:
        block = file.read(_BLOCK)
        end, extra = (b"\0", b"") if b"\0" in block else (b"\n", b"\r")
        rest = b""
        while block:
            *lines, rest = (rest + block).split(end)
            yield from filter(None, (line.rstrip(extra) if extra else line for line in lines))
            rest = rest[: _LONGEST + 2 * _BLOCK]
            block = file.read(_BLOCK)
        if rest := rest.rstrip(extra) if extra else rest:
            yield rest
