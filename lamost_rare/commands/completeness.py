"""``lamost-rare completeness``."""

from __future__ import annotations

import argparse
import os
import sys
from itertools import product
from math import inf, isfinite
from pathlib import Path
from typing import Any

from ..atomic import atomic_path
from ..inference.output import OutputError, check_output, write_table
from ..text import printable
from ..validation.completeness import completeness, found_by
from .options import add_prior, fraction

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "completeness",
    "completeness --snr 5 10 20 --subtype O7 O9.5",
    "completeness --threshold 0.9 --output table.csv --plot completeness.png",
)

_PICTURES = (".png", ".pdf", ".svg")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare completeness``."""
    parser.add_argument(
        "--preset",
        metavar="P",
        help="which classifier: name of a shipped preset (see 'lamost-rare presets'), or a folder",
    )
    values = parser.add_argument_group(
        "values", "In place of the table by bins: each S/N with each extinction and subtype."
    )
    values.add_argument(
        "--snr", nargs="+", type=_positive, metavar="N", help="S/N (g), 5 to 100 was tried"
    )
    values.add_argument(
        "--a-v",
        nargs="+",
        type=_not_negative,
        metavar="MAG",
        help="extinction in mag, 0 to 8 was tried (default: averaged over the trials)",
    )
    values.add_argument(
        "--subtype",
        nargs="+",
        metavar="TYPE",
        help="such as O9.5, or its number (default: averaged over the trials)",
    )
    parser.add_argument(
        "--threshold",
        type=fraction,
        metavar="T",
        help="least p_<rare>_survey of a candidate (default: the preset's)",
    )
    add_prior(parser)
    parser.add_argument(
        "--output",
        "-o",
        metavar="TABLE",
        help="write the table there: .csv, .ecsv, .fits, .parquet or .vot",
    )
    parser.add_argument("--plot", metavar="PICTURE", help=f"draw it there: {', '.join(_PICTURES)}")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace TABLE and PICTURE if they exist"
    )


def run(args: argparse.Namespace) -> int:
    """Print, write and draw; returns the exit status (1: all lies outside of what was tried)."""
    if args.output:
        check_output(args.output, overwrite=args.overwrite)
    if args.plot:
        _check_picture(args.plot, overwrite=args.overwrite)
    found = found_by(args.preset, threshold=args.threshold, prior=args.prior)
    given = {"snr": args.snr, "a_v": args.a_v, "subtype": args.subtype}
    given = {name: values for name, values in given.items() if values}
    points = dict(zip(given, zip(*product(*given.values()), strict=True), strict=True))
    asked: dict[str, Any] = {name: list(values) for name, values in points.items()}
    table = completeness(found, **asked)
    if args.output:
        write_table(table, args.output, overwrite=args.overwrite)
    else:
        for line in table.pformat(max_lines=-1, max_width=-1, align=_alignment(table)):
            print(line.rstrip())
    if args.plot:
        from ..evaluation.completeness_plot import plot_completeness

        with atomic_path(Path(args.plot).absolute()) as temporary:
            plot_completeness(found, temporary, format=Path(args.plot).suffix[1:].lower())
    sys.stdout.flush()
    print(_summary(table.meta), file=sys.stdout if args.output else sys.stderr)
    outside = table.meta.get("outside", 0)
    if outside:
        print(
            f"lamost-rare: {outside} of {len(table)} rows lie outside of what was tried",
            file=sys.stderr,
        )
    return 1 if outside == len(table) else 0


def _alignment(table) -> list[str]:
    return [">" if column.dtype.kind in "fi" else "<" for column in table.itercols()]


def _summary(meta) -> str:
    name = meta["rare_class"]
    return (
        f"{printable(meta['preset'])}: part of {printable(name)} with p_{printable(name)}_survey "
        f"of {meta['threshold']:.4g} or more; {meta['spectra']} simulated spectra of "
        f"{meta['stars']} stars not trained on; low and high: {meta['range']} over samples of stars"
    )


def _positive(text: str) -> float:
    if not (value := _number(text)) > 0:
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return value


def _not_negative(text: str) -> float:
    if not (value := _number(text)) >= 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more, not {text}")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = inf
    if not isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}")
    return value


def _check_picture(path: str, *, overwrite: bool) -> None:
    shown, picture = printable(path), Path(path)
    if picture.suffix.lower() not in _PICTURES:
        raise OutputError(f"{shown}: the suffix must be one of {', '.join(_PICTURES)}")
    if picture.is_dir():
        raise OutputError(f"{shown} is a directory")
    if picture.exists() and not overwrite:
        raise OutputError(f"{shown} exists already; --overwrite replaces it")
    if not picture.parent.is_dir():
        raise OutputError(f"{shown}: there is no directory {printable(picture.parent)}")
    if not os.access(picture.parent, os.W_OK):
        raise OutputError(f"{shown}: {printable(picture.parent)} is not writable")
