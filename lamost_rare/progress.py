"""How far long work is: a bar for people who look on, else a line a minute in the log."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from .logs import is_read

__all__ = ["LOG_EVERY", "Progress", "counted", "silence"]

LOG_EVERY = 60.0
"""Seconds between lines where nobody looks on."""

_silent = False
_log = logging.getLogger(__name__)


def silence() -> None:
    """Show nothing in this process from now on: another one does, whose work this is a part of."""
    global _silent
    _silent = True


class Progress:
    """How far some work is, on standard error: a bar on a terminal or in a notebook, else a line a
    minute. A log that somebody reads gets the lines in any case.

    Parameters
    ----------
    total : int
        Pieces of the work.
    unit : str
        What the pieces are, in the plural.
    what : str
        What the work is.
    done : int
        Pieces that were done before.
    wanted : bool or None
        True: the bar; False: nothing; None: whichever of bar and lines suits.
    stays : bool
        The bar is there from the first moment on and when all is done; else only in between, for
        what takes more than a second.
    clock : callable, optional
        Gives seconds.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        what: str = "",
        *,
        done: int = 0,
        wanted: bool | None = None,
        stays: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ):
        notebook = _in_notebook()
        seen = notebook or getattr(sys.stderr, "isatty", lambda: False)()
        self._lines = wanted is None and not seen and not _silent
        self._total, self._unit, self._what, self._clock = total, unit, what, clock
        self._begin = self._last = clock()
        self._before = done
        self._first: tuple[float, int] | None = None
        bar = _tqdm(notebook)
        self._bar = bar(
            total=total,
            initial=done,
            desc=what or "starting",
            unit=f" {unit}",
            dynamic_ncols=True,
            leave=stays,
            delay=0 if stays else 1,
            disable=wanted is False or self._lines or _silent,
        )

    def update(self, done: int, **counts: int) -> None:
        """Show that so many pieces are done, with further counts beside it."""
        now = self._clock()
        if self._first is None and done > self._before:
            # All that had to start has started: how long that took says nothing of the rest.
            self._first = now, done
            self._bar.set_description(self._what or None, refresh=False)
        self._bar.set_postfix(counts, refresh=False)
        self._bar.update(done - self._bar.n)
        if not _silent and now - self._last >= LOG_EVERY:
            self._last = now
            line = self._line(done, now, counts)
            if is_read(_log, logging.INFO):
                _log.info("%s", line)
            elif self._lines:
                print(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}", file=sys.stderr, flush=True)

    def _line(self, done, now, counts) -> str:
        """Return a line for a log: counts, speed, and how long the rest will take."""
        start, before = self._first or (self._begin, self._before)
        if done == before:  # there is but one step to judge by
            start, before = self._begin, self._before
        rate = (done - before) / (now - start) if now > start else 0.0
        left = timedelta(seconds=round((self._total - done) / rate)) if rate > 0 else "unknown time"
        percent = 100 * done // max(self._total, 1)
        what = f"{self._what}: " if self._what else ""
        shown = "".join(f", {number} {name}" for name, number in counts.items())
        return (
            f"{what}{done} of {self._total} {self._unit} "
            f"({percent} %), {_per_time(rate)}{shown}, {left} left"
        )

    def close(self) -> None:
        """Leave the terminal tidy."""
        self._bar.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


def counted(pieces: Iterable, total: int, unit: str, what: str, done: int = 0) -> Iterator:
    """Yield the pieces of some work that are still to do, while their `Progress` is shown."""
    with Progress(total, unit, what, done=done) as progress:
        for number, piece in enumerate(pieces, done):
            progress.update(number)
            yield piece
        progress.update(total)


def _per_time(rate: float) -> str:
    """Return a rate in words, a slow one in those in which it is not 0.0."""
    if rate >= 0.1 or rate == 0:
        return f"{rate:.1f} a second"
    return f"{60 * rate:.1f} a minute" if 60 * rate >= 0.1 else f"{3600 * rate:.1f} an hour"


def _in_notebook() -> bool:
    if "IPython" not in sys.modules:
        return False
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def _tqdm(notebook: bool):
    if not notebook:
        from tqdm import tqdm

        return tqdm
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without ipywidgets it is a bar of text, which will do
        from tqdm.auto import tqdm as widget
    return widget
