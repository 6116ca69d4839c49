"""Generated stars among those that the recogniser is trained on, and whether it gains from them."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation_helpers import (
    TINY_LCGAN,
    TINY_RACNET,
    check_page,
    in_this_process,
    undecided_first_stage,
)
from lamost_rare.cli import main
from lamost_rare.evaluation import mixture
from lamost_rare.evaluation.mixture import WAYS, MixtureSettings, try_mixture
from lamost_rare.evaluation.mixture_report import summary, write_mixture
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.dataset import LabelledStars
from lamost_rare.simulation.library import MARGIN, STAR_GRID
from lamost_rare.simulation.noise import NoiseBank
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.training import crossvalidation
from lamost_rare.training.gan_training import GanOptions
from lamost_rare.training.loop import TrainingOptions
from lamost_rare.training.mixture import MixedStream, generated_stars
from lamost_rare.training.recipes import RECIPES
from lamost_rare.training.stream import ObservationStream, StreamOptions, levels
from lamost_rare.validation.trials import Trial

CLASSES = ("O", "B", "G")
KINDS = ["O6", "O7", "O8", "O9", "O8", "O6", "B5", "B8", "B3", "B0", "B0", "B0", "G2", "G5", "G8"]
OPTIONS = TrainingOptions(batch_size=8, steps_per_epoch=2, epochs=1, patience=0)
GAN = GanOptions(iterations=2, sample_every=1, batch_size=8)
PREPROCESSING = {"normalization": "l2"}


@pytest.fixture(scope="module")
def sources():
    """Library stars."""
    batch = analytic_spectra(KINDS, np.random.default_rng(2), snr=500.0, grid=STAR_GRID)
    n = len(KINDS)
    label = np.array([k[0] for k in KINDS], dtype=object)
    mk_type = np.array([f"{k}V" for k in KINDS], dtype=object)
    name = np.array([f"star {i}" for i in range(n)], dtype=object)
    return LabelledStars(
        batch.flux, np.zeros_like(batch.flux), ~batch.mask, label, name, mk_type, name, name,
        np.full(n, np.nan),
    )  # fmt: skip


@pytest.fixture(scope="module")
def noise():
    return NoiseBank.analytic(np.random.default_rng(0))


@pytest.mark.slow
def test_generated_stars_have_levels_of_library_stars(sources, noise, tmp_path):
    pytest.importorskip("keras")
    arguments = sources, noise, TINY_LCGAN, GAN
    made = generated_stars(*arguments, tmp_path, n_examples=30, number=40)
    assert made.shape == (40, STAR_GRID.n_pixels)
    assert np.isfinite(made).all()
    again = generated_stars(*arguments, tmp_path, n_examples=30, number=40)
    np.testing.assert_allclose(made, again, rtol=1e-4)  # sums in another order
    inner = slice(MARGIN + 100, MARGIN + LAMOST_GRID.n_pixels - 100)
    own = levels(made, np.ones(made.shape, dtype=bool))[:, inner]
    stars = sources.flux[sources.label == "O"]
    lent = levels(stars, np.ones(stars.shape, dtype=bool))[:, inner]
    ratio = own[:, None] / lent[None]
    assert (ratio.std(axis=2) / ratio.mean(axis=2)).min(axis=1).max() < 0.02
    with pytest.raises(ValueError, match="covers the whole grid"):
        generated_stars(sources[sources.label != "O"], noise, TINY_LCGAN, GAN, tmp_path / "b")


def test_a_part_of_the_rare_class_is_generated(sources, noise):
    options = StreamOptions(invented={}, blend={}, blue_only=0.0, snr_range=(90.0, 100.0))
    plain = ObservationStream(sources, CLASSES, PREPROCESSING, options, noise=noise, seed=4)
    marked = np.ones((3, STAR_GRID.n_pixels), dtype=np.float32)

    def part(fraction):
        stream = MixedStream(plain, marked, fraction, "O", 5)
        flux = np.zeros((300, STAR_GRID.n_pixels), dtype=np.float32)
        rng = np.random.default_rng(1)
        valid = np.ones(flux.shape, dtype=bool)
        for i in range(300):
            name = "OB"[i % 2]
            assert stream._fill(i, name, flux, np.zeros_like(flux), valid, rng) == "OB".index(name)
        found = (flux == 1).all(axis=1)
        assert not found[1::2].any()
        return found[::2].mean()

    assert part(0.0) == 0
    assert part(0.4) == pytest.approx(0.4, abs=0.1)
    assert part(1.0) == 1
    assert len(MixedStream(plain, marked, 0.4, "O", 5).inputs(0, 16)[1]) == 16
    with pytest.raises(ValueError, match="no generated stars"):
        MixedStream(plain, marked[:0], 0.4, "O", 5)


@pytest.mark.slow
def test_folds_are_trained_on_in_two_ways(sources, tmp_path, monkeypatch):
    pytest.importorskip("keras")
    undecided = undecided_first_stage()
    for module in (crossvalidation, mixture):
        monkeypatch.setattr(module, "first_stage_of_fold", lambda *a, **k: (undecided, []))
    recipe = replace(
        RECIPES["racnet-obafgkm-v1"],
        classes=CLASSES,
        architecture=TINY_RACNET,
        training=OPTIONS,
        refined=OPTIONS,
        stream=StreamOptions(invented={}),
        preprocessing=PREPROCESSING,
        n_folds=2,
    )
    monkeypatch.setitem(mixture.RECIPES, recipe.name, recipe)
    monkeypatch.setattr(mixture, "load_data_folder", lambda data: sources)
    done = []

    def here(tasks, *arguments):
        done.extend(tasks)
        return in_this_process(tasks, *arguments)

    monkeypatch.setattr(mixture, "for_each", here)
    settings = MixtureSettings(
        architecture=TINY_LCGAN,
        gan=GAN,
        n_examples=24,
        number=8,
        epochs=1,
        repeats=2,
        n_reobserved=12,
    )
    arguments = recipe.name, "data", tmp_path, settings
    found = try_mixture(*arguments, repetitions=1)
    assert done == [(0, 0), (0, 1)]
    assert set(found.log_loss) == set(found.figures[0]) == set(WAYS)
    for way in WAYS:
        assert found.log_loss[way].shape == (2, 1)
        assert np.isfinite(found.log_loss[way]).all()
    # Other weights, other scores; and what was done is not done again.
    assert len({found.log_loss[way].tobytes() for way in WAYS}) == 3
    monkeypatch.setattr(mixture, "_train_and_try", None)
    again = try_mixture(*arguments, repetitions=1)
    np.testing.assert_array_equal(found.log_loss["mixture"], again.log_loss["mixture"])
    assert found.figures == again.figures
    write_mixture(found, recipe.name, tmp_path / "mixture.md", "the command")
    check_page(tmp_path / "mixture.md")
    assert summary(found)[0].startswith("as it is: log loss")
    with pytest.raises(ValueError, match="no folds with a second training"):
        try_mixture("racnet-ofgk-v1", "data", tmp_path)


def test_log_loss(sources):
    """Of two O stars and three others."""
    row = np.array([0, 1, 6, 7, 12])
    x = np.array([5.0, -1.0, -6.0, 2.0, -3.0])
    logits = np.stack([x, np.zeros(5), np.full(5, -50.0)], axis=1)
    one = np.ones(5)
    trials = [Trial("library", logits, one > 0, one, one, one, row)]
    recipe = replace(RECIPES["racnet-obafgkm-v1"], classes=CLASSES)
    loss = np.log1p(np.exp(-x[:2])).mean(), np.log1p(np.exp(x[2:])).mean()
    found = mixture._log_loss(trials, sources.label, recipe)
    np.testing.assert_allclose(found, np.mean(loss), rtol=1e-6)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--fraction 0", "--fraction: must be above 0"),
        ("--fraction 1.5", "1 at the most"),
        ("--repetitions 0", "at least 1"),
        ("--preset none", "--preset none: its training cannot be repeated; choose one of"),
        ("--preset racnet-ofgk-v1", "no folds with a second training"),
    ],
)
def test_the_command_refuses(option, said, tmp_path, capsys):
    assert main(["evaluate", "mixture", "--data", str(tmp_path), *option.split()]) == 2
    assert said in capsys.readouterr().err
