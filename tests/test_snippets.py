"""Commands and pieces of Python in README and docs are run, or it is known where they are tested.

Tutorials are not read here: they are run when the site is built.
"""

import csv
import glob
import gzip
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from lamost_rare import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

ELSEWHERE = {
    # How a line or a snippet begins, and what tests it.
    "make ": "test_makefile",
    "python3 -m venv": "test_makefile",
    "source ": "test_makefile",
    "python -m pip install": "test_packaging",
    "pip install plugins/": "make adapters",
    "strun ": "plugins/stpipe/tests",
    "dask ": "test_dask_scan",
    "lamost-rare completion": "test_completion",
    "python benchmarks/": "make bench, or by hand",
    "from distributed import": "test_dask_scan",
    "from lamost_rare_ceci import": "plugins/ceci/tests",
    "from dataclasses import replace": "test_pipeline",
    "from lamost_rare_stpipe": "plugins/stpipe/tests",
    "import lamost_rare\n\nserved =": "test_report_server",
}
PARSED = [
    # Subcommands and options that take long, or need files that a test of theirs makes.
    ("augment",),
    ("train",),
    ("evaluate",),
    ("verdicts",),
    ("doctor",),
    ("demo",),
    ("scan", "--dask"),
    ("report", "--serve"),
    ("report", "--verdicts"),
    ("report", "--blind"),
]


def commands_of(path):
    """Command lines in indented blocks and in fences of a shell."""
    text = path.read_text(encoding="utf-8")
    blocks = [body for kind, body in FENCE.findall(text) if kind in ("bash", "console", "sh")]
    text = FENCE.sub("", text)
    # Not what a list goes on with: a blank line and text that begins at the margin come before.
    blocks += [
        m[1] for m in re.finditer(r"^[^\s|-][^\n]*\n\n((?: {4}[^\n]*\n)+)", text, re.MULTILINE)
    ]
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    known = ("lamost-rare", "zcat", "printf", "pip", "python", *(w.split()[0] for w in ELSEWHERE))
    return [line for line in lines if line.split(" ")[0] in known and not line.startswith("from")]


COMMANDS = {line: path.name for path in reversed(PAGES) for line in commands_of(path)}
PYTHON = {
    path.name: [
        body for kind, body in FENCE.findall(path.read_text(encoding="utf-8")) if kind == "python"
    ]
    for path in PAGES
}


def where_tested(text):
    return next((where for start, where in ELSEWHERE.items() if text.startswith(start)), None)


def words_of(line):
    """Arguments of a command, without its comment and what a shell does with its output."""
    words = shlex.split(line, comments=True)
    words = words[: words.index(">")] if ">" in words else words
    found = [sorted(glob.glob(word)) or [word] if "*" in word else [word] for word in words]
    return [word for some in found for word in some]


def is_only_parsed(words):
    return any(words[0] == name and {*options} <= {*words} for name, *options in PARSED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the pages speak of: ``demo-output``, ``dr7``, its catalogue, a prior."""
    from lamost_rare.commands.demo import run_demo
    from lamost_rare.simulation.demo import make_demo_survey

    folder = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_demo(Path("demo-output"))
        make_demo_survey("dr7", n_spectra=40)
        write_general_catalogue(Path("dr7"), Path("dr7_v2.0_LRS_catalogue.csv.gz"))
        steps = "[normalize, o_star_classifier]"
        Path("pipeline.yaml").write_text(f"input: dr7\noutput: found\nsteps: {steps}\n")
        Path("prior.csv").write_text("class,prevalence\nO,2e-5\n")
        shutil.copytree("demo-output/candidates", "candidates")
    return folder


def write_general_catalogue(survey, path):
    """Write a row for each good file, as LAMOST's catalogue has it."""
    from lamost_rare.spectra import read_lamost

    with open(survey / "truth.csv", newline="") as file:
        good = [row["path"] for row in csv.DictReader(file) if not row["damage"]]
    names = ["obsid", "lmjd", "planid", "spid", "fiberid", "ra", "dec", "class", "subclass", "snrg"]
    with gzip.open(path, "wt") as file:
        print(*names, sep="|", file=file)
        for name in good:
            raw = read_lamost(survey / name)
            about, card = raw.identity, raw.header
            if about["obsid"] > 0:
                numbers = [card[key] for key in ("LMJD", "PLANID", "SPID", "FIBERID")]
                label = card.get("CLASS", "STAR"), card.get("SUBCLASS", "O5")
                row = about["obsid"], *numbers, about["ra"], about["dec"], *label, about["snr_g"]
                print(*row, sep="|", file=file)


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: line.replace("/", "_")[:60])
def test_commands(line, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    if where_tested(line):
        return
    if not line.startswith("lamost-rare "):
        done = subprocess.run(["bash", "-euc", line], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return
    words = words_of(line)[1:]
    if is_only_parsed(words):
        chosen = next(word for word in words if not word.startswith("-"))
        assert cli._parser(words).parse_args(words).command == chosen
        return
    if "--output" in words:  # each command stands for itself
        output = Path(words[words.index("--output") + 1])
        if output.is_dir() and words[0] in ("scan", "--debug"):
            shutil.rmtree(output)
        elif output.is_file():
            output.unlink()
    assert cli.main(words) == 0, capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::lamost_rare.errors.UnusableSpectraWarning")
@pytest.mark.parametrize("page", [name for name, found in PYTHON.items() if found])
def test_python(page, folder, monkeypatch):
    monkeypatch.chdir(folder)
    for made in folder.glob("*.html"):
        made.unlink()
    monkeypatch.setattr("logging.basicConfig", lambda **options: None)
    names = {"__name__": "__main__"}  # a page goes on where it was
    for code in PYTHON[page]:
        if not where_tested(code):
            exec(compile(code, page, "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_options_in_the_text_exist(page):
    """In code within a line: commands, and their options, as far as they are written."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for code in re.findall(r"`(lamost-rare [a-z][^`]*)`", text):
        words = " ".join(code.split()).split(" ")[1:]
        assert words[0] in cli.COMMANDS, code
        parser = cli._parser([words[0]])._subparsers._group_actions[0].choices[words[0]]
        if parser._subparsers and len(words) > 1:
            parser = parser._subparsers._group_actions[0].choices[words[1]]
        for option in (word.split("=")[0] for word in words if word.startswith("--")):
            assert option in parser._option_string_actions, code


def test_the_tests_named_exist():
    for where in ELSEWHERE.values():
        for name in where.split(", "):
            found = (ROOT / name).exists() or (ROOT / "tests" / f"{name}.py").exists()
            assert found or name.startswith(("make ", "or by hand")), name


def test_there_are_commands_and_pieces_of_python():
    assert len(COMMANDS) > 40
    assert sum(map(len, PYTHON.values())) > 10
