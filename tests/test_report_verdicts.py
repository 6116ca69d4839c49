"""``report --verdicts``: what people said before is on the page again."""

import pytest

import lamost_rare
from lamost_rare import cli
from lamost_rare.report.making import make_page
from lamost_rare.report.verdict import Verdict, VerdictError
from page_helpers import parts_of, scan_of_stars
from verdict_helpers import csv_text, json_text, lines_text, verdict


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return scan_of_stars(tmp_path_factory.mktemp("again"))


@pytest.fixture(scope="module")
def listed(scan, tmp_path_factory):
    """The list of a page without verdicts."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    return parts_of(lamost_rare.report(scan, path, progress=False)).listed


def said(listed, row, **known):
    known = {"id": f"{known.get('by', 'Anna')}-{row}", "list": listed["digest"], **known}
    return verdict(row, key=listed["columns"]["key"][row], path=listed["columns"]["path"][row],
                   obsid=int(listed["columns"]["obsid"][row]), **known)  # fmt: skip


def test_verdicts_of_files_are_on_the_page(scan, listed, tmp_path):
    anna = [said(listed, 0), said(listed, 1, class_name="B", comment="\u661f </script>")]
    ben = [said(listed, 0, by="Ben", class_name="hot_subdwarf", flags=("binary",))]
    (tmp_path / "anna.csv").write_text(csv_text(anna), encoding="utf-8")
    (tmp_path / "ben.jsonl").write_text(lines_text(ben), encoding="utf-8")
    made = make_page(scan, tmp_path / "page.html", progress=False,
                     verdicts=[tmp_path / "anna.csv", tmp_path / "ben.jsonl"])  # fmt: skip
    page = parts_of(made.path).listed
    assert made.notes == page["notes"] == listed["notes"]
    events = {(event["by"], event["key"]): event for event in page["verdicts"]}
    assert len(events) == len(page["verdicts"]) == 3
    for v in (*anna, *ben):
        found = Verdict.from_event(events[v.by, v.key])
        assert (found.class_name, found.quality) == (v.class_name, v.quality)
        assert (found.comment, found.flags, found.at) == (v.comment, v.flags, v.at)
        assert found.list == page["digest"]
        assert found.id
    assert {name: page[name] for name in ("digest", "rows")} == {
        name: listed[name] for name in ("digest", "rows")
    }


def test_one_file_will_do_and_times_are_such_that_browsers_read(scan, listed, tmp_path):
    odd = [said(listed, 0, at="29.11.2026 19:40", id=""), said(listed, 1, at="", id="")]
    (tmp_path / "odd.csv").write_text(csv_text(odd))
    made = make_page(scan, tmp_path / "p.html", verdicts=tmp_path / "odd.csv", progress=False)
    events = parts_of(made.path).listed["verdicts"]
    assert [e["at"] for e in events] == ["2026-11-29T19:40:00.000Z", "1970-01-01T00:00:00.000Z"]
    assert len({e["id"] for e in events} - {""}) == 2


def test_verdicts_on_another_list_are_taken_along_and_told(scan, listed, tmp_path):
    other = "cd" * 32
    verdicts = [said(listed, 0, list=other), verdict(77, list=other)]
    (tmp_path / "other.json").write_text(json_text(verdicts, other))
    made = make_page(scan, tmp_path / "p.html", verdicts=tmp_path / "other.json", progress=False)
    (event,) = parts_of(made.path).listed["verdicts"]
    assert (event["list"], event["key"]) == (listed["digest"], listed["columns"]["key"][0])
    path, digest = tmp_path / "other.json", listed["digest"][:8]
    assert made.notes == [
        *listed["notes"],
        f"{path} is of list cdcdcdcd, not {digest}: 1 of its 2 spectra are in both.",
        "1 of 2 verdicts are on spectra that are not on this page.",
    ]


def test_withdrawn_verdicts_are_not_shown(scan, listed, tmp_path):
    gone = said(listed, 0, class_name="", quality="")
    (tmp_path / "a.json").write_text(json_text([gone]))
    made = make_page(scan, tmp_path / "p.html", verdicts=tmp_path / "a.json", progress=False)
    assert parts_of(made.path).listed["verdicts"] == []


def test_a_file_that_cannot_be_read_is_found_before_the_work(scan, tmp_path, capsys):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(VerdictError, match="is not a file of verdicts"):
        make_page(scan, tmp_path / "p.html", verdicts=tmp_path / "x.csv", progress=False)
    argv = ["report", scan, "--output", tmp_path / "p.html", "--verdicts", tmp_path / "x.csv"]
    assert cli.main(list(map(str, argv))) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "p.html").exists()


def test_the_command_line(scan, listed, tmp_path, capsys):
    (tmp_path / "a.json").write_text(json_text([said(listed, 0)]))
    (tmp_path / "b.json").write_text(json_text([said(listed, 0, by="Ben")]))
    argv = ["report", scan, "--output", tmp_path / "p.html", "--quiet", "--verdicts",
            tmp_path / "a.json", tmp_path / "b.json"]  # fmt: skip
    assert cli.main(list(map(str, argv))) == 0
    assert capsys.readouterr().err == ""
    events = parts_of(tmp_path / "p.html").listed["verdicts"]
    assert [event["by"] for event in events] == ["Anna", "Ben"]


def test_a_served_page_shows_them_too(scan, listed, tmp_path):
    (tmp_path / "a.json").write_text(json_text([said(listed, 0)]))
    with lamost_rare.report.serve(scan, verdicts=tmp_path / "a.json", progress=False) as served:
        assert served.notes == listed["notes"]
