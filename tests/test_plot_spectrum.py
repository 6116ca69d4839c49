"""`plot_spectrum`: what is drawn is what the file holds, from whatever a person has of it."""

import subprocess
import sys

import matplotlib
import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from matplotlib import pyplot
from matplotlib.figure import Figure

import lamost_rare
from lamost_rare import plot_spectrum
from lamost_rare.inference.evidence import LINES, local_continuum, measure_lines
from lamost_rare.report.close_ups import close_ups, lines_named, robust_range, smooth_level
from lamost_rare.report.headline import headline, name_of
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.fits_files import write_batch
from lamost_rare.spectra.files import read_spectrum_file
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.quality import SpectrumError
from lamost_rare.spectra.raw import RawSpectrum
from lamost_rare.spectra.resample import assemble
from standin import StandIn, save_standin

C = 299792.458
O_LINES = [
    "hei_4026", "siiv_4089", "heii_4200", "hei_4387", "hei_4471", "heii_4541", "niii_4634",
    "heii_4686", "heii_5411", "halpha",
]  # fmt: skip


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    batch = analytic_spectra(["O6", "B2", "A0"], np.random.default_rng(3), snr=[60, 30, 20])
    return list(map(str, write_batch(tmp_path_factory.mktemp("spectra"), batch)))


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def curve(axes):
    """The flux that is drawn: the line of most points."""
    return max(axes.lines, key=lambda line: len(line.get_xdata()))


def drawn(axes):
    """Do all that saving a figure does."""
    axes["overview"].figure.canvas.draw()
    return axes


def test_the_flux_of_the_file_is_what_is_drawn(paths):
    raw = read_spectrum_file(paths[0])
    axes = drawn(plot_spectrum(paths[0]))
    assert list(axes) == ["overview", *O_LINES]
    line = next(line for line in axes["overview"].lines if len(line.get_xdata()) == len(raw.flux))
    np.testing.assert_array_equal(line.get_xdata(), raw.wavelength)
    flux = np.asarray(line.get_ydata())
    assert raw.mask.sum() > 10
    assert np.isnan(flux[raw.mask]).all()
    np.testing.assert_allclose(flux[~raw.mask], raw.flux[~raw.mask], rtol=1e-6)
    title = axes["overview"].get_title(loc="left")
    assert raw.identity["designation"] in title
    assert f"obsid {raw.identity['obsid']}" in title
    assert "S/N (g) 60" in title


def test_every_axis_is_labelled_at_the_foot_of_its_column(paths):
    axes = drawn(plot_spectrum(paths[0]))
    assert "flux per Å" in axes["overview"].get_ylabel()
    labelled = [name for name in O_LINES if axes[name].get_xlabel() == "wavelength (Å)"]
    assert labelled == O_LINES[5:]  # the second of two rows
    seven = drawn(plot_spectrum(paths[0], lines=O_LINES[:7]))
    labelled = [name for name in O_LINES[:7] if seven[name].get_xlabel()]
    assert labelled == O_LINES[3:7]  # four above, three below: the last column ends above
    assert seven["hei_4026"].get_ylabel() == "flux / continuum"


def test_the_error_band_is_one_sigma(paths):
    raw = read_spectrum_file(paths[0])
    axes = plot_spectrum(paths[0])["overview"]
    band = axes.collections[0].get_datalim(axes.transData)
    good = ~raw.mask
    sigma = raw.ivar[good].astype(float) ** -0.5
    assert band.y0 == pytest.approx((raw.flux[good] - sigma).min(), rel=1e-5)
    assert band.y1 == pytest.approx((raw.flux[good] + sigma).max(), rel=1e-5)


def test_widths_are_those_of_the_catalogue(paths):
    batch, _ = assemble([read_spectrum_file(paths[0])], LAMOST_GRID)
    widths = measure_lines(batch)
    axes = plot_spectrum(paths[0])
    for name in O_LINES:
        width, error = widths[f"ew_{name}"][0], widths[f"ew_{name}_err"][0]
        said = f"{LINES[name].label}\n{width:.2f} ± {error:.2f} Å".replace("-", "−")
        assert axes[name].get_title().replace("-", "−") == said


@pytest.mark.parametrize("name", ["heii_4541", "hei_4471", "niii_4634", "halpha"])
def test_the_width_can_be_read_off_the_close_up(paths, name):
    """The area within the window of what is drawn is the width that is written above it."""
    raw = read_spectrum_file(paths[0])
    raw.mask[:] = False  # the file has values there too
    raw.flux[raw.ivar <= 0] = np.interp(
        raw.wavelength[raw.ivar <= 0], raw.wavelength[raw.ivar > 0], raw.flux[raw.ivar > 0]
    )
    raw.ivar[raw.ivar <= 0] = np.median(raw.ivar)
    (one,) = close_ups(raw, lines_named([name]))
    edges = 10 ** (np.log10(one.wavelength)[:, None] + np.array([-0.5e-4, 0.5e-4]))
    inside = np.clip(
        np.minimum(edges[:, 1], one.window[1]) - np.maximum(edges[:, 0], one.window[0]), 0, None
    )
    assert ((1 - one.flux) * inside).sum() == pytest.approx(one.width, abs=0.01)


