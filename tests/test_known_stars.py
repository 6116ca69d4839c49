import json
from dataclasses import replace

import numpy as np
import pytest

from lamost_rare.evaluation.known_stars import (
    known_star_lines,
    knows_these_stars,
    try_known_stars,
)
from lamost_rare.presets import load_preset
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.dataset import LabelledStars
from lamost_rare.simulation.library import STAR_GRID
from lamost_rare.simulation.noise import NoiseBank
from lamost_rare.training.classifier_preset import summarize
from lamost_rare.training.recipes import RECIPES
from lamost_rare.validation.figures import Decided
from lamost_rare.validation.trials import Trial


@pytest.fixture(scope="module")
def sources():
    """Two O stars, three late B stars, one B0 star, and a spectrum of the survey."""
    kinds = ["O6", "O7", "B5", "B8", "B3", "B0", "A3"]
    batch = analytic_spectra(kinds, np.random.default_rng(2), snr=500.0, grid=STAR_GRID)
    label = np.array([k[0] for k in kinds], dtype=object)
    mk_type = np.array([f"{k}V" for k in kinds], dtype=object)
    name = np.array([f"star {i}" for i in range(7)], dtype=object)
    snr = np.array([np.nan] * 6 + [500.0])
    return LabelledStars(
        batch.flux, batch.ivar * np.isfinite(snr)[:, None], ~batch.mask, label, name, mk_type,
        name, name, snr,
    )  # fmt: skip


def test_new_observations_of_known_stars(sources):
    pytest.importorskip("keras")
    noise = NoiseBank.analytic(np.random.default_rng(0))
    preset = load_preset("racnet-obafgkm-v1")
    found = try_known_stars(preset, sources, noise, repeats=8)
    assert [(n, m) for _, n, _, m in found] == [(16, 24)] * 3
    assert found[2][0] >= 12  # S/N above 20
    assert max(hits for _, _, hits, _ in found) <= 1
    assert found == try_known_stars(preset, sources, noise, repeats=8)
    modelled = replace(sources, synthetic=sources.name == "star 1")
    assert [(n, m) for _, n, _, m in try_known_stars(preset, modelled, noise, repeats=1)] == [
        (1, 3)
    ] * 3


def test_beside_the_same_stars_unseen(sources):
    row = np.array([0, 1, 2, 3])
    one, n = np.ones(4), 4
    trial = Trial("library", np.zeros((n, 2)), one > 0, one, 7 * one, 7 * one, row)
    decided = {"library": Decided(trial, np.zeros((n, 2)), row == 0, one, one, sources, "O")}
    lines = known_star_lines([(15, 16, 0, 24), (16, 16, 1, 24), (0, 0, 0, 0)], decided, "O")
    assert (
        "| 5-10 | 0.5000 (1 of 2) | 0.9375 (15 of 16) | 0.0000 (0 of 2) | 0.0000 (0 of 24) |"
        in lines
    )
    assert lines[-1] == "| 20-100 | - | - | - | - |"


def test_which_stars_a_preset_knows(sources):
    recipe = RECIPES["racnet-obafgkm-v1"]
    preset = load_preset("racnet-obafgkm-v1")
    assert not knows_these_stars(preset, sources, recipe)
    config = json.loads(json.dumps(preset.config))
    config["training"]["sources"] = summarize(sources, recipe)
    assert knows_these_stars(replace(preset, config=config), sources, recipe)
    config["training"]["holdout"] = True
    assert not knows_these_stars(replace(preset, config=config), sources, recipe)
