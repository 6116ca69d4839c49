"""Networks that were compiled, kept for the next call."""

from __future__ import annotations

import json

from ..presets import Preset
from .predictor import Predictor

__all__ = ["kept_predictor"]

_predictors: dict[tuple, Predictor] = {}
_OF_THE_RULE = ("prevalence", "threshold", "threshold_by_snr", "discriminant")
"""Keys of a configuration on which probabilities of classes do not depend."""


def kept_predictor(preset: Preset, batch_size: int) -> Predictor:
    """Return a compiled network, kept for the next call: compiling takes seconds, and who
    classifies in a loop should pay for it once, also with another prior or threshold."""
    config = {key: value for key, value in preset.config.items() if key not in _OF_THE_RULE}
    key = (json.dumps(config, sort_keys=True), str(preset.folder), batch_size)
    if key not in _predictors:
        while len(_predictors) >= 2:
            _predictors.pop(next(iter(_predictors)))
        _predictors[key] = Predictor(preset, batch_size=batch_size)
    return _predictors[key].deciding(preset)
