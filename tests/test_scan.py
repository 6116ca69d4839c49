"""Scan: counts that add up, resume to the same bytes, refusals, and damage in bulk.

The network here is a stand-in that is quick and cannot be mistaken; `test_scan_processes.py` has
the real one, and `test_scan_kills.py` what becomes of a scan that is killed.
"""

import hashlib
import os
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from lamost_rare.folder_lock import folder_lock
from lamost_rare.inference.columns import columns_of_catalogue
from lamost_rare.simulation.damage import DAMAGE, damage_file
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.survey import ScanError, merge, scan
from lamost_rare.survey.merge import RESULTS
from lamost_rare.survey.shard_run import LOCK_NAME
from lamost_rare.survey.shards import ShardStore
from scan_helpers import (
    MACHINERY,
    digests,
    manifest,
    scan_directory,
    standin_preset,
    table,
    use_network,
    write_file,
)

DUPLICATE = int(QualityFlag.DUPLICATE_OBSID)


def columns_of(preset):
    return columns_of_catalogue(preset.classes, preset.rare_class)


@pytest.fixture
def network(monkeypatch):
    return use_network(monkeypatch)


@pytest.fixture
def preset(tmp_path):
    return standin_preset(tmp_path / "preset")


@pytest.fixture
def small_shards(monkeypatch):
    monkeypatch.setattr(MACHINERY, "shard_size", 8)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """27 good files on two plates, in all layouts, and something else."""
    root = tmp_path_factory.mktemp("survey")
    for i in range(27):
        layout = ("dr1-7", "dr8plus", "early")[i % 3]
        write_file(root / f"plate{i % 2}" / f"spec-{i:03d}.fits", i * 3, layout)
    (root / "readme.txt").write_text("not a spectrum")
    return root


@pytest.fixture
def reference(folder, preset, network, small_shards, tmp_path):
    """Digests of an undisturbed scan, whose batches of 4 and shards of 8 others share."""
    scan_directory(folder, tmp_path / "reference", preset=preset, workers=1, batch_size=4)
    network.sizes.clear()
    return digests(tmp_path / "reference")


def test_outputs_of_a_scan(folder, preset, network, tmp_path):
    output = tmp_path / "new" / "out"
    summary = scan_directory(folder, output, preset=preset)
    assert (summary.discovered, summary.classified, summary.rejected) == (27, 27, 0)
    assert summary.state == "complete"
    assert sorted(p.name for p in output.iterdir()) == sorted(
        [*RESULTS, "manifest.json", ".scan.lock"]
    )
    rows = table(output)
    assert list(rows) == [c.name for c in columns_of(preset)]
    files = sorted(os.fsencode(p) for p in folder.rglob("*.fits"))
    assert rows["path"] == [os.fsdecode(p) for p in files]
    numbers = [3 * int(p.rsplit("-", 1)[1][:3]) for p in rows["path"]]
    early = [number % 9 == 6 for number in numbers]  # which has no OBSID
    assert rows["obsid"] == [-1 if e else 1000 + n for n, e in zip(numbers, early, strict=True)]
    assert rows["ra"] == numbers
    np.testing.assert_allclose(rows["p_O"], [0.01 + n % 98 / 100 for n in numbers], rtol=1e-6)
    np.testing.assert_allclose(np.add(rows["p_O"], rows["p_F"]), 1, atol=1e-6)
    assert rows["candidate"] == [p > 0.5 for p in rows["p_O"]]
    assert np.isfinite(rows["ew_heii_4541"]).all()
    assert table(output, "rejected") == {"path": [], "reason": [], "detail": []}

    schema = pq.read_schema(output / "catalogue.parquet")
    assert schema.field("ra").metadata[b"unit"] == b"deg"
    assert schema.field("ew_heii_4541").metadata[b"unit"] == b"Angstrom"
    assert all(schema.field(name).metadata[b"description"] for name in schema.names)
    assert schema.field("obsid").type == "int64"
    assert schema.field("p_O").type == "float"
    compression = pq.ParquetFile(output / "catalogue.parquet").metadata.row_group(0).column(0)
    assert compression.compression == "ZSTD"


def test_candidates_are_the_rows_that_are_candidates(folder, preset, network, tmp_path):
    summary = scan_directory(folder, tmp_path / "out", preset=preset)
    found, rows = table(tmp_path / "out", "candidates"), table(tmp_path / "out")
    assert sorted(found["p_O"]) == sorted(p for p in rows["p_O"] if p > 0.5)
    assert found["evidence"] == sorted(found["evidence"], reverse=True)
    assert summary.candidates == len(found["p_O"]) == sum(rows["candidate"])
    lines = (tmp_path / "out" / "candidates.csv").read_text().splitlines()
    assert lines[0].split(",")[0] == '"path"'
    assert [line.split(",")[0].strip('"') for line in lines[1:]] == found["path"]


