"""`lamost-rare run`: pipeline files, what is wrong with them, and steps that fail on the way."""

import os

import numpy as np
import pyarrow.parquet as pq
import pytest

from lamost_rare import cli
from lamost_rare.pipeline import Column, PipelineError, Step, read_pipeline, run_pipeline
from lamost_rare.presets import save_preset
from lamost_rare.spectra.grid import WavelengthGrid
from lamost_rare.spectra.quality import SpectrumError
from lamost_rare.survey import ScanError, scan_directory, stepping
from pipeline_helpers import SMOOTH, install
from scan_helpers import CONFIG, digests, manifest, standin_preset, table, use_network, write_file

STEPS = "steps: [normalize, o_star_classifier]\n"


@pytest.fixture
def network(monkeypatch):
    return use_network(monkeypatch)


@pytest.fixture
def preset(tmp_path):
    return standin_preset(tmp_path / "preset")


@pytest.fixture(scope="session")
def survey(tmp_path_factory):
    root = tmp_path_factory.mktemp("survey")
    for i in range(11):
        write_file(root / f"spec-{i:03d}.fits", i * 7)
    (root / "spec-999.fits").write_bytes(b"not a spectrum")
    return root


@pytest.fixture
def pipeline(tmp_path):
    """Writes a pipeline file."""

    def write(text):
        path = tmp_path / "pipeline.yaml"
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
        return path

    return write


def classify(preset, **parameters):
    return {"rare_star_classifier": {"preset": str(preset.folder), **parameters}}


class Mean(Step):
    name = "mean"
    adds = (Column("mean_flux", "f8", "mean of the flux"), Column("word", str))

    def process(self, batch):
        word = ["text"] * len(batch)
        return type(batch)(
            batch.grid, batch.flux, batch.ivar, batch.mask, batch.identity, batch.flags,
            {**batch.columns, "mean_flux": batch.flux.mean(axis=1), "word": word},
        )  # fmt: skip


class Picky(Mean):
    """Fails where the spectrum's name says so."""

    name = "picky"

    def __init__(self, *bad, error=ZeroDivisionError):
        super().__init__()
        self.bad, self.error, self.sizes = bad, error, []

    def process(self, batch):
        self.sizes.append(len(batch))
        for path in batch.identity["path"]:
            if not self.bad or path.endswith(self.bad):
                raise (
                    self.error("no\x1b way", "x")
                    if self.error is SpectrumError
                    else (self.error(f"cannot do {os.path.basename(path)}"))
                )
        return super().process(batch)


# What a run does


def test_a_run_is_a_scan(preset, network, survey, tmp_path):
    scanned = scan_directory(survey, tmp_path / "scan", preset=preset, progress=False)
    summary = run_pipeline([classify(preset)], survey, tmp_path / "run", progress=False)
    assert digests(tmp_path / "run") == digests(tmp_path / "scan")
    assert str(summary).split("look")[0].split("(")[0] == str(scanned).split("(")[0]
    assert (summary.classified, summary.rejected) == (11, 1)
    assert summary.predictions == scanned.predictions
    again = run_pipeline([classify(preset)], survey, tmp_path / "run", progress=False)
    assert again.done_before == 12


def test_columns_of_steps_come_last(preset, network, survey, tmp_path):
    run_pipeline([classify(preset), Mean()], survey, tmp_path / "out", progress=False)
    schema = pq.read_schema(tmp_path / "out" / "catalogue.parquet")
    assert schema.names[-2:] == ["mean_flux", "word"]
    assert schema.names.index("prediction") < schema.names.index("flags")
    assert schema.field("mean_flux").metadata[b"description"] == b"mean of the flux"
    rows = table(tmp_path / "out")
    assert np.allclose(rows["mean_flux"], 100, atol=2)
    assert rows["word"] == ["text"] * 11


def test_a_run_without_a_classifier(network, survey, tmp_path):
    summary = run_pipeline(["normalize", Mean()], survey, tmp_path / "out", progress=False)
    rows = table(tmp_path / "out")
    assert not {"prediction", "candidate"} & set(rows)
    assert rows["mean_flux"][0] == pytest.approx(3072**-0.5, rel=0.1)  # of unit norm
    assert (summary.classified, summary.candidates, network.sizes) == (11, 0, [])
    assert "candidates of" not in str(summary)
    assert table(tmp_path / "out", "candidates")["path"] == []


