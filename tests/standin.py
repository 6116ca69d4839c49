"""A preset and a network that need no TensorFlow, for tests of what lies around the network."""

import numpy as np

from lamost_rare.inference.decision import Prediction
from lamost_rare.inference.evidence import LINES, measure_lines
from lamost_rare.presets import save_preset
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid
from lamost_rare.spectra.quality import QualityFlag

FULL_GRID = WavelengthGrid(3.5682, 1e-4, 3909)
"""A grid as in LAMOST files."""

CONFIG = {
    "name": "racnet-standin-v1",
    "kind": "classifier",
    "description": "Finds He II 4686 without any network.",
    "architecture": {"network": "racnet"},
    "classes": ["O", "B"],
    "rare_class": "O",
    "grid": LAMOST_GRID.to_dict(),
    "preprocessing": {"normalization": "l2"},
    "threshold": 0.8,
    "figures": {"recall": {"snr_5_10": 0.951234567, "snr_above_20": 1.0}, "n_tested": 7},
}


class StandIn:
    """Says 0.9 O where He II 4686 is deep, else 0.9 B; ``sizes`` are those of its batches."""

    def __init__(self):
        self.sizes = []

    def predict(self, batch):
        self.sizes.append(len(batch))
        deep = measure_lines(batch)["ew_heii_4686"] > 0.4
        p = np.where(deep, 0.9, 0.1).astype("f4")
        return Prediction(
            probabilities=np.stack([p, 1 - p], axis=1),
            candidate=deep,
            flags=np.where(deep, int(QualityFlag.OUT_OF_DISTRIBUTION), 0),
        )


def save_standin(folder):
    """Make the stand-in's preset in a new folder below ``folder``."""
    (folder / "weights").write_bytes(b"none")
    return save_preset(folder / "racnet-standin-v1", CONFIG, folder / "weights")


def star(hot, seed=0):
    """Flux and ivar of S/N 100 on `FULL_GRID`, with He II 4686 if hot."""
    wavelength = FULL_GRID.wavelength
    centre = LINES["heii_4686"].wavelength
    flux = 1 - 0.3 * hot * np.exp(-0.5 * ((wavelength - centre) / 1.5) ** 2)
    flux = 1000 * flux * (1 + 0.01 * np.random.default_rng(seed).standard_normal(len(flux)))
    return flux, np.full(len(flux), 0.01)
