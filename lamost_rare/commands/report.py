"""``lamost-rare report``. Importing this is cheap: what it runs is imported when it runs."""

from __future__ import annotations

import argparse
import sys

from ..text import printable
from .options import at_least_one

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "report candidates/ --output candidates.html",
    "report candidates/ --top 200 --output most_probable.html",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``report``."""
    parser.add_argument("scan", metavar="SCAN", help="directory that a scan wrote")
    parser.add_argument(
        "--output",
        metavar="PAGE.html",
        help="the page: one file that needs nothing else (default: page.html in SCAN)",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--top",
        metavar="N",
        type=at_least_one,
        help="the N spectra that are most probably of the rare class, in place of the candidates",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a page of that name")


def run(args: argparse.Namespace) -> int:
    """Write the page; returns 0. Errors are the caller's."""
    from ..report.making import make_report

    path = make_report(args.scan, args.output, top=args.top, overwrite=args.overwrite)
    print(f"{printable(path)}: open it in a browser", file=sys.stdout)
    return 0
