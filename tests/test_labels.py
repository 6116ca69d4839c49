import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamost_rare.simulation.dataset import _same_place, assign_folds
from lamost_rare.simulation.labels import CLASSES, library_class, star_name, survey_class


@pytest.mark.parametrize(
    ("name", "library", "expected"),
    [
        ("HD 30614", "indous", "HD 30614"),
        ("HD30614 / HD030614", "stelib", "HD 30614"),
        ("HR7589 / HD188209", "stelib", "HD 188209"),
        ("HD 242908 (JC_1)", "jacoby", "HD 242908"),
        ("BD+28 42114", "calspec", "BD+28 4211"),
        ("BDp284211", "snfactory", "BD+28 4211"),
        ("bd_25d4655_002", "calspec", "BD+25 4655"),
        ("BD-11 4586 (JC_114)", "jacoby", "BD-11 4586"),
        ("ETA UMA", "calspec", "HD 120315"),
        ("t020l50p00.rbn", "mkclass_libr18", "MK T020L50P00"),
        ("SDSSJ131445-20130309", "white_dwarfs_da", "SDSSJ131445"),
        ("feige67_002", "calspec", "FEIGE 67"),
    ],
)
def test_one_name_for_one_star(name, library, expected):
    assert star_name(name, library) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("O", "O7V", np.nan, "indous", "HD 1"), "O"),
        (("", "09Ib", 32300.0, "miles", "HD 57061"), "O"),
        (("O", "O5", np.nan, "pyhammer_boss", "pyhammer O5"), "hot_subdwarf"),
        (("O", "OB", np.nan, "sdss_star_templates", "x"), "hot_subdwarf"),
        (("B", "B1", np.nan, "pyhammer_boss", "pyhammer B1"), None),
        (("B", "B5", 36000.0, "miles", "HD 149382"), "hot_subdwarf"),
        (("DA", "DA", np.nan, "stelib", "FEIGE 110"), "hot_subdwarf"),
        (("B", "B8", 6000.0, "miles", "HD 2"), None),
        (("", "sdF8", 6000.0, "indous", "BD+17 4708"), "F"),
        (("WN", "WN6", np.nan, "stelib", "HD 3"), "other"),
        (("DB", "DBQ4", np.nan, "calspec", "LDS 749"), "white_dwarf"),
        (("G", "G2V", np.nan, "miles", "HD 4"), "G"),
        (("", "", np.nan, "miles", "x"), None),
    ],
)
def test_class_of_a_library_spectrum(arguments, expected):
    assert library_class(*arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("STAR", "A7V"), "A"),
        (("STAR", "dM3"), "M"),
        (("STAR", "A1", True), "B"),
        (("QSO", "Non"), "other"),
        (("GALAXY", "Non"), "other"),
        (("STAR", "WD"), "white_dwarf"),
        (("STAR", "DoubleStar"), None),
        (("Unknown", "Non"), None),
        (("nova", ""), "nova"),
        (("O", ""), "O"),
    ],
)
def test_class_of_an_observed_spectrum(arguments, expected):
    assert survey_class(*arguments) == expected


@given(
    st.lists(st.tuples(st.sampled_from(CLASSES), st.integers(0, 30)), min_size=1, max_size=200),
    st.integers(2, 6),
    st.integers(0, 5),
)
def test_no_star_in_two_folds(pairs, n_folds, seed):
    label = np.array([p[0] for p in pairs], dtype=object)
    star = np.array([f"s{p[1]}" for p in pairs], dtype=object)
    folds = assign_folds(label, star, n_folds, seed)
    assert set(folds) <= set(range(n_folds))
    for s in set(star):
        assert len(set(folds[star == s])) == 1


def test_each_fold_gets_its_share_of_the_rare():
    label = np.array(["G"] * 300 + ["O"] * 12, dtype=object)
    star = np.arange(312).astype(str).astype(object)
    folds = assign_folds(label, star, 4)
    assert [int((folds[300:] == k).sum()) for k in range(4)] == [3, 3, 3, 3]


def test_positions_within_three_arcsec_are_one_star():
    ra = np.array([10.0, 10.0 + 1 / 3600, 10.0 + 10 / 3600, np.nan, np.nan, 359.9999, 0.0001])
    dec = np.array([0.0, 0.0, 0.0, np.nan, np.nan, 0.0, 0.0])
    star = _same_place(ra, dec)
    assert star[0] == star[1]
    assert star[5] == star[6]
    assert len(set(star)) == 5