def test_the_continuum_is_the_one_of_the_width():
    wavelength = LAMOST_GRID.wavelength
    flux = (5 + 0.002 * (wavelength - 4500)).astype(np.float32)
    batch = type(analytic_spectra(["A0"], np.random.default_rng(0)))(
        LAMOST_GRID, flux[None], np.ones((1, len(flux)), np.float32), np.zeros((1, len(flux)), bool)
    )
    level, slope = local_continuum(batch, LINES["heii_4541"])
    assert level[0] == pytest.approx(5 + 0.002 * (LINES["heii_4541"].wavelength - 4500), rel=1e-5)
    assert slope[0] == pytest.approx(0.002, rel=1e-3)
    batch.mask[:] = True
    assert np.isnan(local_continuum(batch, LINES["heii_4541"])).all()


def test_velocity_moves_marks_and_windows(tmp_path):
    batch = analytic_spectra(["O6"], np.random.default_rng(3), snr=100.0)
    shift = 6  # pixels
    velocity = C * (10 ** (shift * LAMOST_GRID.log10_step) - 1)
    for array in (batch.flux, batch.ivar, batch.mask):
        array[:] = np.roll(array, shift, axis=1)
    (path,) = write_batch(tmp_path, batch)
    raw = read_spectrum_file(path)
    lines = lines_named(["heii_4541", "dib_5780"])
    still, band = close_ups(raw, lines)
    moved, same = close_ups(raw, lines, velocity)
    assert moved.centre == pytest.approx(still.centre * (1 + velocity / C))
    assert moved.width > still.width + 0.1  # for the line is in its window
    assert same.centre == band.centre
    axes = plot_spectrum(path, velocity=velocity * u.km / u.s, lines=["heii_4541"])
    marks = [line.get_xdata()[0] for line in axes["heii_4541"].lines]
    assert any(mark == pytest.approx(moved.centre) for mark in marks)
    assert "km/s" in axes["overview"].get_title(loc="left")
    at_rest = plot_spectrum(path, velocity=np.nan, lines=["heii_4541"])
    assert "km/s" not in at_rest["overview"].get_title(loc="left")


def test_masked_pixels_spikes_and_the_join_of_the_arms_are_seen(paths):
    raw = read_spectrum_file(paths[0])
    raw.flux[1000] = 50 * np.median(raw.flux)
    raw.mask[1000] = False
    axes = drawn(plot_spectrum(raw, lines=[]))["overview"]
    triangles = [line for line in axes.lines if line.get_marker() == "^"]
    assert raw.wavelength[1000] in [x for line in triangles for x in line.get_xdata()]
    assert axes.get_ylim()[1] < raw.flux[1000] / 10
    assert "arms join" in [text.get_text() for text in axes.texts]


def rows(path, obsid):
    values = {"path": path, "obsid": obsid, "prediction": "O", "p_O": 0.999, "p_O_survey": 0.87,
              "snr_g": 61.0, "candidate": True, "ew_heii_4541": 0.7}  # fmt: skip
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame([values, values])
    arrow = pa.table({name: [value] * 2 for name, value in values.items()})
    quantities = QTable({name: [value] * 2 for name, value in values.items()})
    quantities["ew_heii_4541"] = [0.7, 0.7] * u.AA
    record = np.array([tuple(values.values())], dtype=[(k, "O") for k in values])[0]
    return {
        "dict": values,
        "astropy row": Table(rows=[values])[0],
        "QTable row": quantities[1],
        "table of one row": quantities[:1],
        "Series": frame.iloc[1],
        "frame of one row": frame[:1],
        "itertuples": next(frame.itertuples(index=False)),
        "arrow table of one row": arrow.slice(1, 1),
        "arrow struct": arrow.to_struct_array()[0],
        "record": record,
        "masked": Table(rows=[values], masked=True)[0],
    }


@pytest.mark.parametrize(
    "kind",
    ["dict", "astropy row", "QTable row", "table of one row", "Series", "frame of one row",
     "itertuples", "arrow table of one row", "arrow struct", "record", "masked"],
)  # fmt: skip
def test_a_row_of_any_table(paths, kind):
    raw = read_spectrum_file(paths[0])
    row = rows(paths[0], int(raw.identity["obsid"]))[kind]
    title = plot_spectrum(row, lines=[])["overview"].get_title(loc="left")
    assert "p(O) in the survey 0.87" in title
    assert "   O   " in title


