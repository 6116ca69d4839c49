"""Text that is safe to show on a terminal."""

from __future__ import annotations

__all__ = ["printable", "without_name"]


def printable(text) -> str:
    """``str(text)`` with everything that could act on a terminal shown as an escape.

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
        the escape character ``\\x1b``. Letters of every script are kept.
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text)
    )


def without_name(detail: str, path: str) -> str:
    """What is wrong with a file, safe to show behind its name, which it may begin with."""
    return printable(detail).removeprefix(printable(path)).lstrip(" :")
