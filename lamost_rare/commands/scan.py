"""``lamost-rare scan``. Importing this is cheap: what it runs is imported when it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from ..inference.sizes import BATCH_SIZE
from .options import add_survey_arguments

__all__ = [
    "add_arguments",
    "add_run_arguments",
    "add_table_arguments",
    "refuse_more",
    "run",
    "status_of",
]

EXAMPLES = (
    "scan dr7/ --output candidates/",
    "scan dr7.h5 --output candidates/ --format fits",
    "scan dr7_v2.0_LRS_catalogue.csv --root dr7/ --output candidates/",
    "scan dr7/ --output candidates/ --prior O=2e-5 --purity 0.8",
)


def add_run_arguments(parser: argparse.ArgumentParser, discard: str) -> None:
    """Add what ``scan``, ``pack`` and ``run`` share; ``discard`` is what --overwrite does."""
    parser.add_argument(
        "--workers",
        metavar="N",
        type=int,
        help="processes that read files (default: one for each core, at most 8)",
    )
    parser.add_argument("--overwrite", action="store_true", help=discard)
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="do not show how far the work is (a bar; without a terminal, a line a minute)",
    )


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what ``scan`` and ``run`` share besides."""
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="SOURCE is LAMOST's general catalogue (CSV, FITS or Parquet), its spectra are in DIR",
    )
    parser.add_argument(
        "--format",
        choices=("parquet", "fits", "ecsv", "votable"),
        default="parquet",
        help="write the tables in this format as well (default: Parquet alone); for a finished "
        "scan, "
        "they are only converted",
    )


def refuse_more(parser: argparse.ArgumentParser) -> None:
    """Have several files, which a shell makes of a pattern, answered with what to do instead."""
    parser.add_argument("more", nargs="*", action=_RefuseMore, help=argparse.SUPPRESS)


class _RefuseMore(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        if values:
            parser.error(
                "one SOURCE, please: of several files give their directory, or a list (@NAME, or "
                f"printf '%s\\n' FILE... | {parser.prog} - ...)"
            )


def status_of(work: Callable, *args, quiet: bool, **options) -> int:
    """Do long work and print its summary: 0, 1 if nothing was usable, 130 after Ctrl-C, or 143
    after SIGTERM.

    Parameters
    ----------
    work : callable
        `scan_directory` or its like: returns a `ScanSummary`, raises `ScanInterrupted` with one.
    *args, **options
        For ``work``; ``progress`` besides.
    quiet : bool
    """
    from ..survey.errors import ScanInterrupted

    try:
        summary = work(*args, **options, progress=False if quiet else None)
    except ScanInterrupted as interrupt:
        print(interrupt.summary, file=sys.stderr)
        return interrupt.status
    print(summary)
    return 0 if summary.classified else 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``scan``."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="directory of LAMOST spectra (.fits, .fits.gz), tar archive of them, store of pack, "
        "list of files (@NAME, NAME.txt, - for standard input), or one file; with --root, a "
        "general catalogue",
    )
    refuse_more(parser)
    parser.add_argument(
        "--output",
        metavar="DIR",
        required=True,
        help="directory for catalogue.parquet, stars.parquet, rejected.parquet, candidates.csv and "
        "manifest.json; if the scan is interrupted, the same command continues it",
    )
    parser.add_argument(
        "--preset",
        metavar="P",
        help="which classifier: name of a shipped preset (see 'lamost-rare presets'), or a folder",
    )
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="let a Dask cluster do the work, whose scheduler is there (tcp://host:8786); needs "
        "the extra lamost-rare[dask]",
    )
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=int,
        default=BATCH_SIZE,
        help=f"spectra that are classified together (default: {BATCH_SIZE})",
    )
    parser.add_argument(
        "--thorough",
        action="store_true",
        help="show every spectrum to the full network; by default a fast first stage sorts out "
        "what is surely a common star",
    )
    add_survey_arguments(parser)
    add_run_arguments(parser, "discard what an earlier scan left in DIR")
    add_table_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Scan; returns what `status_of` does. Errors are the caller's."""
    from ..survey.scan import scan_directory

    return status_of(
        scan_directory if args.dask is None else _scan_on(args.dask),
        args.source,
        args.output,
        root=args.root,
        preset=args.preset,
        workers=args.workers,
        batch_size=args.batch_size,
        overwrite=args.overwrite,
        format=args.format,
        thorough=args.thorough,
        prior=args.prior,
        threshold=args.threshold,
        purity=args.purity,
        quiet=args.quiet,
    )


def _scan_on(address: str) -> Callable:
    """`scan_directory` on the Dask cluster at an address."""
    from ..survey.distributed import dask_client, dask_scan
    from ..survey.errors import ScanError

    def scan(source, output, *, workers, **options):
        if workers is not None:
            raise ScanError("--workers is for this computer: with --dask the cluster has its own")
        with dask_client(address) as client:
            return dask_scan(source, output, client, **options)

    return scan
