"""Names that are empty or not UTF-8, wherever a path is taken or written."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.table import QTable, Table
from hypothesis import given
from hypothesis import strategies as st

import lamost_rare
from lamost_rare import cli, presets
from lamost_rare.evaluation import generated_report as gan_report
from lamost_rare.evaluation import mixture, recognition
from lamost_rare.evaluation.paper import experiments as paper
from lamost_rare.inference import augmentation
from lamost_rare.inference.output import check_output, write_table
from lamost_rare.pipeline import run_pipeline
from lamost_rare.simulation.dataset import load_data_folder
from lamost_rare.survey import pack, scan_directory
from lamost_rare.survey.noise import noise_of_directory
from lamost_rare.text import check_paths, path_text, printable
from lamost_rare.training.build import build_preset, cross_validate
from lamost_rare.training.generator import rebuild_generator, train_generator
from lamost_rare.training.own import train_classifier
from lamost_rare.training.recipes import RECIPES
from scan_helpers import standin_preset, table, use_network, write_file

RECIPE = next(iter(RECIPES))


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A current directory in which nothing is to be made."""
    (tmp_path / "nowhere").mkdir()
    monkeypatch.chdir(tmp_path / "nowhere")
    yield
    assert os.listdir(tmp_path / "nowhere") == []


COMMANDS = {
    "SOURCE": ["scan", "", "--output", "out"],
    "--output": ["scan", "in", "--output", ""],
    "--root": ["scan", "in", "--output", "out", "--root="],
    "--preset": ["scan", "in", "--output", "out", "--preset", ""],
    "--dask": ["scan", "in", "--output", "out", "--dask", ""],
    "SOURCE of pack": ["pack", "", "--output", "s.h5"],
    "--output of pack": ["pack", "in", "--output", ""],
    "FILE": ["classify", "a.fits", ""],
    "--output/-o": ["classify", "a.fits", "--output", ""],
    "PIPELINE.yaml": ["run", ""],
    "--input": ["run", "p.yaml", "--input", ""],
    "--output of augment": ["augment", "--number", "1", "--output", ""],
    "--noise": ["augment", "--number", "1", "--output", "a.h5", "--noise", ""],
    "--data": ["train", "classifier", "--data", "", "--output", "p"],
    "--labels": ["train", "gan", "--data", "d", "--output", "p", "--labels", ""],
    "--work": ["train", "presets", "--data", "d", "--work", ""],
    "--data of evaluate": ["evaluate", "gan", "--data", "", "--preset", "p", "--output", "o"],
}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_an_empty_argument_is_refused_by_its_name(capsys, name):
    assert cli.main(COMMANDS[name]) == 2
    said = capsys.readouterr().err
    assert f"argument {name.split(' of ')[0]}: is empty: give a path or a name" in said
    assert len(said.splitlines()) == 1


