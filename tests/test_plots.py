"""Plots: axes say what they show, legends name what is there, files are whole and reproducible."""

import re
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from completeness_helpers import preset_with_trials
from lamost_rare.evaluation import (
    completeness_plot,
    drawing,
    generated_plots,
    plots,
    survey_plots,
)
from lamost_rare.evaluation.pages import spread, spread_of
from lamost_rare.evaluation.paper import plots as paper_plots
from lamost_rare.evaluation.paper.recogniser import WAYS
from lamost_rare.evaluation.paper.scores import AT_SNR
from lamost_rare.evaluation.shown import Shown
from lamost_rare.inference.odds import SurveyOdds
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.validation.completeness import found_by
from lamost_rare.validation.tried import load_tried

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
MODULES = completeness_plot, generated_plots, plots, survey_plots, paper_plots
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def saved(monkeypatch):
    """Figures that are saved, one after the other."""
    figures = []

    def save(figure, path, **options):
        figures.append(figure)
        drawing.save_figure(figure, path, **options)

    for module in MODULES:
        monkeypatch.setattr(module, "save_figure", save)
    return figures


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    return preset_with_trials(tmp_path_factory.mktemp("preset"))


def check(figure):
    """Every axis has a label, of its own or shared; a legend names what is drawn, and all of it."""
    for axes in (one for one in figure.axes if one.axison):
        alike = axes.get_shared_x_axes().get_siblings(axes)
        assert figure.get_supxlabel() or any(one.get_xlabel() for one in alike)
        alike = axes.get_shared_y_axes().get_siblings(axes)
        words = [text.get_text() for one in alike for text in one.get_yticklabels()]
        named = any(re.search("[a-z]{3}", word) for word in words)
        assert figure.get_supylabel() or named or any(one.get_ylabel() for one in alike)
    for axes in figure.axes:
        legend = axes.get_legend()
        if legend is not None and axes.axison:
            entries = [text.get_text() for text in legend.get_texts()]
            assert entries == axes.get_legend_handles_labels()[1]
            assert len(entries) == len(set(entries)) > 0


def check_svg(path):
    """It is XML, has something drawn, a white ground, no date, and is not too large."""
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert len(list(root.iter(f"{SVG}path"))) > 5
    assert "fill: #ffffff" in next(root.iter(f"{SVG}path")).get("style")
    assert "<dc:date>" not in text
    assert path.stat().st_size < 150_000


def styles(axes):
    """Marker and line style of each series in a legend."""
    handles, labels = axes.get_legend_handles_labels()
    lines = [getattr(one, "lines", [one])[0] for one in handles]
    return {
        label: (line.get_marker(), str(line._unscaled_dash_pattern))
        for label, line in zip(labels, lines, strict=True)
    }


def test_series_differ_without_their_colours():
    found = drawing.series_styles("abcdefg")
    for key in ("color", "marker", "linestyle"):
        assert len({str(style[key]) for style in found.values()}) == 7
    assert to_hex("tab:red") not in {style["color"] for style in found.values()}


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_the_same_figure_is_the_same_file(tmp_path, suffix):
    files = [tmp_path / f"{i}.{suffix}" for i in range(2)]
    for file in files:
        figure, axes = drawing.new_figure(3, 2)
        axes.plot([1, 2], [3, 1], label="a")
        axes.legend()
        drawing.save_figure(figure, file)
    assert files[0].read_bytes() == files[1].read_bytes()
    if suffix == "png":
        with Image.open(files[0]) as image:
            assert image.size == (480, 320)  # 160 dots an inch


