import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid
from lamost_rare.spectra.normalize import (
    DEFAULT_PREPROCESSING,
    network_input,
    normalize_l2,
    pseudo_continuum,
    rectify,
)


def batch_of(flux, mask=None, grid=None):
    flux = np.atleast_2d(np.asarray(flux, dtype=np.float32))
    mask = np.zeros(flux.shape, bool) if mask is None else np.atleast_2d(mask)
    grid = grid or WavelengthGrid(3.6, 1e-4, flux.shape[1])
    ivar = np.where(mask, 0, 1).astype(np.float32)
    return SpectrumBatch(grid, np.where(mask, 0, flux), ivar, mask)


@pytest.fixture(scope="module")
def stars():
    return analytic_spectra(["O8", "A3", "G2", "M2"], np.random.default_rng(4), snr=40.0)


def test_equation_1_over_valid_pixels(stars):
    mask = stars.mask.copy()
    mask[:, 100:500] = True
    batch = batch_of(stars.flux, mask, stars.grid)
    result = normalize_l2(batch)
    np.testing.assert_allclose(np.linalg.norm(result.flux, axis=1), 1, rtol=1e-5)
    valid = ~mask
    ratio = result.flux[valid] / batch.flux[valid]
    assert (result.flux[mask] == 0).all()
    # One factor a spectrum, and ivar scaled by its inverse square: S/N is untouched.
    factor = 1 / np.linalg.norm(batch.flux, axis=1)
    np.testing.assert_allclose(ratio, np.repeat(factor, valid.sum(axis=1)), rtol=1e-4)
    np.testing.assert_allclose(
        result.flux * np.sqrt(result.ivar), batch.flux * np.sqrt(batch.ivar), rtol=1e-4
    )


@settings(max_examples=30, deadline=None)
@given(exponent=st.floats(-18, 18), seed=st.integers(0, 1000))
def test_any_scale_of_flux(exponent, seed):
    rng = np.random.default_rng(seed)
    flux = (1 + 0.1 * rng.standard_normal((2, 256))).astype(np.float32)
    scaled = flux * np.float32(10.0**exponent)
    for kind in ({"normalization": "l2"}, DEFAULT_PREPROCESSING):
        one = network_input(batch_of(flux), kind)
        other = network_input(batch_of(scaled), kind)
        assert np.isfinite(other).all()
        np.testing.assert_allclose(other, one, atol=2e-3)


def test_rectify_forgets_slope_but_not_lines():
    x = np.arange(2048)
    noise = 1 + 0.005 * np.random.default_rng(1).standard_normal(2048)
    line = 1 - 0.1 * np.exp(-0.5 * ((x - 1000) / 3) ** 2)
    flat = rectify(batch_of(noise * line))[0]
    steep = rectify(batch_of(noise * line * np.exp(x / 1200) * (1 + 0.2 * np.sin(x / 900))))[0]
    assert np.abs(flat - steep)[0, 300:-300].max() < 0.4
    assert flat[0].argmin() in range(998, 1003)
    assert flat[0].min() < -1.2


def test_level_ignores_cosmic_rays_and_holes():
    flux = np.full((1, 1024), 5.0, dtype=np.float32)
    flux[0, ::97] = 500
    mask = np.zeros((1, 1024), bool)
    mask[0, 300:700] = True
    flux[0, 300:700] = 0
    level, noise = pseudo_continuum(flux, mask)
    np.testing.assert_allclose(level, 5, rtol=1e-3)
    assert np.isfinite(noise).all()


def test_noise_is_that_of_gaussian_pixels():
    rng = np.random.default_rng(2)
    flux = (10 + 0.7 * rng.standard_normal((4, 3072))).astype(np.float32)
    _, noise = pseudo_continuum(flux, np.zeros(flux.shape, bool))
    assert noise.mean() == pytest.approx(0.7, rel=0.03)


