"""The documentation says what the code does: tables of columns, flags, reasons and lines."""

import re
from pathlib import Path

import pytest

from dotted_names import leads_somewhere
from lamost_rare import cli
from lamost_rare.inference.columns import (
    GENERAL_CATALOGUE,
    REJECTED,
    columns_of_catalogue,
    star_columns,
)
from lamost_rare.inference.evidence import LINES
from lamost_rare.spectra.air_vacuum import vacuum_to_air
from lamost_rare.spectra.quality import REJECT_REASONS, QualityFlag

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("docs/tutorials/*.md")),
]
CATALOGUE = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")


def rows(heading):
    """Cells of the table's rows below a heading."""
    section = CATALOGUE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_every_column_is_documented():
    text = " ".join(row[0] for row in rows("Columns"))
    for column in columns_of_catalogue(["class"], "rare", evidence=False):
        name = column.name.replace("p_class", "p_<class>").replace("p_rare", "p_<rare>")
        assert f"`{name}`" in text
    for name in ("ew_<line>", "ew_<line>_err"):
        assert f"`{name}`" in text
    for column in (*GENERAL_CATALOGUE, *REJECTED):
        assert f"`{column.name}`" in CATALOGUE


def test_every_column_of_stars_is_documented():
    text = " ".join(row[0] for row in rows("Stars"))
    for column in star_columns("rare"):
        assert f"`{column.name.replace('p_rare', 'p_<rare>')}`" in text


def test_flags_and_their_bits():
    documented = [(int(bit), int(value), name.strip("`")) for bit, value, name, _ in rows("Flags")]
    assert documented == [(f.value.bit_length() - 1, f.value, f.name) for f in QualityFlag]


def test_reasons_and_their_meaning():
    documented = {name.strip("`"): meaning for name, meaning in rows("Reasons for rejection")}
    assert documented == REJECT_REASONS


def test_lines_and_where_they_are_measured():
    documented = rows("Line evidence")
    assert [row[0].strip("`") for row in documented] == list(LINES)
    for _, label, centre, window, bands in documented:
        line = next(line for line in LINES.values() if line.label == label)
        spans = [tuple(map(float, span.split("–"))) for span in [window, *bands.split(", ")]]
        assert float(centre) == pytest.approx(float(vacuum_to_air(line.wavelength)), abs=0.01)
        for said, used in zip(spans, [line.window, *line.bands], strict=True):
            assert said == pytest.approx(vacuum_to_air(used), abs=0.01)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    text = re.sub("<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]+))?\)", text):
        if "://" in target:
            continue
        linked = page.parent / target if target else page
        assert linked.exists(), f"{page.name}: {target}"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{page.name}: {target}#{anchor}"


def anchors(page):
    """What a code host and Sphinx call the headings of a page in addresses."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    if page.name == "cli.md":  # its headings are made from the program
        text += "".join(f"\n## lamost-rare {name}" for name in cli.COMMANDS)
    titles = (title.strip().lower() for title in re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def names_of(text):
    """Dotted names of the package and paths of files in a text."""
    dotted = re.findall(r"(?<![\w./])lamost_rare(?:\.[A-Za-z_]\w*)+", text)
    return sorted(set(dotted) - STEPS), sorted(set(re.findall(r"(?:[\w.]+/)+\w+\.py\b", text)))


STEPS = {"lamost_rare.steps"}
"""An entry-point group, which is no module."""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_names_of_code_exist(page):
    dotted, paths = names_of(page.read_text(encoding="utf-8"))
    assert [name for name in dotted if not leads_somewhere(name)] == []
    roots = ROOT, ROOT / "lamost_rare"
    assert [p for p in paths if not any((root / p).is_file() for root in roots)] == []


@pytest.mark.filterwarnings("ignore:lamost_rare:DeprecationWarning")  # old names of modules
def test_names_in_docstrings_exist():
    """Those with dots are resolved; paths may be a user's own."""
    missing = []
    for path in ROOT.glob("lamost_rare/**/*.py"):
        dotted, _ = names_of(path.read_text(encoding="utf-8"))
        missing += [
            f"{path.relative_to(ROOT)}: {name}" for name in dotted if not leads_somewhere(name)
        ]
    assert missing == []


def test_a_name_that_is_gone_is_found():
    gone = "`lamost_rare.spectra.grid.Lattice` of spectra/lattice.py, `lamost_rare.steps`"
    dotted, paths = names_of(gone)
    assert dotted == ["lamost_rare.spectra.grid.Lattice"]
    assert not leads_somewhere(dotted[0])
    assert paths == ["spectra/lattice.py"]
    assert leads_somewhere("lamost_rare.spectra.grid.WavelengthGrid.from_dict")
    assert leads_somewhere("lamost_rare.spectra.raw.RawSpectrum.wavelength")