def test_recall_is_that_of_the_trials(preset, saved, tmp_path):
    shown = Shown.of_preset(preset)
    tried = load_tried(preset)
    odds = SurveyOdds.of(preset.settings)
    whole = tried[tried.kind == "library"]
    assert len(shown.snr) == len(whole)
    np.testing.assert_array_equal(shown.called, whole.candidate(odds, 0.5))
    assert set(shown.group) == {"O", "B1+"}
    plots.plot_recall(shown, tmp_path / "a.svg")
    (figure,) = saved
    check(figure)
    check_svg(tmp_path / "a.svg")
    above, below = figure.axes
    assert "O stars" in above.get_ylabel()
    called = shown.called[shown.group == "B1+"]
    assert [text.get_text() for text in below.get_legend().get_texts()] == [
        f"B1 and later: {called.sum()} of {len(called)}"
    ]
    y = above.containers[0].lines[0].get_ydata()
    low, high = shown.snr < plots._EDGES[1], shown.snr >= plots._EDGES[-2]
    own = shown.group == "O"
    for value, rows in ((y[0], own & low), (y[-1], own & high)):
        stars = np.unique(shown.star[rows])
        each = [shown.called[rows & (shown.star == star)].mean() for star in stars]
        assert value == pytest.approx(100 * np.mean(each))


def test_the_tail_counts_what_is_above_the_threshold(preset, saved, tmp_path):
    shown = Shown.of_preset(preset)
    n = len(shown.kind)
    for kind in ("reobserved", "lamost"):
        other = replace(shown, kind=np.full(n, kind, dtype=object), group=np.full(n, "A", object))
        shown = replace(
            shown, **{k: np.concatenate([v, getattr(other, k)[:n]]) for k, v in arrays(shown)}
        )
    plots.plot_tail(shown, tmp_path / "a.svg")
    (figure,) = saved
    check(figure)
    check_svg(tmp_path / "a.svg")
    (axes,) = figure.axes
    assert len(set(styles(axes).values())) == 4
    texts = {line.get_label(): line for line in axes.lines}
    again = next(line for text, line in texts.items() if "noise added" in text)
    lost = next(line for text, line in texts.items() if "lost" in text)
    for line, own, above in (
        (again, shown.kind == "reobserved", True),
        (lost, (shown.kind == "library") & (shown.group == "O"), False),
    ):
        p, weight = shown.survey[own], shown.weight[own].astype(float)
        for x, y in list(zip(*line.get_data(), strict=True))[::50]:
            part = p >= x if above else p < x
            assert y == pytest.approx(weight[part].sum() / weight.sum())


def arrays(shown):
    """Columns of trials."""
    return [(k, v) for k, v in vars(shown).items() if isinstance(v, np.ndarray)]


def test_purity_says_the_thresholds(saved, tmp_path):
    one = {"completeness": [0.5, 0.4, 0.6], "purity": [0.8, 0.7, 1.0]}
    none = {"completeness": [0.0, 0.0, 0.0], "purity": [None, None, None]}
    thresholds = {
        "0.2": dict.fromkeys(survey_plots.SHOWN_SNR, one),
        "0.9": {**dict.fromkeys(survey_plots.SHOWN_SNR, one), "5-10": none},
    }
    survey_plots.plot_purity(thresholds, "O", tmp_path / "a.svg")
    reliability = [
        {"stated": 0.3, "observed": [0.2, 0.1, 0.4]},
        {"stated": None, "observed": [None, None, None]},
    ]
    survey_plots.plot_reliability(reliability, "O", tmp_path / "b.svg")
    for figure in saved:
        check(figure)
    (axes,) = saved[0].axes
    assert sorted(text.get_text() for text in axes.texts) == ["0.2"] * 3 + ["0.9"] * 2
    assert len(set(styles(axes).values())) == 3
    assert saved[1].axes[0].containers[0].lines[0].get_ydata() == pytest.approx([0.2])
    check_svg(tmp_path / "a.svg")
    check_svg(tmp_path / "b.svg")


def test_completeness(preset, saved, tmp_path):
    completeness_plot.plot_completeness(found_by(preset), tmp_path / "a.svg")
    check(saved[0])
    check_svg(tmp_path / "a.svg")


