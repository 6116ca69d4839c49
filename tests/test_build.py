"""From a recipe to a preset: both trainings, operating point, golden outputs, card."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation_helpers import TINY_RACNET, in_this_process, undecided_first_stage, write_data
from lamost_rare.inference.predictor import Predictor
from lamost_rare.presets import load_preset
from lamost_rare.simulation.dataset import load_data_folder
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.training import build, crossvalidation
from lamost_rare.training.loop import TrainingOptions
from lamost_rare.training.recipes import RECIPES, Recipe
from lamost_rare.training.stream import StreamOptions

CLASSES = ("O", "B", "G")
OPTIONS = TrainingOptions(batch_size=8, steps_per_epoch=2, epochs=1, patience=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"), {"O8": 9, "B5": 9, "G2": 9})


def test_a_recipe_becomes_a_preset(data, tmp_path, monkeypatch):
    recipe = replace(
        RECIPES["racnet-ofgk-v1"], classes=CLASSES, architecture=TINY_RACNET, training=OPTIONS
    )
    monkeypatch.setitem(build.RECIPES, recipe.name, recipe)
    monkeypatch.setattr(build, "for_each", in_this_process)
    arguments = recipe.name, data, tmp_path / "presets", tmp_path / "work"
    preset = build.build_preset(*arguments, labels=data / "labels.csv", n_reobserved=9)
    assert load_preset(preset.folder).classes == CLASSES
    assert preset.config["figures_of"] == "O"
    own = build.fold_folder(tmp_path / "work", recipe, 0, 0)
    assert (own / "shipped.weights.h5").read_bytes() == preset.weights_path.read_bytes()
    golden = np.load(preset.folder / "golden.npz")
    batch = SpectrumBatch(preset.grid, golden["flux"], golden["ivar"], golden["mask"])
    found = Predictor(preset, batch_size=4).predict(batch).probabilities
    np.testing.assert_allclose(found, golden["probabilities"], atol=1e-5)
    assert "2 steps of 8 simulated observations" in (preset.folder / "CARD.md").read_text()


@pytest.mark.slow
def test_a_recipe_of_another_rare_class_needs_nothing_else(data, tmp_path, monkeypatch):
    labels = tmp_path / "labels.csv"
    labels.write_text((data / "labels.csv").read_text().replace(",G", ",carbon"))
    recipe = Recipe(
        name="racnet-carbon-v1",
        description="Finds carbon stars.",
        classes=("carbon", "O", "B"),
        rare_class="carbon",
        group=("carbon", "B"),
        architecture=TINY_RACNET,
        preprocessing={"normalization": "l2"},
        training=OPTIONS,
        stream=StreamOptions(),
    )
    monkeypatch.setitem(build.RECIPES, recipe.name, recipe)
    monkeypatch.setattr(build, "for_each", in_this_process)
    build.build_preset(
        recipe.name, data, tmp_path / "presets", tmp_path / "work", labels=labels, n_reobserved=9
    )
    preset = load_preset(tmp_path / "presets" / recipe.name)
    assert preset.rare_class == preset.config["figures_of"] == "carbon"
    card = (preset.folder / "CARD.md").read_text()
    assert "none of class carbon, called candidates" in card
    for text in ("O star", "key lines", "invented"):
        assert text not in card


def test_the_second_training_begins_where_the_first_ended(data, tmp_path, monkeypatch):
    undecided = undecided_first_stage()
    monkeypatch.setattr(crossvalidation, "first_stage_of_fold", lambda *a, **k: (undecided, []))
    recipe = replace(
        RECIPES["racnet-obafgkm-v1"],
        classes=CLASSES,
        architecture=TINY_RACNET,
        training=OPTIONS,
        refined=replace(OPTIONS, learning_rate=0.0),
        stream=StreamOptions(invented={}),
        preprocessing={"normalization": "l2"},
    )
    sources = load_data_folder(data, labels=data / "labels.csv")
    model, *_, log = crossvalidation.train_fold(recipe, sources, 0, 3, tmp_path)
    assert len(log) == 2
    names = tmp_path, crossvalidation.trained_folder(recipe, tmp_path)
    assert names[1] == tmp_path / "refined"
    both = []
    for folder in names:
        model.load_weights(folder / "best.weights.h5")
        both.append([np.array(v) for v in model.trainable_variables])
    for first, second in zip(*both, strict=True):
        np.testing.assert_array_equal(first, second)  # at a rate of 0 it stays there
