"""Sources of a scan other than a directory: lists of files, tar archives."""

import gzip
import io
import os
import shutil
import tarfile

import numpy as np
import pytest

from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.survey import ScanError
from lamost_rare.survey.inputs import archives
from lamost_rare.survey.inputs.discovery import Walk
from lamost_rare.survey.inputs.items import Item
from lamost_rare.survey.inputs.opening import open_inputs
from lamost_rare.survey.reader import read_chunk
from scan_helpers import (
    MACHINERY,
    digests,
    scan_directory,
    standin_preset,
    table,
    use_network,
    write_file,
)


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(MACHINERY, "shard_size", 8)
    return use_network(monkeypatch)


@pytest.fixture
def preset(tmp_path):
    return standin_preset(tmp_path / "preset")


@pytest.fixture(scope="session")
def plates(tmp_path_factory):
    root = tmp_path_factory.mktemp("plates")
    for i in range(18):
        write_file(root / f"plate{i % 2}" / f"spec-{i:03d}.fits", i, ("dr1-7", "early")[i % 2])
    (root / "plate0" / "bad.fits").write_bytes(b"<html>")
    (root / "plate0" / "notes").write_bytes(b"none")
    return root


def entries(path, walk=None):
    return list(open_inputs(path).entries(Walk() if walk is None else walk))


def without_path(output):
    rows = table(output)
    return {name: column for name, column in rows.items() if name != "path"}


def test_a_list_is_what_it_lists(plates, preset, network, tmp_path):
    scan_directory(plates, tmp_path / "tree", preset=preset, workers=1, batch_size=4)
    paths = table(tmp_path / "tree")["path"] + table(tmp_path / "tree", "rejected")["path"]
    paths.sort(key=os.fsencode)
    relative = [os.path.relpath(path, tmp_path) for path in paths]
    (tmp_path / "files.txt").write_text("\n\r\n".join([*paths[:5], *relative[5:]]))
    (tmp_path / "zero").write_bytes(b"\0".join(map(os.fsencode, paths)) + b"\0")
    options = {"preset": preset, "workers": 2, "batch_size": 4}
    scan_directory(f"@{tmp_path / 'zero'}", tmp_path / "zeros", **options)
    assert digests(tmp_path / "zeros") == digests(tmp_path / "tree")
    summary = scan_directory(tmp_path / "files.txt", tmp_path / "list", **options)
    assert (summary.classified, summary.rejected) == (18, 1)
    assert without_path(tmp_path / "list") == without_path(tmp_path / "tree")
    assert [os.path.realpath(path) for path in table(tmp_path / "list")["path"]] == [
        os.path.realpath(path) for path in table(tmp_path / "tree")["path"]
    ]


def test_lines_of_a_list(tmp_path):
    lines = [b"b.fits", b"a b'\"$(rm).fits", b"", b"caf\xe9.fits", b"x" * 5000, b"../up.fit", b"/z"]
    (tmp_path / "l.lst").write_bytes(b"\n".join(lines))
    found = entries(tmp_path / "l.lst")
    assert [e.path for e in found if not e.reason] == [
        b"b.fits", b"a b'\"$(rm).fits", b"caf\xe9.fits", b"../up.fit", b"/z"
    ]  # fmt: skip
    assert [(len(e.path), e.reason) for e in found if e.reason] == [(4096, "unreadable")]
    (tmp_path / "z.txt").write_bytes(b"new\nline.fits\0other\r\0")
    assert [e.path for e in entries(tmp_path / "z.txt")] == [b"new\nline.fits", b"other\r"]
    (tmp_path / "late.txt").write_bytes(b"a.fits\n" * 20_000 + b"b\0.fits\n" + b"y" * 10**6)
    found = entries(tmp_path / "late.txt")
    assert len(found) == 20_002
    assert [e.reason for e in found[-2:]] == ["unreadable", "unreadable"]


