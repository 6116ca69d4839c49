"""Tables of a scan as FITS, ECSV and VOTable: what astropy reads is what Parquet holds."""

import os

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.io.votable import parse
from astropy.table import QTable, Table

from lamost_rare.inference import table_formats
from lamost_rare.inference.columns import Column
from lamost_rare.survey import ScanError, formats, scan_directory, shard_processing
from lamost_rare.survey.catalogue import REJECTED_SCHEMA, catalogue_schema
from lamost_rare.survey.formats import convert_table
from lamost_rare.survey.merge import CONVERTED, RESULTS
from scan_helpers import ReadHere, digests, manifest, standin_preset, use_network, write_file

SUFFIXES = (".fits", ".ecsv", ".vot")
HOSTILE = [
    "/plain/spec-1.fits",
    "/new\nline/\x1b[31m.fits",
    "/quote'\" ,;|&<tag>&amp;]]>--.fits",
    "/café/星 %s {0} $(rm).fits",
    r"/latin\xe9.fits",
    "#comment",
    '""',
    "nan",
    "",
    "x" * 4000,
]


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    return use_network(monkeypatch)


@pytest.fixture
def preset(tmp_path):
    return standin_preset(tmp_path / "preset")


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    root = tmp_path_factory.mktemp("survey")
    for i in range(5):
        write_file(root / f"{i}.fits", 20 * i)
    (root / "bad\nname é.fits").write_text("<html>")
    return root


def field(name, kind, description="", unit=None):
    notes = {"description": description} | ({"unit": unit} if unit else {})
    return pa.field(name, kind, metadata=notes)


def full_table(n=10):
    """Every type that a step may add, at its limits."""
    fields = [
        field("path", pa.string(), 'where <it> & "that" is, in é'),
        field("obsid", pa.int64(), "identifier " * 9),
        field("ra", pa.float64(), "right ascension", "deg"),
        field("p_O", pa.float32(), "probability"),
        field("candidate", pa.bool_(), "worth a look"),
        field("ew", pa.float32(), "width", "Angstrom"),
        field("tiny", pa.int8()),
        field("byte", pa.uint8()),
        field("short", pa.int16()),
        field("word", pa.uint16()),
        field("int", pa.int32()),
        field("long", pa.uint32()),
        field("huge", pa.uint64()),
        field("half", pa.float16()),
    ]
    values = [
        HOSTILE,
        [-1, 2**63 - 1, -(2**63), *range(7)],
        [np.nan, np.inf, -np.inf, 1e-300, 0.1, 1 / 3, -0.0, 1e300, 360.0, 2.0],
        np.linspace(0, 1, 10, dtype="f4") ** 7,
        [True, False] * 5,
        [np.nan, 1e-8, -1e30, 0.1, 0.2, 0.3, 4.0, 5.0, 6.0, 7.0],
        [-128, 127] * 5,
        [0, 255] * 5,
        [-(2**15), 2**15 - 1] * 5,
        [0, 2**16 - 1] * 5,
        [-(2**31), 2**31 - 1] * 5,
        [0, 2**32 - 1] * 5,
        [0, 2**64 - 1] * 5,
        np.arange(10, dtype="f2") / 4,
    ]
    return pa.table(values, schema=pa.schema(fields)).slice(0, n)


def converted(table, folder, suffix, name="catalogue"):
    pq.write_table(table, folder / f"{name}.parquet")
    convert_table(folder / f"{name}.parquet", folder / f"{name}{suffix}")
    return folder / f"{name}{suffix}"


def safe(text, suffix):
    """Text as it stands in a format: FITS has ASCII alone, none has control characters."""
    text = text.replace("\n", r"\n").replace("\x1b", r"\x1b")
    return text.encode("ascii", "backslashreplace").decode() if suffix == ".fits" else text


def plain(column):
    """All values of a column, also those that astropy takes for missing: NaN and empty text."""
    column = getattr(column, "unmasked", column)
    return np.ma.getdata(getattr(column, "value", column))


