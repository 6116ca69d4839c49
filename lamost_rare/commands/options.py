"""Options that several subcommands have, and types of checked values."""

from __future__ import annotations

import argparse

__all__ = ["add_shared", "at_least_one", "fraction"]


def at_least_one(text: str) -> int:
    """Return a whole number of 1 or more, as a ``type`` of argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, and a whole number, not {text}")
    return int(text)


def fraction(text: str) -> float:
    """Return a number above 0 and of 1 at the most, as a ``type`` of argparse."""
    if not 0 < (value := float(text)) <= 1:
        raise argparse.ArgumentTypeError(f"must be above 0, and 1 at the most, not {value:g}")
    return value


_SHARED = {
    "--data": {
        "required": True,
        "metavar": "DIR",
        "help": "folder with star libraries, libraries/, and labelled spectra, lamost/",
    },
    "--work": {
        "metavar": "DIR",
        "default": ".cache/training",
        "help": "folder for what is half done, so that the same command can continue "
        "(default: %(default)s)",
    },
    "--jobs": {
        "type": at_least_one,
        "default": 2,
        "metavar": "N",
        "help": "processes that work at the same time (default: %(default)s)",
    },
    "--seed": {
        "type": int,
        "default": 0,
        "help": "seed of all random numbers (default: %(default)s)",
    },
}


def add_shared(parser: argparse.ArgumentParser, *names: str, **defaults) -> None:
    """Add options that are the same in several subcommands.

    Parameters
    ----------
    parser : ArgumentParser
    *names : str
        ``--data``, ``--work``, ``--jobs``, ``--seed``.
    **defaults
        In place of those that are usual.
    """
    for name in names:
        options = dict(_SHARED[name])
        if name[2:] in defaults:
            options["default"] = defaults[name[2:]]
        parser.add_argument(name, **options)
