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
    'report candidates/ --where "p_O_survey>0.1" --output probable.html',
    "report candidates/ --rows known.csv --output known.html",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``report``."""
    parser.add_argument(
        "scan", metavar="SCAN", help="directory that a scan, or a run of a pipeline, wrote"
    )
    parser.add_argument(
        "--output",
        metavar="PAGE.html",
        help="the page: one file that needs nothing else (default: page.html in SCAN)",
    )
    parser.add_argument(
        "--top",
        metavar="N",
        type=at_least_one,
        help="the N spectra that are most probably of the rare class, in place of the candidates",
    )
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        help="spectra that fulfil a condition on columns of the catalogue, written as in Python "
        "(with --top, the most probable of them)",
    )
    parser.add_argument(
        "--rows",
        metavar="TABLE",
        help="spectra that a table names by obsid or path (CSV, ECSV, FITS, Parquet or VOTable), "
        "in its order",
    )
    parser.add_argument(
        "--spectra",
        metavar="PLACE",
        help="where the spectra are now, if they were moved: what takes the place of the scan's "
        "source",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a page of that name")
    parser.add_argument(
        "--quiet", action="store_true", help="do not show how far the work is, nor notes"
    )


def run(args: argparse.Namespace) -> int:
    """Write the page; returns 0, or 1 if it has no spectrum at all. Errors are the caller's."""
    from ..report.making import make_page

    made = make_page(
        args.scan,
        args.output,
        top=args.top,
        where=args.where,
        rows=args.rows,
        spectra=args.spectra,
        overwrite=args.overwrite,
        progress=False if args.quiet else None,
    )
    for note in () if args.quiet else made.notes:
        print(f"lamost-rare: {printable(note)}", file=sys.stderr)
    print("\n".join(described(made)))
    return 0 if made.rows > made.missing else 1


def described(made) -> list[str]:
    """Return lines that say what a page holds, and how it is opened."""
    megabytes = made.path.stat().st_size / 1e6
    besides = f" and {made.visits} further visits of their stars" if made.visits else ""
    return [
        f"{printable(made.path)}: {made.rows} spectra{besides}, {megabytes:.1f} MB",
        f"open it in a browser: {made.path.as_uri()}",
    ]
