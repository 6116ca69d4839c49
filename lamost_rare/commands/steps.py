"""``lamost-rare steps``: what is installed, with parameters."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from ..pipeline.errors import PipelineError
from ..pipeline.order import column_names
from ..pipeline.registry import StepEntry, broken_distributions, list_steps, load_entry
from ..text import printable

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "steps",
    "steps o_star_classifier",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare steps``."""
    parser.add_argument("names", nargs="*", metavar="STEP", help="names of steps (default: all)")


def run(args: argparse.Namespace) -> int:
    """List the steps; what is wrong with one is said on standard error."""
    entries = list_steps()
    for name in args.names:
        if name not in {entry.name for entry in entries}:
            load_entry(name)  # says what is near it
    problems = [] if args.names else broken_distributions()
    for entry in entries:
        if args.names and entry.name not in args.names:
            continue
        try:
            for line in describe_step(entry):
                print(line)
        except PipelineError as error:
            problems.append(str(error))
        if entry.problem:
            problems.append(entry.problem)
    for problem in problems:
        print(f"lamost-rare: {printable(problem)}", file=sys.stderr)
    return 0


def describe_step(entry: StepEntry) -> Iterator[str]:
    """Yield lines about a step, which is imported for it."""
    step = load_entry(entry)
    yield f"{printable(entry.name)}  ({entry.origin})"
    if step.summary:
        yield f"    {printable(step.summary)}"
    for parameter in step.parameters:
        default = "" if parameter.default is None else f" = {parameter.default!r}"
        kind = "|".join(map(str, parameter.choices)) or parameter.type_name
        yield printable(f"    {parameter.name} ({kind}{default}): {parameter.help}")
    if step.needs:
        yield printable(f"    needs: {', '.join(step.needs)}")
    added = column_names(step)
    if len(added) > 8:
        added = [*added[:4], f"... ({len(added)} columns)"]
    if added:
        yield printable(f"    adds: {', '.join(added)}")
