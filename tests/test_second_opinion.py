"""A second network that is asked about what the first does not rule out."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from evaluation_helpers import TINY_RACNET, write_data
from lamost_rare.evaluation.trials import Trial, with_second_opinion
from lamost_rare.inference.predictor import Predictor, build_network
from lamost_rare.inference.second_opinion import asked, mean_opinion
from lamost_rare.networks.architectures import PAPER_RACNET
from lamost_rare.networks.racnet import build_racnet
from lamost_rare.presets import PresetError, load_preset, save_preset
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.training import build
from lamost_rare.training.classifier import TrainingOptions
from lamost_rare.training.recipes import HE_II_EVIDENCE, RECIPES

CLASSES = ("O", "B", "G")
ARCHITECTURE = {**PAPER_RACNET, "stem_channels": 4, "stem_stride": 8, "block_channels": [4]}


def test_asked_is_what_may_be_rare():
    logits = np.array([[0, 0, 0], [-9, 0, 0], [9, 0, 0], [-5.9, -30, 0]])
    assert list(asked(logits, 0, -6.0)) == [0, 2, 3]
    assert not len(asked(logits[:0], 0, -6.0))


def test_mean_of_two_opinions():
    logits, evidence = np.array([[0.0, 2.0], [4.0, 0.0], [-8.0, 0.0]]), np.array([0.0, 1.5, 0.0])
    both, lines = mean_opinion(logits, evidence, [0, 1], [[2.0, 0.0], [0.0, 1.0]], [0.7, 1.4])
    np.testing.assert_array_equal(both, np.float32([[1, 1], [2, 0.5], [-8, 0]]))
    np.testing.assert_array_equal(lines, [0.7, 1.5, 0])
    assert logits[0, 0] == 0  # what was given is left as it was
    assert evidence[0] == 0


def trial(logits, kind="library", row=(0, 1), snr=np.nan):
    n = len(logits)
    snr = np.full(n, snr)
    return Trial(
        kind, np.float32(logits), np.ones(n, bool), np.zeros(n), snr, snr, np.array(row[:n])
    )


def test_trials_of_two_networks():
    first, second = trial([[1.0, 0.0], [-9.0, 0.0]]), trial([[-1.0, 2.0], [9.0, 0.0]])
    (both,) = with_second_opinion([first], [second], 0, -6.0)
    np.testing.assert_array_equal(both.logits, [[0, 1], [-9, 0]])
    for other in (
        trial([[0.0, 0.0]] * 2, row=(1, 0)),
        trial([[0.0, 0.0]] * 2, kind="lamost"),
        trial([[0.0, 0.0]] * 2, snr=7.0),
    ):
        with pytest.raises(ValueError, match="trials of two networks differ"):
            with_second_opinion([first], [other], 0, -6.0)


@pytest.fixture(scope="module")
def stars():
    kinds = ["O5", "O8", "B1", "B8", "G2", "G8"] * 8
    return analytic_spectra(kinds, np.random.default_rng(3), snr=30.0)


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """Two networks with random weights: the first alone, the second alone, and both."""
    folder = tmp_path_factory.mktemp("presets")
    files = []
    for i in range(2):
        keras.utils.set_random_seed(i)
        model = build_racnet({**ARCHITECTURE, "n_classes": len(CLASSES)})
        rng = np.random.default_rng(i)
        for variable in model.trainable_variables:
            noise = 0.05 * rng.standard_normal(variable.shape)
            variable.assign(np.asarray(variable.value) + noise.astype("f4"))
        files.append(folder / f"{i}.weights.h5")
        model.save_weights(files[-1])
    config = {
        "name": "racnet-two-v1",
        "kind": "classifier",
        "architecture": ARCHITECTURE,
        "classes": list(CLASSES),
        "rare_class": "O",
        "grid": LAMOST_GRID.to_dict(),
        "preprocessing": {"normalization": "l2"},
        "threshold": 0.5,
        "calibration": {"temperature": 1.3, "evidence_weight": 0.4},
        "evidence": HE_II_EVIDENCE,
    }
    alone = [save_preset(folder / f"alone{i}", config, file) for i, file in enumerate(files)]
    return *alone, lambda log_odds: save_preset(
        folder / f"both{log_odds}", {**config, "second_opinion": {"log_odds": log_odds}}, *files
    )


def test_the_second_network_counts_where_it_is_asked(presets, stars):
    first, second, both_above = presets
    own, other = (Predictor(preset, batch_size=64).logits(stars) for preset in (first, second))
    limit = float(np.median(own[:, 0] - np.log(np.exp(own[:, 1:]).sum(axis=1))))
    predictor = Predictor(both_above(limit), batch_size=64)
    rows = asked(own, 0, limit)
    assert 10 < len(rows) < 40
    expected = own.copy()
    expected[rows] = (own[rows] + other[rows]) / 2
    np.testing.assert_allclose(predictor.logits(stars), expected, atol=1e-4)
    # What came with a spectrum in a batch does not change what is said of it.
    found = predictor.predict(stars).probabilities
    np.testing.assert_allclose(found[5:9], predictor.predict(stars[5:9]).probabilities, atol=1e-5)
    assert not len(predictor.predict(stars[:0]).probabilities)


def test_trials_say_what_a_preset_with_both_says(presets, stars):
    from lamost_rare.inference.calibration import add_evidence, calibrate
    from lamost_rare.training.crossvalidation import network_predictor

    first, second, both_above = presets
    recipe = replace(
        RECIPES["racnet-ofgk-v1"],
        classes=CLASSES,
        preprocessing=first.preprocessing,
        evidence=HE_II_EVIDENCE,
    )
    opinions = []
    for preset in (first, second):
        logits, covered, evidence = network_predictor(build_network(preset), recipe)(stars)
        snr = np.zeros(len(stars))
        opinions.append(
            [Trial("library", logits, covered, evidence, snr, snr, np.arange(len(stars)))]
        )
    (both,) = with_second_opinion(*opinions, 0, -1.0)
    assert (both.evidence != 0).any()
    p = calibrate(add_evidence(both.logits, 0, both.evidence, 0.4), {"temperature": 1.3})
    found = Predictor(both_above(-1.0), batch_size=64).predict(stars)
    np.testing.assert_allclose(found.probabilities, p, atol=1e-4)


def test_it_is_built_only_when_there_is_something_to_ask(presets, stars):
    predictor = Predictor(presets[2](1000.0), batch_size=64)
    predictor.predict(stars)
    assert "_second" not in vars(predictor)


def test_the_second_weights_are_verified(presets):
    preset = presets[2](7.0)
    content = preset.second_weights_path.read_bytes()
    preset.second_weights_path.write_bytes(content[:-1] + b"?")
    with pytest.raises(PresetError, match=r"second_opinion\.weights\.h5 has SHA-256"):
        load_preset(preset.folder)
    preset.second_weights_path.unlink()
    with pytest.raises(PresetError, match=r"cannot read .*second_opinion"):
        load_preset(preset.folder)
    for damaged in ({}, {"log_odds": 1, "sha256": "?"}, {"sha256": "0" * 64}, [], "yes"):
        config = {**preset.config, "second_opinion": damaged}
        (preset.folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(PresetError, match="'second_opinion' must be"):
            load_preset(preset.folder)


def test_a_recipe_with_two_networks_becomes_a_preset(tmp_path, monkeypatch):
    options = TrainingOptions(batch_size=8, steps_per_epoch=2, epochs=1, patience=0)
    recipe = replace(
        RECIPES["racnet-ofgk-v1"],
        classes=CLASSES,
        architecture=TINY_RACNET,
        training=options,
        refined=None,
        second_opinion=-6.0,
    )
    monkeypatch.setitem(build.RECIPES, recipe.name, recipe)
    monkeypatch.setattr(  # here, where the recipe is known, in place of other processes
        build,
        "_for_each",
        lambda tasks, jobs, function, *arguments: {
            task: function(*(task if a is ... else a for a in arguments)) for task in tasks
        },
    )
    data = tmp_path / "data"
    data.mkdir()
    write_data(data, {"O8": 9, "B5": 9, "G2": 9})
    work = tmp_path / "work"
    preset = build.build_preset(
        recipe.name, data, tmp_path / "presets", work, labels=data / "labels.csv", n_reobserved=9
    )
    assert preset.second_opinion["log_odds"] == -6.0
    weights = [
        build_network(preset, path).get_weights() for path in (None, preset.second_weights_path)
    ]
    assert any(not np.array_equal(a, b) for a, b in zip(*weights, strict=True))
    assert "the logits are the mean of two networks'" in (preset.folder / "CARD.md").read_text()
    golden = np.load(preset.folder / "golden.npz")["probabilities"]
    assert np.isfinite(golden).all()
