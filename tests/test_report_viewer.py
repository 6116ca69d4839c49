"""What the page draws of a candidate, in a real browser."""

import base64
import functools
import math
import shutil
import time
import zlib

import numpy as np
import pytest

from lamost_rare.report.packing import pack_arrays, pack_spectrum
from lamost_rare.simulation.analytic import analytic_star
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.lines import LINES
from lamost_rare.spectra.normalize import pseudo_continuum
from viewer_helpers import GRID, star, unpacked, widths_of, write_spectra

C_KM_S = 299792.458
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
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
DRAWN = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"""


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no Chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, tmp_path):
    """Open spectra as a page; errors of its scripts and requests to elsewhere fail the test."""
    contexts, errors, asked = [], [], []

    def opened(spectra, /, *, ready=True, script=None, width=1280, scheme="light", **changes):
        path = tmp_path / f"page-{len(contexts)}.html"
        opened.packed = write_spectra(path, spectra, **changes)
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=False
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and errors.append(said.text))
        page.on("request", lambda request: asked.append(request.url))
        if script:
            page.add_init_script(script)
        page.goto(path.as_uri())
        if ready:
            wait(page, "document.documentElement.dataset.ready === '1'")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def wait(page, condition):
    """Wait until an expression is true: playwright's own way is against the page's policy."""
    end = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < end, f"never true: {condition}"
        page.wait_for_timeout(10)


def show(page, row):
    page.evaluate("(row) => App.toRow(row)", row)
    wait(page, f"View.state.row === {row}")


def settle(page):
    """Wait until what was changed is drawn."""
    page.evaluate(DRAWN)


def test_what_is_drawn_is_within_a_quarter_of_sigma_of_the_file(open_page):
    spectra = [
        star("O6", seed=1),
        star("B2", seed=2, snr=3, level=1e-17),
        star("A0", seed=3, snr=900, level=3e5, bad=2000),
    ]
    page = open_page(spectra)
    for i, (flux, ivar, mask) in enumerate(spectra):
        wavelength, drawn, sigma, masked = (np.array(v) for v in page.evaluate(SPECTRUM, i))
        there = unpacked(open_page.packed[i])
        np.testing.assert_array_equal(masked.astype(bool), there[2])
        np.testing.assert_array_equal(masked.astype(bool), mask)
        np.testing.assert_allclose(drawn, there[0], rtol=1e-6)
        true = 1 / np.sqrt(ivar.astype(float))
        assert (np.abs(drawn - flux)[~mask] <= true[~mask] / 4).all()
        np.testing.assert_allclose(sigma[~mask], true[~mask], rtol=0.05)
        np.testing.assert_allclose(wavelength, GRID.wavelength, rtol=1e-12)


def test_real_spectra_are_drawn_as_their_files_hold_them(open_page, data_folder):
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
    page = open_page(
        [(raw.flux, raw.ivar, raw.mask) for raw in raws], axes=axes, axis=list(range(len(raws)))
    )
    for i, raw in enumerate(raws):
        wavelength, drawn, _, masked = (np.array(v) for v in page.evaluate(SPECTRUM, i))
        np.testing.assert_array_equal(masked.astype(bool), raw.mask)
        quarter = 0.25 / np.sqrt(raw.ivar[~raw.mask].astype(float))
        assert (np.abs(drawn[~raw.mask] - raw.flux[~raw.mask]) <= quarter).all()
        np.testing.assert_allclose(wavelength, raw.wavelength, rtol=1e-9)


def test_an_axis_of_any_wavelengths(open_page):
    wavelength = np.sort(np.random.default_rng(0).uniform(3700, 9000, 500))
    axis = {"n": 500, "wavelength": base64.b64encode(zlib.compress(wavelength.tobytes())).decode()}
    flux = np.linspace(1, 2, 500)
    page = open_page([(flux, np.full(500, 1e4), np.zeros(500, bool))], axes=[axis])
    np.testing.assert_array_equal(page.evaluate(SPECTRUM, 0)[0], wavelength)


def test_the_level_of_a_spectrum_is_that_of_the_classifier(open_page):
    flux, ivar, mask = star("B5", snr=20, bad=500)
    mask[1000:1400] = True
    page = open_page([(flux, ivar, mask)])
    found = page.evaluate("""async () => {
        const { flux, mask } = await Unpack.spectrum(0);
        return Array.from(Numerics.pseudoContinuum(flux, mask));
    }""")
    there = unpacked(open_page.packed[0])
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
def test_widths_are_those_of_the_catalogue_at_any_velocity(open_page, pixels):
    velocity = C_KM_S * (10.0 ** (pixels * GRID.log10_step) - 1)
    spectra = [star("O6", seed=4), star("B2", seed=5, snr=4), star("A5", seed=6), lines_lost()]
    page = open_page(spectra)
    measured = 0
    for i in range(len(spectra)):
        expected = widths_of(*unpacked(open_page.packed[i]), velocity)
        for name, width, error in page.evaluate(WIDTHS, [i, velocity]):
            if width is None:
                assert math.isnan(expected[f"ew_{name}"]), name
                continue
            measured += 1
            assert error == pytest.approx(expected[f"ew_{name}_err"], rel=1e-3)
            assert width == pytest.approx(expected[f"ew_{name}"], abs=1e-3 * error + 1e-5)
    assert measured >= 48


def test_widths_are_near_to_those_of_the_file(open_page):
    """Rounding of what is packed moves no width by a third of its error."""
    spectra = [star("O8", seed=7), star("B1", seed=8, snr=10)]
    page = open_page(spectra)
    for i, spectrum in enumerate(spectra):
        expected = widths_of(*spectrum)
        for name, width, error in page.evaluate(WIDTHS, [i, 0]):
            known, known_error = expected[f"ew_{name}"], expected[f"ew_{name}_err"]
            assert abs(width - known) < known_error / 3
            assert error == pytest.approx(known_error, rel=0.1)


def test_close_ups_say_widths_here_and_in_the_catalogue(open_page):
    spectrum = star("O6")
    known = widths_of(*spectrum)
    names = list(LINES)
    page = open_page(
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


def test_what_cannot_be_measured_is_said_in_words(open_page):
    page = open_page([lines_lost()])
    figure = page.locator("figure", has_text="He I 4471")
    assert "not measured" in figure.inner_text()
    label = figure.locator("canvas").get_attribute("aria-label")
    assert label == "Close-up of He I 4471, equivalent width not measured"


PLACES = "() => Object.fromEntries(View.scene().lines.map((line) => [line.name, line.at]))"


def test_the_velocity_moves_lines_of_the_star_alone(open_page):
    page = open_page([star("O6", rv=300)])
    page.keyboard.press("K")  # interstellar lines, which stay
    settle(page)
    rest = page.evaluate(PLACES)
    before = page.locator("figure", has_text="He II 4686").inner_text()
    page.locator("#v-velocity").fill("300")
    settle(page)
    moved = page.evaluate(PLACES)
    assert moved["heii_4541"] == pytest.approx(rest["heii_4541"] * (1 + 300 / C_KM_S))
    interstellar = page.evaluate(
        "View.scene().lines.filter((line) => line.set === 'interstellar').map((line) => line.name)"
    )
    assert len(interstellar) > 3
    assert {name: moved[name] for name in interstellar} == {
        name: rest[name] for name in interstellar
    }
    assert page.locator("figure", has_text="He II 4686").inner_text() != before
    assert page.get_by_label("Velocity in km/s").input_value() == "300"
    page.keyboard.press(":")
    settle(page)
    assert page.evaluate("View.state.settings.velocity") == 400
    page.get_by_role("button", name="at rest").click()
    settle(page)
    assert page.evaluate(PLACES) == rest


def test_the_velocity_begins_as_measured_and_stays_within_its_limits(open_page):
    spectra = [star("O6"), star("O6"), star("O6")]
    page = open_page(spectra, velocity=[-87.4, None, 5000.0], velocity_err=[14.2, None, None])
    assert page.evaluate("View.state.settings.velocity") == -87.4
    assert page.get_by_role("button", name="measured −87 ± 14").is_visible()
    page.evaluate("View.setVelocity(-1e9)")
    assert page.evaluate("View.state.settings.velocity") == -600
    show(page, 1)
    assert page.evaluate("View.state.settings.velocity") == 0
    show(page, 2)
    assert page.evaluate("View.state.settings.velocity") == 600


def test_sets_of_lines_are_switched_on_and_off(open_page):
    page = open_page([star("O6")])

    def drawn(name):
        return page.evaluate(
            "(name) => View.scene().lines.filter((line) => line.set === name).length", name
        )

    button = page.get_by_role("group", name="Lines", exact=True).get_by_role("button", name="He II")
    assert button.get_attribute("aria-pressed") == "true"
    assert drawn("He II") > 3
    before = page.evaluate("View.overview.canvas.toDataURL()")
    button.click()
    settle(page)
    assert button.get_attribute("aria-pressed") == "false"
    assert drawn("He II") == 0
    assert page.evaluate("View.overview.canvas.toDataURL()") != before
    page.keyboard.press("O")
    settle(page)
    assert drawn("He II") > 3
    assert page.evaluate("View.overview.canvas.toDataURL()") == before
    page.keyboard.press("L")
    settle(page)
    assert page.evaluate("View.scene().lines") == []


def test_every_action_has_a_key_of_its_own(open_page):
    page = open_page([star("O6")])
    actions = page.evaluate(
        "View.actions.map(({ key, label, group }) => [[key].flat(), label, group])"
    )
    keys = [key for names, *_ in actions for key in names]
    assert len(keys) == len(set(keys))
    assert all(label and group for _, label, group in actions)
    # No verdict has any of them.
    assert not {key for key in keys if len(key) == 1 and (key.islower() or key in "123456789")}
    taken = page.evaluate("""() => View.actions.flatMap(({ key, label }) => [key].flat().filter(
        (name) => Keys.byKey.get(name)?.[0].label !== label))""")
    assert taken == []


def test_zoom_pan_and_reset(open_page):
    page = open_page([star("O6")])
    whole = page.evaluate("View.overview.shown")
    assert whole == pytest.approx([GRID.wavelength[0], GRID.wavelength[-1]])

    def shown():
        low, high = page.evaluate("View.overview.shown")
        return low, high

    box = page.locator(".v-cover").bounding_box()
    middle = box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(*middle)
    under = page.evaluate("(x) => View.overview.frames.flux.wavelength(x)", 0.5 * box["width"])
    page.mouse.wheel(0, -300)
    wait(page, "View.overview.range !== null")
    low, high = shown()
    assert high - low < 0.7 * (whole[1] - whole[0])
    again = page.evaluate("(x) => View.overview.frames.flux.wavelength(x)", 0.5 * box["width"])
    assert again == pytest.approx(under, abs=1)
    page.mouse.down()
    page.mouse.move(middle[0] + 100, middle[1], steps=4)
    page.mouse.up()
    narrow = shown()
    assert low < narrow[0]
    assert narrow[1] - narrow[0] < 0.3 * (high - low)
    page.keyboard.press("Shift+ArrowRight")
    assert shown()[0] == pytest.approx(narrow[0] + 0.25 * (narrow[1] - narrow[0]))
    page.keyboard.press("(")
    assert shown() == pytest.approx((3900, 5000))
    page.keyboard.press("0")
    assert shown() == pytest.approx(tuple(whole))
    page.get_by_role("button", name="He II 4686").click()
    low, high = shown()
    assert low < 4687 < high
    assert high - low < 200
    page.mouse.dblclick(*middle)
    assert shown() == pytest.approx(tuple(whole))


def test_the_cursor_reads_the_spectrum(open_page):
    spectrum = star("O6")
    page = open_page([spectrum])
    page.keyboard.press("(")
    target = LINES["heii_4541"].wavelength
    at = page.evaluate("(x) => View.overview.frames.flux.X(x)", target)
    box = page.locator(".v-cover").bounding_box()
    page.mouse.move(box["x"] + at, box["y"] + 0.6 * box["height"])
    wavelength, flux, snr, line = page.locator(".v-readout span").all_inner_texts()
    read = float(wavelength.removesuffix(" Å"))
    assert read == pytest.approx(target, abs=2)
    pixel = int(GRID.pixel_of(read).round())
    near = [spectrum[0][i] for i in range(pixel - 1, pixel + 2)]
    assert min(abs(float(flux.split()[1]) - value) for value in near) < 10
    assert snr.startswith("S/N ")
    assert line.startswith("He II 4541")


def test_nothing_that_is_in_the_file_is_lost_in_the_picture(open_page):
    """One pixel in 3,900 that stands out is seen, and marked if the frame ends below it."""
    flux, ivar, mask = np.full(GRID.n_pixels, 100.0), np.full(GRID.n_pixels, 1.0), None
    mask = np.zeros(GRID.n_pixels, dtype=bool)
    pictures = []
    for spike in (100.0, 112.0, 5000.0):
        flux[2000] = spike
        page = open_page([(flux + np.resize([-1, 1], GRID.n_pixels), ivar, mask)], width=700)
        pictures.append(page.evaluate("View.overview.canvas.toDataURL()"))
    assert len(set(pictures)) == 3


def test_the_nearest_standard_is_of_the_stars_class(open_page):
    kinds = {"O6": "O", "B2": "B", "A2": "A", "G2": "G"}
    page = open_page([star(kind, seed=9, snr=80, rv=120.0) for kind in kinds], velocity=[120.0] * 4)
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


def test_a_standard_takes_the_level_and_the_velocity_of_the_star(open_page):
    """A model without noise, reddened and moved, is fitted by itself within the noise."""
    flux = 2000 * analytic_star("O6", GRID, rv=-200.0) * np.linspace(0.3, 1.5, GRID.n_pixels)
    mask = np.zeros(GRID.n_pixels, dtype=bool)
    page = open_page([(flux, np.full(GRID.n_pixels, 1 / 400.0), mask)], velocity=[-200.0])
    best = page.evaluate("(({ type, chi2 }) => [type, chi2])(View.scene().ranked[0])")
    assert best[0] == "O6"
    assert best[1] < 1
    page.evaluate("View.setVelocity(200)")
    settle(page)
    assert page.evaluate("View.scene().ranked[0].chi2") > 3 * best[1]


def test_a_spectrum_that_is_missing_leaves_the_facts(open_page):
    page = open_page([star("O6"), None, star("B2")], missing=["", "the file is gone: a.fits", ""])
    show(page, 1)
    assert page.locator(".v-warning").inner_text() == "No spectrum: the file is gone: a.fits"
    assert not page.locator(".v-plot").is_visible()
    assert page.get_by_text("Probability of O in a survey").is_visible()
    show(page, 2)
    assert page.locator(".v-plot").is_visible()
    assert not page.locator(".v-warning").count()


def test_a_spectrum_that_has_changed_says_so(open_page):
    page = open_page([star("O6")], changed=["not the spectrum that was scanned: S/N 3, not 30"])
    assert page.locator(".v-warning").inner_text().startswith("not the spectrum that was scanned")
    assert page.locator(".v-plot").is_visible()


def test_odd_spectra_are_drawn_or_say_why(open_page):
    one = np.ones(1)
    valid = pack_arrays(np.ones(64), np.zeros(64), np.zeros(64, bool))
    all_masked = zlib.compress(valid[:-8] + b"\xff" * 8)
    damaged = pack_spectrum(np.ones(64), np.ones(64), np.zeros(64, bool))[:-9]
    short = zlib.compress(pack_arrays(np.ones(32), np.zeros(32), np.zeros(32, bool)))
    flat = (np.zeros(64), np.ones(64), np.zeros(64, bool))
    huge = (np.full(64, 1e30) * np.arange(64), np.full(64, 1e-36), np.zeros(64, bool))
    axis = {"log10_start": 3.6, "log10_step": 1e-4, "n": 64}
    page = open_page(
        [(one, one, one < 0), all_masked, damaged, short, flat, huge],
        axes=[{**axis, "n": 1}, axis],
        axis=[0, 1, 1, 1, 1, 1],
    )
    said = []
    for row in range(6):
        show(page, row)
        said.append(" ".join(page.locator(".v-warning").all_inner_texts()))
        for key in ("W", "C", "E", "V", "+", "0"):
            page.keyboard.press(key)
        settle(page)
    assert said[0] == said[4] == said[5] == ""
    assert said[1].startswith("No pixel of this spectrum is valid")
    assert said[2].startswith("No spectrum: ")
    assert said[3].startswith("No spectrum: ")
    assert "none for this spectrum" in page.get_by_role("group", name="Standard").inner_text()


HOSTILE = (
    "</script><img src=x onerror=\"document.title='gone'\">",
    "\u202etxet desrever\u202c",
    "'\"`${document.title='gone'}<b>&amp;",
    "\x1b[31mred\x1b[0m",
    "",
    "名前 " + "x" * 300,
)


def test_names_are_shown_as_they_are(open_page):
    n = len(HOSTILE)
    page = open_page(
        [star("O6")] * n, name=list(HOSTILE), path=list(HOSTILE), survey_class=list(HOSTILE),
        prediction=list(HOSTILE), obsid=["-1", "12; DROP", "<b>", "1", "", "9223372036854775807"],
    )  # fmt: skip
    for row, name in enumerate(HOSTILE):
        show(page, row)
        assert page.locator(".v-name").evaluate("(e) => e.textContent") == name
        assert page.locator("#candidate img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.title().endswith("A list")
    assert (
        page.get_by_role("link", name="LAMOST")
        .get_attribute("href")
        .endswith("?obsid=9223372036854775807")
    )


def test_links_open_elsewhere_and_only_when_clicked(open_page):
    page = open_page([star("O6"), star("O6")], ra=[83.82208, None], dec=[-5.39111, None])
    links = page.locator(".v-links a").all()
    assert [link.inner_text() for link in links] == [
        "SIMBAD", "VizieR", "Gaia DR3", "Gaia archive", "Aladin Lite", "LAMOST DR7",
    ]  # fmt: skip
    for link in links:
        assert link.get_attribute("href").startswith("https://")
        assert link.get_attribute("rel") == "noopener noreferrer"
        assert link.get_attribute("target") == "_blank"
    assert "83.822080%20-5.391110" in links[0].get_attribute("href")
    identity = page.locator(".v-card", has_text="Identity").inner_text()
    assert "05:35:17.30 -05:23:28.0" in identity
    assert "83.822080 -5.391110" in identity
    show(page, 1)
    assert page.locator(".v-links a").all_inner_texts() == ["LAMOST DR7"]


def test_positions_are_rounded_once(open_page):
    page = open_page([star("O6")])
    places = [[359.99999999, 89.99999999], [0, -0.0000001], [15.0041666, 59.9999]]
    words = page.evaluate("(all) => all.map((place) => Words.sexagesimal(...place))", places)
    assert words == [
        "00:00:00.00 +90:00:00.0",
        "00:00:00.00 -00:00:00.0",
        "01:00:01.00 +59:59:59.6",
    ]


def test_blind_lists_hide_who_a_star_is(open_page):
    page = open_page(
        [star("O6")], blind=True, name=["HD 46150"], path=["/o/HD46150.fits"], ra=[97.9], dec=[4.9],
        survey_class=["STAR"], survey_subclass=["O5"],
    )  # fmt: skip
    text = page.locator("#candidate").inner_text()
    for hidden in ("46150", "97.9", "STAR", "100"):
        assert hidden not in text.split("Identity")[-1]
    assert "46150" not in text
    assert page.locator(".v-links").count() == 0
    printed = page.evaluate("async () => (await View.printed(0)).textContent")
    assert "46150" not in printed
    assert "06:31" not in printed


def test_visits_of_a_star_stand_beside_each_other(open_page):
    spectra = [star("O6", seed=1), star("B2", seed=2), star("O6", seed=3)]
    visits = {"snr_g": [44.0], "p_survey": [0.25], "axis": [0], "missing": [""]}
    page = open_page(spectra, rows=2, visits=visits, stars=[[0, 2]], star=[0, -1, 0])
    card = page.locator(".v-card", has_text="One more spectrum of this star")
    button = card.get_by_role("button")
    assert "S/N 44, O 25 %" in button.inner_text()
    button.click()
    wait(page, "View.scene().shownVisit !== null")
    assert card.get_by_role("button").get_attribute("aria-pressed") == "true"
    ratio = page.evaluate("""() => {
        const { shownVisit, spectrum } = View.scene();
        const ratio = Array.from(shownVisit, (value, i) => value / spectrum.flux[i]);
        return ratio.filter(Number.isFinite);
    }""")
    assert np.median(ratio) == pytest.approx(1, abs=0.02)
    page.keyboard.press("&")
    wait(page, "View.scene().shownVisit === null")
    show(page, 1)
    assert not page.get_by_text("of this star").count()


def test_smoothing_rectifying_and_the_error_band(open_page):
    page = open_page([star("O6", snr=20)])
    raw = page.evaluate("View.overview.canvas.toDataURL()")
    page.get_by_label("Smoothing").select_option("4")
    settle(page)
    scatter = page.evaluate("""() => {
        const spread = ({ flux }) => {
            const part = Array.from(flux.slice(1200, 1700));
            return Math.hypot(...part.slice(1).map((value, i) => value - part[i]));
        };
        return spread(View.scene().smooth) / spread(View.scene().spectrum);
    }""")
    assert scatter < 0.3
    page.get_by_label("Smoothing").select_option("0")
    page.keyboard.press("C")
    settle(page)
    level = page.evaluate("Array.from(View.scene().shown.flux.slice(1200, 3000))")
    assert np.median(level) == pytest.approx(1, abs=0.02)
    page.keyboard.press("C")
    page.keyboard.press("E")
    settle(page)
    bare = page.evaluate("View.overview.canvas.toDataURL()")
    assert bare != raw
    page.keyboard.press("E")
    settle(page)
    assert page.evaluate("View.overview.canvas.toDataURL()") == raw


def test_a_browser_that_cannot_unpack_says_which_can(open_page):
    page = open_page([star("O6")], ready=False, script="delete window.DecompressionStream")
    wait(page, "/DecompressionStream/.test(document.body.innerText)")
    assert "Firefox 113" in page.locator("body").inner_text()


def test_pictures_for_the_table_and_for_print(open_page):
    page = open_page([star("O6"), None], missing=["", "gone"])
    inked = page.evaluate("""async () => {
        const canvas = document.createElement("canvas");
        Object.assign(canvas, { width: 120, height: 40 });
        await View.thumbnail(canvas, 0);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, i) => i % 4 === 3 && value > 0).length;
    }""")
    assert inked > 100
    printed = page.evaluate("""async () => {
        const element = await View.printed(0);
        return [element.querySelectorAll("canvas").length, element.textContent];
    }""")
    assert printed[0] == 7
    assert "He II 4541" in printed[1]
    assert "J000000" in printed[1]
    assert "gone" in page.evaluate("async () => (await View.printed(1)).textContent")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_a_page_of_any_width_is_accessible(chromium, tmp_path, scheme, width):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    path = tmp_path / "page.html"
    write_spectra(path, [star("O6"), star("O6", seed=2)], ra=[10.0, 10.0], dec=[4.0, 4.0],
                  stars=[[0, 1]], star=[0, 0], flags=[384, 0])  # fmt: skip
    viewport = {"width": width, "height": 900}
    # The policy of the page would not let axe in.
    context = chromium.new_context(viewport=viewport, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    page.goto(path.as_uri())
    wait(page, "document.documentElement.dataset.ready === '1'")
    page.locator("summary", has_text="All equivalent widths").click()
    found = axe.Axe().run(page).response["violations"]
    serious = [one["id"] for one in found if one["impact"] in ("serious", "critical")]
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    context.close()
    assert serious == []
    assert overflow <= 0
