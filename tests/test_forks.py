"""Networks in processes that are forks of one that had used a network."""

import os
import re

import pytest

from lamost_rare import processes
from lamost_rare.inference.predictor import load_classifier
from lamost_rare.processes import ForkedProcessError, check_not_forked
from scan_helpers import standin_preset

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(autouse=True)
def nobody_has_used_one(monkeypatch):
    monkeypatch.setattr(processes, "_with_networks", None)


def in_a_fork(function):
    """What a function says in a fork, or what went wrong there."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writing, str(function()).encode())
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


def test_after_a_network_was_used_a_fork_cannot_use_one(tmp_path):
    preset = standin_preset(tmp_path / "preset")
    check_not_forked()
    check_not_forked()
    said = in_a_fork(lambda: load_classifier(preset))
    assert re.fullmatch(r"ForkedProcessError: this process was forked from .*'spawn'.*", said)
    assert issubclass(ForkedProcessError, RuntimeError)


def test_forks_may_where_nobody_has_before():
    assert in_a_fork(check_not_forked) == "None"
    check_not_forked()
