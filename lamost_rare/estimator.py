"""Deprecated: a name by which estimators were pickled. Use `lamost_rare.RareStarClassifier`."""

import warnings

from .training.estimator import *  # noqa: F403

warnings.warn(
    "lamost_rare.estimator is deprecated: import RareStarClassifier from lamost_rare, as_features "
    "from lamost_rare.training.estimator",
    DeprecationWarning,
    stacklevel=2,
)
