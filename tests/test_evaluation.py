import re
from dataclasses import replace

import numpy as np
import pytest

from evaluation_helpers import check_page
from lamost_rare.evaluation.label_noise import letters_agreed
from lamost_rare.evaluation.recognition import write_recognition
from lamost_rare.figure_titles import figure_rows, title_of
from lamost_rare.inference.calibration import (
    EVIDENCE,
    calibrate,
    line_evidence,
    mean_width,
    rare_score,
)
from lamost_rare.inference.decision import CandidateRule
from lamost_rare.inference.discriminant import (
    discriminant_features,
    discriminant_score,
    reaches_discriminant,
)
from lamost_rare.preset_config import Calibration, Discriminant, ThresholdBySnr
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.dataset import LabelledStars
from lamost_rare.simulation.library import STAR_GRID
from lamost_rare.simulation.noise import NoiseBank
from lamost_rare.training.recipes import RECIPES
from lamost_rare.validation import operating_point
from lamost_rare.validation.figures import cross_fitted, measure
from lamost_rare.validation.operating_point import (
    Requirements,
    candidates,
    choose_operating_point,
    fit_calibration,
)
from lamost_rare.validation.statistics import rate_by_star, upper_limit
from lamost_rare.validation.trials import SNR_BINS, Trial, run_trials, subtype_group

CLASSES = ("O", "B", "A", "hot_subdwarf", "white_dwarf")


def sources_of(label, mk_type=None, observed=None):
    n = len(label)
    empty = np.zeros((n, 1), dtype=np.float32)
    snr = np.where(np.zeros(n, bool) if observed is None else observed, 30.0, np.nan)
    text = np.array(label, dtype=object)
    star = np.array([f"star {i}" for i in range(n)], dtype=object)
    mk_type = text if mk_type is None else np.array(mk_type, dtype=object)
    return LabelledStars(empty, empty, empty == 0, text, star, mk_type, text, star, snr)


def trial_of(kind, score, row, evidence=0.0, snr=25.0):
    """Two-class logits in the first two columns, the others far below."""
    score = np.asarray(score, dtype=float)
    logits = np.full((len(score), len(CLASSES)), -60.0)
    logits[:, 0], logits[:, 1] = score, 0
    one = np.ones(len(score))
    return Trial(kind, logits, one > 0, one * evidence, one * snr, one * snr, np.asarray(row))


def test_upper_limits_are_clopper_pearson():
    assert upper_limit(0, 300_000) * 300_000 == pytest.approx(2.9957, rel=1e-3)
    assert upper_limit(3, 1000) == pytest.approx(0.00774, rel=0.01)
    assert upper_limit(5, 5) == 1
    assert upper_limit(0, 0) == 1


def test_uncertainty_counts_stars_not_spectra():
    hit = np.repeat([True, False], 500)
    rng = np.random.default_rng(0)
    two = rate_by_star(hit, np.repeat(["a", "b"], 500), rng)
    many = rate_by_star(hit, np.arange(1000), rng)
    assert two[0] == many[0] == 0.5
    assert two[2] - two[1] > 5 * (many[2] - many[1])
    assert np.isnan(rate_by_star([], [], rng)[0])


def test_score_is_log_odds_and_does_not_saturate():
    logits = np.array([[2.0, 1.0, 0.0], [90.0, 0.0, 0.0]])
    p = calibrate(logits)[:, 0].astype(float)
    score = rare_score(logits, 0)
    assert score[0] == pytest.approx(np.log(p[0] / (1 - p[0])), rel=1e-5)
    assert score[1] == pytest.approx(90 - np.log(2))


def test_temperature_is_recovered():
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 2, (4000, 3))
    p = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    label = np.array([rng.choice(3, p=row) for row in p])
    temperature, _ = fit_calibration(3 * honest, label, 0, np.zeros(4000))
    assert temperature == pytest.approx(3, rel=0.1)


