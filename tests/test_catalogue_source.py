"""A general catalogue as the source of a scan: its rows find their files, and are checked."""

import csv
import gzip
import io
import json
import math
import os
import shutil
import tarfile
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from lamost_rare import cli
from lamost_rare.simulation.fits_files import lamost_file_bytes, lamost_file_name
from lamost_rare.survey import ScanError, ScanInterrupted, pack, scan
from lamost_rare.survey.inputs.discovery import Walk
from lamost_rare.survey.inputs.items import Item
from lamost_rare.survey.inputs.opening import open_inputs
from lamost_rare.survey.inputs.values import whole_numbers
from scan_helpers import (
    FULL,
    MACHINERY,
    digests,
    manifest,
    scan_directory,
    standin_preset,
    table,
    use_network,
)

N = 12
OUTPUTS = "out", "from-store"
COLUMNS = ["obsid", "designation", "lmjd", "planid", "spid", "fiberid", "ra", "dec", "snrg"]
COLUMNS += ["class", "subclass"]


def obsid(i):
    return 101_000 + i


def row(i, **changes):
    """The catalogue's row for the i-th file."""
    values = [obsid(i), f"J{i}", 55859, plan(i), 1, i, f"{i / 3:.6f}", -1.5, 20.5 + i, "STAR", "F5"]
    return dict(zip(COLUMNS, values, strict=True)) | changes


def plan(i):
    return ("F5902", "M31_004437N404045_M2")[i % 2]


def write_spectrum(path, i, layout="dr1-7", **changes):
    rng = np.random.default_rng(i)
    path.parent.mkdir(parents=True, exist_ok=True)
    identity = {
        "obsid": obsid(i), "designation": f"J{i}", "ra": round(i / 3, 6), "dec": -1.5,
        "lmjd": 55859, "planid": plan(i), "spid": 1, "fiberid": i,
        "snr": [10.0, 1.0 + i, 20.0, 20.0, 20.0],
    }  # fmt: skip
    flux, ivar = rng.normal(100, 10, FULL.n_pixels), np.full(FULL.n_pixels, 0.01)
    content = lamost_file_bytes(layout, FULL, flux, ivar, **identity | changes)
    path.write_bytes(gzip.compress(content, 1) if path.suffix == ".gz" else content)
    return path


