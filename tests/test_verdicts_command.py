"""``lamost-rare verdicts``: several people's verdicts to one table, with their agreement."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from lamost_rare import __version__, cli
from lamost_rare.report.agreement import Kappa, as_one, cohen, disagreement, fleiss
from lamost_rare.report.verdict_table import column_names, majority, table_of_verdicts
from lamost_rare.survey.manifest import write_manifest
from verdict_helpers import csv_text, json_text, lines_text, verdict

SUFFIXES = [".csv", ".ecsv", ".fits", ".parquet", ".vot"]


def classes(text):
    """Classes of spectra by key, of a text of letters; a blank is none."""
    return {str(n): letter for n, letter in enumerate(text) if letter != " "}


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.sampled_from("OBA"), st.sampled_from("OBA")), min_size=1),
)
def test_kappa_of_two_is_that_of_scikit_learn(pairs):
    first, second = ("".join(side) for side in zip(*pairs, strict=True))
    kappa = cohen(classes(first), classes(second))
    assert kappa.n == len(pairs)
    assert kappa.same == sum(a == b for a, b in pairs)
    if len(set(first + second)) == 1:
        assert kappa.value is None
        assert f"not defined: all gave the one class {first[0]} to {len(pairs)} spectr" in str(
            kappa
        )
        return
    assert kappa.value == pytest.approx(cohen_kappa_score(list(first), list(second)))
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert str(kappa) == "0.00 (one of them gave one class alone)"
    if kappa.low is not None:
        assert -1 <= kappa.low <= kappa.value <= kappa.high <= 1


def test_the_range_of_kappa_holds_what_is_true():
    """Of many samples of one population, ranges of 90 % hold its kappa nine times out of ten."""
    rng = np.random.default_rng(7)
    truth = np.array([[40, 8, 2], [5, 25, 5], [3, 2, 10]]) / 100
    seen, expected = np.trace(truth), truth.sum(axis=0) @ truth.sum(axis=1)
    kappa = (seen - expected) / (1 - expected)
    inside = 0
    for seed in range(200):
        cells = rng.choice(9, 150, p=truth.ravel())
        first, second = ("".join("OBA"[i] for i in part) for part in np.divmod(cells, 3))
        found = cohen(classes(first), classes(second), seed)
        inside += found.low <= kappa <= found.high
    assert 165 <= inside <= 195


def test_spectra_that_only_one_decided_do_not_count():
    kappa = cohen(classes("OOBB  "), classes("  BO O"))
    assert (kappa.n, kappa.same) == (2, 1)
    none = cohen(classes("O "), classes(" O"))
    assert str(none) == "not defined: no spectrum that all of them decided"


def test_the_same_seed_gives_the_same_range():
    first, second = classes("OOOBBBAAAO" * 5), classes("OOBBBBAAOO" * 5)
    assert cohen(first, second, 3) == cohen(first, second, 3)
    assert cohen(first, second, 3) != cohen(first, second, 4)


def test_kappa_of_more_than_two_is_that_of_its_source():
    """The worked example of the article on Fleiss' kappa: 14 people, 10 subjects, kappa 0.210."""
    counts = """0 0 0 0 14, 0 2 6 4 2, 0 0 3 5 6, 0 3 9 2 0, 2 2 8 1 1, 7 7 0 0 0, 3 2 6 3 0,
                2 5 3 2 2, 6 5 2 1 0, 0 2 2 3 7"""
    people = [{} for _ in range(14)]
    for key, row in enumerate(counts.split(",")):
        given = [
            letter for letter, n in zip("abcde", row.split(), strict=True) for _ in range(int(n))
        ]
        for person, letter in zip(people, given, strict=True):
            person[str(key)] = letter
    kappa = fleiss(people)
    assert kappa.value == pytest.approx(0.210, abs=0.0005)
    assert kappa.n == 10
    assert kappa.same == 1
    assert kappa.low < kappa.value < kappa.high
    assert str(fleiss([classes("OO")] * 3)).startswith("not defined: all gave the one class O to 2")


