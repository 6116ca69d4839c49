"""What a source distribution and a wheel hold, and that a wheel works where nothing else is."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

import pytest
import yaml

import lamost_rare

REPOSITORY = Path(__file__).parents[1]
KEPT_OUT = shutil.ignore_patterns(
    ".*", "*.egg-info", "__pycache__", "build", "dist", "demo-output", "candidates", "_build"
)


def _build(kind: str, source: Path, target: Path) -> Path:
    build = f"import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
    target.mkdir()
    command = [sys.executable, "-c", build, str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (archive,) = target.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return archive


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """A source distribution, built from a copy of the repository."""
    work = tmp_path_factory.mktemp("sdist")
    copy = shutil.copytree(REPOSITORY, work / "copy", ignore=KEPT_OUT)
    shutil.copytree(REPOSITORY / ".ci", copy / ".ci")
    return _build("sdist", copy, work / "built")


@pytest.fixture(scope="module")
def names(sdist):
    """Names of the files of a source distribution, as if unpacked in this folder."""
    with tarfile.open(sdist) as tar:
        return {"/".join(PurePosixPath(m.name).parts[1:]) for m in tar if m.isfile()}


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    """A wheel, built from the source distribution."""
    work = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as tar:
        tar.extractall(work, filter="data")
    (source,) = work.iterdir()
    return _build("wheel", source, work / "built")


def _package_files() -> set[str]:
    """Files that the package needs where it is installed."""
    files = (path for path in (REPOSITORY / "lamost_rare").rglob("*") if path.is_file())
    left_out = {".pyc", ".so"}
    return {p.relative_to(REPOSITORY).as_posix() for p in files if p.suffix not in left_out}


def test_a_source_distribution_has_what_its_tests_need(names):
    here = {path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("tests/*.py")}
    assert {"tests/conftest.py", "tests/scan_helpers.py"} < here
    assert here <= names
    assert {"Makefile", ".ci/run", "ruff.toml", "plugins/stpipe/setup.cfg"} <= names
    assert {"CITATION.cff", "CONTRIBUTING.md", "CHANGES.md", "LICENSE"} <= names


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


def test_a_wheel_holds_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == _package_files()
    assert wheel.stat().st_size < 25e6


def test_an_index_takes_both(sdist, wheel):
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel)],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_a_wheel_works_outside_of_the_repository(wheel, tmp_path):
    """In an environment of its own, which has the dependencies of this one but not the package."""
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    python = tmp_path / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True, cwd=tmp_path)
    (site,) = (tmp_path / "env" / "lib").glob("python*/site-packages")
    # A line of a .pth file adds a folder; what .pth files of that folder add, an editable
    # installation of the package among it, is not followed.
    places = [p for p in map(Path, sys.path) if p.name in ("site-packages", "dist-packages")]
    (site / "dependencies.pth").write_text("\n".join(map(str, places)) + "\n", encoding="utf-8")
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    where = [str(python), "-c", "import lamost_rare; print(lamost_rare.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert Path(found.stdout.strip()).is_relative_to(site), found.stderr
    demo = [str(tmp_path / "env" / "bin" / "lamost-rare"), "demo", "--output", "demo"]
    done = subprocess.run(demo, cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"O stars simulated: 10, of them found: (9|10)\b", done.stdout), done.stdout
    assert (tmp_path / "demo" / "candidates" / "candidates.parquet").exists()


def test_the_recipe_for_conda_asks_for_the_same():
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg", encoding="utf-8")
    recipe = yaml.safe_load((REPOSITORY / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
    names = {"python-isal": "isal", "matplotlib-base": "matplotlib"}
    unix, *required = recipe["requirements"]["run"]
    assert unix == "__unix"
    asked = {}
    for line in required:
        name, version = line.split(" >=")
        asked[names.get(name, name)] = version
    assert asked.pop("python") == "${{ python_min }}"
    assert f">={recipe['context']['python_min']}" == setup["options"]["python_requires"]
    assert (
        recipe["build"]["python"]["entry_points"]
        == (setup["options.entry_points"]["console_scripts"].split("\n")[1:])
    )
    wanted = (line.split(" >= ") for line in setup["options"]["install_requires"].split("\n"))
    assert asked == {line[0].lower(): line[1] for line in wanted if len(line) == 2}
    assert recipe["context"]["version"] == lamost_rare.__version__
