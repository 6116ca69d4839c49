"""Further spectra of the stars that are looked at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ..inference.arrow_files import open_parquet
from ..survey.sky_groups import RADIUS, unit_vectors
from ..survey.star_members import members_of
from .finished_scan import FinishedScan, take_rows

__all__ = ["MOST_VISITS", "Visits", "find_visits"]

MOST_VISITS = 8
"""Of a star that are shown beside its rows: those of highest S/N."""
_NEEDED = ("path", "obsid", "ra", "dec", "snr_g", "flags")
_REACH = 3 * RADIUS
"""Arcsec; members of a star are up to two radii apart, and a neighbour may claim some of them."""


class Visits(NamedTuple):
    """Spectra of the same stars.

    Attributes
    ----------
    rows : pyarrow.Table
        Of the catalogue, none of which is looked at itself.
    stars : list of list of int
        Of each star with more than one spectrum: numbers of what is looked at, then of visits,
        which count on from there.
    notes : list of str
        What is not shown, for people.
    """

    rows: pa.Table
    stars: list[list[int]]
    notes: list[str]


def find_visits(scan: FinishedScan, chosen: pa.Table) -> Visits:
    """Find the spectra of a catalogue that are of the stars of some of its rows.

    Spectra are grouped as for the scan's table of stars (`lamost_rare.survey.sky_groups`). The
    same observation, which was met twice, is no visit.
    """
    if not set(_NEEDED) <= set(scan.columns):
        return Visits(chosen.slice(0, 0), [], [])
    numbers, near = _near(scan, chosen)
    group = members_of(lambda names: near.select(names).to_batches()).group
    shown = {key: number for number, key in reversed(list(enumerate(_keys(chosen))))}
    of_star: dict[int, set[int]] = {}
    others: dict[int, list[int]] = {}
    keys = _keys(near)
    for row, (star, key) in enumerate(zip(group.tolist(), keys, strict=True)):
        if star >= 0 and key in shown:
            of_star.setdefault(star, set()).add(shown[key])
        elif star >= 0:
            others.setdefault(star, []).append(row)
    snr = np.nan_to_num(near["snr_g"].to_numpy())
    observed, seen = (list(map(_observation, some)) for some in (keys, _keys(chosen)))
    visits: list[int] = []
    stars, left = [], 0
    for star, rows in of_star.items():
        known = {seen[row] for row in rows}
        more = []
        for row in sorted(others.get(star, ()), key=lambda row: -snr[row]):
            if observed[row] not in known:
                known.add(observed[row])
                more.append(row)
        left += len(more[MOST_VISITS:])
        first = len(chosen) + len(visits)
        visits += more[:MOST_VISITS]
        together = [*sorted(rows), *range(first, len(chosen) + len(visits))]
        stars += [together] if len(together) > 1 else []
    notes = [f"{left} further visits are not shown: a star has {MOST_VISITS} of them at most."]
    return Visits(take_rows(scan.catalogue, numbers[visits]), stars, notes if left else [])


def _keys(rows: pa.Table) -> list[tuple]:
    return list(zip(rows["path"].to_pylist(), rows["obsid"].to_pylist(), strict=True))


def _observation(key: tuple) -> tuple:
    """Return what is the same for all rows of one observation: its obsid, if it has one."""
    return ("", key[1]) if key[1] != -1 else key


def _near(scan: FinishedScan, chosen: pa.Table) -> tuple[np.ndarray, pa.Table]:
    """Return the numbers of the rows that lie near some that are looked at, and what they are."""
    from scipy.spatial import cKDTree

    here = _vectors(chosen)
    here = here[np.isfinite(here).all(axis=1)]
    nothing = np.empty(0, np.int64), chosen.select(_NEEDED).slice(0, 0)
    if not len(here):
        return nothing
    tree = cKDTree(here)
    reach = 2 * np.sin(np.radians(_REACH / 3600) / 2)
    numbers, parts, start = [], [], 0
    with open_parquet(scan.catalogue, pre_buffer=False) as file:
        for batch in file.iter_batches(columns=list(_NEEDED)):
            there = _vectors(batch)
            rows = np.flatnonzero(np.isfinite(there).all(axis=1))
            distance, _ = tree.query(there[rows], distance_upper_bound=reach)
            rows = rows[np.isfinite(distance)]
            parts.append(batch.take(pa.array(rows)))
            numbers.append(rows + start)
            start += len(batch)
    return (np.concatenate(numbers), pa.Table.from_batches(parts)) if parts else nothing


def _vectors(rows: pa.Table | pa.RecordBatch) -> np.ndarray:
    """Return positions on the unit sphere, shape (n, 3), not finite where there is none."""
    ra, dec = (
        np.asarray(rows[name].to_numpy(zero_copy_only=False), float) for name in ("ra", "dec")
    )
    return np.stack(unit_vectors(ra, dec), axis=1)
