"""What goes into the log, and who reads it.

Every module logs under its own name, below the logger `NAME`. Nothing is shown of it unless
somebody asks for it: users by a handler of `logging`, the command line by `shown`.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import warnings
from collections.abc import Iterator

from .text import printable

__all__ = ["NAME", "is_read", "say", "shown"]

NAME = "lamost_rare"
"""Of the logger that all others are below."""


def is_read(logger: logging.Logger, level: int) -> bool:
    """Return whether a message of some level would reach anybody."""
    return logger.isEnabledFor(level) and any(h.level <= level for h in _handlers(logger))


def say(
    logger: logging.Logger,
    message: str,
    category: type[Warning] = UserWarning,
    *,
    stacklevel: int = 2,
) -> None:
    """Say what must not be missed, once: in the log if somebody has a handler for it, else as a
    warning.

    Parameters
    ----------
    logger : Logger
    message : str
        Without control characters.
    category : type
        Of the warning.
    stacklevel : int
        As `warnings.warn` has it, of the caller.
    """
    if any(_handlers(logger)):
        logger.warning("%s", message)
    else:
        warnings.warn(message, category, stacklevel=stacklevel + 1)


def _handlers(logger: logging.Logger) -> Iterator[logging.Handler]:
    """Yield the handlers to which a logger's messages go, less those that do nothing."""
    above: logging.Logger | None = logger
    while above is not None:
        yield from (h for h in above.handlers if not isinstance(h, logging.NullHandler))
        above = above.parent if above.propagate else None


class _Lines(logging.Handler):
    """Lines on standard error, above the bar that may be there."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            bars = sys.modules.get("tqdm")
            write = bars.tqdm.write if bars else print
            write(self.format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)


class _OneLine(logging.Formatter):
    """Messages of which each is a line without control characters, whoever made them."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message)
        return super().formatMessage(record)


@contextlib.contextmanager
def shown(program: str, debug: bool) -> Iterator[None]:
    """Show warnings of the log on standard error, as the command line says things; with ``debug``
    all that is in it.

    Parameters
    ----------
    program : str
        What lines begin with.
    debug : bool
        Lines begin with time, level and logger instead.
    """
    logger, handler = logging.getLogger(NAME), _Lines(logging.WARNING)
    handler.setFormatter(_OneLine(f"{program}: %(message)s"))
    level = logger.level
    if debug:
        logger.setLevel(logging.DEBUG)
        handler.setLevel(logging.DEBUG)
        handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
