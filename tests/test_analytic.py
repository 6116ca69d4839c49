"""The analytic star model: line strengths by type, noise, and the simulated survey."""

import csv

import numpy as np
import pytest

from lamost_rare.simulation.analytic import TYPES, analytic_spectra, analytic_star
from lamost_rare.simulation.damage import DAMAGE
from lamost_rare.simulation.demo import SURVEY_GRID, make_demo_survey
from lamost_rare.spectra.air_vacuum import air_to_vacuum, vacuum_to_air
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.quality import SpectrumError

WAVELENGTH = LAMOST_GRID.wavelength


def equivalent_width(flux, air, half_width=7.0, side=10.0):
    """Å, absorption positive, against a straight line between both sides."""
    centre = float(air_to_vacuum(air))
    x = WAVELENGTH - centre
    blue = np.median(flux[(x > -half_width - side) & (x < -half_width)])
    red = np.median(flux[(x > half_width) & (x < half_width + side)])
    inside = np.abs(x) < half_width
    level = np.interp(x[inside], [-half_width - side / 2, half_width + side / 2], [blue, red])
    return np.sum((1 - flux[inside] / level) * np.gradient(WAVELENGTH)[inside])


def widths(kind, **parameters):
    flux = analytic_star(kind, LAMOST_GRID, **parameters)
    balmer = equivalent_width(flux, 4861.33, half_width=35.0, side=25.0)
    lines = {"he1": 4471.5, "he2": 4541.6, "he2_4686": 4685.7, "he1_4388": 4387.9}
    return {"hbeta": balmer, **{name: equivalent_width(flux, air) for name, air in lines.items()}}


@pytest.mark.parametrize(
    ("air", "vacuum"),
    [
        # Rest wavelengths in both media as tabulated by the Sloan Digital Sky Survey and NIST.
        (3933.663, 3934.777),
        (4861.325, 4862.683),
        (5006.843, 5008.240),
        (5889.950, 5891.583),
        (6562.801, 6564.614),
        (8542.09, 8544.44),
    ],
)
def test_air_and_vacuum(air, vacuum):
    assert air_to_vacuum(air) == pytest.approx(vacuum, abs=0.01)
    assert vacuum_to_air(vacuum) == pytest.approx(air, abs=0.01)


def test_air_and_vacuum_are_inverse():
    wavelength = np.linspace(2500, 11000, 5000)
    np.testing.assert_allclose(vacuum_to_air(air_to_vacuum(wavelength)), wavelength, atol=1e-8)
    assert np.all(air_to_vacuum(wavelength) > wavelength)
    assert air_to_vacuum(1500.0) == 1500.0


def test_helium_tells_o_from_b():
    """He II 4541 and He I 4471 as in observed O stars: the ratio falls with temperature."""
    limits = {
        "O5": ((0.2, 0.5), (0.6, 1.0)),
        "O7": ((0.4, 0.8), (0.5, 0.9)),
        "O9": ((0.6, 1.0), (0.25, 0.6)),
        "B2": ((0.8, 1.2), (-0.1, 0.1)),
    }
    for kind, (he1, he2) in limits.items():
        found = widths(kind)
        assert he1[0] < found["he1"] < he1[1], kind
        assert he2[0] < found["he2"] < he2[1], kind
    ratio = [np.divide(*[widths(f"O{s}")[line] for line in ("he1", "he2")]) for s in (4, 6, 8, 9.5)]
    assert np.all(np.diff(ratio) > 0)
    assert widths("B8")["he1"] < 0.4


def test_balmer_lines_peak_in_a_stars():
    found = [widths(kind)["hbeta"] for kind in ("O6", "B1", "B5", "A1", "F5", "G5", "K5")]
    assert np.argmax(found) == 3
    assert np.all(np.diff(found[:4]) > 0)
    assert np.all(np.diff(found[3:6]) < 0)
    assert 2 < found[0] < 4
    assert 12 < found[3] < 18
    assert widths("white_dwarf", subtype=4)["hbeta"] > found[3]
    assert 4 < widths("hot_subdwarf", subtype=8)["hbeta"] < 12
    assert widths("hot_subdwarf", subtype=8)["he2_4686"] > 0.8


