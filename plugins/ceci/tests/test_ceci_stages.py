"""Stages within one process."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from ceci import PipelineStage

import lamost_rare_ceci
from lamost_rare import classify_spectra
from lamost_rare.pipeline import PipelineError, load_step
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare_ceci import (
    LamostRareAugment,
    LamostRareClassify,
    LamostRareNormalize,
    LamostRareRead,
)

HEAVY = {"tensorflow", "keras", "specutils"}
STAGES = [LamostRareNormalize, LamostRareClassify, LamostRareAugment]


def run(stage_class, source, output, comm=None, **options):
    """Run a stage as ceci does, and give the path of its output."""
    (tag, _), (to, _) = stage_class.inputs[0], stage_class.outputs[0]
    options = {tag: str(source), to: str(output), **options}
    stage = stage_class.make_stage(comm=comm, **options)
    stage.validate()
    stage.run()
    stage.finalize()
    return output


def columns(path, group="catalogue"):
    with h5py.File(path) as file:
        return {
            name: dataset.asstr()[:] if dataset.dtype.kind == "O" else dataset[:]
            for name, dataset in file[group].items()
        }


@pytest.fixture
def listing(files, tmp_path):
    (tmp_path / "files.txt").write_text("\n".join(files) + "\n")
    return tmp_path / "files.txt"


@pytest.fixture
def spectra(listing, tmp_path):
    return run(LamostRareRead, listing, tmp_path / "spectra.hdf5", chunk_rows=4)


def test_a_list_is_what_scan_takes_for_one(files, listing, spectra, tmp_path):
    lines = ["# two of them", "", f'"{files[0]}"', files[1]]
    listing.write_bytes("\r\n".join(lines).encode("utf-16"))
    two = run(LamostRareRead, listing, tmp_path / "two.hdf5")
    for name, values in columns(two, "spectra").items():
        expected = columns(spectra, "spectra")[name]
        np.testing.assert_array_equal(values, expected if name == "wavelength" else expected[:2])


def test_registration_is_light():
    code = (
        "import sys, lamost_rare_ceci; from ceci import PipelineStage;"
        "print(*PipelineStage.pipeline_stages);"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    stages, modules = map(str.split, done.stdout.splitlines())
    assert set(lamost_rare_ceci.__all__) <= set(stages)
    assert not HEAVY.intersection(modules)


@pytest.mark.parametrize("stage_class", STAGES)
def test_options_are_the_parameters_of_the_step(stage_class):
    parameters = {p.name: p for p in load_step(stage_class.step_name).parameters}
    assert set(stage_class.config_options) == {*parameters, "chunk_rows", "group"}
    for name, parameter in parameters.items():
        option = stage_class.config_options[name]
        one = isinstance(parameter.type, type)  # ceci knows of no two types
        assert option.dtype == (parameter.type if one else None)
        assert option.default == parameter.default
        assert option.msg == parameter.help
    assert PipelineStage.get_stage(stage_class.__name__) is stage_class


def test_same_probabilities_as_classify_spectra(spectra, same, tmp_path):
    normalized = run(LamostRareNormalize, spectra, tmp_path / "normalized.hdf5", chunk_rows=3)
    for source in (spectra, normalized):
        path = run(LamostRareClassify, source, tmp_path / "found.hdf5", batch_size=16, chunk_rows=4)
        same(columns(path))


def test_a_prior(files, with_odds, spectra, same, tmp_path):
    table = classify_spectra(files, with_odds, prior={"O": 0.01}, batch_size=16, evidence=False)
    options = {"preset": with_odds, "batch_size": 16}
    for prior in ({"O": 0.01}, "O=0.01"):
        found = run(LamostRareClassify, spectra, tmp_path / "f.hdf5", prior=prior, **options)
        same(columns(found), table)
    with pytest.raises(PipelineError, match="no class or population 'Q'"):
        run(LamostRareClassify, spectra, tmp_path / "f.hdf5", prior="Q=0.01", **options)


def test_real_files(real_files, same, tmp_path):
    (tmp_path / "files.txt").write_text(
        "\n".join(map(str, map(Path.absolute, map(Path, real_files))))
    )
    spectra = run(LamostRareRead, tmp_path / "files.txt", tmp_path / "spectra.hdf5")
    found = columns(run(LamostRareClassify, spectra, tmp_path / "found.hdf5", batch_size=16))
    same(found, classify_spectra(real_files, batch_size=16, evidence=False))


def test_files_with_bad_ones_keep_their_rows(files, tmp_path):
    (tmp_path / "bad.fits").write_bytes(b"no FITS")
    lines = ["bad.fits", files[0], str(tmp_path / "missing.fits"), files[1], ""]
    (tmp_path / "files.txt").write_text("\n".join(lines))
    spectra = run(LamostRareRead, tmp_path / "files.txt", tmp_path / "spectra.hdf5", chunk_rows=1)
    normalized = run(LamostRareNormalize, spectra, tmp_path / "normalized.hdf5", chunk_rows=1)
    options = {"batch_size": 16, "chunk_rows": 1, "threshold": 1e-4}
    found = columns(run(LamostRareClassify, normalized, tmp_path / "found.hdf5", **options))
    assert found["reason"].tolist() == ["not_fits", "", "unreadable", ""]
    assert found["path"].tolist() == [str(tmp_path / "bad.fits"), *lines[1:4]]
    assert found["prediction"].tolist() == ["", "O", "", "G"]
    assert np.isnan(found["p_O"]).tolist() == [True, False, True, False]
    assert found["candidate"].tolist() == [False, True, False, False]


def test_no_spectra_at_all(tmp_path):
    (tmp_path / "files.txt").write_text("\n")
    spectra = run(LamostRareRead, tmp_path / "files.txt", tmp_path / "spectra.hdf5")
    found = columns(run(LamostRareClassify, spectra, tmp_path / "found.hdf5"))
    assert {len(values) for values in found.values()} == {0}
    assert {"p_O", "candidate", "path"} <= found.keys()


def test_what_was_done_is_written_down(spectra, tmp_path):
    options = {"method": "pseudo_continuum"}
    normalized = run(LamostRareNormalize, spectra, tmp_path / "normalized.hdf5", **options)
    with h5py.File(normalized) as file:
        assert '"method": "pseudo_continuum"' in file["spectra"].attrs["steps"]
        assert file["spectra"].attrs["properties"] == '["rectified"]'
        assert not file["spectra"].attrs["generated"]
        np.testing.assert_array_equal(file["spectra/wavelength"][:], LAMOST_GRID.wavelength)
    with pytest.raises(PipelineError, match="needs spectra that are not rectified"):
        run(LamostRareClassify, normalized, tmp_path / "found.hdf5")
    assert not (tmp_path / "found.hdf5").exists()


class TestBadInput:
    def test_misspelt_parameter(self, spectra, tmp_path):
        (tmp_path / "config.yml").write_text("LamostRareClassify: {treshold: 0.9}")
        options = {"config": str(tmp_path / "config.yml")}
        match = "no parameter 'treshold', did you mean 'threshold'?"
        with pytest.raises(ValueError, match=match):
            run(LamostRareClassify, spectra, tmp_path / "found.hdf5", **options)

    def test_parameter_out_of_range(self, spectra, tmp_path):
        with pytest.raises(PipelineError, match="threshold must lie above 0"):
            run(LamostRareClassify, spectra, tmp_path / "found.hdf5", threshold=2.0)
        with pytest.raises(ValueError, match="chunk_rows must be at least 1"):
            run(LamostRareClassify, spectra, tmp_path / "found.hdf5", chunk_rows=0)

    def test_parameter_of_a_wrong_type(self, spectra, tmp_path):
        with pytest.raises(TypeError, match="Error configuring LamostRareClassify"):
            run(LamostRareClassify, spectra, tmp_path / "found.hdf5", threshold="much")

    def test_other_group(self, spectra, tmp_path):
        with pytest.raises(ValueError, match="has no group 'stars', it has: provenance, spectra"):
            run(LamostRareClassify, spectra, tmp_path / "found.hdf5", group="stars")

    @pytest.mark.parametrize("stage", STAGES)
    def test_a_file_that_leads_to_another_one(self, spectra, tmp_path, stage):
        os.mkfifo(tmp_path / "secret")  # whoever opened it would wait for ever
        with h5py.File(spectra, "r+") as file:
            file["spectra/more"] = h5py.ExternalLink(tmp_path / "secret", "/flux")
        with pytest.raises(
            ValueError, match=r"spectra\.hdf5 is refused: its /spectra/more is a link"
        ):
            run(stage, spectra, tmp_path / "found.hdf5")

    def test_not_hdf5(self, listing, tmp_path):
        with pytest.raises(OSError, match="file signature not found"):
            run(LamostRareClassify, listing, tmp_path / "found.hdf5")


class TestAugment:
    def test_generated_spectra_are_marked(self, spectra, generator, tmp_path):
        path = run(LamostRareAugment, spectra, tmp_path / "augmented.hdf5", number=5, seed=1)
        found = columns(path, "spectra")
        assert found["generated"].tolist() == [False] * 10 + [True] * 5
        assert found["label"].tolist()[10:] == ["O"] * 5
        with h5py.File(path) as file:
            assert file["spectra"].attrs["generated"]

    def test_generated_spectra_never_enter_a_catalogue(self, spectra, generator, tmp_path):
        path = run(LamostRareAugment, spectra, tmp_path / "augmented.hdf5", number=5)
        path = run(LamostRareNormalize, path, tmp_path / "normalized.hdf5")
        with pytest.raises(ValueError, match="generated spectra never enter a catalogue"):
            run(LamostRareClassify, path, tmp_path / "found.hdf5")

    def test_the_shipped_generator(self, spectra, shipped_generator, tmp_path):
        path = run(LamostRareAugment, spectra, tmp_path / "augmented.hdf5", number=2)
        assert columns(path, "spectra")["generated"].tolist() == [False] * 10 + [True] * 2

    def test_without_labels(self, spectra, tmp_path):
        with h5py.File(spectra, "r+") as file:
            del file["spectra/class"]
        with pytest.raises(PipelineError, match="needs 'label', which no step adds"):
            run(LamostRareAugment, spectra, tmp_path / "augmented.hdf5")


class TestTogether:
    """What processes do for each other, with a stand-in for the others."""

    class Comm:
        def __init__(self, others):
            self.others = others

        def Get_size(self):
            return 2

        def Get_rank(self):
            return 1

        def allgather(self, mine):
            return [self.others, mine]

    @pytest.fixture
    def stage(self, spectra, tmp_path):
        def make(others):
            tags = {"lamost_spectra": str(spectra), "lamost_normalized": str(tmp_path / "n.hdf5")}
            return LamostRareNormalize.make_stage(comm=self.Comm(others), **tags)

        return make

    def test_an_error_elsewhere_stops_this_one(self, stage):
        with pytest.raises(RuntimeError, match="another process failed: OSError: disk full"):
            stage("OSError: disk full").together(lambda: 1)

    def test_its_own_error_is_raised_as_it_is(self, stage):
        with pytest.raises(ZeroDivisionError):
            stage("OSError: disk full").together(lambda: 1 / 0)

    def test_no_error(self, stage):
        assert stage(None).together(lambda: 7) == 7
