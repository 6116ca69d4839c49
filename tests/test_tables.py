"""What other programs find in tables of either door: units, nulls, formats, UCDs."""

import csv
import os
import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from astropy import conf
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.io.votable import parse
from astropy.io.votable.ucd import check_ucd
from astropy.table import QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from lamost_rare import classify_spectra, cli
from lamost_rare.errors import UnusableSpectraWarning
from lamost_rare.inference import classify as classify_module
from lamost_rare.inference.arrow import arrow_table, described_field, note, parquet_writer
from lamost_rare.inference.columns import GENERAL_CATALOGUE, columns_of_catalogue, star_columns
from lamost_rare.inference.output import write_table
from lamost_rare.pipeline.steps.line_evidence import LineEvidence
from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.spectra.specutils_loader import lamost_loader
from lamost_rare.survey import scan, scan_directory, shard_processing
from lamost_rare.survey.catalogue import REJECTED_SCHEMA, catalogue_schema
from lamost_rare.survey.formats import convert_table
from scan_helpers import ReadHere, use_network
from standin import FULL_GRID, StandIn, save_standin, star

FORMATS = {"ra": ".5f", "p_O": ".4f", "snr_g": ".1f", "ew_heii_4686": ".3f"}
MEASURED = ("ra", "dec", "snr_g", "ew_heii_4686", "ew_heii_4686_err")


class AllCandidates(StandIn):
    def predict(self, batch):
        prediction = super().predict(batch)
        prediction.candidate[:] = True
        return prediction


@pytest.fixture
def files(tmp_path):
    """An O star, one of which the file says next to nothing, and no spectrum, below ``in``."""
    folder = tmp_path / "in"
    folder.mkdir()
    write_lamost_file(folder / "hot é.fits", "dr1-7", FULL_GRID, *star(True), obsid=1, ra=10.5)
    wavelength, flux, ivar = FULL_GRID.wavelength, *star(True)
    ivar[np.abs(wavelength - 4687) < 60] = 0
    write_lamost_file(
        folder / "poor.fits",
        "dr1-7",
        FULL_GRID,
        flux,
        ivar,
        ra=np.nan,
        dec=np.nan,
        snr=[np.nan] * 5,
    )
    (folder / "zzz.fits").write_text("x" * 5000)
    return sorted(folder.iterdir())


@pytest.fixture
def classified(files, tmp_path, monkeypatch):
    monkeypatch.setattr(classify_module, "kept_predictor", lambda preset, batch_size: StandIn())
    with pytest.warns(UnusableSpectraWarning, match="1 of 3 spectra not used"):
        return classify_spectra(files, save_standin(tmp_path))


@pytest.fixture
def scanned(files, tmp_path, monkeypatch):
    use_network(monkeypatch, AllCandidates())
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    (tmp_path / "preset").mkdir()
    scan_directory(tmp_path / "in", tmp_path / "out", preset=save_standin(tmp_path / "preset"))
    return tmp_path / "out"


