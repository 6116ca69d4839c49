"""What goes wrong when a page is made."""

from __future__ import annotations

from ..errors import LamostRareError

__all__ = ["NothingToShowError", "ReportError"]


class ReportError(LamostRareError, ValueError):
    """A page that cannot be made as asked."""


class NothingToShowError(ReportError):
    """No row was chosen: nothing is wrong, but there is no page."""

    status = 1