def test_cool_stars():
    sun, dwarf = analytic_star("G2", LAMOST_GRID), analytic_star("M3", LAMOST_GRID)
    assert equivalent_width(sun, 3933.66, half_width=10, side=8) > 5
    assert 1.5 < equivalent_width(sun, 5175, half_width=14) < 6  # Mg b
    assert equivalent_width(analytic_star("K5", LAMOST_GRID), 5892, half_width=10) > 4  # Na D
    assert equivalent_width(analytic_star("A0", LAMOST_GRID), 5892, half_width=10) < 0.5

    def level(flux, low, high):
        return np.median(flux[(WAVELENGTH > low) & (WAVELENGTH < high)])

    assert level(dwarf, 4958, 4985) < 0.75 * level(dwarf, 4925, 4950)  # TiO 4954
    assert level(sun, 4958, 4985) > 0.95 * level(sun, 4925, 4950)


def test_extinction_reddens_and_adds_interstellar_lines():
    clear, red = (analytic_star("O8", LAMOST_GRID, a_v=a_v) for a_v in (0, 4))
    blue_to_red = [f[100] / f[-100] for f in (clear, red)]
    assert blue_to_red[1] < 0.3 * blue_to_red[0]
    added = [equivalent_width(red, air) - equivalent_width(clear, air) for air in (5780.5, 3933.66)]
    assert 0.3 < added[0] < 1.2
    assert 0.2 < added[1] < 0.8
    # The star's own lines are not changed.
    assert equivalent_width(red, 4541.6) == pytest.approx(equivalent_width(clear, 4541.6), abs=0.08)


def test_velocity_and_rotation():
    at_rest, moving = (analytic_star("B2", LAMOST_GRID, rv=rv) for rv in (0.0, 500.0))
    shift = np.log10(1 + 500 / 299792.458) / LAMOST_GRID.log10_step
    pixels = np.arange(len(WAVELENGTH))
    shifted = np.interp(pixels - shift, pixels, at_rest)
    inner = slice(300, -300)
    ratio = moving[inner] / shifted[inner]
    assert np.std(ratio) < 0.01
    slow, fast = (analytic_star("O7", LAMOST_GRID, vsini=v) for v in (0.0, 350.0))
    near = np.abs(WAVELENGTH - float(air_to_vacuum(4541.6))) < 6
    assert fast[near].min() / np.median(fast[near]) > slow[near].min() / np.median(slow[near])
    assert equivalent_width(fast, 4541.6, half_width=12) == pytest.approx(
        equivalent_width(slow, 4541.6, half_width=12), rel=0.1
    )


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_finite_and_positive(kind):
    for subtype in (0.0, 5.0, 9.5):
        flux = analytic_star(kind, SURVEY_GRID, subtype=subtype)
        assert flux.shape == (SURVEY_GRID.n_pixels,)
        assert np.isfinite(flux).all()
        assert (flux > 0).all()
        assert np.median(flux) == pytest.approx(1)


def test_unknown_kind():
    with pytest.raises(ValueError, match="kind must be one of O, B"):
        analytic_star("Z3", LAMOST_GRID)


def test_qso_and_galaxy_move_with_redshift():
    near, far = (analytic_star("qso", LAMOST_GRID, redshift=z) for z in (2.0, 2.2))
    assert WAVELENGTH[
        near[WAVELENGTH > 4200].argmax() + (WAVELENGTH <= 4200).sum()
    ] == pytest.approx(1549.1 * 3.0, abs=30)
    assert not np.allclose(near, far)
    galaxy = analytic_star("galaxy", LAMOST_GRID, redshift=0.1)
    red = WAVELENGTH > 6500
    assert WAVELENGTH[red][galaxy[red].argmax()] == pytest.approx(6564.6 * 1.1, abs=6)