@pytest.fixture(params=["classify", "catalogue", "candidates"])
def parquet(request, tmp_path):
    """The table of either door; not used spectra have rows in that of `classify_spectra` alone."""
    if request.param != "classify":
        return request.getfixturevalue("scanned") / f"{request.param}.parquet"
    write_table(request.getfixturevalue("classified"), tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


def test_astropy_knows_units_descriptions_and_formats(parquet, files):
    read = QTable.read(parquet)
    assert set(read["path"]) <= set(map(str, files))  # none cut short
    assert len(read) > 0
    known = {column.name: column for column in columns_of_catalogue(["O", "B"], "O")}
    for name in set(read.colnames) - {"evidence"}:
        assert read[name].info.description == known[name].description
    assert {name: read[name].info.format for name in FORMATS} == FORMATS
    assert read["ew_heii_4686"].unit == u.AA
    assert read["ew_heii_4686"].dtype == np.float32
    places = SkyCoord(read["ra"], read["dec"])
    assert places.ra.deg[list(read["path"]).index(str(files[0]))] == 10.5
    assert Table.read(parquet)["dec"].unit == u.deg


def test_what_was_not_measured_is_null_and_astropy_reads_nan(parquet, files):
    rows, read = pq.read_table(parquet), QTable.read(parquet)
    poor = rows["path"].to_pylist().index(str(files[1]))
    for name in MEASURED:
        assert rows[name][poor].as_py() is None
        assert np.isnan(read[name][poor])
    floats = [field.name for field in rows.schema if pa.types.is_floating(field.type)]
    for name in floats:
        values = np.asarray(read[name])
        assert rows[name].null_count == np.isnan(values).sum()
        assert not pc.any(pc.is_nan(rows[name])).as_py()
        if rows[name].null_count < len(rows):
            mean = np.nanmean(values, dtype=float)
            assert pc.mean(rows[name]).as_py() == pytest.approx(mean, rel=1e-6)


def test_a_spectrum_that_cannot_be_used_has_no_probability(classified, tmp_path):
    write_table(classified, tmp_path / "t.parquet")
    rows = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert [row["p_O"] is None for row in rows] == [False, False, True]
    assert QTable.read(tmp_path / "t.parquet").meta == {
        key: value for key, value in classified.meta.items() if key != "rejected"
    }
    assert pq.read_schema(tmp_path / "t.parquet").metadata[b"rare_class"] == b"O"


def test_the_rejected_table_is_read_whole(scanned, files):
    read = QTable.read(scanned / "rejected.parquet")
    assert list(read["path"]) == [str(files[2])]
    assert read["reason"].info.description == "code of lamost_rare.spectra.quality.REJECT_REASONS"


def test_csv_has_empty_cells(classified, scanned, tmp_path):
    write_table(classified, tmp_path / "t.csv")
    for path, empty in ((tmp_path / "t.csv", [False, True, True]), (scanned / "candidates.csv", 0)):
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert not [row for row in rows if "nan" in row.values()]
        if empty:
            assert [row["ew_heii_4686"] == "" for row in rows] == empty
            assert float(rows[0]["ew_heii_4686"]) == classified["ew_heii_4686"][0].value
        else:
            assert {row["ew_heii_4686"] == "" for row in rows} == {True, False}


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".vot"])
def test_other_formats_say_the_same(parquet, tmp_path, suffix, request):
    target = tmp_path / f"converted{suffix}"
    convert_table(parquet, target)
    tables = [QTable.read(target)]
    if "classified" in request.fixturenames:
        write_table(request.getfixturevalue("classified"), tmp_path / f"written{suffix}")
        tables.append(QTable.read(tmp_path / f"written{suffix}"))
    expected = QTable.read(parquet)
    for read in tables:
        assert read.colnames == expected.colnames
        for name in (*MEASURED, "p_O"):
            values = getattr(read[name], "unmasked", read[name])
            np.testing.assert_array_equal(np.asarray(values), np.asarray(expected[name]))
            missing = getattr(read[name], "mask", np.isnan(np.asarray(values)))
            np.testing.assert_array_equal(missing, np.isnan(np.asarray(expected[name])))
        assert f"{read['ra'].info.format}".strip("{:}")[-3:] == ".5f"
        assert SkyCoord(read["ra"], read["dec"]).shape == (len(expected),)


def test_fits_cards_and_votable_attributes(classified, tmp_path):
    write_table(classified, tmp_path / "t.fits")
    with fits.open(tmp_path / "t.fits") as hdus:
        hdus.verify("exception")
        header = hdus["CATALOGUE"].header
    number = 1 + classified.colnames.index("ew_heii_4686")
    assert header[f"TUNIT{number}"] == "Angstrom"
    assert header[f"TDISP{number}"] == "F9.3"
    assert header["PRESET"] == classified.meta["preset"]
    write_table(classified, tmp_path / "t.vot")
    parsed = parse(tmp_path / "t.vot", verify="exception")
    (frame,) = parsed.resources[0].coordinate_systems
    assert frame.system == "ICRS"
    for name in ("ra", "dec"):
        field = parsed.get_first_table().get_field_by_id(name)
        assert field.ref == frame.ID
        assert field.ucd == f"pos.eq.{name};meta.main"
    width = parsed.get_first_table().get_field_by_id("ew_heii_4686_err")
    assert (str(width.unit), width.ucd) == ("Angstrom", "stat.error;spect.line.eqWidth")
    assert "<TD></TD>" in (tmp_path / "t.vot").read_text(encoding="utf-8")


def test_every_column_has_a_ucd_of_the_controlled_vocabulary(scanned):
    added = [*GENERAL_CATALOGUE, *(c for c in LineEvidence.adds if not isinstance(c, str))]
    schemas = [catalogue_schema(added), REJECTED_SCHEMA]
    schemas += [pq.read_schema(scanned / f"{n}.parquet") for n in ("catalogue", "candidates")]
    for field in (field for schema in schemas for field in schema):
        assert note(field, "ucd"), field.name
        assert check_ucd(note(field, "ucd"), check_controlled_vocabulary=True), field.name


