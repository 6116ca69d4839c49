"""Resampling against specutils, masks and gaps, and what `assemble` says of bad spectra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamost_rare.spectra import LAMOST_GRID, QualityFlag, RawSpectrum, SpectrumError, WavelengthGrid
from lamost_rare.spectra._grid_arrays import GridArrays
from lamost_rare.spectra._overlap import axis_of, overlap_matrix, pixel_edges
from lamost_rare.spectra.resample import assemble

SMALL = WavelengthGrid(3.60, 1e-4, 300)


def make_raw(wavelength, log=None, *, seed=0, bad=(), **kwargs):
    """A noisy spectrum on given wavelengths; ``log`` is its (start, step)."""
    rng = np.random.default_rng(seed)
    m = len(wavelength)
    mask = np.zeros(m, bool)
    mask[list(bad)] = True
    return RawSpectrum(
        np.asarray(wavelength, float),
        rng.normal(100, 30, m).astype(np.float32),
        rng.uniform(0.01, 2, m).astype(np.float32),
        mask,
        *(log or (None, None)),
        **kwargs,
    )


def resample(raw, grid):
    """Flux, inverse variance and mask of one spectrum on a grid, and whether it was resampled."""
    arrays = GridArrays(1, grid)
    error = arrays.fill([raw])[0]
    if error is not None:
        raise error
    return arrays.flux[0], arrays.ivar[0], arrays.mask[0], bool(arrays.resampled[0])


def log_raw(start, m, step=1e-4, **kwargs):
    return make_raw(10 ** (start + step * np.arange(m)), (start, step), **kwargs)


def by_specutils(raw, grid):
    """Flux and variance of specutils' resampler, NaN where it gives none."""
    import astropy.units as u
    from astropy.nddata import InverseVariance
    from specutils import Spectrum
    from specutils.manipulation import FluxConservingResampler

    spectrum = Spectrum(
        flux=raw.flux.astype(float) * u.dimensionless_unscaled,
        spectral_axis=raw.wavelength * u.AA,
        uncertainty=InverseVariance(raw.ivar.astype(float)),
    )
    result = FluxConservingResampler()(spectrum, grid.wavelength * u.AA)
    return result.flux.value, 1 / result.uncertainty.array


SOURCES = {
    "lattice": log_raw(3.5982, 420),
    "lattice, within the grid": log_raw(3.6050, 100),
    "lattice, the grid's own": log_raw(3.60, 300),
    "offset": log_raw(3.59823, 420),
    "offset, within the grid": log_raw(3.605051, 100),
    "log, coarser": log_raw(3.598, 160, 3.1e-4),
    "log, finer": log_raw(3.598, 1700, 0.27e-4),
    "linear, finer": make_raw(np.arange(3960.0, 4300.0, 0.31)),
    "linear, coarser": make_raw(np.arange(3960.0, 4300.0, 2.7)),
    "linear, much finer": make_raw(np.arange(3960.0, 4300.0, 0.02)),
    "linear, much coarser": make_raw(np.arange(3900.0, 4400.0, 40.0)),
    "uneven": make_raw(np.cumsum(np.random.default_rng(2).uniform(0.5, 1.5, 400)) + 3950),
}


@pytest.mark.parametrize("raw", SOURCES.values(), ids=SOURCES.keys())
def test_agrees_with_specutils(raw):
    flux, ivar, mask, resampled = resample(raw, SMALL)
    expected, variance = by_specutils(raw, SMALL)
    edges, source = pixel_edges(SMALL.wavelength), pixel_edges(raw.wavelength)
    # specutils extrapolates into the first pixel that is covered in part, and leaves the last out.
    whole = (edges[:-1] >= source[0]) & (edges[1:] <= source[-1])
    assert whole.sum() > 90
    assert not mask[whole].any()
    np.testing.assert_allclose(flux[whole], expected[whole], rtol=1e-6)
    np.testing.assert_allclose(1 / ivar[whole].astype(float), variance[whole], rtol=1e-6)
    assert resampled == (raw.log10_step != 1e-4 or bool(raw.log10_start * 1e4 % 1 > 0.01))


def test_agrees_with_specutils_on_the_lamost_grid():
    for start in (3.5682, 3.568234):
        raw = log_raw(start, 3909)
        flux, ivar, mask, _ = resample(raw, LAMOST_GRID)
        expected, variance = by_specutils(raw, LAMOST_GRID)
        assert not mask.any()
        np.testing.assert_allclose(flux, expected, rtol=1e-6)
        np.testing.assert_allclose(1 / ivar.astype(float), variance, rtol=1e-6)


