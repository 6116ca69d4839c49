"""Sets of lines: wavelengths against physics and air values, names, what is shown close up."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lamost_rare.inference.calibration import EVIDENCE
from lamost_rare.report.line_sets import SETS, close_up_lines, lines_in_sets, page_lines
from lamost_rare.simulation.effects import INTERSTELLAR
from lamost_rare.spectra.air_vacuum import air_to_vacuum, vacuum_to_air
from lamost_rare.spectra.lines import LINES

ALL = {line.name: line for line in lines_in_sets()}
RYDBERG_H, RYDBERG_HE = 109677.58e-8, 109722.27e-8  # 1/Å


def hydrogenic(rydberg, charge, low, high):
    """Wavelength (Å, vacuum) of a transition with one electron; fine structure is 0.1 Å of it."""
    return 1 / (rydberg * charge**2 * (1 / low**2 - 1 / high**2))


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("heii_4686", 3, 4),
        *((f"heii_{n}", 4, h) for n, h in [
            (6560, 6), (5411, 7), (4859, 8), (4541, 9), (4338, 10), (4200, 11), (3923, 15)]),
        *((f"heii_{n}", 5, h) for n, h in [
            (8236, 9), (6890, 12), (6683, 13), (6527, 14), (6406, 15), (6310, 16)]),
    ],
)  # fmt: skip
def test_lines_of_ionized_helium_follow_rydberg(name, low, high):
    assert ALL[name].set == "He II"
    assert ALL[name].wavelength == pytest.approx(hydrogenic(RYDBERG_HE, 2, low, high), abs=0.15)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("halpha", 2, 3), ("hbeta", 2, 4), ("hgamma", 2, 5), ("hdelta", 2, 6), ("hepsilon", 2, 7),
     ("h8", 2, 8), ("h9", 2, 9), ("h10", 2, 10), ("h11", 2, 11), ("pa11", 3, 11), ("pa12", 3, 12),
     ("pa14", 3, 14), ("pa17", 3, 17)],
)  # fmt: skip
def test_lines_of_hydrogen_follow_rydberg(name, low, high):
    assert ALL[name].set == "H"
    assert ALL[name].wavelength == pytest.approx(hydrogenic(RYDBERG_H, 1, low, high), abs=0.12)


def test_labels_say_air_wavelengths():
    """A number in a label is that of air, as people know it; of a range it is the middle."""
    for line in ALL.values():
        numbers = [word.strip(",()") for word in line.label.split() if word[0].isdigit()]
        if not numbers or line.label.startswith("Pa "):  # which have their quantum number
            continue
        first, *rest = numbers[0].split("-")
        end = rest[0] if rest else numbers[-1]
        low, high = float(first), float(first[: len(first) - len(end)] + end)
        assert low - 1.1 <= float(vacuum_to_air(line.wavelength)) <= high + 1.1, line
    assert vacuum_to_air(ALL["oiii_5007"].wavelength) == pytest.approx(5006.84, abs=0.01)
    assert ALL["oiii_5007"].wavelength == pytest.approx(5008.24, abs=0.01)


def test_interstellar_lines_are_those_of_the_simulation():
    ours = [line.wavelength for line in ALL.values() if line.set == "interstellar"]
    for air, *_ in INTERSTELLAR:
        assert np.abs(np.array(ours) - air_to_vacuum(air)).min() < 0.3, air


def test_measured_lines_keep_their_windows_and_bands():
    assert set(LINES) == {line.name for line in ALL.values() if line.measured}
    for name, line in LINES.items():
        shown = ALL[name]
        assert (shown.label, shown.wavelength) == (line.label, line.wavelength)
        assert (shown.window, shown.bands) == (line.window, line.bands)
    assert ALL["nii_6583"].window is not None  # measured for flags, in no column
    assert not ALL["nii_6583"].measured


def test_what_the_page_is_told():
    told = page_lines("O")
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    names = [line["name"] for line in told["lines"]]
    assert len(names) == len(set(names))
    assert [one["name"] for one in told["sets"]] == list(
        dict.fromkeys(line["set"] for line in told["lines"])
    )
    assert {one["name"] for one in told["sets"] if one["at_rest"]} == {"interstellar", "sky"}
    assert [one["name"] for one in told["sets"] if one["shown"]] == ["He II", "He I", "H"]
    for line in told["lines"]:
        assert 3690 < line["wavelength"] < 9100
        if line["close_up"]:
            low, high = line["window"]
            assert low < line["wavelength"] < high
            assert line["bands"][0][0] < low < high < line["bands"][-1][1]


def test_close_ups_of_an_o_star_are_the_lines_that_decide():
    assert close_up_lines("O") == (
        "hei_4026", "siiv_4089", "heii_4200", "hei_4387", "hei_4471", "heii_4541", "niii_4634",
        "heii_4686", "heii_5411", "halpha",
    )  # fmt: skip


@pytest.mark.parametrize("rare", ["B", "A", "hot_subdwarf", "white_dwarf", "carbon", ""])
def test_close_ups_of_other_classes(rare):
    names = close_up_lines(rare)
    assert 4 <= len(names) <= 10
    assert set(names) <= set(LINES)
    centres = [LINES[name].wavelength for name in names]
    assert centres == sorted(centres)


def test_lines_of_a_preset_are_among_the_close_ups():
    own = replace(EVIDENCE["O"], lines=("hei_4387", "niii_4634"))
    assert {"hei_4387", "niii_4634"} <= set(close_up_lines("mine", own))
    assert "heii_5411" not in close_up_lines("mine", own)


def test_sets_have_one_name_each():
    assert len({one.name for one in SETS}) == len(SETS) == 7
