"""Which spectra are of one star, compared with trying all pairs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamost_rare.survey.sky_groups import RADIUS, seed_of_each, unit_vectors

ARCSEC = 1 / 3600


def by_all_pairs(ra, dec, quality):
    """The rule as it is said, without any thought of how many there are."""
    ra, dec = np.asarray(ra, float), np.asarray(dec, float)
    known = np.isfinite(ra) & np.isfinite(dec) & (np.abs(ra) <= 360) & (np.abs(dec) <= 90)
    x, y, z = unit_vectors(np.where(known, ra, 0), np.where(known, dec, 0))
    farthest = (2 * np.sin(np.radians(RADIUS * ARCSEC) / 2)) ** 2

    def distance(i, j):
        return (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2 + (z[i] - z[j]) ** 2

    order = sorted(
        np.flatnonzero(known), key=lambda i: (np.isnan(quality[i]), -np.nan_to_num(quality[i]), i)
    )
    seeds = []
    for i in order:
        if not any(distance(i, j) <= farthest for j in seeds):
            seeds.append(i)
    found = np.arange(len(ra))
    for i in order:
        found[i] = min(seeds, key=lambda j: (distance(i, j), seeds.index(j)))
    return found


centres = st.sampled_from(
    [(0.0, 0.0), (360.0, 10.0), (123.4, 41.2), (10.0, 89.9997), (200.0, 90.0), (0.0, -90.0)]
)
offsets = st.one_of(st.integers(-6, 6).map(float), st.floats(-6, 6))
qualities = st.sampled_from([1.0, 2.0, 3.0, np.nan])
rows = st.tuples(centres, offsets, offsets, qualities, st.sampled_from([1, 1, 1, 1, np.nan]))


@settings(deadline=None, max_examples=300)
@given(st.lists(rows, max_size=25))
def test_as_by_all_pairs(rows):
    ra, dec, quality = [], [], []
    for (lon, lat), x, y, value, there in rows:
        dec.append(float(np.clip(lat + y * ARCSEC, -90, 90)) * there)
        across = x * ARCSEC / max(np.cos(np.radians(lat)), 1e-5)
        ra.append((lon + across) % 360 * there)
        quality.append(value)
    found = seed_of_each(ra, dec, quality)
    assert found.tolist() == by_all_pairs(ra, dec, np.array(quality)).tolist()


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        ([359.9999, 0.0001], [5.0, 5.0]),
        ([0.0, 360.0], [5.0, 5.0]),
        ([10.0, 190.0], [89.9999, 89.9999]),
        ([10.0, 250.0], [-90.0, -90.0]),
    ],
)
def test_there_is_no_edge_of_the_sky(ra, dec):
    assert seed_of_each(ra, dec, [1, 2]).tolist() == [1, 1]


def test_without_a_position_each_is_its_own():
    ra = [np.nan, 10.0, 10.0, np.inf, -9999.0, -9999.0, 1e300, 10.0]
    dec = [np.nan, np.nan, -9999.0, 0.0, -9999.0, -9999.0, 0.0, 10.0]
    assert seed_of_each(ra, dec, np.ones(8)).tolist() == list(range(8))
    assert seed_of_each([], [], []).tolist() == []


def test_a_chain_is_not_one_star():
    """A hundred spectra, each 1.5 arcsec from the next."""
    ra, dec = np.full(100, 50.0), np.arange(100) * 1.5 * ARCSEC
    seed = seed_of_each(ra, dec, np.zeros(100))
    for one in np.unique(seed):
        assert np.ptp(dec[seed == one]) <= 2 * RADIUS * ARCSEC
    assert len(np.unique(seed)) == 50


def test_a_spectrum_between_two_stars_belongs_to_the_nearer():
    dec = np.array([0.0, 3.0, 1.8]) * ARCSEC
    assert seed_of_each([7.0] * 3, dec, [9.0, 5.0, 1.0]).tolist() == [0, 1, 1]


def test_many_spectra_at_one_place_take_no_more_memory():
    """Of 20,000 there are 200 million pairs."""
    n = 20_000
    assert set(seed_of_each(np.zeros(n), np.zeros(n), np.arange(n)).tolist()) == {n - 1}
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 10 * ARCSEC, (2, n))
    seed = seed_of_each(ra, dec, rng.random(n))
    assert 4 <= len(np.unique(seed)) <= 64


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(2)
    ra, dec = rng.uniform(0, 20 * ARCSEC, (2, 300))
    quality = rng.permutation(300)
    shuffled = rng.permutation(300)
    found = seed_of_each(ra, dec, quality)
    again = seed_of_each(ra[shuffled], dec[shuffled], quality[shuffled])
    assert shuffled[again].tolist() == found[shuffled].tolist()
