"""The ``lamost-rare`` command.

Each subcommand is a module of `lamost_rare.commands` with ``add_arguments(parser)`` and
``run(args) -> int``, imported only when it was asked for.

Exit status: 0 done; 1 done, but nothing usable was found; 2 bad usage or configuration, with one
line that says what to change; 130 interrupted, 143 by SIGTERM.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from itertools import takewhile

from . import __version__
from .errors import LamostRareError
from .installed import version_lines
from .logs import shown
from .processes import open_standard_streams
from .text import EMPTY, printable
from .wording import options_are_named

__all__ = ["main"]

PROGRAM = "lamost-rare"

COMMANDS = {
    "classify": "classify some spectra: a table in the terminal or in a file",
    "scan": "search a whole directory of spectra for candidates",
    "pack": "put spectra into one HDF5 file, which is faster to scan",
    "run": "run a pipeline of steps over a directory of spectra",
    "report": "write a page for looking at the candidates of a scan",
    "verdicts": "put the verdicts of several people together, with how they agree",
    "steps": "list the steps of pipelines, with their parameters",
    "presets": "list the pretrained networks (presets), with how good they are",
    "completeness": "tell what part of a rare class is found, by S/N, extinction and subtype",
    "augment": "generate spectra of a rare class with a neural network",
    "train": "train a classifier or a generator, or rebuild the shipped presets",
    "evaluate": "measure how good a classifier or a generator is",
    "demo": "simulate a small survey and search it",
    "completion": "print what makes a shell complete commands and options",
    "doctor": "look whether the installation works, and say what to do if not",
}
"""Subcommands and what they do in a few words; each is a module of `lamost_rare.commands`."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage block."""

    def __init__(self, **kwargs):
        super().__init__(**{"allow_abbrev": False, "formatter_class": _Formatter, **kwargs})
        self._given: list[str] = []
        self.register("type", None, _not_empty)  # what is text if nothing else was said

    def add_subparsers(self, **kwargs):
        action = super().add_subparsers(**kwargs)
        action.type = str  # its values are all that follow, which the subcommand checks
        return action

    def parse_known_args(self, args=None, namespace=None):
        self._given = list(sys.argv[1:] if args is None else args)
        found, left = super().parse_known_args(args, namespace)
        if any(word.startswith("-") for word in left):  # said here, where the options are known
            self.error(f"unrecognized arguments: {' '.join(left)}")
        return found, left

    def _meant(self) -> str:
        """Say of options that do not exist what they may have been meant to be."""
        words = self._given
        if self._subparsers is not None:  # which know what follows
            words = list(takewhile(lambda word: word.startswith("-"), words))
        options = [word.partition("=")[0] for word in words if word.startswith("--")]
        known = self._option_string_actions
        wrong = [option for option in options if option not in known and option != "--"]
        near = {word: get_close_matches(word, known, n=1) for word in wrong}
        return "".join(
            f"; there is no {word}" + (f", did you mean {close[0]}?" if close else "")
            for word, close in near.items()
        )

    def error(self, message):
        message += self._meant()  # what is missing may be misspelt
        self.exit(2, f"{PROGRAM}: error: {printable(message)} (see {self.prog} --help)\n")


class _Version(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        print(*version_lines(PROGRAM, __version__), sep="\n")
        parser.exit()


class _Formatter(argparse.HelpFormatter):
    """Leaves the lines of examples as they are."""

    def _get_default_metavar_for_optional(self, action):
        if action.type in (int, float):
            return "N"
        return super()._get_default_metavar_for_optional(action)

    def _fill_text(self, text, width, indent):
        if text.startswith("Example"):
            return "\n".join(indent + line for line in text.splitlines())
        return super()._fill_text(text, width, indent)


def _not_empty(text: str) -> str:
    """No argument means anything when it is empty, and a path would be the current directory."""
    if not text:
        raise argparse.ArgumentTypeError(EMPTY)
    return text


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : list of str, optional
        Arguments after the program's name; by default those of the process.

    Returns
    -------
    int
        The exit status.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show Å must not end the run
            stream.reconfigure(errors="backslashreplace")
    debug = "--debug" in argv
    try:
        args = _parser(argv).parse_args(argv)
        if not debug:
            _quiet()
        with options_are_named(), shown(PROGRAM, debug):
            return args.run(args)
    except SystemExit as done:  # argparse: --help, --version, bad usage
        return done.code if isinstance(done.code, int) else 2
    except BrokenPipeError:  # `lamost-rare ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt as stop:
        _complain(str(stop) or "interrupted")
        return 130
    except Exception as error:
        if debug:
            raise
        _complain(_one_line(error))
        return getattr(error, "status", 2)


def _parser(argv: list[str], *, whole: bool = False) -> argparse.ArgumentParser:
    """Return the parser, with options only for the subcommand that was asked for, unless it is to
    be whole."""
    parser = _Parser(
        prog=PROGRAM,
        description="Find rare stars, O stars first, in LAMOST survey spectra.",
        epilog="'lamost-rare COMMAND --help' says more, with examples; 'lamost-rare demo' needs no "
        "data. Exit status: 0 done; 1 done, but nothing usable was found; 2 wrong usage or "
        "configuration, with one line that says what to change; 130 interrupted, 143 by SIGTERM.",
    )
    parser.add_argument(
        "--version",
        action=_Version,
        nargs=0,
        help="show the version, and those of what results depend on, and exit",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show tracebacks, warnings and what is logged"
    )
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    chosen = next((word for word in argv if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        command = subparsers.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}."
        )
        command.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
        if whole or name == chosen:
            found = import_module(f"{__package__}.commands.{name}")
            found.add_arguments(command)
            command.set_defaults(run=found.run, make_parser=partial(_parser, [], whole=True))
            command.epilog = _examples(getattr(found, "EXAMPLES", ()))
    return parser


def _examples(commands) -> str | None:
    """The end of a help text, of command lines without the name of the program."""
    if not commands:
        return None
    heading = "Example:" if len(commands) == 1 else "Examples:"
    return "\n".join([heading, *(f"  {PROGRAM} {command}" for command in commands)])


def _quiet() -> None:
    """Keep libraries' chatter off the terminal; what matters of it stands in flags and reasons."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # Its tracebacks of a scheduler that is gone; a level would be overwritten on import.
    logging.getLogger("distributed.client").disabled = True
    warnings.simplefilter("ignore")


def _one_line(error: Exception) -> str:
    """Say what went wrong, and for surprises how to learn more."""
    if isinstance(error, OSError) and error.strerror:
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror}"
    # These are how the package, and what reads files for it, say what is wrong with an input.
    if isinstance(error, (LamostRareError, ValueError, OSError)) and str(error):
        return str(error)
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)"


def _complain(message: str) -> None:
    print(f"{PROGRAM}: error: {printable(message)}", file=sys.stderr)