def test_weight_of_the_evidence_is_recovered():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (8000, 3))
    evidence = rng.normal(0, 3, 8000)
    whole = logits + np.outer(0.7 * evidence, [1, 0, 0])
    p = np.exp(whole) / np.exp(whole).sum(axis=1, keepdims=True)
    label = np.array([rng.choice(3, p=row) for row in p])
    assert fit_calibration(logits, label, 0, evidence)[1] == pytest.approx(0.7, rel=0.15)


def test_evidence_decides_close_calls():
    trial = trial_of("library", [0.5, 0.5], [0, 1], evidence=np.array([-3.0, 3.0]))
    rule = CandidateRule(0, Calibration(1.0, 1.0), 0.7)
    assert list(candidates(trial, rule)) == [False, True]


def test_threshold_by_snr():
    rule = CandidateRule(0, threshold_by_snr=ThresholdBySnr((5.0, 20.0), (0.99, 0.5)))
    found = rule.least_probability(np.array([100.0, 20.0, 10.0, 5.0, 1.0, -3.0, np.nan]))
    # Half way between in log S/N, and so in log-odds, of which 0.5 has none.
    middle = 1 / (1 + np.exp(-0.5 * np.log(99)))
    np.testing.assert_allclose(found, [0.5, 0.5, middle, 0.99, 0.99, 0.99, 0.99])
    flat = CandidateRule(0, threshold=0.8)
    np.testing.assert_array_equal(flat.least_probability(np.array([3.0, np.nan])), [0.8, 0.8])


def test_the_probability_asked_for_is_as_it_is_given():
    rng = np.random.default_rng(2)
    sources = sources_of(["O"] * 100 + ["B"] * 100, ["O7"] * 100 + ["B3V"] * 100)
    score = np.concatenate([rng.normal(2, 2, 100), rng.normal(-2, 2, 100)])
    library = trial_of("library", score, np.arange(200))
    asked = ThresholdBySnr((5.0, 40.0), (0.9, 0.6))
    need = Requirements(probability=asked)
    point = choose_operating_point([library], sources, CLASSES, "O", need)
    assert (point.threshold, point.threshold_by_snr, point.discriminant) == (0.6, asked, None)
    p = operating_point.probabilities(library, point)[:, 0]
    for snr, threshold in ((4.0, 0.9), (100.0, 0.6)):
        library.measured_snr[:] = snr
        np.testing.assert_array_equal(candidates(library, point), p >= threshold)


def hot_or_not(kind, odds_of_o, odds_of_hot, row):
    """O against B, and both against A, as log-odds."""
    share, hot = (1 / (1 + np.exp(-np.asarray(x, dtype=float))) for x in (odds_of_o, odds_of_hot))
    p = np.stack([share * hot, (1 - share) * hot, 1 - hot], axis=1)
    trial = trial_of(kind, np.zeros(len(share)), row)
    trial.logits[:, :3] = np.log(p)
    return trial


def test_two_questions_have_two_thresholds(monkeypatch):
    """Noise makes A stars look hot; of hot stars it is open which they are, O or B."""
    monkeypatch.setattr(operating_point, "fit_calibration", lambda *arguments: (1.0, 0.0))
    rng = np.random.default_rng(4)
    n_o, n_b, n_a = 200, 1000, 20_000
    label = ["O"] * n_o + ["B"] * n_b + ["A"] * n_a
    sources = sources_of(label, ["O7"] * n_o + ["B3V"] * n_b + ["A5"] * n_a)
    share = np.concatenate([rng.normal(2, 1, n_o), rng.normal(-4, 1, n_b)])
    stars = hot_or_not("library", share, np.full(n_o + n_b, 9.0), np.arange(n_o + n_b))
    stars.logits[:] += 0.5  # of no consequence
    sky = hot_or_not(
        "reobserved",
        rng.normal(2, 1, n_a),
        -4 + rng.exponential(1.0, n_a),
        np.arange(n_o + n_b, n_o + n_b + n_a),
    )
    asked = ThresholdBySnr((10.0,), (0.6,))
    need = Requirements(asked, reobserved=1e-4, margin=0.0)
    arguments = [stars, sky], sources, CLASSES, "O"
    one, two = (choose_operating_point(*arguments, need, group=g) for g in ((), ("O", "B")))
    assert one.discriminant is None
    alarms, kept_out = (candidates(sky, point).mean() for point in (one, two))
    assert kept_out <= 1e-4 < alarms / 10
    found, still = (candidates(stars, point) for point in (one, two))
    # Nothing is lost of stars that are surely hot, whichever they are.
    np.testing.assert_array_equal(found, still)
    assert found[:n_o].mean() > 0.8
    assert found[n_o:].mean() < 0.003
    # Nothing gains by looking like a star that is to be kept out.
    weights = np.array(two.discriminant.weights)[:-2].reshape(2, len(CLASSES))
    assert (weights[:, 2:] <= 0).all()
    need = Requirements(asked, reobserved=1e-4, margin=1.0)
    wider = choose_operating_point(*arguments, need, group=("O", "B"))
    assert wider.discriminant.threshold == pytest.approx(two.discriminant.threshold + 1)


