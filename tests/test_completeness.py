"""The part of a rare class that is found: tables by bins, values, the plot, the command."""

import dataclasses

import astropy.units as u
import numpy as np
import pytest
from astropy.table import QTable
from hypothesis import given, settings
from hypothesis import strategies as st

from completeness_helpers import PREVALENCE, made_up_trials, preset_with_trials
from lamost_rare import cli, completeness
from lamost_rare.inference.prevalence import PriorError
from lamost_rare.presets import PresetError, load_preset
from lamost_rare.validation.completeness import A_V_BINS, SNR_BINS, OutsideWarning, found_by
from lamost_rare.validation.completeness_model import CompletenessModel
from lamost_rare.validation.completeness_points import CompletenessError, points_of
from lamost_rare.validation.statistics import part_of_stars
from standin import save_standin


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    return preset_with_trials(tmp_path_factory.mktemp("preset"))


@pytest.fixture(scope="module")
def found(preset):
    return found_by(preset)


def by(table, name, **values):
    own = table["by"] == name
    for column, value in values.items():
        own &= table[column] == value
    return table[own]


def test_bins_are_counted_star_by_star(preset, found):
    table = completeness(preset)
    tried, hit = found.tried, found.hit
    own = found.whole & (tried.snr >= 10) & (tried.snr < 20)
    of_star = [
        np.average(hit[own & (tried.star == s)], weights=tried.weight[own & (tried.star == s)])
        for s in np.unique(tried.star[own])
    ]
    (row,) = by(table, "S/N", snr_min=10)
    assert row["completeness"] == pytest.approx(np.mean(of_star))
    assert (row["spectra"], row["stars"]) == (own.sum(), len(of_star)) == (own.sum(), 23)
    assert (table["low"] <= table["completeness"]).all()
    assert (table["completeness"] <= table["high"]).all()
    assert ((table["low"] >= 0) & (table["high"] <= 1)).all()
    assert (table["low"] < table["high"]).all()  # nothing is certain, not even 0
    whole = by(table, "all")["spectra"].sum()
    assert whole == by(table, "S/N")["spectra"].sum() == found.whole.sum()
    assert whole == by(table, "A_V")["spectra"].sum() == by(table, "subtype")["spectra"].sum()
    assert by(table, "one half missing")["spectra"].sum() == (~found.whole).sum()
    assert len(by(table, "S/N")) == len(SNR_BINS)
    assert len(by(table, "A_V")) == 2 * len(A_V_BINS)
    assert table.meta["stars"] == 23
    assert table.meta["threshold"] == 0.5


def test_what_was_put_in_comes_out(preset):
    table = completeness(preset)
    by_snr = by(table, "S/N")["completeness"]
    assert (np.diff(by_snr) > 0).all()
    early, late = (
        by(table, "subtype", bin=b, snr_min=10)["completeness"][0] for b in ("O2-O6.5", "O9-O9.5")
    )
    assert early > late + 0.3
    (lost,) = by(table, "one half missing", snr_min=10)
    assert lost["completeness"] < by(table, "all", snr_min=10)["completeness"][0]


def test_values_follow_the_trials(preset, found):
    table = completeness(preset, snr=[7, 14, 30, 70], a_v=2 * u.mag, subtype=["O5", 7, "O7V", 6.5])
    assert table.colnames == ["snr", "a_v", "subtype", "completeness", "low", "high"]
    assert table["a_v"].unit == u.mag
    assert list(table["subtype"]) == [5, 7, 7, 6.5]
    assert (np.diff(completeness(preset, snr=[7, 14, 30, 70])["completeness"]) > 0).all()
    red = completeness(preset, snr=20, a_v=[1, 4, 7])["completeness"]
    assert (np.diff(red) < 0).all()
    late = completeness(preset, snr=20, subtype=["O4", "O8.5", "O9.5"])["completeness"]
    assert late[2] < min(late[:2]) - 0.2
    # On the whole the model says what was counted.
    model, own = found.model(), found.whole
    some = found.tried[own]
    said = model.predict(some.snr, some.a_v, found.subtype[own])[0]
    per_star = [np.average(x[some.star == s], weights=some.weight[some.star == s])
                for x in (said, found.hit[own]) for s in np.unique(some.star)]  # fmt: skip
    modelled, counted = np.reshape(per_star, (2, -1)).mean(axis=1)
    assert modelled == pytest.approx(counted, abs=0.02)


def test_seeds_repeat_and_arguments_broadcast(preset):
    one = completeness(preset, snr=[[10], [20]], a_v=[0, 2, 4])
    again = completeness(preset, snr=[[10], [20]], a_v=[0, 2, 4])
    other = completeness(preset, snr=[[10], [20]], a_v=[0, 2, 4], seed=5)
    assert len(one) == 6
    np.testing.assert_array_equal(one["low"], again["low"])
    np.testing.assert_allclose(one["completeness"], other["completeness"], atol=0.1)
    assert not np.array_equal(one["low"], other["low"])
    single = completeness(preset, snr=20, a_v=2)
    assert single["completeness"][0] == pytest.approx(one["completeness"][4])


