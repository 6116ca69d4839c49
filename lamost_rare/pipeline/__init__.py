"""Steps that a pipeline is made of: what one is, where they are found, and how they are run.

Read in the order in which a pipeline file is used: `config` reads it, `registry` finds the steps
(see `step` for what one is) and `steps` holds those that come with the package, `order` checks
that they fit together, and `runner` runs them over a directory with the machinery of
`lamost_rare.survey`. Importing this loads neither TensorFlow nor specutils nor astropy.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy_names
from .errors import PipelineError
from .step import Column, Parameter, Step

if TYPE_CHECKING:
    from .config import read_pipeline
    from .order import check_order
    from .registry import list_steps, load_step, make_step
    from .runner import check_pipeline, run_pipeline

__all__ = [
    "Column",
    "Parameter",
    "PipelineError",
    "Step",
    "check_order",
    "check_pipeline",
    "list_steps",
    "load_step",
    "make_step",
    "read_pipeline",
    "run_pipeline",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "check_order": "order",
        "check_pipeline": "runner",
        "list_steps": "registry",
        "load_step": "registry",
        "make_step": "registry",
        "read_pipeline": "config",
        "run_pipeline": "runner",
    },
)
