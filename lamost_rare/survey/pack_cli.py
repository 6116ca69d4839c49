"""``lamost-rare pack``. Importing this is cheap: what it runs is imported when it runs."""

from __future__ import annotations

import argparse

from .cli import add_run_arguments, refuse_more, status_of

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pack``."""
    parser.add_argument("source", metavar="SOURCE", help="anything that scan takes")
    refuse_more(parser)
    parser.add_argument(
        "--output", metavar="STORE.h5", required=True, help="the store; run again, pack resumes"
    )
    parser.add_argument(
        "--preset", metavar="P", help="whose wavelength grid (default: that of all shipped presets)"
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="where the spectra of a general catalogue (SOURCE) are; the store keeps what it says",
    )
    add_run_arguments(parser, "replace STORE.h5, and discard an unfinished run")


def run(args: argparse.Namespace) -> int:
    """Pack; returns what `status_of` does. Errors are the caller's."""
    from .pack import pack_spectra

    return status_of(
        pack_spectra,
        args.source,
        args.output,
        preset=args.preset,
        root=args.root,
        workers=args.workers,
        overwrite=args.overwrite,
        quiet=args.quiet,
    )
