import numpy as np
import pytest

from lamost_rare.simulation import effects, lookalikes
from lamost_rare.simulation.dataset import load_data_folder
from lamost_rare.simulation.library import (
    STAR_GRID,
    broaden_to_lamost,
    put_on_star_grid,
    read_library,
    resolution_fwhm,
)
from lamost_rare.simulation.noise import (
    BACKGROUND,
    TYPICAL_CORRELATION,
    TYPICAL_SCATTER,
    NoiseBank,
    expected_error,
)
from lamost_rare.simulation.simulate import KM_S_PER_PIXEL, Conditions, shift_and_rotate, simulate
from lamost_rare.simulation.simulate_stars import simulate_stars
from lamost_rare.spectra.air_vacuum import air_to_vacuum, vacuum_to_air
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.normalize import pseudo_continuum
from lamost_rare.spectra.snr import g_band, g_band_snr
from lamost_rare.validation.trials import real_batch


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture(scope="module")
def noise():
    return NoiseBank.analytic(np.random.default_rng(0))


def conditions(n, **values):
    base = dict.fromkeys(
        ("snr", "radial_velocity", "vsini", "a_v", "nebular", "calibration"), np.zeros(n)
    )
    base |= {key: np.full(n, float(value)) for key, value in values.items()}
    return Conditions(**base)


def line_at(pixel, width=3.0, depth=0.5, n=3328):
    x = np.arange(n)
    return (1 - depth * np.exp(-0.5 * ((x - pixel) / width) ** 2)).astype(np.float32)[None]


@pytest.mark.parametrize("velocity", [-500.0, -69.0, 0.0, 33.3, 400.0])
def test_doppler_shift(velocity):
    out = shift_and_rotate(line_at(1500), np.array([velocity]), np.array([0.0]))[0]
    depth = 1 - out
    centroid = (depth * np.arange(len(out))).sum() / depth.sum()
    assert centroid == pytest.approx(1500 + velocity / KM_S_PER_PIXEL, abs=0.02)


@pytest.mark.parametrize("vsini", [0.0, 100.0, 300.0])
def test_rotation_keeps_the_equivalent_width_and_broadens(vsini):
    out = shift_and_rotate(line_at(1500), np.array([0.0]), np.array([vsini]))[0]
    depth = 1 - out
    assert depth.sum() == pytest.approx((1 - line_at(1500)).sum(), rel=1e-3)
    depth, x = depth[1450:1551], np.arange(-50, 51)
    variance = (depth * x**2).sum() / depth.sum()
    # An ellipse of half-width v has variance v^2 / 4.
    assert variance == pytest.approx(9 + (vsini / KM_S_PER_PIXEL) ** 2 / 4, rel=0.02)


def test_library_is_broadened_to_r_1800():
    step = 2.5e-5
    wavelength = 10 ** (3.6 + step * np.arange(8000))
    flux = np.zeros((1, 8000), dtype=np.float32)
    flux[0, 4000] = 1
    for resolution in (("R", 1e6), ("R", 5000.0), ("fwhm", 1.1)):
        start = wavelength[4000] / 1e6
        own = {"R": wavelength[4000] / resolution[1], "fwhm": resolution[1]}[resolution[0]]
        out = broaden_to_lamost(flux, wavelength, resolution, log10_step=step)[0]
        mean = (out * wavelength).sum() / out.sum()
        sigma = np.sqrt((out * (wavelength - mean) ** 2).sum() / out.sum())
        expected = np.sqrt((wavelength[4000] / 1800) ** 2 - own**2 + start**2) / 2.3548
        assert sigma == pytest.approx(expected, rel=0.03)


def test_coarser_library_is_left_as_it_is():
    wavelength = 10 ** (3.6 + 2.5e-5 * np.arange(500))
    flux = np.random.default_rng(0).random((1, 500)).astype(np.float32)
    out = broaden_to_lamost(flux, wavelength, ("R", 900.0), log10_step=2.5e-5)
    np.testing.assert_array_equal(out, flux)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FWHM about 1.1 A", ("fwhm", 1.1)),
        ("R about 2000", ("R", 2000.0)),
        ("FWHM 4-12 A", ("fwhm", np.sqrt(48))),
        ("see label", ("R", 1000.0)),
    ],
)
def test_resolution_in_words(text, expected):
    kind, value = resolution_fwhm(text)
    assert kind == expected[0]
    assert value == pytest.approx(expected[1])


