"""A scan whose preset has odds of a survey: prior, threshold, purity, and what to expect."""

import numpy as np
import pytest

from lamost_rare.inference.prevalence import PriorError
from lamost_rare.survey import ScanError, ScanInterrupted, finished, merge, shard_processing
from lamost_rare.survey.merge import CONVERTED
from odds_helpers import Odd, with_odds
from scan_helpers import (
    MACHINERY,
    ReadHere,
    digests,
    manifest,
    scan_directory,
    standin_preset,
    table,
    write_file,
)

N_FILES = 33


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("survey")
    for i in range(N_FILES):
        write_file(root / f"{i:03d}.fits", 3 * i)
    write_file(root / "again.fits", 90)
    (root / "no.fits").write_text("<html>")
    return root


@pytest.fixture
def plain(tmp_path):
    return standin_preset(tmp_path / "plain")


@pytest.fixture
def preset(plain, tmp_path):
    return with_odds(plain, tmp_path / "odds")


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    monkeypatch.setattr(MACHINERY, "shard_size", 8)
    monkeypatch.setattr(merge, "ROW_GROUP", 7)
    return Odd()


@pytest.fixture
def scan(source, network):
    def scan(output, preset, **options):
        options = {"batch_size": 4, "make_predictor": network.made, "progress": False} | options
        return scan_directory(source, output, preset=preset, **options)

    return scan


def test_candidates_and_what_to_expect_of_them(scan, preset, tmp_path):
    summary = scan(tmp_path / "out", preset)
    rows, found = table(tmp_path / "out"), table(tmp_path / "out", "candidates")
    p = np.array(rows["p_O_survey"], dtype=float)
    assert rows["candidate"] == (p >= 0.5).tolist()
    assert 5 < sum(rows["candidate"]) < 25
    assert found["p_O_survey"] == sorted(found["p_O_survey"], reverse=True)
    assert summary.candidates == len(found["path"])
    chosen = p[p >= 0.5]
    assert summary.expected.true == pytest.approx(chosen.sum())
    assert summary.expected.members == pytest.approx(p.sum())
    assert sum(summary.expected.false.values()) == pytest.approx((1 - chosen).sum(), rel=1e-3)
    lines = str(summary).splitlines()
    (line,) = [line for line in lines if line.startswith("candidates of class")]
    assert line == f"candidates of class O: {len(chosen)} (p_O_survey of 0.5 or more)"
    assert f"expected to be true: {chosen.sum():.1f} of {len(chosen)} (" in str(summary)
    assert "expected to be false: alike " in str(summary)
    assert "is null" not in str(summary)
    written = manifest(tmp_path / "out")["survey"]
    assert (written["threshold"], written["purity"]) == (0.5, None)
    assert written["prevalence"] == preset.settings.prevalence
    assert written["expected"]["candidates"] == len(chosen)
    assert written["expected"]["true"] == pytest.approx(chosen.sum(), rel=1e-5)
    again = scan(tmp_path / "out", preset)
    assert str(again).splitlines()[1:] == lines[1:]


def test_another_question_is_answered_from_the_tables(scan, network, preset, tmp_path):
    scan(tmp_path / "out", preset, format="fits")
    plain = digests(tmp_path / "out")
    for number, asked in enumerate(({"threshold": 0.05}, {"purity": 0.9}, {"purity": 0.3}, {})):
        scan(tmp_path / f"new{number}", preset, **asked)
        network.sizes.clear()
        summary = scan(tmp_path / "out", preset, format="fits", **asked)
        assert not network.sizes
        assert digests(tmp_path / "out") == digests(tmp_path / f"new{number}")
        assert all((tmp_path / "out" / name).exists() for name in CONVERTED["fits"])
        whole = scan(tmp_path / f"new{number}", preset, **asked)
        assert summary.counts() == whole.counts()
        assert summary.expected.to_dict() == whole.expected.to_dict()
        assert str(summary.selection) == str(whole.selection)
        assert summary.reasons == {"not_fits": 1}
        assert summary.flags["DUPLICATE_OBSID"] == 1
    assert digests(tmp_path / "out") == plain


def test_the_largest_list_of_a_purity(scan, preset, tmp_path):
    summary = scan(tmp_path / "out", preset, purity=0.8)
    p = np.sort(np.array(table(tmp_path / "out")["p_O_survey"], dtype=float))[::-1]
    found = table(tmp_path / "out", "candidates")["p_O_survey"]
    assert np.mean(found) >= 0.8 - 1e-6
    assert p[: len(found) + 1].mean() < 0.8
    assert min(found) < 0.5
    assert summary.selection.threshold == pytest.approx(min(found))
    assert manifest(tmp_path / "out")["survey"]["threshold"] == pytest.approx(min(found))
    pure = digests(tmp_path / "out")
    scan(tmp_path / "out", preset, threshold=summary.selection.threshold)
    assert digests(tmp_path / "out") == pure


def test_a_purity_that_no_list_has(scan, plain, tmp_path):
    rare = {"O": 1e-9, "alike": 1e-3, "common": 0.9}
    preset = with_odds(plain, tmp_path / "rare", prevalence=rare)
    summary = scan(tmp_path / "out", preset, purity=0.99)
    best = max(table(tmp_path / "out")["p_O_survey"])
    assert 0 < best < 0.99
    assert (summary.candidates, summary.state) == (0, "complete")
    said = f"(no list is 0.99 pure: the best, of one spectrum, is {best:.4g}; ask for that or less)"
    assert said in str(summary)
    assert not table(tmp_path / "out", "candidates")["path"]
    assert (
        str(scan(tmp_path / "out", preset, purity=0.99)).splitlines()[1:]
        == (str(summary).splitlines()[1:])
    )
    assert scan(tmp_path / "out", preset, purity=best / 2).candidates > 0