def test_discriminant():
    p = np.array([[0.9, 0.1 - 1e-6, 1e-6], [0.9, 0.099, 1e-3], [1.0, 0.0, 0.0]], dtype="f4")
    snr = np.array([10.0, 10.0, 1e9])
    x = discriminant_features(p, snr)
    assert x.shape == (3, 8)
    np.testing.assert_allclose(x[0, :3], np.log(p[0]), rtol=1e-6)
    np.testing.assert_allclose(x[0, 3:6], np.log(p[0]) * np.log(10), rtol=1e-6)
    np.testing.assert_allclose(x[0, 6:], [np.log(10), np.log(10) ** 2])
    np.testing.assert_allclose(x[2], [0, -15, -15, 0, *2 * [-15 * np.log(100)], *x[2, 6:]])
    np.testing.assert_array_equal(
        discriminant_features(p[:1], [np.nan]), discriminant_features(p[:1], [3.0])
    )
    rule = Discriminant((0, 0, -1, 0, 0, 0, 2, 0), constant=-9.0, threshold=7.0)
    score = discriminant_score(p, snr, rule)
    np.testing.assert_allclose(score[:2], -np.log(p[:2, 2]) + 2 * np.log(10) - 9, rtol=1e-6)
    np.testing.assert_array_equal(reaches_discriminant(p, snr, rule), [True, False, True])
    assert reaches_discriminant(p, snr, None).all()
    assert reaches_discriminant(p[:0], snr[:0], rule).shape == (0,)


def test_figures_count_what_they_say():
    sources = sources_of(["O", "B", "B", "A"], ["O7V", "B0.5V", "B5V", "A0"], [0, 0, 0, 1])
    library = trial_of("library", [5, 5, -5], [0, 1, 2])
    sky = trial_of("lamost", [-5], [3])
    decided, _, _ = cross_fitted({0: [library, sky]}, sources, CLASSES, "O", fitted=False)
    figures = measure(decided, CLASSES, "O")
    assert figures["recall_snr_above_20"]["rate"] == 1
    assert figures["recall_snr_5_10"]["n"] == 0
    assert figures["candidates_B0-B0.5"]["rate"] == 1
    assert figures["candidates_B1+"]["rate"] == 0
    assert figures["false_alarms_lamost"] == {
        "count": 0,
        "n": 1,
        "stars": 1,
        "rate": 0,
        "upper_limit_95": pytest.approx(0.95),
    }
    assert figures["letter_exact"]["rate"] == 0


def counts_of(figures):
    return {name: (value["count"], value["n"], value["stars"]) for name, value in figures.items()}


