"""Pages are in plain English: short sentences, no idioms, words explained in docs/glossary.md."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = [*sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("docs/tutorials/*.md"))]
CARDS = sorted(ROOT.glob("lamost_rare/weights/*/CARD.md"))
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *DOCS, *CARDS, ROOT / "paper" / "paper.md"]
}
FOR_NEWCOMERS = [
    "README.md",
    *(f"docs/{name}.md" for name in ("index", "start", "tutorials", "howto", "explanation")),
    *(f"docs/{name}.md" for name in ("reference", "meaning", "glossary", "odds", "novelty")),
    *(name for name in PAGES if name.startswith("docs/tutorials/")),
]
IDIOMS = [
    "but for",
    "as yet",
    "observed again",
    "too much good",
    "own price",
    "end to end",
    "for nothing",
    "side lost",
    "half lost",
    "halves lost",
    "counts? for",
    "rejects",
    "an? reject",
    "reject (is|has)",
]
"""Phrases, as patterns, that mislead readers who learned English at school. What is not used is a
"rejected file"."""

TERMS = [
    *("O star", "Class and subtype", "Rare class", "Look-alike", "Library star", "Hot subdwarf"),
    *("S/N", "Inverse variance", "Continuum", "Reddening", "Equivalent width", "Key lines"),
    *("Preset", "Neural network", "First stage", "Candidate", "Probability in a survey"),
    *("Prevalence", "Odds", "Threshold", "Population", "Novelty", "Flag", "Rejected file"),
    *("Shard", "Store", "General catalogue", "Verdict", "Pipeline and step", "Purity"),
    *("Completeness", "False alarm", "Simulated observation", "Cross-validation", "Calibration"),
    *("Log loss", "Range", "Generated spectrum", "GAN and LCGAN", "RAC-Net"),
    *("Real spectra with noise and reddening added", "Half missing"),
]


def plain(text):
    """A page without front matter, comments, code, tables, headings and pictures."""
    text = re.sub(r"\A---\n.*?^---\n", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.DOTALL | re.MULTILINE)
    kept = (line for line in text.splitlines() if not re.match(r"#|\||    \S|:::", line))
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", "\n".join(kept))
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return re.sub(r"^ *(?:[-*]|\d+\.) ", "\n\n", text, flags=re.MULTILINE)


def sentences(text):
    """Sentences of a page, as lists of words; a piece of code is one word."""
    for paragraph in re.split(r"\n\s*\n", plain(text)):
        line = re.sub(r"`[^`]*`", "CODE", " ".join(paragraph.split())).replace("*", "")
        for sentence in re.split(r"(?<=[.!?:])[)\"]?\s+(?=[A-Z0-9(\"])", line):
            words = [word for word in sentence.split() if re.search(r"\w", word)]
            if len(words) > 2:
                yield words


def lengths(page):
    return [len(words) for words in sentences(PAGES[page])]


def test_sentences_are_counted():
    text = (
        "# A heading of many words that nobody counts\n\nTwo dogs [bark](at/the/moon.md). A\n"
        "`long piece of code` is one word.\n\n- `an`: item.\n\n    code that is not read\n\n"
        "| a | table |\n\n```python\nprint('no')\n```\n![a picture of dogs](dogs.png)\n"
    )
    assert [" ".join(words) for words in sentences(text)] == [
        "Two dogs bark.",
        "A CODE is one word.",
    ]


@pytest.mark.parametrize("page", PAGES)
def test_no_sentence_is_long(page):
    long = [" ".join(words) for words in sentences(PAGES[page]) if len(words) > 40]
    assert long == []


@pytest.mark.parametrize("page", [page for page in PAGES if lengths(page)])
def test_sentences_are_short_on_average(page):
    found = lengths(page)
    assert sum(found) / len(found) < 20


@pytest.mark.parametrize("page", FOR_NEWCOMERS)
def test_pages_for_newcomers_have_shorter_sentences(page):
    found = lengths(page)
    assert sum(found) / len(found) < 16
    assert max(found) <= 35


def test_the_first_words_of_the_readme_are_easy():
    found = [len(words) for words in sentences(PAGES["README.md"].split("\n## Quick start\n")[0])]
    assert len(found) > 8
    assert sum(found) / len(found) < 18
    assert max(found) <= 30


@pytest.mark.parametrize("page", PAGES)
def test_pages_have_no_idioms_that_mislead(page):
    text = re.sub(
        r"`[^`]*`", "", " ".join(re.sub(r"```.*?```", "", PAGES[page], flags=re.S).split())
    )
    assert [idiom for idiom in IDIOMS if re.search(rf"\b{idiom}\b", text, re.IGNORECASE)] == []


def test_the_glossary_has_the_words_that_pages_use():
    terms = re.findall(r"^### (.*)$", PAGES["docs/glossary.md"], re.MULTILINE)
    assert len(terms) == len(set(terms))
    assert set(TERMS) <= set(terms)
    for page in ("docs/index.md", "docs/start.md", "docs/meaning.md", "docs/recognition.md"):
        assert "glossary.md" in PAGES[page], page
