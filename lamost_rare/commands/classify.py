"""``lamost-rare classify``."""

from __future__ import annotations

import argparse
import os
import sys

from ..inference.expected import Expected
from ..inference.output import check_output, terminal_lines, write_table
from ..inference.sizes import MOST, whole_number
from ..text import printable, without_name
from ..wording import named
from .options import add_survey_arguments

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "classify spec-56591-EG012606N412001_sp04-131.fits.gz",
    "classify spectra/*.fits.gz --output table.csv",
    "classify spectra/*.fits.gz --prior O=2e-5 --threshold 0.9",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare classify``."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="LAMOST low-resolution spectra")
    parser.add_argument(
        "--output",
        "-o",
        metavar="TABLE",
        help="write the full table there: .csv, .ecsv, .fits, .parquet or .vot",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace TABLE if it exists")
    parser.add_argument(
        "--preset",
        metavar="P",
        help="which classifier: name of a shipped preset (see 'lamost-rare presets'), or a folder",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=256,
        metavar="N",
        help=f"spectra that the network sees at a time (default: 256, at most "
        f"{MOST['batch_size']})",
    )
    add_survey_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Classify, print or write; returns the exit status (1: nothing was usable)."""
    whole_number(named("batch_size"), args.batch_size)
    if args.output:
        check_output(args.output, overwrite=args.overwrite)
    from ..inference.classify import classify_spectra

    table = classify_spectra(
        args.files,
        args.preset,
        batch_size=args.batch_size,
        prior=args.prior,
        threshold=args.threshold,
        purity=args.purity,
    )
    if args.output:
        write_table(table, args.output, overwrite=args.overwrite)
    else:
        for line in terminal_lines(table):
            print(line)
    sys.stdout.flush()
    rejected = table.meta["rejected"]
    for row, reason, detail in rejected:
        path = str(table["path"][row])
        hint = " (lamost-rare scan searches directories)" if os.path.isdir(path) else ""
        detail = without_name(detail, path) + hint
        print(f"lamost-rare: not usable: {printable(path)}: {reason}: {detail}", file=sys.stderr)
    if args.output:
        candidates = int(table["candidate"].sum())
        print(
            f"{len(table) - len(rejected)} classified, {len(rejected)} not usable, "
            f"{candidates} candidate{'' if candidates == 1 else 's'}: {printable(args.output)}"
        )
    _say_what_to_expect(table, len(table) - len(rejected))
    return 1 if len(rejected) == len(table) else 0


def _say_what_to_expect(table, n_usable: int) -> None:
    """Print how many of several spectra are expected to be of the rare class."""
    meta, rare = table.meta, table.meta["rare_class"]
    if n_usable < 2 or "expected" not in meta:  # the log says why not
        return
    print(f"candidates of class {rare}: {table['candidate'].sum()} ({meta['candidates']})")
    for line in Expected.from_dict(meta["expected"]).lines(rare):
        print(printable(line))
