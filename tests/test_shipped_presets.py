"""The shipped weights: golden outputs, and what must not turn a star into an O star."""

import numpy as np
import pytest

from lamost_rare import augment_spectra
from lamost_rare.inference.first_stage import load_first_stage, weight_in_mean
from lamost_rare.inference.novelty import load_novelty
from lamost_rare.inference.predictor import Predictor, batched_logits
from lamost_rare.presets import list_presets, load_preset
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.spectra.resample import assemble

CLASSIFIERS = [name for name in list_presets() if load_preset(name).kind == "classifier"]
CLASSES_OF_DEFAULT = load_preset().classes
NOT_O = ("B3", "B8", "A2", "A7", "F2", "F8", "G2", "G8", "K2", "K7", "M2", "white_dwarf", "qso")


@pytest.fixture(scope="module")
def default():
    return Predictor(load_preset(), batch_size=64)


@pytest.fixture(scope="module")
def ordinary():
    rng = np.random.default_rng(8)
    parts = [analytic_spectra(NOT_O, rng, snr=snr) for snr in (12.0, 40.0, 100.0)]
    return SpectrumBatch.concatenate(parts)


def test_the_presets_are_shipped():
    assert {"racnet-obafgkm-v1", "racnet-ofgk-v1"} <= set(CLASSIFIERS)
    assert "lcgan-o-v1" in list_presets()
    assert load_preset("lcgan-o-v1").weights_path.stat().st_size < 8e6
    folders = [load_preset(name).folder for name in list_presets()]
    assert sum(file.stat().st_size for folder in folders for file in folder.iterdir()) < 20e6


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_golden_outputs(name):
    preset = load_preset(name)
    golden = np.load(preset.folder / "golden.npz")
    batch = SpectrumBatch(preset.grid, golden["flux"], golden["ivar"], golden["mask"])
    prediction = Predictor(preset, batch_size=8).predict(batch)
    np.testing.assert_allclose(prediction.probabilities, golden["probabilities"], atol=1e-4)
    np.testing.assert_array_equal(prediction.candidate, golden["candidate"])
    np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1, atol=1e-5)


def test_golden_spectra_of_the_generator():
    preset = load_preset("lcgan-o-v1")
    with np.load(preset.folder / "golden.npz") as golden:
        flux, seed = golden["flux"], int(golden["seed"])
    batch = augment_spectra(len(flux), preset, seed=seed)
    np.testing.assert_allclose(batch.flux, flux, atol=1e-4)
    card = (preset.folder / "CARD.md").read_text(encoding="utf-8")
    assert preset.sha256 in card
    training = preset.config["training"]
    assert not set(training["stars"]) & set(training["unseen_stars"])


def test_generated_o_stars_look_like_o_stars_to_the_recogniser(default):
    batch = augment_spectra(64, "lcgan-o-v1", seed=5)
    prediction = default.predict(batch)
    p = prediction.probabilities[:, CLASSES_OF_DEFAULT.index("O")]
    assert np.median(p) > 0.8
    assert not prediction.candidate.any()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_cards_and_figures_agree(name):
    preset = load_preset(name)
    card = (preset.folder / "CARD.md").read_text(encoding="utf-8")
    assert preset.sha256 in card
    recall = preset.figures["recall_snr_above_20"]
    assert f"{recall['rate']:.4f}" in card
    assert f"{recall['n']:,}" in card


def test_batch_size_does_not_matter(default, ordinary):
    one = Predictor(default.preset, batch_size=7).predict(ordinary)
    many = default.predict(ordinary)
    np.testing.assert_allclose(one.probabilities, many.probabilities, atol=2e-4)


def test_analytic_o_stars_are_found(default):
    rng = np.random.default_rng(5)
    batch = analytic_spectra(["O6", "O7", "O8", "O9"] * 8, rng, snr=60.0)
    assert default.predict(batch).candidate.mean() > 0.8


def _candidates(predictor, batch):
    return int(predictor.predict(batch).candidate.sum())


def test_ordinary_spectra_are_no_candidates(default, ordinary):
    assert _candidates(default, ordinary) == 0


@pytest.mark.parametrize("part", ["random", "blue half", "red half", "stripes"])
def test_missing_pixels_make_no_o_star(default, ordinary, part):
    rng = np.random.default_rng(1)
    lost = np.zeros(ordinary.mask.shape, bool)
    if part == "random":
        lost = rng.random(lost.shape) < 0.3
    elif part == "blue half":
        lost[:, :1536] = True
    elif part == "red half":
        lost[:, 1536:] = True
    else:
        lost[:, ::200] = lost[:, 1::200] = True
    mask = ordinary.mask | lost
    batch = SpectrumBatch(
        ordinary.grid,
        np.where(mask, 0, ordinary.flux),
        np.where(mask, 0, ordinary.ivar),
        mask,
    )
    assert _candidates(default, batch) == 0


