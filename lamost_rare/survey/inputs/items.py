"""What a reader is told to read: a file, or a part of something larger, as bytes of one line.

A path stands for itself. The other kinds begin with a word, which no path of a scan does, as those
are absolute:

``row:NUMBER:STORE``
    A row of an HDF5 store.
``tar:OFFSET:SIZE:LENGTH:ARCHIVE/MEMBER``
    A member of a tar archive whose path has LENGTH bytes; the content begins at OFFSET of the
    archive (of what it expands to, if it is compressed).
``observation:LENGTH:ROW ITEM``
    Any of these but a row of a store, which has to be what a general catalogue says of it: ROW, of
    LENGTH bytes, is a `lamost_rare.survey.inputs.observations.Observation`.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ...spectra.raw import RawSpectrum

if TYPE_CHECKING:
    from .observations import Observation

__all__ = [
    "member_item",
    "observation_item",
    "observations_of",
    "read_item",
    "row_item",
    "rows_of_store",
    "stated",
]

_ROW = re.compile(rb"row:(\d+):(/.*)", re.DOTALL)
_MEMBER = re.compile(rb"tar:(\d+):(\d+):(\d+):(/.*)", re.DOTALL)
_OBSERVATION = re.compile(rb"observation:(\d+):")


def row_item(store: bytes, row: int) -> bytes:
    """The item for a row of the store at an absolute path."""
    return b"row:%d:%s" % (row, store)


def member_item(archive: bytes, name: bytes, offset: int, size: int) -> bytes:
    """The item for a member of the archive at an absolute path."""
    return b"tar:%d:%d:%d:%s/%s" % (offset, size, len(archive), archive, name)


def observation_item(observation: Observation, item: bytes) -> bytes:
    """The item for a file, or a member of an archive, with the catalogue's row for it."""
    row = observation.to_bytes()
    return b"observation:%d:%s %s" % (len(row), row, item)


def stated(item: bytes) -> bytes:
    """The row of a general catalogue in an item, as bytes; none if there is no row in it."""
    match = _OBSERVATION.match(item)
    return item[match.end() : match.end() + int(match[1])] if match else b""


def observations_of(items) -> list[Observation]:
    """The rows of a general catalogue in items; none if the items are of another kind."""
    from .observations import Observation

    rows = [stated(os.fsencode(item)) for item in items]
    return [Observation.from_bytes(row) for row in rows if row]


def rows_of_store(items) -> tuple[str, list[int]] | None:
    """Path of the store and row numbers, if the items are rows of a store."""
    if not items or _ROW.fullmatch(os.fsencode(items[0])) is None:
        return None
    found = [_ROW.fullmatch(os.fsencode(item)) for item in items]
    return os.fsdecode(found[0][2]), [int(match[1]) for match in found]


def read_item(item, *, header: bool = False) -> RawSpectrum:
    """Read anything but a row of a store; with its ``header`` if that is wanted.

    Raises
    ------
    SpectrumError
        As `~lamost_rare.spectra.files.read_spectrum_file`; also ``corrupt_archive`` and
        ``catalogue_mismatch``.
    """
    from ...spectra.files import read_spectrum_file

    item = os.fsencode(item)
    if item.startswith(b"/"):  # a file: nearly all are
        return read_spectrum_file(os.fsdecode(item), header=header)
    if row := stated(item):
        from .observations import Observation

        raw = read_item(item[_OBSERVATION.match(item).end() + len(row) + 1 :], header=True)
        Observation.from_bytes(row).check(raw)
        return raw
    if match := _MEMBER.fullmatch(item):
        from .archives import read_member

        offset, size, length, path = int(match[1]), int(match[2]), int(match[3]), match[4]
        content = read_member(path[:length], offset, size)
        return read_spectrum_file(os.fsdecode(path), content=content, header=header)
    return read_spectrum_file(os.fsdecode(item), header=header)
