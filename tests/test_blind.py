"""Known stars mixed into a list, unmarked, and how well people did on them."""

import csv
import json
import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

import lamost_rare
from browser_helpers import name_shown, open_page, press
from lamost_rare import cli
from lamost_rare.inference import classify as classify_module
from lamost_rare.presets import load_preset
from lamost_rare.report import finished_scan
from lamost_rare.report.blind_score import Truth, read_truth, score_lines, scores
from lamost_rare.report.errors import ReportError
from lamost_rare.report.making import make_page
from lamost_rare.report.people import gather
from lamost_rare.report.verdict_files import VerdictFile
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.survey.pack import pack_spectra
from page_helpers import scan_of_stars
from report_helpers import read_page, scan, use_standins, write_star
from scan_helpers import StandIn
from verdict_helpers import csv_text, json_text, verdict

N = 8


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    """The directory of a scan of ten stars."""
    return scan_of_stars(tmp_path_factory.mktemp("blind"))


@pytest.fixture(scope="module")
def plain(stars, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "page.html"
    return read_page(lamost_rare.report(stars, path, progress=False))


@pytest.fixture(scope="module")
def blind(stars, tmp_path_factory):
    """The page with eight simulated stars, and the truth about it."""
    path = tmp_path_factory.mktemp("mixed") / "page.html"
    made = make_page(stars, path, blind=N, progress=False)
    return read_page(made.path), truth_of(path)


def truth_of(path):
    return json.loads(path.with_name(f"{path.stem}.blind.json").read_text(encoding="utf-8"))


def test_known_stars_are_among_the_others(plain, blind):
    page, truth = blind
    keys = page.columns["key"]
    known = {star["key"]: star for star in truth["stars"]}
    assert len(known) == N
    assert page.list["rows"] == page.list["spectra"] == len(keys) == 10 + N
    assert [key for key in keys if key not in known] == plain.columns["key"]
    assert all(keys[star["number"] - 1] == key for key, star in known.items())
    assert truth["list"] == page.list["digest"] != plain.list["digest"]
    numbers = [star["number"] for star in truth["stars"]]
    assert numbers != list(range(numbers[0], numbers[0] + N))
    assert all(found is not None for found in page.spectra)


def test_half_are_of_the_rare_class_and_others_are_what_is_taken_for_it(blind):
    _, truth = blind
    counts = Counter(star["class"] for star in truth["stars"])
    assert counts == {"O": 4, "B": 1, "A": 1, "hot_subdwarf": 1, "white_dwarf": 1}
    types = [star["type"] for star in truth["stars"] if star["class"] == "O"]
    assert all(5 <= float(name[1:]) <= 9 for name in types)


def test_the_others_are_the_same_spectra(plain, blind):
    page, _ = blind
    for number, key in enumerate(plain.columns["key"]):
        there = page.columns["key"].index(key)
        for name in ("flux", "sigma", "mask"):
            before, now = (getattr(found, name) for found in
                           (plain.spectra[number], page.spectra[there]))  # fmt: skip
            np.testing.assert_array_equal(now, before)
        np.testing.assert_array_equal(page.wavelength(there), plain.wavelength(number))


def test_nothing_on_the_page_tells_which_is_which(plain, blind):
    page, truth = blind
    columns = page.columns
    n = page.list["rows"]
    assert page.list["blind"] is True
    assert page.list["standards"] is None  # of the model that they are of
    assert columns["name"] == [f"Spectrum {number}" for number in range(1, n + 1)]
    # What all have in common, or is measured of the spectrum alone.
    free = {"key", "name", "flags", "snr_g", "axis"}
    for name, values in columns.items():
        if name not in free:
            assert len(set(values)) == 1, name
    assert set(columns["axis"]) == {0}
    for values in page.list["p"].values():
        assert values == [None] * n
    assert not set(page.list["verdicts"]) | set(page.list["stars"])
    assert page.list["star"] == [-1] * n
    assert not any(page.list["visits"].values())
    everything = json.dumps({**page.list, "source": ""})
    for number in range(10):
        for name in ("name", "path"):
            assert plain.columns[name][number] not in everything
        assert f'"{plain.columns["obsid"][number]}"' not in everything
    for star in truth["stars"]:
        if star["class"] not in ("O", "B", "A"):
            assert star["type"] not in json.dumps(columns)
    telling = QualityFlag.FIRST_STAGE | QualityFlag.OUT_OF_DISTRIBUTION | QualityFlag.RESAMPLED
    assert not any(flags & telling for flags in columns["flags"])
    # Lines are those of each spectrum: He II of an O star.
    widths = page.list["ew"]["heii_4541"]
    of_o = [widths[s["number"] - 1] for s in truth["stars"] if s["class"] == "O"]
    of_a = [widths[s["number"] - 1] for s in truth["stars"] if s["class"] == "A"]
    assert min(of_o) > max(of_a)


def test_they_are_as_noisy_as_the_others(plain, blind):
    page, truth = blind
    near = plain.columns["snr_g"]
    for star in truth["stars"]:
        snr = page.columns["snr_g"][star["number"] - 1]
        assert 0.7 * min(near) < snr < 1.4 * max(near)
        found = page.spectra[star["number"] - 1]
        wavelength = page.wavelength(star["number"] - 1)
        band = (wavelength > 4000) & (wavelength < 5500) & ~found.mask
        assert np.median(found.flux[band] / found.sigma[band]) == pytest.approx(snr, rel=0.2)


def test_the_same_seed_gives_the_same_mixture(stars, blind, tmp_path):
    _, truth = blind
    make_page(stars, tmp_path / "a.html", blind=N, progress=False)
    assert truth_of(tmp_path / "a.html") == truth
    make_page(stars, tmp_path / "b.html", blind=N, seed=1, progress=False)
    other = truth_of(tmp_path / "b.html")
    assert other["list"] != truth["list"]
    assert not {s["key"] for s in other["stars"]} & {s["key"] for s in truth["stars"]}


def test_what_the_preset_says_is_kept_with_the_truth_alone(stars, tmp_path, monkeypatch):
    preset = load_preset(stars.parent / "preset" / "standin-v1")
    monkeypatch.setattr(finished_scan, "load_preset", lambda name, verify: preset)
    monkeypatch.setattr(classify_module, "kept_predictor", lambda preset, batch_size: StandIn())
    made = make_page(stars, tmp_path / "page.html", blind=6, progress=False)
    page, truth = read_page(made.path), truth_of(made.path)
    for star in truth["stars"]:  # the stand-in says O above S/N 50
        assert star["prediction"] == ("O" if star["snr_g"] > 50 else "F")
    assert set(page.columns["prediction"]) == {""}
    assert page.columns["p_survey"] == [None] * 16
    found = read_truth(tmp_path / "page.blind.json")
    (every,) = [s for s in scores(found, [], []) if not s.name]
    assert every.person == "lamost-rare"
    right = sum(star["prediction"] == star["class"] for star in truth["stars"])
    assert (every.right, every.wrong, every.undecided) == (right, 6 - right, 0)


def write_table(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def survey(tmp_path, monkeypatch):
    """A scan of twelve files, five of which are looked at, and two files that were not scanned."""
    use_standins(monkeypatch)
    for number in range(12):
        write_star(tmp_path / "in" / f"{number}.fits", number)
    for number in (20, 21):
        write_star(tmp_path / "more" / f"{number}.fits.gz", number)
    (tmp_path / "more" / "broken.fits").write_bytes(b"SIMPLE")
    return scan(tmp_path / "in", tmp_path / "out")


def test_known_stars_of_a_table(survey, tmp_path):
    rows = [{"Class": "sdO", "OBSID": 1000 + number, "path": ""} for number in range(12)]
    rows += [{"Class": "O", "OBSID": "", "path": f"more/{number}.fits.gz"} for number in (20, 21)]
    rows += [{"Class": "B", "OBSID": "", "path": "more/broken.fits"}]
    rows += [{"Class": "B", "OBSID": "", "path": "nowhere.fits"}]
    rows += [{"Class": "", "OBSID": 1003, "path": ""}]
    table = write_table(tmp_path / "known.csv", rows)
    page = tmp_path / "page.html"
    make_page(survey, page, top=5, blind=9, known=table, progress=False)
    found, truth = read_page(page), truth_of(page)
    assert found.list["rows"] == 14
    assert all(spectrum is not None for spectrum in found.spectra)
    assert truth["how"] == "of known.csv"
    assert found.list["standards"]["items"]
    assert Counter(star["class"] for star in truth["stars"]) == {"sdO": 7, "O": 2}
    # They are the seven that were not in the list.
    shown = read_page(lamost_rare.report(survey, tmp_path / "5.html", top=5, progress=False))
    taken = {str(star["obsid"]) for star in truth["stars"] if star["obsid"] is not None}
    assert len(taken) == 7
    assert not taken & set(shown.columns["obsid"])
    # Each is the spectrum that it is said to be: numbers of files decide on their noise.
    for star in truth["stars"]:
        number = star["number"] - 1
        of = star["obsid"] - 1000 if star["obsid"] else int(star["path"][5:7])
        assert found.columns["snr_g"][number] == pytest.approx(1.0 + 7 * of % 98, abs=0.1)
    with pytest.raises(
        ReportError, match=r"known.csv has 9 stars that can be mixed in, fewer than"
    ):
        make_page(survey, tmp_path / "x.html", top=5, blind=10, known=table, progress=False)
    assert not (tmp_path / "x.html").exists()
    assert not (tmp_path / "x.blind.json").exists()


def test_simulated_stars_are_on_the_pixels_of_a_store(survey, tmp_path):
    pack_spectra(tmp_path / "in", tmp_path / "all.h5", workers=1, progress=False)
    output = scan(tmp_path / "all.h5", tmp_path / "of_store")
    make_page(output, tmp_path / "page.html", top=4, blind=3, progress=False)
    page = read_page(tmp_path / "page.html")
    assert page.columns["axis"] == [0] * 7
    assert page.columns["missing"] == [""] * 7


def test_what_cannot_be_shown_is_not_named(survey, tmp_path):
    kept = lamost_rare.report(survey, tmp_path / "all.html", top=5, progress=False)
    lost = read_page(kept).columns["path"][0]
    shutil.move(lost, tmp_path / "elsewhere")
    make_page(survey, tmp_path / "page.html", top=5, blind=3, progress=False)
    page = read_page(tmp_path / "page.html")
    assert sorted(page.columns["missing"]) == [""] * 7 + ["cannot be shown"]
    assert lost not in json.dumps(page.list)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"blind": 0}, "blind must be from 1 to 1000, and a whole number, not 0"),
        ({"blind": 1001}, "blind must be from 1 to 1000"),
        ({"blind": True}, "blind must be from 1 to 1000"),
        ({"blind": 3, "seed": -1}, "seed must be a whole number, 0 or more, not -1"),
        ({"blind": 3, "known": "missing.csv"}, "cannot read .*missing.csv: No such file"),
        ({"blind": 3, "known": ""}, "known is empty"),
    ],
)
def test_what_cannot_be(stars, tmp_path, options, says):
    with pytest.raises(ValueError, match=says):
        make_page(stars, tmp_path / "page.html", progress=False, **options)
    assert not list(tmp_path.iterdir())


