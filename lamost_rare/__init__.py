"""Find rare stars, O stars first, in survey spectra.

The public names below are resolved on first use, so that ``import lamost_rare`` (and whatever
registers through entry points) stays fast: it loads neither TensorFlow nor specutils nor astropy.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from .lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run `lazy_names`
    from .errors import BackendError, LamostRareError, UnusableSpectraWarning
    from .inference.augmentation import augment_spectra
    from .inference.classify import classify_spectra
    from .inference.output import OutputError
    from .pipeline.errors import PipelineError
    from .pipeline.runner import run_pipeline
    from .presets import PresetError, list_presets, load_preset
    from .report import report
    from .report.gallery import show_candidates
    from .report.plot import plot_spectrum
    from .spectra.quality import SpectrumError
    from .survey.errors import ScanError, ScanInterrupted
    from .survey.scan import scan_directory
    from .training.estimator import RareStarClassifier
    from .validation.completeness import completeness

__version__ = "0.1.0"

# What the package logs is for those who ask for it: nothing is shown unless they do.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "BackendError",
    "LamostRareError",
    "OutputError",
    "PipelineError",
    "PresetError",
    "RareStarClassifier",
    "ScanError",
    "ScanInterrupted",
    "SpectrumError",
    "UnusableSpectraWarning",
    "__version__",
    "augment_spectra",
    "classify_spectra",
    "completeness",
    "list_presets",
    "load_preset",
    "plot_spectrum",
    "report",
    "run_pipeline",
    "scan_directory",
    "show_candidates",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "BackendError": "errors",
        "LamostRareError": "errors",
        "OutputError": "inference.output",
        "PipelineError": "pipeline.errors",
        "PresetError": "presets",
        "RareStarClassifier": "training.estimator",
        "ScanError": "survey.errors",
        "ScanInterrupted": "survey.errors",
        "SpectrumError": "spectra.quality",
        "UnusableSpectraWarning": "errors",
        "augment_spectra": "inference.augmentation",
        "classify_spectra": "inference.classify",
        "completeness": "validation.completeness",
        "list_presets": "presets",
        "load_preset": "presets",
        "plot_spectrum": "report.plot",
        "report": "report",
        "run_pipeline": "pipeline.runner",
        "scan_directory": "survey.scan",
        "show_candidates": "report.gallery",
    },
)