def test_a_table_without_coordinates_refers_to_no_frame(tmp_path):
    pq.write_table(REJECTED_SCHEMA.empty_table(), tmp_path / "t.parquet")
    convert_table(tmp_path / "t.parquet", tmp_path / "t.vot")
    assert "COOSYS" not in (tmp_path / "t.vot").read_text()
    parse(tmp_path / "t.vot", verify="exception")


def test_a_table_of_before_is_converted_with_nulls(tmp_path):
    field = described_field("ew", pa.float32(), "width", unit="Angstrom")
    old = pa.table({"ew": pa.array([np.nan, 1.0], pa.float32())}, schema=pa.schema([field]))
    pq.write_table(old, tmp_path / "t.parquet")
    convert_table(tmp_path / "t.parquet", tmp_path / "t.vot")
    assert QTable.read(tmp_path / "t.vot")["ew"].mask.tolist() == [True, False]


@settings(deadline=None)  # of the first file, and of a machine with other work
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
                st.floats(width=32),
                st.integers(-(2**63), 2**63 - 1),
            ),
            max_size=4,
        ),
        max_size=3,
    )
)
def test_parquet_in_pieces_is_read_as_it_was(tmp_path_factory, pieces):
    path = tmp_path_factory.mktemp("t") / "t.parquet"
    schema = pa.schema(
        [
            described_field("text", pa.string(), "it's: text"),
            described_field("x", pa.float32(), "", "km/s", ".2f"),
            described_field("n", pa.int64()),
        ]
    )
    with parquet_writer(path, schema) as write:
        for piece in pieces:
            columns = list(zip(*piece, strict=True)) or [[], [], []]
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            write(pa.Table.from_arrays(arrays, schema=schema))
    rows = [row for piece in pieces for row in piece]
    read = QTable.read(path)
    assert read["text"].tolist() == [row[0] for row in rows]
    np.testing.assert_array_equal(np.asarray(read["x"]), np.array([row[1] for row in rows], "f4"))
    assert read["n"].tolist() == [row[2] for row in rows]
    assert read["x"].unit == u.km / u.s
    assert pq.read_table(path)["x"].null_count == sum(np.isnan(row[1]) for row in rows)
    assert pq.read_schema(path).field("x").metadata[b"unit"] == b"km/s"


def test_columns_of_an_astropy_table_keep_what_is_known_of_them():
    table = Table({"ra": [1.0, np.nan], "mine": ["a", "b\udcff"]})
    table["ra"].unit, table["ra"].format, table["ra"].description = "deg", ".2f", "east"
    rows = arrow_table(table)
    notes = {key: note(rows.schema.field("ra"), key) for key in ("unit", "format", "description")}
    assert notes == {"unit": "deg", "format": ".2f", "description": "east"}
    assert rows.to_pydict() == {"ra": [1.0, None], "mine": ["a", r"b\xff"]}


def test_path_is_shown_last_and_stays_the_first_column(classified):
    assert classified.colnames[0] == "path"
    assert classified[:2].colnames[0] == "path"
    for shown in (classified, classified[:1], classified[["path", "obsid"]]):
        heading = shown.pformat(max_width=-1)[0].split()
        assert heading[-1] == "path"
        assert heading.count("path") == 1
    with conf.set_temp("max_width", 1000):
        assert repr(classified).splitlines()[1].split()[-1] == "path"
    heading = classified._repr_html_().partition("</thead>")[0]
    assert heading.endswith("<th>path</th></tr>")
    assert "prediction" in repr(classified[["obsid", "prediction"]])
    assert classified.colnames[0] == "path"


