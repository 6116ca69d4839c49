"""The documentation says what the code does: tables of columns, flags, reasons and lines."""

import re
from pathlib import Path

import pytest

from lamost_rare.inference.evidence import LINES
from lamost_rare.spectra.air_vacuum import vacuum_to_air
from lamost_rare.spectra.batch import IDENTITY_DTYPES
from lamost_rare.spectra.quality import REJECT_REASONS, QualityFlag

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")


def rows(heading):
    """Cells of the table's rows below a heading."""
    section = CATALOGUE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def test_every_column_is_documented():
    text = " ".join(row[0] for row in rows("Columns"))
    for name in (*IDENTITY_DTYPES, "prediction", "p_<class>", "candidate", "flags", "ew_<line>"):
        assert f"`{name}`" in text


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


@pytest.mark.parametrize("name", ["README.md", *(p.name for p in ROOT.glob("docs/*.md"))])
def test_links_lead_somewhere(name):
    page = next(path for path in (ROOT / name, ROOT / "docs" / name) if path.is_file())
    text = re.sub("<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{name}: {target}"
