"""A source that goes away in mid-scan, and inputs that cannot be read for a while."""

import errno
import os

import pytest

from lamost_rare.spectra import _file_bytes
from lamost_rare.spectra.quality import SpectrumError
from lamost_rare.survey import ScanError, pack, pack_spectra, shard_processing
from lamost_rare.survey.inputs import discovery
from lamost_rare.survey.lost import is_passing
from scan_helpers import (
    MACHINERY,
    ReadHere,
    StandIn,
    digests,
    manifest,
    scan_directory,
    standin_preset,
    table,
    use_network,
    write_file,
)

N_FILES = 90
SHARD = 40
OPTIONS = {"workers": 1, "batch_size": 8, "progress": False}


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setattr(MACHINERY, "shard_size", SHARD)
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    monkeypatch.setattr(pack, "PART_SIZE", 32)
    monkeypatch.setattr(pack, "BATCH_SIZE", 8)


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    return standin_preset(tmp_path_factory.mktemp("preset") / "standin")


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    root = tmp_path_factory.mktemp("mount") / "survey"
    for i in range(N_FILES):
        write_file(root / f"plate{i // 45}" / f"{i:03d}.fits", i)
    return root


@pytest.fixture
def reference(survey, preset, tmp_path, monkeypatch):
    use_network(monkeypatch)
    scan_directory(survey, tmp_path / "reference", preset=preset, **OPTIONS)
    return digests(tmp_path / "reference")


def unreadable(monkeypatch, number, broken):
    """Have the system say this of files whose numbers ``broken`` is true for."""
    real = _file_bytes.read_bytes

    def read_bytes(path):
        if broken(int(os.path.basename(path)[:3])):
            raise SpectrumError("unreadable", f"cannot be read: {os.strerror(number)}")
        return real(path)

    monkeypatch.setattr(_file_bytes, "read_bytes", read_bytes)


@pytest.mark.parametrize("empty", [False, True])
def test_the_source_goes_away_in_mid_scan(survey, preset, reference, tmp_path, monkeypatch, empty):
    """With ``empty``, the directory that the disk was mounted on is left."""
    away = survey.with_name("away")

    class Unmount(StandIn):
        def predict(self, batch):
            if len(self.sizes) == 7 and not away.exists():
                survey.rename(away)
                if empty:
                    survey.mkdir()
            return super().predict(batch)

    use_network(monkeypatch, Unmount())
    output = tmp_path / "out"
    try:
        with pytest.raises(ScanError, match=r"survey is not there any more, or empty: ") as end:
            scan_directory(survey, output, preset=preset, **OPTIONS)
    finally:
        if empty:
            survey.rmdir()
        away.rename(survey)
    assert end.value.status == 2
    assert manifest(output)["state"] == "interrupted"
    assert manifest(output)["counts"]["classified"] == SHARD
    network = use_network(monkeypatch)
    summary = scan_directory(survey, output, preset=preset, **OPTIONS)
    assert (summary.done_before, sum(network.sizes)) == (SHARD, N_FILES - SHARD)
    assert digests(output) == reference


def test_the_source_goes_away_while_it_is_searched(survey, preset, tmp_path, monkeypatch):
    away, real = survey.with_name("away"), os.scandir

    def scandir(path):
        if os.fsencode(path).endswith(b"plate1/"):
            survey.rename(away)
        return real(path)

    monkeypatch.setattr(discovery.os, "scandir", scandir)
    try:
        with pytest.raises(ScanError, match=r"survey is not there any more"):
            scan_directory(survey, tmp_path / "out", preset=preset, **OPTIONS)
    finally:
        away.rename(survey)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_many_that_cannot_be_read_stop_a_scan(survey, preset, reference, tmp_path, monkeypatch):
    """The directory is there, the files in it cannot be read from some moment on."""
    output = tmp_path / "out"
    with monkeypatch.context() as patch:
        unreadable(patch, errno.EIO, lambda i: i >= 30)
        with pytest.raises(ScanError, match="40 of 40 neighbouring inputs cannot be read, the fir"):
            scan_directory(survey, output, preset=preset, **OPTIONS)
    assert manifest(output)["state"] == "interrupted"
    # The ten of the first shard are tried again as well.
    assert scan_directory(survey, output, preset=preset, **OPTIONS).done_before == 0
    assert digests(output) == reference


