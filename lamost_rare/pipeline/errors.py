"""What is wrong with a pipeline or with one of its steps."""

from __future__ import annotations

from ..errors import LamostRareError

__all__ = ["PipelineError"]


class PipelineError(LamostRareError, ValueError):
    """A pipeline that cannot run as it is written; one line that names the step.

    Examples
    --------
    >>> from lamost_rare.pipeline import make_step
    >>> make_step("normalise")
    Traceback (most recent call last):
        ...
    lamost_rare.pipeline.errors.PipelineError: ... did you mean 'normalize'?...
    """