def test_air_library_lands_in_vacuum():
    air = np.arange(4000, 5200, 0.4)
    flux = 1 - 0.5 * np.exp(-0.5 * ((air - 4471.48) / 1.0) ** 2)
    flux[(air > 4700) & (air < 4750)] = np.nan
    out, valid = put_on_star_grid(air, flux[None], medium="air", resolution=("fwhm", 1.1))
    pixel = out[0, valid[0]].argmin() + np.flatnonzero(valid[0])[0]
    assert STAR_GRID.wavelength[pixel] == pytest.approx(4472.73, abs=0.6)
    gap = (STAR_GRID.wavelength > 4705) & (STAR_GRID.wavelength < 4748)
    assert not valid[0, gap].any()
    assert not valid[0, STAR_GRID.wavelength > 5210].any()


def test_air_and_vacuum_are_inverse():
    wavelength = np.linspace(3700, 9100, 50)
    np.testing.assert_allclose(air_to_vacuum(vacuum_to_air(wavelength)), wavelength, atol=1e-8)
    # He I 5875.62 and H alpha, NIST.
    assert air_to_vacuum(5875.62) == pytest.approx(5877.25, abs=0.01)
    assert air_to_vacuum(6562.80) == pytest.approx(6564.61, abs=0.01)


def test_read_library(tmp_path):
    import h5py

    path = tmp_path / "mini.h5"
    with h5py.File(path, "w") as file:
        file["wavelength"] = np.arange(3600.0, 7600.0)
        file["flux"] = np.ones((2, 4000), dtype=np.float32)
        for key, values in (("object", ["HD 1", "x"]), ("label", ["O7V", "G2"]), ("letter", "OG")):
            file[f"meta/{key}"] = [v.encode() for v in values]
        file.attrs["medium"] = "vacuum"
        file.attrs["resolution"] = "FWHM 2.5 A"
    sources = read_library(path)
    assert list(sources.letter) == ["O", "G"]
    assert sources.valid.mean() > 0.9
    assert np.isnan(sources.teff).all()
    with h5py.File(path, "a") as file:
        del file["meta/letter"]
    with pytest.raises(ValueError, match="not a stellar library"):
        read_library(path)


@pytest.mark.parametrize("snr", [5.0, 30.0, 120.0])
def test_observed_at_the_wanted_snr(snr, noise, rng):
    n = 40
    flux = np.ones((n, STAR_GRID.n_pixels), dtype=np.float32) * 7
    batch = simulate(flux, np.ones(flux.shape, bool), conditions(n, snr=snr), noise, rng)
    assert batch.grid == LAMOST_GRID
    assert np.median(batch.identity["snr_g"]) == pytest.approx(snr, rel=0.15)
    # The scatter is what the inverse variance says.
    deviation = np.diff(batch.flux[:, 500:1500], axis=1) / np.sqrt(2)
    pull = deviation * np.sqrt(batch.ivar[:, 500:1499])
    assert 0.7 < np.median(np.abs(pull)) / 0.6745 < 1.3
    assert (batch.flux[batch.mask] == 0).all()
    assert (batch.ivar[batch.mask] == 0).all()
    assert (batch.ivar[~batch.mask] > 0).all()


def test_reddening_dims_the_blue_and_adds_interstellar_lines(noise, rng):
    flux = np.ones((8, STAR_GRID.n_pixels), dtype=np.float32)
    valid = np.ones(flux.shape, bool)
    batch = simulate(
        flux, valid, conditions(8, snr=500, a_v=3), noise, rng, gaps=False, cosmic_rays=False
    )
    blue, red = batch.flux[:, 500:600].mean(), batch.flux[:, 2700:2800].mean()
    assert 0.15 < blue / red < 0.45
    k = round(float(LAMOST_GRID.pixel_of(5891.6)))
    beside = np.median(batch.flux[:, k - 30 : k - 15])
    assert 0.75 * beside < np.median(batch.flux[:, k]) < 0.95 * beside


