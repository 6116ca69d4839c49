"""How far a scan is, and how it is told to stop."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from .summary import ScanSummary

__all__ = ["Progress", "StopRequest", "stop_on_interrupt"]


class Progress:
    """A bar on the terminal; without a terminal, silence.

    Parameters
    ----------
    wanted : bool or None
        None: a bar if standard error is a terminal.
    summary : ScanSummary
        Where the scan begins.
    """

    def __init__(self, wanted: bool | None, summary: ScanSummary):
        from tqdm import tqdm

        self._bar = tqdm(
            total=summary.discovered,
            initial=summary.done,
            unit=" files",
            dynamic_ncols=True,
            disable=None if wanted is None else not wanted,
        )

    def update(self, summary: ScanSummary) -> None:
        """Show where the scan is now."""
        counts = {"candidates": summary.candidates, "rejected": summary.rejected}
        self._bar.set_postfix(counts, refresh=False)
        self._bar.update(summary.done - self._bar.n)

    def close(self) -> None:
        """Leave the terminal tidy."""
        self._bar.close()


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