def test_generated_beside_real(saved, tmp_path):
    rng = np.random.default_rng(2)
    measures = {
        kind: {name: rng.normal(size=40) for name in generated_plots.MEASURES}
        for kind in ("generated", "real")
    }
    flux = rng.normal(1, 0.1, (2, 40, len(LAMOST_GRID.wavelength)))
    panel = {"wavelength": LAMOST_GRID.wavelength, "generated": flux[0], "real": flux[1]}
    panel["measures"] = measures
    generated_plots.plot_panel(panel, tmp_path / "a.png")
    generated_plots.plot_measures(panel, tmp_path / "b.svg")
    for figure in saved:
        check(figure)
    check_svg(tmp_path / "b.svg")
    first, *_, last = saved[1].axes
    entries = [text.get_text() for text in last.get_legend().get_texts()]
    assert entries == ["generated spectra (40)", "real spectra (40)"]
    assert len(set(styles(first).values())) == 2
    assert all(one.get_xlabel() for one in saved[1].axes if one.axison)


def test_the_papers_plots_show_what_its_tables_show(saved, tmp_path):
    rng = np.random.default_rng(1)
    names = ("set2", *AT_SNR)
    ways = {
        k: {way: {name: rng.uniform(0.6, 1, n) for name in names} for way in WAYS}
        for k, n in ((None, 6), (5, 3))
    }
    ways[None]["simulation"]["set2"] = np.ones(6)
    looks = (100, 200)
    by_look = {network: {"set2": rng.uniform(0.5, 1, (2, 6))} for network in ("lcgan", "sgan")}
    results = SimpleNamespace(
        ways=ways, by_look=by_look, runs=6, counts={"set 1": 9},
        settings=SimpleNamespace(few=(5,), looks=looks),
    )  # fmt: skip
    paper_plots.plot_results(results, tmp_path)
    assert len(saved) == 3
    for figure, name in zip(saved, ("stars", "snr", "iterations"), strict=True):
        check(figure)
        check_svg(tmp_path / f"paper-{name}.svg")
    panels = saved[0].axes
    assert [axes.get_title() for axes in panels] == ["5 stars (3 runs)", "9 stars"]
    points = [line for line in panels[0].lines if line.get_marker() != "None"][: len(WAYS)]
    for line, way in zip(points, WAYS, strict=True):
        missed = 100 - spread_of(ways[5][way]["set2"], percent=True)[0]
        assert line.get_xdata() == pytest.approx([missed])
    assert len({line.get_marker() for line in points}) == 3
    edge = [line.get_xdata() for line in panels[1].lines if line.get_marker() != "None"]
    assert min(x[0] for x in edge if len(x)) == paper_plots._NONE_MISSED
    assert len(set(styles(saved[2].axes[0]).values())) == 4


def test_a_spread_in_words_and_in_numbers():
    assert spread_of([0.1, 0.3, 0.2], percent=True) == pytest.approx((20, 10, 30))
    assert spread([0.1, 0.3, 0.2], percent=True, digits=1) == "20.0 (10.0 to 30.0)"
    assert spread([0.5, np.nan]) == "0.50"
    assert spread([np.nan]) == "-"
    assert np.isnan(spread_of([])).all()


def test_pictures_of_the_pages_are_there_and_used():
    used = set()
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"!\[[^\]]*\]\(([^)\s]+)\)", text):
            assert (page.parent / name).is_file(), f"{page.name}: {name}"
            used.add((page.parent / name).resolve())
    assert used == set(IMAGES.iterdir())
    for path in IMAGES.glob("*.svg"):
        check_svg(path)


def test_the_committed_pictures_are_those_of_the_pages(saved, tmp_path, monkeypatch):
    """What can be drawn without data is drawn from the tables and the shipped preset."""
    monkeypatch.setattr("sys.argv", ["make_pictures", "--images", str(tmp_path)])
    runpy.run_path(str(ROOT / "docs" / "make_pictures.py"), run_name="__main__")
    assert len(saved) == 8
    for figure in saved:
        check(figure)
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == sorted(
        path.name for path in IMAGES.glob("*.svg") if path.name != "gan-measures.svg"
    )