def test_spectra_are_read_onto_the_first_grid(network, survey, tmp_path):
    class Grid(Mean):
        def process(self, batch):
            assert batch.grid == WavelengthGrid(3.6, 2e-4, 500)
            return super().process(batch)

    numbers = {"log10_start": 3.6, "log10_step": 2e-4, "n_pixels": 500}
    out = tmp_path / "out"
    summary = run_pipeline([Grid(), {"resample": numbers}], survey, out, progress=False)
    assert summary.classified == 11


def test_the_first_grid_must_do_for_the_rest(preset, survey, tmp_path):
    numbers = {"log10_start": 3.6, "log10_step": 2e-4, "n_pixels": 500}
    with pytest.raises(PipelineError, match="step 'rare_star_classifier': needs spectra on"):
        run_pipeline([{"resample": numbers}, classify(preset)], survey, tmp_path / "out")


def test_an_installed_step_in_a_pipeline_file(
    network, survey, pipeline, tmp_path, monkeypatch, capsys
):
    install(
        tmp_path / "site",
        "smoother",
        "[lamost_rare.steps]\nsmooth = smoothing_in_a_run:Smooth",
        smoothing_in_a_run=SMOOTH,
    )
    monkeypatch.syspath_prepend(tmp_path / "site")
    path = pipeline(
        f"input: {survey}\noutput: {tmp_path / 'out'}\nsteps: [{{smooth: {{width: 5}}}}]"
    )
    assert cli.main(["steps"]) == 0
    listed = capsys.readouterr().out
    assert "smooth  (smoother 1.0)" in listed
    assert "width (int = 3): pixels" in listed
    assert cli.main(["run", str(path), "--workers", "1"]) == 0
    assert table(tmp_path / "out")["roughness"][0] > 0
    [step] = manifest(tmp_path / "out")["steps"]
    assert step == {"name": "smooth", "origin": "smoother 1.0", "parameters": {"width": 5}}


