"""``lamost-rare pack``. Importing this is cheap: what it runs is imported when it runs."""

from __future__ import annotations

import argparse

from .scan import add_run_arguments, refuse_more, status_of

__all__ = ["add_arguments", "run"]

EXAMPLES = ("pack dr7/ --output dr7.h5",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``pack``."""
    parser.add_argument(
        "source", metavar="SOURCE", help="directory, archive or list of spectra, as for scan"
    )
    refuse_more(parser)
    parser.add_argument(
        "--output",
        metavar="STORE.h5",
        required=True,
        help="the HDF5 file to write; if it is interrupted, the same command continues",
    )
    parser.add_argument(
        "--preset",
        metavar="P",
        help="put the spectra on the wavelength grid of this preset (default: that of the "
        "shipped ones)",
    )
    parser.add_argument(
        "--root",
        metavar="DIR",
        help="SOURCE is LAMOST's general catalogue, its spectra are in DIR; its columns are kept",
    )
    add_run_arguments(parser, "replace STORE.h5, and discard an unfinished run")


def run(args: argparse.Namespace) -> int:
    """Pack; returns what `status_of` does. Errors are the caller's."""
    from ..survey.pack import pack_spectra

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
