"""``lamost-rare presets``: what is shipped, what it is for, how good it is."""

from __future__ import annotations

import argparse
import sys
import textwrap

from ..presets import DEFAULT_PRESET, Preset, PresetError, list_presets, load_preset
from ..text import printable
from ..validation.figure_titles import measured_rows, recall_in_words, title_of

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "presets",
    "presets racnet-obafgkm-v1",
)


_FALSE = ("candidates_", "false_alarms_")
"""How the keys of figures begin that say how often something else is taken for a candidate."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare presets``."""
    parser.add_argument(
        "preset",
        nargs="*",
        metavar="PRESET",
        help="names or folders of presets (default: all shipped ones)",
    )


def run(args: argparse.Namespace) -> int:
    """Print a paragraph for each preset; returns the exit status (1: there is none)."""
    names = args.preset or list_presets()
    if not names:
        print("no preset is shipped with this installation", file=sys.stderr)
        return 1
    broken = 0
    for name in names:
        try:
            print("\n".join(_paragraph(load_preset(name))), end="\n\n")
        except PresetError as error:
            broken += 1
            print(f"lamost-rare: error: {printable(error)}", file=sys.stderr)
    return 2 if broken else 0


def _paragraph(preset: Preset):
    default = " (default)" if preset.name == DEFAULT_PRESET else ""
    yield f"{printable(preset.name)}{default}: {preset.kind}"
    known = measured_rows(preset)
    text = preset.description
    if mistaken := _mistaken(preset, known):
        # Before its recall, which says little of a classifier that takes everything hot for rare.
        known.sort(key=lambda row: not row[0].startswith(_FALSE))
        text += (
            f" Warning: not for a search, as it takes other stars for {preset.rare_class}: "
            f"{mistaken}."
        )
    texts = [text]
    if any(title_of(name, preset.rare_class) for name in preset.figures):
        texts.append(recall_in_words(preset))
    for text in texts:
        yield from textwrap.wrap(printable(text), 96, initial_indent="  ", subsequent_indent="  ")
    facts = {}
    if preset.classes:
        facts["classes"] = " ".join(preset.classes)
        odds = preset.settings.odds
        by = f"p_{preset.rare_class}_survey" if odds else "a probability"
        facts["looks for"] = f"{preset.rare_class}, at {by} of {preset.threshold:.4g} or more"
        if odds:
            prevalence = preset.settings.prevalence.items()
            facts["prevalences"] = ", ".join(f"{name} {value:.3g}" for name, value in prevalence)
        if table := preset.settings.threshold_by_snr:
            facts["by S/N (g)"] = str(table)
        if discriminant := preset.settings.discriminant:
            facts["discriminant"] = f"{discriminant.threshold:.2f} or more"
    grid = preset.grid
    low, high = grid.wavelength[0], grid.wavelength[-1]
    facts["wavelengths"] = f"{low:.0f} to {high:.0f} Å in vacuum, {grid.n_pixels} pixels"
    facts |= {title: f"{value} [{numbers}]" for _, title, value, numbers in known}
    facts |= {
        name.replace("_", " "): _figure(value)
        for name, value in preset.figures.items()
        if not known and title_of(name, preset.rare_class) is None
    }
    facts["SHA-256"] = f"{preset.sha256} (verified)"
    facts["folder"] = str(preset.folder)
    width = max(map(len, facts))
    for name, value in facts.items():
        yield f"  {printable(name):{width}}  {printable(value)}"


def _mistaken(preset: Preset, rows) -> str:
    """The kinds of stars of which a preset calls more than half candidates, with these parts."""
    partial = ("known_in_the_blue", "one_side_lost", "reobserved")
    rates = {
        title.removesuffix(" called candidates"): preset.figures[key].get("rate") or 0
        for key, title, *_ in rows
        if key.startswith("candidates_") and not any(word in key for word in partial)
    }
    return ", ".join(f"{title} ({rate:.2f})" for title, rate in rates.items() if rate > 0.5)


def _figure(value) -> str:
    """A measured figure: a number, or named numbers."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_figure(v)}" for name, v in value.items())
    if isinstance(value, (list, tuple)):
        return " to ".join(map(_figure, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
