"""``lamost-rare run``. Importing this is cheap: what it runs is imported when it runs."""

from __future__ import annotations

import argparse

from .options import add_survey_arguments
from .scan import add_run_arguments, add_table_arguments, status_of

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "run pipeline.yaml",
    "run pipeline.yaml --input dr7/ --output candidates/",
    "run pipeline.yaml --check",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare run``."""
    parser.add_argument(
        "pipeline", metavar="PIPELINE.yaml", help="YAML file with input, output and steps"
    )
    parser.add_argument(
        "--input",
        metavar="SOURCE",
        help="directory, archive or list of spectra, as for scan, in place of the file's input",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        help="directory for the results, in place of the file's output; if the run is interrupted, "
        "the same command continues it",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="only check the pipeline and that its input exists, and show its steps",
    )
    add_survey_arguments(parser)
    add_run_arguments(parser, "discard what an earlier run left in DIR")
    add_table_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run; returns what `status_of` does. Errors are the caller's."""
    from ..pipeline.runner import check_pipeline, describe_pipeline, run_pipeline

    pipeline = check_pipeline(args.pipeline, args.input, args.output, args.prior)
    if args.check:
        from ..survey.inputs.opening import open_inputs
        from ..survey.selecting import selection_of

        selection_of(pipeline.steps, args.threshold, args.purity)
        open_inputs(pipeline.input, args.root)
        for line in describe_pipeline(pipeline):
            print(line)
        return 0
    return status_of(
        run_pipeline,
        pipeline,
        workers=args.workers,
        overwrite=args.overwrite,
        root=args.root,
        format=args.format,
        threshold=args.threshold,
        purity=args.purity,
        quiet=args.quiet,
    )