@pytest.mark.parametrize("start", [3.5982, 3.60, 3.6050])
def test_copy_equals_matrix(start):
    bad = [0, 17, 18, 19, 20, 60]
    copied = log_raw(start, 420, bad=bad)
    by_matrix = log_raw(start, 420, bad=bad)
    by_matrix.log10_start = by_matrix.log10_step = None
    one, two = resample(copied, SMALL), resample(by_matrix, SMALL)
    assert (one[3], two[3]) == (False, True)
    np.testing.assert_array_equal(one[2], two[2])
    np.testing.assert_allclose(one[0], two[0], rtol=1e-6)
    np.testing.assert_allclose(one[1], two[1], rtol=1e-6)


def test_a_copy_is_a_copy():
    raw = log_raw(3.5982, 420)
    flux, ivar, _, _ = resample(raw, SMALL)
    np.testing.assert_array_equal(flux[1:], raw.flux[19:318])
    np.testing.assert_array_equal(ivar[1:], raw.ivar[19:318])
    # The grid's outermost edge is extrapolated, and lies 1e-4 of a pixel beyond the midpoint.
    assert abs(flux[0] - raw.flux[18]) < 2e-4 * abs(raw.flux[17] - raw.flux[18])


def test_flux_is_conserved():
    raw = make_raw(np.arange(3900.0, 4400.0, 0.37))
    flux, _, _, _ = resample(raw, SMALL)
    edges, source = pixel_edges(SMALL.wavelength), pixel_edges(raw.wavelength)
    cumulative = np.concatenate([[0], np.cumsum(raw.flux * np.diff(source))])
    expected = np.diff(np.interp(edges[[0, -1]], source, cumulative))[0]
    assert np.sum(flux * np.diff(edges)) == pytest.approx(expected, rel=1e-6)


def test_constant_is_kept_beside_bad_pixels_and_edges():
    raw = log_raw(3.605037, 120, bad=[5, 6, 30, 31, 32, 77])
    raw.flux[:] = 7.0
    raw.flux[raw.mask] = 1e6
    flux, ivar, mask, _ = resample(raw, SMALL)
    np.testing.assert_allclose(flux[~mask], 7.0, rtol=1e-6)
    assert not flux[mask].any()
    assert not ivar[mask].any()
    assert np.all(ivar[~mask] > 0)


def test_masked_pixels_do_not_contaminate():
    clean = log_raw(3.59823, 420)
    dirty = log_raw(3.59823, 420, bad=[100, 101, 102, 250])
    dirty.flux[[100, 101, 250]] = 1e9, np.nan, np.inf
    dirty.ivar[[100, 101, 102]] = np.nan, -1, 0
    (flux, ivar, _, _), (flux2, ivar2, mask2, _) = resample(clean, SMALL), resample(dirty, SMALL)
    assert np.isfinite(flux2).all()
    assert 3 <= mask2.sum() <= 5
    untouched = np.ones(300, bool)
    for pixel in (100, 101, 102, 250):
        k = int(SMALL.pixel_of(dirty.wavelength[pixel]))
        untouched[k - 1 : k + 3] = False
    np.testing.assert_array_equal(flux2[untouched], flux[untouched])
    np.testing.assert_array_equal(ivar2[untouched], ivar[untouched])
    assert np.all(abs(flux2) < 1e3)


@pytest.mark.parametrize(("offset", "masked"), [(0.40, True), (0.60, False)])
def test_valid_half_decides(offset, masked):
    """Source pixel 50 is bad and covers 1 - offset of output pixel 20."""
    raw = log_raw(3.60 + (20 - 50 + offset) * 1e-4, 200, bad=[50])
    _, _, mask, _ = resample(raw, SMALL)
    assert mask[20] == masked
    assert mask[21] == (not masked)


def test_unmasked_rubbish_is_masked_on_both_paths():
    for start in (3.598, 3.59803):
        raw = log_raw(start, 420)
        raw.flux[100] = np.nan
        raw.ivar[[150, 200]] = 0, -3
        flux, ivar, mask, _ = resample(raw, SMALL)
        assert 3 <= mask.sum() <= 6
        assert np.isfinite(flux).all()
        assert np.isfinite(ivar).all()
        assert not flux[mask].any()