def test_figures_of_o_stars_are_what_they_were():
    label = ["O", "O", "B", "B", "hot_subdwarf", "white_dwarf", "B", "A", "A", ""]
    mk_type = ["O7V", "O9V", "B0V", "B5V", "sdB", "DA", "A2", "A0", "A5", "Non"]
    sources = sources_of(label, mk_type, [0] * 6 + [1] * 4)
    sources.valid[1] = False
    score = np.array([3, -3, 3, -3, 3, -3] * 3)
    score = np.where(np.arange(18) % 4 == 1, -score, score)
    trials = [
        trial_of("library", score, np.tile(np.arange(6), 3), snr=np.repeat([7.0, 15, 50], 6)),
        trial_of("damaged", [3, -3, -3, 3, -3, -3], np.arange(6)),
        trial_of("lamost", [-3, 3, -3, -3], [6, 7, 8, 9]),
        trial_of("reobserved", [3, -3, 3, -3, -3, -3], [6, 6, 7, 8, 8, 9]),
    ]
    decided, _, _ = cross_fitted({0: trials}, sources, CLASSES, "O", fitted=False)
    figures = measure(decided, CLASSES, "O")
    assert counts_of(figures) == {
        "recall_snr_5_10": (1, 1, 1),
        "recall_snr_10_20": (1, 1, 1),
        "recall_snr_above_20": (1, 1, 1),
        "candidates_B0-B0.5": (3, 3, 1),
        "candidates_B1+": (1, 3, 1),
        "candidates_hot_subdwarf": (3, 3, 1),
        "candidates_white_dwarf": (2, 3, 1),
        "recall_known_in_the_blue": (1, 2, 1),
        "candidates_known_in_the_blue": (0, 0, 0),
        "recall_one_side_lost": (1, 1, 1),
        "candidates_one_side_lost": (1, 3, 3),
        "false_alarms_lamost": (1, 4, 4),
        "false_alarms_reobserved": (2, 6, 4),
        "candidates_reobserved_B": (1, 2, 1),
        "false_alarms_reobserved_A": (1, 3, 2),
        "letter_exact": (0, 2, 2),
        "letter_within_one": (1, 2, 2),
    }
    # So are the ranges, from the same resampling of stars.
    ranges = {k: (v["low"], v["high"]) for k, v in figures.items() if "low" in v}
    assert ranges["candidates_one_side_lost"] == pytest.approx((0.0, 2 / 3))
    assert ranges["letter_within_one"] == (0.0, 1.0)
    assert figures["false_alarms_lamost"]["upper_limit_95"] == pytest.approx(0.751395, abs=1e-6)


def of_quasars():
    """Trials of quasars, two spectra of one among them, and of others."""
    label = ["quasar", "quasar", "quasar", "A", "B", "quasar", "B"]
    sources = sources_of(label, ["B0V"] * 7, observed=[1, 1, 1, 1, 1, 0, 0])
    sources.star[2] = sources.star[1]
    again = trial_of("reobserved", [5, -5, 5, 5, 5, -5, -5], [0, 0, 1, 2, 3, 3, 4])
    again.snr[:] = 50.0  # asked for; what came of it decides
    again.measured_snr[:] = [7, 7, 15, 30, 30, 30, 30]
    trials = [
        trial_of("library", [5, -5, 5, -5], [5, 5, 6, 6], snr=np.array([7.0, 30, 7, 30])),
        trial_of("lamost", [5, 5, -5, -5, 5], [0, 1, 2, 3, 4], snr=np.array([3.0, 7, 30, 30, 30])),
        again,
    ]
    for trial in trials:  # the rare class need not be the first
        trial.logits[:, [0, 1]] = trial.logits[:, [1, 0]]
    classes = ("A", "quasar", "B", "F", "G")
    return cross_fitted({0: trials}, sources, classes, "quasar", fitted=False)[0], classes


