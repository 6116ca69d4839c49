"""A generator to measure: a preset, or what a training left."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..hdf5 import load_weights
from ..inference.generation import load_generator
from ..networks.architectures import network_name
from ..presets import load_preset

__all__ = ["Generator", "load_any_generator"]


@dataclass
class Generator:
    """A generator and what is known of its training.

    Attributes
    ----------
    name, network, rare_class : str
    model : keras.Model
    training : dict
        The preset's block; empty for the bare folder of a training.
    """

    name: str
    network: str
    rare_class: str
    model: object
    training: dict


def load_any_generator(path: str | os.PathLike) -> Generator:
    """Load a generator from a preset, by name or folder, or from the folder of a training.

    Raises
    ------
    PresetError
        If it is neither.
    """
    folder = Path(path)
    if (folder / "state.npz").exists() and not (folder / "config.json").exists():
        from ..networks.build import NETWORKS, build_network  # loads Keras

        with np.load(folder / "state.npz") as state:
            architecture = json.loads(str(state["fingerprint"]))["architecture"]
        model = build_network(architecture, "generator")
        load_weights(model, folder / "best.weights.h5")
        network = network_name(architecture, NETWORKS["generator"])
        return Generator(folder.name, network, "", model, {})
    preset = load_preset(path)
    model = load_generator(preset)
    network = preset.architecture.get("network", "lcgan")
    return Generator(preset.name, network, preset.rare_class, model, preset.settings.training)
