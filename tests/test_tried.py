"""Trials as a preset keeps them."""

from types import SimpleNamespace

import numpy as np
import pytest

from lamost_rare.presets import PresetError
from lamost_rare.validation.tried import TRIED_FILE, Tried, load_tried, save_tried


def some(n=5):
    rng = np.random.default_rng(1)
    numbers = {name: rng.random(n).astype("f4") for name in ("snr", "lost", "a_v", "velocity")}
    return Tried(
        kind=np.array(["library", "damaged"] * n, dtype=object)[:n],
        population=np.array(["O9-O9.7", ""] * n, dtype=object)[:n],
        mk_type=np.array([f"O9.{i} V" for i in range(n)], dtype=object),
        star=np.arange(n),
        score=np.where(np.arange(n) % 2, np.nan, 1.5).astype("f4"),
        covered=np.arange(n) % 3 == 0,
        vsini=np.zeros(n, "f4"),
        weight=np.ones(n, "f4"),
        **numbers,
    )


def preset(folder):
    return SimpleNamespace(name="x-v1", folder=folder)


def test_what_is_saved_comes_back(tmp_path):
    tried = some()
    save_tried(tmp_path, tried)
    again = load_tried(preset(tmp_path))
    for name in Tried.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(tried, name))


def test_none_and_damaged_are_told(tmp_path):
    with pytest.raises(PresetError, match="keeps no trials"):
        load_tried(preset(tmp_path))
    save_tried(tmp_path, some())
    whole = (tmp_path / TRIED_FILE).read_bytes()
    for damaged in (b"", b"none", whole[: len(whole) // 2]):
        (tmp_path / TRIED_FILE).write_bytes(damaged)
        with pytest.raises(PresetError, match="cannot be used"):
            load_tried(preset(tmp_path))
