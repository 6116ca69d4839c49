"""Options that are whole numbers, for every command alike. Imports nothing."""

from __future__ import annotations

__all__ = ["BATCH_SIZE", "MOST", "whole_number"]

BATCH_SIZE = 512
"""Files that a scan reads and classifies together, unless something else is asked for."""

MOST = {"workers": 1024, "batch_size": 16_384}
"""The largest value of each."""


def whole_number(name: str, value, error: type[Exception] = ValueError) -> int:
    """An option that must be a whole number from 1 to its `MOST`.

    Parameters
    ----------
    name : str
        As the user gives it: ``--batch-size``, or ``batch_size`` in Python.
    value : object
    error : type
        What is raised if it is none.

    Returns
    -------
    int
    """
    most = MOST[name.lstrip("-").replace("-", "_")]
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise error(f"{name} must be a whole number from 1 to {most}, not {value!r}")
    return value
