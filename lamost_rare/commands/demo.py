"""``lamost-rare demo``: simulate a small survey, search it, and show what was found."""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

from ..text import printable

__all__ = ["add_arguments", "run", "run_demo"]

EXAMPLES = (
    "demo",
    "demo --output /tmp/demo",
)

_SHOWN_LINES = ("heii_4541", "heii_4686", "hei_4471")
_MOST_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare demo``."""
    parser.add_argument(
        "--output",
        metavar="DIR",
        default="demo-output",
        help="directory for the simulated spectra, survey/, and what is found, candidates/ "
        "(default: demo-output)",
    )
    parser.add_argument(
        "--preset",
        metavar="P",
        help="which classifier: name of a shipped preset (see 'lamost-rare presets'), or a folder",
    )


def run(args: argparse.Namespace) -> int:
    """Run the demonstration; returns the exit status (1: nothing was usable)."""
    return 0 if run_demo(Path(args.output), args.preset) else 1


def run_demo(folder: Path, preset=None) -> int:
    """Simulate into ``folder/survey``, scan into ``folder/candidates``, print what was found, and
    write the page for looking at it.

    Parameters
    ----------
    folder : Path
        Made if it does not exist. An earlier demonstration there is replaced.
    preset : str or path, optional
        Which classifier; checked before anything is written.

    Returns
    -------
    int
        Number of spectra that were classified.
    """
    from ..presets import load_preset
    from ..report.making import make_page
    from ..simulation.demo import make_demo_survey
    from ..survey import scan_directory

    preset = load_preset(preset)
    survey = make_demo_survey(folder / "survey")
    truth = _truth(survey)
    print(f"Simulated {len(truth)} files, some of them damaged: {printable(survey)}", flush=True)
    summary = scan_directory(survey, folder / "candidates", preset=preset, overwrite=True)
    print(summary, end="\n\n")
    for line in _comparison(folder / "candidates", survey, truth, preset.rare_class):
        print(line)
    if summary.candidates:
        page = make_page(folder / "candidates", overwrite=True, progress=False).path
        print(f"\nA page for looking at them: {page.as_uri()}")
    return summary.classified


def _truth(survey: Path) -> dict[str, dict[str, str]]:
    """Read what was simulated, by path below the survey."""
    with open(survey / "truth.csv", newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def _comparison(results: Path, survey: Path, truth: dict, rare: str):
    """Yield lines that set the candidates beside the truth."""
    import pyarrow.parquet as pq

    found = pq.read_table(results / "candidates.parquet").to_pylist()
    for row in found:
        path = os.path.relpath(os.path.realpath(row["path"]), os.path.realpath(survey))
        row["truth"] = truth[path.replace(os.sep, "/")]
    wanted = sum(row["kind"] == rare and not row["damage"] for row in truth.values())
    right = sum(row["truth"]["kind"] == rare for row in found)
    others = len(found) - right
    yield f"{rare} stars simulated: {wanted}, of them found: {right}; found besides: {others}"
    if found:
        names = [f"ew_{line}" for line in _SHOWN_LINES]
        yield "  ".join(["truth".ljust(12), f"p({rare}) ", "S/N", *names, "file"])
    for row in found[:_MOST_SHOWN]:
        kind, subclass = row["truth"]["kind"], row["truth"]["subclass"]
        shown = subclass if subclass.startswith(kind) else kind
        numbers = [f"{row[f'p_{rare}']:.3f}", _number(row["snr_g"], "3.0f").rjust(3)]
        widths = [_number(row[name], ".2f").rjust(len(name)) for name in names]
        yield "  ".join([shown.ljust(12), *numbers, *widths, os.path.basename(row["path"])])
    if len(found) > _MOST_SHOWN:
        yield f"and {len(found) - _MOST_SHOWN} more"


def _number(value: float | None, format: str) -> str:
    return "-" if value is None else f"{value:{format}}"