def test_a_table_without_classes_or_a_class_without_a_model(stars, tmp_path, monkeypatch):
    table = write_table(tmp_path / "t.csv", [{"obsid": 1001, "kind": "O"}])
    with pytest.raises(ReportError, match=r"t.csv has no column class"):
        make_page(stars, tmp_path / "p.html", blind=1, known=table, progress=False)
    rare = property(lambda scan: "carbon")
    monkeypatch.setattr(finished_scan.FinishedScan, "rare_class", rare)
    with pytest.raises(
        ReportError, match="blind cannot simulate class carbon: give a table of stars"
    ):
        make_page(stars, tmp_path / "p.html", blind=1, progress=False)


def test_an_earlier_truth_is_kept(stars, tmp_path):
    (tmp_path / "page.blind.json").write_text("precious")
    with pytest.raises(ReportError, match="exists already; overwrite=True replaces it"):
        make_page(stars, tmp_path / "page.html", blind=2, progress=False)
    assert (tmp_path / "page.blind.json").read_text() == "precious"
    assert not (tmp_path / "page.html").exists()
    make_page(stars, tmp_path / "page.html", blind=2, overwrite=True, progress=False)
    assert len(truth_of(tmp_path / "page.html")["stars"]) == 2


def said_of(page, truth, by="Anna"):
    """Verdicts on a blind page: all right but one wrong, one unsure, one withdrawn."""
    true = {star["key"]: star["class"] for star in truth["stars"]}
    wrong, unsure, withdrawn = [key for key, name in true.items() if name == "O"][:3]
    special = {wrong: "hot_subdwarf", unsure: "unsure", withdrawn: ""}
    return [
        verdict(number, by=by, key=key, list=page.list["digest"], path="", obsid=None, ra=None,
                dec=None, name=page.columns["name"][number], id=f"{by}-{number}",
                class_name=special.get(key, true.get(key, "O")),
                quality="" if key == withdrawn else "certain")
        for number, key in enumerate(page.columns["key"])
    ]  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        status = cli.main(list(map(str, argv)))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out.splitlines(), err.splitlines()

    return run