def test_a_gap_is_not_filled():
    wavelength = np.concatenate([np.arange(3970.0, 4050.0, 0.5), np.arange(4080.0, 4300.0, 0.5)])
    _, _, mask, _ = resample(make_raw(wavelength), SMALL)
    inside = (SMALL.wavelength > 4051) & (SMALL.wavelength < 4079)
    assert mask[inside].all()
    assert not mask[(SMALL.wavelength < 4049) | (SMALL.wavelength > 4081)].any()


@settings(max_examples=60, deadline=None)
@given(
    start=st.floats(3.55, 3.66),
    step=st.floats(0.2e-4, 20e-4),
    m=st.integers(2, 900),
    log=st.booleans(),
    bad=st.integers(0, 40),
    seed=st.integers(0, 2**31),
)
def test_any_source_keeps_the_contract(start, step, m, log, bad, seed):
    rng = np.random.default_rng(seed)
    raw = log_raw(start, m, step, seed=seed, bad=rng.integers(0, m, bad))
    if not log:
        raw.log10_start = raw.log10_step = None
    batch, rejects = assemble([raw], SMALL)
    assert len(batch) + len(rejects) == 1
    if rejects:
        assert rejects[0][1].reason in ("no_overlap", "no_valid_pixels", "too_few_pixels")
        return
    flux, ivar, mask = batch.flux[0], batch.ivar[0], batch.mask[0]
    assert flux.dtype == ivar.dtype == np.float32
    assert np.isfinite(flux).all()
    assert np.array_equal(ivar == 0, mask)
    assert not flux[mask].any()
    low, high = raw.flux[~raw.mask].min(), raw.flux[~raw.mask].max()
    assert np.all((flux[~mask] >= low - 1e-3) & (flux[~mask] <= high + 1e-3))


def test_assemble_equals_resample_in_any_mixture():
    raws = [
        log_raw(3.598, 420, seed=1, bad=[7]),
        SOURCES["uneven"],
        log_raw(3.59823, 420, seed=2),
        log_raw(3.5975, 500, seed=3),
        log_raw(3.59823, 420, seed=4, bad=[70, 71]),
        SOURCES["linear, coarser"],
        *(log_raw(3.59823, 420, seed=seed) for seed in range(5, 45)),
    ]
    batch, rejects = assemble(raws, SMALL)
    assert not rejects
    for i, raw in enumerate(raws):
        flux, ivar, mask, resampled = resample(raw, SMALL)
        np.testing.assert_array_equal(batch.flux[i], flux)
        np.testing.assert_array_equal(batch.ivar[i], ivar)
        np.testing.assert_array_equal(batch.mask[i], mask)
        assert bool(batch.flags[i] & QualityFlag.RESAMPLED) == resampled


