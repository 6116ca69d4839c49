"""What objects look like in a shell and at the end of a notebook's cell: short, escaped, sound."""

import json
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import lamost_rare
from lamost_rare.inference.decision import Prediction
from lamost_rare.inference.expected import Expected
from lamost_rare.inference.selection import Selection
from lamost_rare.presets import Preset, load_preset
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.library import Rows
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.spectra.raw import RawSpectrum
from lamost_rare.survey.pack import PackSummary
from lamost_rare.survey.summary import ScanSummary
from lamost_rare.validation.completeness import found_by
from standin import CONFIG

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J&amp;\u202e\n"
ESCAPED = r"&lt;img src=x onerror=alert(1)&gt;\x1b[2J&amp;amp;\u202e\n"
EXPECTED = {
    "candidates": 10, "true": 8.6, "true_range": [6, 10], "false": {"hot_subdwarf": 0.8},
    "members": 8.6, "members_range": [6, 10], "missed": 0.0, "missed_range": [0, 0],
}  # fmt: skip


class Reader(HTMLParser):
    """Reads the cells of tables, and fails on what is not well-formed or not self-contained."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.text, self._open = [], [], []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        assert tag in {"div", "strong", "table", "thead", "tbody", "tr", "th", "td"}
        assert all(name == "style" and "color" not in value for name, value in attrs)
        assert "background" not in str(attrs)
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        assert data.isprintable()
        self.text.append(data)
        if self._open[-1] in ("th", "td"):
            self.rows[-1][-1] += data

    @property
    def facts(self):
        return dict(self.rows)


@pytest.fixture
def batch():
    made = analytic_spectra(["O7"] * 20, np.random.default_rng(1), snr=50.0)
    made.identity["designation"][0] = HOSTILE
    made.identity["path"][1] = "/data/x.fits"
    made.flags[1] = QualityFlag.LOW_SNR | QualityFlag.NO_IVAR
    made.mask[1:3] = False
    made.mask[2, : made.grid.n_pixels // 2] = True
    return made


def test_a_batch_is_a_small_table(batch):
    html = batch._repr_html_()
    assert ESCAPED in html
    read = Reader(html)
    heading, *rows = read.rows
    assert heading == [
        *(
            "designation",
            "obsid",
            "ra (deg)",
            "dec (deg)",
            "S/N (g)",
            "valid pixels",
            "flags",
            "path",
        ),
    ]
    assert len(rows) == 8
    assert rows[1][-2:] == ["LOW_SNR|NO_IVAR", "/data/x.fits"]
    assert [row[5] for row in rows[1:3]] == ["100 %", "50 %"]
    assert "the first 8 of 20:" in read.text
    assert "Å in vacuum" in "".join(read.text)
    assert len(Reader(batch[:0]._repr_html_()).rows) == 1


def test_a_preset_says_what_it_is_for():
    read = Reader(load_preset()._repr_html_())
    assert "Preset racnet-obafgkm-v1: classifier for O" in read.text
    assert "O" in read.facts["classes"].split()
    assert read.facts["looks for"] == "O, at p_O_survey of 0.5 or more"
    assert "3072 pixels" in read.facts["wavelengths"]
    assert any(name.startswith("O stars found, S/N (g)") for name in read.facts)
    generator = Reader(load_preset("lcgan-o-v1")._repr_html_())
    assert "feature distance" in generator.facts


def test_a_preset_of_others_is_harmless_and_a_broken_one_has_its_repr():
    config = {**CONFIG, "description": HOSTILE, "weights_sha256": "0" * 64}
    assert ESCAPED in Preset("x-v1", Path("x"), config)._repr_html_()
    broken = Preset(f"{HOSTILE}", Path("x"), {"kind": "neither"})
    assert broken._repr_html_() is None
    assert repr(broken).isprintable()


def summary(kind=ScanSummary, **changes):
    made = kind(Path(HOSTILE), Path("/out"), "p-v1", "O", discovered=12, **changes)
    made.classified, made.rejected = 9, 2
    made.reasons = Counter(not_fits=2)
    made.predictions = Counter(O=9)
    return made


def test_the_summary_of_a_scan_has_its_counts():
    done = summary(state="complete", candidates=10, stars=9, try_again=2)
    done.expected = Expected.from_dict(EXPECTED)
    read = Reader(done._repr_html_())
    assert "ScanSummary, complete" in read.text
    assert "2 could not be read; the same command tries them again" in read.text
    counts = {"inputs": "12", "classified": "9", "to do": "1", "rejected": "2: not_fits 2"}
    assert read.facts.items() >= counts.items()
    assert read.facts["candidates of class O"] == "10"
    assert read.facts["expected to be true"] == "8.6 of 10 (90 % range 6 to 10)"
    assert read.facts["predicted"] == "O 9"
    assert read.facts["look at"].endswith("rejected.parquet (why)")
    assert ESCAPED in done._repr_html_()
    stopped = Reader(summary(state="interrupted")._repr_html_())
    assert any("it goes on from here" in text for text in stopped.text)
    packed = Reader(summary(PackSummary, state="complete")._repr_html_())
    assert packed.facts["packed"] == "9"


def test_reprs_are_a_line():
    preset = load_preset()
    found = found_by(preset)
    selection = Selection.of(preset)
    prediction = Prediction(np.ones((3, 2)) / 2, np.array([True, False, True]), np.zeros(3, int))
    raw = RawSpectrum(*np.ones((4, 5)), identity={"designation": HOSTILE})
    shown = {
        "<PresetConfig racnet-obafgkm-v1: classifier for O, with odds": preset.settings,
        "<Odds of populations O3-O8.5, ": preset.settings.odds,
        "<SurveyOdds of O: 1.45e-05 of the spectra are of it>": selection.odds,
        "<Selection: p_O_survey of 0.5 or more>": selection,
        "<Selection: purity 0.8>": Selection.of(preset, purity=0.8),
        "<Found: ": found,
        "<Tried: ": found.tried,
        "<CompletenessModel: S/N 5 to 100, A_V 0 to 8, subtype ": found.model(),
        "<Expected: 8.6 of 10 candidates true (6 to 10), 8.6 in the catalogue (6 to 10)>": (
            Expected.from_dict(EXPECTED)
        ),
        "<Prediction: 3 spectra, 2 classes, 2 candidates>": prediction,
        r"<RawSpectrum <img src=x onerror=alert(1)>\x1b[2J": raw,
        "RareStarClassifier(preset='p')": lamost_rare.RareStarClassifier("p"),
    }
    for start, thing in shown.items():
        assert repr(thing).startswith(start)
        assert len(repr(thing)) < 200
        assert repr(thing).isprintable()
    assert all(cls.__repr__ is Rows.__repr__ for cls in Rows.__subclasses__())
    assert "RareStarClassifier" in lamost_rare.RareStarClassifier("p")._repr_html_()


EXECUTE = """
import json, sys, nbclient, nbformat
notebook = nbformat.v4.new_notebook()
notebook.cells = [nbformat.v4.new_code_cell(sys.argv[1])]
nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
print(json.dumps(notebook.cells[0].outputs))
"""
CELL = """
import sys, time, warnings
warnings.simplefilter("error")
{without}
from lamost_rare.progress import Progress
with Progress(100, "files", "reading", stays=True) as bar:
    for done in (50, 100):
        time.sleep(0.2)
        bar.update(done, candidates=1)
from lamost_rare import load_preset
load_preset()
"""


@pytest.mark.parametrize("widgets", [True, False])
def test_in_a_kernel_there_is_a_bar_and_a_table(widgets):
    """Nothing is a terminal there; without ipywidgets the bar is text, and nobody warns of it."""
    needed = ("nbclient", "ipykernel", *(("ipywidgets",) if widgets else ()))
    if missing := [name for name in needed if find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    cell = CELL.format(without="" if widgets else 'sys.modules["ipywidgets"] = None')
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, cell], capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    *bar, preset = json.loads(done.stdout)
    assert "racnet-obafgkm-v1" in preset["data"]["text/html"]
    if widgets:
        assert ["application/vnd.jupyter.widget-view+json" in part["data"] for part in bar] == [
            True
        ]
    else:
        assert {part["name"] for part in bar} == {"stderr"}
        shown = "".join(part["text"] for part in bar)
        assert "reading: 100%" in shown
        assert "candidates=1" in shown