def test_classes_that_count_as_one():
    found = as_one({"Anna": classes("OBA")}, [["O", "B"]])
    assert list(found["Anna"].values()) == ["O or B", "O or B", "A"]


@pytest.mark.parametrize(
    ("said", "split", "agreed"),
    [("O", None, "O"), ("OO", 0, "O"), ("OB", 1, ""), ("OOB", 2 / 3, "O"), ("OBA", 1, ""),
     ("OOBB", 2 / 3, ""), ("", None, "")],
)  # fmt: skip
def test_disagreement_and_majority(said, split, agreed):
    assert majority(said) == agreed
    if split is None:
        assert np.isnan(disagreement(said))
    else:
        assert disagreement(said) == pytest.approx(split)


def test_column_names_work_in_every_format():
    names = column_names(["Anna", "anna", "\u0410\u043d\u043d\u0430", "", "=1+1", "x" * 90, "_"])
    assert list(names.values()) == ["anna", "anna_2", "person_3", "person_4", "1_1", "x" * 40,
                                    "person_7"]  # fmt: skip


def test_disagreements_come_first_and_then_what_is_unsure():
    said = {"Anna": ["O", "O", "unsure", "O", "O"], "Ben": ["O", "B", "unsure", "O", None]}
    verdicts = [
        verdict(n, by=by, class_name=name, quality="possible" if n == 3 else "certain")
        for by, names in said.items()
        for n, name in enumerate(names)
        if name
    ]
    table = table_of_verdicts(verdicts, list(said))
    assert list(table["name"]) == ["J1", "J2", "J3", "J0", "J4"]
    assert list(table["agreed_class"]) == ["", "unsure", "O", "O", "O"]
    assert list(table["n_people"]) == [2, 2, 2, 2, 1]
    np.testing.assert_array_equal(table["disagreement"], np.float32([1, 0, 0, 0, np.nan]))
    assert list(table["class_ben"]) == ["B", "unsure", "O", "O", ""]
    assert list(table["mean_quality"]) == [1, 1, 3, 1, 1]


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run the command in the test's folder; returns (status, lines out, lines of errors)."""
    monkeypatch.chdir(tmp_path)

    def run(*argv):
        status = cli.main(["verdicts", *map(str, argv)])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, out.splitlines(), err.splitlines()

    return run


@pytest.fixture
def files(tmp_path):
    """Verdicts of three people in three sorts of files."""
    anna = [
        verdict(n, class_name="OOBBA"[n % 5], comment="=1+1" if n == 0 else "") for n in range(40)
    ]
    ben = [verdict(n, by="Ben", class_name="OBBBA"[n % 5], flags=("binary",)) for n in range(35)]
    clara = [
        verdict(n, by="\u041a\u043b\u0430\u0440\u0430", class_name="OOBBB"[n % 5])
        for n in range(5, 40)
    ]
    paths = [tmp_path / name for name in ("anna.csv", "ben.json", "clara.jsonl")]
    paths[0].write_text(csv_text(anna, delimiter=";"), encoding="utf-8-sig", newline="")
    paths[1].write_text(json_text(ben), encoding="utf-8")
    paths[2].write_text(lines_text(clara), encoding="utf-8")
    return paths


