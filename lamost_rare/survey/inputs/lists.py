"""A list of files, one path a line, or paths from Python."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ...text import check_paths, printable
from ..errors import ScanError
from .base import ScanInput
from .discovery import Entry, Walk, archive_entries, is_archive
from .text_lines import clear_errors_of, text_lines

__all__ = ["ListInput", "PathsInput", "PipeInput"]

_LONGEST = 4096


class ListInput(ScanInput):
    """A text file with paths, relative to its own folder or absolute, as the source of a scan.

    They are inputs in the order of the list, whatever their names; an archive stands for its
    members. `text_lines` says what a line is. If lines end with NUL (as ``find -print0`` writes
    them), they are paths as they stand; else blank lines and those that begin with ``#`` do not
    count, and quotes around a whole line are no part of it.
    """

    seen = False
    _kept = True

    @property
    def places(self) -> list[Path]:
        """The list, where it is a file: what it names may be anywhere."""
        return [self.path] if self._kept else []

    @property
    def root(self) -> bytes:
        return os.fsencode(self.path.parent)

    def entries(self, walk: Walk) -> Iterator[Entry]:
        for path in self.paths():
            if len(path) > _LONGEST:
                yield Entry(path[:_LONGEST], "unreadable", "the path is longer than paths can be")
            elif b"\0" in path:
                yield Entry(path.replace(b"\0", b"\\x00"), "unreadable", "no path has a NUL in it")
            elif is_archive(path):
                yield from archive_entries(self.root, path, walk)
            else:
                yield Entry(path)

    def paths(self) -> Iterator[bytes]:
        """Yield the paths, as they are in the list."""
        with clear_errors_of(self.path, "list"), self._open() as file:
            yield from text_lines(file, _LONGEST, name=_path_in_line)

    def _open(self) -> contextlib.AbstractContextManager[BinaryIO]:
        return open(self.path, "rb", buffering=0)

    def empty_message(self, walk: Walk) -> str:
        return f"no paths in {printable(self.path)}"


class PipeInput(ListInput):
    """A list that can be read once: standard input (``-``), or a pipe.

    As it has no folder of its own, paths are relative to the current directory, and the list is
    called ``-`` there.
    """

    _kept = False

    def __init__(self, pipe: str):
        super().__init__(Path(os.path.abspath("-")))
        self._pipe = pipe

    @contextlib.contextmanager
    def _open(self):
        pipe = 0 if self._pipe == "-" else self._pipe
        if pipe == 0 and sys.stdin is None:
            raise ScanError("cannot read a list from -: there is no standard input")
        try:
            # A copy: what a pipe gives comes in pieces of any size, and its beginning says what
            # kind of text it is.
            with open(pipe, "rb", closefd=pipe != 0) as stream, tempfile.TemporaryFile() as copy:
                shutil.copyfileobj(stream, copy, 2**20)
                copy.seek(0)
                yield copy
        except OSError as error:
            what = printable(error.strerror or error)
            raise ScanError(f"cannot read a list from {printable(self._pipe)}: {what}") from error

    def empty_message(self, walk: Walk) -> str:
        name = "standard input" if self._pipe == "-" else printable(self._pipe)
        return f"no paths came from {name}"


class PathsInput(ListInput):
    """Paths from Python, relative to the current directory or absolute: as if from a pipe."""

    _kept = False

    def __init__(self, paths: Iterable):
        super().__init__(Path(os.path.abspath("-")))
        self._given = paths

    def paths(self) -> Iterator[bytes]:
        for number, path in enumerate(self._given):
            path = os.fspath(path) if isinstance(path, os.PathLike) else path
            try:
                path = os.fsencode(path)
            except TypeError:
                raise TypeError(
                    f"item {number} of source is a {type(path).__name__}: a scan takes paths of "
                    "files (for Spectrum objects there is classify_spectra)"
                ) from None
            except UnicodeEncodeError:  # no file has such a name
                path = path.encode("utf-8", "surrogatepass")
            check_paths(**{f"item {number} of source": path})
            yield path

    def empty_message(self, walk: Walk) -> str:
        return "no paths in source"


def _path_in_line(line: bytes) -> bytes:
    """Return the path in a line; nothing if there is none in it."""
    if line[:1] not in b"#\"' \t":
        return line
    stripped = line.strip()
    if line[:1] == b"#" or not stripped:
        return b""
    quote = stripped[:1]
    if quote in b"\"'" and len(stripped) > 2 and stripped.endswith(quote):
        return stripped[1:-1].replace(b'""', b'"') if quote == b'"' else stripped[1:-1]
    return line
