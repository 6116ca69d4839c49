"""``lamost-rare report``. Importing this is cheap: what it runs is imported when it runs."""

from __future__ import annotations

import argparse
import sys
import time
import webbrowser
from typing import TYPE_CHECKING

from ..report.errors import ReportError
from ..text import printable
from .options import at_least_one

if TYPE_CHECKING:
    from ..report.asking import Options

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "report candidates/ --output candidates.html",
    "report candidates/ --top 200 --output most_probable.html",
    'report candidates/ --where "p_O_survey>0.1" --output probable.html',
    "report candidates/ --rows known.csv --output known.html",
    "report candidates/ --output second_look.html --verdicts anna.csv ben.json",
    "report candidates/ --output test.html --blind 20",
    "report candidates/ --serve",
)

_A_MOMENT = 0.1


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
    parser.add_argument(
        "--verdicts",
        nargs="+",
        metavar="FILE",
        help="show what people said before: files that pages exported, or a server kept",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a page of that name")
    blind = parser.add_argument_group(
        "blind test", "How sure are those who look? Names and probabilities are hidden."
    )
    blind.add_argument(
        "--blind",
        metavar="N",
        type=at_least_one,
        help="mix in N stars that are known, unmarked; which they are goes to PAGE.blind.json, for "
        "verdicts --blind",
    )
    blind.add_argument("--seed", metavar="N", type=int, help="seed of the mixture (default: 0)")
    blind.add_argument(
        "--known",
        metavar="TABLE",
        help="table of known stars: class, and path or obsid (default: they are simulated)",
    )
    served = parser.add_argument_group(
        "serving", "In place of a file: the page from this computer, to a browser on it alone."
    )
    served.add_argument(
        "--serve",
        action="store_true",
        help="write each verdict to verdicts-<list>.jsonl in SCAN, until Ctrl-C",
    )
    served.add_argument(
        "--port", metavar="N", type=int, help="port of the server (default: a free one)"
    )
    served.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument(
        "--quiet", action="store_true", help="do not show how far the work is, nor notes"
    )


def run(args: argparse.Namespace) -> int:
    """Write or serve the page; returns 0, or 1 if it has no spectrum at all. Errors are the
    caller's."""
    from ..report.blind import truth_beside
    from ..report.making import make_page

    options: Options = {
        "top": args.top,
        "where": args.where,
        "rows": args.rows,
        "spectra": args.spectra,
        "verdicts": args.verdicts,
        "blind": args.blind,
        "seed": args.seed or 0,
        "known": args.known,
        "progress": False if args.quiet else None,
    }
    for name in ("seed", "known") if args.blind is None else ():
        if getattr(args, name) is not None:
            raise ReportError(f"--{name} is for --blind")
    if args.serve:
        return _serve(args, options)
    for name in ("port", "open"):
        if getattr(args, name):
            raise ReportError(f"--{name} is for --serve")
    made = make_page(args.scan, args.output, overwrite=args.overwrite, **options)
    for note in () if args.quiet else made.notes:
        print(f"lamost-rare: {printable(note)}", file=sys.stderr)
    print("\n".join(described(made)))
    if args.blind is not None:
        print(f"which stars are known: {printable(truth_beside(made.path))}")
    return 0 if made.rows > made.missing else 1


def _serve(args: argparse.Namespace, options: Options) -> int:
    """Serve until Ctrl-C or SIGTERM, which are its proper ends."""
    from ..report.blind import truth_beside
    from ..report.server import serve
    from ..survey.progress import stop_on_interrupt

    for name in ("output", "overwrite"):
        if getattr(args, name):
            raise ReportError(f"--{name} is for a page in a file: leave it out, or --serve")
    with serve(args.scan, port=args.port, **options) as served, stop_on_interrupt() as stop:
        for note in () if args.quiet else served.notes:
            print(f"lamost-rare: {printable(note)}", file=sys.stderr)
        print(f"{served.url}\nverdicts: {printable(served.path)}")
        if args.blind is not None:
            print(f"which stars are known: {printable(truth_beside(served.path))}")
        print("Ctrl-C ends it", flush=True)
        if args.open:
            webbrowser.open(served.url)
        while not stop():
            time.sleep(_A_MOMENT)
        stored = served.stored
    print(f"{stored} verdict{'' if stored == 1 else 's'} in {printable(served.path)}")
    return 0


def described(made) -> list[str]:
    """Return lines that say what a page holds, and how it is opened."""
    megabytes = made.path.stat().st_size / 1e6
    besides = f" and {made.visits} further visits of their stars" if made.visits else ""
    return [
        f"{printable(made.path)}: {made.rows} spectra{besides}, {megabytes:.1f} MB",
        f"open it in a browser: {made.path.as_uri()}",
    ]
