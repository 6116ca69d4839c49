"""Names of arguments in messages: those of Python, or the options of the command line.

A message that tells what to change names an argument by `named`. Who called a function from
Python then reads ``overwrite=True``, and who called the command ``--overwrite``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

__all__ = ["for_command_line", "named", "options_are_named"]

_OPTIONS = ContextVar("_OPTIONS", default=False)


@contextlib.contextmanager
def options_are_named() -> Iterator[None]:
    """Have messages name options of the command line, in this thread, as long as it lasts."""
    token = _OPTIONS.set(True)
    try:
        yield
    finally:
        _OPTIONS.reset(token)


def for_command_line() -> bool:
    """Tell whether messages are read by who called the command."""
    return _OPTIONS.get()


def named(argument: str, value: Any = None) -> str:
    """Name an argument, and a value for it.

    Parameters
    ----------
    argument : str
        As Python has it. The option is called alike, with hyphens for underscores.
    value : object, optional
        What is to be given, or was. True makes the option a switch, without a value.

    Returns
    -------
    str

    Examples
    --------
    >>> named("overwrite", True), named("batch_size"), named("top", 50)
    ('overwrite=True', 'batch_size', 'top=50')
    >>> with options_are_named():
    ...     named("overwrite", True), named("batch_size"), named("top", 50)
    ('--overwrite', '--batch-size', '--top 50')
    """
    if not for_command_line():
        return argument if value is None else f"{argument}={value!r}"
    option = f"--{argument.replace('_', '-')}"
    return option if value is None or value is True else f"{option} {value}"
