"""LAMOST's general catalogue, with the directory that its spectra are in, as a source of a scan."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ...inference.columns import GENERAL_CATALOGUE
from ...text import path_text, printable
from ...wording import named
from ..errors import ScanError
from .base import ScanInput
from .discovery import Entry, Walk, find_spectra
from .file_index import FileIndex
from .items import Item
from .observations import Observation, choose_columns, read_observations
from .tables import open_table

__all__ = ["CatalogueInput"]


class CatalogueInput(ScanInput):
    """The rows of a general catalogue, in their order; the files are below ``root``.

    Raises
    ------
    ScanError
        If the catalogue cannot be read or lacks the columns that files are found by, or there is
        no such directory.
    """

    columns = GENERAL_CATALOGUE

    def __init__(self, path: Path, root: Path):
        super().__init__(path)
        if not root.is_dir():
            raise ScanError(f"{named('root')} {printable(root)} is no directory")
        self._root = root
        self._below = os.path.join(self.root, b"")
        self._table = open_table(path)
        try:
            self._fields = choose_columns(self._table.names)
        except ScanError as error:
            raise ScanError(f"{printable(path)} is no catalogue of spectra: it {error}") from None
        self._other_counts: dict[str, int] = {}

    @property
    def places(self) -> list[Path]:
        """The directory; the catalogue was read."""
        return [self._root]

    @property
    def root(self) -> bytes:
        return os.fsencode(self._root)

    def describe(self) -> dict:
        return {**super().describe(), "root": path_text(self.root)}

    def other_counts(self, walk: Walk) -> dict[str, int]:
        """Return what the directory holds besides the files of the rows."""
        return {**super().other_counts(walk), **self._other_counts}

    def entries(self, walk: Walk) -> Iterator[Entry]:
        """Yield an entry for each row, whose item holds what the row says."""
        index = FileIndex(_checked(find_spectra(self._root, walk), walk))
        lacking = [
            name for name in ("lmjd", "planid", "spid", "fiberid") if name not in self._fields
        ]
        if lacking and not index.knows_obsids:
            raise ScanError(
                f"{printable(self.path)} has no column {', '.join(lacking)}, of which LAMOST makes "
                f"the names of files, and no file below {printable(self._root)} is named by obsid"
            )
        number = 0
        for piece in self._table.pieces(list(self._fields.values())):
            rows = self._rows(piece)
            found = iter(index.find([row for row in rows if isinstance(row, Observation)]))
            for row in rows:
                number += 1
                if isinstance(row, str):
                    path = b"%s/row %d" % (os.fsencode(self.path), number)
                    yield Entry(path, "bad_catalogue_row", f"row {number} has {row}")
                else:
                    yield self._entry(number, row, *next(found), lacking)
        self._other_counts = {
            "files_without_row": index.n_free,
            "unreadable": index.unreadable,
        }

    def _rows(self, piece: list[tuple | None]) -> list[Observation | str]:
        """Return the rows, or what is wrong with them."""
        whole = [values for values in piece if values is not None]
        columns = zip(*whole, strict=True) if whole else [()] * len(self._fields)
        found = read_observations(dict(zip(self._fields, columns, strict=True)), len(whole))
        if len(whole) == len(piece):
            return found
        wrong = f"not {len(self._table.names)} values, as the header has"
        rows = iter(found)
        return [wrong if values is None else next(rows) for values in piece]

    def _entry(
        self, number: int, row: Observation, file: Entry | None, contested: bool, lacking: list[str]
    ) -> Entry:
        if file is None:
            if row.missing and not lacking:
                path = b"%s/row %d" % (os.fsencode(self.path), number)
                why = f"row {number} (obsid {row.obsid}) has no usable {', '.join(row.missing)}"
                reject = Entry(path, "bad_catalogue_row", why)
            else:
                stem = str(row.obsid) if row.missing else row.stem
                path = stem.encode("utf-8", "surrogateescape") + b".fits.gz"
                why = f"row {number} (obsid {row.obsid}): no file of that name"
                reject = Entry(path, "no_file", why)
            file = reject
        if contested:
            row = row._replace(contested=True)
        item = Item.from_bytes(file.item or self._below + file.path)
        item = item._replace(observation=row.to_text())
        return Entry(file.path, file.reason, file.detail, item.to_bytes())

    def empty_message(self, walk: Walk) -> str:
        return f"no rows in {printable(self.path)}"


def _checked(entries: Iterator[Entry], walk: Walk) -> Iterator[Entry]:
    for entry in entries:
        walk.checkpoint()
        yield entry
