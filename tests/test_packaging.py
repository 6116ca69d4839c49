"""What a source distribution holds."""

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

import pytest

REPOSITORY = Path(__file__).parents[1]
KEPT_OUT = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "build", "_build", "dist", "demo-output", "candidates"
)


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """Names of the files of a source distribution, as if unpacked in this folder."""
    work = tmp_path_factory.mktemp("sdist")
    copy = shutil.copytree(REPOSITORY, work / "copy", ignore=KEPT_OUT)
    shutil.copytree(REPOSITORY / ".ci", copy / ".ci")
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    command = [sys.executable, "-c", build, str(work)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (archive,) = work.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        return {"/".join(PurePosixPath(m.name).parts[1:]) for m in tar if m.isfile()}


def test_a_source_distribution_has_what_its_tests_need(names):
    here = {path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("tests/*.py")}
    assert {"tests/conftest.py", "tests/scan_helpers.py"} < here
    assert here <= names
    assert {"Makefile", ".ci/run", "ruff.toml", "plugins/stpipe/setup.cfg"} <= names


def test_presets_are_complete_in_it(names):
    weights = REPOSITORY / "lamost_rare" / "weights"
    files = (path for path in weights.rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert {path.relative_to(REPOSITORY).as_posix() for path in files} <= names


def test_links_of_the_readme_lead_to_files_of_it(names):
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    links = {link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link}
    assert links
    for link in links:
        assert any(name == link or name.startswith(link.rstrip("/") + "/") for name in names), link
