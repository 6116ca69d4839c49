"""How many candidates are expected to be true: against brute force."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from lamost_rare.inference.expected import Expected, ExpectedCounts
from lamost_rare.inference.odds import SurveyOdds
from lamost_rare.preset_config import Odds
from odds_helpers import odds_of


def odds_with(spread=0.0, **prevalence):
    made = odds_of(["O", "B", "F"], "O", spread)
    return SurveyOdds(Odds.from_dict(made["odds"]), {**made["prevalence"], **prevalence}, "O", 0)


def rows_of(odds, n=60, seed=0):
    rng = np.random.default_rng(seed)
    score, snr, lost = rng.uniform((-3, 5, 0), (7, 60, 0.5), (n, 3)).astype("f4").T
    return odds.probability(score, snr, lost).astype("f4"), score, snr, lost


def test_populations_that_do_not_occur():
    odds = odds_with(1.0, alike=0.0)
    rows = rows_of(odds)
    assert counts(odds, *rows, np.ones(60, bool)).false["alike"] == 0
    certain = odds_with(1.0, alike=0.0, common=0.0)
    found = counts(certain, *rows_of(certain), np.ones(60, bool))
    assert (found.true, found.true_range, sum(found.false.values())) == (60, (60, 60), 0)


def poisson_binomial(p):
    """Probability of each number of true ones, by going through all cases."""
    found = np.zeros(len(p) + 1)
    for case in itertools.product([0, 1], repeat=len(p)):
        case = np.array(case)
        found[case.sum()] += np.prod(np.where(case, p, 1 - p))
    return found


def counts(odds, p, score, snr, lost, candidate, seed=0):
    made = ExpectedCounts(odds, seed)
    made.add(p, score, snr, lost, candidate)
    return made.result()


def test_the_range_is_that_of_all_cases():
    odds = odds_with()
    score = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0])
    snr = np.full(8, 20.0)
    p = odds.probability(score, snr, 0.0)
    assert 1 < p.sum() < 7
    found = counts(odds, p, score, snr, np.zeros(8), np.ones(8, bool))
    assert found.true == pytest.approx(p.sum())
    below = np.cumsum(poisson_binomial(p))
    low, high = found.true_range
    # 400 draws: the part below a quantile is known to 0.011.
    assert below[low] >= 0.05 - 0.05
    assert (below[low - 1] if low else 0) <= 0.05 + 0.05
    assert below[high] >= 0.95 - 0.05
    assert below[high - 1] <= 0.95 + 0.05


def test_what_is_not_known_of_densities_widens_the_range():
    widths = []
    for spread in (0.0, 0.5, 1.5):
        odds = odds_with(spread)
        score = np.linspace(1.0, 3.0, 400)
        snr = np.full(400, 20.0)
        p = odds.probability(score, snr, 0.0)
        found = counts(odds, p, score, snr, np.zeros(400), np.ones(400, bool))
        assert found.true == pytest.approx(p.sum())
        rng = np.random.default_rng(1)
        drawn = []
        for _ in range(600):
            shift = spread * rng.standard_normal(3)
            drawn.append((rng.random(400) < odds.probability(score, snr, 0.0, shift)).sum())
        low, high = np.quantile(drawn, [0.05, 0.95])
        width = high - low
        assert found.true_range[0] == pytest.approx(low, abs=0.3 * width)
        assert found.true_range[1] == pytest.approx(high, abs=0.3 * width)
        widths.append(found.true_range[1] - found.true_range[0])
    assert widths[0] < widths[1] < widths[2]


def test_where_the_others_come_from_and_what_is_missed():
    odds = odds_with(0.3)
    p, *of = rows_of(odds, 300)
    candidate = p >= 0.5
    found = counts(odds, p, *of, candidate)
    assert found.candidates == candidate.sum()
    assert found.true == pytest.approx(p[candidate].sum(dtype=float), rel=1e-6)
    assert found.missed == pytest.approx(p[~candidate].sum(dtype=float), rel=1e-6)
    assert found.members == pytest.approx(found.true + found.missed)
    assert sum(found.false.values()) == pytest.approx((1 - p[candidate]).sum(), rel=1e-4)
    assert list(found.false) == ["alike", "common"]
    lines = list(found.lines("O"))
    assert lines[0].startswith(f"expected to be true: {found.true:.1f} of {found.candidates} (")
    assert lines[1].startswith(f"expected to be false: alike {found.false['alike']:.1f}")
    assert f"of which candidates miss {found.missed:.1f}" in lines[2]
    assert Expected.from_dict(json.loads(json.dumps(found.to_dict()))) == replace(
        found, **{k: pytest.approx(getattr(found, k), rel=1e-5)
                  for k in ("true", "false", "members", "missed")},
    )  # fmt: skip


def test_rows_may_come_in_any_parts():
    odds = odds_with(0.3)
    p, score, snr, lost = rows_of(odds, 5000)
    p[::9] = 0
    p[1::9] = score[1::9] = np.nan
    candidate = p >= 0.5
    whole = counts(odds, p, score, snr, lost, candidate)
    parts = ExpectedCounts(odds)
    for some in np.split(np.arange(5000), [1, 30, 2500, 2500]):
        parts.add(*(column[some] for column in (p, score, snr, lost, candidate)))
    assert parts.result().to_dict() == whole.to_dict()


def test_nothing_to_expect():
    found = ExpectedCounts(odds_with()).result()
    assert (found.candidates, found.members, found.members_range) == (0, 0, (0, 0))
    (line,) = found.lines("O")
    assert line.startswith("expected of class O in the catalogue: 0.0 (0 to 0)")
