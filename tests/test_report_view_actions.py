"""What a reader can do to the picture of a candidate, and what stands beside it."""

import zlib

import numpy as np
import pytest

from browser_helpers import until
from lamost_rare.report.packing import pack_arrays, pack_spectrum
from lamost_rare.spectra.lines import LINES
from viewer_helpers import GRID, settle, show, star, write_spectra

C_KM_S = 299792.458
PLACES = "() => Object.fromEntries(View.scene().lines.map((line) => [line.name, line.at]))"
HOSTILE = (
    "</script><img src=x onerror=\"document.title='gone'\">",
    "\u202etxet desrever\u202c",
    "'\"`${document.title='gone'}<b>&amp;",
    "\x1b[31mred\x1b[0m",
    "",
    "名前 " + "x" * 300,
)


def test_the_velocity_moves_lines_of_the_star_alone(open_spectra):
    page = open_spectra([star("O6", rv=300)])
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


def test_the_velocity_begins_as_measured_and_stays_within_its_limits(open_spectra):
    spectra = [star("O6"), star("O6"), star("O6")]
    page = open_spectra(spectra, velocity=[-87.4, None, 5000.0], velocity_err=[14.2, None, None])
    assert page.evaluate("View.state.settings.velocity") == -87.4
    assert page.get_by_role("button", name="measured −87 ± 14").is_visible()
    page.evaluate("View.setVelocity(-1e9)")
    assert page.evaluate("View.state.settings.velocity") == -600
    show(page, 1)
    assert page.evaluate("View.state.settings.velocity") == 0
    show(page, 2)
    assert page.evaluate("View.state.settings.velocity") == 600


def test_sets_of_lines_are_switched_on_and_off(open_spectra):
    page = open_spectra([star("O6")])

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


def test_every_action_has_a_key_of_its_own(open_spectra):
    page = open_spectra([star("O6")])
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


def test_zoom_pan_and_reset(open_spectra):
    page = open_spectra([star("O6")])
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
    until(page, "View.overview.range !== null")
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
    page.locator(".v-cover").dblclick()
    assert shown() == pytest.approx(tuple(whole))


def test_the_cursor_reads_the_spectrum(open_spectra):
    spectrum = star("O6")
    page = open_spectra([spectrum])
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


def test_a_spectrum_that_is_missing_leaves_the_facts(open_spectra):
    page = open_spectra([star("O6"), None, star("B2")], missing=["", "gone: a.fits", ""])
    show(page, 1)
    assert page.locator(".v-warning").inner_text() == "No spectrum: gone: a.fits"
    assert not page.locator(".v-plot").is_visible()
    assert page.get_by_text("Probability of O in a survey").is_visible()
    show(page, 2)
    assert page.locator(".v-plot").is_visible()
    assert not page.locator(".v-warning").count()


def test_a_spectrum_that_has_changed_says_so(open_spectra):
    page = open_spectra([star("O6")], changed=["not the spectrum that was scanned: S/N 3, not 30"])
    assert page.locator(".v-warning").inner_text().startswith("not the spectrum that was scanned")
    assert page.locator(".v-plot").is_visible()


def test_odd_spectra_are_drawn_or_say_why(open_spectra):
    one = np.ones(1)
    valid = pack_arrays(np.ones(64), np.zeros(64), np.zeros(64, bool))
    all_masked = zlib.compress(valid[:-8] + b"\xff" * 8)
    damaged = pack_spectrum(np.ones(64), np.ones(64), np.zeros(64, bool))[:-9]
    short = zlib.compress(pack_arrays(np.ones(32), np.zeros(32), np.zeros(32, bool)))
    flat = (np.zeros(64), np.ones(64), np.zeros(64, bool))
    huge = (np.full(64, 1e30) * np.arange(64), np.full(64, 1e-36), np.zeros(64, bool))
    axis = {"log10_start": 3.6, "log10_step": 1e-4, "n": 64}
    page = open_spectra(
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


def test_names_are_shown_as_they_are(open_spectra):
    n = len(HOSTILE)
    page = open_spectra(
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


def test_links_open_elsewhere_and_only_when_clicked(open_spectra):
    page = open_spectra([star("O6"), star("O6")], ra=[83.82208, None], dec=[-5.39111, None])
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


def test_blind_lists_hide_who_a_star_is(open_spectra):
    page = open_spectra(
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


def test_visits_of_a_star_stand_beside_each_other(open_spectra):
    spectra = [star("O6", seed=1), star("B2", seed=2), star("O6", seed=3)]
    visits = {"snr_g": [44.0], "p_survey": [0.25], "axis": [0], "missing": [""]}
    page = open_spectra(spectra, rows=2, visits=visits, stars=[[0, 2]], star=[0, -1, 0])
    card = page.locator(".v-card", has_text="One more spectrum of this star")
    button = card.get_by_role("button")
    assert "S/N 44, O 25 %" in button.inner_text()
    button.click()
    until(page, "View.scene().shownVisit !== null")
    assert card.get_by_role("button").get_attribute("aria-pressed") == "true"
    ratio = page.evaluate("""() => {
        const { shownVisit, spectrum } = View.scene();
        const ratio = Array.from(shownVisit, (value, i) => value / spectrum.flux[i]);
        return ratio.filter(Number.isFinite);
    }""")
    assert np.median(ratio) == pytest.approx(1, abs=0.02)
    page.keyboard.press("&")
    until(page, "View.scene().shownVisit === null")
    show(page, 1)
    assert not page.get_by_text("of this star").count()


def test_smoothing_rectifying_and_the_error_band(open_spectra):
    page = open_spectra([star("O6", snr=20)])
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


def test_a_browser_that_cannot_unpack_says_which_can(context, tmp_path):
    write_spectra(tmp_path / "page.html", [star("O6")])
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    until(page, "/DecompressionStream/.test(document.body.innerText)")
    assert "Firefox 113" in page.locator("body").inner_text()


def test_pictures_for_the_table_and_for_print(open_spectra):
    page = open_spectra([star("O6"), None], missing=["", "gone"])
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
def test_a_page_of_any_width_is_accessible(open_spectra, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    # The policy of the page would not let axe in.
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    page = open_spectra(
        [star("O6"), star("O6", seed=2)], ra=[10.0, 10.0], dec=[4.0, 4.0], stars=[[0, 1]],
        star=[0, 0], flags=[384, 0], options={**options, "bypass_csp": True},
    )  # fmt: skip
    page.locator("summary", has_text="All equivalent widths").click()
    found = axe.Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
