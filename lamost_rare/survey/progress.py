"""How far a scan is, and how it is told to stop."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from .summary import ScanSummary

__all__ = ["Progress", "StopRequest", "progress_line", "stop_on_interrupt"]


LOG_EVERY = 60.0
"""Seconds between lines where there is no terminal."""


class Progress:
    """How far a scan is, on standard error: a bar on a terminal, else a line a minute.

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
        from tqdm import tqdm

        terminal = getattr(sys.stderr, "isatty", lambda: False)()
        self._lines = wanted is None and not terminal
        self._clock = clock
        self._start = self._last = clock()
        self._done_before = summary.done
        self._bar = tqdm(
            total=summary.discovered,
            initial=summary.done,
            unit=" files",
            dynamic_ncols=True,
            disable=wanted is False or self._lines,
        )

    def update(self, summary: ScanSummary) -> None:
        """Show where the scan is now."""
        counts = {"candidates": summary.candidates, "rejected": summary.rejected}
        self._bar.set_postfix(counts, refresh=False)
        self._bar.update(summary.done - self._bar.n)
        now = self._clock()
        if self._lines and now - self._last >= LOG_EVERY:
            self._last = now
            rate = (summary.done - self._done_before) / (now - self._start)
            print(progress_line(summary, rate), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the terminal tidy."""
        self._bar.close()


def progress_line(summary: ScanSummary, rate: float) -> str:
    """One line for a log: the time, counts, files a second, and how long the rest will take."""
    percent = 100 * summary.done // max(summary.discovered, 1)
    left = timedelta(seconds=round(summary.to_do / rate)) if rate > 0 else "unknown time"
    return (
        f"{datetime.now():%Y-%m-%d %H:%M:%S} {summary.done} of {summary.discovered} files "
        f"({percent} %), {rate:.1f} a second, {summary.candidates} candidates, "
        f"{summary.rejected} rejected, {left} left"
    )


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