def test_a_list_of_what_is_not_there(plates, preset, network, tmp_path):
    (tmp_path / "l.txt").write_text(f"gone.fits\n{plates}/plate1/spec-001.fits\n{plates}\n")
    summary = scan_directory(tmp_path / "l.txt", tmp_path / "out", preset=preset, workers=1)
    assert (summary.discovered, summary.classified) == (3, 1)
    assert summary.reasons == {"unreadable": 1, "not_a_file": 1}
    (tmp_path / "l.txt").write_text("\n\n")
    with pytest.raises(ScanError, match="no paths in"):
        scan_directory(tmp_path / "l.txt", tmp_path / "other", preset=preset)
    with pytest.raises(ScanError, match="no such file"):
        scan_directory(f"@{tmp_path}/nowhere", tmp_path / "other", preset=preset)


@pytest.fixture(scope="session")
def tars(plates, tmp_path_factory):
    """The plates as archives, one of them compressed; members in the order of their names."""
    root = tmp_path_factory.mktemp("tars")
    for name, mode, kind in (("plate0.tar", "w", None), ("plate1.tar.gz", "w:gz", None)):
        with tarfile.open(root / name, mode, format=tarfile.PAX_FORMAT) as tar:
            folder = plates / name.split(".")[0]
            for path in sorted(folder.iterdir()):
                tar.add(path, path.name, filter=kind)
    return root


def test_archives_are_read_where_they_are(plates, tars, preset, network, tmp_path):
    options = {"preset": preset, "batch_size": 4}
    scan_directory(plates, tmp_path / "tree", workers=1, **options)
    before = sorted(tars.iterdir())
    for workers in (1, 2):
        scan_directory(tars, tmp_path / str(workers), workers=workers, **options)
    assert sorted(tars.iterdir()) == before
    assert digests(tmp_path / "1") == digests(tmp_path / "2")
    assert without_path(tmp_path / "1") == without_path(tmp_path / "tree")
    assert table(tmp_path / "1")["path"][0] == str(tars / "plate0.tar" / "spec-000.fits")
    bad = table(tmp_path / "1", "rejected")
    assert (bad["path"], bad["reason"]) == ([str(tars / "plate0.tar" / "bad.fits")], ["not_fits"])
    assert bad["detail"][0].startswith(str(tars / "plate0.tar" / "bad.fits"))
    summary = scan_directory(tars / "plate1.tar.gz", tmp_path / "one", **options)
    assert summary.classified == 9


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
def test_members_are_read_in_any_order(plates, tars, suffix):
    archive = tars / ("plate0.tar" if suffix == "tar" else "plate1.tar.gz")
    walk = Walk()
    found = entries(archive, walk)
    assert walk.other_files == (1 if suffix == "tar" else 0)
    items = [entry.item for entry in found if "bad" not in os.fsdecode(entry.path)]
    order = np.random.default_rng(1).permutation(len(items))
    forwards = read_chunk(items, LAMOST_GRID).batch
    shuffled = read_chunk([items[i] for i in order], LAMOST_GRID).batch
    assert shuffled.identity["obsid"].tolist() == forwards.identity["obsid"][order].tolist()
    assert (shuffled.flux == forwards.flux[order]).all()


def member(name, kind=tarfile.REGTYPE, content=b"content", **fields):
    info = tarfile.TarInfo(name)
    info.type = kind
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    for key, value in fields.items():
        setattr(info, key, value)
    return info, io.BytesIO(content)


