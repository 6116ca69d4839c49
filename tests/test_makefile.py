"""What a newcomer types: the Makefile's targets, and that nothing in it is of one machine."""

import configparser
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def dry_run(*arguments):
    """What make would do, without doing it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "VENV=somewhere/venv", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


@needs_make
@pytest.mark.parametrize(
    ("target", "last"),
    [
        (
            "test",
            'somewhere/venv/bin/python -m pytest --numprocesses 2 --dist loadfile -m "not slow"',
        ),
        ("demo", 'somewhere/venv/bin/lamost-rare demo --output "demo-output"'),
        ("lint", "somewhere/venv/bin/lint-imports --no-logo setup.cfg"),
        (
            "docs",
            "LAMOST_RARE_QUICK_DOCS= somewhere/venv/bin/python -m sphinx --fail-on-warning "
            "--keep-going --nitpicky "
            "--fresh-env --quiet --jobs 2 docs docs/_build/html",
        ),
        (
            "fuzz",
            "LAMOST_RARE_FUZZ=20000 somewhere/venv/bin/python -m pytest tests/test_reader_fuzz.py",
        ),
    ],
)
def test_targets_set_themselves_up_first(target, last):
    done = dry_run(target)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.strip().splitlines()
    assert "-m venv somewhere/venv" in lines[0]
    assert "-m pip install" in lines[1]
    assert lines[-1] == last


@needs_make
def test_lint_comes_before_the_tests():
    text = dry_run("test").stdout
    assert text.index("ruff check") < text.index("ruff format --check") < text.index("pytest")


@needs_make
def test_scan_takes_the_directory():
    done = dry_run("scan", "DR7=/data/dr 7", "OUTPUT=found")
    assert done.stdout.strip().endswith('lamost-rare scan "/data/dr 7" --output "found"')
    assert dry_run("scan", "DR7=x").stdout.strip().endswith('--output "candidates"')


@needs_make
def test_scan_without_a_directory_says_what_to_do():
    done = dry_run("scan")
    assert done.returncode == 2
    assert "make scan needs the directory of spectra: make scan DR7=DIR" in done.stderr
    assert "venv" not in done.stdout


@needs_make
def test_help_lists_the_targets():
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=30)
    for target in ("demo", "scan", "test", "fuzz", "docs", "format", "bench", "weights", "clean"):
        assert re.search(rf"^{target} ", done.stdout, re.MULTILINE), done.stdout


def test_continuous_integration_runs_the_tests_and_builds_the_docs():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    lines = script.read_text().splitlines()
    assert "set -euo pipefail" in lines
    assert lines[-2:] == ["make test", "make docs QUICK=1"]


def test_the_workflow_runs_what_there_is_on_the_pythons_that_are_supported():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    targets = [entry["target"] for entry in jobs["once"]["strategy"]["matrix"]["include"]]
    made = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"test", *targets} <= set(made)
    for job, command in (("test", "make test"), ("once", "make ${{ matrix.target }}")):
        assert jobs[job]["steps"][-1]["run"] == command
        assert 0 < jobs[job]["timeout-minutes"] <= 90
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    named = re.findall(r"Python :: (3\.\d+)$", config["metadata"]["classifiers"], re.MULTILINE)
    assert jobs["test"]["strategy"]["matrix"]["python"] == named
    assert config["options"]["python_requires"] == f">={named[0]}"
    assert {e["python"] for e in jobs["once"]["strategy"]["matrix"]["include"]} <= {*named}


@pytest.mark.parametrize("name", ["Makefile", ".ci/run", "setup.cfg", "pyproject.toml"])
def test_nothing_of_one_machine(name):
    text = (ROOT / name).read_text()
    assert not re.findall(r"(?<![\w./$)])/(?:home|root|work|opt|tmp|Users|mnt)\b", text)
    assert "://" not in text


def test_pyproject_names_the_build_back_end_only():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    assert lines[0] == "[build-system]"
    assert len(lines) == 3


def test_every_requirement_has_a_lower_bound():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    requirements = config["options"]["install_requires"].split("\n")
    assert len(requirements) > 10
    for requirement in filter(None, requirements):
        assert re.fullmatch(r"[\w-]+ >= [\d.]+", requirement), requirement
