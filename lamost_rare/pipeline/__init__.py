"""Steps that a pipeline is made of: what one is, where they are found, and how they are run.

Read in the order in which a pipeline file is used: `config` reads it, `registry` finds the steps
(see `step` for what one is) and `steps` holds those that come with the package, `order` checks
that they fit together, and `runner` runs them over a directory with the machinery of
`lamost_rare.survey`. Importing this loads neither TensorFlow nor specutils nor astropy.
"""

from importlib import import_module

from .errors import PipelineError
from .step import Column, Parameter, Step

_WHERE = {
    "check_order": "order",
    "check_pipeline": "runner",
    "list_steps": "registry",
    "load_step": "registry",
    "make_step": "registry",
    "read_pipeline": "config",
    "run_pipeline": "runner",
}

__all__ = ["Column", "Parameter", "PipelineError", "Step", *_WHERE]


def __getattr__(name):
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
