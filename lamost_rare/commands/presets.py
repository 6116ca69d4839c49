"""``lamost-rare presets``: what is shipped, what it is for, how good it is."""

from __future__ import annotations

import argparse
import sys
import textwrap

from ..preset_facts import facts_of, sentences_of
from ..presets import DEFAULT_PRESET, Preset, PresetError, list_presets, load_preset
from ..text import printable
from .doctor import check_presets, report

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "presets",
    "presets racnet-obafgkm-v1",
    "presets --check",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare presets``."""
    parser.add_argument(
        "preset",
        nargs="*",
        metavar="PRESET",
        help="names or folders of presets (default: all shipped ones)",
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="look whether their files are whole and they answer as when they were made, as "
        "doctor does; exit status 1 if not",
    )


def run(args: argparse.Namespace) -> int:
    """Print a paragraph for each preset; returns the exit status (1: there is none, or one is not
    as it should be)."""
    if args.check:
        return report(check_presets(args.preset))
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
    for text in sentences_of(preset):
        yield from textwrap.wrap(printable(text), 96, initial_indent="  ", subsequent_indent="  ")
    facts = facts_of(preset)
    facts["SHA-256"] = f"{preset.sha256} (verified)"
    facts["folder"] = str(preset.folder)
    width = max(map(len, facts))
    for name, value in facts.items():
        yield f"  {printable(name):{width}}  {printable(value)}"
