"""How unlike known spectra one is: number, flag, file, and all ways to it."""

from dataclasses import replace

import numpy as np
import pytest

from lamost_rare.inference.block_depths import block_depths, n_features
from lamost_rare.inference.decision import Prediction
from lamost_rare.inference.first_stage import FIRST_STAGE_FILE, FirstStage
from lamost_rare.inference.novelty import (
    MOST,
    Novelty,
    load_novelty,
    novelty_features,
    novelty_flags,
    quietness,
)
from lamost_rare.presets import NOVELTY_FILE, PresetError, load_preset
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.survey.batch_classifier import BatchClassifier
from scan_helpers import StandIn, standin_preset

N = n_features(LAMOST_GRID.n_pixels)
OUT = int(QualityFlag.OUT_OF_DISTRIBUTION)


def novelty_of(weight=1.0, n_units=1):
    """A score that is the mean of the squares of the depths, by the features for that."""
    kernel = np.zeros((N + 108, n_units), np.float32)
    kernel[N : N + 12, 0] = weight / 12
    layers = [(kernel, np.zeros(n_units, np.float32))]
    score = np.array([[0.0, 0.5, 4.5], [0.0, 1.0, 9.0]])
    return Novelty(layers, np.array([0.2, 0.8]), np.array([0.0, 2.0, 6.0]), score)


@pytest.fixture(scope="module")
def batch():
    kinds = ["O7", "A2", "G2", "M2", "qso"] * 9
    return analytic_spectra(kinds, np.random.default_rng(1), snr=30.0)


def test_features_are_of_each_twelfth(batch):
    depths = block_depths(batch.flux, batch.mask)
    features = novelty_features(depths)
    assert features.shape == (len(batch), N + 108)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features[:, :N], depths)
    part = depths[:, :64]
    step = np.diff(part)
    expected = [
        (part**2).mean(axis=1), part.max(axis=1), part.min(axis=1), (step**2).sum(axis=1) / 64,
        (step[:, 1:] * step[:, :-1]).sum(axis=1) / 64, (part > 1.5).sum(axis=1),
        (part > 2.5).sum(axis=1), (part < -1.5).sum(axis=1), (part < -2.5).sum(axis=1),
    ]  # fmt: skip
    np.testing.assert_allclose(features[:, N::12].T, expected, rtol=1e-3, atol=1e-4)


def test_between_the_scores_of_a_table_all_is_linear():
    novelty = novelty_of()
    quiet = np.array([0.2, 0.2, 0.2, 0.2, 0.8, 0.5, 0.1, 1.0, np.nan])
    score = np.array([-3.0, 0.25, 0.5, 2.5, 1.0, 0.75, 0.5, 99.0, 1.0])
    expected = [0, 1, 2, 4, 2, 2, 2, MOST, np.nan]
    np.testing.assert_allclose(novelty.rarity_of(score, quiet), expected, rtol=1e-6)


def test_flags_are_set_from_the_threshold_on():
    flags = novelty_flags(np.array([1.99, 2.0, 6.0, np.nan], np.float32), 2.0)
    np.testing.assert_array_equal(flags, [0, OUT, OUT, 0])


def test_nothing_valid_has_no_novelty(batch):
    mask = batch.mask.copy()
    mask[3] = True
    found = novelty_of().of(np.where(mask, 0, batch.flux), mask)
    assert np.isnan(found[3])
    assert np.isfinite(np.delete(found, 3)).all()
    assert np.isnan(quietness(block_depths(batch.flux[3:4] * 0, mask[3:4])))


@pytest.mark.parametrize("value", [1e30, -1e30, 1e-30, 0.0])
def test_any_flux_has_a_novelty(value):
    flux = np.full((2, LAMOST_GRID.n_pixels), value, np.float32)
    flux[1, 5:900:7] *= -1
    found = novelty_of().of(flux, np.zeros(flux.shape, bool))
    assert ((found >= 0) & (found <= MOST)).all()


def test_what_comes_with_a_spectrum_changes_nothing(batch):
    novelty = novelty_of()
    together = novelty.of(batch.flux, batch.mask)
    alone = np.concatenate(
        [novelty.of(batch.flux[i : i + 1], batch.mask[i : i + 1]) for i in range(len(batch))]
    )
    np.testing.assert_allclose(alone, together, atol=1e-5)


def preset_with(folder, novelty=None, *, first_stage=False, **block):
    """The stand-in's preset with novelty, and a first stage that settles nothing or has none."""
    folder.mkdir()
    changes = {
        "novelty": {"sha256": (novelty or novelty_of()).save(folder / NOVELTY_FILE), **block}
    }
    if first_stage:
        layers = [(np.zeros((N, 2), np.float32), np.zeros(2, np.float32))]
        stage = FirstStage(layers, np.array([False, True]), np.zeros(2, bool), 0.0)
        changes["first_stage"] = {"sha256": stage.save(folder / FIRST_STAGE_FILE)}
    return standin_preset(folder, **changes)