def test_members_of_another_rare_class_are_found_and_are_no_false_alarms():
    decided, classes = of_quasars()
    assert counts_of(measure(decided, classes, "quasar")) == {
        "recall_snr_5_10": (1, 1, 1),
        "recall_snr_10_20": (0, 0, 0),
        "recall_snr_above_20": (0, 1, 1),
        "recall_lamost": (2, 3, 2),
        "recall_lamost_snr_5_10": (1, 1, 1),
        "recall_lamost_snr_10_20": (0, 0, 0),
        "recall_lamost_snr_above_20": (0, 1, 1),
        "recall_reobserved_snr_5_10": (1, 2, 1),
        "recall_reobserved_snr_10_20": (1, 1, 1),
        "recall_reobserved_snr_above_20": (1, 1, 1),
        "candidates_B": (1, 2, 1),
        "recall_known_in_the_blue": (0, 0, 0),
        "candidates_known_in_the_blue": (0, 0, 0),
        "false_alarms_lamost": (1, 2, 2),
        "false_alarms_reobserved": (1, 3, 2),
        "false_alarms_reobserved_A": (1, 2, 1),
        "false_alarms_reobserved_B": (0, 1, 1),
        "letter_exact": (1, 1, 1),
        "letter_within_one": (1, 1, 1),
    }


def test_titles_are_of_the_rare_class():
    decided, classes = of_quasars()
    figures = {"validation_loss": 0.1, **measure(decided, classes, "quasar")}
    titles = {key: title for key, title, _, _ in figure_rows(figures, "quasar")}
    assert titles["recall_snr_5_10"] == "spectra of class quasar found, S/N (g) 5-10"
    assert titles["recall_reobserved_snr_above_20"] == (
        "spectra of class quasar found, LAMOST spectra with noise added, S/N (g) above 20"
    )
    assert titles["candidates_B"] == "B stars called candidates"
    assert titles["false_alarms_lamost"] == (
        "LAMOST spectra, none of class quasar, called candidates"
    )
    assert titles["false_alarms_reobserved_A"] == "of these, A stars"
    assert set(titles) == {k for k, v in figures.items() if k != "validation_loss" and v["n"]}
    assert not any("O star" in title for title in titles.values())
    assert "none of a white dwarf," in title_of("false_alarms_lamost", "white_dwarf")
    assert "none of an M star," in title_of("false_alarms_lamost", "M")


@pytest.mark.parametrize("rare_class", ["O", "G"])
def test_real_members_are_observed_again_at_any_signal_to_noise(rare_class):
    n_pixels = STAR_GRID.n_pixels
    sources = sources_of(["O", "O", "A", "G", "G"], observed=[0, 0, 1, 1, 1])
    sources.flux = np.ones((5, n_pixels), dtype=np.float32)
    sources.valid = np.ones((5, n_pixels), dtype=bool)
    sources.ivar = np.where(sources.real[:, None], 1e4, np.zeros(n_pixels)).astype(np.float32)

    def predict(batch):
        n = len(batch)
        return np.zeros((n, len(CLASSES))), np.ones(n, bool), np.zeros(n)

    noise = NoiseBank.analytic(np.random.default_rng(0))
    arguments = predict, sources, np.arange(5), noise, rare_class
    trials = {t.kind: t for t in run_trials(*arguments, seed=1, repeats=4, n_reobserved=1)}
    again = trials["reobserved"]
    assert again.row[0] == 2
    own = again.row[1:]
    np.testing.assert_array_equal(
        own, np.tile(np.repeat([3, 4], 4), 3) if rare_class == "G" else []
    )
    for part, (low, high) in zip(np.split(again.snr[1:], 3), SNR_BINS, strict=True):
        assert ((part >= low) & (part < high)).all()
    assert sources.label[trials["library"].row].tolist() == ["O", "O"] * 4 * 3


def test_real_members_take_part_in_the_discriminant(monkeypatch):
    """A class of which no library has a star is told from all else by its own spectra."""
    monkeypatch.setattr(operating_point, "fit_calibration", lambda *arguments: (1.0, 0.0))
    rng = np.random.default_rng(8)
    n_own, n_a = 100, 2000
    sources = sources_of(["O"] * n_own + ["A"] * n_a, observed=[1] * (n_own + n_a))
    own = hot_or_not("lamost", np.full(n_own, 3.0), rng.uniform(6, 9, n_own), np.arange(n_own))
    sky = hot_or_not(
        "reobserved", np.full(n_a, 3.0), -3 + rng.exponential(1, n_a), n_own + np.arange(n_a)
    )
    need = Requirements(margin=0.0)
    point = choose_operating_point([own, sky], sources, CLASSES, "O", need, group=("O", "B"))
    assert point.discriminant is not None
    assert candidates(own, point).mean() > 0.8
    assert candidates(sky, point).sum() == 0


