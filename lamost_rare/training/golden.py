"""What a preset says of a few spectra of the analytic star model, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..inference.first_stage import load_first_stage
from ..inference.predictor import Predictor
from ..simulation.analytic import analytic_spectra

__all__ = ["GOLDEN_KINDS", "write_golden"]

GOLDEN_KINDS = (
    "O7",
    "O9.5",
    "B1",
    "B5",
    "A5",
    "F5",
    "G5",
    "K5",
    "M2",
    "white_dwarf",
    "hot_subdwarf",
    "qso",
)


def write_golden(preset) -> None:
    """A few spectra of the analytic star model and the preset's answer, into ``golden.npz``."""
    rng = np.random.default_rng(20210503)
    batch = analytic_spectra(GOLDEN_KINDS, rng, snr=50.0)
    prediction = Predictor(preset, batch_size=len(batch)).predict(batch)
    first = load_first_stage(preset)
    also: dict[str, Any] = {"first_stage": first.judge(batch.flux, batch.mask)[1]} if first else {}
    np.savez_compressed(
        preset.folder / "golden.npz",
        kinds=np.array(GOLDEN_KINDS),
        flux=batch.flux.astype(np.float32),
        ivar=batch.ivar.astype(np.float32),
        mask=batch.mask,
        probabilities=prediction.probabilities,
        candidate=prediction.candidate,
        **also,
    )
