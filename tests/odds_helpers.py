"""Odds of a survey that any preset can be given, for tests of what rests on them."""

import shutil

import numpy as np

from lamost_rare.inference.decision import judge
from lamost_rare.inference.first_stage import FIRST_STAGE_FILE
from lamost_rare.presets import NOVELTY_FILE, Preset, save_preset


def odds_of(classes, rare_class, spread=0.3):
    """Plausible odds, and prevalences, as ``config.json`` has them.

    The score is log(p_rare / p_first_other), at which the rare class is at 5, a population that
    looks like it at -1, and all else at -6. Of the classes but the rare one the first is that of
    the population that looks like it, the last that of all else.
    """
    others = [name for name in classes if name != rare_class]
    weights = [0.0] * (2 * len(classes) + 3)
    weights[classes.index(rare_class)], weights[classes.index(others[0])] = 1.0, -1.0

    def population(of, location, rising, lost, scale):
        return {"of": of, "location": [location, rising, lost], "scale": [scale, -0.1],
                "spread": spread}  # fmt: skip

    odds = {
        "weights": weights,
        "constant": 0.0,
        "range": [-8.0, 12.0],
        "populations": {
            rare_class: population(rare_class, 5.0, 0.5, -2.0, 0.2),
            "alike": population(others[0], -1.0, -0.3, 0.5, 0.0),
            "common": population(others[-1], -6.0, -0.5, 1.0, -0.6),
        },
    }
    prevalence = {rare_class: 1e-4, "alike": 1e-3, "common": 1 - 1e-4 - 1e-3}
    return {"odds": odds, "prevalence": prevalence}


def with_odds(preset: Preset, folder, **changes) -> Preset:
    """Save a classifier in another folder, with odds."""
    config = {**preset.config, **odds_of(list(preset.classes), preset.rare_class), **changes}
    folder.mkdir(parents=True)
    for name in (FIRST_STAGE_FILE, NOVELTY_FILE):
        if (preset.folder / name).exists():
            shutil.copy(preset.folder / name, folder)
    return save_preset(folder, config, preset.weights_path)


class Odd:
    """A network in whose view the S/N in g says what a spectrum is; counts its batches.

    The log-odds of the first of two classes rise from -6 to 10 over S/N from 1 to 98.
    """

    def __init__(self):
        self.sizes = []

    def made(self, preset, batch_size):
        """Take the place of `lamost_rare.survey.batch_classifier.build_predictor`."""
        return _Judged(self, preset)


class _Judged:
    def __init__(self, network, preset):
        self.network, self.preset = network, preset

    def predict(self, batch):
        self.network.sizes.append(len(batch))
        p = 1 / (1 + np.exp(-(batch.identity["snr_g"] - 37) / 6))
        probabilities = np.stack([p, 1 - p], axis=1).astype("f4")
        return judge(batch, probabilities, self.preset.settings)