def test_manifest_says_what_was_done(folder, preset, network, tmp_path):
    scan_directory(folder, tmp_path / "out", preset=preset, batch_size=8)
    written = manifest(tmp_path / "out")
    names = sorted(os.fsencode(p.relative_to(folder)) for p in folder.rglob("*.fits"))
    digest = hashlib.sha256(b"".join(name + b"\0" for name in names)).hexdigest()
    assert written["inputs"] == {"count": 27, "sha256": digest}
    assert written["preset"]["name"] == "standin-v1"
    assert written["preset"]["weights_sha256"] == preset.sha256
    assert written["configuration"] == {"batch_size": 8, "shard_size": 2048}
    assert written["besides"]["other_files"] == 1
    assert {"numpy", "pyarrow", "lamost-rare"} <= set(written["versions"])
    counts = written["counts"]
    assert counts["discovered"] == counts["classified"] + counts["rejected"] + counts["to_do"]
    assert counts["predictions"] == Counter(table(tmp_path / "out")["prediction"])
    assert counts["flags"]["MISSING_IDENTITY"] == 9


def test_batches_and_workers_do_not_show(reference, folder, preset, network, tmp_path):
    scan_directory(folder, tmp_path / "three", preset=preset, workers=3, batch_size=4)
    assert digests(tmp_path / "three") == reference
    assert sorted(network.sizes) == [3, 4, 4, 4, 4, 4, 4]  # never across a shard's end


def test_a_complete_scan_is_not_done_again(folder, preset, network, tmp_path):
    first = scan_directory(folder, tmp_path / "out", preset=preset)
    before = digests(tmp_path / "out")
    network.sizes.clear()
    again = scan_directory(folder, tmp_path / "out", preset=preset)
    assert network.sizes == []
    assert digests(tmp_path / "out") == before
    assert again.counts() == first.counts()
    (tmp_path / "out" / "catalogue.parquet").unlink()
    scan_directory(folder, tmp_path / "out", preset=preset)
    assert digests(tmp_path / "out") == before


def test_every_kind_of_damage_is_a_reject_with_its_reason(preset, network, tmp_path):
    rng = np.random.default_rng(11)
    expected = {}
    for i, (kind, reason) in enumerate(DAMAGE.items()):
        path = write_file(tmp_path / "in" / f"{kind}.fits.gz", i, ("dr1-7", "dr8plus")[i % 2])
        damage_file(path, kind, rng)
        expected[str(path)] = reason
    for i in range(5):
        expected[str(write_file(tmp_path / "in" / f"good{i}.fits", 90 + i))] = None
    output = tmp_path / "out"
    summary = scan_directory(tmp_path / "in", output, preset=preset, workers=2, batch_size=5)

    rejected, rows = table(output, "rejected"), table(output)
    found = dict(zip(rejected["path"], rejected["reason"], strict=True))
    assert found == {path: reason for path, reason in expected.items() if reason}
    assert set(rows["path"]) == {path for path, reason in expected.items() if not reason}
    assert rejected["path"] == sorted(rejected["path"])
    assert all(rejected["detail"])
    assert summary.reasons == Counter(found.values())
    assert manifest(output)["counts"]["reasons"] == dict(sorted(Counter(found.values()).items()))
    assert summary.classified + summary.rejected == summary.discovered == len(expected)
    assert str(summary).startswith(f"{len(expected)} inputs = ")


def test_a_scan_inside_its_source_does_not_search_itself(preset, network, tmp_path):
    source = tmp_path / "in"
    for name in ("1.fits", "._1.fits"):
        write_file(source / name, 1)
    for _ in range(2):
        summary = scan_directory(source, source / "found", preset=preset, format="fits")
        assert (summary.discovered, summary.classified) == (1, 1)
        assert "left out:  macos_files 1\n" in str(summary)
    options = {"preset": preset, "format": "fits", "overwrite": True}
    left = {"macos_files": 1, "tables_of_scans": 4}
    for output in (source / "found", tmp_path / "another", source):
        summary = scan_directory(source, output, **options)
        assert (summary.discovered, summary.classified) == (1, 1)
        assert summary.left_out == left
        assert manifest(output)["besides"].items() >= left.items()
    assert "left out:  tables_of_scans 4, macos_files 1\n" in str(summary)