def test_outside_of_what_was_tried(preset):
    with pytest.warns(OutsideWarning, match=r"3 of 6 points .*snr 5 to 100, a_v 0 to 8"):
        table = completeness(preset, snr=[2, np.nan, 20, 100, 900, 20], a_v=[1, 1, 1, 1, 1, 9])
    part = np.asarray(table["completeness"])
    assert list(np.isnan(part)) == [True, True, False, False, False, True]
    assert part[3] == part[4]
    assert table.meta["outside"] == 3
    masked = np.ma.array([20.0, 30.0], mask=[False, True])
    with pytest.warns(OutsideWarning, match="1 of 2"):
        assert np.isnan(completeness(preset, snr=masked)["completeness"][1])
    assert len(completeness(preset, snr=[])) == 0


def test_threshold_and_prior_count(preset):
    usual, strict, frequent = (
        by(completeness(preset, **options), "all", snr_min=10)["completeness"][0]
        for options in ({}, {"threshold": 0.95}, {"prior": {"O": 0.01}})
    )
    assert strict < usual < frequent
    assert completeness(preset, threshold=0.95).meta["threshold"] == 0.95


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"snr": "many"}, "snr must be a number or numbers, not 'many'"),
        ({"snr": [1, [2, 3]]}, "snr must be a number or numbers"),
        ({"a_v": 3 * u.nm}, "a_v: .*not convertible"),
        ({"subtype": "K5"}, "unknown subtype 'K5': give a type as O9.5"),
        ({"subtype": [9.5, None]}, "unknown subtype None"),
        ({"snr": [1, 2, 3], "a_v": [1, 2]}, r"shapes do not go together: snr \(3,\), a_v \(2,\)"),
    ],
)
def test_bad_arguments(preset, options, message):
    with pytest.raises(CompletenessError, match=message) as caught:
        completeness(preset, **options)
    assert "\n" not in str(caught.value)


def test_bad_thresholds_and_priors(preset):
    with pytest.raises(ValueError, match="threshold must lie above 0"):
        completeness(preset, threshold=0)
    with pytest.raises(PriorError, match="no class or population 'Q'"):
        completeness(preset, prior={"Q": 0.1})
    with pytest.raises(PriorError, match=r"cannot read prior none\.csv"):
        completeness(preset, prior="none.csv")


def test_presets_of_which_nothing_can_be_told(tmp_path):
    with pytest.raises(PresetError, match="is a generator"):
        completeness(load_preset("lcgan-o-v1"))
    with pytest.raises(PresetError, match="keeps no trials on unseen stars"):
        completeness(save_standin(tmp_path))
    for name in "abc":
        (tmp_path / name).mkdir()
    without_odds = preset_with_trials(tmp_path / "a", odds=None, prevalence={})
    with pytest.raises(PresetError, match="has no odds of a survey"):
        completeness(without_odds)
    trials = made_up_trials()
    of_b = preset_with_trials(tmp_path / "b", trials[trials.population == "B3-B9"])
    with pytest.raises(PresetError, match="no trial on a library star of class O"):
        completeness(of_b)
    few = preset_with_trials(tmp_path / "c", trials[trials.star < 4])
    assert len(completeness(few)) > 5
    with pytest.raises(CompletenessError, match="trials on 4 stars of class O: too few for values"):
        completeness(few, snr=10)


def test_another_rare_class_has_no_subtypes(tmp_path):
    preset = preset_with_trials(tmp_path, rare_class="B", prevalence=PREVALENCE)
    table = completeness(preset)
    assert "subtype" not in table["by"]
    with pytest.raises(CompletenessError, match="no trials on stars of known subtype"):
        completeness(preset, subtype=12)


def test_stars_of_unknown_subtype_are_counted_and_not_modelled(tmp_path):
    trials = made_up_trials()
    trials.mk_type[trials.star == 0] = "O"
    preset = preset_with_trials(tmp_path, trials)
    table = completeness(preset)
    subtypes = by(table, "subtype")
    assert by(table, "all")["spectra"].sum() > subtypes["spectra"].sum()
    assert completeness(preset, snr=20)["completeness"][0] > 0


@pytest.mark.parametrize("outcome", [True, False])
def test_where_all_or_nothing_is_found_the_range_allows_for_the_unseen(found, outcome):
    rng = np.random.default_rng(1)
    hit = np.full(40, outcome)
    star = np.repeat(np.arange(10), 4)
    part, low, high = part_of_stars(hit, star, np.ones(40), rng)
    assert part == outcome
    assert (high == 1 and 0.7 < low < 0.95) if outcome else (low == 0 and 0.05 < high < 0.3)
    everywhere = dataclasses.replace(found, hit=np.full(len(found.hit), outcome))
    part, low, high = everywhere.model().predict(snr=np.array([8.0, 30.0]))
    assert (abs(part - outcome) < 0.02).all()
    assert (high - low > 0.02).all()
    assert np.isnan(part_of_stars(hit[:0], star[:0], hit[:0], rng)).all()


