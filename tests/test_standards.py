"""Standards: packed as the page takes them apart, and like the stars whose names they have."""

import base64
import json
import zlib
from itertools import pairwise

import numpy as np
import pytest

from lamost_rare.inference.evidence import measure_lines
from lamost_rare.report.standards import (
    STANDARD_GRID,
    page_standards,
    standards,
    unpack_standards,
)
from lamost_rare.spectra.batch import SpectrumBatch

CLASSES = ("O", "B", "A", "F", "G", "K", "M", "hot_subdwarf", "white_dwarf", "other")


@pytest.fixture(scope="module")
def by_type():
    return {one.type: one for one in standards(CLASSES)}


@pytest.fixture(scope="module")
def widths(by_type):
    """Equivalent widths of each type: {type: {line: Å}}."""
    flux = np.array([one.flux for one in by_type.values()], np.float32)
    ivar = np.full(flux.shape, 1e4, np.float32)
    columns = measure_lines(SpectrumBatch(STANDARD_GRID, flux, ivar, flux > 9))
    return {
        kind: {name[3:]: column[i] for name, column in columns.items()}
        for i, kind in enumerate(by_type)
    }


def taken_apart_by_the_page(told):
    """Do what the page does, byte by byte, without numpy's help."""
    data, n = zlib.decompress(base64.b64decode(told["flux"])), told["n"]
    assert len(data) == 2 * n * len(told["items"])
    fluxes = []
    for item in range(len(told["items"])):
        low = data[2 * item * n : (2 * item + 1) * n]
        high = data[(2 * item + 1) * n : (2 * item + 2) * n]
        steps, flux = 0, []
        for i in range(n):
            z = low[i] | high[i] << 8
            steps += -(z + 1) // 2 if z & 1 else z // 2
            flux.append(steps / 20000)
        fluxes.append(flux)
    return np.array(fluxes)


def test_the_page_takes_apart_what_was_packed():
    told = page_standards(("O", "F"))
    assert json.loads(json.dumps(told)) == told
    found = taken_apart_by_the_page(told)
    packed = standards(("O", "F"))
    assert [(item["class"], item["type"]) for item in told["items"]] == [
        (one.class_name, one.type) for one in packed
    ]
    for flux, one in zip(found, packed, strict=True):
        np.testing.assert_allclose(flux, one.flux, rtol=0, atol=0.51 / 20000)
    np.testing.assert_array_equal(found, unpack_standards(told))
    wavelength = 10 ** (told["log10_start"] + told["log10_step"] * np.arange(told["n"]))
    np.testing.assert_allclose(wavelength, STANDARD_GRID.wavelength, rtol=1e-12)


def test_they_cover_what_lamost_does():
    assert STANDARD_GRID.wavelength[0] < 3691
    assert STANDARD_GRID.wavelength[-1] > 9099


def test_they_take_little_of_a_page():
    assert len(page_standards(CLASSES)["flux"]) < 150_000


def test_classes_of_hot_stars_are_always_there():
    found = [one.class_name for one in standards(("carbon", "K", "O", "other"))]
    assert list(dict.fromkeys(found)) == ["O", "B", "A", "hot_subdwarf", "white_dwarf", "K"]
    assert len({one.type for one in standards(CLASSES)}) == len(standards(CLASSES))


def test_the_continuum_is_one(by_type):
    """Where a hot star has no lines."""
    wavelength = STANDARD_GRID.wavelength
    for one in by_type.values():
        if one.class_name in ("K", "M"):  # which have no such place
            continue
        for centre in (4240, 5500, 6100, 7600, 9000):
            near = np.abs(wavelength - centre) < 15
            level = np.quantile(one.flux[near], 0.8)
            wide = one.class_name == "white_dwarf" and centre < 4300
            assert level == pytest.approx(1, abs=0.08 if wide else 0.02), (one.type, centre)


def test_ionized_helium_fades_along_the_o_stars(widths):
    for line, kinds in (
        ("heii_4541", ("O4", "O6", "O7", "O8", "O9", "O9.5", "B0", "B1")),
        ("heii_5411", ("O4", "O7", "O9", "O9.5", "B0", "B1")),
        ("heii_4200", ("O5", "O7", "O9.5", "B1")),
    ):
        found = [widths[kind][line] for kind in kinds]
        assert all(a > b + 0.02 for a, b in pairwise(found)), line


def test_the_ratio_that_gives_the_subtype_rises(widths):
    ratio = [widths[k]["hei_4471"] / widths[k]["heii_4541"] for k in ("O4", "O6", "O8", "O9.5")]
    assert ratio == sorted(ratio)
    assert ratio[0] < 0.5 < 2 < ratio[-1]  # Conti: the two are alike at O7


def test_hydrogen_and_helium_of_the_others(widths):
    balmer = [widths[kind]["hgamma"] for kind in ("O5", "B0", "B3", "B8", "A0")]
    assert balmer == sorted(balmer)
    assert widths["B2"]["hei_4471"] > widths["B8"]["hei_4471"] > widths["A2"]["hei_4471"]
    assert widths["sdO"]["heii_4686"] > 0.8 > 0.1 > widths["sdB"]["heii_4686"]
    assert widths["sdB"]["hei_4471"] > 0.5 > widths["sdO"]["hei_4471"]
    assert widths["A7"]["caii_k"] > widths["A2"]["caii_k"] > widths["B5"]["caii_k"]


def test_white_dwarfs_are_the_widest(by_type):
    def half_width(flux, centre=4862.7):
        near = np.abs(STANDARD_GRID.wavelength - centre) < 150
        depth = 1 - flux[near]
        return (depth > depth.max() / 2).sum()

    dwarfs = [one for one in by_type.values() if one.class_name == "white_dwarf"]
    assert min(half_width(one.flux) for one in dwarfs) > 2 * half_width(by_type["A0"].flux)


def test_the_jump_at_the_balmer_limit_survives(by_type):
    wavelength, flux = STANDARD_GRID.wavelength, by_type["A0"].flux
    crowded = (wavelength > 3740) & (wavelength < 3850)
    assert np.quantile(flux[crowded], 0.9) < 0.85


def test_nothing_can_change_them(by_type):
    with pytest.raises(ValueError, match="read-only"):
        by_type["O5"].flux[0] = 2
