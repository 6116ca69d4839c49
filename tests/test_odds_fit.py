"""The fit of the odds in a survey, and their measurement, where the truth is known."""

import numpy as np
import pytest
from scipy.special import expit

from lamost_rare.inference.odds import LEAST, SurveyOdds, log_density
from lamost_rare.preset_config import Population
from lamost_rare.validation.odds_fit import fit_odds
from lamost_rare.validation.population import PROBABILITY_BINS, Cells, measure_population
from lamost_rare.validation.survey_sample import SNR_SHARES, Sample, survey_weights
from lamost_rare.validation.tried import Tried

CLASSES = ("O", "B")
PREVALENCE = {"O": 0.001, "B": 0.999}
OF = {"O": "O", "B": "B"}
CENTRE = {"O": 2.0, "B": -7.0}


def sample(n, seed):
    """Log-odds of a classifier are logistic about two centres, and say more at high S/N."""
    rng = np.random.default_rng(seed)
    population = np.repeat(["O", "B"], n)
    snr = np.exp(rng.uniform(np.log(5), np.log(100), 2 * n))
    log_odds = np.array([CENTRE[x] for x in population]) + rng.logistic(0, 1, 2 * n)
    p = expit(log_odds)
    return Sample(
        np.stack([p, 1 - p], axis=1),
        snr,
        np.zeros(2 * n),
        np.zeros(2 * n),
        np.ones(2 * n, dtype=bool),
        population.astype(object),
        np.array([f"{x}{i % 50}" for i, x in enumerate(population)], dtype=object),
        np.full(2 * n, "library", dtype=object),
    )


@pytest.fixture(scope="module")
def odds():
    return fit_odds(sample(40_000, 1), "O", CLASSES, OF, PREVALENCE, n_resamples=5)


def judge(odds, s):
    return odds.judge(s.probabilities, s.snr, s.lost, s.evidence)


def test_stated_probabilities_are_those_observed(odds):
    """Spectra that the fit has not seen, weighted to the survey."""
    s = sample(40_000, 2)
    p, _ = judge(odds, s)
    weight, own = survey_weights(s, PREVALENCE), s.population == "O"
    below_5 = SNR_SHARES[0.0, 5.0]  # of which there are none here
    assert weight.sum() == pytest.approx(1 - below_5)
    for low, high in ((0.05, 0.3), (0.3, 0.7), (0.7, 0.95)):
        here = (p >= low) & (p < high)
        stated = np.average(p[here], weights=weight[here])
        observed = np.average(own[here], weights=weight[here])
        assert observed == pytest.approx(stated, abs=0.12)
    assert weight @ p == pytest.approx(weight[own].sum(), rel=0.1)


def test_they_are_those_of_bayes_theorem(odds):
    """Where the score is the log-odds, the posterior odds are known."""
    log_odds = np.linspace(1, 8, 8)
    p = expit(log_odds)
    found, _ = odds.judge(np.stack([p, 1 - p], axis=1), np.full(8, 20.0), np.zeros(8), np.zeros(8))
    density = {x: -np.abs(z) - 2 * np.log1p(np.exp(-np.abs(z))) for x, z in
               ((x, log_odds - CENTRE[x]) for x in "OB")}  # fmt: skip
    true = np.log(PREVALENCE["O"] / PREVALENCE["B"]) + density["O"] - density["B"]
    near = np.abs(true) < 4
    assert near.sum() >= 3
    given = np.log(found[near] / (1 - found[near]))
    np.testing.assert_allclose(given, true[near], atol=1.2)


def test_higher_scores_never_mean_lower_odds(odds):
    score = np.linspace(-12, 30, 300)
    for snr in (3.0, 7.0, 30.0, 100.0):
        p = odds.probability(score, np.full(300, snr), np.zeros(300))
        assert (np.diff(p) >= -2e-3).all()  # some, between the scores compared
        assert 0 <= p[0] < 1e-3


def test_below_the_least_probability_it_is_nothing(odds):
    p = np.array([LEAST / 2, LEAST * 2])
    found, score = odds.judge(
        np.stack([p, 1 - p], axis=1), np.full(2, 20.0), np.zeros(2), np.zeros(2)
    )
    assert found[0] == 0
    assert np.isnan(score[0])
    assert 0 < found[1] < 0.01
    assert np.isfinite(score[1])


def test_populations_without_trials_are_left_out():
    found = fit_odds(sample(500, 3), "O", CLASSES, {**OF, "X": "B"}, {**PREVALENCE, "X": 1e-4})
    assert set(found.prevalence) == set(found.odds.populations) == {"O", "B"}


def test_densities_are_densities():
    population = Population("O", (1.0, 2.0, -3.0), (0.3, -0.2), 0.0)
    score = np.linspace(-200, 200, 400_001)
    for snr, lost in ((5.0, 0.0), (50.0, 0.4)):
        values = np.exp(log_density(score, np.full(len(score), snr), lost, population))
        assert values.sum() * (score[1] - score[0]) == pytest.approx(1, abs=1e-6)


def tried(s, odds, star):
    _, score = judge(odds, s)
    n = len(s)
    zero = np.zeros(n, dtype="f4")
    return Tried(
        s.kind, s.population, np.full(n, "", dtype=object), star, score, s.snr, s.lost, s.covered,
        zero, zero, zero, np.ones(n, dtype="f4"),
    )  # fmt: skip


def test_measures_are_those_counted_by_hand(odds):
    s = sample(30_000, 4)
    _, star = np.unique(s.star.astype(str), return_inverse=True)
    survey, _ = judge(odds, s)
    t = tried(s, odds, star)
    found = measure_population(t, survey, PREVALENCE, ["O"], thresholds=(0.5,), n_resamples=20)
    part = {}
    for name in "OB":
        parts = []
        for (low, high), share in list(SNR_SHARES.items())[2:]:
            here = (s.population == name) & (s.snr >= low) & (s.snr < high)
            hits = [np.mean(survey[here & (star == k)] >= 0.5) for k in set(star[here])]
            parts.append((share, np.mean(hits)))
        part[name] = np.average([x for _, x in parts], weights=[w for w, _ in parts])
    true, false = part["O"] * PREVALENCE["O"], part["B"] * PREVALENCE["B"]
    entry = found["thresholds"]["0.5"]["above 10"]
    assert entry["completeness"][0] == pytest.approx(part["O"])
    assert entry["purity"][0] == pytest.approx(true / (true + false))
    assert entry["false_in_a_million"][0] == pytest.approx(1e6 * false)
    for triple in (entry["completeness"], entry["purity"]):
        assert triple[1] <= triple[0] <= triple[2]
    assert found["expected"][0] == pytest.approx(1, abs=0.3)
    assert len(found["reliability"]) == len(PROBABILITY_BINS) - 1


def test_spectra_that_stand_for_others_count_as_many(odds):
    """Half of the spectra with twice the weight gives about the same rates."""
    s = sample(3000, 5)
    star = np.arange(len(s)) % 40
    survey, _ = judge(odds, s)
    t = tried(s, odds, star)
    every = Cells.of(t, (survey >= 0.5)[:, None], PREVALENCE)
    t.weight[:] = 2
    again = Cells.of(t, (survey >= 0.5)[:, None], PREVALENCE)
    np.testing.assert_allclose(every.rates((2, 3)), again.rates((2, 3)))


def test_odds_of_a_configuration_without_any():
    class Config:
        odds = None

    assert SurveyOdds.of(Config()) is None
