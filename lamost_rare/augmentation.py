"""Deprecated. Use `lamost_rare.augment_spectra` and the modules that are imported here."""

import warnings

from .inference.augmentation import *  # noqa: F403
from .inference.generation import *  # noqa: F403
from .survey.noise import *  # noqa: F403

warnings.warn(
    "lamost_rare.augmentation is deprecated: import augment_spectra from lamost_rare, "
    "noise_of_directory from lamost_rare.survey.noise",
    DeprecationWarning,
    stacklevel=2,
)
