"""``lamost-rare doctor``: whether the installation works, and what to do if it does not."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from ..doctor.finding import PROBLEM, WARNING, Finding, lines_of
from ..doctor.installation import look_at_installation
from ..doctor.networks import look_at_networks
from ..doctor.places import look_at_places
from ..doctor.weights import look_at_weights

__all__ = ["add_arguments", "check_presets", "report", "run"]

EXAMPLES = (
    "doctor",
    "doctor --output candidates/",
    "doctor --quick",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare doctor``."""
    parser.add_argument(
        "presets",
        nargs="*",
        metavar="PRESET",
        help="names or folders of presets to look at (default: all shipped ones)",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        default=".",
        help="where results are going to be written (default: the current directory)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="do not start Keras, and do not have presets answer: half a minute less",
    )


def run(args: argparse.Namespace) -> int:
    """Look at all, and print it; returns the exit status (1: something is wrong)."""
    return report(
        chain(
            look_at_installation(),
            look_at_places(args.output),
            check_presets(args.presets, quick=args.quick),
        )
    )


def check_presets(names: Iterable[str], *, quick: bool = False) -> Iterator[Finding]:
    """Yield what is found of presets: their files, and unless ``quick`` what they answer."""
    folders = []
    for finding, folder in look_at_weights(names):
        yield finding
        if folder is not None:
            folders.append(folder)
    if not quick:
        yield from look_at_networks(folders)


def report(findings: Iterable[Finding]) -> int:
    """Print findings as they come; returns the exit status (1: something is wrong)."""
    counts: Counter = Counter()
    for finding in findings:
        counts[finding.state] += 1
        for line in lines_of(finding):
            print(line, flush=True)
    if counts[PROBLEM]:
        print(_number(counts[PROBLEM], "problem") + ": what to do stands below each")
        return 1
    warned = f", {_number(counts[WARNING], 'warning')}" if counts[WARNING] else ""
    print(f"all is well: {_number(counts.total(), 'thing')} looked at{warned}")
    return 0


def _number(n: int, thing: str) -> str:
    return f"{n} {thing}{'' if n == 1 else 's'}"