@pytest.fixture
def files(blind, tmp_path):
    page, truth = blind
    anna, ben = said_of(page, truth), said_of(page, truth, "Ben")[:9]
    (tmp_path / "anna.csv").write_text(csv_text(anna))
    (tmp_path / "ben.json").write_text(json_text(ben, page.list["digest"]))
    (tmp_path / "test.blind.json").write_text(json.dumps(truth))
    return "anna.csv", "ben.json"


def test_how_well_each_person_did(blind):
    page, truth = blind
    truth = replace(read_truth_of(truth), predictions={})
    found = gather([VerdictFile("a", said_of(page, blind[1]))])
    by_class = {score.name: score for score in scores(truth, found.verdicts, found.people)}
    assert set(by_class) == {"O", "B", "A", "hot_subdwarf", "white_dwarf", ""}
    assert by_class["O"][2:] == (1, 1, 1, 1, {"hot_subdwarf": 1})
    assert by_class["B"][2:] == (1, 0, 0, 0, {})
    assert by_class[""][2:6] == (5, 1, 1, 1)
    part, low, high = by_class[""].part()
    assert part == pytest.approx(5 / 7)
    # Clopper & Pearson's range of 90 % of 5 in 7, from their definition.
    assert (low, high) == pytest.approx((0.341, 0.947), abs=0.001)
    assert by_class["B"].part()[2] == 1


