"""Equivalent widths: known lines are recovered, and their errors are honest."""

import numpy as np
import pytest

from lamost_rare.inference.evidence import LINES, measure_lines
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid

LIGHT = 299_792.458
SINGLE = [name for name in LINES if name not in ("hdelta", "hgamma", "hbeta", "halpha")]
SIGMA = 1.3  # Å, a line as narrow as LAMOST's resolution lets it be


def gaussian_lines(widths, n=1, *, velocity=0.0, sigma=SIGMA, slope=0.3):
    """Fluxes of a sloping continuum of about 2 with Gaussian lines of given equivalent widths."""
    wavelength = LAMOST_GRID.wavelength
    flux = np.ones(LAMOST_GRID.n_pixels)
    for name, width in widths.items():
        centre = LINES[name].wavelength * (1 + velocity / LIGHT)
        profile = np.exp(-0.5 * ((wavelength - centre) / sigma) ** 2)
        flux -= width * profile / (sigma * np.sqrt(2 * np.pi))
    flux *= 2 + slope * (wavelength - 5500) / 1000
    return np.tile(flux, (n, 1))


def batch_of(flux, snr=100.0, rng=None, mask=None):
    error = np.full(flux.shape, 2 / snr)
    if rng is not None:
        flux = flux + error * rng.standard_normal(flux.shape)
    mask = np.zeros(flux.shape, bool) if mask is None else mask
    ivar = np.where(mask, 0, error**-2)
    return SpectrumBatch(LAMOST_GRID, np.where(mask, 0, flux).astype("f4"), ivar.astype("f4"), mask)


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("width", [0.6, -1.0])
def test_a_lone_gaussian_line_is_recovered(name, width):
    columns = measure_lines(batch_of(gaussian_lines({name: width}), snr=1e4))
    measured, error = columns[f"ew_{name}"][0], columns[f"ew_{name}_err"][0]
    assert 0 < error < 0.01
    assert measured == pytest.approx(width, abs=0.01)


@pytest.mark.parametrize("name", LINES)
def test_neighbouring_lines_are_not_taken_for_continuum(name):
    everything = dict.fromkeys(SINGLE, 0.6)
    alone = measure_lines(batch_of(gaussian_lines({name: 0.6}), snr=1e4))
    crowded = measure_lines(batch_of(gaussian_lines({**everything, name: 0.6}), snr=1e4))
    inside = [
        other
        for other in SINGLE
        if other != name and LINES[name].window[0] < LINES[other].wavelength < LINES[name].window[1]
    ]
    expected = alone[f"ew_{name}"][0] + 0.6 * len(inside)
    assert crowded[f"ew_{name}"][0] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("name", SINGLE)
def test_velocities_keep_the_line_in_its_window(name, sign):
    # Three lines have neighbours within 11 Å, which keep their windows narrow.
    velocity = sign * (100 if name in ("siiv_4089", "hei_4471", "mgii_4481") else 300)
    flux = gaussian_lines({name: 0.6}, velocity=velocity)
    measured = measure_lines(batch_of(flux, snr=1e4))[f"ew_{name}"][0]
    assert measured == pytest.approx(0.6, rel=0.15)


@pytest.mark.parametrize(("snr", "width"), [(100, 0.6), (15, 0.6), (15, 0.0)])
def test_pulls_have_zero_mean_and_unit_variance(snr, width):
    rng = np.random.default_rng(11)
    n = 1500
    columns = measure_lines(
        batch_of(gaussian_lines(dict.fromkeys(["heii_4541", "heii_4686"], width), n), snr, rng)
    )
    for name in ("heii_4541", "heii_4686", "hbeta"):
        true = width if name.startswith("heii") else 0.0
        pull = (columns[f"ew_{name}"] - true) / columns[f"ew_{name}_err"]
        assert abs(pull.mean()) < 0.15
        assert pull.std() == pytest.approx(1, abs=0.06)


def test_continuum_survives_cosmic_rays_in_the_side_bands():
    flux = gaussian_lines({"heii_4686": 0.5}, 2)
    low, high = LINES["heii_4686"].bands[0]
    hit = np.searchsorted(LAMOST_GRID.wavelength, 0.5 * (low + high))
    flux[1, hit : hit + 2] += 50
    clean, struck = measure_lines(batch_of(flux, snr=100))["ew_heii_4686"]
    assert struck == pytest.approx(clean, abs=0.02)


