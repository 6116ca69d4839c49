"""How far a scan is, and how it is told to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator

from .. import progress
from .summary import ScanSummary

__all__ = ["Progress", "StopRequest", "stop_on_interrupt"]


class Progress:
    """How far a scan is, on standard error: see `lamost_rare.progress.Progress`.

    Parameters
    ----------
    wanted : bool or None
        True: the bar; False: nothing; None: whichever of bar and lines suits standard error.
    summary : ScanSummary
        Where the scan begins.
    clock : callable, optional
        Gives seconds.
    """

    def __init__(
        self, wanted: bool | None, summary: ScanSummary, clock: Callable[[], float] = time.monotonic
    ):
        self._shown = progress.Progress(
            summary.discovered, "files", done=summary.done, wanted=wanted, stays=True, clock=clock
        )

    def update(self, summary: ScanSummary) -> None:
        """Show where the scan is now."""
        counts = {"candidates": summary.candidates, "rejected": summary.rejected}
        self._shown.update(summary.done, **counts)

    def close(self) -> None:
        """Leave the terminal tidy."""
        self._shown.close()


class StopRequest:
    """Becomes true when the user asked to stop."""

    def __init__(self):
        self.asked = False

    def __call__(self) -> bool:
        return self.asked


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[StopRequest]:
    """Turn the first Ctrl-C into a request, so that it cannot come in the middle of anything.

    A second one interrupts at once; what is on disk is sound even so. Only the main thread can do
    this; elsewhere the request stays unasked and Ctrl-C is the caller's.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(signum, frame):
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    previous = signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, previous)