def read_truth_of(content):
    stars = content["stars"]
    return Truth(content["list"], {s["key"]: s["class"] for s in stars}, {},
                 tuple(content["classes"]))  # fmt: skip


def test_a_class_that_was_not_offered_is_other():
    truth = replace(read_truth_of({"list": "", "stars": [], "classes": ["O", "other"]}),
                    classes={"a": "carbon", "b": "hot subdwarf", "c": "O"})  # fmt: skip
    assert truth.is_right("a", "other")
    assert not truth.is_right("c", "other")
    assert not truth.is_right("a", "O")
    assert replace(truth, offered=("hot_subdwarf",)).is_right("b", "hot_subdwarf")


def test_nobody_decided():
    truth = replace(read_truth_of({"list": "", "stars": [], "classes": []}), classes={"a": "O"})
    _, line = score_lines(truth, [], ["Anna"])
    assert line.split() == ["Anna", "O", "0", "0", "0", "1", "-"]


def test_known_stars_are_scored_and_left_out_of_all_else(run, files, blind, tmp_path):
    status, out, err = run(
        "verdicts", *files, "--blind", "test.blind.json", "--output", "t.parquet"
    )
    assert (status, err) == (0, [])
    table = pq.read_table(tmp_path / "t.parquet")
    known = {star["key"] for star in blind[1]["stars"]}
    assert len(table) == 10
    assert not known & set(table["key"].to_pylist())
    counts = out[: out.index(next(line for line in out if line.startswith("agreement")))]
    assert counts[1].split() == ["Anna", "10", "10"]
    start = out.index(next(line for line in out if line.startswith("known stars")))
    assert out[start].split("  ")[0] == "known stars"
    everyone = [line.split()[:6] for line in out[start:] if " all " in line]
    assert everyone[0] == ["Anna", "all", "5", "1", "1", "1"]
    assert out[-2].startswith(
        f"{10 + sum(1 for n in range(9) if n_th(blind, n) not in known)} verd"
    )


