"""Paths and other text of the outside world: as arguments, in tables and on a terminal."""

from __future__ import annotations

import os
import re

__all__ = [
    "EMPTY",
    "check_paths",
    "describe_error",
    "first_line",
    "path_text",
    "printable",
    "without_name",
]

EMPTY = "is empty: give a path or a name (in a script, is the variable set?)"
"""What is wrong with an argument that is the empty text."""

_BYTES = re.compile("[\udc80-\udcff]")


def check_paths(**paths) -> None:
    """Refuse empty text where a path or a name belongs, under the names of the arguments.

    `pathlib` and `os.path` would take it for the current directory.

    Parameters
    ----------
    **paths
        Anything; only empty text and bytes are refused.

    Raises
    ------
    ValueError
        Naming the argument.
    """
    for name, path in paths.items():
        if isinstance(path, (str, bytes)) and not path:
            raise ValueError(f"{name} {EMPTY}")


def path_text(path: str | bytes | os.PathLike) -> str:
    r"""Return the text that stands for a path in every table, manifest and message.

    Parameters
    ----------
    path : str, bytes or os.PathLike

    Returns
    -------
    str
        UTF-8, with bytes that are not UTF-8 as ``\xNN``; a backslash stays as it is.
    """
    path = os.fspath(path)
    if isinstance(path, bytes):
        return path.decode("utf-8", "backslashreplace")
    path = _BYTES.sub(_escaped_byte, path)
    return path.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(text) -> str:
    """Return ``str(text)`` with everything that could act on a terminal shown as an escape.

    File names and FITS cards are written by others: control characters could move the cursor,
    change its colours or hide text, and bytes that are not UTF-8 could not be printed at all.

    Parameters
    ----------
    text : object
        Anything; ``str()`` of it is used.

    Returns
    -------
    str
        One line without control, format, private or surrogate characters; a tab becomes ``\\t``,
        the escape character ``\\x1b``, a byte that is not UTF-8 ``\\xNN`` as in `path_text`.
        Letters of every script are kept.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii")
        for c in _BYTES.sub(_escaped_byte, str(text))
    )


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def describe_error(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says, safe to show."""
    said = (str(error).splitlines() or [""])[0]
    return printable(f"{type(error).__name__}: {said}".removesuffix(": "))


def without_name(detail: str, path: str) -> str:
    """Return what is wrong with a file without the name that it may begin with, safe to show."""
    return printable(detail).removeprefix(printable(path)).lstrip(" :")


def _escaped_byte(match: re.Match) -> str:
    # How Python's file names hold a byte that is not UTF-8: as half of a surrogate pair.
    return f"\\x{ord(match[0]) - 0xDC00:02x}"
