"""The examples do what they say."""

import csv
import runpy
import sys

import numpy as np
import pytest

from lamost_rare.inference import classify as classify_module
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.fits_files import write_batch
from standin import StandIn
from test_estimator import Centroids
from test_pipeline_doors import EXAMPLES, load_example


@pytest.fixture
def files(tmp_path):
    batch = analytic_spectra(["O8", "A5", "O6"], np.random.default_rng(3), snr=80.0)
    return list(map(str, write_batch(tmp_path / "spectra", batch)))


@pytest.fixture
def network(monkeypatch, tmp_path):
    """A stand-in of two classes; the real network is tested with `test_pipeline_doors`."""
    from lamost_rare import presets
    from standin import save_standin

    monkeypatch.setattr(presets, "DEFAULT_PRESET", str(save_standin(tmp_path).folder))
    monkeypatch.setattr(classify_module, "kept_predictor", lambda preset, batch_size: StandIn())


@pytest.mark.filterwarnings("ignore::lamost_rare.errors.UnusableSpectraWarning")
def test_map_partitions(network, files, tmp_path, monkeypatch, capsys):
    pd = pytest.importorskip("pandas")
    pytest.importorskip("dask.dataframe")
    example = load_example("map_partitions")
    (tmp_path / "bad.fits").write_bytes(b"not a spectrum")
    frame = pd.DataFrame({"path": [*files, str(tmp_path / "bad.fits")], "mag": range(4)})
    found = example.classify_partition(frame.iloc[::-1])
    assert list(found.index) == [3, 2, 1, 0]
    assert list(found["prediction"]) == ["", "O", "B", "O"]
    assert found["flags"].tolist()[0] == 1
    assert np.isnan(found["p_O"].to_numpy()[0])
    empty = example.classify_partition(frame.iloc[:0])
    assert list(empty.dtypes.astype(str)) == list(found.dtypes.astype(str))
    assert list(empty.columns) == list(found.columns)

    frame.to_csv(tmp_path / "paths.csv", index=False)
    output = tmp_path / "candidates.csv"
    monkeypatch.setattr(sys, "argv", ["map_partitions", str(tmp_path / "paths.csv"), str(output)])
    runpy.run_path(str(EXAMPLES / "map_partitions.py"), run_name="__main__")
    assert "4 spectra, 2 candidates" in capsys.readouterr().out
    with open(output, newline="") as file:
        assert [row["path"] for row in csv.DictReader(file)] == [files[0], files[2]]


def test_inspect_with_specutils(network, files):
    example = load_example("inspect_with_specutils")
    title, _, *lines = example.inspect(files[0])
    assert "O  candidate: True" in title
    assert len(lines) == len(example.SHOWN)
    for line in lines:
        numbers = line[12:].replace("±", "").replace("Å", "").split()
        theirs, ours, error = map(float, numbers)
        assert abs(theirs - ours) < max(0.03, error)


def test_inspect_with_specutils_leaves_masked_pixels_out(network, tmp_path):
    example = load_example("inspect_with_specutils")
    batch = analytic_spectra(["O6"], np.random.default_rng(3), snr=80.0)
    wavelength = batch.grid.wavelength
    bad = np.abs(wavelength - example.LINES["heii_4200"].wavelength) < 1.2
    assert 1 < bad.sum() < 5
    batch.mask[0, bad], batch.ivar[0, bad], batch.flux[0, bad] = True, 0, 0
    (path,) = write_batch(tmp_path / "spectra", batch)
    line = next(line for line in example.inspect(path) if line.startswith("He II 4200"))
    theirs, ours, _ = map(float, line[12:].replace("±", "").replace("Å", "").split())
    assert abs(theirs - ours) < 0.15  # with the zeros it would be wrong by an Ångström


def test_plot_candidate(network, files, tmp_path, monkeypatch):
    output = tmp_path / "candidate.png"
    monkeypatch.setattr(sys, "argv", ["plot_candidate", files[0], str(output)])
    runpy.run_path(str(EXAMPLES / "plot_candidate.py"), run_name="__main__")
    assert output.read_bytes().startswith(b"\x89PNG")
    assert output.stat().st_size > 20_000  # not an empty figure


def test_sklearn_pipeline(monkeypatch):
    """With what stands in for the network; `test_estimator` trains a real one."""
    from lamost_rare.training import loop as classifier

    def train_network(stream, *args):
        return Centroids(stream.x, stream.codes), []

    monkeypatch.setattr(classifier, "train_network", train_network)
    example = load_example("sklearn_pipeline")
    model, report = example.train(each=24)
    assert list(model.classes_) == ["A", "B", "F", "O"]
    accuracy = float(report.split("accuracy")[1].split()[0])
    assert accuracy >= 0.6  # of four classes, from so little
    assert model[-1].n_features_in_ == 1000


def test_every_example_is_tested():
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    for path in EXAMPLES.glob("*.py"):
        assert f"def test_{path.stem}" in text