def test_a_star_counts_once_however_often_it_was_tried(found):
    own = np.concatenate([np.flatnonzero(found.whole), np.repeat(np.flatnonzero(
        found.whole & (found.tried.star == 2)), 50)])  # fmt: skip
    tried, hit, subtype = found.tried[own], found.hit[own], found.subtype[own]
    again = dataclasses.replace(found, tried=tried, hit=hit, subtype=subtype)
    snr = np.array([8.0, 20.0, 60.0])
    np.testing.assert_allclose(
        again.model().predict(snr=snr)[0], found.model().predict(snr=snr)[0], atol=0.05
    )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(allow_nan=True), st.floats(allow_nan=True), st.floats(0, 20)),
        min_size=1,
        max_size=20,
    )
)
def test_any_numbers_give_parts_or_nan(model, points):
    values = points_of(*map(np.array, zip(*points, strict=True)))
    inside = model.inside(**values)
    for part in model.predict(**values):
        assert np.isnan(part[~inside]).all()
        assert ((part[inside] >= 0) & (part[inside] <= 1)).all()


@pytest.fixture(scope="module")
def model(found) -> CompletenessModel:
    return found.model()


def printed(capsys, *argv):
    status = cli.main(["completeness", *map(str, argv)])
    out, err = capsys.readouterr()
    return status, out, err


def test_the_command_prints_and_writes(capsys, preset, tmp_path):
    folder = ("--preset", preset.folder)
    status, out, err = printed(capsys, *folder)
    assert status == 0
    assert out.split("\n")[0].split()[:4] == ["by", "bin", "snr_min", "snr_max"]
    assert "one half missing" in out
    assert err.startswith("made-up-v1: part of O with p_O_survey of 0.5 or more; ")
    status, out, err = printed(capsys, *folder, "--snr", 10, 20, "--subtype", "O7", 9.5)
    assert status == 0
    cells = [line.split() for line in out.splitlines()[2:]]
    pairs = [(10.0, 7.0), (10.0, 9.5), (20.0, 7.0), (20.0, 9.5)]
    assert [tuple(map(float, row[:2])) for row in cells] == pairs
    for suffix in (".csv", ".ecsv", ".fits", ".parquet", ".vot"):
        path = tmp_path / f"table{suffix}"
        status, out, err = printed(capsys, *folder, "--threshold", 0.9, "--output", path)
        assert (status, err) == (0, "")
        table = QTable.read(path, **({"format": "ascii.csv"} if suffix == ".csv" else {}))
        assert len(table) == len(completeness(preset))
    status, _, err = printed(capsys, *folder, "--output", path)
    assert status == 2
    assert "exists already" in err


def test_a_prior_on_the_command_line_is_that_of_python(capsys, preset):
    argv = ("--preset", preset.folder, "--snr", 20)
    priors = ("--prior", "O=0.01", "--prior", "B0-B0.5=0.1")
    status, out, _ = printed(capsys, *argv, *priors)
    assert status == 0
    expected = completeness(preset, snr=20, prior={"O": 0.01, "B0-B0.5": 0.1})
    assert out.splitlines()[2].split()[1] == f"{expected['completeness'][0]:.3f}"
    assert out != printed(capsys, *argv)[1]


def test_the_command_draws(capsys, preset, tmp_path):
    picture = tmp_path / "c.png"
    argv = ("--preset", preset.folder, "--plot", picture)
    assert printed(capsys, *argv)[0] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    status, _, err = printed(capsys, *argv)
    assert (status, err.count("\n")) == (2, 1)
    assert printed(capsys, *argv, "--overwrite")[0] == 0
    of_b = preset_with_trials(tmp_path, rare_class="B")  # one star, no subtypes
    vector = tmp_path / "c.svg"
    assert printed(capsys, "--preset", of_b.folder, "--plot", vector)[0] == 0
    assert b"<svg" in vector.read_bytes()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--snr -3", "argument --snr: must be above 0, not -3"),
        ("--snr x", "argument --snr: must be a number, not 'x'"),
        ("--a-v -1", "argument --a-v: must be 0 or more, not -1"),
        ("--a-v nan", "argument --a-v: must be a number, not 'nan'"),
        ("--subtype K5", "unknown subtype 'K5'"),
        ("--threshold 2", "argument --threshold: must be above 0, and 1 at the most"),
        ("--prior O=-1", "the prevalence of O must be from 0 to 1, not -1"),
        ("--prior Q=0.1", "no class or population 'Q'"),
        ("--plot c.jpg", "the suffix must be one of .png, .pdf, .svg"),
        ("--plot nowhere/c.png", "there is no directory nowhere"),
        ("--output table.txt", "the suffix must be one of .csv"),
    ],
)
def test_mistakes_on_the_command_line(capsys, preset, tmp_path, monkeypatch, argv, message):
    monkeypatch.chdir(tmp_path)
    status, out, err = printed(capsys, "--preset", preset.folder, *argv.split())
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_all_outside_of_what_was_tried_is_nothing_usable(capsys, preset):
    status, _, err = printed(capsys, "--preset", preset.folder, "--a-v", 20)
    assert status == 1
    assert "1 of 1 rows lie outside of what was tried" in err
