"""Examples in docstrings do what they say."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["steps", "datamodel"])
def test_examples_in_docstrings(name, demonstration, monkeypatch):
    monkeypatch.chdir(demonstration)
    module = import_module(f"lamost_rare_stpipe.{name}")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    tests = doctest.DocTestFinder().find(module, module.__name__)
    tests.sort(key=lambda test: test.lineno or 0)  # some use what those before them wrote
    runner = doctest.DocTestRunner(optionflags=flags)
    for test in tests:
        assert runner.run(test).failed == 0  # what differs stands in the captured output
    assert runner.tries > 0