def test_a_spectrum_of_specutils(paths):
    specutils = pytest.importorskip("specutils")
    raw = read_spectrum_file(paths[0])
    spectrum = specutils.Spectrum(
        flux=raw.flux[~raw.mask] * u.dimensionless_unscaled,
        spectral_axis=raw.wavelength[~raw.mask] * u.AA,
    )
    axes = drawn(plot_spectrum(spectrum, "racnet-ofgk-v1"))
    assert list(axes) == ["overview", *O_LINES]
    assert axes["overview"].get_title(loc="left").startswith("a spectrum")
    assert not any(text.get_text() == "arms join" for text in axes["overview"].texts)
    in_air = plot_spectrum(spectrum, medium="air", lines=["heii_4541"])
    assert curve(in_air["overview"]).get_xdata()[0] > raw.wavelength[0] + 0.5


def test_what_axes_are_drawn_into(paths):
    figure, (above, below) = pyplot.subplots(2)
    assert plot_spectrum(paths[0], axes=above) == {"overview": above}
    assert plot_spectrum(paths[0], axes={"heii_4541": below}) == {"heii_4541": below}
    assert below.lines
    assert below.get_title().startswith("He II 4541")
    own = Figure(figsize=(6, 4))
    before = pyplot.get_fignums()
    made = plot_spectrum(paths[0], figure=own.subfigures(1, 2)[0], lines=["hei_4471"])
    assert pyplot.get_fignums() == before
    own.canvas.draw()
    assert list(made) == ["overview", "hei_4471"]
    assert figure is above.figure


def test_on_a_dark_background_the_ink_is_light(paths):
    with pyplot.style.context("dark_background"):
        axes = drawn(plot_spectrum(paths[0], lines=["heii_4541"]))
    assert matplotlib.colors.to_rgb(curve(axes["heii_4541"]).get_color()) == (1, 1, 1)


