"""``lamost-rare evaluate``: the measurements."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare evaluate``."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    own = what.add_parser(
        "classifier",
        help="recall, false alarms and look-alikes, on stars not trained on",
        description="Cross-validate a preset's recipe by star, and write a page with plots.",
    )
    own.add_argument("--data", required=True, metavar="DIR", help="libraries/ and lamost/")
    own.add_argument("--preset", default="racnet-obafgkm-v1", metavar="P", help="which recipe")
    own.add_argument(
        "--output", default="docs/recognition.md", metavar="PAGE", help="(docs/recognition.md)"
    )
    own.add_argument(
        "--work", metavar="DIR", default=".cache/training", help="states, kept (.cache/training)"
    )
    own.add_argument("--jobs", type=int, default=2, help="trainings at a time (2)")
    own.add_argument("--seed", type=int, default=0, help="of everything random (0)")


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, write the page; returns the exit status."""
    from ..training.build import cross_validate
    from ..training.card import figure_rows
    from ..training.dataset import load_data_folder
    from ..training.recipes import RECIPES
    from .recognition import write_recognition

    if args.preset not in RECIPES:
        raise ValueError(f"no recipe {args.preset!r}; there are {', '.join(RECIPES)}")
    recipe = RECIPES[args.preset]
    sources = load_data_folder(args.data)
    trials = cross_validate(
        recipe, args.data, args.work, jobs=args.jobs, seed=args.seed, final=False
    )
    command = f"lamost-rare evaluate classifier --data DIR --preset {args.preset}"
    figures = write_recognition(recipe, sources, trials, args.output, command, args.seed)
    for title, value, numbers in figure_rows(figures):
        print(f"{title}: {value} [{numbers}]")
    print(args.output)
    return 0
