"""The state of a training on disk."""

import json

import numpy as np
import pytest

from lamost_rare.training.checkpoint import load_state, save_state, save_weights


class Variable:
    def assign(self, value):
        self.value = value


class Model:
    """Writes weights, and dies at it if it is told to."""

    def __init__(self, content, dies=False):
        self.content, self.dies = content, dies

    def save_weights(self, path):
        assert str(path).endswith(".weights.h5")
        path.write_text(self.content)
        if self.dies:
            raise KeyboardInterrupt


OPTIONS = {"options": {"seed": 3, "units": (64, 32)}, "n_sources": 7}
LOG = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]


def test_a_state_is_read_as_it_was_saved(tmp_path):
    assert load_state(tmp_path, OPTIONS) is None
    values = [np.arange(k + 1.0) for k in range(12)]
    save_state(tmp_path, {"m": values, "o": values[:2]}, OPTIONS, LOG)
    state = load_state(tmp_path, {"other": 1}, OPTIONS)
    assert state.log == LOG
    assert state.fingerprint["n_sources"] == 7
    variables = [Variable() for _ in values]
    state.assign("m", variables)
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_array_equal(variable.value, value)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == LOG
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "state.npz"]


def test_the_names_in_the_file_are_those_of_trainings_begun_before(tmp_path):
    arrays = {"m0": np.ones(2), "m1": np.zeros(3), "o0": np.array(4)}
    texts = {"log": json.dumps(LOG), "fingerprint": json.dumps(OPTIONS)}
    np.savez(tmp_path / "state.npz", **arrays, **texts)
    state = load_state(tmp_path, OPTIONS)
    assert state.log == LOG
    assert set(state.arrays) == set(arrays)
    save_state(tmp_path, {"m": [arrays["m0"], arrays["m1"]], "o": [arrays["o0"]]}, OPTIONS, LOG)
    with np.load(tmp_path / "state.npz") as file:
        assert set(file) == {*arrays, *texts}


def test_another_training_is_refused(tmp_path):
    save_state(tmp_path, {}, OPTIONS, LOG)
    with pytest.raises(ValueError, match=r"holds a training with other options or data; choose"):
        load_state(tmp_path, {**OPTIONS, "n_sources": 8})


def test_weights_are_replaced_completely_or_not_at_all(tmp_path):
    target = tmp_path / "best.weights.h5"
    save_weights(Model("first"), target)
    with pytest.raises(KeyboardInterrupt):
        save_weights(Model("half", dies=True), target)
    assert target.read_text() == "first"
    save_weights(Model("second"), target)
    assert target.read_text() == "second"
