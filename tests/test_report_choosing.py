"""Which rows a page shows: candidates, the most probable, those of a condition or of a table."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from lamost_rare.report import choosing, visits
from lamost_rare.report.choosing import choose
from lamost_rare.report.errors import NothingToShowError, ReportError
from lamost_rare.report.finished_scan import open_scan, take_rows
from lamost_rare.report.visits import find_visits
from lamost_rare.survey.formats import convert_table
from lamost_rare.survey.stars import read_stars
from report_helpers import scan, standin_preset, use_standins, write_star
from scan_helpers import table

N = 20


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    root = tmp_path_factory.mktemp("choosing")
    for i in range(N):
        write_star(root / "in" / f"{i:02d}.fits", i)
    with pytest.MonkeyPatch.context() as patch:
        use_standins(patch)
        return scan(root / "in", root / "out")


@pytest.fixture(scope="module")
def found(output):
    return open_scan(output)


def obsids(chosen):
    return chosen.rows["obsid"].to_pylist()


def test_candidates_in_the_order_of_the_scan(output, found):
    chosen = choose(found)
    assert obsids(chosen) == table(output, "candidates")["obsid"]
    assert 2 < len(chosen.rows) < N
    assert chosen.how == "candidates of class O"
    assert "evidence" in chosen.rows.column_names


@pytest.mark.parametrize("n", [1, 3, N, 50])
def test_the_most_probable(output, found, n):
    chosen = choose(found, top=n)
    catalogue = table(output)
    best = sorted(zip(catalogue["p_O"], catalogue["obsid"], strict=True), reverse=True)[:n]
    assert sorted(obsids(chosen)) == sorted(obsid for _, obsid in best)
    # The preset has no odds of a survey: it is the classifier's probability.
    assert chosen.how == f"the {min(n, N)} of greatest p_O"
    assert chosen.rows["evidence"].to_pylist() == sorted(
        chosen.rows["evidence"].to_pylist(), reverse=True
    )


def test_those_that_fulfil_a_condition(output, found):
    catalogue = table(output)
    wanted = {
        obsid
        for obsid, p, dec in zip(*(catalogue[k] for k in ("obsid", "p_O", "ra")), strict=True)
        if p > 0.3 and dec < 25
    }
    chosen = choose(found, where="p_O > 0.3 and ra < 25")
    assert set(obsids(chosen)) == wanted
    assert chosen.how == "spectra with p_O > 0.3 and ra < 25"
    chosen = choose(found, where="p_O > 0.3 and ra < 25", top=2)
    assert len(chosen.rows) == 2
    assert set(obsids(chosen)) < wanted
    assert chosen.how == "the 2 of greatest p_O of spectra with p_O > 0.3 and ra < 25"


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".fits", ".parquet", ".vot", "object", "dict"])
@pytest.mark.parametrize("column", ["obsid", "OBSID", "path"])
def test_those_of_a_table(output, found, tmp_path, suffix, column):
    catalogue = table(output)
    order = [7, 3, 11, 0]
    own = Table({column: [catalogue[column.lower()][i] for i in order], "note": ["a"] * 4})
    given = own if suffix == "object" else {column: own[column].tolist()}
    if suffix.startswith("."):
        given = tmp_path / f"t{suffix}"
        if suffix == ".parquet":
            pq.write_table(pa.table({column: own[column].tolist()}), given)
        else:
            form = {".csv": "ascii.csv", ".vot": "votable"}.get(suffix)
            own.write(given, format=form)
    chosen = choose(found, rows=given)
    assert obsids(chosen) == [catalogue["obsid"][i] for i in order]
    assert chosen.notes == []
    assert chosen.how == f"rows of {given.name if suffix.startswith('.') else 'the given table'}"
    assert "evidence" in chosen.rows.column_names


def test_tables_of_scans_are_tables_too(output, found, tmp_path):
    for suffix in (".fits", ".ecsv", ".vot"):
        convert_table(output / "candidates.parquet", tmp_path / f"c{suffix}")
        chosen = choose(found, rows=tmp_path / f"c{suffix}")
        assert obsids(chosen) == table(output, "candidates")["obsid"]


def test_rows_that_are_not_in_the_catalogue_are_said(found):
    chosen = choose(found, rows={"obsid": [1003, 5, 1003, -1, None, 1001, 6]})
    assert obsids(chosen) == [1003, 1001]
    assert chosen.notes == [
        "4 of 7 rows of the given table are not in the catalogue: obsid 5, obsid -1, obsid None "
        "and others.",
        "1 of 7 rows of the given table repeat another one.",
    ]
    chosen = choose(found, rows={"path": ["/no\x1b", "b"], "obsid": [1002, 9]})
    assert obsids(chosen) == [1002]
    assert chosen.notes == ["1 of 2 rows of the given table are not in the catalogue: path b."]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"where": "p_O > 2"}, "no spectrum of the scan is as asked"),
        ({"where": "p_O > 2", "top": 3}, "no spectrum as asked has a probability"),
        ({"rows": {"obsid": [1, 2]}}, "no row of the given table is in the catalogue"),
    ],
)
def test_nothing_to_show(found, asked, message):
    with pytest.raises(NothingToShowError, match=message) as error:
        choose(found, **asked)
    assert error.value.status == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"top": 0}, "top must be at least 1, and a whole number, not 0"),
        ({"top": 2.0}, "top must be at least 1"),
        ({"top": True}, "top must be at least 1"),
        ({"rows": {"obsid": [1]}, "top": 2}, "rows says all"),
        (
            {"rows": {"obs": [1]}},
            "has neither obsid nor path among its columns .but obs",
        ),
        ({"rows": "nonesuch.csv"}, "cannot read nonesuch.csv: No such file"),
        ({"rows": ""}, "rows is empty"),
        ({"where": "p_0 > 1"}, "has no column p_0, did you mean p_O"),
    ],
)
def test_what_cannot_be_asked(found, asked, message):
    with pytest.raises(ValueError, match=message):
        choose(found, **asked)


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".fits", ".parquet", ".vot"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"SIMPLE  =", b"<VOTABLE>", b"\x1f\x8bnone"])
def test_damaged_tables_of_rows_are_refused_in_one_line(found, tmp_path, suffix, content):
    (tmp_path / f"t{suffix}").write_bytes(content)
    with pytest.raises(ReportError) as error:
        choose(found, rows=tmp_path / f"t{suffix}")
    assert len(str(error.value).splitlines()) == 1


def test_a_limit_that_is_told(found, monkeypatch):
    monkeypatch.setattr(choosing, "MOST_ROWS", 3)
    for asked in ({"where": "p_O >= 0"}, {"top": 9}, {}, {"rows": {"obsid": range(1000, 1009)}}):
        with pytest.raises(ReportError, match=r"\d+ spectra, where a page holds 3 at most: "):
            choose(found, **asked)


def test_the_limit_is_far_off():
    assert choosing.MOST_ROWS >= 20_000


def test_rows_are_taken_by_number_from_any_row_groups(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": np.arange(100)}), path, row_group_size=7)
    numbers = [99, 0, 6, 7, 50, 7]
    assert take_rows(path, numbers)["x"].to_pylist() == numbers
    assert len(take_rows(path, [])) == 0


@pytest.fixture
def visited(tmp_path, monkeypatch):
    """A star with five spectra, one of them twice, one of two, and one at the pole."""
    use_standins(monkeypatch)
    for i in range(5):
        write_star(tmp_path / "in" / f"a{i}.fits", i + 1, ra=359.99995 if i % 2 else 0.0, dec=-1.5)
    write_star(tmp_path / "in" / "again.fits", 2, ra=359.99995, dec=-1.5)
    for i in range(2):
        write_star(tmp_path / "in" / f"b{i}.fits", 20 + i, ra=77.0, dec=40 + i / 3600)
    write_star(tmp_path / "in" / "c.fits", 30, ra=200.0, dec=90.0)
    write_star(tmp_path / "in" / "d.fits", 31, ra=-9999.0, dec=-9999.0)
    return scan(tmp_path / "in", tmp_path / "out")


def test_further_visits_of_the_same_stars(visited):
    found = open_scan(visited)
    chosen = choose(found, rows={"obsid": [1003, 1021, 1030, 1002, 1031]})
    result = find_visits(found, chosen.rows)
    numbers = obsids(chosen) + result.rows["obsid"].to_pylist()
    stars = [[numbers[i] for i in star] for star in result.stars]
    # Rows first, then visits by S/N; a repetition of an observation is none.
    assert stars == [[1003, 1002, 1005, 1004, 1001], [1021, 1020]]
    assert result.notes == []
    assert result.rows.schema.names == found.columns
    # So they are in the scan's own table of stars.
    counts = {
        row["obsid"]: row["n_spectra"]
        for batch in read_stars(visited / "catalogue.parquet", standin(visited), 0.5)
        for row in batch.to_pylist()
    }
    assert sorted(counts.values()) == [1, 1, 2, 5]


def standin(output):
    return standin_preset(output.parent / "another-preset")


def test_a_star_with_many_visits(visited, monkeypatch):
    monkeypatch.setattr(visits, "MOST_VISITS", 2)
    found = open_scan(visited)
    result = find_visits(found, choose(found, rows={"obsid": [1001]}).rows)
    assert result.rows["obsid"].to_pylist() == [1005, 1004]
    assert result.notes == ["2 further visits are not shown: a star has 2 of them at most."]


def test_no_visits_of_what_has_no_position(visited):
    found = open_scan(visited)
    result = find_visits(found, choose(found, rows={"obsid": [1031]}).rows)
    assert (len(result.rows), result.stars) == (0, [])


def test_a_catalogue_of_many_row_groups(visited, tmp_path):
    (tmp_path / "copy").mkdir()
    for name in ("manifest.json", "candidates.parquet"):
        os.link(visited / name, tmp_path / "copy" / name)
    whole = pq.read_table(visited / "catalogue.parquet")
    pq.write_table(whole, tmp_path / "copy" / "catalogue.parquet", row_group_size=2)
    asked = {"where": "snr_g > 10"}
    one, other = (open_scan(folder) for folder in (visited, tmp_path / "copy"))
    assert obsids(choose(one, **asked)) == obsids(choose(other, **asked))
    assert obsids(choose(one, top=3)) == obsids(choose(other, top=3))
    rows = choose(one, rows={"obsid": [1003, 1021]}).rows
    assert find_visits(one, rows).stars == find_visits(other, rows).stars
