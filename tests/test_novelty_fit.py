"""How novelty is fitted and measured: what is odd, what is known, the page."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation_helpers import check_page
from lamost_rare.evaluation.novelty import measure_novelty
from lamost_rare.evaluation.novelty_report import novelty_summary, write_novelty
from lamost_rare.inference.block_depths import n_features
from lamost_rare.inference.novelty import Novelty, load_novelty
from lamost_rare.presets import NOVELTY_FILE, load_preset
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.dataset import LabelledStars
from lamost_rare.simulation.faults import FAULTS, with_fault
from lamost_rare.simulation.library import STAR_GRID
from lamost_rare.simulation.oddities import _WAYS, make_odd
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.training import novelty_fit
from lamost_rare.training.novelty_fit import distribution, fit_novelty, known_classes
from lamost_rare.training.novelty_training import NoveltyOptions, Seen, train_scores
from scan_helpers import standin_preset

N = n_features(LAMOST_GRID.n_pixels)


@pytest.mark.parametrize("way", range(len(_WAYS)))
def test_each_way_makes_something_odd(way):
    one, other = analytic_spectra(
        ["A2", "K2"], np.random.default_rng(2), snr=500.0, grid=STAR_GRID
    ).flux

    class Chosen:
        """A generator that begins with a choice of the test's."""

        def __init__(self):
            self.rng = np.random.default_rng(3)
            self.first = True

        def integers(self, *args):
            first, self.first = self.first, False
            return way if first else self.rng.integers(*args)

        def __getattr__(self, name):
            return getattr(self.rng, name)

    made = make_odd(one, other, STAR_GRID, Chosen())
    assert made.shape == one.shape
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    plain = one / np.median(one)
    assert (np.abs(made - plain) > 0.02).sum() > 20


def some_seen(rng, n, shift=0.0):
    depths = rng.normal(0, 0.3, (n, N)).astype(np.float32)
    depths[:, -12:] = rng.uniform(0.3, 0.9, (n, 1))
    depths[:, 100:140] += np.float32(shift)
    rows = rng.integers(0, 60, n)
    return Seen(depths, np.full(n, 20.0), rows, np.full(n, -1), np.arange(n) % 3)


SMALL = NoveltyOptions(n_folds=2, units=(8,), epochs=8, batch_size=64, learning_rate=3e-3)


def stars_of(n):
    class Stars:
        label = np.array(["A", "G", "hot_subdwarf"], dtype=object)[np.arange(n) % 3]
        star = np.array([f"star {i}" for i in range(n)], dtype=object)

    return Stars


def test_one_in_a_hundred_of_the_known_is_flagged_and_what_is_odd_is():
    rng = np.random.default_rng(5)
    known, odd = some_seen(rng, 3000), some_seen(rng, 1500, 1.0)
    fitted = fit_novelty(stars_of(60), known, odd, SMALL)
    weight = novelty_fit.share_of_known(known, stars_of(60).label)
    flagged = fitted.unseen >= fitted.novelty.threshold
    assert weight.sum() == pytest.approx(1)
    assert weight[flagged].sum() == pytest.approx(0.01, abs=0.005)
    new = some_seen(np.random.default_rng(6), 300, 1.0)
    assert (fitted.novelty.of_depths(new.depths) >= 2).mean() > 0.9
    assert (fitted.of_unseen(new) >= 2).mean() > 0.9
    again = fit_novelty(stars_of(60), known, odd, SMALL)
    np.testing.assert_allclose(again.unseen, fitted.unseen, atol=1e-4)


def test_classes_left_out_are_not_seen():
    rng = np.random.default_rng(5)
    known, odd = some_seen(rng, 1500), some_seen(rng, 600, 1.0)
    fitted = fit_novelty(stars_of(60), known, odd, SMALL, without=["G"])
    assert len(fitted.known) < len(known)
    assert not (stars_of(60).label[fitted.known.row] == "G").any()


def test_a_network_that_is_trained_is_one_of_plain_layers():
    rng = np.random.default_rng(7)
    known, odd = some_seen(rng, 600), some_seen(rng, 600, 1.0)
    layers = train_scores(known, odd, SMALL, 1)
    assert [kernel.shape for kernel, _ in layers] == [(N + 108, 8), (8, 1)]
    scores = [Novelty(layers, *np.zeros((3, 1))).scores(x.depths) for x in (known, odd)]
    assert np.median(scores[1]) > np.median(scores[0]) + 2


