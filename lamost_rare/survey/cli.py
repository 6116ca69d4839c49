"""``lamost-rare scan``. Importing this is cheap: what it runs is imported when it runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``scan``."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="directory of LAMOST spectra (.fits, .fits.gz), tar archive of them, store of pack, "
        "list of files (@NAME, NAME.txt), or one file; with --root, a general catalogue",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="SOURCE is LAMOST's general catalogue (CSV, FITS or Parquet), its spectra are in DIR",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        required=True,
        help="directory for catalogue.parquet, rejected.parquet, candidates.csv and manifest.json; "
        "run again with the same one, the scan resumes",
    )
    parser.add_argument("--preset", metavar="P", help="name or folder of the classifier")
    parser.add_argument(
        "--workers", metavar="N", type=int, help="reader processes (default: one a core, at most 8)"
    )
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="have the workers of the Dask cluster there do the work (tcp://host:8786); needs the "
        "extra lamost-rare[dask]",
    )
    parser.add_argument(
        "--batch-size", metavar="N", type=int, default=256, help="spectra a step (default: 256)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="discard what an earlier scan left in DIR"
    )
    parser.add_argument(
        "--quiet",
        action="store_true",
        help="no progress bar (nor, without a terminal, a line a minute)",
    )
    parser.add_argument(
        "--format",
        choices=("parquet", "fits", "ecsv", "votable"),
        default="parquet",
        help="write the tables in this format, too; of a finished scan nothing else is done again",
    )


def run(args: argparse.Namespace) -> int:
    """Scan; returns 0, 1 if nothing was usable, or 130 after Ctrl-C. Errors are the caller's."""
    from .errors import ScanInterrupted
    from .scan import scan_directory

    if args.dask is not None:
        scan_directory = _scan_on(args.dask)
    try:
        summary = scan_directory(
            args.source,
            args.output,
            root=args.root,
            preset=args.preset,
            workers=args.workers,
            batch_size=args.batch_size,
            overwrite=args.overwrite,
            progress=False if args.quiet else None,
            format=args.format,
        )
    except ScanInterrupted as interrupt:
        print(interrupt.summary, file=sys.stderr)
        return 130
    print(summary)
    return 0 if summary.classified else 1


def _scan_on(address: str) -> Callable:
    """`scan_directory` on the Dask cluster at an address."""
    from .distributed import dask_client, dask_scan
    from .errors import ScanError

    def scan(source, output, *, workers, **options):
        if workers is not None:
            raise ScanError("--workers is for this computer: with --dask the cluster has its own")
        with dask_client(address) as client:
            return dask_scan(source, output, client, **options)

    return scan
