"""What the page draws and measures of a spectrum, against the file and the catalogue."""

import base64
import functools
import math
import zlib

import numpy as np
import pytest

from lamost_rare.simulation.analytic import analytic_star
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.lines import LINES
from lamost_rare.spectra.normalize import pseudo_continuum
from viewer_helpers import GRID, settle, show, star, unpacked, widths_of

C_KM_S = 299792.458
SPECTRUM = """async (i) => {
    const { wavelength, flux, sigma, mask } = await Unpack.spectrum(i);
    return [wavelength, flux, sigma, mask].map((values) => Array.from(values));
}"""
WIDTHS = """async ([i, velocity]) => {
    const [list, spectrum] = [await Unpack.list(), await Unpack.spectrum(i)];
    const lines = list.lines.filter((line) => line.measured);
    return lines.map((line) => {
        const { width, error } = Widths.measure(spectrum, line, velocity);
        return [line.name, width, error];
    });
}"""


def test_what_is_drawn_is_within_a_quarter_of_sigma_of_the_file(open_spectra):
    spectra = [
        star("O6", seed=1),
        star("B2", seed=2, snr=3, level=1e-17),
        star("A0", seed=3, snr=900, level=3e5, bad=2000),
    ]
    page = open_spectra(spectra)
    for i, (flux, ivar, mask) in enumerate(spectra):
        wavelength, drawn, sigma, masked = (np.array(v) for v in page.evaluate(SPECTRUM, i))
        there = unpacked(open_spectra.packed[i])
        np.testing.assert_array_equal(masked.astype(bool), there[2])
        np.testing.assert_array_equal(masked.astype(bool), mask)
        np.testing.assert_allclose(drawn, there[0], rtol=1e-6)
        true = 1 / np.sqrt(ivar.astype(float))
        assert (np.abs(drawn - flux)[~mask] <= true[~mask] / 4).all()
        np.testing.assert_allclose(sigma[~mask], true[~mask], rtol=0.05)
        np.testing.assert_allclose(wavelength, GRID.wavelength, rtol=1e-12)


def test_real_spectra_are_drawn_as_their_files_hold_them(open_spectra, data_folder):
    paths = [
        path
        for layout in ("early", "dr1-7", "dr8plus")
        for path in sorted((data_folder / "lamost" / layout).glob("*.gz"))[:4]
    ]
    raws = [read_lamost(path) for path in paths]
    axes = [
        {"log10_start": raw.log10_start, "log10_step": raw.log10_step, "n": len(raw.flux)}
        for raw in raws
    ]
    page = open_spectra(
        [(raw.flux, raw.ivar, raw.mask) for raw in raws], axes=axes, axis=list(range(len(raws)))
    )
    for i, raw in enumerate(raws):
        wavelength, drawn, _, masked = (np.array(v) for v in page.evaluate(SPECTRUM, i))
        np.testing.assert_array_equal(masked.astype(bool), raw.mask)
        quarter = 0.25 / np.sqrt(raw.ivar[~raw.mask].astype(float))
        assert (np.abs(drawn[~raw.mask] - raw.flux[~raw.mask]) <= quarter).all()
        np.testing.assert_allclose(wavelength, raw.wavelength, rtol=1e-9)


def test_an_axis_of_any_wavelengths(open_spectra):
    wavelength = np.sort(np.random.default_rng(0).uniform(3700, 9000, 500))
    axis = {"n": 500, "wavelength": base64.b64encode(zlib.compress(wavelength.tobytes())).decode()}
    flux = np.linspace(1, 2, 500)
    page = open_spectra([(flux, np.full(500, 1e4), np.zeros(500, bool))], axes=[axis])
    np.testing.assert_array_equal(page.evaluate(SPECTRUM, 0)[0], wavelength)


def test_the_level_of_a_spectrum_is_that_of_the_classifier(open_spectra):
    flux, ivar, mask = star("B5", snr=20, bad=500)
    mask[1000:1400] = True
    page = open_spectra([(flux, ivar, mask)])
    found = page.evaluate("""async () => {
        const { flux, mask } = await Unpack.spectrum(0);
        return Array.from(Numerics.pseudoContinuum(flux, mask));
    }""")
    there = unpacked(open_spectra.packed[0])
    expected, _ = pseudo_continuum(there[0][None], there[2][None])
    np.testing.assert_allclose(found, expected[0], rtol=1e-4)


@functools.cache
def lines_lost():
    """Return a star with lines that lack pixels: some can't be measured, some are mended."""
    flux, ivar, mask = star("O6", snr=80)
    flux, ivar, mask = flux.copy(), ivar.copy(), mask.copy()
    wavelength = GRID.wavelength
    for name, share in (("heii_4541", 0.15), ("hei_4471", 0.5)):
        low, high = LINES[name].window
        mask[(wavelength > low) & (wavelength < low + share * (high - low))] = True
    (low, high), *_ = LINES["heii_5411"].bands
    mask[(wavelength > low) & (wavelength < high)] = True
    flux[np.searchsorted(wavelength, 4730.0)] *= 30  # a cosmic ray in a side band
    return flux, ivar, mask


