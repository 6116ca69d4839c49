"""Files of verdicts: as pages export them, and as people and spreadsheets leave them."""

import codecs
import json
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamost_rare.report.people import gather
from lamost_rare.report.verdict import Verdict, VerdictError, key_of, read_time
from lamost_rare.report.verdict_files import (
    VerdictFile,
    notes_on_lists,
    read_verdict_file,
    read_verdict_files,
)
from verdict_helpers import (
    COLUMNS,
    DIGEST,
    NAMES,
    csv_text,
    json_text,
    lines_text,
    some_verdicts,
    verdict,
)

THREE = [
    verdict(1),
    verdict(2, class_name="B", comment="H\u03b1 in emission, b\u00f6s;\nline 2"),
    verdict(3, class_name="unsure", flags=("binary", "follow up"), quality="possible"),
]


@pytest.fixture
def read(tmp_path):
    """Write a file and read it."""

    def read(content, name="verdicts.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_verdict_file(path)

    return read


def without_ids(verdicts):
    return [replace(v, id="") for v in verdicts]


def test_csv_json_and_lines_hold_the_same(read):
    assert read(csv_text(THREE)).verdicts == without_ids(THREE)
    assert read(json_text(THREE), "x.json").verdicts == THREE
    assert read(lines_text(THREE), "x.jsonl").verdicts == THREE
    for name in ("x.csv", "x.txt", "verdicts (1)"):  # the content says what it is
        assert read(json_text(THREE), name).verdicts == THREE
        assert read(lines_text(THREE), name).verdicts == THREE


ROUND_TRIP = settings(max_examples=60, deadline=None)


@ROUND_TRIP
@given(verdicts=some_verdicts(), by=NAMES)
def test_any_verdicts_come_back_from_json(tmp_path_factory, verdicts, by):
    by = unicodedata.normalize("NFC", by)
    verdicts = [replace(v, by=by) for v in verdicts]
    path = tmp_path_factory.mktemp("json") / "x"
    for text in (json_text(verdicts), lines_text(verdicts)):
        path.write_text(text, encoding="utf-8", newline="")
        assert read_verdict_file(path).verdicts == verdicts


@ROUND_TRIP
@given(
    verdicts=some_verdicts(),
    by=NAMES,
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    columns=st.permutations(COLUMNS),
    end=st.sampled_from(["\n", "\r\n"]),
    comma=st.booleans(),
    heading=st.booleans(),
)
def test_any_verdicts_come_back_from_csv(
    tmp_path_factory, verdicts, by, delimiter, encoding, columns, end, comma, heading
):
    by = unicodedata.normalize("NFC", by)
    verdicts = [replace(v, by=by) for v in verdicts]
    text = csv_text(verdicts, delimiter=delimiter, columns=columns, end=end, comma=comma)
    if heading:
        text = f"sep={delimiter}{end}{text}"
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_bytes(text.encode(encoding))
    found = read_verdict_file(path)
    assert found.verdicts == without_ids(verdicts)
    assert found.notes == []


def test_empty_columns_and_lines_of_a_spreadsheet(read):
    lines = csv_text(THREE[:1], delimiter=";", columns=(*COLUMNS, "mine")).splitlines()
    found = read("\n".join([*lines, ";" * 13, "", f"{lines[1]};;;"]))
    assert found.verdicts == without_ids([THREE[0], THREE[0]])


def test_old_western_encoding_is_read_and_told(read):
    found = read(csv_text(THREE).replace("\u03b1", "a").encode("cp1252"))
    assert "b\u00f6s" in found.verdicts[1].comment
    assert found.notes == ["is not UTF-8: read as Windows-1252, comments may have wrong letters"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-29T19:40:01.500Z", 1795981201.5),
        ("2026-11-29 19:40:01", 1795981201),
        ("2026-11-29T20:40:01+01:00", 1795981201),
        ("29.11.2026 19:40:01", 1795981201),
        ("29.11.2026 19:40", 1795981200),
        ("2026/11/29 19:40", 1795981200),
        ("11/29/2026 7:40:01 PM", 1795981201),
        ("11/12/2026 19:40", None),  # of November, or of December?
        ("46355.8194", None),
        ("####", None),
        ("", None),
    ],
)
def test_times(text, seconds):
    assert read_time(text) == seconds