def test_false_alarms_of_b_stars_are_counted_among_all_and_by_themselves():
    sources = sources_of(["B", "B", "A", "other"], ["A2V", "B9", "A0", "QSO"], [1, 1, 1, 1])
    again = trial_of("reobserved", [5, -5, 5, -5, 5], [0, 0, 1, 2, 2])
    decided, _, _ = cross_fitted({0: [again]}, sources, CLASSES, "O", fitted=False)
    figures = measure(decided, CLASSES, "O")
    counts = {name: (value["count"], value["n"]) for name, value in figures.items()}
    assert counts["false_alarms_reobserved"] == (3, 5)
    assert counts["candidates_reobserved_B"] == (2, 3)
    assert figures["candidates_reobserved_B"]["stars"] == 2


def test_what_is_known_in_part_is_counted_apart():
    sources = sources_of(["O", "O", "B"], ["O7V", "O9V", "B5V"])
    sources.valid[1:] = False
    library = trial_of("library", [5, -5, 5], [0, 1, 2])
    damaged = trial_of("damaged", [5, -5, 5], [0, 1, 2])
    decided, _, _ = cross_fitted({0: [library, damaged]}, sources, CLASSES, "O", fitted=False)
    figures = measure(decided, CLASSES, "O")
    counts = {name: (value["count"], value["n"]) for name, value in figures.items()}
    assert counts["recall_snr_above_20"] == (1, 1)
    assert counts["candidates_B1+"] == (0, 0)
    assert counts["recall_known_in_the_blue"] == (0, 1)
    assert counts["candidates_known_in_the_blue"] == (1, 1)
    assert counts["recall_one_side_lost"] == (1, 1)
    assert counts["candidates_one_side_lost"] == (0, 0)


def test_damaged_spectra_do_not_move_the_thresholds():
    sources = sources_of(["O"] * 50 + ["B"] * 400, ["O7"] * 50 + ["B3V"] * 400)
    rng = np.random.default_rng(3)
    score = np.concatenate([rng.normal(6, 2, 50), rng.normal(-4, 2, 400)])
    library = trial_of("library", score, np.arange(450))
    damaged = trial_of("damaged", np.full(450, 9.0), np.arange(450))
    one, two = (
        choose_operating_point(trials, sources, CLASSES, "O", group=("O", "B"))
        for trials in ([library], [library, damaged])
    )
    assert one == two


@pytest.mark.parametrize("allowed", [0, 2, 5])
def test_as_many_false_alarms_stay_as_are_allowed(monkeypatch, allowed):
    monkeypatch.setattr(operating_point, "fit_calibration", lambda *arguments: (1.0, 0.0))
    rng = np.random.default_rng(8)
    n_o, n_a = 300, 10_000
    sources = sources_of(["O"] * n_o + ["A"] * n_a, ["O7"] * n_o + ["A5"] * n_a)
    stars = hot_or_not("library", np.full(n_o, 3.0), rng.uniform(0, 9, n_o), np.arange(n_o))
    rows = np.arange(n_o, n_o + n_a)
    sky = hot_or_not("reobserved", np.full(n_a, 3.0), -3 + rng.exponential(1, n_a), rows)
    need = Requirements(reobserved=allowed / n_a, margin=0.0)
    point = choose_operating_point([stars, sky], sources, CLASSES, "O", need, group=("O", "B"))
    assert max(0, allowed - 1) <= candidates(sky, point).sum() <= allowed
    as_they_are = hot_or_not("lamost", [3.0], [8.0], rows[:1])
    trials = [stars, sky, as_they_are]
    point = choose_operating_point(trials, sources, CLASSES, "O", need, group=("O", "B"))
    assert candidates(as_they_are, point).sum() == 0


