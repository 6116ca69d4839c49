"""Files that the page gives and takes: verdicts as CSV and JSON, and paper."""

import csv
import io
import json
import re

import pytest

from browser_helpers import open_page, press, until, until_said, verdict, wait_saved
from page_helpers import parts_of

COLUMNS = "list key obsid name path ra dec class quality flags comment by at".split()
COMMENT = '=HYPERLINK("x"), 可能; "yes"\nنعم'


@pytest.fixture
def page(context, star_page):
    """A page with verdicts on three candidates, of which one is withdrawn."""
    page = open_page(context, star_page)
    press(page, "o", "1")
    until(page, "App.at === 1")
    press(page, "b", "5", "6", "c")
    page.keyboard.insert_text(COMMENT)
    press(page, "Escape", "ArrowRight", "x", "Delete")
    until(page, "VerdictLog.all().some(e => e.class === 'other') && Deciding.state(2).class === ''")
    return wait_saved(page)


def exported(page, kind):
    press(page, "X")
    with page.expect_download() as waiting:
        page.locator(f"#export-{kind}").click()
    return waiting.value


def text_of(download):
    return download.path().read_text(encoding="utf-8-sig")


def taken(page, name, text):
    """Import a file; returns what the page says of it."""
    press(page, "I")
    content = text if isinstance(text, bytes) else text.encode()
    page.set_input_files("#import-file", {"name": name, "mimeType": "", "buffer": content})
    until(page, "Page.get('import-said').textContent !== ''")
    said = page.locator("#import-said").text_content()
    press(page, "Escape")
    page.wait_for_selector("#import-dialog", state="hidden")
    return said


def test_csv(page, star_page):
    listed = parts_of(star_page).listed
    download = exported(page, "csv")
    assert download.suggested_filename == f"verdicts-{listed['digest'][:8]}-Anna.csv"
    rows = list(csv.DictReader(io.StringIO(text_of(download), newline="")))
    assert list(rows[0]) == COLUMNS
    assert len(rows) == 2
    columns = listed["columns"]
    for row, given in enumerate(rows):
        assert given["list"] == listed["digest"]
        assert given["by"] == "Anna"
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ", given["at"])
        for name in ("key", "obsid", "name", "path"):
            assert given[name] == columns[name][row]
        assert float(given["ra"]) == columns["ra"][row]
        assert float(given["dec"]) == columns["dec"][row]
    assert [rows[0][name] for name in ("class", "quality", "flags")] == ["O", "certain", ""]
    assert [rows[1][name] for name in ("class", "quality", "flags")] == [
        "B", "", "binary;emission",
    ]  # fmt: skip
    assert rows[1]["comment"] == "'" + COMMENT


def test_json(page, star_page):
    listed = parts_of(star_page).listed
    given = json.loads(text_of(exported(page, "json")))
    assert (given["format"], given["kind"]) == (1, "lamost-rare verdicts")
    assert given["list"] == listed["digest"]
    verdicts = {event["key"]: event for event in given["verdicts"]}
    assert list(verdicts) == listed["columns"]["key"][:3]
    first, second, third = verdicts.values()
    assert (first["class"], first["quality"]) == ("O", "certain")
    assert second["comment"] == COMMENT
    assert second["flags"] == ["binary", "emission"]
    assert (third["class"], third["quality"], third["flags"], third["comment"]) == ("", "", [], "")


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_an_export_goes_into_another_browser(browser, star_page, page, kind):
    text = text_of(exported(page, kind))
    expected = [verdict(page, row) for row in range(3)]
    with browser.context() as other:
        there = open_page(other, star_page, name="Bert")
        said = taken(there, f"verdicts.{kind}", text)
        assert said.startswith(f"{2 if kind == 'csv' else 3} verdicts taken (Anna)")
        assert verdict(there, 0) == ("", "", [], "")
        press(there, "N")
        there.locator("#person").fill("Anna")
        press(there, "Enter")
        assert [verdict(there, row) for row in range(3)] == expected
        assert "were here already" in taken(there, f"verdicts.{kind}", text)
        wait_saved(there)


def test_of_two_verdicts_the_later_holds(page):
    older = json.loads(text_of(exported(page, "json")))
    press(page, "Home", "b")
    until(page, "Deciding.state(0).class === 'B'")
    newer = dict(older["verdicts"][1], at="2999-01-01T00:00:00Z", id="later", comment="much later")
    older["verdicts"] = [older["verdicts"][0], newer]
    assert taken(page, "verdicts.json", json.dumps(older)).startswith("1 verdict taken")
    assert verdict(page, 0)[0] == "B"
    assert verdict(page, 1)[3] == "much later"
    # The next one of the same person is later still.
    press(page, "ArrowRight", "o")
    until(page, "Deciding.state(1).class === 'O'")