def test_input_is_left_alone():
    raw = log_raw(3.598, 420, bad=[5])
    before = raw.flux.copy(), raw.ivar.copy(), raw.mask.copy()
    for array in (raw.flux, raw.ivar, raw.mask, raw.wavelength):
        array.flags.writeable = False
    assemble([raw, raw], SMALL)
    for array, copy in zip((raw.flux, raw.ivar, raw.mask), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_rejects_keep_the_order():
    constant = log_raw(3.598, 420, bad=[50])
    constant.flux[:] = 3.0
    constant.flux[50] = 99.0
    zero = log_raw(3.59823, 420)
    zero.flux[:] = 0
    nothing = make_raw([3990.0, 4000.0, 4010.0, 4005.0])
    raws = [
        log_raw(3.598, 420, seed=1),
        log_raw(3.70, 420),
        log_raw(3.70003, 420),
        log_raw(3.598, 420, bad=range(420)),
        log_raw(3.598, 420, bad=range(10, 400)),
        log_raw(3.598, 420, bad=range(30, 420)),
        constant,
        zero,
        nothing,
        make_raw([4000.0]),
        log_raw(3.598, 420, seed=2),
    ]
    batch, rejects = assemble(raws, SMALL)
    assert [(i, error.reason) for i, error in rejects] == [
        (1, "no_overlap"),
        (2, "no_overlap"),
        (3, "no_valid_pixels"),
        (4, "no_valid_pixels"),
        (5, "too_few_pixels"),
        (6, "zero_flux"),
        (7, "zero_flux"),
        (8, "bad_wavelength"),
        (9, "bad_shape"),
    ]
    assert len(batch) == 2
    np.testing.assert_array_equal(batch.flux[1], resample(raws[-1], SMALL)[0])
    with pytest.raises(SpectrumError, match=r"no_overlap.*5011\.9"):
        resample(raws[1], SMALL)


def test_nothing_in_nothing_out():
    batch, rejects = assemble([], SMALL)
    assert len(batch) == 0
    assert batch.flux.shape == (0, 300)
    assert rejects == []


@pytest.mark.parametrize(
    ("change", "flag"),
    [
        ({}, 0),
        ({"ivar": 1e-4, "identity": {"snr_g": 4.0}}, QualityFlag.LOW_SNR),
        ({"identity": {"snr_g": -9999.0}}, 0),
        ({"ivar": 1e-4, "identity": {"snr_g": np.nan}}, QualityFlag.LOW_SNR),
        ({"ivar": 1e-4, "identity": {"snr_g": 20.0}}, 0),
        ({"negative": 60}, QualityFlag.NEGATIVE_FLUX),
        ({"negative": 29}, 0),
        ({"bad": range(18, 83)}, QualityFlag.MASKED_PIXELS_MANY | QualityFlag.PARTIAL_COVERAGE),
        ({"bad": range(18, 73)}, 0),
        ({"length": 250}, QualityFlag.PARTIAL_COVERAGE),
        ({"flags": int(QualityFlag.BAD_IVAR)}, QualityFlag.BAD_IVAR),
        ({"start": 3.59823}, QualityFlag.RESAMPLED),
    ],
)
def test_flags(change, flag):
    raw = log_raw(
        change.get("start", 3.5982),
        change.get("length", 420),
        bad=change.get("bad", ()),
        flags=change.get("flags", 0),
        identity={"snr_g": 200.0, **change.get("identity", {})},
    )
    raw.flux[:] = 100 + np.arange(len(raw.flux))
    raw.flux[18 : 18 + change.get("negative", 0)] *= -1
    raw.ivar[:] = change.get("ivar", 1.0)
    batch, _ = assemble([raw], SMALL)
    assert QualityFlag(int(batch.flags[0])) == QualityFlag(int(flag))


def test_signal_to_noise_is_measured_in_g_where_there_is_any():
    raw = log_raw(3.5682, 3909)
    raw.flux[:] = 1.0
    raw.flux[::2] = 1.1
    g = (raw.wavelength > 4000) & (raw.wavelength < 5500)
    for inside, outside, low in ((100.0, 0.01, False), (0.01, 100.0, True)):
        raw.ivar[:] = np.where(g, inside, outside)
        flags = assemble([raw], LAMOST_GRID)[0].flags
        assert bool(flags[0] & QualityFlag.LOW_SNR) == low


DOUBT, LOW = QualityFlag.SNR_DOUBTFUL, QualityFlag.LOW_SNR


@pytest.mark.parametrize(
    ("stated", "of_pixels", "flag"),
    [
        (20.0, 20.0, 0),
        (20.0, 200.0, 0),
        (280.0, 20.0, 0),
        (99.0, 980.0, 0),  # early files state 99 for all that is more
        (0.1, 0.7, LOW),  # noise alone
        (-3.0, 0.7, LOW),
        (np.nan, 6e3, 0),
        (20.0, 320.0, DOUBT),
        (450.0, 20.0, DOUBT),
        (100.0, 2.0, DOUBT | LOW),
        (1e300, 20.0, DOUBT),
        (1e300, 2.0, DOUBT | LOW),
        (np.inf, 2.0, DOUBT | LOW),
        (2e4, 6e3, DOUBT),
        (np.nan, 2e4, DOUBT),
        (np.nan, 1e-3, DOUBT | LOW),
    ],
)
@pytest.mark.parametrize("start", [3.5682, 3.56823])  # copied, resampled
def test_a_stated_signal_to_noise_that_the_pixels_contradict(start, stated, of_pixels, flag):
    raw = log_raw(start, 3909, identity={"snr_g": stated})
    raw.flux[:] = 1000 * (1 + 0.001 * np.arange(3909) / 3909)
    raw.ivar[:] = (of_pixels / 1000) ** 2
    batch, _ = assemble([log_raw(start, 3909), raw], LAMOST_GRID)
    assert QualityFlag(int(batch.flags[1])) & (DOUBT | LOW) == QualityFlag(int(flag))


@pytest.mark.parametrize("start", [3.5682, 3.56823])  # copied, resampled
@pytest.mark.parametrize(
    ("flux", "ivar", "flag"),
    [
        (1.0, 900.0, 0),
        (1.0, 1e-30, DOUBT | LOW),
        (1.0, 1e30, DOUBT),
        (1e-40, 900.0, DOUBT | LOW),
        (1e-17, 9e34, 0),
        (1.0, 1e-44, "no_valid_pixels"),
        (1.0, 1e38, "no_valid_pixels"),
    ],
)
def test_pixels_that_no_instrument_gives(start, flux, ivar, flag):
    raw = log_raw(start, 3909, identity={"snr_g": 30.0})
    raw.flux[:] = flux * (1 + 0.1 * np.sin(np.arange(3909) / 50))
    raw.ivar[:] = ivar
    batch, rejects = assemble([raw], LAMOST_GRID)
    if isinstance(flag, str):
        assert [error.reason for _, error in rejects] == [flag]
    else:
        assert QualityFlag(int(batch.flags[0])) & (DOUBT | LOW) == QualityFlag(flag)


def test_signal_to_noise_where_nearly_all_of_g_is_masked():
    raw = log_raw(3.5682, 3909, identity={"snr_g": 100.0})
    raw.flux[:] = 100 + np.arange(3909) % 7
    raw.ivar[:] = 1.0
    g = np.flatnonzero((raw.wavelength > 3990) & (raw.wavelength < 5510))
    raw.mask[g] = True
    for valid in ([], g[700:701], g[700:740]):
        raw.mask[valid] = False
        flags = assemble([raw], LAMOST_GRID)[0].flags
        assert not flags[0] & (DOUBT | LOW)


def test_identity_is_passed_on_and_missing_is_marked():
    given_identity = {"path": "a.fits", "obsid": 2**53 + 1, "ra": 10.5, "snr_g": -9999.0}
    batch, _ = assemble([log_raw(3.598, 420, identity=given_identity)], SMALL)
    assert batch.identity["path"][0] == "a.fits"
    assert batch.identity["obsid"][0] == 2**53 + 1
    assert batch.identity["snr_g"][0] == -9999.0
    assert batch.identity["designation"][0] == ""
    assert np.isnan(batch.identity["dec"][0])


def test_cache_is_bounded_and_keyed_by_content():
    one, two = SOURCES["uneven"], make_raw(SOURCES["uneven"].wavelength.copy())
    assert axis_of(one) == axis_of(two)
    matrix = overlap_matrix(axis_of(one), SMALL)
    assert overlap_matrix(axis_of(two), SMALL) is matrix
    assert overlap_matrix(axis_of(two), LAMOST_GRID) is not matrix
    for k in range(80):
        resample(log_raw(3.6 + (k + 0.5) * 1.1e-6, 50), SMALL)
    assert overlap_matrix.cache_info().currsize <= 64
    assert overlap_matrix(axis_of(two), SMALL) is not matrix


def test_every_real_spectrum(data_folder):
    """Every LAMOST file lies on the grid's lattice, so all are copied, and all pixels add up."""
    from lamost_rare.spectra import read_lamost

    raws, n_unreadable = [], 0
    for path in sorted((data_folder / "lamost").rglob("*.fits.gz")):
        try:
            raws.append(read_lamost(path))
        except SpectrumError:
            n_unreadable += 1
    n_usable = 0
    for start in range(0, len(raws), 256):
        chunk = raws[start : start + 256]
        batch, rejects = assemble(chunk, LAMOST_GRID)
        assert len(batch) + len(rejects) == len(chunk)
        assert not np.any(batch.flags & QualityFlag.RESAMPLED)
        assert np.isfinite(batch.flux).all()
        assert np.array_equal(batch.ivar == 0, batch.mask)
        n_usable += len(batch)
    assert n_unreadable <= 5
    assert n_usable >= 0.99 * (len(raws) + n_unreadable)


def test_the_largest_fluxes_are_no_overflow():
    flux = np.tile(np.array([3e38, -3e38], dtype=np.float32), LAMOST_GRID.n_pixels // 2)
    one = np.ones(len(flux), dtype=np.float32)
    raw = RawSpectrum(
        LAMOST_GRID.wavelength[: len(flux)],
        flux,
        one,
        one < 0,
        LAMOST_GRID.log10_start,
        LAMOST_GRID.log10_step,
    )
    batch, rejects = assemble([raw], LAMOST_GRID)
    assert (len(batch), rejects) == (1, [])
