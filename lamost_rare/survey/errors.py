"""What ends a scan early. A bad spectrum never does: that is a row of the rejected table."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from ..errors import LamostRareError

if TYPE_CHECKING:
    from .summary import ScanSummary

__all__ = ["ScanError", "ScanInterrupted"]


class ScanError(LamostRareError, RuntimeError):
    """A scan that cannot start or go on; the message is one line that says what to do.

    Attributes
    ----------
    status : int
        Exit status for the command line: 2 for what the user must change, 1 where there was
        simply nothing to classify.

    Examples
    --------
    >>> from lamost_rare import scan_directory
    >>> scan_directory("no-such-directory", "candidates")
    Traceback (most recent call last):
        ...
    lamost_rare.survey.errors.ScanError: no such file or directory: ...no-such-directory
    """

    def __init__(self, message: str, status: int = 2):
        super().__init__(message)
        self.status = status


class ScanInterrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM, after everything was put in order; run again, the scan resumes.

    Attributes
    ----------
    summary : ScanSummary
        What was done up to then.
    status : int
        Exit status for the command line: 128 and the number of the signal, as shells have it.

    Examples
    --------
    >>> from lamost_rare import ScanInterrupted, scan_directory
    >>> try:
    ...     summary = scan_directory("demo-output/survey", "candidates", progress=False)
    ... except ScanInterrupted as stop:  # Ctrl-C
    ...     summary = stop.summary
    >>> summary.discovered
    310
    """

    def __init__(self, summary: ScanSummary, signum: int = signal.SIGINT):
        super().__init__("scan interrupted")
        self.summary = summary
        self.status = 128 + signum