def test_another_prior_is_another_scan(scan, network, preset, tmp_path):
    summary = scan(tmp_path / "out", preset, prior={"O": 2e-5})
    few = summary.expected.members
    assert manifest(tmp_path / "out")["survey"]["prevalence"]["O"] == 2e-5
    with pytest.raises(ScanError, match=r"prior \{'O': 2e-05\} of step rare_star.*not \{\}"):
        scan(tmp_path / "out", preset)
    with pytest.raises(ScanError, match=r"prior \{'O': 2e-05\} of step rare_star.*not \{'O': 0.1"):
        scan(tmp_path / "out", preset, prior={"O": 0.1})
    network.sizes.clear()
    (tmp_path / "prior.csv").write_text("class,prevalence\nO,2e-5\n")
    scan(tmp_path / "out", preset, prior=tmp_path / "prior.csv", threshold=0.4)
    assert not network.sizes
    many = scan(tmp_path / "out", preset, prior="O=0.1", overwrite=True)
    assert many.expected.members > few


@pytest.mark.parametrize(
    ("asked", "kind", "said"),
    [
        ({"prior": {"O": 2}}, PriorError, "the prevalence of O must be from 0 to 1, not 2"),
        ({"prior": {"X": 0.1}}, PriorError, "no class or population 'X'; known: O, "),
        ({"prior": {"O": 0.6, "alike": 0.6}}, PriorError, "prevalences sum to 1.2"),
        ({"purity": 1.0}, ValueError, "purity must lie above 0 and below 1"),
        ({"threshold": 0.0}, ValueError, "threshold must lie above 0 and up to 1"),
        ({"threshold": 0.5, "purity": 0.5}, ValueError, "not both"),
    ],
)
def test_what_cannot_be_asked_for(scan, preset, tmp_path, asked, kind, said):
    with pytest.raises(kind, match=said):
        scan(tmp_path / "out", preset, **asked)
    assert not (tmp_path / "out").exists()


def test_a_preset_without_odds(scan, plain, tmp_path):
    for asked in ({"prior": {"O": 2e-5}}, {"purity": 0.8}):
        with pytest.raises(PriorError, match="preset 'standin-v1' has no odds of a survey, "):
            scan(tmp_path / "out", plain, **asked)
    summary = scan(tmp_path / "out", plain)
    rows = table(tmp_path / "out")
    assert rows["candidate"] == [p >= 0.5 for p in rows["p_O"]]
    assert rows["p_O_survey"] == [None] * len(rows["path"])
    assert str(summary).count("p_O_survey is null: preset 'standin-v1' has no odds") == 1
    assert "expected" not in str(summary)
    assert "survey" not in manifest(tmp_path / "out")
    scan(tmp_path / "high", plain, threshold=0.99)
    rows = table(tmp_path / "high")
    assert rows["candidate"] == [p >= 0.99 for p in rows["p_O"]]
    with pytest.raises(ScanError, match=r"threshold 0\.99 of step rare_star_classifier, not None"):
        scan(tmp_path / "high", plain)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_stopped_while_candidates_are_chosen_again(
    scan, network, preset, tmp_path, monkeypatch, error
):
    scan(tmp_path / "wanted", preset, threshold=0.05)
    scan(tmp_path / "out", preset)
    plain = digests(tmp_path / "out")
    network.sizes.clear()

    def fail(*_):
        raise error("no space left on device")

    for target, asked in (("_write_candidates", {"threshold": 0.05}), ("_flag", {}),
                          ("settle", {"purity": 0.2})):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(merge, target, fail)
            with pytest.raises((error, ScanError)):
                scan(tmp_path / "out", preset, **asked)
        assert manifest(tmp_path / "out")["state"] == "selecting"
        assert "survey" not in manifest(tmp_path / "out")
    scan(tmp_path / "out", preset, threshold=0.05)
    assert digests(tmp_path / "out") == digests(tmp_path / "wanted")
    scan(tmp_path / "out", preset)
    assert digests(tmp_path / "out") == plain
    assert manifest(tmp_path / "out")["state"] == "complete"
    assert not network.sizes


def test_interrupted_while_candidates_are_chosen_again(scan, preset, tmp_path, monkeypatch):
    scan(tmp_path / "out", preset)
    real = finished.select_again

    def interrupted(schema, output, summary, checkpoint, *others):
        def now():
            summary.state = "interrupted"
            raise ScanInterrupted(summary)

        return real(schema, output, summary, now, *others)

    with monkeypatch.context() as patch:
        patch.setattr(finished, "select_again", interrupted)
        with pytest.raises(ScanInterrupted) as caught:
            scan(tmp_path / "out", preset, threshold=0.05)
    assert "run the same command again" in str(caught.value.summary)
    summary = scan(tmp_path / "out", preset, threshold=0.05)
    assert summary.state == "complete"
    assert summary.counts()["rejected"] == 1


def test_a_catalogue_of_other_columns(scan, preset, tmp_path):
    scan(tmp_path / "out", preset)
    rejected = (tmp_path / "out" / "rejected.parquet").read_bytes()
    (tmp_path / "out" / "catalogue.parquet").write_bytes(rejected)
    with pytest.raises(ScanError, match="overwrite=True to start again"):
        scan(tmp_path / "out", preset, threshold=0.05)