def test_batch_has_the_wanted_noise():
    rng = np.random.default_rng(3)
    kinds = ["O7", "A", "G2", "qso", "white_dwarf"]
    snr = np.array([12.0, 25.0, 50.0, 100.0, 200.0])
    batch = analytic_spectra(kinds, rng, snr, first_obsid=7)
    assert len(batch) == 5
    assert batch.flux.dtype == batch.ivar.dtype == np.float32
    np.testing.assert_array_equal(batch.identity["obsid"], np.arange(7, 12))
    assert list(batch.columns["kind"]) == ["O", "A", "G", "qso", "white_dwarf"]
    assert batch.columns["subclass"][0] == "O7"
    assert list(batch.columns["class_name"]) == ["STAR", "STAR", "STAR", "QSO", "STAR"]
    assert np.all(batch.flux[batch.mask] == 0)
    assert np.all(batch.ivar[batch.mask] == 0)
    band = (WAVELENGTH > 4000) & (WAVELENGTH < 5500)
    for i, wanted in enumerate(snr):
        good = band & ~batch.mask[i]
        found = np.median(batch.flux[i, good] * np.sqrt(batch.ivar[i, good]))
        assert found == pytest.approx(wanted, rel=0.08)
    # The noise is what ivar says, and worst in the blue.
    pairs = (batch.flux[2, 1:] - batch.flux[2, :-1]) * np.sqrt(batch.ivar[2, 1:] / 2)
    smooth = (WAVELENGTH[1:] > 6600) & ~batch.mask[2, 1:] & ~batch.mask[2, :-1]
    assert np.std(pairs[smooth]) == pytest.approx(1, abs=0.15)
    ratio = batch.flux[2] * np.sqrt(batch.ivar[2])
    assert np.median(ratio[WAVELENGTH < 3850]) < 0.5 * np.median(ratio[WAVELENGTH > 4500])
    again = analytic_spectra(kinds, np.random.default_rng(3), snr, first_obsid=7)
    np.testing.assert_array_equal(batch.flux, again.flux)


def test_designation_tells_the_place():
    batch = analytic_spectra(["G"] * 20, np.random.default_rng(8))
    for name, ra, dec in zip(
        *(batch.identity[c] for c in ("designation", "ra", "dec")), strict=True
    ):
        assert name.startswith("LAMOST J")
        assert len(name) == len("LAMOST J220923.69-020809.9")
        text = name.removeprefix("LAMOST J")
        hours = int(text[:2]) + int(text[2:4]) / 60 + float(text[4:9]) / 3600
        degrees = int(text[10:12]) + int(text[12:14]) / 60 + float(text[14:]) / 3600
        assert hours * 15 == pytest.approx(ra, abs=1e-4)
        assert degrees * (-1 if text[9] == "-" else 1) == pytest.approx(dec, abs=1e-4)


def test_demo_survey(tmp_path):
    folder = make_demo_survey(tmp_path / "survey", seed=5, n_spectra=40)
    with open(folder / "truth.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    files = list(folder.rglob("*.fits.gz"))
    assert sorted(row["path"] for row in rows) == sorted(
        p.relative_to(folder).as_posix() for p in files
    )
    assert {row["layout"] for row in rows} == {"early", "dr1-7", "dr8plus"}
    assert sum(row["kind"] == "O" for row in rows) == 10
    obsids = [row["obsid"] for row in rows if row["obsid"] != "-1"]
    assert len(obsids) - len(set(obsids)) == 1
    damaged = [row for row in rows if row["damage"]]
    assert len(rows) == 40 + len(damaged)
    assert len(damaged) >= 8
    for row in rows:
        path = folder / row["path"]
        if row["damage"]:
            assert row["reason"] == DAMAGE[row["damage"]]
            with pytest.raises(SpectrumError, match=row["reason"]):
                read_lamost(path)
        else:
            raw = read_lamost(path)
            assert raw.layout == row["layout"]
            assert raw.identity["obsid"] == int(row["obsid"])
            assert raw.header["SUBCLASS"] == row["subclass"]
            assert raw.identity["snr_g"] == pytest.approx(
                min(float(row["snr_g"]), 99), abs=0.06
            ) or (raw.layout != "early" and raw.identity["snr_g"] > 99)
    before = {path: path.read_bytes() for path in files if path.is_file()}
    make_demo_survey(folder, seed=5, n_spectra=40)
    assert all(path.read_bytes() == content for path, content in before.items())


def test_demo_survey_is_not_too_small(tmp_path):
    with pytest.raises(ValueError, match="at least 20"):
        make_demo_survey(tmp_path, n_spectra=3)