def test_paths_are_absolute_whatever_was_typed(files, scanned, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(classify_module, "kept_predictor", lambda preset, batch_size: StandIn())
    preset = save_standin(tmp_path)
    monkeypatch.chdir(tmp_path)
    typed = [os.path.join("in", path.name) for path in files]
    expected = [os.path.join(os.getcwd(), name) for name in typed]
    with pytest.warns(UnusableSpectraWarning):
        assert list(classify_spectra(typed, preset)["path"]) == expected
    with fits.open(typed[0]) as hdus:
        given = [hdus, lamost_loader(typed[0])]
        assert list(classify_spectra(given, preset)["path"]) == [expected[0]] * 2
    arguments = ["classify", *typed, "--preset", str(preset.folder), "--output", "t.parquet"]
    assert cli.main(arguments) == 0
    assert pq.read_table("t.parquet")["path"].to_pylist() == expected
    tables = [pq.read_table(scanned / f"{name}.parquet") for name in ("catalogue", "rejected")]
    assert sorted(path for t in tables for path in t["path"].to_pylist()) == expected
    capsys.readouterr()


def test_shards_of_the_version_before_are_done_again(files, tmp_path, monkeypatch):
    use_network(monkeypatch, AllCandidates())
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    (tmp_path / "preset").mkdir()
    preset = save_standin(tmp_path / "preset")
    with monkeypatch.context() as patch:
        patch.setattr(scan, "merge_shards", lambda *args: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            scan_directory(tmp_path / "in", tmp_path / "out", preset=preset)
    (shard,) = (tmp_path / "out" / "shards").glob("*.catalogue.parquet")
    rows = pq.read_table(shard)  # with NaN, and no more notes than there were
    assert np.isnan(rows["ra"].to_pylist()).sum() == 1
    plain = [field.with_metadata({"description": "x"}) for field in rows.schema]
    pq.write_table(rows.cast(pa.schema(plain)), shard, compression="zstd")
    for digests in shard.parent.glob("*.sha256"):
        digests.unlink()
    summary = scan_directory(tmp_path / "in", tmp_path / "out", preset=preset)
    assert (summary.done_before, summary.classified) == (0, 2)
    assert pq.read_table(tmp_path / "out" / "catalogue.parquet")["ra"].null_count == 1
    assert QTable.read(tmp_path / "out" / "catalogue.parquet")["ra"].unit == u.deg


def all_tables(folder, classified, scanned):
    """Every file that either door writes, with the columns that it should have units of."""
    for suffix in (".parquet", ".ecsv", ".fits", ".vot", ".csv"):
        write_table(classified, folder / f"classified{suffix}")
        yield folder / f"classified{suffix}"
    for name in ("catalogue", "candidates", "rejected", "stars"):
        yield scanned / f"{name}.parquet"
        for suffix in (".ecsv", ".fits", ".vot"):
            convert_table(scanned / f"{name}.parquet", scanned / f"{name}{suffix}")
            yield scanned / f"{name}{suffix}"
    yield scanned / "candidates.csv"


@pytest.mark.parametrize("kind", [Table, QTable])
def test_astropy_reads_every_table_with_units_and_without_a_warning(
    classified, scanned, tmp_path, kind
):
    columns = [*columns_of_catalogue(["O", "B"], "O"), *star_columns("O")]
    units = {column.name: u.Unit(column.unit) for column in columns if column.unit}
    for path in all_tables(tmp_path, classified, scanned):
        read = kind.read(path)
        assert len(read) > 0
        assert not [name for name in read.colnames if read[name].dtype.kind == "O"], path
        if path.suffix != ".csv":  # which knows of no units
            found = {name: read[name].unit for name in read.colnames if name in units}
            assert {name: units[name] for name in found} == found, path
            assert "ra" in found or path.stem == "rejected"


def test_topcat_reads_every_table_as_its_standard_says(classified, scanned, tmp_path):
    """By the same library: STILTS."""
    if shutil.which("stilts") is None:
        pytest.skip("STILTS is not installed")

    def stilts(*arguments):
        done = subprocess.run(["stilts", *arguments], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    paths = list(all_tables(tmp_path, classified, scanned))
    for path in paths:
        if path.suffix == ".vot":
            assert stilts("votlint", str(path)) == ""
    for suffix in (".fits", ".vot"):
        source = f"in={scanned / 'catalogue'}{suffix}"
        shown = stilts("tpipe", source, "cmd=meta name class units ucd", "ofmt=csv")
        rows = {row["Name"]: row for row in csv.DictReader(shown.splitlines())}
        assert rows["ra"] == {
            "Name": "ra", "Class": "Double", "Units": "deg", "UCD": "pos.eq.ra;meta.main",
        }  # fmt: skip
        assert rows["path"]["Class"] == "String"
        assert rows["ew_heii_4686"]["Units"] == "Angstrom"
        assert rows["candidate"]["Class"] == "Boolean"
