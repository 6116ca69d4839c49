"""Examples in docstrings do what they say."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import lamost_rare

ROOT = Path(lamost_rare.__file__).parent
MODULES = [
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted(ROOT.rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
"""Only those that have some: importing all would load every library."""


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    found = doctest.testmod(import_module(name), optionflags=flags)
    assert found.failed == 0  # what differs stands in the captured output
    assert found.attempted > 0
    assert list(tmp_path.iterdir()) == []
