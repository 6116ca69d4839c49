"""Flags of emission: lines that are there are flagged, absorption and cosmic rays are not."""

import numpy as np
import pytest
from hypothesis import given, settings

from any_pixels import ANY_PIXELS, batch_of
from lamost_rare.inference.closer_look import flag_emission
from lamost_rare.inference.emission import FLOORS, emission_flags, may_be_hot
from lamost_rare.presets import load_preset
from lamost_rare.simulation.analytic import analytic_spectra, analytic_star
from lamost_rare.spectra.air_vacuum import air_to_vacuum
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.lines import EMISSION_LINES
from lamost_rare.spectra.quality import QualityFlag

BALMER, WIND, NEBULA = (
    int(QualityFlag[f"EMISSION_{name}"]) for name in ("BALMER", "HEII_NIII", "NEBULAR")
)
NEBULAR_LINES = {4958.91: 0.5, 5006.84: 1.5, 6583.45: 0.8, 6716.44: 0.5, 6730.82: 0.4}


def star_with(emission, kind="O9", width=1.6, snr=60.0, seed=0):
    """An analytic star with lines of given equivalent widths (Å) at wavelengths in air."""
    wavelength = LAMOST_GRID.wavelength
    flux = analytic_star(kind, LAMOST_GRID)
    for line, strength in emission.items():
        profile = np.exp(-0.5 * ((wavelength - air_to_vacuum(line)) / width) ** 2)
        flux *= 1 + strength * profile / (width * np.sqrt(2 * np.pi))
    error = flux / snr
    flux = flux + error * np.random.default_rng(seed).standard_normal(len(flux))
    mask = np.zeros((1, len(flux)), bool)
    return SpectrumBatch(LAMOST_GRID, flux[None].astype("f4"), error[None].astype("f4") ** -2, mask)


@pytest.mark.parametrize(
    ("emission", "expected"),
    [
        ({}, 0),
        ({6562.8: 8.0}, BALMER),
        ({4861.3: 6.0}, BALMER),
        ({4685.7: 3.0}, WIND),
        ({4634.1: 1.0, 4640.6: 1.5}, WIND),
        ({6562.8: 8.0, 4685.7: 3.0}, BALMER | WIND),
        (NEBULAR_LINES, NEBULA),
        ({6562.8: 8.0, **NEBULAR_LINES}, BALMER | NEBULA),
        ({5006.84: 1.5}, 0),  # one line alone
    ],
)
def test_what_is_in_emission_is_flagged(emission, expected):
    assert emission_flags(star_with(emission)).tolist() == [expected]


@pytest.mark.parametrize("kind", ["O4", "O7", "O9.5", "B1", "B3", "B7"])
@pytest.mark.parametrize("snr", [8.0, 100.0])
def test_absorption_is_not_flagged(kind, snr):
    batch = analytic_spectra([kind] * 20, np.random.default_rng(1), snr)
    flagged = emission_flags(batch) != 0
    if kind == "O4":  # N III 4634-41 is in emission in the model
        flagged &= emission_flags(batch) != WIND
    assert flagged.sum() <= 1


def test_a_cosmic_ray_is_no_line():
    batch = star_with({})
    for name in EMISSION_LINES:
        batch.flux[0, np.searchsorted(LAMOST_GRID.wavelength, EMISSION_LINES[name].wavelength)] *= 6
    assert emission_flags(batch).tolist() == [0]


def test_noise_hides_weak_lines():
    weak = {6562.8: 4.0, 4685.7: 0.9}
    assert emission_flags(star_with(weak, snr=3.0)).tolist() == [0]


@pytest.mark.parametrize("kind", ["masked", "no ivar", "zero", "negative", "not finite", "none"])
def test_where_nothing_can_be_seen_nothing_is_flagged(kind):
    batch = star_with({6562.8: 8.0, 4685.7: 3.0, **NEBULAR_LINES})
    if kind == "masked":
        batch.mask[:] = True
    elif kind == "no ivar":
        batch.ivar[:] = 0
    elif kind == "none":
        batch = batch[:0]
    else:
        batch.flux[:] = {"zero": 0.0, "negative": -1.0, "not finite": np.nan}[kind]
    flags = emission_flags(batch)
    assert flags.dtype == np.int64
    assert flags.tolist() == [0] * len(batch)


@settings(max_examples=25, deadline=None)
@given(**ANY_PIXELS)
def test_any_pixels_give_flags_of_emission_alone(seed, scale, bad, odd):
    batch = batch_of(seed, scale, bad, odd)
    before = batch.flux.copy()
    assert not (emission_flags(batch) & ~(BALMER | WIND | NEBULA)).any()
    np.testing.assert_array_equal(batch.flux, before)


def test_only_hot_stars_are_flagged():
    preset = load_preset()
    p = np.zeros((4, len(preset.classes)), "f4")
    for row, shares in enumerate(({"M": 1.0}, {"B": 0.6, "A": 0.4}, {"O": 0.02, "A": 0.98}, {})):
        for name, share in shares.items():
            p[row, preset.classes.index(name)] = share
    p[3] = np.nan
    one = star_with({6562.8: 8.0})
    batch = SpectrumBatch.concatenate([one] * 4)
    nobody = np.zeros(4, bool)
    assert flag_emission(batch, p, nobody, preset).tolist() == [0, BALMER, BALMER, 0]
    assert may_be_hot(p, preset.classes).tolist() == [False, True, False, False]
    assert flag_emission(batch, p, ~nobody, preset).tolist() == [BALMER] * 4
    assert not may_be_hot(p[:, :2], ["galaxy", "carbon"]).any()


def test_each_line_has_a_floor_and_lies_in_its_window():
    assert FLOORS.keys() == EMISSION_LINES.keys()
    for line in EMISSION_LINES.values():
        assert line.window[0] < line.wavelength < line.window[1]
        assert line.bands[0][1] <= line.window[0]
        assert line.bands[-1][0] >= line.window[1]
