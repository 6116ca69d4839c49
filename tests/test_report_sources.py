"""Where the page's spectra come from: whatever a scan was given, and what has become of it."""

import csv
import os
import shutil
import tarfile

import numpy as np
import pytest

from lamost_rare.report import finished_scan
from lamost_rare.report.errors import ReportError
from lamost_rare.report.making import make_page
from lamost_rare.simulation.fits_files import lamost_file_bytes, lamost_file_name
from lamost_rare.spectra.files import read_spectrum_file
from lamost_rare.survey.pack import pack_spectra
from report_helpers import check_spectrum, read_page, scan, standin_preset, use_standins, write_star
from scan_helpers import FULL, table

N = 6


@pytest.fixture(autouse=True)
def standins(monkeypatch):
    use_standins(monkeypatch)


@pytest.fixture
def files(tmp_path):
    return [write_star(tmp_path / "in" / f"{i}.fits.gz", i) for i in range(N)]


def tar(path, files, mode="w", names=None):
    with tarfile.open(path, mode) as archive:
        for file, name in zip(files, names or [f"in/{file.name}" for file in files], strict=True):
            archive.add(file, name)
    return path


def page_of(output, **options):
    """The page of all rows of a scan, in the order of its catalogue."""
    target = output.parent / f"{output.name}.html"
    made = make_page(
        output, target, rows=output / "catalogue.parquet", overwrite=True, progress=False, **options
    )
    return read_page(made.path)


def check_all(page, files):
    assert page.list["rows"] == len(files)
    assert page.columns["missing"] == page.columns["changed"] == [""] * len(files)
    assert page.list["notes"] == []
    of = {1000 + i: file for i, file in enumerate(files)}
    for i, obsid in enumerate(page.columns["obsid"]):
        check_spectrum(page, i, read_spectrum_file(of[int(obsid)]))
    assert page.columns["survey_class"] == ["STAR"] * len(files)


def test_a_directory(files, tmp_path):
    page = page_of(scan(tmp_path / "in", tmp_path / "out"))
    check_all(page, files)
    assert page.list["source"] == str(tmp_path / "in")
    assert page.columns["path"] == list(map(str, files))


def test_a_list(files, tmp_path):
    (tmp_path / "l.txt").write_text(
        "in/../in/0.fits.gz\n./in/1.fits.gz\n" + "\n".join(map(str, files[2:]))
    )
    check_all(page_of(scan(tmp_path / "l.txt", tmp_path / "out")), files)


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz"])
@pytest.mark.parametrize("below", [True, False])
def test_an_archive(files, tmp_path, suffix, below):
    (tmp_path / "plates").mkdir()
    mode = "w" if suffix == ".tar" else "w:gz"
    archive = tar(tmp_path / "plates" / f"a{suffix}", files[::-1], mode)
    source = archive.parent if below else archive
    page = page_of(scan(source, tmp_path / "out"))
    check_all(page, files)
    assert page.columns["path"][0] == f"{archive}/in/5.fits.gz"


def test_files_and_archives_together_in_any_order(files, tmp_path):
    (tmp_path / "mix").mkdir()
    tar(tmp_path / "mix" / "a.tar", files[:2])
    tar(tmp_path / "mix" / "z.tar.gz", files[2:4], "w:gz")
    for file in files[4:]:
        shutil.copy(file, tmp_path / "mix")
    output = scan(tmp_path / "mix", tmp_path / "out")
    wanted = {"obsid": [1003, 1005, 1000, 1002, 1004, 1001]}
    target = make_page(output, tmp_path / "p.html", rows=wanted, progress=False).path
    page = read_page(target)
    assert page.columns["obsid"] == list(map(str, wanted["obsid"]))
    check_all(page, files)


def test_a_store(files, tmp_path):
    pack_spectra(tmp_path / "in", tmp_path / "all.h5", workers=1, progress=False)
    output = scan(tmp_path / "all.h5", tmp_path / "out")
    shutil.rmtree(tmp_path / "in")
    page = page_of(output)
    assert page.list["notes"] == []
    assert page.columns["missing"] == [""] * N
    # A store has its spectra on the preset's grid.
    assert page.list["axes"] == [{"log10_start": 3.569, "log10_step": 1e-4, "n": 3072}]
    (tmp_path / "all.h5").unlink()
    page = page_of(output)
    assert page.columns["missing"] == ["the file is not there any more"] * N
    assert page.list["notes"][0].startswith(f"The store {tmp_path}/all.h5 is not there any more: ")