def test_trials_lose_what_they_say():
    """Library stars as the noise's donors lose pixels; damaged ones lack one side."""
    n_pixels = STAR_GRID.n_pixels
    kinds = ["O"] * 3 + ["G"] * 3
    sources = sources_of(kinds, observed=[0] * 3 + [1] * 3)
    sources.flux = np.ones((6, n_pixels), dtype=np.float32)
    sources.valid = np.ones((6, n_pixels), dtype=bool)
    sources.ivar = np.zeros((6, n_pixels), dtype=np.float32)
    sources.ivar[3:] = 900.0
    lost: dict = {"O": [], "G": []}

    def predict(batch):
        lost["O" if len(batch) == 12 else "G"].append(batch.mask.mean(axis=1))
        n = len(batch)
        return np.zeros((n, len(CLASSES))), np.ones(n, bool), np.zeros(n)

    noise = NoiseBank.analytic(np.random.default_rng(0))
    trials = run_trials(
        predict, sources, np.arange(6), noise, "O", seed=1, repeats=4, n_reobserved=200
    )  # fmt: skip
    sizes = {t.kind: len(t.row) for t in trials}
    assert sizes == {"lamost": 3, "library": 36, "damaged": 12, "reobserved": 200}
    *library, damaged = lost["O"]
    assert len(library) == 3
    assert np.concatenate(library).max() < 0.2
    assert damaged.min() > 0.2
    assert damaged.max() < 0.8


def test_subtype_groups():
    assert subtype_group("B", "B0.5V", "O") == subtype_group("B", "B0 Ia", "O") == "B0-B0.5"
    assert subtype_group("B", "B1V", "O") == subtype_group("B", "B9", "O") == "B1+"
    assert subtype_group("O", "O9.5V", "O") == "O"
    assert subtype_group("B", "B0V", "B") == subtype_group("B", "B0V", "carbon") == "B"


def test_he_ii_evidence():
    kinds = ["O7", "B2", "A0", "qso"] * 6
    batch = analytic_spectra(kinds, np.random.default_rng(3), snr=100.0)
    width, error = (x.reshape(6, 4) for x in mean_width(batch, EVIDENCE["O"]))
    assert (width[:, 0] > 0.35).all()
    assert np.abs(width[:, 1:3]).max() < 0.3
    assert (error < 0.1).all()
    unsure = np.zeros((24, 3))
    ratio = line_evidence(batch, unsure, 0, EVIDENCE["O"]).reshape(6, 4)
    assert (ratio[:, 0] > 0).all()
    assert (ratio[:, 1] < 0).all()


def test_no_evidence_where_nothing_is_seen_or_nothing_is_in_doubt():
    batch = analytic_spectra(["B2", "O7"], np.random.default_rng(3), snr=100.0)
    batch.mask[0] = True
    batch.flux[0] = batch.ivar[0] = 0
    assert line_evidence(batch, np.zeros((2, 3)), 0, EVIDENCE["O"])[0] == 0
    certain = np.array([[-9.0, 0, 0], [-9.0, 0, 0]])
    assert (line_evidence(batch, certain, 0, EVIDENCE["O"]) == 0).all()
    assert (line_evidence(batch, np.zeros((2, 3)), 0, None) == 0).all()


