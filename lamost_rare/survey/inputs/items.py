"""What a reader is told to read: a file, or a part of something larger, as bytes without a NUL.

The absolute path of a file stands for itself; anything else is an `Item` as JSON.
"""

from __future__ import annotations

import json
import os
from typing import NamedTuple

from ...spectra.files import read_spectrum_file
from ...spectra.raw import RawSpectrum
from .archives import read_member
from .observations import Observation

__all__ = ["Item", "observations_of", "read_item", "rows_of_store"]

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Item(NamedTuple):
    """What is read as one spectrum.

    Attributes
    ----------
    path : str
        Absolute path of a file, a store or a tar archive.
    row : int
        Of the store; -1 where it is none.
    member : str
        Name in the archive; empty where it is none.
    offset, size : int
        Where the member's content is in the archive, or in what that expands to.
    observation : str
        What a general catalogue says of the spectrum, as `observations.Observation` writes it;
        empty where there is no catalogue.
    """

    path: str
    row: int = -1
    member: str = ""
    offset: int = 0
    size: int = 0
    observation: str = ""

    @classmethod
    def from_bytes(cls, item: bytes | str) -> Item:
        """Take apart what `to_bytes` wrote, or the path of a file."""
        item = os.fsencode(item)
        return cls(*json.loads(item)) if item[:1] == b"[" else cls(os.fsdecode(item))

    def to_bytes(self) -> bytes:
        """Return the item as bytes without a NUL."""
        return _encode(self).encode("ascii")


def observations_of(items) -> list[Observation]:
    """Return the rows of a general catalogue in items; none if they are of another kind."""
    rows = [Item.from_bytes(item).observation for item in items]
    return [Observation.from_text(row) for row in rows if row]


def rows_of_store(items) -> tuple[str, list[int]] | None:
    """Return path of the store and row numbers, if the items are rows of a store."""
    if not items or Item.from_bytes(items[0]).row < 0:
        return None
    found = list(map(Item.from_bytes, items))
    return found[0].path, [item.row for item in found]


def read_item(item: bytes | str, *, header: bool = False) -> RawSpectrum:
    """Read anything but a row of a store; with its ``header`` if that is wanted.

    Raises
    ------
    SpectrumError
        As `~lamost_rare.spectra.files.read_spectrum_file`; also ``corrupt_archive`` and
        ``catalogue_mismatch``.
    """
    path, _, member, offset, size, observation = Item.from_bytes(item)
    content, header = None, header or bool(observation)
    if member:
        content = read_member(os.fsencode(path), offset, size)
        path = f"{path}/{member}"
    raw = read_spectrum_file(path, content=content, header=header)
    if observation:
        Observation.from_text(observation).check(raw)
    return raw