def test_times_that_cannot_be_read_leave_the_order_of_lines(read):
    first = verdict(1, at="11/12/2026 19:40", class_name="B")
    found = read(csv_text([first, replace(first, class_name="O")]))
    assert found.notes == ["2 without a time that can be read: later lines hold"]
    assert [v.class_name for v in gather([found]).verdicts] == ["O"]


def decimal_key(kind):
    """A path whose key a spreadsheet takes for a number."""
    for number in range(100_000):
        path = f"/data/{kind}-{number}.fits.gz"
        key = key_of(path, 7)
        if kind == "digits" and key.isdecimal() and key[-1] != "0":
            return path, key
        if kind == "power" and key.replace("e", "", 1).isdecimal() and 2 < key.find("e") < 15:
            if float(key) < 1e300:
                return path, key
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", ["digits", "power"])
def test_a_key_taken_for_a_number_is_restored_or_refused(read, kind):
    path, key = decimal_key(kind)
    v = verdict(1, key=key, path=path, obsid=7)
    text = csv_text([THREE[0], v])
    for damaged in (f"{float(key):.5E}", f"{float(key):.5E}".replace(".", ",")):
        written = f'"{damaged}"'
        found = read(text.replace(key, written))
        assert found.verdicts == without_ids([THREE[0], v])
        assert found.notes == [
            "1 key that a spreadsheet took for a number: restored from path and obsid"
        ]
        for lost in (replace(v, path=""), replace(v, obsid=8), replace(v, path="/other")):
            text_of = csv_text([THREE[0], lost]).replace(key, written)
            with pytest.raises(VerdictError, match=r"verdicts.csv, line 3: key .* was taken for a"):
                read(text_of)
    if kind == "digits":  # fifteen digits are kept, the sixteenth is not
        rounded = key[:15] + "0"
        assert read(text.replace(key, rounded)).verdicts[1].key == key
    assert read(text).verdicts[1].key == key


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04....", "is a workbook or an archive: save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0....", "is an old Excel workbook"),
        (b"SIMPLE  =                    T", "is a FITS file"),
        (b"PAR1....", "is a Parquet file"),
        (b"<!DOCTYPE html><html>", "is a page: open it in a browser, and export"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 30, "is not text"),
        (b"\x81\x8d" * 300, "is not text in UTF-8"),
        (b"name,magnitude\nx,3\n", "is not a file of verdicts: its first line names no column"),
        (b"key;class\n0123;O\n", "has no column 'by'"),
        (b"key,class,by,key\n", "has more than one column 'key'"),
        (b"key,class,by\nabc,O,Anna\n", "line 2: key 'abc' is not 16 hexadecimal digits"),
        (b"key,class,by\n0123456789abcdef,O\n", "line 2: has 2 cells, the heading 3"),
        (b'key,class,by\n0123456789abcdef,"O\n', "line 2: unexpected end of data"),
        (b'\n\nsep=,\nkey,class,by\n\n0123456789abcdef,O,"Anna\nB."\nx,O,A', "line 8: key 'x'"),
        (b"key,class,by,ra\n0123456789abcdef,O,Anna,north\n", "line 2: ra is not a number"),
        (b"key,class,by,ra\n0123456789abcdef,O,Anna,400\n", "line 2: ra is not from 0 to 360"),
        (b'{"a": 1}', "is JSON, and no file of verdicts: its kind is not"),
        (b"[1, 2]", "verdict 1: not an object with key, by and class, but 1"),
        (b'{"format": 9, "kind": "lamost-rare verdicts"}', "is of format 9, and this version"),
        (b'{"format": 1, "kind": "lamost-rare verdicts"}', "is JSON without a list of verdicts"),
        (b'{"format": 1, "kind": "lamost-rare v', "is cut off or damaged"),
        (b"[" * 100_000, "is cut off or damaged"),
        (b'{"key": "0123456789abcdef", "by": 3}', "line 1: by is not text, but 3"),
    ],
)
def test_what_is_no_file_of_verdicts_is_refused_in_one_line(read, content, message):
    with pytest.raises(VerdictError) as raised:
        read(content)
    assert "verdicts.csv" in str(raised.value)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_truncated_export_says_so(read):
    text = json_text(THREE)
    for end in range(2, len(text) - 1, 37):
        with pytest.raises(VerdictError, match="is cut off or damaged"):
            read(text[:end], "x.json")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(VerdictError, match=r"cannot read .*missing.csv: No such file"):
        read_verdict_file(tmp_path / "missing.csv")
    with pytest.raises(VerdictError, match=r"cannot read .*: Is a directory"):
        read_verdict_file(tmp_path)
    with pytest.raises(ValueError, match="path is empty"):
        read_verdict_file("")