FUNCTIONS = {
    "source": lambda: scan_directory("", "out"),
    "source of pack": lambda: pack.pack_spectra(b"", "s.h5"),
    "output": lambda: scan_directory("in", ""),
    "root": lambda: scan_directory("in", "out", root=""),
    "output of pack": lambda: pack.pack_spectra("in", ""),
    "preset of scan": lambda: scan_directory("in", "out", preset=""),
    "preset": lambda: lamost_rare.load_preset(""),
    "spectra": lambda: lamost_rare.classify_spectra(""),
    "preset of classify": lambda: lamost_rare.classify_spectra("a.fits", ""),
    "preset of augment": lambda: lamost_rare.augment_spectra(1, ""),
    "directory": lambda: noise_of_directory(""),
    "output of generated": lambda: augmentation.write_generated(None, ""),
    "folder of a preset": lambda: presets.save_preset("", {}, "weights"),
    "path": lambda: check_output(""),
    "pipeline": lambda: run_pipeline(""),
    "input": lambda: run_pipeline(["normalize"], "", "out"),
    "output of run": lambda: run_pipeline(["normalize"], "in", ""),
    "folder": lambda: load_data_folder(""),
    "labels": lambda: load_data_folder("d", labels=""),
    "output of training": lambda: train_classifier("d", ""),
    "work of a generator": lambda: train_generator("d", "p", work=""),
    "data": lambda: rebuild_generator("g", "", "p", "w"),
    "output of build": lambda: build_preset(RECIPE, "d", "", "w"),
    "work": lambda: cross_validate(RECIPES[RECIPE], "d", ""),
    "work of mixture": lambda: mixture.try_mixture(RECIPE, "d", ""),
    "work of the paper": lambda: paper.run_paper("d", ""),
    "output of gan": lambda: gan_report.write_gan(None, "", ""),
    "output of recognition": lambda: recognition.write_recognition(None, None, None, "", ""),
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_an_empty_path_is_refused_by_its_name(name):
    with pytest.raises(ValueError, match=f"^{name.split(' of ')[0]} is empty: give a path"):
        FUNCTIONS[name]()


def test_what_is_not_empty_is_let_through():
    check_paths(a="x", b=b"x", c=Path(), d=None, e=[], f=np.array(["a", ""]), g=pd.Series([""]))


@given(st.binary())
def test_a_path_is_one_text_in_whatever_form_it_comes(name):
    text = path_text(name)
    assert text == path_text(os.fsdecode(name))
    if name.isascii():
        assert text == name.decode("ascii")
    if b"\0" not in name:
        assert printable(os.fsdecode(name)) == printable(text)


@given(st.text())
def test_text_that_is_utf8_is_its_own_text(name):
    assert path_text(name) == path_text(name.encode()) == name


def test_what_no_file_can_be_called_has_a_text_too():
    assert path_text("a\ud800\udcff") == r"a\ud800\xff"


ODD = b"d\xff \xc3\xa9"


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """A folder of spectra whose names are not UTF-8."""
    folder = os.path.join(os.fsencode(tmp_path), ODD)
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("no such names on this file system")
    write_file(tmp_path / "a.fits", 60)
    os.rename(tmp_path / "a.fits", os.path.join(folder, b"caf\xe9.fits"))
    use_network(monkeypatch)
    return os.fsdecode(folder)


def test_an_output_whose_name_is_not_utf8(odd, tmp_path):
    preset = standin_preset(tmp_path / "preset")
    options = {"preset": preset, "workers": 1}
    scan_directory(odd, tmp_path / "plain", **options)
    for form in ("fits", "ecsv", "votable", "parquet"):
        output = os.path.join(os.fsencode(tmp_path), b"out\xff" + form.encode())
        for _ in ("made", "found again"):
            summary = scan_directory(odd, output, format=form, **options)
            assert (summary.classified, summary.candidates) == (1, 1)
            assert rf"out\xff{form}" in str(summary)
        for name in ("catalogue.parquet", "candidates.csv", "rejected.parquet"):
            found = Path(os.fsdecode(output)) / name
            assert found.read_bytes() == (tmp_path / "plain" / name).read_bytes()
    store = os.path.join(os.fsencode(tmp_path), b"store\xff.h5")
    pack.pack_spectra(odd, store, workers=1)
    assert scan_directory(store, tmp_path / "stored", **options).classified == 1
    assert table(tmp_path / "stored")["path"] == table(tmp_path / "plain")["path"]


@pytest.mark.parametrize("form", ["fits", "ecsv", "votable", "parquet", "csv"])
def test_classify_and_scan_write_the_same_text(odd, tmp_path, form):
    os.rename(os.path.join(os.fsencode(odd), b"caf\xe9.fits"), os.path.join(odd, "é\n\udce9.fits"))
    preset = standin_preset(tmp_path / "preset")
    kind = "parquet" if form == "csv" else form
    scan_directory(odd, tmp_path / "out", preset=preset, workers=1, format=kind)
    suffix = ".vot" if form == "votable" else f".{form}"
    own = QTable({"path": [os.path.join(odd, "é\n\udce9.fits")]})
    write_table(own, tmp_path / f"own{suffix}")
    # Of the tables of a scan, candidates.csv alone is CSV.
    name = "candidates" if form == "csv" else "catalogue"
    ours, theirs = (
        pq.read_table(path)["path"].to_pylist()
        if form == "parquet"
        else pd.read_csv(path)["path"].tolist()
        if form == "csv"
        else list(map(str, Table.read(path)["path"]))
        for path in (tmp_path / f"own{suffix}", tmp_path / "out" / f"{name}{suffix}")
    )
    assert ours == theirs
    assert r"d\xff " in ours[0]


def test_a_lists_folder_whose_name_is_not_utf8(odd, tmp_path):
    Path(odd, "l.txt").write_bytes(b"caf\xe9.fits\n")
    options = {"preset": standin_preset(tmp_path / "preset"), "workers": 1}
    scan_directory(odd, tmp_path / "tree", **options)
    scan_directory(os.path.join(odd, "l.txt"), tmp_path / "list", **options)
    assert table(tmp_path / "list") == table(tmp_path / "tree")