@pytest.mark.parametrize("line", [4201.0, 4472.7, 4542.9, 4687.0, 5413.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_cosmic_ray_on_a_line_makes_no_o_star(default, ordinary, line, sign):
    flux = ordinary.flux.copy()
    k = round(float(ordinary.grid.pixel_of(line)))
    height = np.abs(np.median(flux[:, k - 100 : k + 100], axis=1))
    flux[:, k] += sign * 3 * height
    flux[:, k + 1] += sign * 1.5 * height
    batch = SpectrumBatch(ordinary.grid, flux, ordinary.ivar, ordinary.mask)
    assert _candidates(default, batch) == 0


@pytest.mark.parametrize("velocity", [-500, 500])
def test_a_velocity_makes_no_o_star(default, ordinary, velocity):
    pixels = round(velocity / 69.03)
    batch = SpectrumBatch(
        ordinary.grid,
        np.roll(ordinary.flux, pixels, axis=1),
        np.roll(ordinary.ivar, pixels, axis=1),
        np.roll(ordinary.mask, pixels, axis=1),
    )
    assert _candidates(default, batch) == 0


def test_generated_spectra_are_never_candidates(default):
    batch = analytic_spectra(["O7"] * 4, np.random.default_rng(5), snr=100.0)
    batch.generated = True
    assert not default.predict(batch).candidate.any()


def test_another_grid_is_refused(default):
    from lamost_rare.spectra.grid import WavelengthGrid

    grid = WavelengthGrid(3.58, 1e-4, 100)
    zeros = np.zeros((1, 100), dtype=np.float32)
    with pytest.raises(ValueError, match="resample first"):
        default.predict(SpectrumBatch(grid, zeros, zeros, zeros > 0))


@pytest.fixture(scope="module")
def first_stage(default):
    return load_first_stage(default.preset)


def test_golden_outputs_of_the_first_stage(default, first_stage):
    golden = np.load(default.preset.folder / "golden.npz")
    sure, p = first_stage.judge(golden["flux"], golden["mask"])
    np.testing.assert_allclose(p, golden["first_stage"], atol=1e-4)
    settled = {str(kind) for kind in golden["kinds"][sure]}
    assert {"G5", "K5"} <= settled
    assert not settled & {"O7", "O9.5", "B1", "B5", "white_dwarf", "hot_subdwarf", "qso"}


def test_golden_novelty():
    preset = load_preset()
    novelty = load_novelty(preset)
    golden = np.load(preset.folder / "golden.npz")
    found = novelty.of(golden["flux"], golden["mask"])
    np.testing.assert_allclose(found, golden["novelty"], atol=1e-2)
    batch = SpectrumBatch(preset.grid, golden["flux"], golden["ivar"], golden["mask"])
    prediction = Predictor(preset, batch_size=8).predict(batch)
    np.testing.assert_allclose(prediction.novelty, found, atol=1e-3)
    flagged = (prediction.flags & int(QualityFlag.OUT_OF_DISTRIBUTION)) > 0
    np.testing.assert_array_equal(flagged, prediction.novelty >= novelty.threshold)


def test_few_real_spectra_are_novel_and_turned_around_most_are(data_folder):
    paths = sorted((data_folder / "lamost").rglob("*.fits.gz"))[::16]
    batch, _ = assemble([read_lamost(path) for path in paths], load_preset().grid)
    novelty = load_novelty(load_preset())
    assert (novelty.of(batch.flux, batch.mask) >= novelty.threshold).mean() < 0.06
    turned = [np.ascontiguousarray(x[:, ::-1]) for x in (batch.flux, batch.mask)]
    assert (novelty.of(*turned) >= novelty.threshold).mean() > 0.7


def test_recogniser_and_first_stage_decide_together(default, first_stage, ordinary):
    weight = weight_in_mean(default.preset)
    assert weight > 0
    own = first_stage.logits(ordinary.flux, ordinary.mask)
    shape = (default.batch_size, *default.model.input_shape[1:])
    network = batched_logits(
        lambda x: np.asarray(default.model(x, training=False)),
        ordinary, default.preset.preprocessing, shape, len(default.preset.classes),
    )  # fmt: skip
    found = default.logits(ordinary)
    np.testing.assert_allclose(found, (network + weight * own) / (1 + weight), atol=2e-3)
    np.testing.assert_allclose(default.logits(ordinary, own), found, atol=1e-5)
    given = default.predict(ordinary, first_stage=own)
    np.testing.assert_allclose(
        given.probabilities, default.predict(ordinary).probabilities, atol=1e-5
    )


def test_first_stage_settles_no_o_star(first_stage):
    rng = np.random.default_rng(6)
    kinds = rng.choice(["O5", "O6", "O7", "O8", "O9", "O9.5"], 600)
    batch = analytic_spectra(kinds, rng, snr=np.exp(rng.uniform(np.log(5), np.log(100), 600)))
    assert not first_stage.judge(batch.flux, batch.mask)[0].any()


def test_first_stage_and_recogniser_on_real_spectra(default, first_stage, data_folder):
    paths = sorted((data_folder / "lamost").rglob("*.fits.gz"))[::8]
    batch, _ = assemble([read_lamost(path) for path in paths], default.preset.grid)
    sure, p = first_stage.judge(batch.flux, batch.mask)
    assert sure.mean() > 0.7
    full = default.predict(batch)
    assert not (full.candidate & sure).any()
    letters = np.array(CLASSES_OF_DEFAULT)
    one, other = letters[p.argmax(axis=1)], letters[full.probabilities.argmax(axis=1)]
    assert (one == other)[sure].mean() > 0.85
