"""The page by keyboard alone, for all eyes, on all screens."""

import re

import pytest

from browser_helpers import open_page, press, until, verdict
from page_helpers import parts_of

SERIOUS = ("serious", "critical")


def violations(page):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    found = axe.Axe().run(page).response["violations"]
    return [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found
        if one["impact"] in SERIOUS
    ]


@pytest.fixture
def watched_page(browser, star_page, tmp_path):
    """Open a page with verdicts of others and a note; the policy would not let axe in."""
    parts = parts_of(star_page)
    event = {
        "list": parts.listed["digest"], "key": parts.listed["columns"]["key"][0], "class": "B",
        "quality": "probable", "flags": ["binary"], "comment": "قد يكون", "by": "Cecilia",
        "at": "2026-01-02T03:04:05Z", "id": "c",
    }  # fmt: skip
    path = parts.write(tmp_path / "page.html", verdicts=[event], notes=["1 was left out"])
    made = []

    def opened(**options):
        context = browser.context(bypass_csp=True, **options)
        made.append(context)
        return open_page(context.__enter__(), path)

    yield opened
    for context in made:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_anywhere(watched_page, scheme):
    page = watched_page(color_scheme=scheme)
    press(page, "A", "o", "1", "5", "c")
    page.keyboard.type("odd")
    press(page, "Escape")
    assert violations(page) == []
    for key, dialog in [
        ("?", "keys"), ("F", "filter"), ("J", "jump"), ("X", "export"), ("I", "import"),
        ("P", "print"), ("N", "person"),
    ]:  # fmt: skip
        press(page, key)
        page.wait_for_selector(f"#{dialog}-dialog[open]")
        assert violations(page) == [], dialog
        press(page, "Escape")
        page.wait_for_selector(f"#{dialog}-dialog", state="hidden")
    press(page, "T")
    page.wait_for_selector("#row-0 canvas[data-drawn]")
    assert violations(page) == []
    page.locator("#about summary").click()
    page.evaluate("() => { VerdictLog.endangered = () => [1]; Status.saved(); }")
    assert violations(page) == []


@pytest.mark.parametrize("width", [360, 640, 1280, 2560])
@pytest.mark.parametrize("table", [False, True])
def test_nothing_is_wider_than_the_screen(watched_page, width, table):
    page = watched_page(viewport={"width": width, "height": 740})
    if table:
        press(page, "T")
    wide = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) <= 0
    for key in "?FJXIPN":
        press(page, key)
        box = page.locator("dialog[open]").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        press(page, "Escape")
        until(page, "!document.querySelector('dialog[open]')")


@pytest.mark.parametrize("size", [(360, 740), (640, 400), (1280, 800)])
def test_class_and_quality_are_at_hand_by_touch(watched_page, size):
    page = watched_page(viewport={"width": size[0], "height": size[1]}, has_touch=True)
    page.locator('#classes [data-class="O"]').tap()
    page.locator('#qualities [data-quality="certain"]').tap()
    until(page, "App.at === 1")
    assert verdict(page, 0)[:2] == ("O", "certain")


def test_every_action_has_a_key_that_is_its_own(watched_page):
    page = watched_page()
    actions = page.evaluate("""() => Keys.actions.map((action) => (
        { label: action.label, group: action.group, keys: action.keys, when: Boolean(action.when),
          mine: action.keys.map((name) => Keys.byKey.get(name).length) }))""")
    assert len(actions) > 50
    for action in actions:
        assert action["keys"], action
        assert action["label"], action
        assert action["when"] or action["mine"] == [1] * len(action["keys"]), action
    press(page, "?")
    listed = page.locator("#keys-list dd").all_text_contents()
    assert sorted(listed) == sorted(action["label"] for action in actions)
    headings = page.locator("#keys-list h3").all_text_contents()
    assert headings == list(dict.fromkeys(action["group"] for action in actions))


def test_every_button_has_a_key_or_is_reached_by_tab(watched_page):
    page = watched_page()
    titles = page.locator("#tools button, .moving button").evaluate_all(
        "buttons => buttons.map((button) => button.title)"
    )
    assert all(re.fullmatch("Key: .+", title) for title in titles)
    reached = set()
    for _ in range(80):
        press(page, "Tab")
        reached.add(page.evaluate("() => document.activeElement.id"))
    assert {"open-table", "theme", "next", "comment", "clear", "advance"} <= reached


def test_focus_is_not_lost_to_a_click(watched_page):
    page = watched_page()
    page.locator('#classes [data-class="B"]').click()
    until(page, "Deciding.state(0).class === 'B'")
    press(page, "Space")
    until(page, "App.at === 1")


def test_a_button_that_has_the_focus_keeps_its_keys(watched_page):
    page = watched_page()
    page.locator("#next").focus()
    press(page, "Enter")
    until(page, "App.at === 1")
    press(page, "Space")
    until(page, "App.at === 2")
    press(page, "o")
    until(page, "Deciding.state(2).class === 'O'")


def test_colours_by_choice(watched_page):
    page = watched_page(color_scheme="light")
    paper = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    press(page, "D")
    assert page.evaluate(paper) == light
    press(page, "D")
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    page.wait_for_selector('html[data-verdicts="1"]', state="attached")
    assert page.evaluate(paper) == dark
    press(page, "D")
    assert page.evaluate(paper) == light


def test_changes_are_told_to_readers_of_screens(watched_page):
    page = watched_page()
    press(page, "o")
    until(page, "Deciding.state(0).class === 'O'")
    status = page.locator('[role="status"]#status')
    assert status.text_content().endswith(": O.")
    pressed = page.locator('#classes [aria-pressed="true"]').all_text_contents()
    assert pressed == ["oO"]
