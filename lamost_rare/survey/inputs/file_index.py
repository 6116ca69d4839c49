"""Which file below a directory holds which spectrum, by the names that LAMOST gives them."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable

import numpy as np

from .discovery import Entry
from .observations import Observation

__all__ = ["FileIndex"]

_ENDING = rb"((?:\.fits?)+(?:\.gz)?)"
_BY_PLATE = re.compile(rb"spec-(\d{1,6})-(.+?)_?sp(\d{1,3})-(\d{1,4})" + _ENDING, re.IGNORECASE)
_BY_OBSID = re.compile(rb"(-?\d{1,18})" + _ENDING, re.IGNORECASE)

_LMJD_BITS, _SPID_BITS, _FIBERID_BITS, _PLAN_BITS = 18, 8, 12, 25
_NOBODY = -(2**63)


class FileIndex:
    """The files of a walk, by plate identity and by OBSID; ``unreadable`` counts what is none.

    ``spec-<lmjd>-<planid>_sp<spid>-<fiberid>`` and ``<obsid>`` are known, with ``.fits``,
    ``.fits.gz``, ``.fits.fits`` and the like behind them, wherever they lie. Where two files have
    the same name, the first in the order of the walk counts.

    Notes
    -----
    A file takes some 40 bytes of memory, as its path follows from what the row says except folder
    and ending, of which there are few. An unusual spelling, or a member of an archive, takes 300.
    """

    def __init__(self, entries: Iterable[Entry]):
        self.unreadable = 0
        self._n_files = 0
        self._plans: dict[bytes, int] = {}
        self._places: list[tuple[bytes, bytes] | Entry] = []
        self._by_plate, self._by_obsid = _Keys(), _Keys()
        numbers: dict[tuple[bytes, bytes], int] = {}
        for entry in entries:
            path = entry.path
            if path.endswith(b"/"):
                self.unreadable += 1
                continue
            self._n_files += 1
            cut = path.rfind(b"/") + 1
            name = path[cut:]
            if found := _BY_PLATE.fullmatch(name):
                lmjd, planid, spid, fiberid, ending = found.groups()
                plan = self._plans.setdefault(planid, len(self._plans))
                key = _pack(int(lmjd), plan, int(spid), int(fiberid))
                stem = b"spec-%d-%s_sp%02d-%03d" % (int(lmjd), planid, int(spid), int(fiberid))
                keys = self._by_plate
            elif found := _BY_OBSID.fullmatch(name):
                key, stem, ending = int(found[1]), b"%d" % int(found[1]), found[2]
                keys = self._by_obsid
            else:
                continue
            if key is None:
                continue
            if entry.item or entry.reason or name != stem + ending:
                self._places.append(entry)
                place = len(self._places) - 1
            else:
                kind = path[:cut], ending
                if kind not in numbers:
                    numbers[kind] = len(self._places)
                    self._places.append(kind)
                place = numbers[kind]
            keys.add(key, place)
        self._by_plate.sort()
        self._by_obsid.sort()

    @property
    def knows_obsids(self) -> bool:
        """True if any file is named by its OBSID."""
        return len(self._by_obsid.keys) > 0

    @property
    def n_free(self) -> int:
        """Files that no row has named yet."""
        return self._n_files - self._by_plate.n_claimed - self._by_obsid.n_claimed

    def find(self, rows: list[Observation]) -> list[tuple[Entry | None, bool]]:
        """Return the file of each row, or None, and whether an earlier row with another OBSID named
        it.

        A name made of the plate's identity goes before one made of the OBSID.
        """
        plates = np.array([self._plate_key(row) for row in rows], dtype=np.int64)
        obsids = np.array([row.obsid for row in rows], dtype=np.int64)
        by_plate = self._by_plate.find(plates).tolist()
        by_obsid = self._by_obsid.find(obsids).tolist()
        found: list[tuple[Entry | None, bool]] = []
        for row, plate, own in zip(rows, by_plate, by_obsid, strict=True):
            if plate >= 0:
                stem = row.stem.encode("utf-8", "surrogateescape")
                number, contested = self._by_plate.claim(plate, row.obsid)
            elif own >= 0:
                stem = b"%d" % row.obsid
                number, contested = self._by_obsid.claim(own, row.obsid)
            else:
                found.append((None, False))
                continue
            place = self._places[number]
            if not isinstance(place, Entry):
                place = Entry(place[0] + stem + place[1])
            found.append((place, contested))
        return found

    def _plate_key(self, row: Observation) -> int:
        plan = self._plans.get(row.planid.encode("utf-8", "surrogateescape"))
        key = None if plan is None else _pack(row.lmjd, plan, row.spid, row.fiberid)
        return -1 if key is None else key


def _pack(lmjd: int, plan: int, spid: int, fiberid: int) -> int | None:
    """Return one positive number of 63 bits; None where one is missing or more than LAMOST can
    mean."""
    if lmjd >> _LMJD_BITS or plan >> _PLAN_BITS or spid >> _SPID_BITS or fiberid >> _FIBERID_BITS:
        return None
    key = (lmjd << _PLAN_BITS | plan) << _SPID_BITS | spid
    return key << _FIBERID_BITS | fiberid


class _Keys:
    """Whole numbers with the place that each stands for, and which row has named it."""

    def __init__(self):
        self.keys, self._places = array("q"), array("i")
        self.n_claimed = 0

    def add(self, key: int, place: int) -> None:
        self.keys.append(key)
        self._places.append(place)

    def sort(self) -> None:
        """Make ready for `find`; of equal keys the first that was added stays first."""
        keys, places = np.array(self.keys, np.int64), np.array(self._places, np.int32)
        self.keys = self._places = None
        order = np.argsort(keys, kind="stable")
        self.keys, self._places = keys[order], places[order]
        self._claims = np.full(len(keys), _NOBODY, dtype=np.int64)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return the positions of keys; -1 where there is none."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        position = np.searchsorted(self.keys, keys)
        position[position == len(self.keys)] = 0
        return np.where(self.keys[position] == keys, position, -1)

    def claim(self, position: int, obsid: int) -> tuple[int, bool]:
        """Return the place at a position, and whether another OBSID had it before."""
        before = self._claims[position]
        if before == _NOBODY:
            self._claims[position] = obsid
            self.n_claimed += 1
        return self._places[position], bool(before != _NOBODY and before != obsid)
