"""classify and run with odds of a survey: prior, threshold, purity, and what to expect."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from lamost_rare import classify_spectra, cli
from lamost_rare.inference import classify as classify_module
from lamost_rare.inference import kept
from lamost_rare.inference.expected import Expected
from lamost_rare.inference.odds import SurveyOdds
from lamost_rare.inference.prevalence import PriorError, with_prior
from lamost_rare.inference.selection import Selection
from lamost_rare.pipeline import Column, PipelineError, Step, make_step
from lamost_rare.pipeline.runner import run_pipeline
from lamost_rare.survey import ScanError, batch_classifier, scan, shard_processing
from odds_helpers import Odd, with_odds
from scan_helpers import ReadHere, digests, manifest, standin_preset, table, write_file

N_FILES = 20


@pytest.fixture
def plain(tmp_path):
    return standin_preset(tmp_path / "plain")


@pytest.fixture
def preset(plain, tmp_path):
    return with_odds(plain, tmp_path / "odds")


@pytest.fixture
def network(monkeypatch):
    network = Odd()
    monkeypatch.setattr(classify_module, "kept_predictor", network.made)
    monkeypatch.setattr(batch_classifier, "build_predictor", network.made)
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    return network


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("survey")
    for i in range(N_FILES):
        write_file(root / f"{i:03d}.fits", 5 * i)
    return root


@pytest.fixture
def files(source):
    return sorted(source.glob("*.fits"))


def test_what_to_expect_of_a_table(network, preset, files, tmp_path):
    found = classify_spectra(files, preset, batch_size=7)
    p = np.array(found["p_O_survey"])
    np.testing.assert_array_equal(found["candidate"], p >= 0.5)
    expected = Expected.from_dict(found.meta["expected"])
    assert expected.candidates == found["candidate"].sum() > 3
    assert expected.true == pytest.approx(p[p >= 0.5].sum(dtype=float), rel=1e-5)
    assert found.meta["prevalence"] == preset.settings.prevalence
    assert (found.meta["threshold"], found.meta["purity"]) == (0.5, None)
    scanned = scan.scan_directory(files[0].parent, tmp_path / "out", preset=preset, progress=False)
    assert scanned.expected.to_dict() == found.meta["expected"]
    assert table(tmp_path / "out")["candidate"] == found["candidate"].tolist()


def test_other_prevalences(network, preset, files, tmp_path):
    (tmp_path / "prior.json").write_text('{"O": 0.01}')
    plain = classify_spectra(files, preset)
    asked = [{"O": 0.01}, "O=0.01", tmp_path / "prior.json"]
    tables = [classify_spectra(files, preset, prior=prior) for prior in asked]
    odds = SurveyOdds.of(preset.settings)
    prevalence = with_prior(preset.settings, {"O": 0.01})
    odds = SurveyOdds(odds.odds, prevalence, "O", 0)
    for found in tables:
        seen = (np.array(found[f"survey_{name}"], float) for name in ("score", "snr", "lost"))
        wanted = np.nan_to_num(odds.probability(*seen))
        np.testing.assert_allclose(found["p_O_survey"], wanted, rtol=1e-4, atol=1e-7)
        np.testing.assert_array_equal(found["p_O"], plain["p_O"])
        assert found.meta["prevalence"] == prevalence
    assert sum(tables[0]["p_O_survey"]) > sum(plain["p_O_survey"])


@pytest.mark.parametrize("suffix", [".ecsv", ".fits", ".parquet", ".csv", ".vot"])
def test_a_purity(network, preset, files, tmp_path, capsys, suffix):
    found = classify_spectra(files, preset, purity=0.8, batch_size=7)
    p = np.array(found["p_O_survey"], dtype=float)
    assert p[found["candidate"]].mean() >= 0.8 - 1e-6
    rest = np.sort(p[~found["candidate"]])
    assert np.append(p[found["candidate"]], rest[-1]).mean() < 0.8
    again = classify_spectra(files, preset, threshold=found.meta["threshold"])
    np.testing.assert_array_equal(again["candidate"], found["candidate"])
    output = tmp_path / f"table{suffix}"
    argv = ["classify", *map(str, files), "--preset", str(preset.folder), "--purity", "0.8"]
    assert cli.main([*argv, "--output", str(output)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    n = found["candidate"].sum()
    lines = out.splitlines()
    assert lines[0].startswith(f"{N_FILES} classified, 0 not usable, {n} candidates: ")
    assert lines[1].startswith(f"candidates of class O: {n} (p_O_survey of ")
    assert lines[2].startswith("expected to be true: ")
    if suffix == ".ecsv":
        assert Table.read(output).meta["expected"] == found.meta["expected"]
    assert cli.main(argv) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[0].split()[:4] == ["prediction", "p(O,", "survey)", "candidate"]
    assert out.splitlines()[N_FILES + 1 :] == lines[1:]


def test_a_purity_that_no_list_has(network, plain, files, tmp_path, capsys):
    rare = with_odds(plain, tmp_path / "b", prevalence={"O": 1e-9, "alike": 1e-3, "common": 0.9})
    found = classify_spectra(files, rare, purity=0.99)
    assert not found["candidate"].any()
    assert found.meta["threshold"] is None
    best = found.meta["best"]
    assert best["purity"] == pytest.approx(found["p_O_survey"].max())
    assert best["size"] == 1
    argv = ["classify", *map(str, files), "--preset", str(rare.folder), "--purity", "0.99"]
    assert cli.main([*argv, "--output", str(tmp_path / "table.fits")]) == 0
    assert "(no list is 0.99 pure: the best, of one spectrum, is " in capsys.readouterr().out


def test_one_spectrum_is_no_list(network, preset, files, capsys):
    assert cli.main(["classify", str(files[-1]), "--preset", str(preset.folder)]) == 0
    out, err = capsys.readouterr()
    assert (len(out.splitlines()), err) == (2, "")


def test_a_preset_without_odds(network, plain, files):
    found = classify_spectra(files, plain, threshold=0.9)
    np.testing.assert_array_equal(found["candidate"], found["p_O"] >= 0.9)
    assert np.isnan(found["p_O_survey"]).all()
    assert "expected" not in found.meta
    for asked in ({"prior": {"O": 1e-5}}, {"purity": 0.5}):
        with pytest.raises(PriorError, match="has no odds of a survey"):
            classify_spectra(files, plain, **asked)


def test_the_network_is_kept_for_another_prior(preset, monkeypatch):
    built = []

    class Counting:
        def __init__(self, preset, batch_size):
            built.append(batch_size)
            self.preset = preset

        def deciding(self, preset):
            other = object.__new__(Counting)
            other.preset = preset
            return other

    monkeypatch.setattr(kept, "Predictor", Counting)
    monkeypatch.setattr(kept, "_predictors", {})
    for threshold in (None, 0.2, 0.7):
        asked = classify_module.for_survey(preset, {"O": 0.1}, threshold)
        assert kept.kept_predictor(asked, 16).preset is asked
    assert kept.kept_predictor(preset, 16).preset is preset
    assert built == [16]
    kept.kept_predictor(preset, 32)
    assert built == [16, 32]


# Command lines and pipelines


def pipeline_file(tmp_path, preset, **parameters):
    step = {"rare_star_classifier": {"preset": str(preset.folder), **parameters}}
    path = tmp_path / "pipeline.yaml"
    path.write_text(json.dumps({"steps": [step]}))  # which is YAML
    return path


def test_a_prior_of_a_step(network, preset, source, tmp_path):
    (tmp_path / "prior.csv").write_text("class,prevalence\nO,0.01\n")
    scan.scan_directory(source, tmp_path / "wanted", preset=preset, prior="O=0.01", progress=False)
    wanted = table(tmp_path / "wanted")["p_O_survey"]
    for number, prior in enumerate(({"O": 0.01}, {"O": "1e-2"}, "O=0.01", f"{tmp_path}/prior.csv")):
        path = pipeline_file(tmp_path, preset, prior=prior)
        output = tmp_path / str(number)
        run_pipeline(path, source, output, progress=False)
        assert table(output)["p_O_survey"] == wanted
    # The same prior in other words is the same run; another one is not.
    network.sizes.clear()
    run_pipeline(path, source, tmp_path / "0", progress=False)
    assert not network.sizes
    with pytest.raises(ScanError, match=r"prior \{'O': 0\.01\} of step rare_star_.* not None"):
        run_pipeline(pipeline_file(tmp_path, preset), source, tmp_path / "0", progress=False)
    run_pipeline(
        pipeline_file(tmp_path, preset, prior={"O": 0.3}), source, tmp_path / "0",
        prior="O=0.01", progress=False,
    )  # fmt: skip
    assert not network.sizes


def test_purity_of_a_run(network, preset, source, tmp_path):
    path = pipeline_file(tmp_path, preset, threshold=0.9)
    asked = {"preset": preset, "progress": False}
    options = {"input": source, "output": tmp_path / "out", "progress": False}
    for run_asks, scan_asks in (
        ({}, {"threshold": 0.9}),
        ({"purity": 0.8}, {"purity": 0.8}),
        ({"threshold": 0.05}, {"threshold": 0.05}),
        ({}, {"threshold": 0.9}),
    ):
        run_pipeline(path, **options, **run_asks)
        scan.scan_directory(source, tmp_path / "scan", **asked, **scan_asks)
        assert digests(tmp_path / "out") == digests(tmp_path / "scan")
    assert sum(network.sizes) == 2 * N_FILES


class Veto(Step):
    name = "veto"
    adds = (Column("candidate", bool, "none at all"),)

    def process(self, batch):
        from dataclasses import replace

        return replace(batch, columns={"candidate": np.zeros(len(batch), bool), **batch.columns})


def test_a_purity_is_for_one_step_to_have(network, plain, preset, source, tmp_path):
    for steps, said in (
        (["normalize"], "--purity needs exactly one step that decides on candidates"),
        ([Veto()], "--purity needs exactly one step"),
    ):
        with pytest.raises(ScanError, match=said):
            run_pipeline(steps, source, tmp_path / "out", purity=0.8, progress=False)
    run_pipeline([Veto()], source, tmp_path / "out", progress=False)
    assert not any(table(tmp_path / "out")["candidate"])
    path = pipeline_file(tmp_path, plain)
    with pytest.raises(PriorError, match="no odds of a survey"):
        run_pipeline(path, source, tmp_path / "b", purity=0.8, progress=False)
    with pytest.raises(ScanError, match="write the threshold as a parameter of the step"):
        run_pipeline(path, source, tmp_path / "b", threshold=0.8, progress=False)
    with pytest.raises(PipelineError, match="no step has a prior"):
        run_pipeline(["normalize"], source, tmp_path / "b", prior="O=0.1", progress=False)


@pytest.mark.parametrize(
    ("prior", "said"),
    [
        ({"O": 2}, "step 'rare_star_classifier': the prevalence of O must be from 0 to 1, not 2"),
        ({"X": 0.1}, "no class or population 'X'; known: O, "),
        ("none.csv", "cannot read prior none.csv"),
        (3, "prior must be text or a mapping, not 3"),
        (["O=1"], "prior must be text or a mapping, not"),
    ],
)
def test_a_prior_of_a_step_that_cannot_be(preset, prior, said):
    with pytest.raises(PipelineError, match=said):
        make_step("rare_star_classifier", preset=str(preset.folder), prior=prior)


def test_on_the_command_line(network, preset, source, tmp_path, capsys):
    argv = ["scan", str(source), "--output", str(tmp_path / "out"), "--preset", str(preset.folder)]
    (tmp_path / "prior.csv").write_text("population,prevalence\nalike,0.002\n")
    argv += ["--quiet", "--prior", "O=0.01", "--prior", str(tmp_path / "prior.csv")]
    assert cli.main([*argv, "--purity", "0.8"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "expected to be true: " in out
    survey = manifest(tmp_path / "out")["survey"]
    assert (survey["purity"], survey["prevalence"]["O"]) == (0.8, 0.01)
    assert survey["prevalence"]["alike"] == 0.002
    network.sizes.clear()
    assert cli.main([*argv, "--threshold", "0.9"]) == 0
    assert not network.sizes
    assert "p_O_survey of 0.9 or more" in capsys.readouterr().out
    p = pq.read_table(tmp_path / "out" / "candidates.parquet")["p_O_survey"].to_numpy()
    assert 0 < len(p)
    assert min(p) >= 0.9

    path = pipeline_file(tmp_path, preset)
    argv = ["run", str(path), "--input", str(source), "--output", str(tmp_path / "run"), "--quiet"]
    argv += ["--prior", "O=0.01,alike=0.002", "--threshold", "0.9"]
    assert cli.main([*argv, "--check"]) == 0
    assert "prior={'O': 0.01, 'alike': 0.002}" in capsys.readouterr().out
    assert cli.main(argv) == 0
    assert digests(tmp_path / "run") == digests(tmp_path / "out")


@pytest.mark.parametrize("command", ["classify FILE", "scan DIR", "run PIPELINE"])
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--prior O=-1", "the prevalence of O must be from 0 to 1, not -1"),
        ("--prior O=1.5", "the prevalence of O must be from 0 to 1, not 1.5"),
        ("--prior O=nan", "the prevalence of O must be from 0 to 1, not nan"),
        ("--prior O=0.6,alike=0.6", "prevalences sum to 1.2: they cannot be more than 1"),
        ("--prior Q=0.6", "no class or population 'Q'; known: "),
        ("--prior O=1e-5 --prior O=2e-5", "the prevalence of 'O' is given twice"),
        ("--prior none.csv", "cannot read prior none.csv: No such file"),
        ("--purity 0", "argument --purity: must be above 0 and below 1, not 0"),
        ("--purity 1", "argument --purity: must be above 0 and below 1, not 1"),
        ("--purity much", "argument --purity: "),
        ("--threshold 0", "argument --threshold: must be above 0"),
        ("--threshold 0.5 --purity 0.5", "not allowed with argument --threshold"),
    ],
)
def test_what_cannot_be_asked_for(
    network, preset, source, files, tmp_path, capsys, command, asked, said
):
    command, what = command.split()
    argv = {
        "FILE": [str(files[0]), "--preset", str(preset.folder)],
        "DIR": [str(source), "--output", str(tmp_path / "out"), "--preset", str(preset.folder)],
        "PIPELINE": [str(pipeline_file(tmp_path, preset)), "--input", str(source),
                     "--output", str(tmp_path / "out")],
    }[what]  # fmt: skip
    assert cli.main([command, *argv, *asked.split()]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "out").exists()
    assert not network.sizes


@pytest.mark.parametrize("asked", ["--prior O=1e-5", "--purity 0.8"])
def test_a_preset_without_odds_on_the_command_line(network, plain, files, source, capsys, asked):
    for argv in (["classify", str(files[0])], ["scan", str(source), "--output", "never"]):
        argv += ["--preset", str(plain.folder), *asked.split()]
        assert cli.main(argv) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "preset 'standin-v1' has no odds of a survey" in line


def test_settled_selection_of_a_table_is_of_the_whole(network, preset, files):
    found = classify_spectra(files, preset, batch_size=3, purity=0.6)
    selection = Selection.of(preset, purity=0.6).settled(found["p_O_survey"], found["flags"])
    assert selection.threshold == found.meta["threshold"]


def test_prevalences_of_a_preset_are_shown(preset, capsys):
    assert cli.main(["presets", str(preset.folder)]) == 0
    out = capsys.readouterr().out
    assert "O, at p_O_survey of 0.5 or more" in out
    assert "O 0.0001, alike 0.001, common 0.999" in out
