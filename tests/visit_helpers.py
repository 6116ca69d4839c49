"""Odds of a survey for the stand-in's preset, that differ with S/N and lost pixels, and what
judges by them."""

import numpy as np

from lamost_rare.inference.decision import judge
from lamost_rare.preset_config import PresetConfig
from scan_helpers import CONFIG

ODDS = {
    # log p(O) - log p(F), and what the lines say.
    "weights": [1.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
    "constant": 0.0,
    "range": [-14.0, 12.0],
    "populations": {
        "O": {"of": "O", "location": [5.0, 4.0, -3.0], "scale": [0.5, 0.0], "spread": 0.1},
        "near": {"of": "F", "location": [-5.0, -4.0, 3.0], "scale": [0.5, 0.0], "spread": 0.3},
        "F": {"of": "F", "location": [-11.0, -1.0, 2.0], "scale": [0.1, -0.2], "spread": 0.1},
    },
}
PREVALENCE = {"O": 1.5e-5, "near": 2e-4, "F": 0.9}
WITH_ODDS = {"odds": ODDS, "prevalence": PREVALENCE}
"""Changes of `scan_helpers.CONFIG`."""


def settings_with_odds() -> PresetConfig:
    """Return the configuration of the stand-in's preset, with odds."""
    return PresetConfig.from_dict({**CONFIG, **WITH_ODDS, "weights_sha256": "0" * 64}, "test")


class Judging:
    """A stand-in that takes the S/N in g of a file for how sure it is: log-odds from -10 on."""

    def __init__(self, settings):
        self.settings = settings
        self.sizes = []

    def predict(self, batch):
        self.sizes.append(len(batch))
        log_odds = batch.identity["snr_g"] / 5 - 10
        p = 1 / (1 + np.exp(-log_odds))
        return judge(batch, np.stack([p, 1 - p], axis=1).astype("f4"), self.settings)
