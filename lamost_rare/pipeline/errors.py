"""What is wrong with a pipeline or with one of its steps."""

from __future__ import annotations

from ..errors import LamostRareError

__all__ = ["PipelineError"]


class PipelineError(LamostRareError, ValueError):
    """A pipeline that cannot run as it is written; one line that names the step."""