def test_any_lines_by_name(paths):
    axes = plot_spectrum(paths[0], lines=["civ_5801", "heii_4541", "caii_8542", "heii_4541"])
    assert list(axes) == ["overview", "civ_5801", "heii_4541"]  # 8542 lies beyond these pixels
    assert axes["civ_5801"].get_title() == "C IV 5801"


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"lines": "heii_4541"}, TypeError, r"list of names, as \['heii_4541'\]"),
        ({"lines": ["heii_4542"]}, ValueError, "did you mean 'heii_4541'"),
        ({"lines": ["\x1b[31m"]}, ValueError, r"called '\\x1b\[31m'; known are"),
        ({"velocity": "fast"}, TypeError, "a number in km/s, not 'fast'"),
        ({"velocity": 3e5}, ValueError, "within ±30000 km/s"),
        ({"velocity": 3 * u.AA}, ValueError, "velocity: 'Angstrom'"),
        ({"medium": "water"}, ValueError, "'vacuum' or 'air'"),
        ({"preset": "lcgan-o-v1"}, lamost_rare.PresetError, "is a generator"),
        ({"preset": "nonesuch"}, lamost_rare.PresetError, "no preset 'nonesuch'"),
        ({"axes": 3}, TypeError, "axes must be Axes"),
        ({"axes": {"overview": 3}}, TypeError, "axes must be Axes"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(paths, arguments, error, said):
    with pytest.raises(error, match=said) as caught:
        plot_spectrum(paths[0], **arguments)
    assert "\n" not in str(caught.value)
    assert not pyplot.get_fignums()


def test_axes_that_contradict(paths):
    figure, axes = pyplot.subplots()
    with pytest.raises(TypeError, match="not both"):
        plot_spectrum(paths[0], axes=axes, figure=figure)
    with pytest.raises(TypeError, match="whole spectrum alone"):
        plot_spectrum(paths[0], axes=axes, lines=["heii_4541"])
    with pytest.raises(TypeError, match="leave lines out"):
        plot_spectrum(paths[0], axes={"heii_4541": axes}, lines=["hei_4471"])


def test_what_is_no_spectrum_is_refused(paths, tmp_path):
    (tmp_path / "bad.fits").write_bytes(b"not a spectrum")
    with pytest.raises(SpectrumError, match="not_fits"):
        plot_spectrum(tmp_path / "bad.fits")
    with pytest.raises(SpectrumError, match="unreadable"):
        plot_spectrum(tmp_path / "gone.fits")
    with pytest.raises(ValueError, match="more than one spectrum: give one"):
        plot_spectrum(paths)
    with pytest.raises(ValueError, match="no spectrum: give one"):
        plot_spectrum([])
    with pytest.raises(TypeError, match="a table of 2 rows"):
        plot_spectrum(Table({"path": paths[:2]}))
    with pytest.raises(ValueError, match="no column 'path'"):
        plot_spectrum({"obsid": 3})
    with pytest.raises(ValueError, match="has no path to read"):
        plot_spectrum({"path": "", "obsid": 3})
    with pytest.raises(ValueError, match="holds obsid 1, and the row is of 77"):
        plot_spectrum({"path": paths[0], "obsid": 77})
    with pytest.raises(TypeError, match="cannot read spectra"):
        plot_spectrum(3)
    assert not pyplot.get_fignums()


def raw_of(flux, mask=None, wavelength=None, **identity):
    flux = np.asarray(flux, np.float32)
    wavelength = np.linspace(3700, 9000, len(flux)) if wavelength is None else wavelength
    mask = np.zeros(len(flux), bool) if mask is None else mask
    return RawSpectrum(wavelength, flux, np.ones_like(flux), mask, identity=identity)


@pytest.mark.parametrize(
    "raw",
    [
        raw_of([1.0, 2.0]),
        raw_of([1.0]),
        raw_of(np.full(3000, np.nan), np.ones(3000, bool)),
        raw_of(np.zeros(3000)),
        raw_of(np.full(3000, 7.0)),
        raw_of(np.full(3000, 1e-30)),
        raw_of(np.linspace(-5, 5, 3000)),
        raw_of(np.full(3000, 3e37)),
        raw_of(np.ones(40), wavelength=np.linspace(4540, 4545, 40)),
        raw_of(np.ones(40), wavelength=np.linspace(20000, 21000, 40)),
    ],
    ids=["two", "one", "nan", "zero", "flat", "faint", "negative", "huge", "narrow", "infrared"],
)
def test_spectra_that_hold_next_to_nothing(raw):
    drawn(plot_spectrum(raw))


def test_names_of_others_do_nothing():
    hostile = "$\\frac{1}{0}$ <script>\n\x1b[31m\u202eevil" + "x" * 300
    raw = raw_of(np.linspace(1, 2, 3000), designation=hostile)
    title = drawn(plot_spectrum(raw))["overview"].get_title(loc="left")
    assert title == name_of({}, raw)
    assert title.isprintable()
    assert len(title) == 60
    assert title.startswith("$\\frac{1}{0}$ <script>\\n\\x1b[31m\\u202eevil")


def test_the_headline_says_what_the_row_knows():
    raw = raw_of([1, 2], obsid=-1, snr_g=np.nan, path="/a/b/spec-1.fits.gz")
    assert headline(raw, {}) == "spec-1.fits.gz"
    row = {"prediction": "O", "p_O": 0.5, "p_O_survey": np.nan, "snr_g": 9.6}
    assert headline(raw, row, -75.0) == "spec-1.fits.gz   O   p(O) 0.5   S/N (g) 10   −75 km/s"
    assert "0.9990" in headline(raw, row | {"p_O_survey": 0.999})
    assert "p(" not in headline(raw, {"p_O": 0.5})  # which class is rare is not said
    assert plot_spectrum(raw, title="HD 1")["overview"].get_title(loc="left") == "HD 1"


def test_the_range_leaves_out_spikes_and_noise():
    flux = np.sin(np.linspace(0, 20, 500)) + 5
    flux[77] = 1000
    assert robust_range(flux) == pytest.approx((4, 6), abs=0.01)
    sigma = np.ones(500)
    flux[:40], sigma[:40] = -80, 50
    assert robust_range(flux, sigma) == pytest.approx((4, 6), abs=0.01)
    assert robust_range(np.full(9, np.nan)) == (0, 1)
    assert np.isnan(smooth_level(raw_of([1, 2], np.ones(2, bool)))).all()


def test_it_classifies_when_asked(paths, monkeypatch, tmp_path):
    from lamost_rare.inference import classify

    monkeypatch.setattr(classify, "kept_predictor", lambda preset, batch_size: StandIn())
    preset = save_standin(tmp_path)
    title = plot_spectrum(paths[0], preset, classify=True)["overview"].get_title(loc="left")
    assert "   O   p(O) 0." in title or "   O   p(O) 1" in title
    row = {"path": paths[0], "prediction": "B"}  # which was classified
    assert "   B   " in plot_spectrum(row, preset, classify=True)["overview"].get_title(loc="left")


def test_it_loads_no_network_and_opens_no_window(paths):
    code = (
        "import sys, matplotlib; matplotlib.use('svg')\n"
        "from lamost_rare import plot_spectrum\n"
        "import matplotlib.pyplot as p\n"
        "p.show = lambda *a, **k: sys.exit('shown')\n"
        f"plot_spectrum({paths[0]!r})['overview'].figure.savefig(sys.argv[1])\n"
        "sys.exit(bool({'tensorflow', 'keras', 'specutils'} & set(sys.modules)))"
    )
    out = f"{paths[0]}.svg"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code, out], timeout=120)
    assert done.returncode == 0
