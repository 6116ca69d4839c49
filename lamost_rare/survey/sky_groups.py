"""Which spectra are of one star: those within two arcseconds of a good one of it."""

from __future__ import annotations

import itertools

import numpy as np

__all__ = ["RADIUS", "seed_of_each", "unit_vectors"]

RADIUS = 2.0
"""Arcsec; a fibre of LAMOST is 3.3 arcsec wide, and is put within some tenths of where it should
be."""

_BLOCK = 1 << 18
_PER_AXIS = 1 << 18
"""Cells to an axis: more than there are along the diameter of the sphere."""
_STEPS = [
    x + _PER_AXIS * (y + _PER_AXIS * z) for z, y, x in itertools.product((-1, 0, 1), repeat=3)
]
"""From the number of a cell to those of its neighbours and itself; the second half goes on."""


def unit_vectors(ra, dec) -> list[np.ndarray]:
    """Return x, y and z of positions in degrees on the unit sphere, each of shape (n,)."""
    lon, lat = np.radians(ra), np.radians(dec)
    return [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]


def seed_of_each(ra, dec, quality, radius: float = RADIUS) -> np.ndarray:
    """Return for each spectrum the row of the spectrum that stands for its star, shape (n,), int64.

    The best spectrum is a seed, and so is, in order of quality, each that no earlier seed is
    within the radius of. A spectrum belongs to the nearest seed. So no two spectra of a star are
    more than twice the radius apart, however long a chain they are links of, and seeds are more
    than the radius apart. A spectrum without a position is its own.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        In degrees; not finite, or beyond the poles or a turn, where there is no position.
    quality : ndarray, shape (n,)
        The larger the better; NaN is worst. Of equals the first row is best.
    radius : float
        In arcsec.

    Notes
    -----
    Positions are put into cubes as wide as the radius, on the sphere in three dimensions, where
    neither poles nor RA of 0 need care: whatever is within the radius is in one of 27 cubes.
    Memory is some 70 bytes for each spectrum. No pairs are listed, so that it does not grow
    when a million spectra have one position.
    """
    ra, dec, quality = (np.asarray(values, dtype=float) for values in (ra, dec, quality))
    seed = np.arange(len(ra))
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero((np.abs(ra) <= 360) & (np.abs(dec) <= 90))
    width = 2 * np.sin(np.radians(radius / 3600) / 2)
    rows, component, cell = _with_company(rows, ra, dec, width)
    if not len(rows):
        return seed
    # NaN sorts last, as it should.
    order = np.lexsort((rows, -quality[rows], component))
    rows, component, cell = rows[order], component[order], cell[order]
    position = unit_vectors(ra[rows], dec[rows])
    starts = np.flatnonzero(np.r_[True, component[1:] != component[:-1]])
    length = np.diff(np.r_[starts, len(rows)])
    first = np.repeat(starts, length)
    near = sum((axis - axis[first]) ** 2 for axis in position) <= width**2
    whole = np.repeat(np.logical_and.reduceat(near, starts), length)
    seed[rows[whole]] = rows[first[whole]]
    left = np.flatnonzero(~whole)
    if len(left):
        near_to = _nearest_seeds(cell[left], [axis[left] for axis in position], width**2)
        seed[rows[left]] = rows[left[near_to]]
    return seed


def _with_company(rows, ra, dec, width):
    """Return those rows that others may be near to, with the numbers of their cells, and of the
    connected cells that these belong to."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    cell = np.zeros(len(rows), dtype=np.int64)
    for start in range(0, len(rows), _BLOCK):
        some = slice(start, start + _BLOCK)
        for axis in reversed(unit_vectors(ra[rows[some]], dec[rows[some]])):
            # Somewhat wider than the radius: rounding must not put a neighbour two cells off.
            across = ((axis + 1) / (width * (1 + 1e-9))).astype(np.int64)
            cell[some] = cell[some] * _PER_AXIS + 1 + across
    names, number, count = np.unique(cell, return_inverse=True, return_counts=True)
    left, right = [], []
    for step in _STEPS[len(_STEPS) // 2 + 1 :]:
        at = np.searchsorted(names, names + step)
        at[at == len(names)] = 0
        some = np.flatnonzero(names[at] == names + step)
        left.append(some)
        right.append(at[some])
    pairs = np.concatenate(left), np.concatenate(right)
    company = count > 1
    for side in pairs:
        company[side] = True
    renumbered = np.cumsum(company) - 1
    pairs = renumbered[pairs[0]], renumbered[pairs[1]]
    shape = (int(company.sum()),) * 2
    graph = coo_matrix((np.ones(len(pairs[0]), dtype=bool), pairs), shape=shape)
    component = connected_components(graph, directed=False)[1] if shape[0] else np.zeros(0, int)
    some = company[number]
    return rows[some], component[renumbered[number[some]]], cell[some]


def _nearest_seeds(cell, position, farthest) -> np.ndarray:
    """Return the nearest seed of each of some spectra, which come in order of quality."""
    points = list(zip(*(axis.tolist() for axis in position), strict=True))
    cells = cell.tolist()
    seeds: dict[int, list[int]] = {}

    def nearest(i) -> int:
        x, y, z = points[i]
        found, least = -1, farthest
        for step in _STEPS:
            for j in seeds.get(cells[i] + step, ()):
                u, v, w = points[j]
                distance = (x - u) ** 2 + (y - v) ** 2 + (z - w) ** 2
                # Of two seeds at one distance the better.
                if distance < least or (distance == least and not 0 <= found < j):
                    found, least = j, distance
        return found

    for i in range(len(points)):
        if nearest(i) < 0:
            seeds.setdefault(cells[i], []).append(i)
    return np.array([nearest(i) for i in range(len(points))])