def test_hostile_members_are_counted_and_nothing_is_written(plates, preset, network, tmp_path):
    good = (plates / "plate1" / "spec-001.fits").read_bytes()
    members = [
        (member("/etc/passwd.fits"), "unsafe_name"),
        (member("../../up.fits"), "unsafe_name"),
        (member("a/../../b.fits"), "unsafe_name"),
        (member("nul\0.fits", pax_headers={"path": "nul\0.fits"}), "unsafe_name"),
        (member("x" * 5000 + ".fits"), "unsafe_name"),
        (member("link.fits", tarfile.SYMTYPE, linkname="/etc/passwd"), "not_a_file"),
        (member("hard.fits", tarfile.LNKTYPE, linkname="good.fits"), "not_a_file"),
        (member("device.fits", tarfile.CHRTYPE), "not_a_file"),
        (member("block.fits", tarfile.BLKTYPE), "not_a_file"),
        (member("pipe.fits", tarfile.FIFOTYPE), "not_a_file"),
        (member("strange.fits", b"Z"), "not_a_file"),
        (member("huge.fits", content=bytes(9 * 2**20)), "too_large"),
        (member("empty.fits", content=b""), "empty_file"),
        (member("text.fits"), "not_fits"),
        (member("dir.fits", tarfile.DIRTYPE), None),
        (member("readme"), None),
        (member("good.fits", content=good), ""),
        (member("good.fits", content=good), ""),
        (member("é\x1b[31m\n.fits", content=good), ""),
    ]
    with tarfile.open(tmp_path / "evil.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for (info, content), _ in members:
            tar.addfile(info, content)
    with tarfile.open(tmp_path / "evil.tar") as tar:
        assert len(tar.getmembers()) == len(members)
    before = sorted(tmp_path.rglob("*"))
    summary = scan_directory(tmp_path / "evil.tar", tmp_path / "out", preset=preset, workers=1)
    wanted = [reason for _, reason in members if reason]
    assert summary.discovered == sum(reason is not None for _, reason in members)
    assert summary.classified == 3
    assert summary.reasons == {reason: wanted.count(reason) for reason in wanted}
    after = [path for path in sorted(tmp_path.rglob("*")) if "out" not in path.parts]
    assert [path for path in after if path.parts[len(tmp_path.parts)] != "out"] == before


def headers(path, position, change):
    content = bytearray(path.read_bytes())
    content[position : position + len(change)] = change
    path.write_bytes(content)


def test_damaged_archives(tars, tmp_path):
    whole = entries(tars / "plate0.tar")
    size = (tars / "plate0.tar").stat().st_size
    header = Item.from_bytes(whole[5].item).offset - 512
    copy = tmp_path / "plate.tar"

    def damaged(keep=size, at=None, change=b""):
        shutil.copy(tars / "plate0.tar", copy)
        os.truncate(copy, keep)
        if at is not None:
            headers(copy, at, change)
        found = entries(copy)
        last = found[-1]
        assert (last.path, last.reason) == (b"plate.tar/", "corrupt_archive")
        return len(found) - 1

    assert damaged(keep=header + 100) == 5  # within a header
    assert damaged(keep=header + 512 + 3000) == 6  # within a member
    assert damaged(keep=header) == 5  # between two members
    assert damaged(at=header, change=b"\xff" * 512) == 5  # noise for a header
    assert damaged(at=header + 124, change=b"\xff" * 12) <= 6  # a negative size
    assert damaged(keep=0) == 0
    shutil.copy(tars / "plate1.tar.gz", copy)
    os.truncate(copy, copy.stat().st_size - 9)
    assert entries(copy)[-1].reason == "corrupt_archive"
    copy.write_bytes(gzip.compress(b"no archive"))
    assert [entry.reason for entry in entries(copy)] == ["corrupt_archive"]


def test_headers_that_claim_much_or_go_on_for_ever_are_not_believed(tmp_path):
    claims, _ = member("./pax", tarfile.XHDTYPE)
    claims.size = 2**33
    chain, _ = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    for info, times in ((claims, 1), (chain, 3000)):
        block = info.tobuf(tarfile.GNU_FORMAT)
        (tmp_path / "a.tar").write_bytes(block * times + bytes(1024))
        assert [entry.reason for entry in entries(tmp_path / "a.tar")] == ["corrupt_archive"]


def test_an_archive_that_changed_or_went_after_it_was_listed(tars, tmp_path):
    for name in ("plate0.tar", "plate1.tar.gz"):
        shutil.copy(tars / name, tmp_path / name)
        items = [entry.item for entry in entries(tmp_path / name)][-4:]
        archives.close_archive()
        os.truncate(tmp_path / name, 20_000)
        chunk = read_chunk(items, LAMOST_GRID)
        assert [reason for _, reason, _ in chunk.rejects] == ["corrupt_archive"] * 4
        archives.close_archive()
        (tmp_path / name).unlink()
        chunk = read_chunk(items, LAMOST_GRID)
        assert [reason for _, reason, _ in chunk.rejects] == ["unreadable"] * 4
