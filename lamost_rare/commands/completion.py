"""``lamost-rare completion``: what makes a shell complete commands and options."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from ..pipeline.registry import list_steps
from ..presets import list_presets

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "completion bash > ~/.local/share/bash-completion/completions/lamost-rare",
    "completion zsh > ~/.zfunc/_lamost-rare",
    "completion fish > ~/.config/fish/completions/lamost-rare.fish",
)

SHELLS = ("bash", "zsh", "fish")

_DIRECTORIES = ("DIR", "SCAN")
_FILES = (
    "CSV", "FILE", "FILE.h5", "NAME=VALUE|TABLE", "PAGE.blind.json", "PAGE.html", "PAGE.md",
    "PICTURE", "PIPELINE.yaml", "SOURCE", "STORE.h5", "TABLE",
)  # fmt: skip
_PRESETS = ("P", "PRESET")
"""Metavars of arguments by what can be put there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare completion``."""
    parser.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def run(args: argparse.Namespace) -> int:
    """Print the script for a shell, which asks nothing of lamost-rare when it completes."""
    import shtab  # takes a while, and nothing else needs it

    parser = args.make_parser()
    for action in _actions(parser):
        _say_what_it_takes(action, shtab)
    print(shtab.complete(parser, shell=args.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser and of all that are below it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)
        else:
            yield action


def _say_what_it_takes(action: argparse.Action, shtab) -> None:
    """Tell shtab what an argument without choices takes, by its metavar, which tells people."""
    metavar = action.metavar
    if action.choices is not None or action.type is not None:
        return
    if metavar in _PRESETS and action.dest != "output":
        action.choices = list_presets()
    elif metavar == "STEP":
        action.choices = sorted({entry.name for entry in list_steps()})
    elif metavar in (*_DIRECTORIES, *_PRESETS):
        action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    elif metavar in _FILES:
        action.complete = shtab.FILE  # type: ignore[attr-defined]