def test_only_damage_leaves_empty_tables_and_no_network(preset, tmp_path, monkeypatch):
    (tmp_path / "in" / "x.fits").mkdir(parents=True)
    (tmp_path / "in" / "y.fits").touch()
    monkeypatch.setattr(MACHINERY, "network", "none")  # asking it would fail
    summary = scan_directory(tmp_path / "in", tmp_path / "out", preset=preset)
    assert (summary.classified, summary.rejected) == (0, 2)
    assert table(tmp_path / "out")["path"] == []
    assert list(table(tmp_path / "out")) == [c.name for c in columns_of(preset)]
    assert table(tmp_path / "out", "rejected")["reason"] == ["not_a_file", "empty_file"]


def test_odd_names_survive(preset, network, tmp_path):
    names = [b"new\nline.fits", b"quote'\".fits", b"caf\xe9 \xff.fits", "ü,;{}%s.fits".encode()]
    for i, name in enumerate(names):
        write_file(tmp_path / "in" / "plain.fits", i).rename(tmp_path / "in" / os.fsdecode(name))
    os.mkdir(os.path.join(os.fsencode(tmp_path), b"in/bad\xfe.fits"))
    summary = scan_directory(tmp_path / "in", tmp_path / "out", preset=preset)
    assert (summary.classified, summary.rejected) == (4, 1)
    expected = [n.decode("utf-8", "backslashreplace") for n in sorted(names)]
    assert [os.path.basename(p) for p in table(tmp_path / "out")["path"]] == expected
    assert table(tmp_path / "out", "rejected")["path"] == [str(tmp_path / "in" / r"bad\xfe.fits")]


def test_later_rows_with_the_same_obsid_are_flagged(
    preset, network, tmp_path, small_shards, monkeypatch
):
    monkeypatch.setattr(merge, "ROW_GROUP", 3)
    for i in range(20):
        write_file(tmp_path / "in" / f"{i:02d}.fits", i % 7)
    for i in range(20, 23):
        write_file(tmp_path / "in" / f"{i:02d}.fits", 50, "early")  # has no OBSID to repeat
    summary = scan_directory(tmp_path / "in", tmp_path / "out", preset=preset, batch_size=4)
    flags = np.array(table(tmp_path / "out")["flags"])
    assert ((flags & DUPLICATE) != 0).tolist() == [False] * 7 + [True] * 13 + [False] * 3
    assert summary.flags["DUPLICATE_OBSID"] == 13
    assert pq.ParquetFile(tmp_path / "out" / "catalogue.parquet").metadata.num_row_groups == 8


class Killed(BaseException):
    """Stands for anything that ends a process."""


def test_killed_while_tidying_up(reference, folder, preset, network, tmp_path, monkeypatch):
    real = ShardStore.clear

    def fail(store, *, keep_inputs=False):
        if not keep_inputs:
            raise Killed
        real(store, keep_inputs=True)

    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(ShardStore, "clear", fail)
        with pytest.raises(Killed):
            scan_directory(folder, output, preset=preset, batch_size=4)
    network.sizes.clear()
    scan_directory(folder, output, preset=preset, batch_size=4)
    assert network.sizes == []
    assert not (output / "shards").exists()
    assert digests(output) == reference


def test_a_damaged_shard_is_done_again(reference, folder, preset, network, tmp_path, monkeypatch):
    def fail(*args):
        raise Killed

    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(scan, "merge_shards", fail)
        with pytest.raises(Killed):
            scan_directory(folder, output, preset=preset, batch_size=4)
    network.sizes.clear()
    shard = output / "shards" / "000001.catalogue.parquet"
    shard.write_bytes(shard.read_bytes()[:-9])
    (output / "shards" / "000003.rejected.parquet").unlink()
    assert scan_directory(folder, output, preset=preset, batch_size=4).done_before == 16
    assert sum(network.sizes) == 8 + 3
    assert digests(output) == reference


@pytest.mark.parametrize("change", ["inputs", "preset", "threshold", "batch_size", "source"])
def test_another_scan_in_the_same_place_is_refused(preset, network, tmp_path, change):
    for i in range(3):
        write_file(tmp_path / "in" / f"{i}.fits", i)
    output, batch_size, source = tmp_path / "out", 4, tmp_path / "in"
    scan_directory(source, output, preset=preset, batch_size=4)
    before = digests(output)
    if change == "inputs":
        write_file(source / "more.fits", 9)
        message = "holds a scan of 3 inputs, now there are 4: use overwrite=True"
    elif change == "preset":
        preset = standin_preset(tmp_path / "b", name="b-v1")
        message = "with preset standin-v1, not b-v1: use overwrite=True"
    elif change == "threshold":
        preset = standin_preset(tmp_path / "b", threshold=0.6)
        message = "with preset another state of standin-v1: use overwrite=True"
    elif change == "batch_size":
        batch_size, message = 8, "with batch_size 4, not 8: use overwrite=True"
    else:
        source = source.rename(tmp_path / "moved")
        message = "not of .*moved: use overwrite=True"
    with pytest.raises(ScanError, match=message):
        scan_directory(source, output, preset=preset, batch_size=batch_size)
    assert digests(output) == before
    scan_directory(source, output, preset=preset, batch_size=batch_size, overwrite=True)
    assert manifest(output)["state"] == "complete"


