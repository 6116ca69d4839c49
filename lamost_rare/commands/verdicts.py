"""``lamost-rare verdicts``."""

from __future__ import annotations

import argparse
import sys

from ..inference.output import check_output, write_table
from ..report.people import gather
from ..report.verdict import VerdictError
from ..report.verdict_files import from_blind_page, notes_on_lists, read_verdict_files
from ..report.verdict_summary import agreement_lines, counts_lines
from ..report.verdict_table import table_of_verdicts
from ..text import printable

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "verdicts anna.csv ben.json --output decided.csv",
    "verdicts candidates/verdicts-*.jsonl --scan candidates/ --output decided.fits",
    "verdicts anna.csv ben.csv --same O,B",
    "verdicts anna.csv ben.csv --blind test.blind.json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare verdicts``."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="verdicts that pages exported (CSV, JSON), or that report --serve kept (.jsonl)",
    )
    parser.add_argument(
        "--output",
        "-o",
        metavar="TABLE",
        help="write a row for each spectrum there, disagreements first: .csv, .ecsv, .fits, "
        ".parquet or .vot",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace TABLE if it exists")
    parser.add_argument(
        "--scan",
        metavar="SCAN",
        help="directory of the scan: its probability, S/N and prediction go into the table",
    )
    parser.add_argument(
        "--same",
        action="append",
        default=[],
        type=_classes,
        metavar="CLASS,CLASS",
        help="tell the agreement also with these classes taken for one",
    )
    parser.add_argument(
        "--one-person",
        action="store_true",
        help="people of one name are one person, also where their files have no verdict in common",
    )
    parser.add_argument(
        "--blind",
        metavar="PAGE.blind.json",
        help="what report --blind wrote: tell how well each person did on the known stars, and "
        "leave these out of all else",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the samples that ranges of kappa come of (default: 0)",
    )


def run(args: argparse.Namespace) -> int:
    """Print, write; returns the exit status (1: there is no verdict)."""
    if args.seed < 0:
        raise VerdictError(f"--seed must be 0 or more, not {args.seed}")
    if args.output:
        check_output(args.output, overwrite=args.overwrite)
    from ..report.blind_score import read_truth, refuse_other_list, score_lines
    from ..report.finished_scan import open_scan
    from ..report.scan_columns import joined_columns

    scan = open_scan(args.scan) if args.scan else None
    files = read_verdict_files(args.files)
    found = gather(files, one_person=args.one_person)
    known: list[str] = []
    if args.blind:
        truth = read_truth(args.blind)
        refuse_other_list(truth, found.verdicts, printable(args.blind))
        known = list(score_lines(truth, found.verdicts, found.people))
        found.verdicts = [v for v in found.verdicts if v.key not in truth.classes]
    columns, joined = joined_columns(scan, found.verdicts) if scan else ((), {})
    table = table_of_verdicts(found.verdicts, found.people, columns, joined)
    if args.output:
        write_table(table, args.output, overwrite=args.overwrite)
    for line in counts_lines(found.verdicts, found.people):
        print(line)
    rare = scan.rare_class if scan else ""
    how = {"rare": rare, "seed": args.seed}
    for line in agreement_lines(found.verdicts, found.people, args.same, **how):
        print(line)
    for line in known:
        print(line)
    print(_summary(table, found, len(joined) if scan else None))
    if args.output:
        print(printable(args.output))
    sys.stdout.flush()
    notes = [f"{file.path} {note}" for file in files for note in file.notes]
    if not args.blind and any(map(from_blind_page, found.verdicts)):
        notes.append(
            "these verdicts are from a blind page: --blind PAGE.blind.json leaves out the known "
            "stars"
        )
    for note in [*notes, *notes_on_lists(files), *found.notes]:
        print(f"lamost-rare: {printable(note)}", file=sys.stderr)
    return 0 if len(table) else 1


def _summary(table, found, in_scan: int | None) -> str:
    split = int((table["disagreement"] > 0).sum())
    parts = [
        f"{len(found.verdicts)} verdicts on {len(table)} spectra",
        f"{split} with disagreement",
    ]
    if found.withdrawn:
        parts.append(f"{found.withdrawn} withdrawn")
    if in_scan is not None:
        parts.append(f"{in_scan} in the scan")
    return ", ".join(parts)


def _classes(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if len(names) < 2 or not all(names):
        raise argparse.ArgumentTypeError(f"must be two classes or more, as O,B, not {text!r}")
    return names
