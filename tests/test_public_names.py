"""What the packages offer, to people, editors and type checkers."""

import ast
import importlib
import pickle
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import lamost_rare
from lamost_rare.presets import Preset, load_preset
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.survey.summary import ScanSummary
from standin import CONFIG
from typing_helpers import untyped

PACKAGES = ["lamost_rare", *(f"lamost_rare.{p}" for p in ("pipeline", "spectra", "survey"))]


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_offered_is_there_for_people_and_for_type_checkers(package):
    module = importlib.import_module(package)
    assert dir(module) == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nonesuch'"):
        module.nonesuch  # noqa: B018
    tree = ast.parse(files(module).joinpath("__init__.py").read_text(encoding="utf-8"))
    imported = {
        (alias.name, node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    seen = {name for name, _ in imported} | {"__version__"}
    assert seen >= set(module.__all__)
    for name, home in imported:  # what a type checker is told is what there is
        if name in module.__all__:
            found = getattr(importlib.import_module(f"{package}.{home}"), name)
            assert found is getattr(module, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_offered_is_typed(package):
    module = importlib.import_module(package)
    assert [x for name in module.__all__ for x in untyped(getattr(module, name), name)] == []


def test_types_are_shipped():
    assert files("lamost_rare").joinpath("py.typed").is_file()
    setup = Path(lamost_rare.__file__).parents[1] / "setup.cfg"
    if setup.is_file():
        assert "lamost_rare = py.typed" in setup.read_text(encoding="utf-8")


def test_importing_the_errors_is_quick():
    code = (
        "import sys; from lamost_rare import PipelineError, PresetError, ScanError;"
        "sys.exit(bool({'tensorflow', 'keras', 'specutils', 'astropy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("BackendError", RuntimeError),
        ("OutputError", ValueError),
        ("PipelineError", ValueError),
        ("PresetError", ValueError),
        ("ScanError", RuntimeError),
        ("SpectrumError", ValueError),
    ],
)
def test_errors_have_one_base(name, before):
    kind = getattr(lamost_rare, name)
    assert issubclass(kind, lamost_rare.LamostRareError)
    assert issubclass(kind, before)
    args = ("not_fits", "detail") if name == "SpectrumError" else ("message",)
    error = pickle.loads(pickle.dumps(kind(*args)))
    assert type(error) is kind
    assert error.status == 2


def test_reprs_are_short():
    flux = np.ones((2, LAMOST_GRID.n_pixels), np.float32)
    batch = SpectrumBatch(
        LAMOST_GRID, flux, flux, flux > 2, columns={"label": np.array(["O", "B"])}
    )
    assert (
        repr(batch) == f"<SpectrumBatch: 2 spectra of {LAMOST_GRID.n_pixels} pixels, columns label>"
    )
    assert repr(Preset("mine-v1", Path("x"), CONFIG)) == "<Preset mine-v1: classifier for O>"
    assert repr(load_preset("lcgan-o-v1")) == "<Preset lcgan-o-v1: generator for O>"
    summary = ScanSummary(Path("a"), Path("b"), "p", "O", discovered=5, classified=3, rejected=2)
    assert repr(summary) == (
        "<ScanSummary running: 5 inputs, 3 classified, 2 rejected, 0 candidates>"
    )