def test_saved_and_read_it_says_the_same(tmp_path, batch):
    preset = preset_with(tmp_path / "a", threshold=3.5)
    again = load_novelty(load_preset(preset.folder))
    assert again.threshold == 3.5
    own = novelty_of().of(batch.flux, batch.mask)
    np.testing.assert_array_equal(again.of(batch.flux, batch.mask), own)
    assert load_novelty(standin_preset(tmp_path / "plain")) is None


def test_a_damaged_or_missing_file_is_refused(tmp_path):
    folder = preset_with(tmp_path / "a").folder
    path = folder / NOVELTY_FILE
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(PresetError, match=r"novelty.npz.*damaged or was exchanged"):
        load_preset(folder)
    with pytest.raises(PresetError, match="damaged or replaced"):
        load_novelty(load_preset(folder, verify=False))
    path.unlink()
    with pytest.raises(PresetError, match=r"cannot read .*novelty.npz"):
        load_preset(folder)


@pytest.mark.parametrize(
    "novelty",
    [
        replace(novelty_of(), layers=[(np.zeros((5, 1), np.float32), np.zeros(1, np.float32))]),
        novelty_of(n_units=2),
        replace(novelty_of(), score=np.zeros((2, 3))),
        replace(novelty_of(), quiet=np.array([0.2, 0.5, 0.8])),
        replace(novelty_of(), layers=[]),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, novelty):
    with pytest.raises(PresetError, match=NOVELTY_FILE):
        load_novelty(preset_with(tmp_path / "a", novelty))


@pytest.mark.parametrize(
    ("block", "message"),
    [({"treshold": 2.0}, "did you mean 'threshold'"), ({"threshold": 0}, "'novelty' must be")],
)
def test_an_unusable_block_is_refused(tmp_path, block, message):
    with pytest.raises(PresetError, match=message):
        preset_with(tmp_path / "a", **block)


def test_a_mark_is_no_veto():
    found = Prediction(np.full((3, 2), 0.5), np.ones(3, bool), np.array([0, 4, 0]))
    assert np.isnan(found.novelty).all()
    found.mark_novelty(np.array([0.1, 6.0, np.nan]), 2.0)
    np.testing.assert_array_equal(found.flags, [0, 4 | OUT, 0])
    assert found.candidate.all()
    assert found.novelty.dtype == np.float32


class Marking(StandIn):
    """A stand-in that is told the novelty of what it is shown."""

    def predict(self, batch, novelty):
        found = super().predict(batch)
        found.mark_novelty(novelty, 2.0)
        self.novelty = novelty
        return found


@pytest.mark.parametrize("read", [False, True])
def test_a_scan_gives_novelty_to_what_the_first_stage_settles_too(tmp_path, batch, read):
    preset = preset_with(tmp_path / "a", first_stage=True)
    network = Marking()
    classifier = BatchClassifier(preset, 8, thorough=False, make_predictor=lambda *_: network)
    stage = FirstStage.load(classifier.first_stage)
    half = replace(classifier._first, layers=[(_leaning(batch), np.zeros(2, np.float32))])
    classifier._first = half
    assert stage.novelty is not None
    looked = half.look(batch.flux, batch.mask) if read else {}
    for column in looked.values():
        column.flags.writeable = False  # as what a scan gives to its steps
    given = replace(batch, columns=looked)
    found = classifier.process(given)
    expected = novelty_of().of(batch.flux, batch.mask)
    np.testing.assert_allclose(found.columns["novelty"], expected, atol=1e-5)
    np.testing.assert_array_equal((found.flags & OUT) > 0, found.columns["novelty"] >= 2)
    settled = (found.flags & int(QualityFlag.FIRST_STAGE)) > 0
    assert 0 < settled.sum() < len(batch)
    np.testing.assert_allclose(network.novelty, expected[~settled], atol=1e-5)


def _leaning(batch):
    """A kernel that settles some of a batch."""
    depths = block_depths(batch.flux, batch.mask)
    kernel = np.zeros((N, 2), np.float32)
    kernel[int(np.argmax(depths.std(axis=0))), 1] = 1.0
    return kernel


def test_a_preset_without_novelty_says_nothing(tmp_path, batch):
    network = StandIn()
    preset = standin_preset(tmp_path / "plain")
    found = BatchClassifier(preset, 8, make_predictor=lambda *_: network).process(batch)
    assert np.isnan(found.columns["novelty"]).all()
    assert not (found.flags & OUT).any()