def read_back(path):
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return Table({name: table[name].to_numpy() for name in table.column_names})
    return Table.read(path, **({"format": "ascii.csv"} if path.suffix == ".csv" else {}))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format(run, files, tmp_path, suffix):
    target = tmp_path / f"decided{suffix}"
    status, out, err = run(*files, "--output", target)
    assert (status, err) == (0, [])
    table = read_back(target)
    assert table.colnames == [
        "key", "obsid", "name", "path", "ra", "dec", "agreed_class", "n_people", "disagreement",
        "n_unsure", "mean_quality", "class_anna", "quality_anna", "class_ben", "quality_ben",
        "class_person_3", "quality_person_3", "flags_set", "comments",
    ]  # fmt: skip
    assert len(table) == 40
    split = np.ma.filled(np.ma.asarray(table["disagreement"], float), np.nan)
    assert (np.diff(split[np.isfinite(split)]) <= 0).all()
    row = table[[str(name) == "J7" for name in table["name"]].index(True)]
    assert int(row["obsid"]) == 107
    assert float(row["dec"]) == -3.25
    assert [str(row[f"class_{p}"]) for p in ("anna", "ben", "person_3")] == ["B", "B", "B"]
    assert str(row["flags_set"]) == "binary (1)"
    assert out[-2:] == [f"110 verdicts on 40 spectra, {np.sum(split > 0)} with disagreement",
                        str(target)]  # fmt: skip


def test_the_summary(run, files):
    status, out, err = run(*files, "--same", "O,B")
    assert (status, err) == (0, [])
    assert out[0].split() == ["person", "B", "O", "A", "all"]
    assert out[1].split() == ["Anna", "16", "16", "8", "40"]
    assert [line.split("  ")[0] for line in out[4:8]] == [
        "agreement", "Anna, Ben", "Anna, \u041a\u043b\u0430\u0440\u0430",
        "Ben, \u041a\u043b\u0430\u0440\u0430",
    ]  # fmt: skip
    assert out[4].split() == ["agreement", "spectra", "same", "kappa", "with", "O", "=", "B"]
    assert out[5].split()[2:4] == ["35", "28"]
    assert out[8].split()[:4] == ["all", "3", "(Fleiss)", "30"]
    first = {str(n): "OOBBA"[n % 5] for n in range(35)}
    second = {str(n): "OBBBA"[n % 5] for n in range(35)}
    assert str(cohen(first, second)) in out[5]
    assert out[9] == "110 verdicts on 40 spectra, 14 with disagreement"


def test_kappa_that_is_not_defined_is_said_in_words(run, tmp_path):
    for by in ("Anna", "Ben"):
        text = json_text([verdict(n, by=by) for n in range(3)])
        (tmp_path / f"{by}.json").write_text(text)
    status, out, err = run("Anna.json", "Ben.json")
    assert (status, err) == (0, [])
    assert out[4].endswith("not defined: all gave the one class O to 3 spectra")
    assert "nan" not in "\n".join(out).lower()


def test_one_person_has_no_agreement(run, files):
    status, out, err = run(files[0])
    assert (status, err) == (0, [])
    assert out[2:] == ["40 verdicts on 40 spectra, 0 with disagreement"]


def test_nothing_decided_is_status_1(run, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    status, out, err = run("empty.csv", "--output", "table.csv")
    assert status == 1
    assert out == ["person  all", "0 verdicts on 0 spectra, 0 with disagreement", "table.csv"]
    assert err == ["lamost-rare: empty.csv holds no verdicts"]
    assert len((tmp_path / "table.csv").read_text().splitlines()) == 1


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_without_rows_can_be_written(run, tmp_path, suffix):
    (tmp_path / "empty.csv").write_text("")
    assert run("empty.csv", "--output", f"table{suffix}")[0] == 1
    assert (tmp_path / f"table{suffix}").is_file()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["missing.csv"], "cannot read missing.csv: No such file or directory"),
        (["anna.csv", "--output", "x.txt"], "the suffix must be one of .csv, .ecsv"),
        (["anna.csv", "--output", "anna.csv"], "anna.csv exists already; --overwrite replaces"),
        (["anna.csv", "--same", "O"], "--same: must be two classes or more, as O,B, not 'O'"),
        (["anna.csv", "--scan", "nowhere"], "no such directory: "),
        (["anna.csv", "--seed", "-1"], "--seed must be 0 or more, not -1"),
        ([], "the following arguments are required: FILE"),
    ],
)
def test_wrong_usage(run, files, argv, message):
    status, out, err = run(*argv)
    assert (status, out, len(err)) == (2, [], 1)
    assert err[0].startswith("lamost-rare: error: ")
    assert message in err[0]