@pytest.mark.parametrize("pixels", [0, 7, -11])
def test_widths_are_those_of_the_catalogue_at_any_velocity(open_spectra, pixels):
    velocity = C_KM_S * (10.0 ** (pixels * GRID.log10_step) - 1)
    spectra = [star("O6", seed=4), star("B2", seed=5, snr=4), star("A5", seed=6), lines_lost()]
    page = open_spectra(spectra)
    measured = 0
    for i in range(len(spectra)):
        expected = widths_of(*unpacked(open_spectra.packed[i]), velocity)
        for name, width, error in page.evaluate(WIDTHS, [i, velocity]):
            if width is None:
                assert math.isnan(expected[f"ew_{name}"]), name
                continue
            measured += 1
            assert error == pytest.approx(expected[f"ew_{name}_err"], rel=1e-3)
            assert width == pytest.approx(expected[f"ew_{name}"], abs=1e-3 * error + 1e-5)
    assert measured >= 48


def test_widths_are_near_to_those_of_the_file(open_spectra):
    """Rounding of what is packed moves no width by a third of its error."""
    spectra = [star("O8", seed=7), star("B1", seed=8, snr=10)]
    page = open_spectra(spectra)
    for i, spectrum in enumerate(spectra):
        expected = widths_of(*spectrum)
        for name, width, error in page.evaluate(WIDTHS, [i, 0]):
            known, known_error = expected[f"ew_{name}"], expected[f"ew_{name}_err"]
            assert abs(width - known) < known_error / 3
            assert error == pytest.approx(known_error, rel=0.1)


def test_close_ups_say_widths_here_and_in_the_catalogue(open_spectra):
    spectrum = star("O6")
    known = widths_of(*spectrum)
    names = list(LINES)
    page = open_spectra(
        [spectrum],
        ew={name: [round(known[f"ew_{name}"], 4)] for name in names},
        ew_err={name: [round(known[f"ew_{name}_err"], 4)] for name in names},
    )
    figure = page.locator("figure", has_text="He II 4541")
    text = figure.locator("figcaption").inner_text()
    here, catalogue = text.replace("−", "-").split("catalogue")
    value = known["ew_heii_4541"]
    assert float(here.split("4541")[1].split("±")[0]) == pytest.approx(value, abs=0.03)
    assert float(catalogue.split("±")[0]) == pytest.approx(value, abs=0.0051)
    label = figure.locator("canvas").get_attribute("aria-label")
    assert label.startswith("Close-up of He II 4541, equivalent width")
    assert len(page.locator("figure canvas").all()) == 10


def test_what_cannot_be_measured_is_said_in_words(open_spectra):
    page = open_spectra([lines_lost()])
    figure = page.locator("figure", has_text="He I 4471")
    assert "not measured" in figure.inner_text()
    label = figure.locator("canvas").get_attribute("aria-label")
    assert label == "Close-up of He I 4471, equivalent width not measured"


def test_nothing_that_is_in_the_file_is_lost_in_the_picture(open_spectra):
    """One pixel in 3,900 that stands out is seen, and marked if the frame ends below it."""
    flux, ivar, mask = np.full(GRID.n_pixels, 100.0), np.full(GRID.n_pixels, 1.0), None
    mask = np.zeros(GRID.n_pixels, dtype=bool)
    pictures = []
    for spike in (100.0, 112.0, 5000.0):
        flux[2000] = spike
        page = open_spectra([(flux + np.resize([-1, 1], GRID.n_pixels), ivar, mask)])
        pictures.append(page.evaluate("View.overview.canvas.toDataURL()"))
    assert len(set(pictures)) == 3


def test_the_nearest_standard_is_of_the_stars_class(open_spectra):
    kinds = {"O6": "O", "B2": "B", "A2": "A", "G2": "G"}
    page = open_spectra(
        [star(kind, seed=9, snr=80, rv=120.0) for kind in kinds], velocity=[120.0] * 4
    )
    for row, name in enumerate(kinds.values()):
        show(page, row)
        ranked = page.evaluate("View.scene().ranked.map((one) => [one.class, one.chi2])")
        assert ranked[0][0] == name
        assert [chi2 for _, chi2 in ranked] == sorted(chi2 for _, chi2 in ranked)
    group = page.get_by_role("group", name="Standard")
    assert group.get_by_role("button").all_inner_texts()[-1] == "none"
    page.keyboard.press(">")
    settle(page)
    assert page.evaluate("View.scene().standard.class === View.scene().ranked[1].class")
    for nothing in (True, False):
        page.keyboard.press("_")
        settle(page)
        assert page.evaluate("View.scene().standard === null") is nothing
    group.get_by_role("button", name="none").click()
    settle(page)
    assert page.evaluate("View.scene().standard === null && View.scene().residuals === null")


def test_a_standard_takes_the_level_and_the_velocity_of_the_star(open_spectra):
    """A model without noise, reddened and moved, is fitted by itself within the noise."""
    flux = 2000 * analytic_star("O6", GRID, rv=-200.0) * np.linspace(0.3, 1.5, GRID.n_pixels)
    mask = np.zeros(GRID.n_pixels, dtype=bool)
    page = open_spectra([(flux, np.full(GRID.n_pixels, 1 / 400.0), mask)], velocity=[-200.0])
    best = page.evaluate("(({ type, chi2 }) => [type, chi2])(View.scene().ranked[0])")
    assert best[0] == "O6"
    assert best[1] < 1
    page.evaluate("View.setVelocity(200)")
    settle(page)
    assert page.evaluate("View.scene().ranked[0].chi2") > 3 * best[1]


def test_positions_are_rounded_once(open_spectra):
    page = open_spectra([star("O6")])
    places = [[359.99999999, 89.99999999], [0, -0.0000001], [15.0041666, 59.9999]]
    words = page.evaluate("(all) => all.map((place) => Words.sexagesimal(...place))", places)
    assert words == [
        "00:00:00.00 +90:00:00.0",
        "00:00:00.00 -00:00:00.0",
        "01:00:01.00 +59:59:59.6",
    ]
