"""The answers that a preset gave when it was made, and those that it gives here."""

from __future__ import annotations

import zlib
from zipfile import BadZipFile

import numpy as np

from ..presets import Preset, PresetError
from ..spectra.batch import SpectrumBatch
from .generation import generate, load_generator
from .predictor import Predictor

__all__ = ["GOLDEN_FILE", "TOLERANCE", "golden_difference"]

GOLDEN_FILE = "golden.npz"
"""Name of the file in the folder of a preset."""
TOLERANCE = 1e-4
"""What probabilities, and fluxes that are generated, may differ by, on whatever processor."""

_UNREADABLE = (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile, zlib.error)


def golden_difference(preset: Preset) -> float:
    """Have a preset answer again, and return the largest difference from its answers of before.

    Of probabilities for a classifier, of the flux of generated spectra for a generator.

    Raises
    ------
    PresetError
        If the preset cannot be used, keeps no answers, or they cannot be read.
    """
    try:
        with np.load(preset.folder / GOLDEN_FILE, allow_pickle=False) as stored:
            golden = {name: stored[name] for name in stored.files}
        if preset.kind == "generator":
            before, seed = golden["flux"], int(golden["seed"])
        else:
            before = golden["probabilities"]
            pixels = (golden[name] for name in ("flux", "ivar", "mask"))
            batch = SpectrumBatch(preset.grid, *pixels)
    except _UNREADABLE as error:
        raise PresetError(
            f"preset {preset.name!r}: {GOLDEN_FILE} cannot be used ({type(error).__name__})"
        ) from error
    if preset.kind == "generator":
        now = generate(load_generator(preset), len(before), seed)
    else:
        now = Predictor(preset, batch_size=len(batch)).predict(batch).probabilities
    if now.shape != before.shape:
        raise PresetError(f"preset {preset.name!r}: {GOLDEN_FILE} is that of another network")
    return float(np.abs(now - before).max(initial=0.0))
