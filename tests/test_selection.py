"""Candidates of a purity, whatever the probabilities; what cannot be asked for."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamost_rare.inference.decision import judge
from lamost_rare.inference.odds import SurveyOdds
from lamost_rare.inference.prevalence import PriorError, for_survey
from lamost_rare.inference.selection import Selection, threshold_of_purity
from lamost_rare.spectra.quality import QualityFlag
from odds_helpers import with_odds
from pipeline_helpers import batch_of
from scan_helpers import standin_preset

MISSING = int(QualityFlag.KEY_LINES_MISSING)
PROBABILITIES = st.lists(
    st.sampled_from([0, 0.001, 0.2, 0.5, 0.9, 1]) | st.floats(0, 1, width=32), max_size=30
)


@pytest.fixture
def preset(tmp_path):
    return with_odds(standin_preset(tmp_path / "plain"), tmp_path / "odds")


def lists_of(p):
    """Mean probability of each list that a threshold can make."""
    p = np.array(p)
    return {t: p[p >= t].mean(dtype=float) for t in np.unique(p[p > 0])}


@settings(deadline=None)
@given(PROBABILITIES, st.floats(0.001, 0.999))
def test_the_largest_list_of_a_purity(p, purity):
    p = np.array(p, dtype=np.float32)
    lists = lists_of(p)
    threshold, found, size = threshold_of_purity(p, purity)
    pure = [t for t, mean in lists.items() if mean >= purity - 1e-6]
    if not lists:
        assert (threshold, size) == (None, 0)
        return
    assert found == pytest.approx(lists[min(pure)] if pure else lists[max(lists)])
    assert threshold == (min(pure) if pure else None)
    assert size == np.count_nonzero(p >= (min(pure) if pure else max(lists)))


@settings(deadline=None)
@given(PROBABILITIES, st.floats(0.01, 0.99), st.integers(0, 2**30))
def test_a_threshold_that_was_found_gives_the_same_list(p, purity, seed):
    p = np.array([*p, np.nan], dtype=np.float32)
    flags = np.random.default_rng(seed).choice([0, MISSING, 512], len(p))
    odds = SurveyOdds(None, {}, "O", 0)
    settled = Selection(odds, None, purity).settled(p, flags)
    chosen = settled.chosen(p, flags)
    assert not chosen[(flags & MISSING) > 0].any()
    if settled.threshold is None:
        assert not chosen.any()
        assert "no list is" in str(settled)
    else:
        assert p[chosen].mean(dtype=float) >= purity - 1e-6
        np.testing.assert_array_equal(Selection(odds, settled.threshold).chosen(p, flags), chosen)
        assert str(settled).startswith("p_O_survey of ")
    again = Selection(odds, None, purity).as_found(json.loads(json.dumps(settled.to_dict())))
    assert str(again) == str(settled)
    assert again.to_dict() == settled.to_dict()


def test_another_question_is_another_selection(preset):
    plain = Selection.of(preset)
    assert plain.threshold == 0.5
    assert plain.as_found(plain.to_dict()) == plain
    assert plain.as_found(Selection.of(preset, 0.6).to_dict()) is None
    assert plain.as_found(None) is None
    pure = Selection.of(preset, purity=0.8).settled(np.ones(3, "f4"), np.zeros(3, int))
    assert plain.as_found(pure.to_dict()) is None
    assert Selection.of(preset, purity=0.8).as_found(pure.to_dict()) == pure
    assert Selection.of(preset, purity=0.7).as_found(pure.to_dict()) is None


@pytest.mark.parametrize("threshold", [None, 1e-6, 0.02, 0.9])
def test_a_selection_is_what_the_classifier_decides(preset, threshold):
    config = {**preset.config, "key_lines": {"wavelength": [4472.73], "needed": 1}}
    preset = for_survey(type(preset)(preset.name, preset.folder, config), threshold=threshold)
    batch = batch_of(60, seed=1)
    batch.mask[::7, 800:1000] = True
    p = np.linspace(0, 1, 60, dtype="f4")
    said = judge(batch, np.stack([p, 1 - p], axis=1), preset.settings)
    chosen = Selection.of(preset).chosen(said.survey, batch.flags | said.flags)
    np.testing.assert_array_equal(chosen, said.candidate)
    assert 0 < chosen.sum() < 60


@pytest.mark.parametrize("purity", [0, 1, -1, 2, float("nan")])
def test_a_purity_that_cannot_be(preset, purity):
    with pytest.raises(ValueError, match="purity must lie above 0 and below 1"):
        Selection.of(preset, purity=purity)


def test_what_cannot_be_asked_for(preset, tmp_path):
    with pytest.raises(ValueError, match="not both"):
        Selection.of(preset, threshold=0.5, purity=0.5)
    with pytest.raises(ValueError, match="threshold must lie above 0"):
        Selection.of(preset, threshold=0)
    plain = standin_preset(tmp_path / "without")
    assert Selection.of(plain) is None
    with pytest.raises(PriorError, match="has no odds of a survey, by which a purity"):
        Selection.of(plain, purity=0.8)
