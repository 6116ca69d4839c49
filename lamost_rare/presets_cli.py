"""``lamost-rare presets``: what is shipped, what it is for, how good it is."""

from __future__ import annotations

import argparse
import sys
import textwrap

from .presets import DEFAULT_PRESET, Preset, PresetError, list_presets, load_preset
from .text import printable
from .training.card import asked_by_snr, measured_rows, recall_in_words, title_of

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare presets``."""
    parser.add_argument(
        "preset", nargs="*", metavar="PRESET", help="only these, by name or folder (all shipped)"
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
    text = preset.description
    if preset.classes and preset.figures:
        text += f" {recall_in_words(preset)}"
    yield from textwrap.wrap(printable(text), 96, initial_indent="  ", subsequent_indent="  ")
    facts = {}
    if preset.classes:
        facts["classes"] = " ".join(preset.classes)
        facts["looks for"] = (
            f"{preset.rare_class}, at a probability of {preset.threshold:.4g} or more"
        )
        if table := preset.config.get("threshold_by_snr"):
            facts["by S/N (g)"] = asked_by_snr(table)
        if discriminant := preset.config.get("discriminant"):
            facts["discriminant"] = f"{discriminant['threshold']:.2f} or more"
    grid = preset.grid
    low, high = grid.wavelength[0], grid.wavelength[-1]
    facts["wavelengths"] = f"{low:.0f} to {high:.0f} Å in vacuum, {grid.n_pixels} pixels"
    known = measured_rows(preset)
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


def _figure(value) -> str:
    """A measured figure: a number, or named numbers."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_figure(v)}" for name, v in value.items())
    if isinstance(value, (list, tuple)):
        return " to ".join(map(_figure, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
