"""HDF5 stores: exact, whole after any kill, and damage that is found out."""

import hashlib
import json
import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from lamost_rare import cli
from lamost_rare.inference.decision import Prediction
from lamost_rare.presets import save_preset
from lamost_rare.simulation.damage import DAMAGE, damage_file
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid
from lamost_rare.survey import ScanError, pack
from lamost_rare.survey.inputs.discovery import Walk
from lamost_rare.survey.inputs.store import StoreInput, read_rows
from lamost_rare.survey.inputs.store_writing import CHUNK_ROWS
from lamost_rare.survey.pack import pack_spectra
from scan_helpers import (
    CONFIG,
    MACHINERY,
    StandIn,
    digests,
    manifest,
    scan_directory,
    standin_preset,
    table,
    use_network,
    write_file,
)


class Fingerprints(StandIn):
    """The probability of O is a digest of all bits that the network sees, and of their order."""

    def predict(self, batch):
        p = np.empty(len(batch), dtype="f4")
        whole = hashlib.sha256(batch.flux.tobytes() + batch.ivar.tobytes() + batch.mask.tobytes())
        for i in range(len(batch)):
            one = whole.copy()
            one.update(bytes([i % 256]))
            p[i] = int.from_bytes(one.digest()[:3], "big") / 2**24
        return Prediction(
            probabilities=np.stack([p, 1 - p], axis=1),
            candidate=p > 0.5,
            flags=np.zeros(len(batch), dtype=np.int64),
        )


@pytest.fixture
def network(monkeypatch):
    network = Fingerprints()
    use_network(monkeypatch, network)
    return network


@pytest.fixture
def preset(tmp_path):
    return standin_preset(tmp_path / "preset")


@pytest.fixture(scope="session")
def survey(tmp_path_factory):
    """Files in all layouts, damaged ones of every kind, and what discovery alone rejects."""
    root = tmp_path_factory.mktemp("survey")
    for i in range(40):
        layout = ("dr1-7", "dr8plus", "early")[i % 3]
        write_file(root / f"plate{i % 2}" / f"spec-{i:03d}.fits", i, layout)
    rng = np.random.default_rng(8)
    for name in sorted(DAMAGE):
        path = write_file(root / "bad" / f"{name}.fits", 90)
        damage_file(path, name, rng)
    (root / "x.fits").mkdir()
    os.symlink("gone", root / "caf\udce9\n.fits")
    return root


@pytest.fixture(scope="session")
def store(survey, tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "survey.h5"
    pack_spectra(survey, path, workers=2)
    return path


def same_tables(a, b):
    assert digests(a) == digests(b)


@pytest.mark.parametrize("batch_size", [5, 256])
def test_a_scan_of_the_store_is_a_scan_of_the_files(
    survey, store, preset, network, tmp_path, monkeypatch, batch_size
):
    monkeypatch.setattr(MACHINERY, "shard_size", 25)
    options = {"preset": preset, "batch_size": batch_size}
    a = scan_directory(survey, tmp_path / "files", workers=1, **options)
    b = scan_directory(store, tmp_path / "store", workers=2, **options)
    assert a.counts() == b.counts()
    assert a.classified > 40
    assert a.rejected > 5
    assert len(set(table(tmp_path / "store")["p_O"])) > 40
    same_tables(tmp_path / "files", tmp_path / "store")
    assert manifest(tmp_path / "store")["source"] == str(store)


@pytest.mark.slow
def test_real_spectra_are_exact(data_folder, preset, network, tmp_path):
    source = data_folder / "lamost" / "dr8plus"
    summary = pack_spectra(source, tmp_path / "real.h5", workers=2)
    assert summary.discovered == summary.classified + summary.rejected == 1637
    scan_directory(source, tmp_path / "files", preset=preset, workers=2)
    scan_directory(tmp_path / "real.h5", tmp_path / "store", preset=preset, workers=1)
    same_tables(tmp_path / "files", tmp_path / "store")
    size = sum(path.stat().st_size for path in source.glob("*.gz"))
    assert (tmp_path / "real.h5").stat().st_size < size


def test_what_is_in_a_store(survey, store):
    with h5py.File(store) as file:
        about = json.loads(file.attrs["manifest"])
        n = about["counts"]["inputs"]
        assert n == about["inputs"]["count"] == len(file["path"])
        assert file["flux"].shape == file["ivar"].shape == file["mask"].shape
        assert file["flux"].shape == (n, LAMOST_GRID.n_pixels)
        assert about["grid"] == LAMOST_GRID.to_dict()
        assert about["source"] == str(survey)
        good = file["reason"][:] == b""
        assert good.sum() == about["counts"]["spectra"]
        # h5py undoes the filters by itself: the store is plain HDF5.
        flux, ivar, mask = file["flux"][:], file["ivar"][:], file["mask"][:]
        assert (flux[~good] == 0).all()
        assert (mask[~good] == 1).all()
        assert ((ivar[good] > 0) == (mask[good] == 0)).all()
        assert file["path"][:].tolist() == sorted(file["path"][:].tolist())


@pytest.fixture(scope="module")
def whole(survey, tmp_path_factory):
    """A store packed in parts of 32 without a disturbance."""
    path = tmp_path_factory.mktemp("whole") / "whole.h5"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pack, "PART_SIZE", 32)
        patch.setattr(pack, "BATCH_SIZE", 8)
        pack_spectra(survey, path, workers=2)
    return path


