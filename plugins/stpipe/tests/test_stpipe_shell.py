"""From the shell, and from a pipeline that somebody else wrote."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lamost_rare_stpipe.datamodel import open_spectra

HEAVY = {"tensorflow", "keras", "specutils"}

THEIRS = '''
"""Somebody else's package: a model, a step and a pipeline, which know nothing of lamost-rare."""

from types import SimpleNamespace

from stpipe import Pipeline, Step


class TheirModel:
    crds_observatory = "theirs"

    def __init__(self, paths):
        self.spectra = paths
        self.meta = SimpleNamespace(filename="plate.fits", cal_step=SimpleNamespace())

    def get_crds_parameters(self):
        return {}

    def save(self, path, dir_path=None, *args, **kwargs):
        raise AssertionError("not the result of the hook")


class CollectStep(Step):
    class_alias = "collect"
    spec = "output_ext = string(default='fits')"
    prefetch_references = False

    def process(self, *paths):
        return TheirModel(list(paths))


class TheirPipeline(Pipeline):
    class_alias = "theirs"
    spec = "output_ext = string(default='fits')"
    prefetch_references = False
    step_defs = {"collect": CollectStep}

    @classmethod
    def _datamodels_open(cls, init, **kwargs):
        raise AssertionError("a hook must not read with its parent's reader")

    @staticmethod
    def get_stpipe_loggers():
        return ("stpipe",)

    def process(self, *paths):
        return self.collect.run(*paths)
'''


def shell(*arguments, cwd, **environment):
    program = Path(sys.executable).with_name("strun")
    done = subprocess.run(
        [program, *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


def test_registration_is_light():
    code = (
        "import sys; from stpipe.entry_points import get_steps;"
        "print(*(step.class_name for step in get_steps())); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    steps, modules = map(str.split, done.stdout.splitlines())
    assert "lamost_rare_stpipe.steps.OStarClassifierStep" in steps
    assert "lamost_rare_stpipe" in modules
    assert not HEAVY.intersection(modules)


def test_even_the_steps_themselves_are_light():
    code = "import sys, lamost_rare_stpipe.steps; print(*{m.split('.')[0] for m in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert not HEAVY.intersection(done.stdout.split())


def test_one_step_on_one_file(files, expected, tmp_path):
    status, text = shell("o_star_classifier", files[2], "--threshold", "0.9", cwd=tmp_path)
    assert status == 0, text
    (path,) = tmp_path.iterdir()
    assert path.name == "spec-56000-SIMULATED_sp01-003_o_star_classifier.fits"
    columns = open_spectra(path).batch.columns
    assert columns["p_O"][0] == pytest.approx(expected["p_O"][2], abs=1e-5)
    assert columns["candidate"][0] == (columns["p_O_survey"][0] >= 0.9)


def test_pipeline_on_several_files(files, same, tmp_path):
    options = ["--steps.o_star_classifier.batch_size", "16", "--output_ext", "asdf"]
    status, text = shell("lamost_rare", *files, *options, "--output_dir", "out", cwd=tmp_path)
    assert status == 0, text
    (path,) = (tmp_path / "out").iterdir()
    assert path.name == "spec-56000-SIMULATED_sp01-001_lamost_rare.asdf"
    same(open_spectra(path).batch.columns)


def test_real_files_from_the_shell(real_files, tmp_path):
    from lamost_rare import classify_spectra

    status, text = shell("lamost_rare", *real_files, "--output_file", "found.fits", cwd=tmp_path)
    assert status == 0, text
    columns = open_spectra(tmp_path / "found_lamost_rare.fits").batch.columns
    table = classify_spectra(real_files, batch_size=16, evidence=False)
    np.testing.assert_allclose(columns["p_O"], table["p_O"], rtol=0, atol=1e-5)


def test_misspelt_option(files, tmp_path):
    status, text = shell("o_star_classifier", files[0], "--treshold", "0.9", cwd=tmp_path)
    assert status != 0
    assert "unrecognized arguments: --treshold" in text
    assert not list(tmp_path.iterdir())


def test_hook_in_a_pipeline_of_others(files, same, tmp_path):
    (tmp_path / "their_package.py").write_text(THEIRS)
    config = tmp_path / "theirs.cfg"
    config.write_text(
        'name = "theirs"\nclass = "their_package.TheirPipeline"\n[steps]\n[[collect]]\n'
        "post_hooks = lamost_rare_stpipe.steps.OStarClassifierStep,\n"
    )
    surroundings = {"PYTHONPATH": str(tmp_path), "STPIPE_DISABLE_CRDS_STEPPARS": "true"}
    status, text = shell(config, *files, cwd=tmp_path, **surroundings)
    assert status == 0, text
    (path,) = tmp_path.glob("*_theirs.fits")
    model = open_spectra(path)
    same(model.batch.columns)
    assert model.meta.cal_step.o_star_classifier == "COMPLETE"