@pytest.mark.parametrize("kind", [Table, QTable])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_astropy_reads_what_was_written(tmp_path, suffix, kind):
    table = full_table()
    read = kind.read(converted(table, tmp_path, suffix))
    assert read.colnames == table.column_names
    assert len(read) == len(table)
    for name in table.column_names:
        ours, theirs = table[name].to_pylist(), plain(read[name])
        if name in ("path", "huge"):
            missing = getattr(read[name], "mask", np.zeros(len(read), bool))  # astropy's empty text
            theirs = ["" if m else str(x) for x, m in zip(read[name], missing, strict=True)]
            assert theirs == [safe(str(x), suffix) for x in ours]
        else:
            assert theirs.dtype.kind == np.asarray(ours).dtype.kind
            np.testing.assert_array_equal(theirs, np.asarray(ours, theirs.dtype))
    assert read["ra"].unit == u.deg
    assert u.Unit(read["ew"].unit) == u.AA
    sizes = {"obsid": 8, "ra": 8, "ew": 4, "p_O": 4, "half": 4}
    assert {name: read[name].dtype.itemsize for name in sizes} == sizes
    if suffix != ".fits":  # where astropy leaves descriptions in the header
        for column in table.schema:
            expected = column.metadata[b"description"].decode().strip()
            assert (read[column.name].info.description or "").strip() == expected


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_without_rows(tmp_path, suffix):
    read = QTable.read(converted(full_table(0), tmp_path, suffix))
    assert len(read) == 0
    assert read.colnames == full_table().column_names
    assert read["ra"].unit == u.deg


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_bytes_depend_on_nothing_but_the_table(tmp_path, suffix, monkeypatch):
    whole = converted(full_table(), tmp_path, suffix).read_bytes()
    monkeypatch.setattr(table_formats, "BLOCK", 3)
    assert converted(full_table(), tmp_path, suffix).read_bytes() == whole


def test_fits_is_sound_and_documented(tmp_path):
    path = converted(full_table(), tmp_path, ".fits")
    assert path.stat().st_size % 2880 == 0
    with fits.open(path) as hdus:
        hdus.verify("exception")
        header = hdus["CATALOGUE"].header
    assert header["NAXIS2"] == len(HOSTILE)
    number = {header[f"TTYPE{i}"]: i for i in range(1, header["TFIELDS"] + 1)}
    assert header[f"TUNIT{number['ra']}"] == "deg"
    assert header[f"TUNIT{number['ew']}"] == "Angstrom"
    assert header[f"TCOMM{number['ra']}"] == "right ascension"
    assert header[f"TCOMM{number['path']}"] == r'where <it> & "that" is, in \xe9'
    assert header[f"TCOMM{number['obsid']}"] == ("identifier " * 9).strip()
    assert "DATE" not in header


def test_ucds_of_fits_are_where_topcat_looks(tmp_path):
    path = converted(REJECTED_SCHEMA.empty_table(), tmp_path, ".fits", "rejected")
    header = fits.getheader(path, 1)
    number = {header[f"TTYPE{i}"]: i for i in range(1, header["TFIELDS"] + 1)}
    assert header[f"TUCD{number['path']}"] == "meta.ref;meta.file"


def test_votable_keeps_to_the_standard(tmp_path):
    parsed = parse(converted(full_table(), tmp_path, ".vot"), verify="exception")
    (table,) = parsed.iter_tables()
    assert (table.ID or table.name, table.nrows) == ("catalogue", len(HOSTILE))
    assert str(table.get_field_by_id("ew").unit) == "Angstrom"
    assert table.get_field_by_id("path").arraysize == "4000*"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_text_is_text_and_no_object(tmp_path, suffix):
    """Also a character of two UTF-16 words, which counts as one."""
    texts = [*HOSTILE[:-1], "\U0001d49e" * 50]
    table = pa.table({"path": texts, "empty": [""] * len(texts)})
    for rows in (table, table.slice(0, 0)):
        read = Table.read(converted(rows, tmp_path, suffix))
        assert {read[name].dtype.kind for name in read.colnames} <= {"U", "S"}
        missing = getattr(read["path"], "mask", np.zeros(len(read), bool))  # astropy's empty text
        found = ["" if m else str(x) for x, m in zip(read["path"], missing, strict=True)]
        assert found == [safe(x, suffix) for x in rows["path"].to_pylist()]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_columns_of_a_scan_are_documented_in_all_formats(tmp_path, suffix):
    added = [
        Column("p_O", "f4", "p"),
        Column("note", str, "of a step"),
        Column("v", "f4", "", "km/s"),
    ]
    for name, schema in (("catalogue", catalogue_schema(added)), ("rejected", REJECTED_SCHEMA)):
        path = converted(schema.empty_table(), tmp_path, suffix, name)
        header = fits.getheader(path, 1) if suffix == ".fits" else None
        read = QTable.read(path)
        assert read.colnames == schema.names
        for number, column in enumerate(schema, start=1):
            unit, description = (
                column.metadata.get(k, b"").decode() for k in (b"unit", b"description")
            )
            found = read[column.name].info
            assert u.Unit(found.unit or "") == u.Unit(unit)
            if header is None:
                assert (found.description or "") == description
            else:
                assert header.get(f"TCOMM{number}", "") == description


