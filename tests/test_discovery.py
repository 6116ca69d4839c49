"""Discovery: the order, and that nothing gets lost or traps the walk."""

import json
import os
import socket
import tarfile

import numpy as np
import pytest

from lamost_rare.survey.inputs import discovery
from lamost_rare.survey.inputs.discovery import Entry, Walk, find_spectra
from lamost_rare.text import path_text


def touch(folder, *names):
    for name in names:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass


def paths(folder, walk=None):
    return [entry.path for entry in find_spectra(folder, walk)]


def test_finds_spectra_by_name_and_counts_the_rest(tmp_path):
    wanted = ["a.fits", "a.fits.gz", "b.FITS.GZ", "c.fit", "c.fit.gz", "d.fits.fits", "e/f.fits"]
    touch(tmp_path, *wanted, "readme.txt", "e/a.fits.bak", "e/fits")
    walk = Walk()
    assert paths(tmp_path, walk) == sorted(name.encode() for name in wanted)
    assert walk.other_files == 3
    assert walk.directories == 2


def test_order_is_that_of_the_complete_paths(tmp_path):
    rng = np.random.default_rng(5)
    letters = [b"a", b"-", b".", b"~", b" ", b"A", b"\xc3\xa9", b"\xff", b"\n", b"'", b"0"]
    made = set()
    for _ in range(300):
        parts = [
            b"".join(rng.choice(letters, rng.integers(1, 4))) + b"d" for _ in range(rng.integers(3))
        ]
        name = b"/".join([*parts, b"".join(rng.choice(letters, 2)) + b".fits"])
        touch(tmp_path, name)
        made.add(name)
    assert paths(tmp_path) == sorted(made)


def test_directory_named_like_a_spectrum_is_a_reject_and_its_content_is_found(tmp_path):
    touch(tmp_path, "x.fits/child.fits", "x.fits.fits", "x.fits/deep/y.fits.gz/z.fit")
    found = list(find_spectra(tmp_path))
    assert [entry.path for entry in found] == [
        b"x.fits",
        b"x.fits.fits",
        b"x.fits/child.fits",
        b"x.fits/deep/y.fits.gz",
        b"x.fits/deep/y.fits.gz/z.fit",
    ]
    assert [entry.reason for entry in found] == ["not_a_file", "", "", "not_a_file", ""]


def test_links_are_followed_and_loops_are_not(tmp_path):
    touch(tmp_path, "plate/one.fits", "plate/sub/two.fits")
    os.symlink("..", tmp_path / "plate" / "up")
    os.symlink(".", tmp_path / "plate" / "sub" / "here")
    os.symlink("plate/one.fits", tmp_path / "linked.fits")
    os.symlink("plate", tmp_path / "a-first")  # sorts before what it points to
    walk = Walk()
    assert paths(tmp_path, walk) == [
        b"a-first/one.fits",
        b"a-first/sub/two.fits",
        b"linked.fits",
    ]
    assert walk.repeated_directories == 3  # up, here, plate itself


def test_links_to_nowhere_and_to_themselves_are_unreadable(tmp_path):
    os.symlink("gone", tmp_path / "dangling.fits")
    os.symlink("self.fits", tmp_path / "self.fits")
    found = list(find_spectra(tmp_path))
    assert [(entry.path, entry.reason) for entry in found] == [
        (b"dangling.fits", "unreadable"),
        (b"self.fits", "unreadable"),
    ]
    assert all(entry.detail.startswith("link cannot be read: ") for entry in found)


def test_special_files_are_not_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.fits")
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.fits")
        assert list(find_spectra(tmp_path)) == [
            Entry(b"pipe.fits", "not_a_file", "a named pipe"),
            Entry(b"socket.fits", "not_a_file", "a socket"),
        ]


@pytest.mark.parametrize("locked", ["plate", ""])
def test_directory_that_cannot_be_listed_is_a_reject(tmp_path, monkeypatch, locked):
    touch(tmp_path, "plate/lost.fits", "other/found.fits")
    real = os.scandir
    wall = os.path.join(os.fsencode(tmp_path), locked.encode() + (b"/" if locked else b""))

    def scandir(path):
        if path == wall:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(discovery.os, "scandir", scandir)
    found = list(find_spectra(tmp_path))
    reject = Entry(
        b"plate/" if locked else b"", "unreadable", "directory cannot be read: Permission denied"
    )
    assert found == ([Entry(b"other/found.fits"), reject] if locked else [reject])


def test_files_of_macos_are_left_out_and_counted(tmp_path):
    mine = ["a.fits", "._d.fits/x.fits"]
    touch(tmp_path, *mine, "._a.fits", "b/._c.FIT.GZ", "._plate.tar", "._readme")
    with tarfile.open(tmp_path / "plate.tar", "w") as archive:
        for name in ("e/f.fits", "e/._f.fits"):
            archive.add(tmp_path / "a.fits", name)
    walk = Walk()
    assert paths(tmp_path, walk) == [
        b"._d.fits",
        b"._d.fits/x.fits",
        b"a.fits",
        b"plate.tar/e/f.fits",
    ]
    assert (walk.macos_files, walk.other_files) == (4, 1)


def test_tables_of_a_scan_are_left_out_and_spectra_beside_them_are_not(tmp_path):
    names = ["catalogue.fits", "catalogue.parquet", "x.fits", "x.fits.gz"]
    touch(tmp_path, *(f"{folder}/{name}" for folder in ("scan", "other") for name in names))
    about = {"format": 1, "state": "running", "inputs": {}, "steps": []}
    (tmp_path / "scan" / "manifest.json").write_text(json.dumps(about))
    walk = Walk()
    assert paths(tmp_path, walk) == [
        b"other/catalogue.fits",
        b"other/x.fits",
        b"other/x.fits.gz",
        b"scan/x.fits",
        b"scan/x.fits.gz",
    ]
    assert walk.tables_of_scans == 1
    for strange in ("[]", '"format"', "{", "[" * 10_000, "[[1]]"):
        (tmp_path / "scan" / "manifest.json").write_text(strange)
        assert len(paths(tmp_path)) == 6


def test_one_file_is_an_input_whatever_its_name(tmp_path):
    touch(tmp_path, "spectrum.dat")
    assert list(find_spectra(tmp_path / "spectrum.dat")) == [Entry(b"spectrum.dat")]


def test_a_deep_tree_is_no_problem(tmp_path):
    path = os.fsencode(tmp_path)
    for _ in range(1200):
        path += b"/d"
        os.mkdir(path)
    with open(path + b"/x.fits", "wb"):
        pass
    try:
        assert paths(tmp_path) == [b"d/" * 1200 + b"x.fits"]
    finally:  # too deep for the recursion with which pytest clears its folders
        os.remove(path + b"/x.fits")
        for _ in range(1200):
            os.rmdir(path)
            path = path[: -len(b"/d")]


def test_paths_become_text_without_loss_of_a_row(tmp_path):
    assert path_text("été/\n'\".fits".encode()) == "été/\n'\".fits"
    assert path_text(b"caf\xe9.fits") == r"caf\xe9.fits"
