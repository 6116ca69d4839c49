"""Messages name arguments as whoever reads them gives them."""

import re
from pathlib import Path
from threading import Thread

import pytest

from lamost_rare import cli, report, scan_directory
from lamost_rare.errors import LamostRareError
from lamost_rare.simulation.demo import make_demo_survey
from lamost_rare.survey import pack_spectra
from lamost_rare.wording import for_command_line, named, options_are_named

PACKAGE = Path(cli.__file__).parent


def test_arguments_in_python_and_on_the_command_line():
    in_python = named("batch_size"), named("overwrite", True), named("source", "simulated")
    assert in_python == ("batch_size", "overwrite=True", "source='simulated'")
    with options_are_named():
        assert for_command_line()
        on_the_command_line = named("batch_size"), named("overwrite", True), named("top", 50)
    assert on_the_command_line == ("--batch-size", "--overwrite", "--top 50")
    assert not for_command_line()


def test_an_error_ends_it():
    with pytest.raises(ValueError, match="--top"), options_are_named():
        raise ValueError(named("top"))
    assert named("top") == "top"


def test_other_threads_are_not_told():
    said = []
    with options_are_named():
        thread = Thread(target=lambda: said.append(named("top")))
        thread.start()
        thread.join()
    assert said == ["top"]


@pytest.fixture
def survey(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_demo_survey("survey", n_spectra=20)
    Path("there.h5").write_bytes(b"")
    Path("there.html").write_bytes(b"")
    return tmp_path


def message(work, *arguments, **options):
    with pytest.raises(LamostRareError) as caught:
        work(*arguments, **options)
    return str(caught.value)


def on_the_command_line(capsys, *argv):
    assert cli.main(list(argv)) == 2
    return capsys.readouterr().err


def test_the_same_error_both_ways(survey, capsys):
    said = message(pack_spectra, "survey", "there.h5")
    assert said.endswith("there.h5 exists; overwrite=True replaces it")
    said = on_the_command_line(capsys, "pack", "survey", "--output", "there.h5")
    assert said.endswith("there.h5 exists; --overwrite replaces it\n")
    said = message(scan_directory, "survey", "out", workers=0)
    assert said.startswith("workers must be")
    said = on_the_command_line(capsys, "scan", "survey", "--output", "out", "--workers", "0")
    assert said.startswith("lamost-rare: error: --workers must be")
    said = message(report, "survey", "there.html")
    assert "--" not in said


def test_the_summary_says_how_to_go_on(survey, capsys):
    assert "scan_directory('" in str(pack_spectra("survey", "s.h5", progress=False))
    assert cli.main(["pack", "survey", "--output", "s.h5", "--quiet"]) == 0
    assert "scan it with: lamost-rare scan " in capsys.readouterr().out


def options_in_messages(text):
    """Options that are written out in texts of code, without docstrings and comments."""
    text = re.sub(r'""".*?"""|#[^\n]*', "", text, flags=re.DOTALL)
    return re.findall(r"""["'][^"'\n]*?(?<![\w-])(--[a-z][a-z-]+)""", text)


KEEPS = {
    # Shell commands in full, pages and cards that a command makes, and what commands alone run.
    "evaluation",
    "training/card.py",
    "training/generator_card.py",
    "validation/first_stage_figures.py",
    "doctor",
    "commands",
    "cli.py",
    "survey/summary.py",
    "report/verdict_log.py",
}


def test_no_other_message_names_an_option():
    found = {}
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        if name not in KEEPS and name.split("/")[0] not in KEEPS:
            if options := options_in_messages(path.read_text(encoding="utf-8")):
                found[name] = options
    assert found == {}


def test_an_option_in_a_message_is_found():
    code = 'raise ValueError(f"{x} is there; --overwrite replaces it")  # not --this\n'
    assert options_in_messages(code) == ["--overwrite"]
    assert options_in_messages('"""Not --this."""\nnamed("overwrite")\n') == []
