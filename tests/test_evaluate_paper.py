import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation_helpers import TINY_LCGAN, TINY_RACNET, TINY_SGAN, check_page, write_data
from lamost_rare.cli import main
from lamost_rare.evaluation.pages import spread
from lamost_rare.evaluation.paper import tasks as paper_tasks
from lamost_rare.evaluation.paper.experiments import quick_settings, run_paper
from lamost_rare.evaluation.paper.recogniser import (
    WAYS,
    StoredSpectra,
    rare_spectra,
    train_recogniser,
)
from lamost_rare.evaluation.paper.report import write_paper
from lamost_rare.evaluation.paper.scores import (
    SCORES,
    calibration_error,
    false_alarms_at,
    score,
)
from lamost_rare.evaluation.paper.sets import (
    CLASSES,
    PaperSizes,
    level_red_end,
    make_sets,
    split_stars,
)
from lamost_rare.evaluation.paper.tasks import PaperSettings, Workshop
from lamost_rare.simulation.dataset import load_data_folder
from lamost_rare.simulation.simulate_stars import noise_of
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.training.gan_training import GanOptions
from lamost_rare.training.loop import TrainingOptions

SIZES = PaperSizes(set1=40, set2=12, set3=20, set5=20, test=16, snr_range=(20.0, 60.0))
OPTIONS = TrainingOptions(learning_rate=1e-3, batch_size=16, epochs=1, seed=2)
L2 = {"normalization": "l2"}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    kinds = {"O7": 8, "O9": 4, "F5": 6, "G2": 6, "K3": 6}
    return write_data(tmp_path_factory.mktemp("paper-data"), kinds)


@pytest.fixture(scope="module")
def sources(data):
    return load_data_folder(data)


@pytest.fixture(scope="module")
def sets(sources):
    return make_sets(sources, noise_of(sources), 0, None, SIZES)


def stars_of(sets):
    return {
        "set1": set(sets.set1.star),
        "simulated": set(sets.simulated.star),
        "set2": set(sets.set2.star),
        **{f"train {c}": set(sets.train[c].star) for c in "FGK"},
        **{f"test {c}": set(sets.test[c].star) for c in CLASSES},
    }


def test_sizes_and_stars_of_the_sets(sets):
    stars = stars_of(sets)
    assert not stars["set1"] & stars["test O"]
    assert stars["set2"] <= stars["test O"]
    assert stars["simulated"] <= stars["set1"]
    for label in "FGK":
        assert not stars[f"train {label}"] & stars[f"test {label}"]
    assert (len(sets.set1), len(sets.set2), len(sets.test["O"])) == (40, 12, 16)
    assert all(len(sets.train[c]) == 20 and len(sets.test[c]) == 16 for c in "FGK")
    np.testing.assert_array_equal(sets.set2.flux, sets.test["O"].flux[:12])
    # Other noise: no spectrum stands twice among those of the training stars.
    both = np.concatenate([sets.set1.flux, sets.simulated.flux])
    assert len(np.unique(both, axis=0)) == len(both)


def test_sets_are_seeded_and_shrink_with_their_stars(sources, sets):
    noise = noise_of(sources)
    few = make_sets(sources, noise, 0, 3, SIZES)
    assert len(set(few.set1.star)) == 3
    assert len(few.set1) == 20
    assert set(few.set1.star) < set(sets.set1.star)
    np.testing.assert_array_equal(few.set2.flux, sets.set2.flux)
    np.testing.assert_array_equal(few.train["G"].flux, sets.train["G"].flux)
    assert split_stars(sources, "O", 0, 0.5)[0] != split_stars(sources, "O", 1, 0.5)[0]


def test_too_few_stars_of_a_class(sources):
    only = sources[(sources.label != "K") | (np.cumsum(sources.label == "K") <= 3)]
    with pytest.raises(ValueError, match="3 stars of class K"):
        make_sets(only, noise_of(sources), 0, None, SIZES)


