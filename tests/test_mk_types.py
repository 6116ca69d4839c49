"""Numbers of MK types, populations, and the table of revised types."""

import csv
import re
from importlib.resources import files

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamost_rare import simulation
from lamost_rare.simulation.dataset import load_data_folder
from lamost_rare.simulation.labels import CLASSES, star_name
from lamost_rare.simulation.mk_types import (
    POPULATIONS,
    is_border,
    population_of,
    revised_types,
    subtype_number,
)


@pytest.mark.parametrize(
    ("mk_type", "number"),
    [
        ("O9.5IINwk", 9.5),
        ("09Ib", 9.0),
        ("08 Ib", 8.0),
        ("ON9.2V", 9.2),
        ("OC9.2Ia(SB1)", 9.2),
        ("O8/O9", 8.5),
        ("O4/5", 4.5),
        ("O9:Ve", 9.0),
        ("O3.5-4III", 3.75),
        ("O6.5:Iafe+O7Iafe", 6.5),
        ("O9 V", 9.0),
        ("O9.5-B0 V", 9.75),
        ("B0.5/1 V", 10.75),
        ("B1/B2Ib", 11.5),
        ("B0.2-B0.5IV", 10.35),
        ("B0V", 10.0),
        ("BN0.5Ia", 10.5),
        ("B3:Vn(SB2)", 13.0),
        ("B2IV-V", 12.0),
        ("O", np.nan),
        ("OB", np.nan),
        ("O10V", np.nan),
        ("Be", np.nan),
        ("sdO", np.nan),
        ("sdB1", np.nan),
        ("DA3", np.nan),
        ("A0", np.nan),
        ("WC6+O9.5I", np.nan),
        ("", np.nan),
        (None, np.nan),
        (np.nan, np.nan),
    ],
)
def test_number_of_an_mk_type(mk_type, number):
    np.testing.assert_allclose(subtype_number(mk_type), number)


@given(st.text(max_size=20) | st.from_regex(r"[OB0][NC]?[0-9.:/\-OB ]{0,8}"))
def test_any_text_has_a_number_of_o_or_b_or_none(text):
    number = subtype_number(text)
    assert np.isnan(number) or 0 <= number < 20
    assert population_of("O", text, "O") in ("O3-O8.5", "O9-O9.7")
    assert population_of("B", text, "O") in ("B0-B0.5", "B1-B2.5", "B3-B9")


@given(
    st.sampled_from("OB"),
    st.integers(0, 99),
    st.sampled_from(["", "N", "C"]),
    st.sampled_from(["", " ", ":"]),
    st.sampled_from(["", "V", "Iab", "III(n)", "IV-V", "V+B2V", "Ve", "Vp..."]),
)
def test_a_written_number_is_read(letter, tenths, chemistry, between, rest):
    text = f"{letter}{chemistry}{tenths / 10:g}{between}{rest}"
    np.testing.assert_allclose(subtype_number(text), tenths / 10 + 10 * (letter == "B"))


@pytest.mark.parametrize(
    ("label", "mk_type", "population"),
    [
        ("O", "O4.5V", "O3-O8.5"),
        ("O", "O8.5II", "O3-O8.5"),
        ("O", "O9V", "O9-O9.7"),
        ("O", "O9.7IV", "O9-O9.7"),
        ("O", "", "O9-O9.7"),
        ("B", "B0Ia", "B0-B0.5"),
        ("B", "B0.5V", "B0-B0.5"),
        ("B", "B0.7V", "B1-B2.5"),
        ("B", "B2.5Ve", "B1-B2.5"),
        ("B", "A9V", "B1-B2.5"),
        ("B", "F5", "B1-B2.5"),
        ("B", "B3V", "B3-B9"),
        ("B", "B", "B3-B9"),
        ("A", "A0V", "A-M"),
        ("M", "M3", "A-M"),
        ("hot_subdwarf", "B5", "hot_subdwarf"),
        ("white_dwarf", "DA", "white_dwarf"),
        ("other", "QSO", "other"),
        ("carbon", "C2", "carbon"),
        ("", "B0V", ""),
    ],
)
def test_population(label, mk_type, population):
    assert population_of(label, mk_type, "O") == population
    assert population_of(label, mk_type, "carbon") == label


def test_each_class_has_its_populations():
    assert {c for of in POPULATIONS.values() for c in of} == set(CLASSES)
    for label in CLASSES:
        assert label in POPULATIONS[population_of(label, "", "O")]


def test_border():
    border = ["O9.7III", "OC9.7Iab", "B0V", "B0.5Ia", "B0.2-B0.5V"]
    inside = ["O9.5V", "ON9.2V", "B0.7V", "B1V", "O", "B", "sdO"]
    assert all(map(is_border, border))
    assert not any(map(is_border, inside))


def test_the_table_of_revised_types():
    text = (files(simulation) / "revised_types.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len({row["star"] for row in rows}) == len(rows) == len(revised_types())
    for row in rows:
        assert star_name(row["star"]) == row["star"]
        assert 3 <= subtype_number(row["type"]) <= 10.5
        assert re.match(r"Sota et al\. 2011", row["source"])
    assert revised_types()["HD 36512"] == "O9.7V"


def test_revised_types_in_a_library(tmp_path):
    rows = [
        ("HD 36512", "B0V", "B"),
        ("HD 30614 (JC_1)", "O9.5Iae", "O"),
        ("HD 36512", "F5V", "F"),  # another object under this name: left alone
        ("HD 1", "B0V", "B"),
    ]
    (tmp_path / "libraries").mkdir()
    with h5py.File(tmp_path / "libraries" / "some.h5", "w") as file:
        wave = np.arange(3700.0, 9100.0, 1.0)
        file["wavelength"], file["flux"] = wave, np.ones((len(rows), len(wave)), np.float32)
        for name, values in zip(
            ("object", "label", "letter"), zip(*rows, strict=True), strict=True
        ):
            file[f"meta/{name}"] = list(values)
        file["meta/teff"] = np.full(len(rows), np.nan)
        file.attrs.update(medium="air", kind="observed", resolution="", continuum="")
    stars = load_data_folder(tmp_path)
    assert list(stars.mk_type) == ["O9.7V", "O9Ia", "F5V", "B0V"]
    assert list(stars.label) == ["O", "O", "F", "B"]
