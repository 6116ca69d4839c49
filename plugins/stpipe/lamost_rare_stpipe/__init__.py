"""The steps of lamost-rare in stpipe pipelines.

`get_steps` is what stpipe calls to learn what there is; it gives names alone and imports nothing.
"""

from importlib import import_module

_WHERE = {
    "AugmentStep": "steps",
    "LamostRarePipeline": "steps",
    "NormalizeStep": "steps",
    "OStarClassifierStep": "steps",
    "SpectraModel": "datamodel",
    "open_spectra": "datamodel",
}

__all__ = ["get_steps", *_WHERE]


def get_steps():
    """(class, alias for strun, whether it is a pipeline) of what there is, for ``stpipe.steps``."""
    return [
        ("lamost_rare_stpipe.steps.NormalizeStep", "normalize", False),
        ("lamost_rare_stpipe.steps.OStarClassifierStep", "o_star_classifier", False),
        ("lamost_rare_stpipe.steps.AugmentStep", "augment", False),
        ("lamost_rare_stpipe.steps.LamostRarePipeline", "lamost_rare", True),
    ]


def __getattr__(name):
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)