def test_files_stand_in_for_a_store_that_is_gone(files, tmp_path):
    pack_spectra(tmp_path / "in", tmp_path / "all.h5", workers=1, progress=False)
    output = scan(tmp_path / "all.h5", tmp_path / "out")
    (tmp_path / "all.h5").write_bytes(b"none")
    page = page_of(output)
    assert page.columns["missing"] == [""] * N
    (note,) = page.list["notes"]
    assert note.endswith(": files that it was packed from are shown.")
    check_spectrum(page, 0, read_spectrum_file(files[0]))


def test_a_store_without_what_was_scanned(files, tmp_path):
    store = tmp_path / "all.h5"
    pack_spectra(tmp_path / "in", store, workers=1, progress=False)
    output = scan(store, tmp_path / "out")
    files[2].unlink()
    store.unlink()
    pack_spectra(tmp_path / "in", store, workers=1, progress=False)
    page = page_of(output)
    assert page.columns["missing"][2] == "the store does not hold it any more"
    assert page.columns["missing"].count("") == N - 1


def test_a_general_catalogue(tmp_path):
    rows = []
    for i in range(N):
        facts = {"lmjd": 55859, "planid": "F5902", "spid": 1, "fiberid": i}
        name = lamost_file_name(*facts.values())
        # One file in two has no obsid: its row has it.
        obsid = {"obsid": -1} if i % 2 else {}
        write_star(tmp_path / "dr" / name, i, **facts, **obsid)
        rows.append({"obsid": 1000 + i, **facts, "class": "STAR", "subclass": f"O{i}"})
    with open(tmp_path / "c.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="|")
        writer.writeheader()
        writer.writerows(rows)
    output = scan(tmp_path / "c.csv", tmp_path / "out", root=tmp_path / "dr")
    page = page_of(output)
    assert page.columns["obsid"] == [str(1000 + i) for i in range(N)]
    assert page.columns["missing"] == page.columns["changed"] == [""] * N
    shutil.move(tmp_path / "dr", tmp_path / "elsewhere")
    assert set(page_of(output).columns["missing"]) == {"the file is not there any more"}
    page = page_of(output, spectra=tmp_path / "elsewhere")
    assert page.columns["missing"] == [""] * N


def test_names_that_are_not_utf8(tmp_path):
    folder = os.fsencode(tmp_path) + b"/in/caf\xe9"
    os.makedirs(folder)
    names = [b"a\xff.fits", b"a\\xff.fits", b"new\nline\x1b[1m.fits", "\u202egnp.fits".encode()]
    for i, name in enumerate(names):
        star = write_star(tmp_path / f"{i}.fits", i)
        shutil.move(star, os.path.join(folder, name))
    tar(tmp_path / "in" / "odd.tar", [write_star(tmp_path / "4.fits", 4)], names=["b\udcfe.fits"])
    output = scan(tmp_path / "in", tmp_path / "out")
    page = page_of(output)
    # Two names have one text: which is which is told by the obsid.
    assert sorted(page.columns["obsid"]) == [str(1000 + i) for i in range(5)]
    assert page.columns["missing"] == page.columns["changed"] == [""] * 5
    paths = "\n".join(page.columns["path"])
    assert "\x1b" not in paths
    assert "\u202e" not in paths
    assert r"caf\xe9/a\xff.fits" in paths
    for i in range(5):
        assert page.spectra[i] is not None


def test_what_has_vanished_is_said(files, tmp_path):
    output = scan(tmp_path / "in", tmp_path / "out")
    files[1].unlink()
    files[3].write_bytes(b"<html>")
    files[4].unlink()
    files[4].mkdir()
    page = page_of(output)
    missing = page.columns["missing"]
    assert missing[1] == missing[4] == "the file is not there any more"
    assert missing[3] == "cannot be shown: does not begin with SIMPLE = T: not FITS"
    assert [i for i in range(N) if page.spectra[i] is None] == [1, 3, 4]
    assert page.columns["axis"] == [0, -1, 0, -1, -1, 0]
    assert page.list["notes"] == [
        f"3 of {N} spectra are not shown; the first: the file is not there any more."
    ]


def test_what_has_vanished_from_an_archive_is_said(files, tmp_path):
    archive = tar(tmp_path / "a.tar.gz", files, "w:gz")
    output = scan(archive, tmp_path / "out")
    tar(archive, files[:4], "w:gz")
    page = page_of(output)
    assert page.columns["missing"][4:] == ["the archive does not hold it any more"] * 2
    archive.write_bytes(archive.read_bytes()[:-2000])
    missing = page_of(output).columns["missing"]
    assert missing[5].startswith("the archive is damaged: ")
    archive.unlink()
    assert set(page_of(output).columns["missing"]) == {"the file is not there any more"}


def test_another_spectrum_in_the_place_of_one_is_said_and_shown(files, tmp_path):
    output = scan(tmp_path / "in", tmp_path / "out")
    write_star(files[1], 1, obsid=77)
    write_star(files[2], 2, ra=200.0)
    write_star(files[3], 3, obsid=1003, dec=-1.5 + 0.5 / 3600)
    page = page_of(output)
    changed = page.columns["changed"]
    assert changed[1] == "the file has another spectrum now: obsid 77"
    assert changed[2].startswith("the file has another spectrum now: ")
    assert changed[2].endswith(" arcsec away")
    assert [i for i in range(N) if changed[i]] == [1, 2]
    assert page.columns["missing"] == [""] * N
    (note,) = page.list["notes"]
    assert note.startswith(f"2 of {N} spectra are not those that were scanned; the first: the file")
    check_spectrum(page, 1, read_spectrum_file(files[1]))


def test_lines_that_come_out_otherwise_are_said(files, tmp_path, monkeypatch):
    preset = standin_preset(tmp_path / "preset")
    output = scan(tmp_path / "in", tmp_path / "out", preset)
    monkeypatch.setattr(finished_scan, "load_preset", lambda name, verify: preset)
    assert set(page_of(output).columns["changed"]) == {""}
    write_star(files[2], 2, depth=0.0)
    page = page_of(output)
    assert [i for i in range(N) if page.columns["changed"][i]] == [2]
    assert page.columns["changed"][2] == "the spectrum is another now: by the width of He II 4541"
    # Another version may measure otherwise: nothing is concluded then.
    monkeypatch.setattr(finished_scan, "__version__", "9.9")
    monkeypatch.setattr("lamost_rare.report.comparing.__version__", "9.9")
    page = page_of(output)
    assert set(page.columns["changed"]) == {""}
    assert page.list["notes"] == ["Scanned by lamost-rare 0.1.0; this page is by 9.9."]


@pytest.mark.parametrize("kind", ["directory", "list", "archive"])
def test_spectra_that_were_moved(files, tmp_path, kind):
    source = tmp_path / "in"
    if kind == "list":
        source = tmp_path / "in" / "l.txt"
        source.write_text("\n".join(file.name for file in files))
    elif kind == "archive":
        source = tar(tmp_path / "in" / "a.tar", files)
    output = scan(source, tmp_path / "out")
    moved = shutil.move(tmp_path / "in", tmp_path / "caf\udce9")
    now = tmp_path / "caf\udce9" / "a.tar" if kind == "archive" else moved
    assert set(page_of(output).columns["missing"]) == {"the file is not there any more"}
    page = page_of(output, spectra=now)
    assert page.columns["missing"] == [""] * page.list["rows"]
    with pytest.raises(ReportError, match="no such file or directory"):
        page_of(output, spectra=tmp_path / "nonesuch")


def test_one_observation_twice_in_an_archive(tmp_path):
    stars = [write_star(tmp_path / f"{i}.fits", i) for i in range(2)]
    archive = tar(tmp_path / "a.tar", stars, names=["same.fits", "same.fits"])
    output = scan(archive, tmp_path / "out")
    assert len(set(table(output)["path"])) == 1
    target = make_page(output, tmp_path / "p.html", rows={"obsid": [1001]}, progress=False).path
    page = read_page(target)
    assert page.columns["changed"] == [""]
    check_spectrum(page, 0, read_spectrum_file(stars[1]))


def test_a_file_that_a_list_names_twice_is_shown_once(files, tmp_path):
    bare = write_star(tmp_path / "bare.fits", 9, obsid=-1)
    (tmp_path / "l.txt").write_text("\n".join(map(str, [bare, files[0], *files[:3], bare])))
    output = scan(tmp_path / "l.txt", tmp_path / "out")
    assert len(table(output)["path"]) == 6
    made = make_page(output, where="snr_g > 0", progress=False)
    assert made.notes == ["2 of 6 rows are the same file again: left out."]
    page = read_page(made.path)
    assert sorted(page.columns["obsid"]) == ["-1", "1000", "1001", "1002"]
    assert len(set(page.columns["key"])) == 4
    assert (made.visits, page.list["stars"]) == (0, [])
    made = make_page(output, tmp_path / "p.html", rows={"obsid": [1000]}, progress=False)
    assert (made.rows, made.visits) == (1, 0)


def test_wavelengths_that_are_no_lattice(tmp_path):
    wavelength = FULL.wavelength + 3 * np.sin(np.linspace(0, 9, FULL.n_pixels))
    flux = np.random.default_rng(1).normal(100, 1, len(wavelength))
    content = lamost_file_bytes("dr1-7", wavelength, flux, np.ones(len(flux)), snr=[50.0] * 5)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.fits").write_bytes(content)
    output = scan(tmp_path / "in", tmp_path / "out")
    page = page_of(output)
    assert set(page.list["axes"][0]) == {"wavelength", "n"}
    check_spectrum(page, 0, read_spectrum_file(tmp_path / "in" / "0.fits"))
