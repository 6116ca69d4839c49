"""What spectra of one star say together: no more, and no less, than they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamost_rare.inference.odds import SurveyOdds
from lamost_rare.inference.visits import COMMON, judge_together, snr_weight
from visit_helpers import settings_with_odds


@pytest.fixture(scope="module")
def odds():
    return SurveyOdds.of(settings_with_odds())


def together(odds, score, snr, lost=None, star=None):
    n = len(score)
    lost = np.zeros(n) if lost is None else lost
    found = judge_together(odds, score, snr, lost, np.zeros(n, int) if star is None else star)
    return found.probability, found.kept


def test_one_spectrum_says_what_it_says(odds):
    rng = np.random.default_rng(1)
    score, snr, lost = rng.uniform(-30, 20, 50), rng.uniform(1, 200, 50), rng.random(50)
    found, kept = together(odds, score, snr, lost, np.arange(50))
    np.testing.assert_allclose(found, odds.probability(score, snr, lost), rtol=1e-5, atol=1e-12)
    assert kept.all()


def test_two_spectra_say_more_than_one(odds):
    (alone,), _ = together(odds, [4.0], [8.0])
    (both,), _ = together(odds, [4.0, 4.0], [8.0, 8.0])
    assert alone < 0.5 < 0.9 < both
    (against,), _ = together(odds, [-9.0, -9.0], [8.0, 8.0])
    assert against < together(odds, [-9.0], [8.0])[0][0]


def test_a_hundred_visits_say_no_more_than_a_few_independent_ones(odds):
    """Log-odds above the prior's, in units of those of one spectrum."""

    def evidence(n):
        densities = odds.log_densities(np.full(n, 1.0), np.full(n, 8.0), np.zeros(n))
        joint = densities[0] * n / (1 + (n - 1) * COMMON) + odds.log_prevalence
        own = np.logaddexp.reduce(joint[odds.own]) - np.logaddexp.reduce(joint[~odds.own])
        return 1 / (1 + np.exp(-own))

    for n in (1, 2, 5, 100):
        (found,), kept = together(odds, np.full(n, 1.0), np.full(n, 8.0))
        assert found == pytest.approx(evidence(n), rel=1e-4)
        assert kept.all()
    # What does not speak for the rare class does not do so if it is repeated for ever.
    assert together(odds, np.full(10_000, 0.0), np.full(10_000, 8.0))[0][0] < 0.1


def test_a_faint_spectrum_does_not_outvote_a_good_one(odds):
    (found,), _ = together(odds, [12.0, -9.0], [5.0, 40.0])
    assert found < 1e-4
    (found,), _ = together(odds, [-3.0, 11.0], [5.0, 40.0])
    assert found > 0.99


def test_one_fault_among_good_spectra_is_left_out(odds):
    """However high its S/N."""
    score, snr = [9.0, 10.0, -13.0, 11.0], [20.0, 25.0, 300.0, 20.0]
    (found,), kept = together(odds, score, snr)
    assert kept.tolist() == [True, True, False, True]
    assert found > 0.99
    (found,), kept = together(odds, [-12.0, -12.5, 12.0], [20.0, 20.0, 300.0])
    assert kept.tolist() == [True, True, False]
    assert found < 1e-6


def test_two_against_one_another_are_both_kept(odds):
    (found,), kept = together(odds, [11.0, -13.0], [30.0, 30.0])
    assert kept.all()
    assert found < 0.1


def test_unknown_snr_counts_as_low(odds):
    assert snr_weight([np.nan, -5.0, 1.0, 30.0, 1e9]).tolist() == [9, 9, 9, 900, 900]
    (found,), _ = together(odds, [12.0, -9.0], [np.nan, 40.0])
    assert found < 1e-4


visits = st.lists(
    st.tuples(
        st.integers(0, 5), st.floats(-60, 60), st.floats(0, 1e6) | st.just(np.nan), st.floats(0, 1)
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None)
@given(visits, st.randoms(use_true_random=False))
def test_any_visits_of_any_stars(odds, visits, random):
    _, star = np.unique([v[0] for v in visits], return_inverse=True)
    score, snr, lost = np.array([v[1:] for v in visits]).T
    found, kept = together(odds, score, snr, lost, star)
    assert ((found >= 0) & (found <= 1)).all()
    assert np.bincount(star, kept).min() > 0  # none is judged by nothing
    order = list(range(len(star)))
    random.shuffle(order)
    again, _ = together(odds, score[order], snr[order], lost[order], star[order])
    np.testing.assert_allclose(again, found, rtol=1e-4, atol=1e-10)
    for one in np.unique(star):  # other stars do not matter
        rows = star == one
        (alone,), _ = together(odds, score[rows], snr[rows], lost[rows])
        assert alone == pytest.approx(found[one], rel=1e-4, abs=1e-10)
