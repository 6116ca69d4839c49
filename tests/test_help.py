"""Help texts and messages: what somebody reads who does not know the package."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lamost_rare import cli, presets
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.fits_files import write_batch
from standin import save_standin

WHAT = {
    "train": ("classifier", "gan", "presets"),
    "evaluate": ("classifier", "seeds", "gan", "mixture", "novelty", "paper"),
}
PAGES = [(name,) for name in cli.COMMANDS]
PAGES += [(name, what) for name, kinds in WHAT.items() for what in kinds]


def printed(capsys, *argv):
    status = cli.main(list(argv))
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("page", PAGES, ids=" ".join)
def test_help_explains_every_option(capsys, page):
    status, out, err = printed(capsys, *page, "--help")
    assert (status, err) == (0, "")
    if len(page) == 1:
        assert "\nExample" in out
        assert f"\n  lamost-rare {page[0]}" in out
    for word in ("which recipe", "states, kept", "pieces of work", "hdf5"):
        assert word not in out.replace("pieces.hdf5", "")
    lines = out.splitlines()
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("  -"):  # an option: what it does stands beside or below
            words = line.split("  ")[2:]
            assert any(words) or after.startswith("      "), line


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_examples_can_be_parsed(command):
    parser = cli._parser([command])
    for example in parser._subparsers._group_actions[0].choices[command].epilog.splitlines()[1:]:
        words = example.partition(" > ")[0].split()[1:]
        args = parser.parse_args(words)
        assert args.command == command


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("scan x --ouput y", "--output; there is no --ouput, did you mean --output?"),
        ("scan x --output y --presset p", "there is no --presset, did you mean --preset?"),
        ("train gan --data x --output y --iteratons 3", "did you mean --iterations?"),
        ("classify x --frobnicate", "unrecognized arguments: --frobnicate; there is no"),
        ("--versoin", "did you mean --version?"),
        ("clasify --output x", "invalid choice: 'clasify'"),
    ],
)
def test_a_misspelt_option_is_named(capsys, argv, message):
    status, out, err = printed(capsys, *argv.split())
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert "there is no --output" not in err


@pytest.mark.parametrize(
    "argv",
    [
        "train classifier --data {missing} --output {new}",
        "train classifier --data {file} --output {new}",
        "train gan --data {missing} --output {new}",
        "train presets --data {missing} --output {new} --work {new}",
        "train presets --data {missing} --only nonesuch",
        "evaluate classifier --data {missing} --work {new}",
        "evaluate classifier --data {missing} --preset nonesuch",
        "evaluate classifier --data {missing} --jobs 0",
        "evaluate seeds --data {missing} --work {new} --jobs 0",
        "evaluate mixture --data {missing} --work {new}",
        "evaluate paper --data {missing} --work {new}",
        "augment --number 2 --output {missing}/a.h5",
        "augment --number 2 --output {new}.h5 --noise {missing}",
        "augment --number 2 --output {new}.h5 --noise {file}",
        "augment --number 2 --output {new}.h5 --preset nonesuch",
        "scan {missing} --output {new}",
        "run {missing}",
        "pack {missing} --output {new}.h5",
        "presets nonesuch",
        "steps nonesuch",
        "demo --output {file}",
        "demo --preset nonesuch",
    ],
)
def test_a_mistake_of_the_user_is_never_unexpected(capsys, tmp_path, argv):
    file = tmp_path / "file"
    file.write_text("text")
    names = {"missing": tmp_path / "missing", "file": file, "new": tmp_path / "new"}
    status, _, err = printed(capsys, *(word.format(**names) for word in argv.split()))
    assert status in (1, 2)
    assert err.startswith("lamost-rare: error: ")
    assert err.count("\n") == 1
    assert "unexpected" not in err
    assert "synchronously" not in err


def test_a_wrong_class_is_refused_before_the_network_is_loaded(tmp_path):
    batch = analytic_spectra(["B2", "B3"], np.random.default_rng(3), snr=50.0)
    survey = tmp_path / "survey"
    files = write_batch(survey, batch)
    rows = "".join(f"{path.relative_to(survey)},B\n" for path in map(Path, files))
    (survey / "labels.csv").write_text("path,class\n" + rows)
    code = (
        "import sys; from lamost_rare.cli import main; "
        f"status = main(['train', 'gan', '--data', {str(survey)!r}, '--class', 'Q', "
        f"'--output', {str(tmp_path / 'new')!r}]); "
        "sys.exit(status if 'keras' not in sys.modules else 99)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "no spectrum is labelled 'Q'; there are B" in done.stderr


def test_evaluations_go_to_a_folder_of_their_own():
    parser = cli._parser(["evaluate"])
    for what in WHAT["evaluate"]:
        args = parser.parse_args(["evaluate", what, "--data", "x"])
        assert args.output.startswith("evaluation/")


def test_a_preset_that_takes_others_for_its_class_says_so_first(capsys, tmp_path, monkeypatch):
    standin = save_standin(tmp_path)
    rate = {"low": 0.9, "high": 1.0, "count": 99, "n": 100, "stars": 9}
    figures = {
        "recall_snr_above_20": {**rate, "rate": 1.0},
        "candidates_B0-B0.5": {**rate, "rate": 0.97},
    }
    config = {**standin.config, "figures": figures}
    preset = presets.save_preset(tmp_path / "eager", config, standin.weights_path)
    _, out, _ = printed(capsys, "presets", str(preset.folder))
    flat = " ".join(out.split())
    assert "Warning: not for a search, as it takes other stars for O: B0 and B0.5" in flat
    assert "stars (0.97)" in flat
    assert out.index("B0 and B0.5 stars called") < out.index("O stars found")

    figures["candidates_B0-B0.5"]["rate"] = 0.05
    config = {**standin.config, "figures": figures}
    preset = presets.save_preset(tmp_path / "good", config, standin.weights_path)
    _, out, _ = printed(capsys, "presets", str(preset.folder))
    assert "Warning" not in out
    assert out.index("O stars found") < out.index("B0 and B0.5 stars called")
