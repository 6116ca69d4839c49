"""Find rare stars, O stars first, in survey spectra.

The public names below are resolved on first use, so that ``import lamost_rare`` (and whatever
registers through entry points) stays fast: it loads neither TensorFlow nor specutils nor astropy.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_WHERE = {
    "RareStarClassifier": "estimator",
    "augment_spectra": "augmentation",
    "classify_spectra": "inference.classify",
    "list_presets": "presets",
    "load_preset": "presets",
    "run_pipeline": "pipeline",
    "scan_directory": "survey",
}

__all__ = [
    "RareStarClassifier",
    "__version__",
    "augment_spectra",
    "classify_spectra",
    "list_presets",
    "load_preset",
    "run_pipeline",
    "scan_directory",
]


def __getattr__(name: str):
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(set(globals()) | set(__all__))