def test_a_damaged_manifest_and_foreign_tables_are_not_overwritten(
    folder, preset, network, tmp_path
):
    output = tmp_path / "out"
    output.mkdir()
    (output / "catalogue.parquet").write_text("mine")
    with pytest.raises(
        ScanError, match=r"no manifest.json says where it is from: use overwrite=True"
    ):
        scan_directory(folder, output, preset=preset)
    (output / "manifest.json").write_text('{"format": 1')
    with pytest.raises(ScanError, match=r"manifest.json is damaged .*: use overwrite=True"):
        scan_directory(folder, output, preset=preset)
    assert (output / "catalogue.parquet").read_text() == "mine"
    assert scan_directory(folder, output, preset=preset, overwrite=True).classified == 27


def test_overwrite_leaves_what_is_not_the_scans(folder, preset, network, tmp_path):
    output = tmp_path / "out"
    (output / "shards").mkdir(parents=True)
    (output / "notes.txt").write_text("keep")
    (output / "shards" / "mine.parquet").write_text("keep")
    scan_directory(folder, output, preset=preset, overwrite=True)
    assert (output / "notes.txt").read_text() == "keep"
    assert [p.name for p in (output / "shards").iterdir()] == ["mine.parquet"]


def test_output_in_use(folder, preset, tmp_path):
    output = tmp_path / "command" / "folder-of-dr7"
    with folder_lock(output, LOCK_NAME, "scan", "--output"):
        with pytest.raises(ScanError) as problem:
            scan_directory(folder, output, preset=preset)
    message = str(problem.value)
    assert message.startswith(f"{output} is in use by another scan (process {os.getpid()} on ")
    assert message.endswith("); wait for it or choose another output")
    assert not (output / "manifest.json").exists()


def test_nothing_to_scan(preset, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").touch()
    with pytest.raises(ScanError, match=r"no spectra in .*\(1 other files\)") as error:
        scan_directory(tmp_path / "in", tmp_path / "out", preset=preset)
    assert error.value.status == 1
    with pytest.raises(ScanError, match=r"no such file or directory: .*nowhere") as error:
        scan_directory(tmp_path / "nowhere", tmp_path / "out", preset=preset)
    assert error.value.status == 2


def test_one_file_as_source(preset, network, tmp_path):
    path = write_file(tmp_path / "spectrum.dat", 5)
    assert scan_directory(path, tmp_path / "out", preset=preset).classified == 1
    assert table(tmp_path / "out")["path"] == [str(path)]


def test_relative_paths_become_absolute(preset, network, tmp_path, monkeypatch):
    path = write_file(tmp_path / "in" / "a.fits", 5)
    monkeypatch.chdir(tmp_path)
    scan_directory("in/", "out", preset=preset)
    assert table(tmp_path / "out")["path"] == [str(path)]


def test_output_that_cannot_be_written(folder, preset, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        ScanError, match=r"cannot go on, .*file/out: Not a directory; put that right"
    ):
        scan_directory(folder, tmp_path / "file" / "out", preset=preset)


def test_a_disk_that_fills_up(reference, folder, preset, network, tmp_path, monkeypatch):
    real, room = os.fsync, [6]

    def fsync(descriptor):
        room[0] -= 1
        if room[0] < 0:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    output = tmp_path / "out"
    with pytest.raises(ScanError, match="No space left on device; put that right and run the same"):
        scan_directory(folder, output, preset=preset, batch_size=4)
    assert not list(output.rglob("*.part"))
    monkeypatch.setattr(os, "fsync", real)
    scan_directory(folder, output, preset=preset, batch_size=4)
    assert digests(output) == reference


@pytest.mark.parametrize(
    ("option", "value"),
    [("workers", 0), ("workers", 1.5), ("batch_size", 0), ("batch_size", True)],
)
def test_bad_options(folder, preset, tmp_path, option, value):
    with pytest.raises(ScanError, match=f"^{option} must be a whole number"):  # as Python has it
        scan_directory(folder, tmp_path / "out", preset=preset, **{option: value})


def test_real_spectra(data_folder, preset, network, tmp_path):
    source = data_folder / "lamost"
    summary = scan_directory(source, tmp_path / "out", preset=preset, workers=2)
    files = sum(1 for _ in source.rglob("*.fits.gz"))
    assert summary.discovered == summary.classified + summary.rejected == files
    assert summary.rejected <= 5
    assert len(network.sizes) == -(-files // 512)
