"""Options that several subcommands have, and types of checked values."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["add_prior", "add_shared", "add_survey_arguments", "at_least_one", "fraction"]


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


def add_survey_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says how frequent classes are, and which spectra are candidates."""
    add_prior(parser)
    _add_chosen(parser)


def add_prior(parser: argparse.ArgumentParser) -> None:
    """Add what says how frequent classes are."""
    parser.add_argument(
        "--prior",
        action="append",
        metavar="NAME=VALUE|TABLE",
        help="how frequent a class or population is in this survey, as O=2e-5 (also several, with "
        "commas or options between them), or a table (.csv, .ecsv, .json) with columns class or "
        "population, and prevalence (default: as the preset says, for LAMOST)",
    )


def _add_chosen(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--threshold",
        type=fraction,
        metavar="T",
        help="least p_<rare>_survey of a candidate (default: the preset's, 0.5); of a preset "
        "without odds of a survey, least p_<rare>",
    )
    chosen.add_argument(
        "--purity",
        type=_purity,
        metavar="P",
        help="make the largest list of candidates of which this part is expected to be true, as "
        "0.8",
    )


def _purity(text: str) -> float:
    if not 0 < (value := float(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be above 0 and below 1, not {value:g}")
    return value


_SHARED: dict[str, dict[str, Any]] = {
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
