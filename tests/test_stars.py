"""The table of stars: what becomes of several spectra of one, in a catalogue and in a scan."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lamost_rare.inference.arrow import schema_of
from lamost_rare.inference.columns import columns_of_catalogue, star_columns
from lamost_rare.inference.odds import SurveyOdds
from lamost_rare.simulation.fits_files import lamost_file_bytes
from lamost_rare.spectra.quality import QualityFlag as Flag
from lamost_rare.survey import merge, stars
from lamost_rare.survey.stars import StarCounts, stars_of, write_stars
from scan_helpers import (
    FULL,
    MACHINERY,
    digests,
    manifest,
    scan_directory,
    standin_preset,
    table,
    use_network,
)
from visit_helpers import WITH_ODDS, Judging, settings_with_odds

ARCSEC = 1 / 3600
ODDS = SurveyOdds.of(settings_with_odds())


@pytest.fixture
def preset(tmp_path):
    return standin_preset(tmp_path / "preset", **WITH_ODDS)


@pytest.fixture
def plain(tmp_path):
    """A preset without odds."""
    return standin_preset(tmp_path / "plain")


def catalogue(preset, *visits):
    """A catalogue of spectra, each a dict of what is not as by default: an F star at S/N 30."""
    rows = []
    for number, given in enumerate(visits):
        row = {
            "path": f"/{number}", "obsid": 100 + number, "designation": f"J{number}",
            "ra": 10.0 * number, "dec": 20.0, "snr_g": 30.0, "p_O": 1e-6, "flags": 0,
            "survey_score": None, "survey_lost": None, "survey_snr": None,
        }  # fmt: skip
        row |= given
        row["p_F"] = None if row["p_O"] is None else 1 - row["p_O"]
        row["prediction"] = "" if row["p_O"] is None else "O" if row["p_O"] > 0.5 else "F"
        score = row["survey_score"]
        if score is not None:
            row["survey_snr"], row["survey_lost"] = row["snr_g"], 0.0
            of = np.array([[score], [row["snr_g"]], [0.0]], dtype=np.float32)
            row.setdefault("p_O_survey", float(ODDS.probability(*of)[0]))
        has_odds = preset.settings.odds is not None
        row.setdefault("p_O_survey", 0.0 if has_odds else None)
        said = row["p_O_survey"] if has_odds else row["p_O"]
        row.setdefault("candidate", bool((said or 0) >= 0.5 and not row["flags"] & 1024))
        rows.append(row)
    columns = columns_of_catalogue(preset.classes, preset.rare_class, evidence=False)
    return pa.Table.from_pylist(rows, schema=schema_of(columns))


def of(preset, *visits, **options):
    return stars_of(catalogue(preset, *visits), preset, **options)


def rare(score, snr=8.0, **more):
    """A spectrum of the star at (1, 1) with a score."""
    return {"ra": 1.0, "dec": 1.0, "snr_g": snr, "survey_score": score, "p_O": 0.9, **more}


def test_stars_of_one_spectrum_are_as_the_catalogue_has_them(preset):
    given = catalogue(preset, {}, rare(9.0), {"ra": None, "dec": None, "snr_g": None, "flags": 64})
    found = stars_of(given, preset)
    assert list(found["path"]) == ["/0", "/1", "/2"]
    for name in ("obsid", "designation", "prediction", "flags", "candidate"):
        assert list(found[name]) == given[name].to_pylist()
    for name in ("ra", "dec", "snr_g", "p_O_survey"):
        np.testing.assert_array_equal(np.asarray(found[name]), given[name].to_numpy())
    for name in ("p_O_survey_min", "p_O_survey_max"):
        np.testing.assert_array_equal(found[name], found["p_O_survey"])
    assert list(found["n_spectra"]) == list(found["n_used"]) == [1, 1, 1]
    assert list(found["n_candidates"]) == [0, 1, 0]
    assert not found["disagree"].any()
    assert found["ra"].unit == "deg"
    assert found["p_O_survey"].dtype == np.float32
    assert [c.name for c in star_columns("O")] == found.colnames


def test_what_no_spectrum_shows_alone_the_sum_does(preset):
    found = of(preset, rare(4.0, ra=359.9999), rare(3.5, 9.0, ra=0.0001), {})
    assert len(found) == 2
    row = found[0]
    assert row["path"] == "/1"  # the best
    assert row["p_O_survey_max"] < 0.5 < row["p_O_survey"]
    assert row["candidate"]
    assert (row["n_spectra"], row["n_used"], row["n_candidates"]) == (2, 2, 0)
    assert row["prediction"] == "O"
    assert float(row["snr_g"]) == pytest.approx(np.hypot(8, 9))
    assert min(row["ra"].value, 360 - row["ra"].value) < 1e-6
    assert not row["disagree"]


def test_a_repeated_observation_counts_once(preset):
    again = int(Flag.DUPLICATE_OBSID)
    found = of(preset, *[rare(4.0, obsid=7, flags=again * (i > 0)) for i in range(5)])
    (alone,) = of(preset, rare(4.0))["p_O_survey"]
    assert found["p_O_survey"] == pytest.approx(alone, rel=1e-6)
    assert (found["n_spectra"], found["n_used"]) == (1, 1)
    assert float(found["snr_g"][0]) == 8
    lonely = of(preset, rare(4.0, flags=again), rare(4.0, flags=again))  # their first is elsewhere
    assert (lonely["n_spectra"], lonely["n_used"]) == (2, 2)


@pytest.mark.parametrize("fault", ["NO_IVAR", "SNR_DOUBTFUL", "NEGATIVE_FLUX"])
def test_a_faulty_spectrum_does_not_count_beside_sound_ones(preset, fault):
    bad = int(Flag[fault])
    found = of(preset, rare(11.0, 900.0, flags=bad), rare(-9.0, 12.0), rare(-8.0, 12.0))
    assert not found["candidate"][0]
    assert found["n_used"][0] == 2
    assert found["path"][0] == "/1"
    assert found["flags"][0] == 0
    assert found["n_candidates"][0] == 1  # what it says stays to be seen
    found = of(preset, rare(11.0, flags=bad), rare(11.0, flags=bad))
    assert (found["n_used"][0], found["flags"][0]) == (2, bad)
    assert found["candidate"][0]


def test_a_contradiction_is_left_out_and_told(preset):
    found = of(preset, rare(-13.0, 300.0), rare(9.0, 20.0), rare(10.0, 25.0), rare(11.0, 20.0))
    assert found["candidate"][0]
    assert found["disagree"][0]
    assert found["p_O_survey_min"][0] < 1e-4 < found["p_O_survey_max"][0]
    found = of(preset, rare(9.0, 20.0), {"ra": 1.0, "dec": 1.0}, {"ra": 1.0, "dec": 1.0})
    assert not found["candidate"][0]
    assert found["disagree"][0]


def test_two_stars_at_one_place_are_told(preset):
    """They cannot be told apart: their classes contradict each other."""
    a, f = {"p_O": 0.999}, {"p_O": 0.001}
    place = {"ra": 1.0, "dec": 1.0}
    assert of(preset, a | place, f | place)["disagree"][0]
    faint = {"snr_g": 5.0}
    assert not of(preset, a | place | faint, f | place)["disagree"][0]
    assert not of(preset, a | place, {"p_O": 0.6} | place)["disagree"][0]


def test_lines_must_be_covered_by_one_spectrum(preset):
    missing = int(Flag.KEY_LINES_MISSING)
    seen, unseen = rare(9.0, 20.0), rare(9.0, 20.0, flags=missing)
    assert of(preset, seen, unseen)["candidate"][0]
    assert not of(preset, unseen, unseen)["candidate"][0]
    assert not of(preset, unseen)["candidate"][0]


def test_a_hundred_visits(preset):
    rng = np.random.default_rng(1)
    found = of(preset, *[rare(s, 6.0) for s in rng.normal(2.5, 3, 100)])
    assert len(found) == 1
    assert found["candidate"][0]
    assert found["n_spectra"][0] == 100
    assert float(found["snr_g"][0]) == pytest.approx(60)
    found = of(preset, *[rare(s, 6.0) for s in rng.normal(-5, 3, 100)])
    assert not found["candidate"][0]


def test_nothing_has_a_position(preset):
    nowhere = {"ra": None, "dec": None}
    found = of(preset, *[rare(4.0) | nowhere for _ in range(4)])
    assert list(found["n_spectra"]) == [1, 1, 1, 1]
    assert np.isnan(np.asarray(found["ra"])).all()
    assert not found["candidate"].any()


def test_unusable_spectra(preset):
    bad = {"p_O": None, "flags": 1, "snr_g": None, "p_O_survey": None, "ra": 1.0, "dec": 1.0}
    found = of(preset, bad, bad)
    assert list(found["prediction"]) == [""]
    assert np.isnan(found["p_O_survey"][0])
    assert not found["candidate"][0]
    found = of(preset, bad, rare(9.0, 20.0))
    assert list(found["prediction"]) == ["O"]
    assert (found["n_spectra"][0], found["n_used"][0]) == (2, 1)


def test_without_odds_the_best_spectrum_decides(plain):
    place = {"ra": 1.0, "dec": 1.0}
    faint, good = {"p_O": 0.9, "snr_g": 6.0} | place, {"p_O": 0.2, "snr_g": 60.0} | place
    found = of(plain, faint, good, {})
    assert list(found["candidate"]) == [False, False]
    assert np.isnan(found["p_O_survey"]).all()
    assert list(found["n_candidates"]) == [1, 0]
    assert of(plain, faint | {"snr_g": 99.0}, good)["candidate"][0]


def test_another_threshold(preset):
    assert of(preset, rare(9.0))["candidate"][0]
    assert not of(preset, rare(9.0), threshold=0.999)["candidate"][0]
    assert of(preset, rare(3.0), rare(1.0), threshold=0.05)["candidate"][0]


def test_no_rows_and_a_catalogue_of_another_preset(preset, tmp_path):
    assert len(of(preset)) == 0
    other = catalogue(preset, {}).drop_columns(["p_F", "survey_lost"])
    with pytest.raises(ValueError, match="lacks p_F, survey_lost, which preset 'standin-v1' has"):
        stars_of(other, preset)
    (tmp_path / "table.parquet").write_text("path,ra")
    with pytest.raises(ValueError, match=r"table.parquet is no Parquet file"):
        stars_of(tmp_path / "table.parquet", preset)
    with pytest.raises(ValueError, match="catalogue"):
        stars_of("", preset)


def test_blocks_do_not_show(preset, tmp_path, monkeypatch):
    rng = np.random.default_rng(3)
    visits = [
        rare(score, snr) | {"ra": float(place), "flags": 128 * (flag == 0)}
        for score, snr, place, flag in zip(
            rng.normal(0, 8, 60), rng.uniform(3, 60, 60), rng.integers(0, 9, 60),
            rng.integers(0, 9, 60), strict=True,
        )
    ]  # fmt: skip
    given = catalogue(preset, *visits)
    pq.write_table(given, tmp_path / "catalogue.parquet")
    calls = []
    counts = write_stars(tmp_path / "catalogue.parquet", tmp_path / "a", preset, 0.5)
    monkeypatch.setattr(stars, "ROW_GROUP", 7)
    again = write_stars(
        tmp_path / "catalogue.parquet", tmp_path / "b", preset, 0.5, lambda: calls.append(1)
    )
    assert counts == again
    assert counts.stars == 9
    assert len(calls) >= 9 * 3
    a, b = (pq.read_table(tmp_path / name) for name in "ab")
    assert a.equals(b)
    assert sum(a["n_spectra"].to_pylist()) == sum(v["flags"] == 0 for v in visits)
    assert a["candidate"].to_pylist() == list(stars_of(given, preset)["candidate"])


def observe(path, number, place, snr):
    rng = np.random.default_rng(number)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(
        lamost_file_bytes(
            "dr1-7", FULL, rng.normal(100, 10, FULL.n_pixels), np.full(FULL.n_pixels, 0.01),
            obsid=number, designation=f"J{number}", ra=place, dec=5.0, snr=[10.0, snr] + [20.0] * 3,
        )
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """Ten visits of four stars; the first is a candidate by two visits together only."""
    for number, (place, snr) in enumerate(
        [(1.0, 63.0), (1.0, 64.0), (2.0, 30.0), (2.0, 20.0), (2.0, 90.0), (3.0, 10.0),
         (4.0, 95.0), (4.0, 90.0), (4.0, 85.0), (4.0, 80.0)]
    ):  # fmt: skip
        observe(tmp_path / "data" / f"{number}.fits", 50 + number, place, snr)
    return tmp_path / "data"


def test_a_scan_writes_stars(folder, preset, tmp_path, monkeypatch):
    use_network(monkeypatch, Judging(preset.settings))
    monkeypatch.setattr(MACHINERY, "shard_size", 4)
    output = tmp_path / "out"
    summary = scan_directory(folder, output, preset=preset, batch_size=2, format="votable")
    rows, spectra = table(output, "stars"), table(output)
    assert sorted(rows["ra"]) == pytest.approx([1, 2, 3, 4])
    by_place = dict(zip(np.round(rows["ra"]), range(4), strict=True))
    assert [rows["n_spectra"][by_place[k]] for k in (1, 2, 3, 4)] == [2, 3, 1, 4]
    first = by_place[1]
    assert rows["candidate"][first]
    assert rows["n_candidates"][first] == 0
    assert rows["p_O_survey_max"][first] < 0.5
    assert rows["p_O_survey_max"][first] == max(spectra["p_O_survey"][:2])
    counts = StarCounts(4, sum(rows["candidate"]), 1)
    assert (summary.stars, summary.star_candidates, summary.only_together) == counts
    assert manifest(output)["counts"]["stars"] == 4
    says = f"stars: 4, of which {counts.candidates} candidates, 1 by all their spectra only"
    assert says in str(summary)
    assert (output / "stars.vot").exists()
    before = digests(output)
    again = scan_directory(folder, output, preset=preset, batch_size=2)
    assert str(again).split("\n")[1:] == str(summary).replace(".vot", ".parquet").split("\n")[1:]
    other = scan_directory(folder, tmp_path / "other", preset=preset, batch_size=2)
    assert other.stars == 4
    assert digests(tmp_path / "other") == before
    found = stars_of(output / "catalogue.parquet", preset)
    assert list(found["path"]) == rows["path"]
    np.testing.assert_array_equal(found["p_O_survey"], np.array(rows["p_O_survey"], "f4"))


def test_another_purity_of_a_finished_scan_chooses_stars_again(
    folder, preset, tmp_path, monkeypatch
):
    use_network(monkeypatch, Judging(preset.settings))
    options = {"preset": preset, "batch_size": 2}
    first = scan_directory(folder, tmp_path / "out", **options)
    again = scan_directory(folder, tmp_path / "out", threshold=0.99, **options)
    assert 0 < again.star_candidates < first.star_candidates
    scan_directory(folder, tmp_path / "new", threshold=0.99, **options)
    assert digests(tmp_path / "out") == digests(tmp_path / "new")
    none = scan_directory(folder, tmp_path / "out", purity=0.9999999, **options)
    assert none.candidates == none.star_candidates == 0
    assert none.stars == 4


def test_stars_without_a_classifier(folder, preset, tmp_path):
    given = catalogue(preset, {"ra": 1.0}, {"ra": 1.0}, {})
    given = given.drop_columns([n for n in given.column_names if n.startswith(("p_", "surv"))])
    given = given.drop_columns(["prediction", "candidate"])
    pq.write_table(given, tmp_path / "catalogue.parquet")
    counts = write_stars(tmp_path / "catalogue.parquet", tmp_path / "stars", None, 0.0)
    assert counts == StarCounts(2, 0, 0)
    found = pq.read_table(tmp_path / "stars")
    assert found.column_names == [column.name for column in star_columns()]
    assert found["n_spectra"].to_pylist() == [2, 1]


def test_results_name_the_table():
    assert "stars.parquet" in merge.RESULTS
    assert all(f"stars{s}" in merge.CONVERTED[f] for f, s in (("fits", ".fits"), ("ecsv", ".ecsv")))
