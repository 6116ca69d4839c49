"""Examples in docstrings do what they say, where the survey of ``lamost-rare demo`` is at hand."""

import contextlib
from importlib import import_module
from pathlib import Path

import pytest

import lamost_rare
from doctest_helpers import run_examples

ROOT = Path(lamost_rare.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
}
"""Only those that have some: importing all would load every library."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder in which ``lamost-rare demo`` was run."""
    from lamost_rare.commands.demo import run_demo

    folder = tmp_path_factory.mktemp("examples")
    with contextlib.chdir(folder):
        assert run_demo(Path("demo-output")) == 300
    return folder


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    before = set(folder.iterdir())
    run_examples(import_module(name))
    text = MODULES[name].read_text(encoding="utf-8")
    for path in set(folder.iterdir()) - before:  # nothing but what the examples say
        assert f'"{path.name}"' in text
