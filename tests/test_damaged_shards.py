"""A finished shard that is damaged on disk is done again; nothing changes in silence."""

import numpy as np
import pytest

from lamost_rare.survey import ScanError, pack, scan
from lamost_rare.survey.pack import pack_spectra
from scan_helpers import (
    MACHINERY,
    ReadHere,
    digests,
    scan_directory,
    standin_preset,
    use_network,
    write_file,
)


class Killed(BaseException):
    pass


def killed(*args):
    raise Killed


@pytest.fixture
def folder(tmp_path):
    for i in range(6):
        write_file(tmp_path / "in" / f"spec-{i}.fits", i)
    (tmp_path / "in" / "x.fits").write_bytes(b"no spectrum")
    return tmp_path / "in"


def test_a_flipped_bit_anywhere_in_a_shard(folder, tmp_path, monkeypatch):
    use_network(monkeypatch)
    monkeypatch.setattr(MACHINERY, "shard_size", 4)
    monkeypatch.setattr("lamost_rare.survey.shard_processing.ReaderPool", ReadHere)
    preset = standin_preset(tmp_path / "preset")
    options = {"preset": preset, "batch_size": 4, "workers": 1, "progress": False}
    scan_directory(folder, tmp_path / "whole", **options)
    wanted = digests(tmp_path / "whole")
    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(scan, "merge_shards", killed)
        with pytest.raises(Killed):
            scan_directory(folder, output, **options)
    rng = np.random.default_rng(3)
    sound = {path: path.read_bytes() for path in sorted((output / "shards").glob("0*"))}
    assert len(sound) == 6
    for path, content in sound.items():
        for position in rng.integers(0, len(content), 8).tolist():
            damaged = bytearray(content)
            damaged[position] ^= 1 << position % 8
            path.write_bytes(damaged)
            with monkeypatch.context() as patch:
                patch.setattr(scan, "merge_shards", killed)
                with pytest.raises(Killed):
                    scan_directory(folder, output, **options)
            assert {p: p.read_bytes() for p in sound} == sound, (path.name, position)
    assert scan_directory(folder, output, **options).done_before == 7
    assert digests(output) == wanted


def test_damage_before_the_merge_is_one_line_and_the_next_run_mends_it(
    folder, tmp_path, monkeypatch
):
    use_network(monkeypatch)
    preset = standin_preset(tmp_path / "preset")
    real = scan.merge_shards

    def damage(store, *args):
        path = store.catalogue(0)
        path.write_bytes(path.read_bytes()[:-40] + b"x" * 40)
        real(store, *args)

    with monkeypatch.context() as patch:
        patch.setattr(scan, "merge_shards", damage)
        with pytest.raises(ScanError, match=r"shard 0 in .* was damaged.*run the same command"):
            scan_directory(folder, tmp_path / "out", preset=preset, workers=1)
    summary = scan_directory(folder, tmp_path / "out", preset=preset, workers=1)
    assert (summary.done_before, summary.classified, summary.rejected) == (0, 6, 1)


def test_a_damaged_part_of_a_store_is_done_again(folder, tmp_path, monkeypatch):
    for i in range(6, 40):
        write_file(folder / f"spec-{i}.fits", i)
    monkeypatch.setattr(pack, "PART_SIZE", 32)
    pack_spectra(folder, tmp_path / "whole.h5", workers=1)
    with monkeypatch.context() as patch:
        patch.setattr(pack, "join_parts", killed)
        with pytest.raises(Killed):
            pack_spectra(folder, tmp_path / "a.h5", workers=1)
    part = tmp_path / ".a.h5.parts" / "shards" / "000001.h5"
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 4
    part.write_bytes(content)
    assert pack_spectra(folder, tmp_path / "a.h5", workers=1).done_before == 32
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