def write_csv(path, rows, separator=","):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=separator, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode("utf-8", "surrogateescape")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def name(i):
    return lamost_file_name(55859, plan(i), 1, i)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Files in LAMOST's own folders, without folders, and with other endings and names."""
    root = tmp_path_factory.mktemp("dr7")
    for i in range(N):
        folder = [root / "20111024" / plan(i), root / "55859" / plan(i), root][i % 3]
        write_spectrum(folder / name(i), i, ("dr1-7", "early", "dr8plus")[i // 4])
    (root / name(3)).rename(root / name(3)[:-3]) if (root / name(3)).exists() else None
    path = next(root.rglob(name(5)))
    path.rename(path.with_name(name(5).replace(".fits.gz", ".fits.FITS.gz")))
    path = next(root.rglob(name(9)))
    path.rename(root / f"{obsid(9)}.fits.gz")
    return root


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(MACHINERY, "shard_size", 8)
    return use_network(monkeypatch)


@pytest.fixture
def run(tmp_path, network):
    preset = standin_preset(tmp_path / "preset")

    def run(catalogue, root, output="out", **options):
        options = {"preset": preset, "workers": 1, "batch_size": 4} | options
        return scan_directory(catalogue, tmp_path / output, root=root, **options)

    return run


def by_obsid(output):
    found = table(output)
    return {
        number: {column: values[i] for column, values in found.items()}
        for i, number in enumerate(found["obsid"])
    }


def rejects(output):
    found = table(output, "rejected")
    return list(zip(found["path"], found["reason"], found["detail"], strict=True))


def test_rows_find_their_files_in_any_order(root, run, tmp_path):
    rows = [row(i, subclass=f"F{i}") for i in range(N)]
    write_csv(tmp_path / "c.csv", rows)
    order = np.random.default_rng(1).permutation(N)
    write_csv(tmp_path / "shuffled.csv.gz", [rows[i] for i in order], "|")
    summary = run(tmp_path / "c.csv", root)
    assert (summary.discovered, summary.classified, summary.rejected) == (N, N, 0)
    run(tmp_path / "shuffled.csv.gz", root, "shuffled", workers=2)
    assert table(tmp_path / "out")["obsid"] == [obsid(i) for i in range(N)]
    assert table(tmp_path / "shuffled")["obsid"] == [obsid(i) for i in order]
    found = by_obsid(tmp_path / "out")
    assert found == by_obsid(tmp_path / "shuffled")
    for i in range(N):
        one = found[obsid(i)]
        assert one["ra"] == pytest.approx(i / 3, abs=1e-5)
        assert one["snr_g"] == 1 + i
        assert one["path"].split("/")[-1].startswith((name(i)[:-8], str(obsid(i))))
        assert (one["catalogue_class"], one["catalogue_subclass"]) == ("STAR", f"F{i}")
        assert one["catalogue_snr_g"] == 20.5 + i
    fields = pq.read_schema(tmp_path / "out" / "catalogue.parquet")
    assert fields.names[-3:] == ["catalogue_class", "catalogue_subclass", "catalogue_snr_g"]
    assert b"general catalogue" in fields.field("catalogue_class").metadata[b"description"]


def test_a_catalogue_is_packed_with_what_it_says(root, run, tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "PART_SIZE", 32)
    rows = [row(i, subclass=f"F{i}é" if i else "", snrg="" if i == 3 else 9.5) for i in range(N)]
    rows.insert(4, row(77))
    path = write_csv(tmp_path / "c.csv", rows)
    store = tmp_path / "dr7.h5"
    arguments = ["pack", str(path), "--root", str(root), "--output", str(store), "--workers", "1"]
    assert cli.main(arguments) == 0
    run(path, root)
    summary = run(store, None, "from-store")
    assert (summary.classified, summary.reasons) == (N, {"no_file": 1})
    own, stored = (pq.read_table(tmp_path / out / "catalogue.parquet") for out in OUTPUTS)
    assert own.schema.equals(stored.schema, check_metadata=True)
    for column in own.column_names:
        np.testing.assert_array_equal(own[column].to_pylist(), stored[column].to_pylist())
    assert rejects(tmp_path / "out") == rejects(tmp_path / "from-store")
    one = table(tmp_path / "from-store")
    assert one["catalogue_subclass"][:3] == ["", "F1é", "F2é"]
    assert one["catalogue_snr_g"][2:5] == [9.5, None, 9.5]
    # Packed without a catalogue it has no such columns.
    assert (
        cli.main(["pack", str(root), "--output", str(tmp_path / "plain.h5"), "--workers", "1"]) == 0
    )
    run(tmp_path / "plain.h5", None, "plain")
    assert not {"catalogue_class", "catalogue_snr_g"} & set(table(tmp_path / "plain"))


def test_a_batch_of_which_nothing_is_left_is_packed(root, run, tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "BATCH_SIZE", 4)
    monkeypatch.setattr(pack, "PART_SIZE", 32)
    lost = [row(i) for i in range(70, 76)]
    path = write_csv(tmp_path / "c.csv", [*lost, *(row(i) for i in range(6)), *lost])
    store = tmp_path / "dr7.h5"
    arguments = ["pack", str(path), "--root", str(root), "--output", str(store), "--workers", "1"]
    assert cli.main(arguments) == 0
    run(path, root, batch_size=4)
    summary = run(store, None, "from-store", batch_size=4)
    assert (summary.classified, summary.reasons) == (6, {"no_file": 12})
    own, stored = (table(tmp_path / out) for out in OUTPUTS)
    assert own["obsid"] == stored["obsid"] == [obsid(i) for i in range(6)]
    assert own["catalogue_class"] == stored["catalogue_class"] == ["STAR"] * 6


def entries(catalogue, root, walk=None):
    return list(open_inputs(catalogue, root).entries(Walk() if walk is None else walk))


def test_every_kind_of_table_gives_the_same(root, tmp_path):
    rows = [row(i) for i in range(N)]
    columns = {key: [one[key] for one in rows] for key in COLUMNS}
    for key in ("ra", "dec"):
        columns[key] = [float(value) for value in columns[key]]
    upper = Table({key.upper(): values for key, values in columns.items()})
    upper["spid"] = np.array(upper["SPID"], dtype=np.uint16)  # with TZERO
    upper.remove_column("SPID")
    upper["bits"] = np.zeros((N, 11), dtype=bool)
    upper.write(tmp_path / "c.fits")
    (tmp_path / "c.fits.gz").write_bytes(gzip.compress((tmp_path / "c.fits").read_bytes()))
    pq.write_table(pa.table(columns), tmp_path / "c.parquet")
    write_csv(tmp_path / "comma.csv", rows)
    write_csv(tmp_path / "pipe.CSV.gz.tmp", rows, "|")
    text = (tmp_path / "comma.csv").read_text().replace("F5902,", '"F5902",')
    (tmp_path / "quoted.csv").write_text("\ufeff#" + text.replace("\n", "\r\n\r\n"))
    renamed = [{f"combined_{key}": value for key, value in one.items()} for one in rows]
    write_csv(tmp_path / "combined.csv", renamed, "|")
    floats = [one | {"obsid": f"{one['obsid']}.0", "lmjd": " 55859.0 "} for one in rows]
    write_csv(tmp_path / "floats.csv", floats, "\t")
    catalogues = ["comma.csv", "c.fits", "c.fits.gz", "c.parquet", "pipe.CSV.gz.tmp", "quoted.csv"]
    wanted = entries(tmp_path / "comma.csv", root)
    assert [json.loads(Item.from_bytes(entry.item).observation)[0] for entry in wanted] == [
        obsid(i) for i in range(N)
    ]
    for catalogue in [*catalogues, "combined.csv", "floats.csv"]:
        assert entries(tmp_path / catalogue, root) == wanted


def test_text_as_bytes_is_text(root, run, tmp_path):
    """FITS through `Table.to_pandas` has bytes in its columns of text, in CSV as ``b'...'``."""
    rows = [row(i, subclass="F5é" if i else "it's", obsid=str(obsid(i))) for i in range(N)]
    columns = {key: [one[key] for one in rows] for key in COLUMNS}
    columns["subclass"] = np.array([one.encode() for one in columns["subclass"]])
    columns["lmjd"] = np.full(N, b"55859")
    Table(columns).write(tmp_path / "c.fits")
    frame = Table.read(tmp_path / "c.fits").to_pandas()
    assert isinstance(frame["planid"][0], bytes)
    frame.to_parquet(tmp_path / "c.parquet")
    frame.to_csv(tmp_path / "c.csv", index=False)
    assert "b'F5902'" in (tmp_path / "c.csv").read_text()
    fixed = pa.table({key: pa.array(frame[key]) for key in COLUMNS})
    fixed = fixed.set_column(3, "planid", pa.array(map(plan_bytes, range(N)), pa.binary(40)))
    pq.write_table(fixed, tmp_path / "padded.parquet")
    for catalogue in ("c.fits", "c.parquet", "c.csv", "padded.parquet"):
        summary = run(tmp_path / catalogue, root, overwrite=True)
        assert (summary.classified, summary.rejected) == (N, 0)
        found = table(tmp_path / "out")
        assert found["obsid"] == [obsid(i) for i in range(N)]
        assert found["catalogue_class"] == ["STAR"] * N
        assert found["catalogue_subclass"] == ["it's", *["F5é"] * (N - 1)]


def plan_bytes(i):
    return plan(i).encode().ljust(40, b"\0")


def test_text_that_only_looks_like_bytes_stays(root, run, tmp_path):
    odd = ["b'", "b''", "b'a'b'", "b'\\x'", "abb", "b", "b'x' + b'y'", "b*b"]
    path = write_csv(tmp_path / "c.csv", [row(i, subclass=odd[i]) for i in range(len(odd))])
    run(path, root)
    assert table(tmp_path / "out")["catalogue_subclass"] == [odd[0], "", *odd[2:]]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_text_of_other_systems(root, tmp_path, ends, encoding):
    plain = write_csv(tmp_path / "plain.csv", [row(i, subclass="é") for i in range(N)], "|")
    content = plain.read_text("utf-8").replace("\n", ends).encode(encoding)
    (tmp_path / "c.csv").write_bytes(content)
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(content))
    for name in ("c.csv", "c.csv.gz"):
        assert entries(tmp_path / name, root) == entries(plain, root)


def test_numbers_of_every_type_join(root, tmp_path):
    plain = write_csv(tmp_path / "plain.csv", [row(i) for i in range(N)])
    text = pa.table({key: [str(row(i)[key]) for i in range(N)] for key in COLUMNS})
    numbers = {
        "decimal": pa.decimal128(18, 0), "scaled": pa.decimal128(18, 3), "int32": pa.int32(),
        "uint64": pa.uint64(), "double": pa.float64(), "large": pa.large_string(),
        "view": pa.string_view(), "binary view": pa.binary_view(),
        "large binary": pa.large_binary(),
    }  # fmt: skip
    for name, kind in numbers.items():
        columns = {key: text[key] for key in COLUMNS}
        for key in ("obsid", "lmjd", "spid", "fiberid"):
            columns[key] = text[key].cast(kind)
        for key in ("planid", "class"):
            columns[key] = text[key].cast(kind) if "arge" in name or "view" in name else text[key]
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
        assert entries(tmp_path / f"{name}.parquet", root) == entries(plain, root), name
    columns = {key: text[key].dictionary_encode() for key in COLUMNS}
    pq.write_table(pa.table(columns), tmp_path / "categories.parquet")
    assert entries(tmp_path / "categories.parquet", root) == entries(plain, root)


def test_numbers_that_are_no_obsid(root, run, tmp_path):
    values = [101_000.0, 101_001.5, math.nan, 2.0**53, -1.0, math.inf, 101_006.0]
    rows = [row(i) | {"obsid": value} for i, value in enumerate(values)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "floats.parquet")
    decimals = [Decimal(value) for value in ("101000", "101001.5", "NaN", "1E30", "-1", "sNaN")]
    decimals.append(Decimal("101006.000"))
    assert whole_numbers(decimals) == [101_000, None, None, None, -1, None, 101_006]
    texts = [" 101000 ", "101001.5", "nan", "9007199254740993.0", "-1", "inf", "1.01006e5"]
    write_csv(tmp_path / "text.csv", [row(i, obsid=value) for i, value in enumerate(texts)])
    frame = pd.DataFrame(rows)
    frame["obsid"] = pd.array([101_000, *[None] * 5, 101_006], dtype="Int64")
    frame.to_parquet(tmp_path / "nullable.parquet")
    masked = Table([row(i) for i in range(7)], masked=True)
    masked["obsid"].mask = [False, *[True] * 5, False]
    masked["obsid"].fill_value = -9999
    masked.write(tmp_path / "masked.fits")
    masked.write(tmp_path / "masked.csv")
    for name in ("floats.parquet", "text.csv", "nullable.parquet", "masked.fits", "masked.csv"):
        summary = run(tmp_path / name, root, overwrite=True)
        assert table(tmp_path / "out")["obsid"] == [101_000, 101_006], name
        assert summary.reasons == {"bad_catalogue_row": 5}


def test_missing_text_is_empty(root, run, tmp_path):
    frame = pd.DataFrame([row(i) for i in range(4)])
    frame["subclass"] = ["F5", None, np.nan, pd.NA]
    frame.to_parquet(tmp_path / "c.parquet")
    run(tmp_path / "c.parquet", root)
    assert table(tmp_path / "out")["catalogue_subclass"] == ["F5", "", "", ""]


@pytest.mark.parametrize("name", ["c.fits", "c.fits.gz", "c.parquet", "c", "c.csv"])
def test_a_catalogue_without_a_directory_says_what_is_missing(root, tmp_path, name):
    path = tmp_path / name
    rows = Table([row(i) for i in range(4)])
    if "fits" in name:
        rows.write(tmp_path / "plain.fits")
        content = (tmp_path / "plain.fits").read_bytes()
        path.write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    elif name == "c.csv":
        rows.write(path)
    else:
        pq.write_table(pa.Table.from_pylist([row(i) for i in range(4)]), path)
    with pytest.raises(ScanError, match=r"is a table: say with root where"):
        open_inputs(path)


def test_a_spectrum_is_no_catalogue(root, tmp_path):
    for layout in ("early", "dr1-7", "dr8plus"):
        path = write_spectrum(tmp_path / f"{layout}.fits", 1, layout)
        assert [entry.path for entry in open_inputs(path).entries(Walk())] == [path.name.encode()]


def test_a_catalogue_whose_name_is_not_utf8(root, run, tmp_path):
    odd = os.fsdecode(b"c\xff")
    pq.write_table(pa.Table.from_pylist([row(0), row(77)]), tmp_path / "c.parquet")
    try:
        (tmp_path / "c.parquet").rename(tmp_path / odd)
    except OSError:
        pytest.skip("no such names on this file system")
    assert run(tmp_path / odd, root).classified == 1
    assert manifest(tmp_path / "out")["source"] == str(tmp_path / r"c\xff")


def test_what_is_not_there_is_counted(root, run, tmp_path):
    rows = [row(2), row(77), row(5), row(78, planid="../../etc"), row(79, obsid=""), row(2)]
    rows += [row(80, obsid="1e3x"), row(81, obsid=-9999), row(82, fiberid="")]
    path = write_csv(tmp_path / "c.csv", rows, "|")
    with path.open("a") as file:
        file.write("1|2|3\n\n101001|\n")
    summary = run(path, root)
    assert (summary.discovered, summary.classified) == (11, 3)
    assert summary.reasons == {"no_file": 1, "bad_catalogue_row": 7}
    assert summary.flags["DUPLICATE_OBSID"] == 1
    assert summary.discovered == summary.classified + summary.rejected
    found = rejects(tmp_path / "out")
    assert found[0] == (
        str(root / name(77)), "no_file", "row 2 (obsid 101077): no file of that name"
    )  # fmt: skip
    assert found[1][0] == f"{path}/row 4"
    assert found[1][2] == "row 4 (obsid 101078) has no usable planid"
    assert [detail for _, _, detail in found[2:6]] == [
        "row 5 has no usable obsid: ''",
        "row 7 has no usable obsid: '1e3x'",
        "row 8 has no usable obsid: '-9999'",
        "row 9 (obsid 101082) has no usable fiberid",
    ]
    assert found[6][2] == "row 10 has not 11 values, as the header has"
    besides = manifest(tmp_path / "out")["besides"]
    assert besides["files_without_row"] == N - 2
    assert besides["unreadable"] == 0


def test_files_that_are_not_what_the_row_says(run, tmp_path):
    root = tmp_path / "files"
    write_spectrum(root / name(0), 0)
    write_spectrum(root / name(1), 1, obsid=999)
    write_spectrum(root / name(2), 2, ra=2 / 3 + 4 / 3600)
    write_spectrum(root / name(3), 3, ra=1 + 2.5 / 3600)
    write_spectrum(root / name(4), 4, "early", fiberid=40)
    write_spectrum(root / name(5), 5, "early", planid="F5903")
    write_spectrum(root / name(6), 6, "early")
    write_spectrum(root / name(7), 7, dec=-9999.0)
    write_spectrum(root / name(8), 8, ra=8 / 3 + 1)
    (root / name(9)).write_bytes(b"")
    write_spectrum(root / f"{obsid(10)}.fits", 10, "early", ra=100.0)
    rows = [row(i) for i in range(11)]
    rows[8] |= {"ra_obs": 8 / 3 + 1, "dec_obs": -1.5}
    rows = [{"ra_obs": "", "dec_obs": "", **one} for one in rows]
    summary = run(write_csv(tmp_path / "c.csv", rows), root)
    assert table(tmp_path / "out")["obsid"] == [obsid(i) for i in (0, 3, 6, 7, 8)]
    assert summary.reasons == {"catalogue_mismatch": 5, "empty_file": 1}
    found = {path.split("/")[-1]: detail for path, _, detail in rejects(tmp_path / "out")}
    assert "its obsid is 999, in the catalogue 101001" in found[name(1)]
    said = "its position is 0.667778 -1.500000, in the catalogue 0.666667 -1.500000: 4.0 arcsec"
    assert said in found[name(2)]
    assert "its obsid is missing, and its fiberid is 40, in the catalogue 4" in found[name(4)]
    assert "its planid is F5903, in the catalogue M31_004437N404045_M2" in found[name(5)]
    assert "100.000000" in found[f"{obsid(10)}.fits"]


def test_two_rows_for_one_file(run, tmp_path):
    root = tmp_path / "files"
    write_spectrum(root / name(0), 0)
    write_spectrum(root / name(1), 1, "early")
    rows = [row(0, obsid=5), row(0), row(1), row(1, obsid=6), row(1)]
    run(write_csv(tmp_path / "c.csv", rows), root)
    assert table(tmp_path / "out")["obsid"] == [obsid(0), obsid(1), obsid(1)]
    details = [detail for _, reason, detail in rejects(tmp_path / "out")]
    assert "its obsid is 101000, in the catalogue 5" in details[0]
    assert "in the catalogue it is 6 and, before, another" in details[1]


def test_members_of_archives_and_links(root, run, tmp_path):
    folder = tmp_path / "tars"
    folder.mkdir()
    with tarfile.open(folder / "plate.tar", "w") as tar:
        for path in sorted(root.rglob("*.gz"))[:6]:
            tar.add(path, path.name)
    with tarfile.open(folder / "cut.tar.gz", "w:gz") as tar:
        tar.add(root / "20111024", "x")
    content = (folder / "cut.tar.gz").read_bytes()
    (folder / "cut.tar.gz").write_bytes(content[:2000])
    (folder / name(77)).symlink_to("nowhere")
    summary = run(write_csv(tmp_path / "c.csv", [row(i) for i in range(N)] + [row(77)]), folder)
    assert summary.classified == 6
    assert summary.reasons == {"no_file": 6, "unreadable": 1}
    assert all("plate.tar/" in path for path in table(tmp_path / "out")["path"])
    assert manifest(tmp_path / "out")["besides"]["unreadable"] == 1


@pytest.mark.parametrize("kind", ["csv.gz", "fits", "fits.gz", "parquet"])
def test_a_catalogue_that_is_cut_short(root, run, tmp_path, kind):
    rows = [row(i, designation="x" * (i % 40)) for i in range(500)]
    path = tmp_path / f"c.{kind}"
    if kind == "csv.gz":
        write_csv(path, rows)
    elif kind == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        Table(rows).write(path)
    assert len(entries(path, root)) == 500
    content = path.read_bytes()
    for keep in (len(content) * 3 // 4, 60, 9, 1, 0):
        path.write_bytes(content[:keep])
        with pytest.raises(ScanError, match=r"c.*(truncated or damaged|no column obsid)") as error:
            run(path, root)
        assert "\n" not in str(error.value)
        assert not list((tmp_path / "out").glob("[!.]*"))


def test_tables_that_are_no_catalogues(root, run, tmp_path):
    noise = np.random.default_rng(1).bytes(200_000)
    rows = [row(0)]
    broken = bytearray(gzip.compress(noise))
    broken[5000:5100] = bytes(100)
    texts = {
        "no column obsid .but id, ra": b"id,ra\n1,2\n",
        "no column obsid": noise,
        "no table: it has lines of more": ",".join(rows[0]).encode() + b"\n" + b"x" * 100_000,
        "truncated or damaged": b"\x1f\x8b" + noise,
        "no column lmjd, planid, spid, fiberid": b"obsid\n1\n",
        "two columns are called obsid": b"obsid,OBSID\n1,1\n",
        "c.csv is no catalogue that can be read": broken,
        "no rows in": ",".join(rows[0]).encode() + b"\n\n",
        "FITS without a binary table": gzip.compress(
            lamost_file_bytes("dr1-7", FULL, np.ones(FULL.n_pixels), np.ones(FULL.n_pixels))
        ),
        "no column obsid .but FLUX": lamost_file_bytes(
            "dr8plus", FULL, np.ones(FULL.n_pixels), np.ones(FULL.n_pixels)
        ),
    }
    folder = tmp_path / "files"
    write_spectrum(folder / name(0), 0)
    for message, content in texts.items():
        (tmp_path / "c.csv").write_bytes(content)
        with pytest.raises(ScanError, match=message) as error:
            run(tmp_path / "c.csv", folder)
        assert str(error.value).isprintable()
    write_csv(tmp_path / "c.csv", rows)
    for catalogue, directory, message in [
        (tmp_path / "c.csv", tmp_path / "nowhere", "root .* is no directory"),
        (folder, folder, "with root the source is a catalogue"),
        (tmp_path / "gone.csv", folder, "no such file"),
        (tmp_path / "c.csv", None, "say with root where"),
    ]:
        with pytest.raises(ScanError, match=message):
            run(catalogue, directory)
    assert not list((tmp_path / "out").glob("[!.]*"))


def test_only_the_same_catalogue_is_resumed(root, run, tmp_path):
    rows = [row(i) for i in range(N)]
    path = write_csv(tmp_path / "c.csv", rows)

    def stop(shards, *args, **kwargs):
        raise ScanInterrupted(None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "merge_shards", stop)
        with pytest.raises(ScanInterrupted):
            run(path, root)
    before = manifest(tmp_path / "out")
    assert (before["state"], before["root"]) == ("interrupted", str(root))
    for changed in ({"obsid": 7}, {"subclass": "O5"}, {"ra": 1.5}, {"fiberid": 200}):
        write_csv(path, [*rows[:3], rows[3] | changed, *rows[4:]])
        with pytest.raises(ScanError, match="other inputs"):
            run(path, root)
    write_csv(path, rows)
    shutil.copytree(root, tmp_path / "copy")
    with pytest.raises(ScanError, match=r"spectra below .*, not .*copy"):
        run(path, tmp_path / "copy")
    with pytest.raises(ScanError, match="say with root"):
        run(path, None)
    assert manifest(tmp_path / "out") == before
    summary = run(path, root)
    assert (summary.done_before, summary.classified) == (N, N)
    run(path, root, "whole")
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


def test_a_stop_while_the_directory_is_walked(root, tmp_path):
    path = write_csv(tmp_path / "c.csv", [row(0)])

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        entries(path, root, Walk(checkpoint=stop))


def test_on_the_command_line(root, network, tmp_path, capsys):
    preset = standin_preset(tmp_path / "preset")
    path = write_csv(tmp_path / "c.csv.gz", [row(i) for i in range(4)], "|")
    command = ["scan", str(path), "--output", str(tmp_path / "out"), "--workers", "1"]
    command += ["--preset", str(tmp_path / "preset")]
    assert preset.name == "standin-v1"
    assert cli.main(command) == 2
    assert "say with --root where" in capsys.readouterr().err
    assert cli.main([*command, "--root", str(root)]) == 0
    assert "4 inputs = 4 classified + 0 rejected + 0 to do" in capsys.readouterr().out


def test_text_of_a_hostile_catalogue(root, run, tmp_path):
    evil = "\x1b[31m\udcff\x00"
    rows = [row(0, **{"class": evil, "subclass": "s" * 500}), row(1, obsid=evil)]
    rows += [row(2, planid=evil), row(3, planid="x" * 300), row(4, lmjd=10**30), row(5, spid=-3)]
    summary = run(write_csv(tmp_path / "c.csv", rows), root)
    assert summary.reasons == {"bad_catalogue_row": 5}
    found = table(tmp_path / "out")
    assert found["catalogue_class"] == ["\x1b[31m\\xff\x00"]
    assert found["catalogue_subclass"] == ["s" * 64]
    assert all(detail.isprintable() for _, _, detail in rejects(tmp_path / "out"))


def test_real_spectra_with_their_labels_as_catalogue(data_folder, run, tmp_path):
    labels = data_folder / "lamost" / "labels.csv"
    with labels.open() as file:
        rows = list(csv.DictReader(file))
    step = [one for one in rows if one["obsid"]][::60] + rows[:1]
    step += [one | {"obsid": "42"} for one in rows if not one["obsid"]][:3]
    order = np.random.default_rng(2).permutation(len(step))
    path = write_csv(tmp_path / "c.csv.gz", [step[i] for i in order], "|")
    summary = run(path, data_folder / "lamost", batch_size=64)
    assert summary.discovered == len(step)
    found = by_obsid(tmp_path / "out")
    for one in step:
        if one["obsid"] in ("42", ""):
            continue
        line = found[int(one["obsid"])]
        assert line["path"].split("/")[-1].split(".")[0] == one["path"].split("/")[-1].split(".")[0]
        assert (line["catalogue_class"], line["catalogue_subclass"]) == (
            one["class"], one["subclass"]
        )  # fmt: skip
        assert line["snr_g"] == pytest.approx(float(one["snrg"]), abs=0.01)
    invented = [one for one in step if one["obsid"] == "42"]
    assert len(invented) == 3 == table(tmp_path / "out")["obsid"].count(42)
    assert summary.rejected == 0


def test_a_pipeline_takes_a_catalogue_too(root, run, network, tmp_path, capsys):
    path = write_csv(tmp_path / "c.csv.gz", [row(i) for i in range(6)], "|")
    run(path, root, "scanned", batch_size=256, format="ecsv")
    pipeline = tmp_path / "pipeline.yaml"
    step = f"rare_star_classifier: {{preset: {tmp_path / 'preset'}, batch_size: 256}}"
    pipeline.write_text(f"input: {path}\noutput: {tmp_path / 'out'}\nsteps:\n  - {step}\n")
    command = ["run", str(pipeline), "--workers", "1", "--root", str(root), "--format", "ecsv"]
    assert cli.main(command) == 0
    assert "catalogue.ecsv" in capsys.readouterr().out
    for name in ("catalogue.parquet", "catalogue.ecsv", "rejected.ecsv"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "scanned" / name).read_bytes()
    assert table(tmp_path / "out")["catalogue_subclass"][0] == row(0)["subclass"]