def test_what_could_not_be_read_is_tried_again(survey, preset, reference, tmp_path, monkeypatch):
    output = tmp_path / "out"
    for _ in range(2):
        with monkeypatch.context() as patch:
            unreadable(patch, errno.ESTALE, lambda i: i in (41, 44, 60))
            summary = scan_directory(survey, output, preset=preset, **OPTIONS)
        assert (summary.state, summary.try_again) == ("complete", 3)
        assert (summary.classified, summary.rejected) == (N_FILES - 3, 3)
        assert "3 could not be read; the same command tries them again" in str(summary)
        assert manifest(output)["state"] == "complete"
        assert set(table(output, "rejected")["reason"]) == {"unreadable"}
    network = use_network(monkeypatch)
    summary = scan_directory(survey, output, preset=preset, **OPTIONS)
    assert (summary.done_before, sum(network.sizes)) == (N_FILES - SHARD, SHARD)
    assert (summary.try_again, summary.rejected) == (0, 0)
    assert digests(output) == reference
    assert not (output / "shards").exists()


def test_what_must_not_be_read_is_not_tried_again(survey, preset, tmp_path, monkeypatch):
    """However many there are."""
    unreadable(monkeypatch, errno.EACCES, lambda i: i < 70)
    network = use_network(monkeypatch)
    first = scan_directory(survey, tmp_path, preset=preset, **OPTIONS)
    assert (first.rejected, first.try_again, first.state) == (70, 0, "complete")
    assert not (tmp_path / "shards").exists()
    network.sizes.clear()
    assert scan_directory(survey, tmp_path, preset=preset, **OPTIONS).counts() == first.counts()
    assert network.sizes == []


def test_a_list_may_name_what_was_never_there(survey, preset, tmp_path, monkeypatch):
    use_network(monkeypatch)
    names = [survey / "plate0" / f"{i:03d}.fits" for i in range(60)]  # fifteen are in plate1
    names += [survey / f"{i}.fits" for i in range(50)]
    (tmp_path / "list.txt").write_text("\n".join(map(str, names)))
    summary = scan_directory(tmp_path / "list.txt", tmp_path / "out", preset=preset, **OPTIONS)
    assert (summary.classified, summary.reasons) == (45, {"unreadable": 65})
    with monkeypatch.context() as patch:
        unreadable(patch, errno.EIO, lambda i: True)
        with pytest.raises(ScanError, match="neighbouring inputs cannot be read"):
            scan_directory(tmp_path / "list.txt", tmp_path / "two", preset=preset, **OPTIONS)


def test_the_source_goes_away_while_it_is_packed(survey, tmp_path, monkeypatch):
    away = survey.with_name("away")
    options = {"workers": 1, "progress": False}
    pack_spectra(survey, tmp_path / "whole.h5", **options)

    class Unmount(ReadHere):
        def run(self, tasks, stopped=lambda: False):
            for n, done in enumerate(super().run(tasks, stopped)):
                if n == 5:
                    survey.rename(away)
                yield done

    monkeypatch.setattr(shard_processing, "ReaderPool", Unmount)
    try:
        with pytest.raises(ScanError, match="is not there any more"):
            pack_spectra(survey, tmp_path / "store.h5", **options)
    finally:
        away.rename(survey)
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    summary = pack_spectra(survey, tmp_path / "store.h5", **options)
    assert (summary.done_before, summary.classified) == (32, N_FILES)
    assert (tmp_path / "store.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()


@pytest.mark.parametrize(
    ("reason", "detail", "passing"),
    [
        ("unreadable", "/a/b.fits cannot be read: Input/output error", True),
        ("unreadable", "/a/b.fits cannot be read: No such file or directory", True),
        ("unreadable", "cannot be read: the archive cannot be read: Stale file handle", True),
        ("unreadable", "/a/b.fits cannot be read: Permission denied", False),
        ("unreadable", "link cannot be read: No such file or directory", False),
        ("unreadable", "directory cannot be read: Input/output error", False),
        ("not_fits", "/a/b.fits cannot be read: Input/output error", False),
        ("timeout", "a reader process was not done with this file in 300 s", False),
    ],
)
def test_which_reasons_may_pass(reason, detail, passing):
    if "Stale" in detail:
        detail = detail.replace("Stale file handle", os.strerror(errno.ESTALE))
    assert is_passing(reason, detail) is passing