def test_resume_refuses_other_steps(preset, network, survey, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:  # killed before it was merged
        patch.setattr("lamost_rare.survey.scan.merge_shards", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_pipeline(["normalize", classify(preset)], survey, out, progress=False)
    for steps, said in (
        ([classify(preset)], "with steps normalize, rare_star_classifier, not rare_star_classif"),
        (["normalize", classify(preset, threshold=0.9)],
         "with threshold None of step rare_star_classifier, not 0.9"),
        (["normalize", Mean()], "with preset standin-v1, not none"),
    ):  # fmt: skip
        with pytest.raises(ScanError, match=said):
            run_pipeline(steps, survey, out, progress=False)
    with pytest.raises(ScanError, match="holds a scan with steps normalize"):
        scan_directory(survey, out, preset=preset, progress=False)
    sizes = len(network.sizes)
    summary = run_pipeline(["normalize", classify(preset)], survey, out, progress=False)
    assert (summary.classified, len(network.sizes)) == (11, sizes)


def test_threshold_holds_at_any_s_n(preset, monkeypatch):
    from lamost_rare.pipeline import make_step

    by_snr = {"snr": [5.0, 20.0], "threshold": [0.99, 0.5]}
    rule = {"weights": [1.0] * (2 * len(CONFIG["classes"]) + 2), "constant": 0.0, "threshold": 1.0}
    config = {**CONFIG, "threshold_by_snr": by_snr, "discriminant": rule}
    strict = save_preset(preset.folder.parent / "strict", config, preset.weights_path)
    plain = make_step("o_star_classifier", preset=str(strict.folder)).classifier.preset
    assert plain.config["threshold_by_snr"] == by_snr
    step = make_step("o_star_classifier", preset=str(strict.folder), threshold=0.75)
    flat = step.classifier.preset
    assert (flat.threshold, flat.config["threshold_by_snr"]) == (0.75, None)
    assert flat.config["discriminant"] is None


# Spectra at which a step fails


def test_a_step_that_raises_on_one_spectrum(preset, network, survey, tmp_path):
    steps = [classify(preset), Picky("004.fits")]
    summary = run_pipeline(steps, survey, tmp_path / "out", progress=False)
    assert (summary.classified, summary.rejected) == (10, 2)
    rejected = table(tmp_path / "out", "rejected")
    assert rejected["reason"] == ["step_failed", "not_fits"]
    assert rejected["path"][0].endswith("spec-004.fits")
    assert rejected["detail"][0] == "step 'picky': ZeroDivisionError: cannot do spec-004.fits"
    rows = table(tmp_path / "out")
    assert [path[-8:-5] for path in rows["path"]] == [f"{i:03d}" for i in range(11) if i != 4]
    assert rows["obsid"] == [1000 + 7 * i for i in range(11) if i != 4]


def test_a_step_that_exits_on_one_spectrum(network, survey, tmp_path):
    class Exit(Picky):
        def process(self, batch):
            if any(path.endswith("003.fits") for path in batch.identity["path"]):
                raise SystemExit(3)
            return super().process(batch)

    run_pipeline([Exit("none")], survey, tmp_path / "out", progress=False)
    rejected = table(tmp_path / "out", "rejected")
    assert rejected["detail"][0] == "step 'picky': SystemExit: 3"


def test_a_step_may_refuse_a_spectrum_with_a_reason(network, survey, tmp_path):
    class Refuse(Picky):
        def process(self, batch):
            if any(path.endswith("003.fits") for path in batch.identity["path"]):
                raise SpectrumError("too_few_pixels", "only two")
            return super().process(batch)

    run_pipeline([Refuse("none")], survey, tmp_path / "out", progress=False)
    rejected = table(tmp_path / "out", "rejected")
    assert rejected["reason"] == ["too_few_pixels", "not_fits"]
    assert rejected["detail"][0] == "step 'picky': only two"


def test_results_do_not_depend_on_the_batches(network, survey, tmp_path, monkeypatch):
    from lamost_rare.survey.scan import run_steps

    bad = "000.fits", "001.fits", "010.fits"
    found = []
    for size in (1, 2, 4, 64):
        out = tmp_path / str(size)
        run_steps(survey, out, [Picky(*bad)], batch_size=size, workers=1, progress=False)
        found.append((table(out), table(out, "rejected")))
    assert all(pair == found[0] for pair in found)
    assert len(found[0][0]["path"]) == 8


@pytest.mark.parametrize("bad", [(), (".fits",)])
def test_a_step_that_raises_on_all(preset, network, survey, tmp_path, bad):
    out = tmp_path / "out"
    with pytest.raises(ScanError, match=r"step 'picky' failed on every spectrum, first on .*000"):
        run_pipeline([classify(preset), Picky(*bad)], survey, out, progress=False)
    assert not (out / "catalogue.parquet").exists()
    summary = (
        run_pipeline([classify(preset), Picky("none")], survey, out, progress=False)
        if not bad
        else None
    )
    assert summary is None or summary.classified == 11  # the same step, put right


def test_a_step_that_always_fails_is_found_out_soon(survey, tmp_path, monkeypatch):
    monkeypatch.setattr(stepping, "ENOUGH", 3)
    step = Picky()
    with pytest.raises(ScanError, match="ZeroDivisionError: cannot do"):
        run_pipeline([step], survey, tmp_path / "out", progress=False)
    assert step.sizes.count(1) == 3


def test_the_last_spectrum_of_an_interrupted_run_may_fail(network, survey, tmp_path, monkeypatch):
    """What is left to do is one spectrum, at which a step fails that worked on all others."""
    from lamost_rare.survey import scan
    from lamost_rare.survey.scan import run_steps

    options = {"batch_size": 1, "shard_size": 1, "progress": False}
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(scan, "merge_shards", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_steps(survey, out, [Picky("005.fits")], **options)
    for path in (out / "shards").glob("000005.*"):
        path.unlink()
    summary = run_steps(
        survey, out, [Picky("005.fits")], batch_size=1, shard_size=1, progress=False
    )
    assert (summary.classified, summary.reasons["step_failed"]) == (10, 1)


@pytest.mark.parametrize(
    ("process", "said"),
    [
        (lambda self, batch: None, "gave back a NoneType, not a SpectrumBatch"),
        (lambda self, batch: batch[:3], r"changed the rows of a batch \(11 became 3\)"),
        (lambda self, batch: batch[::-1], "changed the rows of a batch"),
        (lambda self, batch: batch, "declares a column 'mean_flux' and did not add it"),
        (lambda self, batch: with_column(Mean().process(batch), "odd", 1),
         "added a column 'odd' that it does not declare"),
        (lambda self, batch: with_column(Mean().process(batch), "mean_flux", "x"),
         "put something else than float64 into 'mean_flux'"),
        (lambda self, batch: with_column(Mean().process(batch), "mean_flux", (1, 2)),
         r"gave column 'mean_flux' the shape \(11, 2\)"),
        (lambda self, batch: batch.flux.fill(0), r"failed on every.*(read-only|writeable)"),
    ],
)  # fmt: skip
def test_a_step_that_breaks_its_word(survey, tmp_path, monkeypatch, process, said):
    monkeypatch.setattr(Mean, "process", Mean.process)
    step = type("Odd", (Mean,), {"process": process, "name": "odd"})()
    with pytest.raises(ScanError, match=f"^step 'odd' {said}"):
        run_pipeline([step], survey, tmp_path / "out", progress=False)


def with_column(batch, name, value):
    batch.columns[name] = np.array([value] * len(batch))
    return batch


def test_an_input_that_vanishes_half_way(network, survey, tmp_path):
    import shutil

    source = tmp_path / "survey"
    shutil.copytree(survey, source)

    class Vanish(Mean):
        def process(self, batch):
            (source / "spec-010.fits").unlink(missing_ok=True)
            return super().process(batch)

    from lamost_rare.survey.scan import run_steps

    # Readers are a few batches ahead at most: with one, the last is not open yet.
    out = tmp_path / "out"
    summary = run_steps(source, out, [Vanish()], batch_size=1, workers=1, progress=False)
    assert (summary.classified, summary.rejected) == (10, 2)
    assert table(out, "rejected")["reason"] == ["unreadable", "not_fits"]


# Pipeline files


def test_a_pipeline_file(pipeline, survey, tmp_path, monkeypatch, preset, network, capsys):
    monkeypatch.setattr("lamost_rare.presets.DEFAULT_PRESET", str(preset.folder))
    path = pipeline(f"input: {survey}\noutput: {tmp_path / 'out'}\n{STEPS}")
    assert cli.main(["run", str(path), "--quiet"]) == 0
    assert "11 classified + 1 rejected" in capsys.readouterr().out
    assert len(table(tmp_path / "out")["path"]) == 11


def test_options_override_the_file(pipeline, survey, tmp_path, preset, network, capsys):
    path = pipeline(f"input: nowhere\noutput: nowhere\nsteps: [{{rare_star_classifier: "
                    f"{{preset: {preset.folder}}}}}]")  # fmt: skip
    out = tmp_path / "out"
    assert cli.main(["run", str(path), "--input", str(survey), "--output", str(out)]) == 0
    assert len(table(out)["path"]) == 11
    assert cli.main(["run", str(path), "--output", str(out)]) == 2
    assert "no such file or directory" in capsys.readouterr().err


def test_check_without_its_input(pipeline, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = pipeline("input: ~/dr7\noutput: ~/out\nsteps: [normalize]")
    assert cli.main(["run", str(path), "--check"]) == 2
    shown = capsys.readouterr()
    assert f"no such file or directory: {tmp_path}/dr7" in shown.err
    assert (shown.out, len(shown.err.splitlines())) == ("", 1)
    (tmp_path / "dr7").mkdir()
    assert cli.main(["run", str(path), "--check"]) == 0
    assert f"output: {tmp_path}/out" in capsys.readouterr().out


def test_check_reads_nothing(pipeline, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dr7").mkdir()
    path = pipeline(
        "input: dr7/\noutput: candidates/\n"
        "steps: [{normalize: {method: l2}}, {o_star_classifier: {threshold: 0.9}}, line_evidence]"
    )
    assert cli.main(["run", str(path), "--check"]) == 0
    shown = capsys.readouterr().out
    assert "input:  dr7/" in shown
    assert "2. o_star_classifier (lamost_rare 0.1.0): threshold=0.9" in shown
    assert "adds prediction, p_O, " in shown
    assert "(34 in all)" in shown
    assert sorted(os.listdir(tmp_path)) == ["dr7", "pipeline.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: write 'steps: "),
        ("- normalize\n- o_star_classifier", "holds a list: write 'steps: "),
        ("normalize", "holds a str"),
        ("steps: []", "steps must be a list such as .*; there are none"),
        ("input: x", "steps must be a list"),
        ("steps: normalize", "steps must be a list such as .*; not 'normalize'"),
        ("steps: {normalize: {}}", "steps must be a list"),
        ("steps: [normalise]", "no step 'normalise', did you mean 'normalize'"),
        ("steps: [{normalize: {metod: l2}}]", "step 'normalize': no parameter 'metod', did you me"),
        ("steps: [{o_star_classifier: {threshold: high}}]", "threshold must be a number, not 'hig"),
        ("steps: [{o_star_classifier: {threshold: 1e-3}}]", "write an exponent as in 1.0e-3"),
        ("steps: [{o_star_classifier: {threshold: 7}}]", "threshold must lie above 0 and up to 1"),
        ("steps: [{o_star_classifier: {batch_size: 0}}]", "batch_size must be a whole number from"),
        ("steps: [{o_star_classifier: {preset: nothing}}]", "no preset 'nothing'"),
        ("steps: [{normalize: [l2]}]", "step 'normalize': parameters must be written as"),
        ("steps: [{normalize: {1: l2}}]", "step 'normalize': parameters must be written as"),
        ("steps: [{normalize: {}, resample: {}}]", "step 1 must be a name or"),
        ("steps: [normalize, 3]", "step 2 must be a name or .*, not 3"),
        ("steps: [[normalize]]", "step 1 must be a name or"),
        ("steps: [null]", "step 1 must be a name or"),
        ("stpes: [normalize]", "unknown key 'stpes', did you mean 'steps'"),
        ("steps: [normalize]\n1: 2", "unknown key 1"),
        ("steps: [normalize]\nsteps: [resample]", "line 1: 'steps' is there twice"),
        ("steps: [normalize]\ninput: 2021", "input must be a path in text, not 2021"),
        ("steps: [normalize]\ninput: [a]", r"input must be a path in text, not \['a'\]"),
        ("steps: [normalize]\noutput: x", "no input: give --input SOURCE, or write 'input: "),
        ("steps: [normalize]\ninput: x", "no output: give --output DIR"),
        ("steps: [{normalize: {method: pseudo_continuum}}, o_star_classifier]",
         "step 'o_star_classifier': needs spectra that are not rectified, and step 'normalize' "),
        ("steps: [o_star_classifier, rare_star_classifier]",
         "step 'rare_star_classifier': adds the column 'prediction', and so does step 'o_star_cl"),
        ("steps: [augment, o_star_classifier]",
         "step 'augment': makes generated spectra, which never enter a catalogue"),
        ("steps: [{resample: {n_pixels: 3}}]", "step 'resample': give a preset, or all of"),
        ("steps: [{resample: {log10_start: 3.6, log10_step: -1.0, n_pixels: 3}}]", "not a wave"),
        ("steps: !!python/object/apply:os.system [touch hacked]", "line 1: only plain YAML"),
        ("a: !!python/name:os.system", "only plain YAML is read"),
        ("steps: [normalize", "line 1: expected"),
        ("steps: *nothing", "line 1: found undefined alias"),
        ("steps: [\x07]", "is not YAML: unacceptable character"),
        ("steps: [\udcff]", "is not YAML"),
        ("steps: " + "[" * 5000, "(is not YAML|line 1)"),
        ("? [a]\n: 3", "(line 1|unknown key)"),
        ("? {a: b}\n: 3", "line 1: only plain YAML is read"),
        ("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b]\n"
         "steps: [*c,*c]", "unknown key 'a'"),
        ("steps: [&a [x,x,x,x,x,x,x,x,x,x,x,x,x], &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]]",
         "step 1 must be a name"),
        ("steps: [" + "x" * 2**20 + "]", "is too large"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file(pipeline, capsys, tmp_path, monkeypatch, text, said):
    import re

    monkeypatch.chdir(tmp_path)
    path = pipeline(text)
    assert cli.main(["run", str(path)]) == 2
    printed, error = capsys.readouterr()
    assert printed == ""
    [line] = error.splitlines()
    assert len(line) < 500
    assert re.search(said, line), line
    assert "pipeline.yaml" in line
    assert os.listdir(tmp_path) == ["pipeline.yaml"]


def test_files_that_cannot_be_read(tmp_path, capsys):
    assert cli.main(["run", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml: No such file or directory" in capsys.readouterr().err
    with pytest.raises(PipelineError, match="Is a directory"):
        read_pipeline(tmp_path)
    with pytest.raises(PipelineError, match="pipeline holds a int"):
        run_pipeline(3)


def test_steps_command(capsys):
    assert cli.main(["steps", "normalize", "o_star_classifier"]) == 0
    shown, error = capsys.readouterr()
    assert error == ""
    assert "method (l2|pseudo_continuum = 'l2'): " in shown
    assert "threshold (float): " in shown
    assert "augment" not in shown
    assert cli.main(["steps", "normalise"]) == 2
    assert "did you mean 'normalize'" in capsys.readouterr().err


def test_steps_command_with_broken_distributions(tmp_path, monkeypatch, capsys):
    install(tmp_path, "bad", "[lamost_rare.steps]\nodd = not_there:Odd\nnormalize = x:Y")
    install(tmp_path, "worse", "no section")
    monkeypatch.syspath_prepend(tmp_path)
    assert cli.main(["steps"]) == 0
    shown, error = capsys.readouterr()
    assert "o_star_classifier" in shown
    assert "step 'odd' of bad 1.0 cannot be imported: ModuleNotFoundError" in error
    assert "the entry points of worse-1.0 cannot be read" in error
    assert "bad 1.0 and lamost_rare 0.1.0 both register a step 'normalize'" in error