def test_what_cannot_be_converted(tmp_path):
    source = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": [[1]]}), source)
    with pytest.raises(ValueError, match=r"column x is of type list"):
        convert_table(source, tmp_path / "t.fits")
    for column in (["a", None], [1, None]):
        pq.write_table(pa.table({"x": column}), source)
        with pytest.raises(ValueError, match=r"column x has empty cells"):
            convert_table(source, tmp_path / "t.ecsv")
    with pytest.raises(
        ValueError, match=r"t\.doc: the suffix must be one of \.fits, \.ecsv, \.vot"
    ):
        convert_table(source, tmp_path / "t.doc")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.parquet"]


@pytest.mark.parametrize("format", CONVERTED)
def test_scan_writes_the_format_and_adds_another_later(survey, preset, network, tmp_path, format):
    output = tmp_path / "out"
    summary = scan_directory(survey, output, preset=preset, workers=1, format=format)
    suffix = formats.FORMATS[format]
    assert f"catalogue{suffix}, " in str(summary)
    assert f"rejected{suffix} (why)" in str(summary)
    names = {p.name for p in output.iterdir()}
    assert names == {*RESULTS, *CONVERTED[format], "manifest.json", ".scan.lock"}
    for name in CONVERTED[format]:
        ours = pq.read_table((output / name).with_suffix(".parquet"))
        theirs = Table.read(output / name)
        assert theirs.colnames == ours.column_names
        assert len(theirs) == len(ours) > 0
        paths = [safe(path, suffix) for path in ours["path"].to_pylist()]
        assert [str(path) for path in theirs["path"]] == paths
    before = {name: (output / name).read_bytes() for name in CONVERTED[format]}

    network.sizes.clear()
    tables = digests(output)
    for other in ("parquet", *CONVERTED):  # the scan is complete: nothing but the tables is made
        again = scan_directory(survey, output, preset=preset, workers=1, format=other)
        assert again.counts() == summary.counts()
    assert network.sizes == []
    assert digests(output) == tables
    assert {name: (output / name).read_bytes() for name in before} == before
    assert all((output / name).exists() for names in CONVERTED.values() for name in names)
    scan_directory(survey, output, preset=preset, workers=1, overwrite=True)
    assert {p.name for p in output.iterdir()} == {*RESULTS, "manifest.json", ".scan.lock"}
    assert digests(output) == tables


def test_a_merge_that_is_done_again_leaves_no_table_of_before(survey, preset, network, tmp_path):
    output = tmp_path / "out"
    scan_directory(survey, output, preset=preset, workers=1, format="fits")
    (output / "catalogue.parquet").unlink()
    (output / ".catalogue.vot.part").write_text("from a run that was killed")
    scan_directory(survey, output, preset=preset, workers=1)
    assert {p.name for p in output.iterdir()} == {*RESULTS, "manifest.json", ".scan.lock"}


def test_refusals(survey, preset, network, tmp_path):
    with pytest.raises(ScanError, match=r"^format must be one of parquet, fits, ecsv, votable"):
        scan_directory(survey, tmp_path / "out", preset=preset, format="csv")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "catalogue.fits").write_text("mine")
    with pytest.raises(ScanError, match=r"catalogue.fits exists and no manifest.json"):
        scan_directory(survey, tmp_path / "out", preset=preset)
    assert (tmp_path / "out" / "catalogue.fits").read_text() == "mine"


def test_a_disk_that_fills_up_while_a_table_is_converted(
    survey, preset, network, tmp_path, monkeypatch
):
    output = tmp_path / "out"
    scan_directory(survey, output, preset=preset, workers=1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(OSError(28, "full")))
        with pytest.raises(ScanError, match=r"cannot go on, .*: full; put that right"):
            scan_directory(survey, output, preset=preset, workers=1, format="fits")
    assert not [p.name for p in output.iterdir() if p.suffix in (".fits", ".part")]
    assert manifest(output)["state"] == "complete"
    scan_directory(survey, output, preset=preset, workers=1, format="fits")
    assert all((output / name).exists() for name in CONVERTED["fits"])


def test_text_that_a_spreadsheet_would_run_is_text():
    from lamost_rare.inference.arrow import for_spreadsheets

    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "a=1", "", "\x1b[2J", "/a"]
    table = pa.table({"path": texts, "ra": [-1.0] * len(texts)})
    safe = for_spreadsheets(table)
    assert safe["path"].to_pylist() == [
        *("'=1+1", "'+1", "'-1", "'@SUM(A1)", "\\t=1", "\\r=1", "'\uff1d1"),
        *("a=1", "", "\\x1b[2J", "/a"),
    ]
    assert safe["ra"] == table["ra"]
