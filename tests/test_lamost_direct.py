"""The short way from a LAMOST file into a batch gives what the long one does."""

import re

import numpy as np
import pytest

from lamost_rare.simulation.damage import DAMAGE, damage_file
from lamost_rare.simulation.fits_files import lamost_file_bytes, write_lamost_file
from lamost_rare.spectra._grid_arrays import GridArrays
from lamost_rare.spectra._lamost_direct import DirectRows
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.quality import SpectrumError
from lamost_rare.spectra.raw import PlacedSpectrum
from lamost_rare.spectra.resample import assemble

GRID = WavelengthGrid(3.5682, 1e-4, 3909)


def content(layout="dr1-7", seed=1, *, change=None, grid=GRID, **options):
    """A file; ``change`` is given flux, ivar and and-mask."""
    rng = np.random.default_rng(seed)
    n = grid.n_pixels
    arrays = 1000 + 30 * rng.normal(size=n), np.ones(n), np.zeros(n)
    if change:
        change(*arrays)
    facts = {"obsid": 100 + seed, "designation": f"J{seed}", "ra": 15.5, "dec": -5.25}
    return lamost_file_bytes(layout, grid, *arrays, **facts, **options)


def short_and_long(contents):
    """Both batches with their rejects, and which of the files went the short way."""
    arrays = GridArrays(len(contents), LAMOST_GRID)
    for array in (arrays.flux, arrays.ivar):
        array[:] = np.nan  # as if another batch had been there
    results = []
    for rows in (DirectRows(arrays), None):
        found, errors = [], []
        for data in contents:
            if rows:
                rows.row = len(found)
            try:
                found.append(read_lamost("some name", content=data, header=False, rows=rows))
            except SpectrumError as error:
                errors.append(str(error))
        batch, refused = assemble(found, LAMOST_GRID, arrays if rows else None)
        results.append((batch, errors, [(i, str(error)) for i, error in refused], found))
    return results


def assert_same(short, long):
    for name in ("flux", "ivar", "mask", "flags"):
        one, other = getattr(short[0], name), getattr(long[0], name)
        assert one.tobytes() == other.tobytes(), name
    assert repr(short[0].identity) == repr(long[0].identity)
    assert short[1:3] == long[1:3]


def mask_some(flux, ivar, andmask):
    andmask[1000:1010] = 64
    andmask[50] = 1


def no_ivar_in_some(flux, ivar, andmask):
    ivar[1500:1600] = 0
    ivar[300:302] = 0


def little_is_valid(flux, ivar, andmask):
    ivar[1700:] = ivar[:1500] = 0


def next_to_no_ivar_in_some(flux, ivar, andmask):
    ivar[1500:1600] = 1e-44
    ivar[30] = 2e-38


def negative(flux, ivar, andmask):
    flux[::5] *= -1


CHANGES = (
    None,
    mask_some,
    no_ivar_in_some,
    next_to_no_ivar_in_some,
    little_is_valid,
    negative,
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("layout", ["dr1-7", "early"])
def test_the_short_way_gives_the_same(layout, change):
    contents = [content(layout), *(content(layout, seed, change=change) for seed in (2, 3))]
    short, long = short_and_long(contents)
    assert_same(short, long)
    assert [isinstance(one, PlacedSpectrum) for one in short[3][1:]] == [True, True]
    assert not any(isinstance(one, PlacedSpectrum) for one in long[3])


def test_sources_that_begin_or_end_within_the_grid():
    grids = [WavelengthGrid(3.5682 + k * 1e-4, 1e-4, n) for k, n in ((500, 3000), (5, 2000))]
    contents = [content(grid=grid, seed=seed) for grid in grids for seed in (1, 2, 3)]
    short, long = short_and_long(contents)
    assert_same(short, long)
    assert sum(isinstance(one, PlacedSpectrum) for one in short[3]) >= 4


def infinite_flux(flux, ivar, andmask):
    flux[77] = np.inf


def negative_ivar(flux, ivar, andmask):
    ivar[3] = -1  # off the grid: it is flagged all the same


def infinite_ivar(flux, ivar, andmask):
    ivar[2000] = np.inf


def constant(flux, ivar, andmask):
    flux[:] = 7


def zero(flux, ivar, andmask):
    flux[:] = 0


def all_masked(flux, ivar, andmask):
    andmask[:] = 1


def absurd_ivar(flux, ivar, andmask):
    ivar[2000] = 1e38


UNUSUAL = {
    "absurd ivar": {"change": absurd_ivar},
    "infinite flux": {"change": infinite_flux},
    "negative ivar": {"change": negative_ivar},
    "infinite ivar": {"change": infinite_ivar},
    "constant": {"change": constant},
    "zero": {"change": zero},
    "all masked": {"change": all_masked},
    "float64": {"dtype": ">f8"},
    "table": {"layout": "dr8plus"},
    "off the lattice": {"grid": WavelengthGrid(3.56823, 1e-4, 3909)},
    "other wavelengths": {"grid": WavelengthGrid(3.5682, 2e-4, 3909)},
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_what_is_unusual_goes_the_long_way(kind):
    contents = [content(), content(seed=2), *(content(seed=s, **UNUSUAL[kind]) for s in (3, 4))]
    short, long = short_and_long([*contents, content(seed=5)])
    assert_same(short, long)
    placed = [isinstance(one, PlacedSpectrum) for one in short[3]]
    assert placed[1]
    assert placed[-1]
    assert sum(placed) <= 3  # the first may have been of a known form


@pytest.mark.parametrize("layout", ["dr1-7", "early"])
def test_damage_is_met_as_on_the_long_way(tmp_path, layout):
    rng = np.random.default_rng(3)
    contents = [content(layout), content(layout, 2)]
    for kind in DAMAGE:
        path = tmp_path / f"{re.sub('[^a-z]', '-', kind)}.fits.gz"
        write_lamost_file(path, layout, GRID, *np.split(1 + rng.random(2 * 3909), 2))
        path = damage_file(path, kind, rng)
        if path.is_file():
            contents.append(path.read_bytes())
    assert len(contents) > 12
    short, long = short_and_long([data for data in contents if data])
    assert_same(short, long)
    assert len(short[1]) > 8


def test_a_header_cut_within_its_last_card():
    whole = content()
    end = next(i for i in range(0, len(whole), 80) if whole[i : i + 8] == b"END     ")
    read_lamost("some name", content=whole)  # its layout is known then
    for cut in (end, end + 8, end + 79):
        with pytest.raises(SpectrumError, match="ends before its header does") as caught:
            read_lamost("some name", content=whole[:cut])
        assert caught.value.reason == "truncated_fits"
