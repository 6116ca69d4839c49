"""One rule makes a candidate, in what is found and in what is measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamost_rare.inference.decision import CandidateRule, judge
from lamost_rare.preset_config import Calibration, Discriminant, PresetConfig, ThresholdBySnr
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.spectra.snr import g_band_snr
from lamost_rare.validation.operating_point import candidates, probabilities
from lamost_rare.validation.trials import Trial

CLASSES = ("B", "O", "A")
KINDS = ["O7", "B2", "A0", "O9.5", "qso", "B0"] * 4


def config(**changes):
    return PresetConfig.from_dict(
        {
            "kind": "classifier",
            "architecture": {},
            "classes": list(CLASSES),
            "rare_class": "O",
            "grid": LAMOST_GRID.to_dict(),
            "threshold": 0.6,
            "calibration": {"temperature": 1.3, "evidence_weight": 0.4},
            "key_lines": {"wavelength": [4472.73, 4542.86], "needed": 2},
            "weights_sha256": "0" * 64,
            **changes,
        },
        "a test",
    )


RULES = [
    {},
    {"threshold_by_snr": {"snr": [10.0, 40.0], "threshold": [0.9, 0.5]}},
    {
        "threshold_by_snr": {"snr": [10.0, 40.0], "threshold": [0.9, 0.5]},
        "discriminant": {"weights": [0.1] * 8, "constant": 0.0, "threshold": 0.0},
    },
    {"threshold": 0.3, "key_lines": {}},
]


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(7)
    parts = [analytic_spectra(KINDS, rng, snr=snr) for snr in (8.0, 25.0, 90.0)]
    batch = type(parts[0]).concatenate(parts)
    batch.mask[::5, 700:900] = True  # He I 4471 and He II 4541
    return batch


@pytest.mark.parametrize("changes", RULES)
def test_what_is_measured_is_what_is_found(batch, changes):
    """Candidates of a batch are those of a trial of the same spectra, whatever the rule."""
    rng = np.random.default_rng(3)
    preset, n = config(**changes), len(batch)
    rule = CandidateRule.of(preset)
    snr = g_band_snr(batch.flux, batch.ivar, batch.mask, batch.grid)
    covered = ~((batch.mask[:, 760:780]).all(axis=1) & (preset.key_lines is not None))
    logits, evidence = rng.normal(0, 2, (n, 3)).astype("f4"), rng.normal(0, 2, n)
    trial = Trial("library", logits, covered, evidence, snr, snr, np.arange(n))
    measured, p = candidates(trial, rule), probabilities(trial, rule)
    found = judge(batch, p, preset)
    np.testing.assert_array_equal(found.candidate, measured)
    np.testing.assert_array_equal(found.probabilities, rule.probabilities(logits, evidence))
    np.testing.assert_array_equal(found.flags & int(QualityFlag.KEY_LINES_MISSING) > 0, ~covered)
    assert 0 < measured.sum() < n
    assert not measured[~covered].any()


def test_generated_spectra_are_no_candidates(batch):
    generated = analytic_spectra(["O7"] * 4, np.random.default_rng(1), snr=90.0)
    generated.generated = True
    sure = np.tile(np.array([[0.0, 1.0, 0.0]], dtype="f4"), (4, 1))
    assert not judge(generated, sure, config()).candidate.any()
    generated.generated = False
    assert judge(generated, sure, config()).candidate.all()


@given(
    st.lists(st.floats(0.01, 0.99), min_size=1, max_size=4),
    st.lists(st.floats(0, 1, width=32), min_size=3, max_size=30),
    st.floats(0.5, 300),
)
def test_no_candidate_is_out_of_reach(thresholds, p, snr):
    """S/N is measured of what is within reach alone: nothing else may become a candidate."""
    by_snr = ThresholdBySnr(tuple(np.geomspace(5, 80, len(thresholds))), tuple(thresholds))
    p = np.stack([np.array(p, "f4"), 1 - np.array(p, "f4")], axis=1)
    flat = CandidateRule(0, threshold=thresholds[0])
    for rule in (flat, CandidateRule(0, threshold_by_snr=by_snr)):
        decided = rule.decide(p, np.full(len(p), snr), np.ones(len(p), bool))
        assert not (decided & ~rule.within_reach(p)).any()


def test_each_part_of_the_rule_counts():
    p = np.array([[0.7, 0.3], [0.7, 0.3], [0.5, 0.5]], dtype="f4")
    snr, covered = np.array([50.0, 6.0, 50.0]), np.array([True, True, False])
    calibration = Calibration()
    by_snr = ThresholdBySnr((10.0, 40.0), (0.9, 0.4))
    assert CandidateRule(0).decide(p, snr, ~covered).tolist() == [False, False, True]
    rule = CandidateRule(0, calibration, 0.5, by_snr)
    assert rule.decide(p, snr, covered).tolist() == [True, False, False]
    assert rule.decide(p, np.full(3, np.nan), covered).tolist() == [False] * 3
    keeps_out = Discriminant((0.0,) * 6, constant=-1.0, threshold=0.0)
    assert not CandidateRule(0, calibration, 0.5, by_snr, keeps_out).decide(p, snr, covered).any()
