"""Examples in docstrings do what they say."""

from importlib import import_module

import pytest

from doctest_helpers import run_examples


@pytest.mark.parametrize("name", ["stages"])
def test_examples_in_docstrings(name, demonstration, monkeypatch):
    monkeypatch.chdir(demonstration)
    run_examples(import_module(f"lamost_rare_ceci.{name}"))