STOP = """
import os, sys
from lamost_rare import cli
from lamost_rare.survey import pack
pack.PART_SIZE, pack.BATCH_SIZE, where = 32, 8, sys.argv.pop(1)
calls = {"part": 0, "join": 0}
write_part, join_parts, clean = pack.write_part, pack.join_parts, pack._clean

def part(path, rows):
    calls["part"] += 1
    write_part(path, rows)
    if where == "part" and calls["part"] == 2:
        os.truncate(path, path.stat().st_size // 2)
        os._exit(9)

def join(path, parts, root, about, checkpoint, besides):
    def check():
        calls["join"] += 1
        if where == "join" and calls["join"] == 2:
            os._exit(9)
    join_parts(path, parts, root, about, check, besides)

def cleaning(parts):
    if where == "clean":
        os._exit(9)
    clean(parts)

pack.write_part, pack.join_parts, pack._clean = part, join, cleaning
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("where", ["part", "join", "clean"])
def test_killed_anywhere_a_second_run_ends_with_the_same_bytes(
    survey, whole, tmp_path, where, monkeypatch, capsys
):
    monkeypatch.setattr(pack, "PART_SIZE", 32)
    monkeypatch.setattr(pack, "BATCH_SIZE", 8)
    arguments = ["pack", str(survey), "--output", str(tmp_path / "killed.h5"), "--workers", "1"]
    done = subprocess.run([sys.executable, "-c", STOP, where, *arguments], timeout=300)
    assert done.returncode == 9
    assert (tmp_path / "killed.h5").exists() == (where == "clean")
    assert cli.main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "+ 0 to do" in lines[0]
    if where == "part":  # one of the parts was done, and was not done again
        assert f"({len(table_of(whole)) - 32} in " in lines[0]
    assert (tmp_path / "killed.h5").read_bytes() == whole.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["killed.h5"]


def table_of(path):
    with h5py.File(path) as file:
        return file["path"][:].tolist()


def test_refusals(survey, store, preset, network, tmp_path, capsys):
    before = store.read_bytes()
    assert cli.main(["pack", str(survey), "--output", str(store)]) == 0  # complete, as it is
    assert "+ 0 to do\n" in capsys.readouterr().out
    assert cli.main(["pack", str(survey / "plate0"), "--output", str(store)]) == 2
    assert "exists; --overwrite replaces it" in capsys.readouterr().err
    assert store.read_bytes() == before
    with pytest.raises(ScanError, match="no such file"):
        pack_spectra(tmp_path / "nowhere", tmp_path / "a.h5")
    with pytest.raises(ScanError, match="cannot be packed into itself"):
        pack_spectra(store, store, overwrite=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ScanError, match="no spectra in"):
        pack_spectra(tmp_path / "empty", tmp_path / "a.h5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "preset", "weights"]
    other = CONFIG | {"grid": WavelengthGrid(3.58, 1e-4, 3000).to_dict()}
    other = save_preset(tmp_path / "other", other, tmp_path / "weights")
    with pytest.raises(ScanError, match="on another grid than the preset's"):
        scan_directory(store, tmp_path / "out", preset=other)
    pack_spectra(survey, tmp_path / "other.h5", preset=other, workers=1)
    scan_directory(tmp_path / "other.h5", tmp_path / "out", preset=other, workers=1)


def test_pack_goes_on_only_with_the_same_inputs(survey, tmp_path, monkeypatch):
    def full(path, rows):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(pack, "write_part", full)
        with pytest.raises(ScanError, match="No space left on device; put that right and run"):
            pack_spectra(survey, tmp_path / "a.h5", workers=1)
    with pytest.raises(ScanError, match=r"holds a scan of .*: use overwrite=True"):
        pack_spectra(survey / "plate0", tmp_path / "a.h5", workers=1)
    pack_spectra(survey / "plate0", tmp_path / "a.h5", workers=1, overwrite=True)
    assert len(table_of(tmp_path / "a.h5")) == 20


def test_a_store_can_be_packed_again(store, preset, network, tmp_path):
    pack_spectra(store, tmp_path / "again.h5", workers=1)
    with h5py.File(store) as a, h5py.File(tmp_path / "again.h5") as b:
        for name in a:
            assert (a[name][:] == b[name][:]).all() or name in ("ra", "dec", "snr_g")


def damaged(store, tmp_path, position=None, size=None):
    """A copy of the store with a flipped bit, or cut off."""
    content = bytearray(store.read_bytes()[:size])
    if position is not None:
        content[position] ^= 1 << (position % 8)
    # A name of its own: HDF5 knows files that it has open, and would not look again.
    path = tmp_path / f"{position}-{size}.h5"
    path.write_bytes(content)
    return path


def test_a_flipped_bit_costs_a_chunk_and_is_counted(store, preset, network, tmp_path):
    with h5py.File(store) as file:
        info = file["flux"].id.get_chunk_info(0)
        n = int((file["reason"][:CHUNK_ROWS] == b"").sum())
    start, stop = info.byte_offset, info.byte_offset + info.size

    for position in (start + 3, (start + stop) // 2, stop - 2):
        path = damaged(store, tmp_path, position)
        rows = StoreInput(path).entries(Walk())
        rows = [row for row, entry in enumerate(rows) if not entry.reason]
        _, kept, rejects = read_rows(str(path), rows, LAMOST_GRID)
        assert kept == list(range(n, len(rows)))
        assert [(k, reason) for k, reason, _ in rejects] == [(k, "corrupt_store") for k in range(n)]
    summary = scan_directory(path, tmp_path / "out", preset=preset, batch_size=7, workers=1)
    assert summary.discovered == summary.classified + summary.rejected
    assert summary.reasons["corrupt_store"] == n
    details = table(tmp_path / "out", "rejected")["detail"]
    assert sum(detail.startswith("row ") for detail in details) == n


def test_a_wrong_row_in_a_sound_chunk_is_found(store, tmp_path):
    path = damaged(store, tmp_path)
    with h5py.File(path, "r+") as file:
        rows = np.flatnonzero(file["reason"][:] == b"")[:9].tolist()
        file["ivar"][rows[3], 100] += 1
    batch, kept, rejects = read_rows(str(path), rows, LAMOST_GRID)
    assert kept == [0, 1, 2, 4, 5, 6, 7, 8]
    assert len(batch) == 8
    ((position, reason, detail),) = rejects
    assert (position, reason) == (3, "corrupt_store")
    assert "checksum" in detail


def test_bits_flipped_anywhere_end_in_a_refusal_or_in_counted_rejects(store, tmp_path):
    rng = np.random.default_rng(4)
    size = store.stat().st_size
    positions = [*rng.integers(0, size, 20).tolist(), *rng.integers(0, 4000, 40).tolist(), size - 3]
    with h5py.File(store) as file:
        positions.append(file["path"].id.get_chunk_info(0).byte_offset + 20)
        n = len(file["path"])
    refused = 0
    for position in positions:
        path = damaged(store, tmp_path, position)
        try:
            entries = list(StoreInput(path).entries(Walk()))
        except ScanError:
            refused += 1
            continue
        assert len(entries) == n
        rows = [row for row, entry in enumerate(entries) if not entry.reason]
        _, kept, rejects = read_rows(str(path), rows, LAMOST_GRID)
        assert len(kept) + len(rejects) == len(rows)
    assert 0 < refused < len(positions)


@pytest.mark.parametrize("keep", [0, 7, 100, 0.3, 0.9])
def test_a_truncated_store_is_refused(store, tmp_path, keep):
    keep = keep if isinstance(keep, int) else int(keep * store.stat().st_size)
    path = damaged(store, tmp_path, size=keep)
    with pytest.raises(ScanError, match=r"no readable store, truncated or damaged .*pack it again"):
        StoreInput(path)


def test_other_hdf5_files_are_refused(tmp_path):
    with h5py.File(tmp_path / "evil.h5", "w") as file:
        file["flux"] = np.zeros((3, 5))
    with pytest.raises(ScanError, match="is HDF5, but no store of this version"):
        StoreInput(tmp_path / "evil.h5")


def test_rows_are_read_quicker_than_files(data_folder, tmp_path):
    """Half the processor time; it takes about a sixth."""
    from lamost_rare.survey.reader import read_chunk

    source = sorted((data_folder / "lamost" / "dr1-7").glob("*.gz"))
    pack_spectra(source[0].parent, tmp_path / "s.h5", workers=1)
    with h5py.File(tmp_path / "s.h5") as file:
        rows = np.flatnonzero(file["reason"][:] == b"").tolist()
    read_chunk([os.fsencode(source[0])], LAMOST_GRID)
    read_rows(str(tmp_path / "s.h5"), rows[:1], LAMOST_GRID)
    start = time.process_time()
    read_chunk([os.fsencode(path) for path in source], LAMOST_GRID)
    files = time.process_time() - start
    read_rows(str(tmp_path / "s.h5"), rows, LAMOST_GRID)
    assert time.process_time() - start - files < files / 2
