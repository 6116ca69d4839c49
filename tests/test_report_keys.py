"""The keys of the page are those that docs/report.md lists, and no key is lost to another."""

import re
from pathlib import Path

import pytest

from browser_helpers import open_page
from lamost_rare.presets import load_preset
from lamost_rare.report.words import verdict_classes

DOCS = Path(__file__).resolve().parent.parent / "docs" / "report.md"


def documented():
    """Rows of the tables of keys: {group: [(keys, what they do)]}."""
    section = DOCS.read_text(encoding="utf-8").split("\n## Keys\n")[1].split("\n## ")[0]
    groups = re.split(r"^\*\*(\w+)\*\*$", section, flags=re.M)[1:]
    return {
        group: [
            (re.findall("`(.+?)`", keys), said)
            for keys, said in re.findall(r"^\| (`.*`) \| (.*) \|$", text, re.M)
        ]
        for group, text in zip(groups[::2], groups[1::2], strict=True)
    }


@pytest.fixture
def keys(context, star_page):
    page = open_page(context, star_page)
    found = page.evaluate(
        "() => Keys.actions.map((a) => [a.group, a.keys.map(Keys.inWords), a.label])"
    )
    groups = {}
    for group, names, label in found:
        groups.setdefault(group, []).append((names, label))
    return groups


def test_every_key_is_documented(keys):
    said = documented()
    assert list(said) == list(keys)
    for group in keys:
        if group != "Class":  # those of another preset
            assert said[group] == keys[group]


def test_keys_of_the_default_classes_are_documented():
    preset = load_preset(verify=False)
    classes = verdict_classes(list(preset.classes), preset.rare_class)
    said = [([one["key"]], f"class {one['name'].replace('_', ' ')}") for one in classes]
    assert documented()["Class"] == said


def test_every_action_has_a_key(keys):
    without = [label for rows in keys.values() for names, label in rows if not names]
    assert without == []