def test_the_page_has_every_figure(tmp_path, monkeypatch):
    monkeypatch.setattr(operating_point, "fit_calibration", lambda *arguments: (1.0, 0.0))
    label = ["O"] * 8 + ["B"] * 16 + ["hot_subdwarf"] * 4 + ["white_dwarf"] * 4 + ["A"] * 40
    mk_type = ["O7V"] * 8 + ["B0V"] * 8 + ["B5V"] * 8 + ["sdB"] * 4 + ["DA"] * 4 + ["A0"] * 40
    sources = sources_of(label, mk_type, [0] * 32 + [1] * 40)
    sources.valid[[0, 16]] = False
    rng = np.random.default_rng(5)

    def trials():
        hot, cool = np.repeat(np.arange(32), 30), np.repeat(np.arange(32, 72), 5)
        score = np.where(hot < 8, 3, -4) + rng.normal(0, 1, len(hot))
        cool_score = rng.normal(-8, 1, len(cool))
        return [
            *(trial_of(kind, score, hot, snr=30.0) for kind in ("library", "damaged")),
            *(trial_of(kind, cool_score, cool) for kind in ("lamost", "reobserved")),
        ]

    recipe = replace(RECIPES["racnet-obafgkm-v1"], classes=CLASSES)
    page = tmp_path / "page.md"
    figures = write_recognition(recipe, sources, {0: trials(), 1: trials()}, page, "command")
    check_page(page)
    text = page.read_text()
    assert "| O stars found, S/N (g) above 20 | 0.985 | " in text
    assert "| O stars found, blue or red half missing" in text
    assert figures["recall_snr_above_20"]["stars"] == 7
    (found,) = re.findall(r"\| O7 to O8.5 \| 7 \| - \| - \| (.*) % \|", text)
    assert float(found) > 90
    assert "| B0 and B0.5 | 8 | - | - | 0.0 % |" in text
    assert "| B3 and later | 7 | - | - | 0.0 % |" in text
    assert "O9 to O9.7" not in text
    at_half = [line for line in text.splitlines() if line.startswith("| 0.5 | above 20 | ")]
    completeness, purity = at_half[0].split(" | ")[2:4]
    assert float(completeness.split()[0]) > 0.9
    assert float(purity.split()[0]) == 1
    assert "| B0-B0.5 | 50 | " in text
    assert "| 0.01 to 0.03 | " in text


@pytest.mark.parametrize("real", [False, True])
def test_the_page_of_another_rare_class(tmp_path, monkeypatch, real):
    """Its members are library stars, or spectra of the survey that no library has."""
    monkeypatch.setattr(operating_point, "fit_calibration", lambda *arguments: (1.0, 0.0))
    label = ["white_dwarf"] * 8 + ["B"] * 8 + ["A"] * 20 + ["white_dwarf"] * 4 * real
    if real:
        label[:8] = ["hot_subdwarf"] * 8
    sources = sources_of(label, observed=[0] * 16 + [1] * (20 + 4 * real))
    rng = np.random.default_rng(5)
    hot, sky = np.repeat(np.arange(16), 30), np.repeat(np.arange(16, len(label)), 10)

    def trials():
        made = []
        for kind, row in (("library", hot), ("damaged", hot), ("lamost", sky), ("reobserved", sky)):
            score = np.where(sources.label[row] == "white_dwarf", 4, -4)
            made.append(trial_of(kind, score + rng.normal(0, 1, len(row)), row, snr=30.0))
        return made

    classes = ("white_dwarf", "B", "A", "hot_subdwarf", "O")
    recipe = replace(RECIPES["racnet-ofgk-v1"], classes=classes, rare_class="white_dwarf", group=())
    page = tmp_path / "page.md"
    figures = write_recognition(recipe, sources, {0: trials(), 1: trials()}, page, "command")
    check_page(page)
    text = page.read_text()
    assert text.startswith("# How well `racnet-ofgk-v1` recognises white dwarfs\n")
    assert "O star" not in text
    key = "recall_reobserved_snr_above_20" if real else "recall_snr_above_20"
    assert figures[key]["rate"] > 0.9
    at_half = next(line for line in text.splitlines() if line.startswith("| 0.5 | "))
    assert at_half.split(" | ")[1].startswith("-, -, ")
    assert at_half.split(" | ")[1] != "-, -, -"


def test_pairs_of_spectra_with_the_same_letter():
    sources = sources_of(["A", "A", "F", "F", "G", "G", "O", "B"], observed=[1] * 5 + [0] * 3)
    sources.star[:] = ["one", "one", "one", "two", "two", "two", "three", "three"]
    assert letters_agreed(sources, "AFGKM") == (1, 4)  # A A, twice A F; F G; a library's G
    sources.snr[0] = 15.0
    assert letters_agreed(sources, "AFGKM") == (0, 2)
