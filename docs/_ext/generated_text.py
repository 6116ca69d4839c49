"""What a page says of the code is made from the code when the site is built.

A comment such as ``<!-- generated: commands -->`` in a page stands for the text that one of these
functions makes. A code host shows nothing in its place.
"""

import argparse
import re

from lamost_rare import cli
from lamost_rare.pipeline.registry import list_steps, load_entry

__all__ = ["MAKERS", "fill", "setup"]

MARKER = re.compile(r"<!-- generated: (\w+) -->")


def command_lines() -> str:
    """Describe each subcommand, its options and examples, from the parsers of the program."""
    lines = []
    for name in cli.COMMANDS:
        command = _choices(cli._parser([name]))[name]
        lines += ["", f"## lamost-rare {name}", "", f"{command.description}", ""]
        lines += _usage(command)
        below = _choices(command)
        lines += _options(command)
        for what, parser in below.items():
            lines += ["", f"### lamost-rare {name} {what}", "", parser.description or "", ""]
            lines += [*_usage(parser), *_options(parser)]
        if command.epilog:
            heading, *examples = command.epilog.splitlines()
            lines += ["", heading, "", "```console", *(f"$ {e.strip()}" for e in examples), "```"]
    return "\n".join(lines)


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of a parser's subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return action.choices
    return {}


def _usage(parser) -> list[str]:
    formatter = parser.formatter_class(prog=parser.prog, width=84)
    formatter.add_usage(None, parser._actions, parser._mutually_exclusive_groups, prefix="")
    return ["```text", formatter.format_help().rstrip(), "```", ""]


def _options(parser) -> list[str]:
    lines = []
    for action in parser._actions:
        subparsers = isinstance(action, argparse._SubParsersAction)
        if subparsers or action.help == argparse.SUPPRESS or action.dest == "help":
            continue
        formatter = parser._get_formatter()
        names = formatter._format_action_invocation(action)
        text = " ".join((formatter._expand_help(action) if action.help else "").split())
        lines += ["", f"`{names}`", f": {_markdown(text)}"]
    return lines


def step_lines() -> str:
    """Describe each step that comes with the package: parameters, needs, what it adds."""
    lines = []
    for entry in list_steps():
        if not entry.target.startswith("lamost_rare."):
            continue
        step = load_entry(entry)
        lines += [
            "",
            f"### {entry.name}",
            "",
            f"{_markdown(step.summary[:1].upper() + step.summary[1:])}.",
            "",
        ]
        if step.parameters:
            lines += ["| parameter | type | default | meaning |", "|---|---|---|---|"]
        for parameter in step.parameters:
            kind = ", ".join(map(str, parameter.choices)) or parameter.type_name
            default = "none" if parameter.default is None else f"`{parameter.default}`"
            cells = f"`{parameter.name}`", _markdown(kind), default, _markdown(parameter.help)
            lines.append("| " + " | ".join(cells) + " |")
        if step.needs:
            lines += ["", f"Needs: {_listed(step.needs)}"]
        added = [getattr(item, "name", item) for item in step.adds]
        if added:
            lines += ["", f"Adds: {_listed(added)}"]
    return "\n".join(lines)


def _listed(names) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names)) + "."


def _markdown(text: str) -> str:
    """Return text of a help in which nothing is taken for mark-up."""
    return re.sub(r"([<>_*|`\[\]])", r"\\\1", text)


MAKERS = {"commands": command_lines, "steps": step_lines}
"""What a marker's word stands for."""


def fill(text: str) -> str:
    """Return a page with its markers replaced."""
    return MARKER.sub(lambda match: MAKERS[match.group(1)](), text)


def setup(app):
    """Register with Sphinx."""

    def on_read(app, docname, source):
        source[0] = fill(source[0])

    app.connect("source-read", on_read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