def test_the_red_end_says_nothing():
    rng = np.random.default_rng(0)
    flux = 1 + 0.1 * rng.standard_normal((3, LAMOST_GRID.n_pixels))
    out = level_red_end(flux)
    red = LAMOST_GRID.wavelength >= 7380
    assert (np.ptp(out[:, red], axis=1) < 1e-6).all()
    assert (np.ptp(out[:, ~red], axis=1) > 0.1).all()
    np.testing.assert_allclose(np.mean(out**2, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(level_red_end(out), out, rtol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5))
def test_each_spectrum_once_in_every_pass(n, size, seed):
    flux = np.arange(1.0, n + 1, dtype=np.float32)[:, None] * np.ones((1, 3072), np.float32)
    stored = StoredSpectra(flux, np.arange(n), CLASSES, L2, seed)
    drawn = np.concatenate([stored.inputs(k, size)[1] for k in range(-(-3 * n // size))])
    assert (np.bincount(drawn[: 3 * n]) == 3).all()
    np.testing.assert_array_equal(stored.inputs(2, size)[1], stored.inputs(2, size)[1])


def test_network_input_of_stored_spectra(sets):
    stored = StoredSpectra(sets.set1.flux, np.zeros(len(sets.set1), int), CLASSES, L2)
    x = stored.whole(sets.set1.flux)
    # Standardized flux is Eq. 1 times the root of the number of pixels: l2 leaves it alone.
    np.testing.assert_allclose(x[..., 0], sets.set1.flux, rtol=1e-4, atol=1e-5)
    assert (x[..., 1] == 1).all()


def test_what_fills_the_rare_class(sets):
    generated = np.full((50, 3072), 7, dtype=np.float32)

    def numbers(way, number=20):
        """Real spectra, generated ones, and to how many they are repeated."""
        parts = rare_spectra(way, sets, number, generated)
        made = [int((flux == 7).all(axis=1).sum()) for flux, _ in parts]
        return [(len(x) - k, k, n) for (x, n), k in zip(parts, made, strict=True)]

    assert numbers("nothing") == [(40, 0, 40)]
    assert numbers("repetition", 90) == [(40, 0, 90)]
    assert numbers("simulation") == [(20, 0, 20)]
    assert numbers("lcgan") == numbers("sgan") == [(0, 20, 20)]
    assert numbers("observed-lcgan") == [(0, 20, 20)]
    assert numbers("reobserved") == [(20, 0, 20)]
    assert numbers("reobserved+observed-lcgan", 15) == [(8, 7, 15)]
    assert numbers("simulation+observed-lcgan") == [(10, 10, 20)]
    for way in WAYS:
        flux, _ = rare_spectra(way, sets, 20, generated)[0]
        assert np.isfinite(flux).all()


class Guess:
    """Stands in for a network."""

    def predict_on_batch(self, x):
        return np.tile([0.0, 1.0, 0.0, 0.0], (len(x), 1))


def test_repeated_spectra_stay_on_one_side_of_the_split(sets, tmp_path, monkeypatch):
    seen = {}

    def train(stream, architecture, options, folder, *, validation):
        seen.update(stream=stream, validation=validation, options=options)
        return Guess(), [{}]

    monkeypatch.setattr("lamost_rare.evaluation.paper.recogniser.train_network", train)
    rare = sets.set1.flux[:10]
    out = train_recogniser([(rare, 20)], sets, 20, TINY_RACNET, OPTIONS, L2, tmp_path)
    stream, (x, y) = seen["stream"], seen["validation"]
    assert list(np.bincount(stream.label)) == [14, 14, 14, 14]
    assert list(np.bincount(y)) == [6, 6, 6, 6]
    train_o = {row.tobytes() for row in stream.whole(stream.flux[stream.label == 0])}
    other = {row.tobytes() for row in x[y == 0]}
    assert (len(train_o), len(other)) == (7, 3)
    assert not train_o & other
    assert seen["options"].steps_per_epoch == 56 // 16
    assert out["logits"].shape == (64, 4)
    assert list(out["label"]) == [k for k in range(4) for _ in range(16)]
    train_recogniser([(rare, 10)], sets, 20, TINY_RACNET, OPTIONS, L2, tmp_path)
    assert list(np.bincount(seen["stream"].label)) == [7, 14, 14, 14]
    both = [(rare, 30), (sets.simulated.flux[:10], 10)]
    train_recogniser(both, sets, 20, TINY_RACNET, OPTIONS, L2, tmp_path)
    assert list(np.bincount(seen["stream"].label)) == [28, 14, 14, 14]


def test_a_recogniser_is_trained(sets, tmp_path):
    pytest.importorskip("keras")
    rare = rare_spectra("nothing", sets, 20)
    out = train_recogniser(rare, sets, 20, TINY_RACNET, OPTIONS, L2, tmp_path)
    assert np.isfinite(out["logits"]).all()
    assert np.ptp(out["logits"]) > 0
    assert out["epochs"] == 1
    assert set(out["star"][:16]) == set(sets.test["O"].star)


def test_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    assert calibration_error(p, rng.random(20_000) < p) < 0.02
    assert calibration_error(np.ones(10), np.arange(10) < 5) == pytest.approx(0.5)
    assert calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.5, 1.0), st.integers(5, 60))
def test_false_alarms_keep_the_recall(seed, recall, n):
    rng = np.random.default_rng(seed)
    rare, others = rng.normal(1, 1, n), rng.normal(size=500)
    found = false_alarms_at(recall, rare, others)
    threshold = np.sort(rare)[::-1][int(np.ceil(recall * n)) - 1]
    assert (rare >= threshold).mean() >= recall - 1e-9
    assert found == np.mean(others >= threshold)
    assert false_alarms_at(recall, others + 100, others) == 0


def test_scores_of_known_answers():
    label = np.repeat([0, 1, 2, 3], 4)
    snr = np.tile([7.0, 15.0, 50.0, 50.0], 4)
    logits = np.full((16, 4), -4.0)
    logits[np.arange(16), label] = 4.0
    perfect = score(logits, label, snr, 2)
    assert list(perfect) == list(SCORES)
    assert [perfect[k] for k in ("set2", "snr_5_10", "others", "false_alarms")] == [1, 1, 1, 0]
    assert perfect["log_loss"] < 0.01
    logits[0] = [-4, 4, -4, -4]  # an O star at S/N 7 is missed
    logits[5] = [4, -4, -4, -4]  # an F star is called O
    flawed = score(logits, label, snr, 2)
    assert flawed["set2"] == 0.5
    assert flawed["snr_5_10"] == 0
    assert flawed["snr_10_20"] == flawed["snr_20_100"] == 1
    assert flawed["others"] == pytest.approx(11 / 12)
    assert flawed["log_loss"] == pytest.approx((8 + 8 - np.log(3)) / 16, abs=0.1)
    # F taken for G costs nothing.
    logits[6] = [-4, -4, 4, -4]
    assert score(logits, label, snr, 2)["log_loss"] == pytest.approx(flawed["log_loss"])
    sure = score(np.where(np.eye(4)[label] > 0, 1000.0, 0.0), label, snr, 4)
    assert sure["log_loss"] == 0
    assert sure["false_alarms"] == 0


def test_spread():
    assert spread([0.5], percent=True, digits=1) == "50.0"
    assert spread([1, 2, 9]) == "2.00 (1.00 to 9.00)"
    assert spread(np.arange(9.0)) == "4.00 (2.00 to 6.00)"
    assert spread([np.nan]) == "-"


MINI = PaperSettings(
    sizes=SIZES,
    few=(4, 50),
    gans={"lcgan": TINY_LCGAN, "sgan": TINY_SGAN},
    gan=GanOptions(iterations=2, sample_every=1, batch_size=8),
    recogniser=TINY_RACNET,
    training=OPTIONS,
)


class Weights:
    """Of a generator that was never trained."""

    def load_weights(self, path):
        assert path.parent.name == "weights"
        self.look = int(path.name.split(".")[0])

    def save_weights(self, path):
        path.write_bytes(b"")


@pytest.fixture
def untrained(monkeypatch):
    """Stands in for the trainings and for the generators; counts how many."""
    done = {"gan": 0, "recogniser": 0}

    def gan(examples, validation, architecture, options, folder, keep_weights):
        done["gan"] += 1
        folder.mkdir()
        (folder / "state.npz").write_bytes(b"")
        return Weights(), [{"iteration": k, "quality": 9.0} for k in (1, 2)]

    def centred(generator, examples, validation, seed):
        return 0.5 - 0.1 * generator.look

    def recogniser(rare, sets, *_, **__):
        done["recogniser"] += 1
        label = np.repeat(np.arange(4), 16)
        logits = np.random.default_rng(len(rare[0][0])).normal(size=(64, 4)) + 3 * np.eye(4)[label]
        snr = np.concatenate([sets.test[c].snr for c in CLASSES])
        return {"logits": logits, "label": label, "snr": snr, "epochs": np.array(3)}

    def generated(workshop, run, stars, network, look, number, observed=False):
        rng = np.random.default_rng([look, len(network)])
        return rng.normal(1, 0.1, (number, 3072)).astype(np.float32)

    monkeypatch.setattr("lamost_rare.evaluation.paper.tasks.train_gan", gan)
    monkeypatch.setattr("lamost_rare.evaluation.paper.tasks.centre_generator", centred)
    monkeypatch.setattr(Workshop, "generated", generated)
    monkeypatch.setattr(paper_tasks, "train_recogniser", recogniser)
    return done


@pytest.mark.slow
def test_the_whole_paper_resumed_and_written(data, tmp_path, untrained, monkeypatch):
    # Interrupted after three recognisers.
    train = paper_tasks.train_recogniser

    def interrupted(*args, **kwargs):
        if untrained["recogniser"] == 3:
            raise KeyboardInterrupt
        return train(*args, **kwargs)

    said = []
    monkeypatch.setattr(paper_tasks, "train_recogniser", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_paper(data, tmp_path / "work", MINI, runs=1, say=said.append)
    assert untrained == {"gan": 4, "recogniser": 3}
    monkeypatch.setattr(paper_tasks, "train_recogniser", train)
    results = run_paper(data, tmp_path / "work", MINI, runs=1, say=said.append)
    # Every way with all stars and with four, and Fig. 7 at the look that is not the best.
    assert untrained == {"gan": 4, "recogniser": 2 * len(WAYS) + 2}
    again = run_paper(data, tmp_path / "work", MINI, runs=1, say=said.append)
    assert untrained["recogniser"] == 2 * len(WAYS) + 2
    assert said[-1] == "29 of 29 tasks were done before"
    assert not list((tmp_path / "work").glob("**/state.npz"))

    assert results.stars == (None, 4)
    assert list(results.best["lcgan"]) == [1]
    np.testing.assert_array_equal(
        results.by_look["lcgan"]["set2"][1], results.ways[None]["lcgan"]["set2"]
    )
    assert results.ways[4]["sgan"]["log_loss"] == again.ways[4]["sgan"]["log_loss"]
    write_paper(results, tmp_path / "paper.md", "evaluate paper")
    page = (tmp_path / "paper.md").read_text(encoding="utf-8")
    assert "| 1 | 150 O | 40 O: observations of 6 stars |" in page
    assert "12 O: observations of 6 other stars" in page
    assert "those of one run, without a spread" in page
    for way in WAYS.values():
        assert f"| {way} |" in page
    assert "LCGAN, on set 2:" in page
    check_page(tmp_path / "paper.md")

    results = run_paper(data, tmp_path / "work", MINI, runs=2, few_runs=1, say=said.append)
    assert untrained == {"gan": 6, "recogniser": 3 * len(WAYS) + 4}
    assert len(results.ways[None]["sgan"]["set2"]) == 2
    assert len(results.ways[4]["sgan"]["set2"]) == 1
    write_paper(results, tmp_path / "paper.md", "evaluate paper")
    page = (tmp_path / "paper.md").read_text(encoding="utf-8")
    assert "median of 2 runs" in page
    assert "| accuracy on set 2 | 4 stars (1 run) | 6 stars |" in page
    assert " of 2 | " in page
    assert " of 1 | " in page


def test_results_depend_on_everything_that_matters(data, tmp_path):
    workshop = Workshop(data, tmp_path, MINI)
    gan = {"kind": "gan", "run": 0, "stars": None, "network": "lcgan"}
    recogniser = {**gan, "kind": "recogniser", "way": "lcgan", "look": 2}
    plain = {**recogniser, "way": "nothing", "network": None, "look": None}
    names = [workshop.path(task) for task in (gan, recogniser, plain)]
    assert len(set(names)) == 3
    for changed, differs in (
        (replace(MINI, gan=replace(MINI.gan, beta=0.2)), (True, True, False)),
        (replace(MINI, sizes=replace(SIZES, set1=41)), (True, True, True)),
        (replace(MINI, sizes=replace(SIZES, set5=21)), (False, True, True)),
        (replace(MINI, training=replace(OPTIONS, epochs=2)), (False, True, True)),
        (replace(MINI, few=(5,)), (False, False, False)),
    ):
        workshop.settings = changed
        paths = [workshop.path(task) for task in (gan, recogniser, plain)]
        assert tuple(a != b for a, b in zip(paths, names, strict=True)) == differs


@pytest.mark.slow
def test_a_gan_is_trained_and_generates(data, tmp_path):
    pytest.importorskip("keras")
    short = replace(MINI, gan=GanOptions(iterations=1, sample_every=1, batch_size=8))
    workshop = Workshop(data, tmp_path, short)
    task = {"kind": "gan", "run": 0, "stars": None, "network": "sgan"}
    assert not workshop.done(task)
    workshop.do(task)
    assert workshop.done(task)
    assert workshop.best_look(0, None, "sgan") == 1
    flux = workshop.generated(0, None, "sgan", 1, 5)
    assert flux.shape == (5, 3072)
    np.testing.assert_allclose(np.mean(flux**2, axis=1), 1, rtol=1e-4)
    observed = workshop.generated(0, None, "sgan", 1, 5, observed=True)
    assert observed.shape == (5, 3072)
    np.testing.assert_allclose(np.mean(observed**2, axis=1), 1, rtol=1e-4)
    assert not np.allclose(observed, flux, atol=0.05)
    svm = {**task, "kind": "svm", "look": 1}
    workshop.do(svm)
    found = json.loads(workshop.path(svm).read_text())
    assert all(0 <= found[k] <= 1 for k in ("gan_train", "gan_test", "f_kept"))


def test_too_few_spectra_for_a_gan(data, tmp_path):
    with pytest.raises(ValueError, match="2 of 6 stars give fewer than the 20"):
        run_paper(data, tmp_path, replace(MINI, few=(2,)), runs=1)


def test_defaults_are_those_of_the_paper():
    s = PaperSettings()
    assert (s.sizes.set1, s.sizes.set2, s.sizes.set3) == (150, 323, 1000)
    assert s.looks[-1] == s.gan.iterations
    assert s.preprocessing == L2
    assert (s.gan.generator_rate, s.gan.discriminator_rate) == (1e-4, 1.5e-4)
    assert quick_settings().gan.iterations < 10


@pytest.mark.parametrize("option", ["--runs", "--few-runs", "--jobs", "--iterations"])
def test_bad_arguments(data, tmp_path, capsys, option):
    command = ["evaluate", "paper", "--data", str(data), "--work", str(tmp_path), option, "0"]
    assert main(command) == 2
    assert "must be at least 1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_no_data(tmp_path, capsys):
    command = ["evaluate", "paper", "--data", str(tmp_path), "--work", str(tmp_path / "w")]
    assert main(command) == 2
    assert "neither libraries" in capsys.readouterr().err
