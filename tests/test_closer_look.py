"""A closer look at what may be of the rare class: which spectra, and what it changes."""

from dataclasses import replace

import numpy as np
import pytest

from lamost_rare.inference.closer_look import LEAST, follow_velocities, look_closer
from lamost_rare.inference.columns import O_SUBTYPE, VELOCITY, columns_of_catalogue
from lamost_rare.inference.decision import Prediction
from lamost_rare.inference.evidence import measure_lines
from lamost_rare.pipeline import make_step
from lamost_rare.pipeline.order import check_order
from lamost_rare.presets import load_preset
from lamost_rare.simulation.analytic import analytic_star
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.survey.batch_classifier import BatchClassifier

PRESET = load_preset()
CLOSER = [column.name for column in (*VELOCITY, *O_SUBTYPE)]


def o_stars(velocities, snr=120.0, kind="O8"):
    rng = np.random.default_rng(0)
    flux = np.array([analytic_star(kind, LAMOST_GRID, rv=v) for v in velocities])
    error = flux / snr
    flux = flux + error * rng.standard_normal(flux.shape)
    mask = np.zeros(flux.shape, bool)
    return SpectrumBatch(LAMOST_GRID, flux.astype("f4"), (error**-2).astype("f4"), mask)


def probabilities_of(rare, preset=PRESET):
    p = np.zeros((len(rare), len(preset.classes)), "f4")
    p[:, preset.classes.index(preset.rare_class)] = rare
    p[:, 1 + preset.classes.index(preset.rare_class)] = 1 - np.array(rare)
    return p


def closer(batch, rare, widths=None, preset=PRESET, candidate=None):
    candidate = np.zeros(len(batch), bool) if candidate is None else np.array(candidate)
    return look_closer(batch, probabilities_of(rare, preset), candidate, preset, widths)


def test_what_may_be_rare_is_looked_at_and_nothing_else():
    found = closer(o_stars([50.0] * 4), [0.9, LEAST, 0.001, 0.001], candidate=[0, 0, 0, 1])
    assert list(found) == CLOSER
    assert found["velocity"][[0, 1, 3]] == pytest.approx(50, abs=20)
    assert found["o_subtype"][[0, 1, 3]] == pytest.approx(8, abs=1)
    for name in CLOSER:
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(np.isnan(found[name]), [False, False, True, False])


def test_unusable_probabilities_and_no_spectra_give_nothing():
    batch = o_stars([0.0] * 2)
    nowhere = np.full((2, len(PRESET.classes)), np.nan)
    for values in (
        look_closer(batch, nowhere, np.zeros(2, bool), PRESET),
        closer(batch[:0], np.empty(0)),
    ):
        assert all(np.isnan(values[name]).all() for name in CLOSER)


def test_widths_follow_fast_stars_and_no_others():
    velocities = [0.0, 60.0, 400.0, -400.0, 400.0]
    batch = o_stars(velocities)
    widths = measure_lines(batch)
    before = {name: column.copy() for name, column in widths.items()}
    found = closer(batch, [0.9, 0.9, 0.9, 0.9, 0.001], widths)
    for name in widths:
        np.testing.assert_array_equal(widths[name], before[name])
        np.testing.assert_array_equal(found[name][[0, 1, 4]], before[name][[0, 1, 4]])
    for line in ("hei_4471", "heii_4541", "siiv_4089", "mgii_4481", "hdelta"):
        width = found[f"ew_{line}"]
        assert width[2:4] == pytest.approx(width[0], abs=0.1)
    assert (before["ew_hei_4471"][2:4] < before["ew_hei_4471"][0] - 0.1).all()
    np.testing.assert_array_equal(found["ew_caii_k"], before["ew_caii_k"])
    assert found["o_subtype"][2:4] == pytest.approx(found["o_subtype"][0], abs=0.6)
    without = closer(batch, [0.9, 0.9, 0.9, 0.9, 0.001])
    for name in CLOSER:  # whether all widths are asked for does not matter
        np.testing.assert_array_equal(without[name], found[name])


def test_slow_and_uncertain_velocities_move_no_window():
    batch = o_stars([0.0] * 5)
    widths = measure_lines(batch)
    velocity = np.array([99.0, -99.0, 250.0, np.nan, 0.0])
    error = np.array([5.0, 5.0, 90.0, np.nan, 5.0])
    found = follow_velocities(batch, widths, velocity, error)
    for name in widths:
        np.testing.assert_array_equal(found[name], widths[name])
    moved = measure_lines(batch, velocity=[300.0, np.nan, 20.0, 0.0, -20.0])
    assert moved["ew_hei_4471"][0] != widths["ew_hei_4471"][0]
    for name in widths:
        np.testing.assert_array_equal(moved[name][1:], widths[name][1:])


def test_windows_that_leave_the_grid_give_no_width():
    batch = o_stars([0.0])
    moved = measure_lines(batch, ["caii_k", "heii_5411"], velocity=[-17000.0])
    assert np.isnan(moved["ew_caii_k"][0])
    assert np.isfinite(moved["ew_heii_5411"][0])


def test_other_rare_classes():
    names = {c.name for c in columns_of_catalogue(["B", "A"], "B")}
    assert {"velocity", "velocity_err"} <= names
    assert not {"o_subtype", "o_subtype_err"} & names
    changes = {"rare_class": "M", "key_lines": None, "odds": None, "prevalence": {}}
    preset = replace(PRESET, config={**PRESET.config, **changes})
    found = closer(o_stars([0.0]), [0.9], preset=preset)
    assert list(found) == ["velocity", "velocity_err"]
    assert np.isnan(found["velocity"]).all()


class Sure:
    """A network that calls everything O."""

    def predict(self, batch):
        p = probabilities_of([0.99] * len(batch))
        n = len(batch)
        return Prediction(p, np.ones(n, bool), np.zeros(n, int))


@pytest.mark.parametrize("measured", [True, False])
def test_a_classifier_gives_the_same_with_and_without_widths_at_hand(measured):
    classifier = BatchClassifier(PRESET, make_predictor=lambda preset, size: Sure())
    batch = o_stars([0.0, 400.0])
    before = measure_lines(batch)
    out = classifier.process(replace(batch, columns=before if measured else {}))
    assert out.columns["o_subtype"] == pytest.approx(8, abs=1)
    assert out.columns["velocity"] == pytest.approx([0, 400], abs=20)
    assert ("ew_hei_4471" in out.columns) == measured
    if measured:
        hei = out.columns["ew_hei_4471"]
        assert hei[0] == before["ew_hei_4471"][0]
        assert hei[1] == pytest.approx(hei[0], abs=0.1)


def test_classifier_and_line_evidence_agree_in_both_orders():
    classifier = BatchClassifier(PRESET, make_predictor=lambda preset, size: Sure())
    evidence = make_step("line_evidence")
    check_order([make_step("o_star_classifier"), evidence])
    check_order([evidence, make_step("o_star_classifier")])
    batch = o_stars([0.0, 400.0, -250.0])
    after = evidence.process(classifier.process(batch))
    before = classifier.process(evidence.process(batch))
    assert after.columns.keys() == before.columns.keys()
    for name in after.columns:
        np.testing.assert_array_equal(after.columns[name], before.columns[name])


def test_a_classifier_keeps_subtypes_of_what_it_does_not_look_at():
    batch = o_stars([0.0])
    known = replace(batch, columns={"o_subtype": np.array([7.5], "f4"),
                                    "o_subtype_err": np.array([0.7], "f4")})  # fmt: skip
    found = closer(known, [0.001])
    assert found["o_subtype"][0] == 7.5
    assert np.isnan(found["velocity"][0])