@pytest.mark.parametrize("content", [b"", b"\n \n", codecs.BOM_UTF8, csv_text([]).encode()])
def test_an_empty_file_holds_no_verdicts(read, content):
    found = read(content)
    assert found.verdicts == []
    assert found.notes == ["holds no verdicts"]


def test_a_half_written_last_line_is_left_out_and_told(read):
    text = lines_text(THREE)
    start = text.rindex("\n", 0, -1) + 1
    for end in range(start + 1, len(text) - 1, 23):
        found = read(text[:end], "x.jsonl")
        assert found.verdicts == THREE[:2]
        assert found.notes == ["ends in the middle of line 3, which is left out"]
    alone = read(text[: text.index("\n") // 2], "x.jsonl")
    assert (alone.verdicts, alone.notes[1:]) == ([], ["holds no verdicts"])


def test_a_half_written_line_between_others_is_left_out_and_told(read):
    first, second, third = lines_text(THREE).splitlines()
    found = read("\n".join([first, second[:50], third, ""]), "x.jsonl")
    assert found.verdicts == [THREE[0], THREE[2]]
    assert found.notes == ["1 half-written lines are left out: 2"]


def test_odd_events_are_refused():
    event = THREE[0].to_event()
    for change in ({"flags": "binary"}, {"flags": [1]}, {"flags": ["x"] * 100}, {"comment": 3},
                   {"comment": "x" * 20_001}, {"ra": "10"}, {"dec": True}, {"dec": -91.0},
                   {"obsid": [1]}, {"key": "A" * 16}, {"ra": float("inf")}):  # fmt: skip
        with pytest.raises(VerdictError, match=next(iter(change))):
            Verdict.from_event({**event, **change})
    assert Verdict.from_event({**event, "obsid": 101, "ra": float("nan")}).ra is None
    assert Verdict.from_event({**event, "obsid": "1.01E+08"}).obsid is None
    assert Verdict.from_event({**event, "more": 1}) == THREE[0]


def file_of(name, *verdicts):
    return VerdictFile(name, list(verdicts))


def said(found):
    return {(v.by, v.name): v.class_name for v in found.verdicts}


def test_the_last_verdict_holds_whatever_the_order():
    earlier = verdict(1, class_name="B", at="2026-11-29T10:00:00Z", id="1")
    later = verdict(1, class_name="O", at="2026-11-29T11:00:00Z", id="2")
    for files in ([file_of("a", earlier, later)], [file_of("a", later, earlier)],
                  [file_of("a", earlier, later), file_of("b", earlier)]):  # fmt: skip
        assert said(gather(files)) == {("Anna", "J1"): "O"}


def test_a_withdrawn_verdict_is_none():
    earlier = verdict(1, at="2026-11-29T10:00:00Z", id="1")
    later = verdict(1, class_name="", quality="", at="2026-11-29T11:00:00Z", id="2")
    found = gather([file_of("a", earlier, later)])
    assert (found.verdicts, found.withdrawn, found.people) == ([], 1, ["Anna"])


def test_two_people_of_one_name_are_told_apart():
    mine = [verdict(n) for n in range(3)]
    other = [verdict(n, at=f"2026-12-01T00:00:0{n}Z", id=f"b{n}", class_name="B") for n in range(3)]
    files = [file_of("x/a.csv", *mine), file_of("x/b.csv", *other)]
    found = gather(files)
    assert found.people == ["Anna (a.csv)", "Anna (b.csv)"]
    assert said(found)["Anna (b.csv)", "J1"] == "B"
    assert found.notes == [
        "Anna is taken for 2 people, since no verdict of that name is in two of a.csv, b.csv; "
        "one_person=True if it is one"
    ]
    one = gather(files, one_person=True)
    assert (one.people, one.notes) == (["Anna"], [])
    assert set(said(one).values()) == {"B"}
    same_names = [file_of("x/a.csv", *mine), file_of("y/a.csv", *other)]
    assert gather(same_names).people == ["Anna (x/a.csv)", "Anna (y/a.csv)"]


def test_files_with_an_event_in_common_are_of_one_person():
    a, b, c = verdict(1), verdict(2), verdict(3)
    later = verdict(1, class_name="B", at="2026-12-01T00:00:00Z", id="later")
    export = file_of("a.csv", *without_ids([a, b]))
    log = file_of("a.jsonl", a, b, c, later)
    found = gather([log, export])
    assert found.people == ["Anna"]
    assert said(found) == {("Anna", "J1"): "B", ("Anna", "J2"): "O", ("Anna", "J3"): "O"}
    # A third file ties two together that have nothing in common.
    chain = [file_of("1", a), file_of("2", c), file_of("3", a, c)]
    assert gather(chain).people == ["Anna"]


def test_a_change_without_a_new_time_is_told():
    edited = replace(verdict(1), class_name="B", id="")
    found = gather([file_of("a.json", verdict(1)), file_of("edited.csv", edited)])
    assert said(found) == {("Anna", "J1"): "B"}
    assert found.notes == [
        "Anna: 1 verdict changed without a new time (in a spreadsheet?): the one in the later "
        "file or line holds"
    ]


def test_what_one_event_does_not_tell_another_does():
    bare = verdict(1, path="", ra=None, obsid=None, at="2026-12-01T00:00:00Z", id="later")
    (found,) = gather([file_of("a", verdict(1), bare)]).verdicts
    assert (found.path, found.ra, found.obsid) == ("/data/spec-1.fits.gz", 10.5, 101)


def test_names_are_one_however_they_were_typed():
    names = ["J\u00f6rg  M.", "Jo\u0308rg M.", " J\u00f6rg M. "]
    events = [{**verdict(n).to_event(), "by": name} for n, name in enumerate(names)]
    found = gather([file_of("a", *map(Verdict.from_event, events))])
    assert found.people == ["J\u00f6rg M."]
    assert gather([file_of("a", verdict(1, by=""))]).people == ["unnamed"]


def test_another_list_is_told():
    other = "cd" * 32
    files = [
        file_of("a.csv", verdict(1), verdict(2), verdict(3)),
        file_of("b.csv", verdict(2, list=other), verdict(7, list=other)),
    ]
    note = "b.csv is of list cdcdcdcd, not abababab: 1 of its 2 spectra are in both"
    assert notes_on_lists(files) == [note]
    assert notes_on_lists(files[:1]) == []
    told = notes_on_lists(files, "ef" * 32, [verdict(7).key])
    assert told == [
        "a.csv is of list abababab, not efefefef: 0 of its 3 spectra are in both",
        "b.csv is of list cdcdcdcd, not efefefef: 1 of its 2 spectra are in both",
    ]
    assert notes_on_lists([file_of("a", verdict(1, list=""))], DIGEST) == []


def test_a_file_given_twice_counts_once(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json_text(THREE))
    assert len(read_verdict_files([path, str(path)])) == 1


def test_events_and_verdicts_are_the_same_thing():
    for v in THREE:
        event = json.loads(json.dumps(v.to_event()))
        assert Verdict.from_event(event) == v