def test_what_was_read_otherwise_is_told(run, tmp_path):
    first, second = (
        [verdict(n) for n in range(2)],
        [verdict(n, id=f"b{n}", at="") for n in range(2)],
    )
    (tmp_path / "a.jsonl").write_text(lines_text(first)[:-9])
    (tmp_path / "b.csv").write_text(csv_text(second))
    status, _, err = run("a.jsonl", "b.csv")
    assert status == 0
    assert err == [
        "lamost-rare: a.jsonl ends in the middle of line 2, which is left out",
        "lamost-rare: b.csv 2 without a time that can be read: later lines hold",
        "lamost-rare: Anna is taken for 2 people, since no verdict of that name is in two of "
        "a.jsonl, b.csv; --one-person if it is one",
    ]
    assert run("a.jsonl", "b.csv", "--one-person")[1][-1].startswith("2 verdicts on 2 spectra")


def test_names_cannot_act_on_a_terminal(run, tmp_path):
    nasty = "\x1b[2J\u202eanna"
    for name, by in (("a.json", nasty), ("b.json", "Ben")):
        (tmp_path / name).write_text(json_text([verdict(1, by=by, class_name=nasty)]))
    for suffix in SUFFIXES:
        _, out, err = run("a.json", "b.json", "--output", f"x{suffix}")
        assert all(line.isprintable() for line in out + err)


@pytest.fixture
def scan(tmp_path):
    """A folder as a scan leaves it, as far as is needed here."""
    folder = tmp_path / "scan"
    folder.mkdir()
    n = np.arange(50)
    rows = pa.table(
        {
            "path": [f"/data/spec-{i}.fits.gz" for i in n],
            "obsid": 100 + n,
            "designation": [f"J{i}" for i in n],
            "ra": n / 10,
            "dec": np.where(n == 7, np.nan, n / 10),
            "snr_g": n + 0.5,
            "prediction": ["O"] * 50,
            "p_O": np.float32(n / 50),
            "p_O_survey": np.float32(n / 100),
        }
    )
    pq.write_table(rows, folder / "catalogue.parquet", row_group_size=20)
    manifest = {"format": 1, "state": "complete", "source": "/data", "preset": None}
    write_manifest(folder / "manifest.json", {**manifest, "versions": {"lamost-rare": __version__}})
    return folder


def test_columns_of_the_scan_are_joined(run, files, scan, tmp_path):
    bare = [verdict(60), verdict(7, class_name="B", path="", ra=None, dec=None, obsid=None)]
    (tmp_path / "more.json").write_text(json_text(bare))
    status, out, err = run(*files[:2], "more.json", "--scan", scan, "--output", "x.ecsv",
                           "--one-person")  # fmt: skip
    assert (status, err) == (0, [])
    assert out[-2].endswith("spectra, 7 with disagreement, 40 in the scan")
    assert out[3].split() == ["agreement", "spectra", "same", "kappa", "O", "or", "not"]
    table = read_back(tmp_path / "x.ecsv")
    rows = {str(row["name"]): row for row in table}
    assert rows["J7"]["p_O_survey"] == pytest.approx(0.07)
    assert rows["J7"]["snr_g"] == 7.5
    assert rows["J7"]["path"] == "/data/spec-7.fits.gz"
    assert rows["J7"]["dec"] == -3.25  # as told, where the catalogue has none
    assert rows["J8"]["dec"] == 0.8
    assert np.isnan(rows["J60"]["p_O_survey"])
    assert str(rows["J60"]["prediction"]) in ("", "--")


def test_kappa_shows_its_range():
    assert str(Kappa(9, 5, 0.5, 0.25, 0.75)) == "0.50 (0.25 to 0.75)"
    assert str(Kappa(2, 1, 0.5)) == "0.50 (of too few spectra for a range)"