def test_a_spreadsheet_s_way_of_writing(page):
    rows = list(csv.reader(io.StringIO(text_of(exported(page, "csv")), newline="")))
    out = io.StringIO()
    csv.writer(out, delimiter=";", lineterminator="\r\n").writerows(rows)
    press(page, "N")
    page.locator("#person").fill("Bert")
    press(page, "Enter")
    text = "\ufeff" + out.getvalue().replace("Anna", "Bert")
    assert taken(page, "verdicts.csv", text).startswith("2 verdicts taken (Bert)")
    assert verdict(page, 1) == ("B", "", ["binary", "emission"], COMMENT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("SIMPLE  =    T", "no column “key”"),
        ("PK\x03\x04\0\0", "no file of verdicts"),
        ("<!doctype html><title>x</title>", "no file of verdicts"),
        ('{"format": 1, "verdicts": [{"key"', "damaged or cut off"),
        ('{"verdicts": 7}', "holds no verdicts"),
        ("{}", "holds no verdicts"),
        ("key,class,by\n1,O,Anna", "no column “at”"),
        ("key,class,by,at\n1,O,Anna,29.11.", "“29.11.” of line 2"),
        ('key,class,by,at\n1,O,"Anna', "line 2 is not closed"),
        ("key,class,by,at\n1,O", "line 2 has 2 cells"),
        ('{"list": "%s", "verdicts": []}' % ("f" * 64), "another list (ffffffff…"),
        ("list,key,class,by,at\nabc,1,O,Anna,2026-01-01", "another list (abc…"),
    ],
)
def test_files_that_are_not_taken(page, text, said):
    before = page.evaluate("() => VerdictLog.all().length")
    answer = taken(page, "file <b>.csv", text)
    assert answer.startswith("file <b>.csv was not taken: ")
    assert said in answer
    assert page.evaluate("() => VerdictLog.all().length") == before


def test_what_is_not_of_this_list_is_counted(page):
    event = {"key": "0" * 16, "by": "Anna", "at": "2026-01-01T00:00:00Z", "id": "a"}
    said = taken(page, "x.json", json.dumps([event, {}, None, 3]))
    assert said.startswith("0 verdicts taken; 4 left out")


def test_the_file_of_a_server_is_taken(page):
    events = json.loads(text_of(exported(page, "json")))["verdicts"]
    lines = [json.dumps(event | {"id": f"s{n}", "by": "Dan"}) for n, event in enumerate(events)]
    said = taken(page, "verdicts.jsonl", "\n".join([*lines, lines[0][:50]]))
    assert said.startswith("3 verdicts taken (Dan); 1 left out")
    one = json.dumps(events[0] | {"id": "e", "by": "Eve"})
    assert taken(page, "verdicts.jsonl", one) == "1 verdict taken (Eve)."


def test_verdicts_that_came_with_the_page_are_shown_and_exported(context, star_page, tmp_path):
    parts = parts_of(star_page)
    event = {
        "list": parts.listed["digest"], "key": parts.listed["columns"]["key"][0], "class": "B",
        "quality": "probable", "flags": [], "comment": "</script>", "by": "Cecilia",
        "at": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    page = open_page(context, parts.write(tmp_path / "page.html", verdicts=[event]))
    assert "Cecilia: B probable</script>" in page.locator("#others-list").text_content()
    press(page, "X")
    assert page.locator("#export-count").text_content() == "0 verdicts of Anna."
    page.locator("#export-others").check()
    with page.expect_download() as waiting:
        page.locator("#export-json").click()
    (given,) = json.loads(text_of(waiting.value))["verdicts"]
    assert given["by"] == "Cecilia"


def test_what_was_not_exported_is_counted(page):
    assert page.locator("#saved").text_content() == "2 verdicts, saved; 2 not exported"
    exported(page, "csv")
    assert page.locator("#saved").text_content() == "2 verdicts, saved"
    press(page, "Home", "5")
    until_said(page, "binary")
    assert page.locator("#saved").text_content().endswith("; 1 not exported")


def test_paper_has_four_to_a_page(page):
    page.evaluate("() => { window.print = () => { window.printed = 1; } }")
    press(page, "P")
    assert "10 candidates" in page.locator("#print-count").text_content()
    press(page, "Enter")
    until(page, "window.printed === 1")
    assert page.locator("#print .sheet").count() == 10
    assert page.locator("#print canvas").count() == 0
    assert page.locator("#print .sheet").first.text_content().count("Anna: O certain") == 1
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 3
    page.evaluate("() => window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("#print .sheet").count() == 0


def test_only_so_many_are_printed(page):
    page.evaluate("() => { Printing.MOST = 2; window.print = () => { window.printed = 1; } }")
    press(page, "Control+p")
    assert "2 can be printed at once" in page.locator("#print-count").text_content()
    page.locator("#print-start").click()
    until(page, "window.printed === 1")
    assert page.locator("#print .sheet").count() == 2
