"""Draw the figures of the pages again, without repeating the measurements.

    python docs/make_pictures.py [--data DIR]

Everything is drawn by the functions that ``lamost-rare evaluate`` and ``lamost-rare completeness``
use, from what is kept: the trials and figures of the shipped preset, and the tables of
docs/paper.md and docs/recognition.md, which ``evaluate`` wrote. Confusion and calibration of
docs/recognition.md need trials with the probabilities of all classes, which no preset keeps:
``lamost-rare evaluate classifier`` alone draws those. Generated spectra are generated again, in a
minute, if a data folder is given.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from lamost_rare import load_preset
from lamost_rare.evaluation.completeness_plot import plot_completeness
from lamost_rare.evaluation.paper.plots import plot_iterations, plot_missed, snr_titles
from lamost_rare.evaluation.paper.recogniser import WAYS
from lamost_rare.evaluation.paper.scores import AT_SNR, SCORES
from lamost_rare.evaluation.plots import plot_recall, plot_tail
from lamost_rare.evaluation.shown import Shown
from lamost_rare.evaluation.survey_plots import plot_purity, plot_reliability
from lamost_rare.validation.completeness import found_by

DOCS = Path(__file__).parent
PRESET, GENERATOR = "racnet-obafgkm-v1", "lcgan-o-v1"
NUMBER = r"-?\d+(?:\.\d+)?"
SPREAD = re.compile(rf"({NUMBER})(?: \(({NUMBER}) to ({NUMBER})\))?(?: %)?")


def table_of(page: str, *headings: str) -> list[dict[str, str]]:
    """Return the rows of the first table of a page that begins with some headings."""
    for block in page.split("\n\n"):
        lines = block.strip().splitlines()
        if len(lines) > 2 and lines[0].startswith(f"| {' | '.join(headings)} |"):
            names, _, *rows = ([x.strip() for x in line[1:-1].split(" | ")] for line in lines)
            return [dict(zip(names, row, strict=True)) for row in rows]
    raise SystemExit(f"there is no table with headings {headings}")


def spread(cell: str) -> tuple[float, float, float]:
    """Read what `lamost_rare.evaluation.pages.spread` wrote."""
    found = SPREAD.fullmatch(cell)
    if not found:
        raise SystemExit(f"no number with its range: {cell!r}")
    middle, low, high = found.groups()
    return float(middle), float(low or middle), float(high or middle)


def draw_paper(page: str, images: Path) -> None:
    """Draw the plots of docs/paper.md from its tables."""
    key = {title: way for way, title in WAYS.items()}
    rows = table_of(page, SCORES["set2"])
    columns = list(rows[0])[1:]
    few = {key[row[SCORES["set2"]]]: [spread(row[x]) for x in columns] for row in rows}
    plot_missed(few, columns, "O spectra of set 2", images / "paper-stars.svg")
    first = "O spectra trained on"
    rows = table_of(page, first)
    at_snr = {key[row[first]]: [spread(row[SCORES[x]]) for x in AT_SNR] for row in rows}
    plot_missed(at_snr, snr_titles(), "unseen O spectra", images / "paper-snr.svg")
    levels = {key[row[first]]: spread(row[SCORES["set2"]])[0] for row in rows}
    rows = table_of(page, "iteration")
    plot_iterations(
        [int(row["iteration"]) for row in rows],
        {x: [spread(row[f"{x.upper()}, set 2"]) for row in rows] for x in ("lcgan", "sgan")},
        {way: levels[way] for way in ("nothing", "simulation")},
        images / "paper-iterations.svg",
    )


def draw_recognition(page: str, images: Path) -> None:
    """Draw the plots of docs/recognition.md that need no new trials, and that of completeness."""
    preset = load_preset(PRESET)
    thresholds: dict[str, dict] = {}
    for row in table_of(page, "p at least", "S/N", "completeness"):
        values = {
            name: spread(row[name]) if row[name] != "-" else (None, None, None)
            for name in ("completeness", "purity")
        }
        thresholds.setdefault(row["p at least"], {})[row["S/N"]] = values
    name = f"{preset.name}-{{}}.svg"
    plot_purity(thresholds, preset.rare_class, images / name.format("purity"))
    reliability = preset.figures["survey"]["reliability"]
    plot_reliability(reliability, preset.rare_class, images / name.format("reliability"))
    shown = Shown.of_preset(preset)
    plot_recall(shown, images / name.format("recall"))
    plot_tail(shown, images / name.format("false-alarms"))
    plot_completeness(found_by(preset), images / "completeness.svg")


def draw_generated(data: str, images: Path) -> None:
    """Draw the plots of docs/gan.md, of spectra that are generated again."""
    from lamost_rare.evaluation.generated import panel_of
    from lamost_rare.evaluation.generated_plots import plot_measures, plot_panel

    panel = panel_of(data, GENERATOR)
    plot_panel(panel, images / "gan-panel.png")
    plot_measures(panel, images / "gan-measures.svg")


def main() -> None:
    """Draw all that can be drawn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", metavar="DIR", help="data folder, for generated spectra")
    parser.add_argument("--images", metavar="DIR", type=Path, default=DOCS / "images")
    args = parser.parse_args()
    args.images.mkdir(parents=True, exist_ok=True)
    draw_paper((DOCS / "paper.md").read_text(encoding="utf-8"), args.images)
    draw_recognition((DOCS / "recognition.md").read_text(encoding="utf-8"), args.images)
    if args.data:
        draw_generated(args.data, args.images)


if __name__ == "__main__":
    main()