def test_losses_are_as_asked_for(noise, rng):
    flux = np.ones((40, STAR_GRID.n_pixels), dtype=np.float32)
    valid = np.ones(flux.shape, bool)
    arguments = flux, valid, conditions(40, snr=50), noise, rng
    none = simulate(*arguments, gaps=False).mask
    half = simulate(*arguments, gaps={"gap": 0.0, "half": 1.0}).mask
    assert none.mean(axis=1).max() < half.mean(axis=1).min()
    end = half.shape[1] // 5
    sides = half[:, :end].all(axis=1).astype(int) + half[:, -end:].all(axis=1)
    np.testing.assert_array_equal(sides, 1)


def test_an_observed_source_keeps_its_own_noise_and_mask(noise, rng):
    flux = 1 + 0.1 * rng.standard_normal((3, STAR_GRID.n_pixels)).astype(np.float32)
    ivar = np.full(flux.shape, 100, dtype=np.float32)
    valid = np.ones(flux.shape, bool)
    valid[:, 1000:1200] = False
    quiet = conditions(3, snr=1e6)
    batch = simulate(flux, valid, quiet, noise, rng, ivar=ivar, gaps=False, cosmic_rays=False)
    assert batch.mask[:, 1000 - 128 : 1200 - 128].all()
    assert np.median(batch.identity["snr_g"]) == pytest.approx(10, rel=0.15)
    worse = simulate(
        flux, valid, conditions(3, snr=3), noise, rng, ivar=ivar, gaps=False, cosmic_rays=False
    )
    assert np.median(worse.identity["snr_g"]) == pytest.approx(3, rel=0.3)


def test_same_seed_same_observation(noise):
    flux = np.ones((4, STAR_GRID.n_pixels), dtype=np.float32)
    valid = np.ones(flux.shape, bool)

    def run(seed):
        rng = np.random.default_rng(seed)
        return simulate(flux, valid, Conditions.draw(4, rng, hot=np.ones(4, bool)), noise, rng).flux

    np.testing.assert_array_equal(run(1), run(1))
    assert not np.array_equal(run(1), run(2))


def stars(n, snr, rng, *, scatter=0.8, lines=(900, 1500, 2100)):
    """Spectra with lines of all depths; the errors they come with are too large."""
    level = 100 * np.linspace(0.5, 1.5, STAR_GRID.n_pixels)
    depth = rng.uniform(0.1, 0.6, (n, len(lines)))
    star = np.prod(
        [1 - d[:, None] * (1 - line_at(p, depth=1.0)) for d, p in zip(depth.T, lines, strict=True)],
        axis=0,
    )
    noise = scatter * rng.standard_normal((n, STAR_GRID.n_pixels))
    flux = level * (star + noise / snr)
    ivar = np.broadcast_to((snr / level) ** 2, flux.shape)
    return flux.astype(np.float32), ivar.astype(np.float32), rng.random(flux.shape) < 0.02


def joined(*sets):
    return [np.concatenate(parts) for parts in zip(*sets, strict=True)]


def test_noise_bank_learns_from_spectra(rng):
    flux, ivar, mask = joined(stars(150, 60, rng), stars(40, 8, rng))
    bank = NoiseBank.from_spectra(flux, ivar, mask)
    assert bank.efficiency.shape == flux.shape
    assert bank.efficiency[:, 1500:1600].mean() == pytest.approx(1, rel=0.15)
    assert bank.mask.mean() == pytest.approx(0.02, abs=0.005)
    known = bank.residual[bank.residual != 0]
    assert len(bank.residual) >= 35
    assert known.std() == pytest.approx(0.8, rel=0.1)
    drawn = bank.draw_noise(64, rng)
    assert drawn.std() == pytest.approx(0.8, rel=0.1)


def test_lines_of_faint_stars_are_not_taken_for_noise(rng):
    flux, ivar, mask = joined(stars(150, 60, rng), stars(40, 8, rng))
    bank = NoiseBank.from_spectra(flux, ivar, np.zeros_like(mask))
    # The mean line is 35 % deep, 2.8 times the error.
    at_lines = bank.residual[:, [900, 1500, 2100]]
    assert np.abs(at_lines.mean(axis=0)).max() < 0.5
    assert at_lines.std() < 1.1


