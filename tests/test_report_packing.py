"""Spectra packed for the page: what comes back, whatever went in."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamost_rare.report.packing import BLOCK, MOST_PIXELS, pack_spectrum, unpack_spectrum
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.raw import IVAR_RANGE

SPECTRA = {
    "seed": st.integers(0, 2**32 - 1),
    "n": st.one_of(st.integers(1, 3 * BLOCK), st.sampled_from([3909, MOST_PIXELS])),
    "scale": st.floats(-18, 18),
    "snr": st.floats(-4, 5),
    "bad": st.sampled_from([0.0, 0.01, 0.3, 0.97]),
    "odd": st.sampled_from([0.0, np.nan, np.inf, -np.inf, 3e38, -3e38]),
}


def check(flux, ivar, mask):
    found = unpack_spectrum(pack_spectrum(flux, ivar, mask))
    valid = ~mask & np.isfinite(flux) & (ivar > 0) & np.isfinite(ivar)
    np.testing.assert_array_equal(found.mask, ~valid)
    sigma = 1 / np.sqrt(ivar[valid].astype(float))
    # A spectrum is drawn within a quarter of its error, but for S/N that no detector reaches.
    far = np.abs(flux[valid].astype(float)).max() / 2**22
    assert (np.abs(found.flux[valid] - flux[valid]) <= np.maximum(sigma / 4, far)).all()
    np.testing.assert_allclose(np.log2(found.sigma[valid] / sigma), 0, atol=1 / 16 + 1e-9)
    return found, valid


@settings(deadline=None)
@given(**SPECTRA)
def test_a_spectrum_comes_back_within_a_quarter_of_its_error(seed, n, scale, snr, bad, odd):
    rng = np.random.default_rng(seed)
    level = 10.0**scale
    sigma = level / 10.0**snr * np.exp(rng.normal(0, 1, n))
    with np.errstate(over="ignore", divide="ignore"):
        flux = (level + sigma * rng.standard_normal(n)).astype("f4")
        ivar = np.clip(sigma**-2.0, *IVAR_RANGE).astype("f4")
    mask = rng.random(n) < bad
    mask[rng.integers(n)] = False
    flux[mask & (rng.random(n) < 0.5)] = odd
    found, valid = check(flux, ivar, mask)
    # What is masked can be drawn beside the others.
    low, high = flux[valid].min(), flux[valid].max()
    room = 0.11 * (float(high) - float(low)) + 2 * found.sigma.max() + abs(float(high)) / 2**20
    assert (found.flux >= low - room).all()
    assert (found.flux <= high + room).all()
    assert np.isfinite(found.sigma).all()


def test_masked_pixels_show_what_the_file_has():
    flux = np.linspace(100, 200, 200)
    mask = np.zeros(200, dtype=bool)
    mask[50:60] = mask[90] = True
    flux[55], flux[57] = 120, np.nan
    found, _ = check(flux, np.ones(200), mask)
    assert found.flux[55] == pytest.approx(120, abs=0.25)
    assert found.flux[57] == pytest.approx(100 + 100 * 57 / 199, abs=0.5)
    assert found.flux[90] == pytest.approx(flux[90], abs=0.25)


def test_a_pixel_far_beyond_the_others_keeps_its_value_if_it_is_valid():
    flux, ivar = np.full(300, 5.0), np.full(300, 100.0)
    flux[100], ivar[200] = 1e6, 1e12
    check(flux, ivar, np.zeros(300, dtype=bool))


@pytest.mark.parametrize("n", [1, 2, BLOCK, BLOCK + 1])
def test_short_spectra(n):
    check(np.arange(float(n)), np.ones(n), np.zeros(n, dtype=bool))


@pytest.mark.parametrize(
    ("flux", "ivar", "why"),
    [
        (np.full(9, np.nan), np.ones(9), "every pixel is masked"),
        (np.ones(9), np.zeros(9), "every pixel is masked"),
        (np.ones(0), np.ones(0), "0 pixels"),
        (np.ones(2**16), np.ones(2**16), "65536 pixels"),
    ],
)
def test_what_cannot_be_drawn_is_refused(flux, ivar, why):
    with pytest.raises(ValueError, match=why):
        pack_spectrum(flux, ivar, np.zeros(len(flux), dtype=bool))


def test_something_else_is_refused():
    packed = pack_spectrum(np.ones(99), np.ones(99), np.zeros(99, dtype=bool))
    with pytest.raises(zlib.error):
        unpack_spectrum(packed[:-9])
    with pytest.raises(ValueError, match="for 99 pixels"):
        unpack_spectrum(zlib.compress(zlib.decompress(packed) + b"x"))


def test_real_spectra_are_drawn_right_and_small(data_folder):
    sizes = []
    for path in sorted(data_folder.glob("lamost/*/*.fits.gz"))[::40]:
        raw = read_lamost(path, header=False)
        check(raw.flux, raw.ivar, raw.mask)
        packed = pack_spectrum(raw.flux, raw.ivar, raw.mask)
        sizes.append(len(packed) * 4 / 3)
    assert np.mean(sizes) < 6000  # 5,000 of them in 30 MB
