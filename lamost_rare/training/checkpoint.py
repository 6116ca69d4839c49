"""The state of a training in a folder, so that an interrupted one goes on and ends the same."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..atomic import atomic_path, write_text_atomically
from ..networks.keras_backend import load_keras

__all__ = ["BEST_WEIGHTS", "load_state", "reseed", "save_state", "save_weights"]

STATE = "state.npz"
BEST_WEIGHTS = "best.weights.h5"


@dataclass
class TrainingState:
    """A state as it was saved: ``arrays`` are numbered in each group, as in ``m0``, ``m1``."""

    fingerprint: dict
    log: list[dict]
    arrays: dict[str, np.ndarray]

    def assign(self, group: str, variables) -> None:
        """Give Keras variables the values that were saved of a group."""
        for i, variable in enumerate(variables):
            variable.assign(self.arrays[f"{group}{i}"])


def save_state(folder, groups: dict, fingerprint: dict, log: list[dict]) -> None:
    """Write ``state.npz``, completely or not at all, and ``log.jsonl``.

    The groups are sequences of Keras variables or arrays; their names end in no digit.
    """
    arrays: dict[str, Any] = {
        f"{name}{i}": np.asarray(v) for name in groups for i, v in enumerate(groups[name])
    }
    with atomic_path(folder / STATE) as part, open(part, "wb") as file:
        np.savez(file, **arrays, log=json.dumps(log), fingerprint=json.dumps(fingerprint))
    lines = "".join(json.dumps(entry) + "\n" for entry in log)
    write_text_atomically(folder / "log.jsonl", lines)


def load_state(folder, *fingerprints: dict) -> TrainingState | None:
    """Read a state, or return None if there is none.

    Raises
    ------
    ValueError
        If it is that of a training with none of the fingerprints.
    """
    if not (folder / STATE).exists():
        return None
    with np.load(folder / STATE) as file:
        arrays = dict(file)
    found, log = (json.loads(str(arrays.pop(name))) for name in ("fingerprint", "log"))
    if found not in json.loads(json.dumps(fingerprints)):
        raise ValueError(
            f"{folder} holds a training with other options or data; choose another folder or "
            "remove it"
        )
    return TrainingState(found, log, arrays)


def save_weights(model, path) -> None:
    """Write the weights of a model, completely or not at all."""
    with atomic_path(path) as part:
        named = part.with_name(f"{part.name}.weights.h5")  # Keras accepts no other ending
        model.save_weights(named)
        os.replace(named, part)


def reseed(layers, seed: int) -> None:
    """Set all that is random in a training: where it was interrupted must not matter."""
    keras = load_keras()
    keras.utils.set_random_seed(seed)
    for i, layer in enumerate(layers):
        if (generator := getattr(layer, "seed_generator", None)) is not None:
            generator.state.assign(keras.random.SeedGenerator(seed + i).state)