def n_th(blind, number):
    return blind[0].columns["key"][number]


def test_verdicts_of_a_blind_page_without_the_truth_are_noticed(run, files):
    status, _, err = run("verdicts", *files)
    assert status == 0
    assert err == [
        "lamost-rare: these verdicts are from a blind page: --blind PAGE.blind.json leaves out the "
        "known stars"
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "x.blind.json is not JSON"),
        ("[]", "x.blind.json is not what this version writes beside a page with known"),
        ('{"kind": "lamost-rare blind", "format": 9}', "is not what this version writes beside"),
        (
            '{"kind": "lamost-rare blind", "format": 1, "stars": [1]}',
            "is not what this version writes beside",
        ),
        (None, "cannot read x.blind.json: No such file or directory"),
    ],
)
def test_a_damaged_truth(run, files, tmp_path, content, says):
    if content is not None:
        (tmp_path / "x.blind.json").write_text(content)
    status, out, err = run("verdicts", *files, "--blind", "x.blind.json")
    assert (status, out, len(err)) == (2, [], 1)
    assert says in err[0]


def test_the_truth_of_another_page(run, files, blind, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps({**blind[1], "list": "ef" * 32}))
    status, _, err = run("verdicts", *files, "--blind", "x.json")
    assert status == 2
    digest = blind[1]["list"][:8]
    assert f"x.json is of list efefefef, and the verdicts of {digest}: give the file" in err[0]


def test_the_command_line(run, stars, tmp_path):
    argv = ["report", stars, "--output", "test.html", "--blind", "3", "--seed", "5", "--quiet"]
    status, out, err = run(*argv)
    assert (status, err) == (0, [])
    assert out[-1] == f"which stars are known: {tmp_path / 'test.blind.json'}"
    assert truth_of(tmp_path / "test.html")["seed"] == 5
    for more in (["--seed", "1"], ["--known", "x.csv"]):
        status, _, err = run("report", stars, "--output", "b.html", *more)
        assert status == 2
        assert err == [f"lamost-rare: error: {more[0]} is for --blind"]


def test_a_served_page(stars):
    with lamost_rare.report.serve(stars, blind=3, progress=False) as served:
        path = served.path.with_name(f"{served.path.stem}.blind.json")
        truth = json.loads(path.read_text())
        assert served.path.name == f"verdicts-{truth['list'][:8]}.jsonl"
        assert len(truth["stars"]) == 3
    path.unlink()


def test_the_page_in_a_browser_names_nothing(context, stars, tmp_path):
    make_page(stars, tmp_path / "page.html", blind=3, progress=False)
    page = open_page(context, tmp_path / "page.html")
    shown = page.locator("#candidate").inner_text()
    assert name_shown(page) == "Spectrum 1"
    assert "Hidden for all" in shown
    for word in ("candidate O", "most like", "obsid", "SIMBAD", "Novelty"):
        assert word not in shown
    press(page, "ArrowRight")
    assert name_shown(page) == "Spectrum 2"
