"""What the tests of all adapters share."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

_TESTS = Path(__file__).resolve().parent.parent / "tests"
sys.path.append(str(_TESTS))  # its helpers import each other
# The settings of the package's own tests, which TensorFlow needs before it is imported.
_OURS = runpy.run_path(str(_TESTS / "conftest.py"))
data_folder = _OURS["data_folder"]
_ODDS = runpy.run_path(str(_TESTS / "odds_helpers.py"))

BATCH_SIZE = 16


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Ten simulated LAMOST files of all layouts: stars of several classes, four of them O."""
    from lamost_rare.simulation.analytic import analytic_spectra
    from lamost_rare.simulation.demo import SURVEY_GRID
    from lamost_rare.simulation.fits_files import LAYOUTS, write_batch

    kinds = ["O", "G", "O", "B", "A", "O", "F", "K", "M", "O"]
    snr = np.linspace(12, 90, len(kinds))
    batch = analytic_spectra(kinds, np.random.default_rng(6), snr, grid=SURVEY_GRID)
    layouts = [LAYOUTS[i % 3] for i in range(len(kinds))]
    return [str(path) for path in write_batch(tmp_path_factory.mktemp("dr"), batch, layouts)]


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory):
    """A folder with the survey of ``lamost-rare demo``."""
    from lamost_rare.simulation.demo import make_demo_survey

    folder = tmp_path_factory.mktemp("examples")
    make_demo_survey(folder / "demo-output" / "survey")
    return folder


@pytest.fixture(scope="session")
def expected(files):
    """What `classify_spectra` says of the files."""
    from lamost_rare import classify_spectra

    return classify_spectra(files, batch_size=BATCH_SIZE, evidence=False)


@pytest.fixture(scope="session")
def with_odds(tmp_path_factory):
    """The default preset with odds of a survey: name of its folder."""
    from lamost_rare import load_preset

    folder = tmp_path_factory.mktemp("preset") / "odds"
    return str(_ODDS["with_odds"](load_preset(), folder).folder)


@pytest.fixture(scope="session")
def same(expected):
    """A function that compares columns with the table of `classify_spectra`."""

    def compare(columns, table=expected):
        names = [name for name in table.colnames if name.startswith("p_")]
        assert len(names) > 2
        for name in names:
            np.testing.assert_allclose(columns[name], table[name], rtol=0, atol=1e-5)
        assert list(columns["prediction"]) == list(table["prediction"])
        assert list(columns["candidate"]) == list(table["candidate"])

    return compare


@pytest.fixture(scope="session")
def real_files(data_folder):
    """A few real files of each layout."""
    folders = ("early", "dr1-7", "dr8plus")
    return [
        str(path)
        for folder in folders
        for path in sorted((data_folder / "lamost" / folder).glob("*.fits*"))[:3]
    ]


@pytest.fixture
def shipped_generator():
    """Skips where the package has no generator of spectra."""
    from lamost_rare import list_presets
    from lamost_rare.inference.augmentation import DEFAULT_GENERATOR

    if DEFAULT_GENERATOR not in list_presets():
        pytest.skip(f"{DEFAULT_GENERATOR} is not shipped")


@pytest.fixture
def generator(monkeypatch):
    """In place of the network that generates spectra: noise about a flat continuum."""
    import lamost_rare
    from lamost_rare.spectra.batch import SpectrumBatch
    from lamost_rare.spectra.grid import LAMOST_GRID

    def augment_spectra(number, preset=None, *, seed=0):
        shape = (number, LAMOST_GRID.n_pixels)
        flux = np.random.default_rng(seed).normal(1, 0.1, shape).astype("f4")
        ivar = np.full(shape, 100, "f4")
        return SpectrumBatch(LAMOST_GRID, flux, ivar, np.zeros(shape, bool), generated=True)

    monkeypatch.setattr(lamost_rare, "augment_spectra", augment_spectra, raising=False)
