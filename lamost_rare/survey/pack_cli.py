"""``lamost-rare pack``. Importing this is cheap: what it runs is imported when it runs."""

from __future__ import annotations

import argparse
import sys

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pack``."""
    parser.add_argument("source", metavar="SOURCE", help="anything that scan takes")
    parser.add_argument(
        "--output", metavar="STORE.h5", required=True, help="the store; run again, pack resumes"
    )
    parser.add_argument(
        "--preset", metavar="P", help="whose wavelength grid (default: that of all shipped presets)"
    )
    parser.add_argument(
        "--workers", metavar="N", type=int, help="reader processes (default: one a core, at most 8)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace STORE.h5, and discard an unfinished run"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="no progress bar (there is none without a terminal)"
    )


def run(args: argparse.Namespace) -> int:
    """Pack; returns 0, 1 if nothing was usable, or 130 after Ctrl-C. Errors are the caller's."""
    from .errors import ScanInterrupted
    from .pack import pack_spectra

    try:
        summary = pack_spectra(
            args.source,
            args.output,
            preset=args.preset,
            workers=args.workers,
            overwrite=args.overwrite,
            progress=False if args.quiet else None,
        )
    except ScanInterrupted as interrupt:
        print(interrupt.summary, file=sys.stderr)
        return 130
    print(summary)
    return 0 if summary.classified else 1
