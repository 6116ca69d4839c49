"""Velocities of hot stars: known shifts are found, errors are honest, and nothing is made up."""

import numpy as np
import pytest
from hypothesis import given, settings

from any_pixels import ANY_PIXELS, batch_of
from lamost_rare.inference.velocity import FLOOR, LIMIT, TEMPLATES, measure_velocities
from lamost_rare.simulation.analytic import analytic_spectra, analytic_star
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid


def observed(kinds, velocities, snr=60.0, seed=0, grid=LAMOST_GRID, **parameters):
    """Analytic stars with white noise."""
    rng = np.random.default_rng(seed)
    flux = np.array(
        [analytic_star(k, grid, rv=v, **parameters) for k, v in zip(kinds, velocities, strict=True)]
    )
    error = flux / snr
    flux = flux + error * rng.standard_normal(flux.shape)
    mask = np.zeros(flux.shape, bool)
    return SpectrumBatch(grid, flux.astype("f4"), (error**-2).astype("f4"), mask)


@pytest.mark.parametrize("kind", ["O4", "O6", "O8", "O9.5", "B1"])
def test_known_velocities_are_found(kind):
    true = np.array([-550.0, -210.0, -30.0, 0.0, 45.0, 300.0, 570.0])
    velocity, error = measure_velocities(observed([kind] * 7, true), "O")
    assert velocity == pytest.approx(true, abs=25)
    assert (error >= FLOOR).all()
    assert (error < 20).all()


def test_errors_grow_with_noise_and_cover_what_is_off():
    true = np.random.default_rng(1).uniform(-300, 300, 60)
    kinds = ["O7", "O9"] * 30
    bright = measure_velocities(observed(kinds, true, 80.0), "O")
    faint = measure_velocities(observed(kinds, true, 12.0), "O")
    known = np.isfinite(faint[0])
    assert known.mean() > 0.7
    assert np.median(faint[1][known]) > 1.3 * np.median(bright[1])
    for velocity, error in (bright, (faint[0][known], faint[1][known])):
        off = (velocity - (true if len(velocity) == 60 else true[known])) / error
        assert np.mean(np.abs(off) < 3) > 0.95


def test_dust_rotation_and_nebular_lines_do_not_move_a_star():
    still = observed(["O8"], [0.0], 200.0)
    fast = observed(["O8"], [0.0], 200.0, vsini=300.0, a_v=4.0)
    wavelength = LAMOST_GRID.wavelength
    nebula = observed(["O8"], [0.0], 200.0)
    for line, strength in ((4862.7, 0.6), (4341.7, 0.3), (4102.9, 0.15)):
        centre = line * (1 - 80 / 299792.458)
        nebula.flux[0] *= 1 + strength * np.exp(-0.5 * ((wavelength - centre) / 1.2) ** 2)
    for batch in (still, fast, nebula):
        assert measure_velocities(batch, "O")[0][0] == pytest.approx(0, abs=20)


def test_scale_of_the_flux_does_not_matter():
    usual = observed(["O7"], [120.0])
    expected = measure_velocities(usual, "O")
    for scale in (1e-15, 1e15):
        other = observed(["O7"], [120.0])
        other.flux *= np.float32(scale)
        other.ivar *= np.float32(scale) ** -2
        found = measure_velocities(other, "O")
        assert found[0] == pytest.approx(expected[0], abs=0.5)
        assert found[1] == pytest.approx(expected[1], rel=0.02)


def test_a_row_does_not_depend_on_the_others():
    batch = analytic_spectra(["O7", "B1", "O9", "O5"], np.random.default_rng(3), 30.0)
    together = measure_velocities(batch, "O")
    for row in range(4):
        alone = measure_velocities(batch[row], "O")
        assert (alone[0][0], alone[1][0]) == (together[0][row], together[1][row])


@pytest.mark.parametrize("kind", ["noise", "straight", "zero", "masked", "no ivar", "negative"])
def test_no_velocity_without_lines(kind):
    shape = 12, LAMOST_GRID.n_pixels
    rng = np.random.default_rng(4)
    flux = np.ones(shape) + (0.1 * rng.standard_normal(shape) if kind == "noise" else 0)
    flux *= {"zero": 0.0, "negative": -1.0}.get(kind, 1.0)
    ivar = np.full(shape, 0.0 if kind == "no ivar" else 100.0)
    mask = np.full(shape, kind == "masked")
    batch = SpectrumBatch(LAMOST_GRID, flux.astype("f4"), ivar.astype("f4"), mask)
    velocity, error = measure_velocities(batch, "O")
    assert np.isnan(velocity).all()
    assert np.isnan(error).all()


def test_velocities_beyond_the_limit_are_not_given():
    velocity, _ = measure_velocities(observed(["O7"] * 4, [-1500.0, -690.0, 680.0, 2500.0]), "O")
    assert not (np.abs(velocity) > LIMIT).any()
    assert np.isnan(velocity[1:3]).all()


def test_lost_arms_and_gaps_leave_a_velocity():
    batch = observed(["O8"] * 3, [150.0] * 3, 80.0)
    wavelength = LAMOST_GRID.wavelength
    batch.mask[1] = wavelength > 4600
    batch.mask[2] = (wavelength > 4000) & (wavelength < 4400)
    batch.flux[batch.mask] = batch.ivar[batch.mask] = 0
    velocity, error = measure_velocities(batch, "O")
    assert velocity == pytest.approx(150, abs=25)
    assert (error[1:] >= error[0]).all()


def test_cosmic_rays_do_not_draw_it():
    batch = observed(["O8"], [100.0], 60.0)
    at = np.searchsorted(LAMOST_GRID.wavelength, [4030.0, 4475.0, 4550.0, 5420.0])
    batch.flux[0, at] *= 30
    assert measure_velocities(batch, "O")[0][0] == pytest.approx(100, abs=30)


def test_classes_without_templates_and_other_grids_have_none():
    batch = observed(["O8"], [100.0])
    assert "carbon" not in TEMPLATES
    assert np.isnan(measure_velocities(batch, "carbon")[0]).all()
    assert np.isfinite(measure_velocities(observed(["B3"], [100.0], 100.0), "B")[0]).all()
    for grid in (WavelengthGrid(3.8, 1e-4, 300), WavelengthGrid(3.57, 1e-3, 300)):
        ones = np.ones((2, 300), "f4")
        assert np.isnan(measure_velocities(SpectrumBatch(grid, ones, ones, ones < 0), "O")).all()

    assert measure_velocities(batch[:0], "O")[0].shape == (0,)


@settings(max_examples=25, deadline=None)
@given(**ANY_PIXELS)
def test_any_pixels_give_a_velocity_or_none(seed, scale, bad, odd):
    batch = batch_of(seed, scale, bad, odd)
    velocity, error = measure_velocities(batch, "O")
    np.testing.assert_array_equal(np.isnan(velocity), np.isnan(error))
    known = velocity[np.isfinite(velocity)]
    assert (np.abs(known) <= LIMIT).all()
    assert (error[np.isfinite(error)] > 0).all()
