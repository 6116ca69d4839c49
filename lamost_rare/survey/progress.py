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
    """How far a scan is, on standard error: `lamost_rare.progress.Progress` for a summary."""

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
    """Becomes true when the user, or a batch system, asked to stop; ``signum`` says by what."""

    def __init__(self):
        self.signum = 0

    def __call__(self) -> bool:
        return self.signum != 0


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[StopRequest]:
    """Turn Ctrl-C and SIGTERM into a request, so that they cannot come in the middle of anything.

    A second Ctrl-C interrupts at once; what is on disk is sound even so. Batch systems may send
    SIGTERM more than once. Only the main thread can do this; elsewhere the request stays unasked
    and signals are the caller's, as is SIGTERM where the caller has done something about it.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def ask(signum, frame):
        if stop() and signum == signal.SIGINT:
            raise KeyboardInterrupt
        stop.signum = stop.signum or signum

    previous = {signal.SIGINT: signal.signal(signal.SIGINT, ask)}
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        previous[signal.SIGTERM] = signal.signal(signal.SIGTERM, ask)
    try:
        yield stop
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