def test_bright_spectra_may_all_be_alike(rng):
    bright = [np.repeat(values[:1], 120, axis=0) for values in stars(1, 60, rng)]
    bank = NoiseBank.from_spectra(*joined(bright, stars(20, 8, rng)))
    assert np.isfinite(bank.residual).all()
    assert np.isfinite(bank.draw_noise(8, rng)).all()


def test_spectra_that_bright_ones_do_not_describe_give_no_noise(rng):
    bright, faint = stars(150, 60, rng), stars(20, 8, rng)
    strange = stars(10, 8, rng)
    x = np.arange(STAR_GRID.n_pixels)
    strange[0][:] *= 1 + np.where((x // 30) % 2, 0.5, -0.5)  # bands
    alone = NoiseBank.from_spectra(*joined(bright, faint))
    both = NoiseBank.from_spectra(*joined(bright, faint, strange))
    assert len(both.residual) == len(alone.residual) > 15


def test_noise_without_bright_spectra_is_that_of_the_survey(rng):
    bank = NoiseBank.from_spectra(*stars(30, 8, rng))
    assert bank.residual.shape == (0, STAR_GRID.n_pixels)
    drawn = bank.draw_noise(64, rng)
    assert drawn.std() == pytest.approx(TYPICAL_SCATTER, rel=0.05)
    neighbours = (drawn[:, 1:] * drawn[:, :-1]).mean() / drawn.var()
    assert neighbours == pytest.approx(TYPICAL_CORRELATION, abs=0.02)


@pytest.mark.slow
def test_simulated_noise_is_that_of_real_faint_spectra(data_folder, rng):
    sources = load_data_folder(data_folder)
    seen = sources.real
    bank = NoiseBank.from_spectra(sources.flux[seen], sources.ivar[seen], ~sources.valid[seen])

    def measured(batch):
        """Noise from second differences over the error given, and what neighbours have alike."""
        level, noise = pseudo_continuum(batch.flux, batch.mask)
        error = 1 / np.sqrt(np.where(batch.mask, np.nan, batch.ivar))
        inner = slice(*LAMOST_GRID.pixel_of(np.array([4400.0, 5600.0])).astype(int))
        off = np.nan_to_num(np.clip((batch.flux - level) / error, -6, 6))[:, inner]
        alike = (off[:, 1:] * off[:, :-1]).mean() / (off**2).mean()
        return np.median(np.nanmedian(noise / error, axis=1)), np.median(off.std(axis=1)), alike

    f_star = sources.label == "F"  # few lines
    faint = np.flatnonzero(seen & f_star & (sources.snr > 4) & (sources.snr < 10))
    real = measured(real_batch(sources[faint]))
    library = np.flatnonzero(~seen & f_star)[:300]
    simulated = measured(simulate_stars(sources, library, bank, rng, (4.0, 10.0))[0])
    assert simulated[0] == pytest.approx(real[0], rel=0.12)
    assert simulated[1] == pytest.approx(real[1], rel=0.15)
    assert simulated[2] == pytest.approx(real[2], abs=0.08)


def test_expected_error_gives_the_wanted_snr(noise, rng):
    efficiency, _ = noise.draw(20, rng)
    level = 1e-3 * np.exp(rng.normal(0, 1, (20, 1)) * np.linspace(-1, 1, STAR_GRID.n_pixels))
    snr = np.geomspace(3, 300, 20)
    along = level / expected_error(level.astype(np.float32), efficiency, snr)
    np.testing.assert_allclose(np.median(along[:, g_band(STAR_GRID)], axis=1), snr, rtol=1e-3)


def test_faint_spectra_are_as_noisy_as_their_background_and_bright_ones_as_their_photons():
    flat = np.ones((1, STAR_GRID.n_pixels), dtype=np.float32)
    sloped = np.linspace(0.5, 2, STAR_GRID.n_pixels, dtype=np.float32)[None]
    faint = expected_error(sloped, flat, np.array([0.5]))
    np.testing.assert_allclose(faint / faint[:, :1], 1, atol=0.02)
    bright = expected_error(sloped, flat, np.array([3000.0]))
    np.testing.assert_allclose(bright / bright[:, :1], np.sqrt(sloped / 0.5), rtol=0.01)
    # As many electrons as the background has: half of the noise is the star's.
    snr = np.sqrt(BACKGROUND / 2)
    error = expected_error(flat, flat, np.array([snr]))
    np.testing.assert_allclose(error, 1 / snr, rtol=1e-5)


def test_expected_error_of_darkness_is_finite():
    flat = np.ones((2, STAR_GRID.n_pixels), dtype=np.float32)
    dark = flat * np.array([[0], [1]], dtype=np.float32)
    dark[1, 1000:] = 0
    assert np.isfinite(expected_error(dark, flat, np.array([5.0, 50.0]))).all()


@pytest.mark.slow
def test_snr_along_real_spectra_is_that_of_others_seen_by_the_same_light(data_folder, rng):
    sources = load_data_folder(data_folder)
    sources = sources[sources.real]
    bank = NoiseBank.from_spectra(sources.flux, sources.ivar, ~sources.valid)
    groups = {"AB": (60, 1e9), "ABF": (5, 20), "KM": (3, 15), "AFGK": (3, 15), "FG": (60, 1e9)}
    for letters, (low, high) in groups.items():
        wanted = np.isin(sources.label.astype(str), list(letters))
        rows = np.flatnonzero(wanted & (sources.snr > low) & (sources.snr < high))
        assert len(rows) > 50
        rows = np.resize(rows, 600)
        flux, ivar, mask = sources.flux[rows], sources.ivar[rows], ~sources.valid[rows]
        level, _ = pseudo_continuum(flux, mask, block=32, smooth=1.5)
        snr = g_band_snr(flux, ivar, mask, STAR_GRID)
        expected = level / expected_error(level, bank.draw(len(rows), rng)[0], snr)
        real = level * np.sqrt(ivar)
        for centre in (4000.0, 4200.0, 4541.0, 5411.0, 6560.0, 7200.0):
            ends = STAR_GRID.pixel_of(np.array([centre - 40, centre + 40])).astype(int)
            inner = slice(*ends)
            seen = ~mask[:, inner].any(axis=1)
            ratio = np.median(expected[seen, inner] / real[seen, inner], axis=1)
            assert np.median(ratio) == pytest.approx(1, abs=0.18), (letters, centre)


def test_g_band_snr_without_valid_pixels_is_nan():
    flux = np.ones((1, LAMOST_GRID.n_pixels))
    assert np.isnan(g_band_snr(flux, flux, np.ones(flux.shape, bool), LAMOST_GRID)).all()


def test_extinction_curve_is_normalised_at_v():
    curve = effects.extinction_curve(LAMOST_GRID)
    v = round(float(LAMOST_GRID.pixel_of(5495.0)))
    np.testing.assert_allclose(curve[:, v], 1, atol=0.02)
    assert (np.diff(curve[:, ::300], axis=1) < 0).all()


def test_gaps_and_halves(rng):
    mask = effects.coverage_gaps(200, LAMOST_GRID, rng, gap=0, half=1)
    lost = mask.mean(axis=1)
    assert 0.2 < lost.min()
    assert lost.max() < 0.8
    assert (np.abs(np.diff(mask.astype(int), axis=1)).sum(axis=1) == 1).all()


def test_lookalikes_are_positive_and_varied(rng):
    kinds = {lookalikes.compact_star(STAR_GRID, rng)[1] for _ in range(30)}
    assert kinds == {"hot_subdwarf", "white_dwarf"}
    background = np.ones(STAR_GRID.n_pixels, dtype=np.float32)
    for _ in range(40):
        for flux in (
            lookalikes.compact_star(STAR_GRID, rng)[0],
            lookalikes.emission_line_object(STAR_GRID, rng, background),
            lookalikes.random_lines(STAR_GRID, rng),
            lookalikes.junk(STAR_GRID, rng, background),
        ):
            assert flux.shape == (STAR_GRID.n_pixels,)
            assert np.isfinite(flux).all()
            assert np.median(flux) > 0
