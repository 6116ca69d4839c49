"""Finding the spectra below a directory, in a fixed order, without losing any."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .archives import iterate_members
from .items import Item

__all__ = [
    "SUFFIXES",
    "Entry",
    "Walk",
    "archive_entries",
    "find_spectra",
    "is_archive",
]

TAR_SUFFIXES = (b".tar", b".tar.gz", b".tgz")
"""Endings (in any case) by which a file counts as an archive of spectra."""

SUFFIXES = (b".fits", b".fits.gz", b".fit", b".fit.gz")
"""Endings (in any case) by which a file counts as a spectrum. `.fits.fits` ends in `.fits`."""


MANIFEST = b"manifest.json"
"""File by which the output directory of a scan is known."""

_LARGEST_MANIFEST = 2**20


class Entry(NamedTuple):
    """One input of a scan.

    ``path`` is relative to the source, in the file system's own bytes. ``reason`` is empty, or the
    reject reason where it is known without opening anything; ``detail`` says more. ``item`` is what
    a reader is given where that is not the file of this path (see
    `lamost_rare.survey.inputs.items`).
    """

    path: bytes
    reason: str = ""
    detail: str = ""
    item: bytes = b""


@dataclass
class Walk:
    """What a walk met besides its entries; filled in while `find_spectra` is consumed."""

    directories: int = 0
    other_files: int = 0
    """Files whose names do not end like a spectrum's."""
    macos_files: int = 0
    """Files ``._NAME``, in which macOS keeps what other file systems cannot hold of file NAME."""
    tables_of_scans: int = 0
    """Tables of a scan in FITS, named like a spectrum."""
    repeated_directories: int = 0
    """Directories reached again by a symbolic link: each is walked once, at its first path."""
    seen: set = field(default_factory=set, repr=False)
    checkpoint: Callable[[], None] = lambda: None
    """Called now and then by what takes long without yielding anything; may raise, to stop."""


def find_spectra(source, walk: Walk | None = None) -> Iterator[Entry]:
    """Yield the inputs below ``source``, sorted by the bytes of their relative paths.

    A directory is searched with its subdirectories and through symbolic links; one file is an input
    whatever its name. ``walk`` receives the counts of what is not an input.

    Yields
    ------
    Entry
        A file named like a spectrum, or such a member of a tar archive. Besides these, so that
        nothing is lost in silence: a directory named like a spectrum (``not_a_file``; what it holds
        is an input as well), a special file or broken link named like one, and a directory or
        archive that cannot be read (``unreadable``, ``corrupt_archive``, the path ending in ``/``).

    Notes
    -----
    Memory grows with the number of directories, not of files. Since a directory sorts as
    ``name/``, walking each one in order gives the order of the complete paths.
    """
    walk = Walk() if walk is None else walk
    root = os.fsencode(source)
    if not os.path.isdir(root):
        name = os.path.basename(root)
        if is_archive(name):
            yield from archive_entries(os.path.dirname(root), name, walk)
        else:
            yield Entry(name)
        return
    yield from _walk(root, b"", walk)


def _walk(root: bytes, top: bytes, walk: Walk) -> Iterator[Entry]:
    # An explicit stack: a deep tree must not meet the recursion limit.
    stack: list[Iterator[tuple[bytes, Entry | str]]] = [iter([(top, _DIRECTORY)])]
    while stack:
        key, item = next(stack[-1], (b"", None))
        if item is None:
            stack.pop()
        elif isinstance(item, Entry):
            yield item
        elif item == _ARCHIVE:
            yield from archive_entries(root, key[:-1], walk)
        else:
            try:
                info = os.stat(os.path.join(root, key))
                if (info.st_dev, info.st_ino) in walk.seen:
                    walk.repeated_directories += 1
                    continue
                walk.seen.add((info.st_dev, info.st_ino))
                children = _children(root, key, walk)
            except OSError as error:
                yield Entry(key, "unreadable", _cannot_read("directory", error))
                continue
            walk.directories += 1
            stack.append(iter(children))


_DIRECTORY, _ARCHIVE = "directory", "archive"
"""Stand for a directory to descend into, and for an archive, whose members are inputs."""


def _children(root: bytes, prefix: bytes, walk: Walk) -> list[tuple[bytes, Entry | str]]:
    children: list[tuple[bytes, Entry | str]] = []
    folder = os.path.join(root, prefix)
    tables = _tables_of_scan(folder)
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            named = entry.name.lower().endswith(SUFFIXES)
            if _holds(entry.is_dir):
                children.append((path + b"/", _DIRECTORY))
                if named:
                    children.append((path, Entry(path, "not_a_file", "a directory")))
            elif _is_macos(entry.name):
                walk.macos_files += 1
            elif entry.name in tables:
                walk.tables_of_scans += 1
            elif is_archive(entry.name):
                archive = _holds(entry.is_file)
                children.append(
                    (path + b"/", _ARCHIVE) if archive else (path, _special(path, entry))
                )
            elif not named:
                walk.other_files += 1
            elif _holds(entry.is_file):
                children.append((path, Entry(path)))
            else:
                children.append((path, _special(path, entry)))
    children.sort(key=lambda child: child[0])
    return children


def _is_macos(name: bytes) -> bool:
    """Return whether a file named like a spectrum or archive only goes with one."""
    return name.startswith(b"._") and name.lower().endswith(SUFFIXES + TAR_SUFFIXES)


def _tables_of_scan(folder: bytes) -> set[bytes]:
    """Return the names in FITS of the tables that a scan left in a folder, each beside that in
    Parquet."""
    try:
        with open(os.path.join(folder, MANIFEST), "rb") as file:
            manifest = json.loads(file.read(_LARGEST_MANIFEST))
        if not {"format", "state", "inputs", "steps"} <= set(manifest):
            return set()
        names = [os.path.splitext(name) for name in os.listdir(folder)]
        return {stem + b".fits" for stem, suffix in names if suffix == b".parquet"}
    except (OSError, ValueError, TypeError, RecursionError):
        return set()


def is_archive(name: bytes) -> bool:
    """Return whether a name is that of a tar archive."""
    return name.lower().endswith(TAR_SUFFIXES)


def archive_entries(root: bytes, path: bytes, walk: Walk) -> Iterator[Entry]:
    """Yield the inputs in an archive, in the order in which it holds them.

    Their paths are that of the archive, ``/`` and the name of the member. An archive that cannot be
    read to its end is an input of its own besides, rejected, with a path that ends in ``/``.
    """
    archive = os.path.join(root, path)

    def on_other():
        walk.other_files += 1

    for name, offset, size, reason, detail in iterate_members(archive, SUFFIXES, on_other):
        if _is_macos(name.rpartition(b"/")[2]):
            walk.macos_files += 1
            continue
        item = b""
        if not reason:
            member = os.fsdecode(name)
            item = Item(os.fsdecode(archive), member=member, offset=offset, size=size).to_bytes()
        yield Entry(path + b"/" + name, reason, detail, item)


def _holds(test: Callable[[], bool]) -> bool:
    """``is_dir`` and ``is_file`` raise for a link that loops on itself: it is neither."""
    try:
        return test()
    except OSError:
        return False


def _special(path: bytes, entry: os.DirEntry) -> Entry:
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        return Entry(
            path, "unreadable", _cannot_read("link" if entry.is_symlink() else "file", error)
        )
    kinds = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket"}
    return Entry(path, "not_a_file", kinds.get(stat.S_IFMT(mode), "a device"))


def _cannot_read(what: str, error: OSError) -> str:
    return f"{what} cannot be read: {error.strerror or error}"
