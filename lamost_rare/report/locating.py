"""Where the spectra of a catalogue's rows are: in files, archives or a store.

A row has the path of its spectrum as text (`~lamost_rare.text.path_text`), which is not always how
the file system has it: bytes that are not UTF-8 are escapes there. So a name may be looked for
among those in its folder, and a member's among those of its archive. Nothing else is searched.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from ..survey.errors import ScanError
from ..survey.inputs.discovery import Entry, Walk, archive_entries, is_archive
from ..survey.inputs.opening import open_inputs
from ..survey.inputs.store import StoreInput
from ..text import first_line, path_text, printable

__all__ = ["Place", "locate", "store_of"]

_STORES = (".h5", ".hdf5")


class Place(NamedTuple):
    """Where a spectrum may be.

    Attributes
    ----------
    row : int
        Which of the rows it is of.
    items : tuple of bytes
        As `~lamost_rare.survey.inputs.items.read_item` takes them, or rows of a store; mostly one.
        Several have names of one text: the first that is the row's spectrum is meant.
    missing : str
        Why there is none, for people.
    """

    row: int
    items: tuple[bytes, ...] = ()
    missing: str = ""


def store_of(source: str) -> tuple[StoreInput | None, str]:
    """Return the store that a scan's source is, if it is one, or what is wrong with it.

    ``source`` is that of the manifest.
    """
    named = source.lower().endswith(_STORES)
    for path in filter(os.path.isfile, _names_of(source, {})):
        try:
            given = open_inputs(path)
        except (ScanError, OSError) as error:
            return None, first_line(error) if named else ""
        return (given, "") if isinstance(given, StoreInput) else (None, "")
    return None, f"the store {printable(source)} is not there any more" if named else ""


def locate(paths: Iterable[str], store: StoreInput | None = None) -> list[Place]:
    """Find spectra by their paths, in the order in which they are read best.

    Parameters
    ----------
    paths : iterable of str
        As rows of a catalogue have them.
    store : StoreInput, optional
        Which the scan read; otherwise it read files and archives.

    Returns
    -------
    list of Place
        One for each path. Members of an archive, and rows of a store, come in the order in which
        they are there.
    """
    paths = list(paths)
    if store is not None:
        return _in_store(store, paths)
    files, inside = [], defaultdict(list)
    listed: dict[bytes, list[bytes]] = {}
    for row, path in enumerate(paths):
        if names := tuple(name for name in _names_of(path, listed) if os.path.isfile(name)):
            files.append(Place(row, names))
            continue
        archives = _archives_above(path, listed)
        for archive in archives:
            inside[archive].append(row)
        if not archives:
            files.append(Place(row, missing="the file is not there any more"))
    return files + _in_archives(inside, paths)


def _names_of(path: str, listed: dict[bytes, list[bytes]]) -> list[bytes]:
    """Return the names in the file system that a text may stand for.

    ``listed`` holds what was found in folders, of names with an escape or a backslash.
    """
    if "\\" not in path:
        return [os.fsencode(path)]
    ways = [b"/" if path.startswith("/") else b""]
    for part in filter(None, path.split("/")):
        own = os.fsencode(part)
        if "\\" not in part:
            ways = [os.path.join(way, own) for way in ways]
            continue
        ways = [
            os.path.join(way, name)
            for way in ways
            for name in _listed(way, listed)
            if path_text(name) == part
        ]
    return ways


def _listed(folder: bytes, listed: dict[bytes, list[bytes]]) -> list[bytes]:
    if folder not in listed:
        try:
            names = os.listdir(folder or b".")
        except OSError:
            names = []
        listed[folder] = [name for name in names if "\\" in path_text(name)]
    return listed[folder]


def _archives_above(path: str, listed: dict[bytes, list[bytes]]) -> list[bytes]:
    """Return the archives that a path leads into."""
    parts = path.split("/")
    for end in range(len(parts) - 1, 0, -1):
        if is_archive(os.fsencode(parts[end - 1])):
            names = _names_of("/".join(parts[:end]), listed)
            if files := [name for name in names if os.path.isfile(name)]:
                return files
    return []


def _in_archives(inside: dict[bytes, list[int]], paths: list[str]) -> list[Place]:
    """Find members of archives; ``inside`` are the rows that may be in each."""
    found: dict[int, list[bytes]] = {}
    why = dict.fromkeys((row for rows in inside.values() for row in rows), "")
    for archive, rows in inside.items():
        folder, name = os.path.split(archive)
        entries = archive_entries(folder, name, Walk())
        damage = _collect(entries, folder, rows, paths, found)
        why |= dict.fromkeys(rows, damage or "the archive does not hold it any more")
    return _places(found, why)


def _in_store(store: StoreInput, paths: list[str]) -> list[Place]:
    found: dict[int, list[bytes]] = {}
    rows = list(range(len(paths)))
    _collect(store.entries(Walk()), store.root, rows, paths, found)
    return _places(found, dict.fromkeys(rows, "the store does not hold it any more"))


def _collect(
    entries: Iterable[Entry],
    root: bytes,
    rows: list[int],
    paths: list[str],
    found: dict[int, list[bytes]],
) -> str:
    """Add to ``found`` the items of rows, in the order of the entries; return what is wrong with
    what holds them."""
    wanted, damage = defaultdict(list), ""
    for row in rows:
        wanted[paths[row]].append(row)
    for entry in entries:
        if not entry.reason:
            for row in wanted.get(path_text(os.path.join(root, entry.path)), ()):
                found.setdefault(row, []).append(entry.item)
        elif entry.path.endswith(b"/"):
            damage = entry.detail
    return damage


def _places(found: dict[int, list[bytes]], why: dict[int, str]) -> list[Place]:
    """Return the places of rows that were found, then the other rows, with why they were not."""
    places = [Place(row, tuple(items)) for row, items in found.items()]
    return places + [Place(row, missing=why[row]) for row in why if row not in found]
