"""Scripts that make shells complete commands, options and names of presets."""

import argparse
import shutil
import subprocess
import sys

import pytest

from lamost_rare import cli
from lamost_rare.commands import completion
from lamost_rare.pipeline import list_steps
from lamost_rare.presets import list_presets

FORMATS = ["parquet", "fits", "ecsv", "votable"]
CASES = [
    ("scan docs --format ", FORMATS),
    ("scan docs --preset ", list_presets()),
    ("train ", ["classifier", "gan", "presets"]),
    ("completion ", ["bash", "zsh", "fish"]),
    ("presets lc", ["lcgan-o-v1"]),
    ("steps ", sorted(entry.name for entry in list_steps())),
    ("scan docs --output spe", ["spectra"]),
    ("classify spe", ["spectra"]),
    ("scan docs --purity ", []),
]


@pytest.fixture
def script(capsys, tmp_path, monkeypatch):
    """A function that writes the script for a shell, in a folder with another folder in it."""
    (tmp_path / "spectra").mkdir()
    monkeypatch.chdir(tmp_path)

    def written(shell):
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        assert cli.main(["completion", shell]) == 0
        path = tmp_path / f"completion.{shell}"
        path.write_text(capsys.readouterr().out, encoding="utf-8")
        return path

    return written


def asked(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
_shtab_lamost_rare 2> /dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""


def test_bash_completes(script):
    path = script("bash")

    def completed(line):
        words = ["lamost-rare", *line.split(" ")]
        return asked("bash", "-c", BASH, "bash", str(path), *words).split()

    assert completed("") == list(cli.COMMANDS)
    for line, expected in CASES:
        assert completed(line) == expected, line
    assert {"--output", "--preset", "--prior"} <= set(completed("scan docs --"))


def test_fish_completes(script):
    path = script("fish")

    def completed(line):
        code = f"source {path}; complete -C 'lamost-rare {line}'"
        return {row.split("\t")[0].rstrip("/") for row in asked("fish", "-c", code).splitlines()}

    assert completed("") >= set(cli.COMMANDS)
    for line, expected in CASES:
        assert completed(line) >= set(expected), line
    assert {"--output", "--preset", "--prior"} <= completed("scan docs --")


def test_zsh_takes_it(script):
    path = script("zsh")
    asked("zsh", "-n", str(path))
    assert path.read_text(encoding="utf-8").startswith("#compdef lamost-rare\n")


def test_every_argument_with_a_path_is_known():
    """By its metavar: whoever adds one says what it takes."""
    known = {
        *completion._DIRECTORIES, *completion._FILES, *completion._PRESETS, "STEP",
        "CLASS", "TYPE", "ADDRESS", "CONDITION", "PLACE", "N", "MAG",
    }  # fmt: skip
    for action in completion._actions(cli._parser([], whole=True)):
        if action.type is None and action.choices is None and action.nargs != 0:
            if action.help != argparse.SUPPRESS:
                assert action.metavar in known, action


def test_other_commands_do_not_wait_for_it():
    code = (
        "import sys; from lamost_rare.cli import main; "
        "main(['scan', '--help']); sys.exit('shtab' in sys.modules or "
        "'lamost_rare.commands.train' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
