"""The documentation site, as far as that can be told without building it (`make docs` does)."""

import ast
import importlib
import inspect
import re
import textwrap
import zlib
from enum import IntFlag
from pathlib import Path

import pytest

from inventories import ALIASES, intersphinx_entries, read_list
from lamost_rare import cli
from lamost_rare.pipeline import Step
from lamost_rare.pipeline.registry import list_steps
from typing_helpers import untyped

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGES = {
    path.relative_to(DOCS).with_suffix("").as_posix(): path
    for path in sorted(DOCS.rglob("*.md"))
    if not {"_build", "api"} & set(path.relative_to(DOCS).parts[:-1])
}
NOT_DESCRIBED = {"__version__", "iterate_sources", "report"}
"""The second is the old name of `read_each`; the last is described as `make_report`."""

GROUPS = ["tutorials", "howto", "explanation", "reference"]


def toctree(page):
    """Pages that a page lists in its toctree."""
    found = re.findall(r"```\{toctree\}\n(.*?)```", PAGES[page].read_text("utf-8"), re.DOTALL)
    return [line for text in found for line in text.split("\n") if line and line[0] != ":"]


def test_every_page_is_in_one_toctree():
    listed = [name for page in PAGES for name in toctree(page)]
    assert sorted(listed) == sorted(PAGES.keys() - {"index"})


@pytest.mark.parametrize("group", GROUPS)
def test_the_page_of_a_group_says_what_is_in_it(group):
    """A code host shows the list and not the toctree."""
    text = PAGES[group].read_text("utf-8").split("```{toctree}")[0]
    linked = [name.removesuffix(".md") for name in re.findall(r"^- \[.*?\]\((.*?)\)", text, re.M)]
    assert linked == toctree(group)


def names_in_the_reference():
    """Module and name of each object that the reference has a page for."""
    module = None
    for line in PAGES["api"].read_text("utf-8").splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split()[-1]
        elif re.fullmatch(r"   [A-Za-z][\w.]*", line):
            yield f"{module}.{line.strip()}".rpartition(".")[::2]


@pytest.mark.parametrize(("home", "name"), list(names_in_the_reference()))
def test_the_reference_has_parameters_results_and_examples(home, name):
    pytest.importorskip(home.split(".")[0])
    thing = getattr(importlib.import_module(home), name)
    if not callable(thing):
        return
    if home == "lamost_rare_ceci":  # which appends to the docstrings of stages
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
        text = ast.get_docstring(tree.body[0])
    else:
        text = inspect.getdoc(thing)
    assert "\nExamples\n--------\n" in text
    assert ">>> " in text or "::\n\n    " in text
    if inspect.isfunction(thing) and inspect.signature(thing).return_annotation != "None":
        assert "\nReturns\n-------\n" in text or "\nYields\n------\n" in text
    if home.startswith("lamost_rare_") or issubclass_of(thing, (BaseException, IntFlag, Step)):
        return
    documented = re.findall(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: : .*)?$", text, re.MULTILINE)
    known = {word.strip("* ") for line in documented for word in line.split(",")}
    assert inspect.signature(thing).parameters.keys() <= known


@pytest.mark.parametrize(("home", "name"), list(names_in_the_reference()))
def test_what_the_reference_describes_is_typed(home, name):
    if not home.startswith("lamost_rare_"):  # adapters follow their hosts, which have no types
        assert untyped(getattr(importlib.import_module(home), name), name) == []


def issubclass_of(thing, classes):
    return isinstance(thing, type) and issubclass(thing, classes)


def test_every_public_name_is_in_the_reference():
    text = PAGES["api"].read_text("utf-8")
    for package in (
        "lamost_rare",
        *(f"lamost_rare.{p}" for p in ("spectra", "survey", "pipeline")),
    ):
        for name in importlib.import_module(package).__all__:
            found = re.search(rf"^   (\w+\.)?{name}$", text, re.M)
            assert found or name in NOT_DESCRIBED, name