def test_noise_cannot_blow_up():
    rng = np.random.default_rng(3)
    flux = np.concatenate([rng.standard_normal(1500), 50 + rng.standard_normal(1572)])
    out = rectify(batch_of(flux))[0]
    assert out[0, :1400].std() < 1.3
    assert np.abs(out).max() < 5


def test_all_masked_and_zero_flux_stay_finite():
    mask = np.zeros((2, 512), bool)
    mask[0] = True
    out = network_input(batch_of(np.zeros((2, 512)), mask), DEFAULT_PREPROCESSING)
    assert np.isfinite(out).all()
    assert (out[0] == 0).all()


def test_network_input_says_what_a_pixel_is_worth(stars):
    mask = stars.mask.copy()
    mask[0, :1000] = True
    batch = batch_of(stars.flux, mask, LAMOST_GRID)
    x = network_input(batch, DEFAULT_PREPROCESSING)
    assert x.shape == (4, 3072, 2)
    assert x.dtype == np.float32
    assert (x[mask] == 0).all()
    level, noise = pseudo_continuum(batch.flux, mask)
    worth = 0.04 * level / np.hypot(0.04 * level, noise)
    np.testing.assert_allclose(x[..., 1][~mask], worth[~mask], rtol=1e-4)
    plain = network_input(batch, {**DEFAULT_PREPROCESSING, "weight": "valid"})
    np.testing.assert_array_equal(plain[..., 1], ~mask)
    np.testing.assert_array_equal(plain[..., 0], x[..., 0])
    by_default = {k: v for k, v in DEFAULT_PREPROCESSING.items() if k != "weight"}
    np.testing.assert_array_equal(network_input(batch, by_default), plain)


def test_more_noise_is_worth_less():
    rng = np.random.default_rng(12)
    flux = 1 + rng.normal(0, 1, (1, 3072)) * [[0.01], [0.1], [0.5]]
    worth = network_input(batch_of(flux, None, LAMOST_GRID), DEFAULT_PREPROCESSING)[..., 1]
    np.testing.assert_allclose(
        worth.mean(axis=1), 0.04 / np.hypot(0.04, [0.01, 0.1, 0.5]), rtol=0.15
    )


@pytest.mark.parametrize("kind", ["l2", "pseudo_continuum"])
def test_unknown_weights_are_named(kind):
    weight = "noise" if kind == "l2" else "heavy"
    with pytest.raises(ValueError, match=f"'{weight}' of pixels with normalization '{kind}'"):
        network_input(batch_of(np.ones((1, 64))), {"normalization": kind, "weight": weight})


def test_a_spectrum_does_not_depend_on_its_batch(stars):
    together = network_input(stars, DEFAULT_PREPROCESSING)
    for i in range(len(stars)):
        alone = network_input(stars[i], DEFAULT_PREPROCESSING)[0]
        np.testing.assert_allclose(alone, together[i], atol=5e-5)


def test_unknown_normalization_is_named():
    with pytest.raises(ValueError, match=r"'minmax'.*'l2'"):
        network_input(batch_of(np.ones((1, 64))), {"normalization": "minmax"})


def test_rectify_is_what_it_says():
    rng = np.random.default_rng(9)
    flux = rng.normal(1, 0.05, (3, LAMOST_GRID.n_pixels)).astype(np.float32)
    flux[:, 1500] = 0.1
    flux[1, 700:704] = 1e6
    mask = rng.random(flux.shape) < 0.02
    batch = SpectrumBatch(LAMOST_GRID, flux, np.ones_like(flux), mask)
    scaled = np.where(mask, 0, flux)
    scaled /= np.abs(scaled).max(axis=1, keepdims=True)
    level, noise = (a.astype(float) for a in pseudo_continuum(scaled, mask))
    wanted = np.arcsinh((scaled - level) / np.maximum(np.hypot(0.04 * level, noise), 1e-12))
    np.testing.assert_allclose(rectify(batch)[0], np.where(mask, 0, wanted), atol=2e-6)
