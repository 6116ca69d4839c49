"""The same spectra get the same probabilities, by whatever way they come in."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lamost_rare import RareStarClassifier, classify_spectra, run_pipeline, scan_directory
from lamost_rare.pipeline import make_step
from lamost_rare.presets import DEFAULT_PRESET, load_preset
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.demo import SURVEY_GRID
from lamost_rare.simulation.fits_files import LAYOUTS, write_batch
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.spectra.reading import read_batch
from lamost_rare.training.estimator import as_features

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
BATCH_SIZE = 16


def load_example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of all layouts, off the presets' grid, and of S/N at which nothing is certain."""
    kinds = ["O6", "O9", "O9.5", "B0", "B2", "A3", "F5", "G5", "K3", "M2", "white_dwarf",
             "hot_subdwarf", "qso", "O8", "O9", "B1"]  # fmt: skip
    snr = np.linspace(6, 60, len(kinds))
    batch = analytic_spectra(kinds, np.random.default_rng(8), snr, grid=SURVEY_GRID)
    folder = tmp_path_factory.mktemp("doors")
    write_batch(folder, batch, [LAYOUTS[i % 3] for i in range(len(kinds))])
    return folder


@pytest.fixture(scope="module")
def files(folder):
    return sorted(map(str, folder.rglob("*.fits*")))


@pytest.fixture(scope="module", autouse=True)
def one_network():
    """Compiled once, not once for each door."""
    from lamost_rare.inference import predictor

    built = predictor.Predictor(load_preset(), batch_size=BATCH_SIZE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictor, "Predictor", lambda preset, batch_size: built)
        yield


@pytest.fixture(scope="module")
def expected(files):
    return classify_spectra(files, batch_size=BATCH_SIZE)


def of_catalogue(folder):
    import pyarrow.parquet as pq

    table = pq.read_table(folder / "catalogue.parquet").sort_by("path")
    return {name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names}


def scan(folder, files, work, **options):
    scan_directory(
        folder, work / "out", workers=1, batch_size=BATCH_SIZE, progress=False, **options
    )
    return of_catalogue(work / "out")


def run(folder, files, work):
    steps = ["normalize", {"o_star_classifier": {"batch_size": BATCH_SIZE}}]
    run_pipeline(steps, folder, work / "out", workers=1, progress=False)
    return of_catalogue(work / "out")


def steps(folder, files, work):
    batch, _ = read_batch(files, load_preset().grid)
    for step in (make_step("normalize"), make_step("o_star_classifier", batch_size=BATCH_SIZE)):
        batch = step.process(batch)
    return batch.columns


def estimator(folder, files, work):
    from sklearn.pipeline import make_pipeline

    batch, _ = read_batch(files, load_preset().grid)
    model = make_pipeline(RareStarClassifier(DEFAULT_PRESET)).fit(as_features(batch))
    x = as_features(batch)
    found = {f"p_{c}": p for c, p in zip(model.classes_, model.predict_proba(x).T, strict=True)}
    return found | {"prediction": model.predict(x), "candidate": model[-1].candidates(x)}


def map_partitions(folder, files, work):
    pd = pytest.importorskip("pandas")
    dd = pytest.importorskip("dask.dataframe")
    example = load_example("map_partitions")
    frame = dd.from_pandas(pd.DataFrame({"path": files}), npartitions=2)
    meta = example.classify_partition(frame.head(0))
    found = frame.map_partitions(example.classify_partition, meta=meta)
    found = found.compute(scheduler="synchronous")
    return {name: found[name].to_numpy() for name in found}


def stpipe(folder, files, work):
    adapter = pytest.importorskip("lamost_rare_stpipe.steps")
    step = adapter.OStarClassifierStep(batch_size=BATCH_SIZE)
    return step.run(*files).batch.columns


def ceci(folder, files, work):
    adapter = pytest.importorskip("lamost_rare_ceci")
    import h5py

    source = work / "files.txt"
    source.write_text("\n".join(files))
    for number, stage_class in enumerate(
        (adapter.LamostRareRead, adapter.LamostRareNormalize, adapter.LamostRareClassify)
    ):
        output = work / f"{number}.hdf5"
        (tag, _), (to, _) = stage_class.inputs[0], stage_class.outputs[0]
        stage = stage_class.make_stage(**{tag: str(source), to: str(output)})
        stage.run()
        stage.finalize()
        source = output
    with h5py.File(source) as file:
        return {
            name: column.asstr()[:] if column.dtype.kind == "O" else column[:]
            for name, column in file["catalogue"].items()
        }


def thorough_scan(folder, files, work):
    return scan(folder, files, work, thorough=True)


@pytest.mark.parametrize(
    "door",
    [thorough_scan, run, steps, estimator, map_partitions, stpipe, ceci],
    ids=lambda d: d.__name__,
)
def test_every_door_leads_to_the_same_probabilities(door, folder, files, expected, tmp_path):
    found = door(folder, files, tmp_path)
    names = [name for name in expected.colnames if name.startswith("p_")]
    assert len(names) == 10 + 1
    if door in (estimator, map_partitions):  # which give classes, and nothing else
        names.remove("p_O_survey")
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=0, atol=1e-5)
    assert list(found["prediction"]) == list(expected["prediction"])
    assert list(found["candidate"]) == list(expected["candidate"])


def test_a_scan_with_its_first_stage_gives_the_same_where_that_is_not_sure(
    folder, files, expected, tmp_path
):
    found = scan(folder, files, tmp_path)
    settled = (np.asarray(found["flags"]) & int(QualityFlag.FIRST_STAGE)) > 0
    assert 0 < settled.sum() < len(settled)
    for name in expected.colnames:
        if name.startswith(("p_", "ew_")):
            wanted = np.asarray(expected[name])[~settled]
            np.testing.assert_allclose(np.asarray(found[name])[~settled], wanted, atol=1e-5)
    assert list(found["candidate"]) == list(expected["candidate"])
    assert np.isnan(np.asarray(found["ew_heii_4686"])[settled]).all()


def test_the_spectra_are_not_all_clear_cases(expected):
    names = [f"p_{name}" for name in load_preset().classes]
    best = np.max([expected[name] for name in names], axis=0)
    assert (best < 0.99).sum() >= 4
    assert len(set(expected["prediction"])) >= 5
