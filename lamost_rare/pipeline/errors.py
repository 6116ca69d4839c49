"""What is wrong with a pipeline or with one of its steps."""

from __future__ import annotations

__all__ = ["PipelineError"]


class PipelineError(ValueError):
    """A pipeline that cannot run as it is written; one line that names the step.

    Attributes
    ----------
    status : int
        Exit status for the command line.
    """

    status = 2