def test_distribution_follows_the_noise():
    rng = np.random.default_rng(8)
    quiet = rng.uniform(0.2, 0.9, 40_000)
    score = rng.exponential(1, len(quiet)) * (1 + quiet)
    table = distribution(score, quiet, np.ones(len(quiet)))
    novelty = Novelty([], *table)
    for low, high in ((0.2, 0.3), (0.8, 0.9)):
        here = (quiet > low) & (quiet < high)
        part = (novelty.rarity_of(score[here], quiet[here]) >= 2).mean()
        assert part == pytest.approx(0.01, abs=0.006)
    with pytest.raises(ValueError, match="all of one noise"):
        distribution(score[:50], np.full(50, 0.5), np.ones(50))


def test_what_has_nothing_in_common_is_not_known():
    assert known_classes(("O", "B", "other")) == ["O", "B"]


@pytest.fixture(scope="module")
def stars():
    """Library stars and real spectra of a few classes, one of which is no class."""
    kinds = {"O": "O8", "A": "A2", "G": "G2", "white_dwarf": "white_dwarf", "other": "qso"}
    names = [name for name in kinds for _ in range(12)]
    rng = np.random.default_rng(9)
    made = analytic_spectra([kinds[name] for name in names], rng, snr=300.0, grid=STAR_GRID)
    n = len(names)
    real = np.arange(n) % 2 == (np.array(names) == "other")
    return LabelledStars(
        made.flux,
        np.where(real[:, None], made.ivar, 0).astype(np.float32),
        np.ones(made.flux.shape, dtype=bool),
        np.array(names, dtype=object),
        np.array([f"star {i}" for i in range(n)], dtype=object),
        np.array([{"other": "QSO"}.get(name, kinds[name]) for name in names], dtype=object),
        np.full(n, "analytic", dtype=object),
        np.array([f"spectrum {i}" for i in range(n)], dtype=object),
        np.where(real, 300.0, np.nan),
    )


TINY = replace(SMALL, n_of_class=60, n_reobserved=200, n_odd=300, epochs=3, snr_range=(6.0, 80.0))


def test_each_fault_changes_a_spectrum_and_no_identity():
    rng = np.random.default_rng(10)
    batch = analytic_spectra(["O7", "A2", "G2", "M2"] * 4, rng, snr=30.0)
    for name in FAULTS:
        found = with_fault(batch, name, rng)
        assert found.flux.shape == batch.flux.shape
        assert found.flux.dtype == np.float32
        assert np.isfinite(found.flux).all()
        assert (found.flux[found.mask] == 0).all()
        assert not np.array_equal(found.flux, batch.flux), name
        assert found.identity is batch.identity


def test_the_page_has_all_kinds(stars, tmp_path):
    classes = ("O", "A", "G", "white_dwarf", "other")
    figures = measure_novelty(stars, classes, TINY, n=40)
    assert {"white_dwarf", "QSO"} < set(figures.left_out)
    assert set(figures.faults) == {"none", *FAULTS}
    assert set(figures.real) == {"O", "A", "G", "white_dwarf", "all"}
    for found in (figures.left_out, figures.faults, figures.known, figures.real):
        for flagged in found.values():
            assert ((np.array(flagged.share) >= 0) | np.isnan(flagged.share)).all()
    assert 0 <= figures.median <= 1
    write_novelty(figures, "racnet-test-v1", tmp_path / "novelty.md", "the command")
    check_page(tmp_path / "novelty.md")
    text = (tmp_path / "novelty.md").read_text()
    assert "the command" in text
    assert all(f"| {name} |" in text for name in (*figures.left_out, *figures.faults))
    assert len(novelty_summary(figures)) == 2


def test_novelty_is_added_to_a_preset_that_works_on_as_it_was(stars, tmp_path, monkeypatch):
    preset = standin_preset(tmp_path / "a", classes=["O", "A", "G", "other"])
    pixels = analytic_spectra(["O8", "qso"], np.random.default_rng(2), snr=30.0)
    np.savez(preset.folder / "golden.npz", flux=pixels.flux, mask=pixels.mask, other=np.arange(3))
    monkeypatch.setattr(novelty_fit, "load_data_folder", lambda *args, **options: stars)
    made = novelty_fit.add_novelty(preset.folder, "data", 3, options=TINY)
    assert made.settings.novelty.options["seed"] == 3
    assert made.settings.novelty.figures["real_spectra"] > 0
    assert replace(made.settings, novelty=None) == preset.settings
    novelty = load_novelty(made)
    with np.load(preset.folder / "golden.npz") as golden:
        np.testing.assert_array_equal(golden["other"], np.arange(3))
        np.testing.assert_allclose(golden["novelty"], novelty.of(pixels.flux, pixels.mask))
    first = (preset.folder / NOVELTY_FILE).read_bytes()
    assert len(first) < 500_000
    novelty_fit.add_novelty(preset.folder, "data", 3, options=TINY)
    again = load_novelty(load_preset(preset.folder))
    np.testing.assert_allclose(again.score, novelty.score, rtol=1e-3, atol=1e-3)