def test_scale_of_the_flux_does_not_matter():
    flux = gaussian_lines({"heii_4541": 0.5})
    usual = measure_lines(batch_of(flux))
    tiny = batch_of(flux)
    tiny.flux, tiny.ivar = tiny.flux * np.float32(1e-17), tiny.ivar * np.float32(1e34)
    for name, column in measure_lines(tiny).items():
        np.testing.assert_allclose(column, usual[name], rtol=2e-3, atol=1e-5)


def test_a_few_missing_pixels_are_bridged_and_cost_precision():
    flux = gaussian_lines({"heii_4541": 0.5}, 2)
    mask = np.zeros(flux.shape, bool)
    start = np.searchsorted(LAMOST_GRID.wavelength, LINES["heii_4541"].wavelength + 2)
    mask[1, start : start + 2] = True
    columns = measure_lines(batch_of(flux, mask=mask))
    assert columns["ew_heii_4541"][1] == pytest.approx(0.5, abs=0.05)
    assert columns["ew_heii_4541_err"][1] > columns["ew_heii_4541_err"][0]


@pytest.mark.parametrize("where", ["window", "blue", "red"])
def test_too_few_valid_pixels_give_nan(where):
    line = LINES["heii_4541"]
    span = {
        "window": line.window,
        "blue": (line.bands[0][0] - 5, line.window[0]),
        "red": (line.window[1], line.bands[-1][1] + 5),
    }[where]
    mask = ((LAMOST_GRID.wavelength > span[0]) & (LAMOST_GRID.wavelength < span[1]))[None]
    columns = measure_lines(batch_of(gaussian_lines({}), mask=mask))
    assert np.isnan(columns["ew_heii_4541"][0])
    assert np.isnan(columns["ew_heii_4541_err"][0])
    assert np.isfinite(columns["ew_hbeta"][0])


@pytest.mark.parametrize("level", [0.0, -1.0])
def test_no_continuum_no_width(level):
    flux = np.full((1, LAMOST_GRID.n_pixels), level)
    for column in measure_lines(batch_of(flux, 10, np.random.default_rng(0))).values():
        assert np.isnan(column).all()


def test_non_finite_pixels_that_nobody_masked_do_not_spread():
    batch = batch_of(gaussian_lines({"heii_4541": 0.5}))
    index = np.searchsorted(LAMOST_GRID.wavelength, LINES["heii_4541"].bands[0][0]) + 1
    batch.flux[0, index] = np.inf
    batch.ivar[0, index + 1] = np.nan
    assert measure_lines(batch)["ew_heii_4541"][0] == pytest.approx(0.5, abs=0.02)


def test_a_grid_that_lacks_the_line_gives_nan():
    grid = WavelengthGrid(3.66, 1e-4, 300)  # 4571 to 4897 Å
    flux = np.ones((3, 300), "f4")
    columns = measure_lines(SpectrumBatch(grid, flux, flux * 100, np.zeros(flux.shape, bool)))
    assert np.isnan(columns["ew_heii_4541"]).all()
    assert columns["ew_heii_4686"] == pytest.approx(np.zeros(3), abs=1e-6)


def test_empty_batch_and_column_names():
    columns = measure_lines(batch_of(np.empty((0, LAMOST_GRID.n_pixels))))
    assert list(columns)[:2] == ["ew_caii_k", "ew_caii_k_err"]
    assert all(len(c) == 0 and c.dtype == np.float32 for c in columns.values())


def test_lines_are_in_order_and_inside_the_default_grid():
    centres = [line.wavelength for line in LINES.values()]
    assert centres == sorted(centres)
    for line in LINES.values():
        assert line.window[0] < line.wavelength < line.window[1]
        assert any(high <= line.window[0] for _, high in line.bands)
        assert any(low >= line.window[1] for low, _ in line.bands)
        assert LAMOST_GRID.wavelength[0] < line.bands[0][0]
        assert LAMOST_GRID.wavelength[-1] > line.bands[-1][1]


def test_some_lines_are_measured_as_among_all():
    batch = analytic_spectra(["O7", "B1"], np.random.default_rng(5), 30.0)
    every, some = measure_lines(batch), measure_lines(batch, ["heii_4541"])
    assert list(some) == ["ew_heii_4541", "ew_heii_4541_err"]
    for name, values in some.items():
        np.testing.assert_array_equal(values, every[name])