def test_the_command_line_is_described_from_its_parsers():
    from generated_text import fill

    text = fill(PAGES["cli"].read_text("utf-8"))
    assert "<!-- generated" not in text
    for name in cli.COMMANDS:
        section = text.split(f"\n## lamost-rare {name}\n")[1].split("\n## ")[0]
        assert f"\n$ lamost-rare {name}" in section
    for option in ("--output DIR", "--purity P", "--threshold T", "--dask ADDRESS"):
        assert f"\n`{option}`\n: " in text
    assert "\n### lamost-rare train classifier\n" in text
    assert "\n### lamost-rare evaluate paper\n" in text
    assert "%(default)s" not in text


def test_built_in_steps_are_described():
    from generated_text import fill

    text = fill(PAGES["steps"].read_text("utf-8"))
    for entry in list_steps():
        if entry.target.startswith("lamost_rare."):
            assert f"\n### {entry.name}\n" in text
    assert "| `threshold` | float |" in text


def test_inventories_can_be_read_back(tmp_path):
    entries = intersphinx_entries(DOCS / "inventories", tmp_path)
    assert {"astropy", "numpy", "specutils"} <= entries.keys()
    names = set()
    for project, (address, file) in entries.items():
        assert address.startswith("https://")
        assert address.endswith("/")
        heading, packed = Path(file).read_bytes().split(b"zlib.\n", 1)
        assert heading.startswith(b"# Sphinx inventory version 2\n# Project: " + project.encode())
        lines = zlib.decompress(packed).decode().splitlines()
        pattern = r"(\S+) (?:py|std):\w+ 1 (?!https?:)\S+ -"
        found = {re.fullmatch(pattern, line).group(1) for line in lines}
        assert found == {
            name for name, _, _ in read_list(DOCS / "inventories" / f"{project}.txt")[1]
        }
        names |= found
    for name in ALIASES.values():
        home, _, last = name.rpartition(".")
        assert name in names or hasattr(importlib.import_module(home), last)


def listed_objects():
    for path in sorted((DOCS / "inventories").glob("*.txt")):
        for name, role, page in read_list(path)[1]:
            yield pytest.param(name, role, page, id=f"{path.stem}-{name}")


KINDS = {
    "py:class": inspect.isclass,
    "py:data": lambda thing: not inspect.isclass(thing) and not inspect.ismodule(thing),
    "py:exception": lambda thing: inspect.isclass(thing) and issubclass(thing, BaseException),
    "py:function": callable,
    "py:module": inspect.ismodule,
}


@pytest.mark.parametrize(("name", "role", "page"), list(listed_objects()))
def test_objects_of_other_projects_are_there_and_of_the_kind_that_is_said(name, role, page):
    address, _, anchor = page.partition("#")
    assert address.endswith((".html", "/"))
    if role.startswith("std:"):
        places = {"std:term": f"term-{name}", "std:label": name.replace(".", "-")}
        assert anchor == places[role]
        return
    home, _, last = name.rpartition(".")
    pytest.importorskip(home.split(".")[0] or "builtins")
    module = importlib.import_module(home or "builtins")
    thing = importlib.import_module(name) if role == "py:module" else getattr(module, last)
    assert KINDS[role](thing)


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ('<script src="https://a.org/x.js"></script>', ["https://a.org/x.js"]),
        ("<img alt='' src='//a.org/x.png'>", ["//a.org/x.png"]),
        ('<link href="https://a.org/x.css" rel="stylesheet" />', ["https://a.org/x.css"]),
        ('<link rel="preload" as="font" href="http://a.org/f">', ["http://a.org/f"]),
        ("@import url('https://a.org/f.css');", ["https://a.org/f.css"]),
        ("body { background: url(https://a.org/b.png) }", ["https://a.org/b.png"]),
        ('<a href="https://a.org/">a page</a> <link rel="index" href="genindex.html">', []),
        ('<script src="_static/x.js"></script> <img src="_images/x.png">', []),
    ],
)
def test_what_a_page_would_fetch_is_found(text, addresses):
    from nothing_fetched import fetched

    assert fetched(text) == addresses
