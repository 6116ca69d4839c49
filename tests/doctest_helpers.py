"""Runs the examples in docstrings."""

import doctest


def run_examples(module):
    """Run those of a module, in the order in which they stand: some use what others wrote."""
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    tests = doctest.DocTestFinder().find(module, module.__name__)
    tests.sort(key=lambda test: test.lineno or 0)
    runner = doctest.DocTestRunner(optionflags=flags)
    for test in tests:
        assert runner.run(test).failed == 0  # what differs stands in the captured output
    assert runner.tries > 0
