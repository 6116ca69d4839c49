"""Files to table through a real, though untrained and tiny, network."""

import numpy as np
import pytest

from lamost_rare import classify_spectra, scan_directory
from lamost_rare.errors import UnusableSpectraWarning
from lamost_rare.presets import PresetError, save_preset
from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.spectra.quality import QualityFlag
from standin import CONFIG, FULL_GRID, star

ARCHITECTURE = {
    "stem_channels": 4,
    "stem_stride": 8,
    "block_channels": [4, 4],
    "head_channels": 2,
    "head_units": 4,
}


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    keras = pytest.importorskip("keras")
    from lamost_rare.networks.racnet import build_racnet

    folder = tmp_path_factory.mktemp("preset")
    keras.utils.set_random_seed(3)
    model = build_racnet({**ARCHITECTURE, "n_classes": 3})
    model.save_weights(folder / "any.weights.h5")
    config = {**CONFIG, "architecture": ARCHITECTURE, "classes": ["O", "B", "other"]}
    config |= {"name": "racnet-tiny-v1", "threshold": 0.01, "calibration": {"temperature": 2.0}}
    return save_preset(folder / "racnet-tiny-v1", config, folder / "any.weights.h5")


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Seven spectra in the three layouts, and a file that is none."""
    folder = tmp_path_factory.mktemp("survey")
    for i in range(7):
        layout = ("early", "dr1-7", "dr8plus")[i % 3]
        path = folder / f"spec-{i}.fits.gz"
        write_lamost_file(path, layout, FULL_GRID, *star(i % 2, seed=i), obsid=100 + i, ra=i)
    (folder / "spec-7.fits").write_bytes(b"not a spectrum")
    return folder


@pytest.mark.filterwarnings("ignore::lamost_rare.errors.UnusableSpectraWarning")
def test_probabilities_sum_to_one_and_do_not_depend_on_the_company(preset, survey):
    files = sorted(survey.iterdir())
    table = classify_spectra(files, preset, batch_size=4)
    p = np.stack([table[f"p_{name}"] for name in preset.classes], axis=1)
    np.testing.assert_allclose(p[:7].sum(axis=1), 1, atol=1e-6)
    assert np.isnan(p[7]).all()
    assert list(table["prediction"][:7]) == [preset.classes[i] for i in p[:7].argmax(axis=1)]
    assert list(table["candidate"]) == [*(p[:7, 0] >= preset.threshold), False]
    alone = classify_spectra(files[2], preset, batch_size=4)
    assert alone["p_O"][0] == table["p_O"][2]
    assert alone["ew_heii_4686"][0] == table["ew_heii_4686"][2]


def test_scan_and_classify_agree(preset, survey, tmp_path):
    import pyarrow.parquet as pq

    with pytest.warns(UnusableSpectraWarning, match="1 of 8 spectra not used"):
        table = classify_spectra(sorted(survey.iterdir()), preset)
    summary = scan_directory(survey, tmp_path / "out", preset=preset, workers=1, progress=False)
    assert (summary.classified, summary.rejected) == (7, 1)
    catalogue = pq.read_table(tmp_path / "out" / "catalogue.parquet")
    usable = table[(table["flags"] & int(QualityFlag.UNUSABLE)) == 0]
    assert catalogue.column_names == table.colnames
    for name in table.colnames:
        scanned = catalogue[name].to_numpy(zero_copy_only=False)
        if scanned.dtype == object:
            assert list(scanned) == list(usable[name])
        else:
            np.testing.assert_allclose(scanned, np.asarray(usable[name]), rtol=1e-5, atol=1e-6)
    rejected = pq.read_table(tmp_path / "out" / "rejected.parquet").to_pylist()
    [(row, reason, detail)] = table.meta["rejected"]
    assert rejected == [{"path": table["path"][row], "reason": reason, "detail": detail}]


@pytest.mark.filterwarnings("ignore:Skipping nested container")  # Keras, before it raises
def test_weights_of_another_architecture_are_refused(preset, survey, tmp_path):
    config = {**preset.config, "classes": ["O", "B"]}
    other = save_preset(tmp_path / "other", config, preset.weights_path)
    with pytest.raises(PresetError, match="do not fit"):
        classify_spectra(survey / "spec-0.fits.gz", other)
