"""Deciding on the page, in a real browser: by keys, again after reloads and kills."""

import pytest

from browser_helpers import (
    kill_browser,
    name_shown,
    open_page,
    press,
    until,
    verdict,
    visit,
    wait_ready,
    wait_saved,
)  # fmt: skip

UNDECIDED = ("", "", [], "")


@pytest.fixture
def page(context, star_page):
    return open_page(context, star_page)


def test_the_first_candidate_is_shown(page):
    assert page.locator("#position").text_content() == "1 of 10"
    assert page.title().startswith("1/10 J")
    assert page.locator("#progress-text").text_content() == "0 of 10 decided"
    assert page.evaluate("() => performance.getEntriesByName('first-spectrum').length") == 1


@pytest.mark.parametrize(("on", "back"), [("ArrowRight", "ArrowLeft"), ("Space", "Shift+Space")])
def test_next_and_previous(page, on, back):
    first = name_shown(page)
    press(page, on)
    second = name_shown(page)
    assert second != first
    press(page, on, back)
    assert name_shown(page) == second
    press(page, back, back)
    assert name_shown(page) == first
    assert "first" in page.locator("#status").text_content()


def test_class_and_quality_then_the_next(page):
    press(page, "o", "1")
    until(page, "App.at === 1")
    assert verdict(page, 0) == ("O", "certain", [], "")
    assert page.locator("#progress-text").text_content() == "1 of 10 decided"
    assert page.locator("#progress-classes").text_content() == "O 1"


def test_nothing_goes_on_by_itself_where_that_is_off(page):
    press(page, "A", "b", "2")
    until(page, "Deciding.state(0).quality === 'probable'")
    assert page.evaluate("() => App.at") == 0
    page.reload()
    wait_ready(page)
    assert not page.locator("#advance").is_checked()
    assert verdict(page) == ("B", "probable", [], "")


def test_a_second_thought_stays_with_the_candidate(page):
    press(page, "o", "1", "ArrowLeft", "b")
    until(page, "Deciding.state(0).class === 'B'")
    assert page.evaluate("() => App.at") == 0


SLOW = """() => {
    const show = View.show;
    const shown = new Promise((end) => { window.release = end; });
    View.show = async (row) => { await shown; return show(row); };
}"""
"""Nothing is shown until `release`, however long the keys take to come."""


def test_keys_that_are_faster_than_the_page_mean_the_next_candidates(page):
    page.evaluate(SLOW)
    press(page, *"o1b2a3s47")
    page.evaluate("() => window.release()")
    until(page, "Deciding.state(4).flags.length === 1")
    found = [verdict(page, row)[:3] for row in range(5)]
    assert found == [
        ("O", "certain", []), ("B", "probable", []), ("A", "possible", []),
        ("hot_subdwarf", "no use", []), ("", "", ["nebula"]),
    ]  # fmt: skip
    assert page.evaluate("() => App.at") == 4


def test_a_key_for_a_candidate_that_was_left_does_nothing(page):
    page.evaluate(SLOW)
    press(page, "ArrowRight", "o", "ArrowRight", "b")
    page.evaluate("() => window.release()")
    until(page, "Deciding.state(2).class === 'B'")
    assert verdict(page, 0) == verdict(page, 1) == UNDECIDED


def test_flags_go_on_and_off(page):
    press(page, "5", "6")
    until(page, "Deciding.state(0).flags.length === 2")
    press(page, "5")
    until(page, "Deciding.state(0).flags.length === 1")
    assert verdict(page) == ("", "", ["emission"], "")
    assert page.locator('#flags [aria-pressed="true"]').count() == 1


def test_undo_and_redo_over_candidates(page):
    press(page, "o", "1")
    until(page, "App.at === 1")
    press(page, "b", "2")
    until(page, "App.at === 2")
    press(page, *["Control+z"] * 4)
    until(page, "App.at === 0 && Undoing.done.length === 0")
    assert verdict(page, 0) == verdict(page, 1) == UNDECIDED
    press(page, *["Control+y"] * 4)
    until(page, "App.at === 1 && Undoing.undone.length === 0")
    assert verdict(page, 0)[:2] == ("O", "certain")
    assert verdict(page, 1)[:2] == ("B", "probable")
    press(page, "Control+y")
    assert "Nothing to redo" in page.locator("#status").text_content()


def test_undo_after_a_reload(page):
    press(page, "o", "1")
    wait_saved(page)
    page.reload()
    wait_ready(page)
    press(page, "Control+z")
    until(page, "Deciding.state(0).quality === ''")
    assert verdict(page, 0) == ("O", "", [], "")


def test_clear(page):
    press(page, "A", "o", "1", "5", "Delete")
    until(page, "VerdictLog.isEmpty(Deciding.state(0))")
    assert page.locator("#progress-text").text_content() == "0 of 10 decided"
    press(page, "Backspace")
    until(page, "Deciding.state(0).class === 'O'")
    assert verdict(page, 0) == ("O", "certain", ["binary"], "")


COMMENT = "可能是 O 型星 🌟 نجم \u202eعكس <b>&\"';\nzweite Zeile"


def test_a_comment_in_any_script(page):
    press(page, "c")
    page.keyboard.insert_text(COMMENT)
    press(page, "o", "1", "Control+Enter")
    wait_saved(page)
    expected = ("", "", [], COMMENT + "o1")
    assert verdict(page, 0) == expected
    page.reload()
    wait_ready(page)
    assert verdict(page, 0) == expected
    assert page.locator("#comment").input_value() == COMMENT + "o1"


def test_keys_of_an_input_method_are_its_own(page):
    press(page, "c")
    page.dispatch_event("#comment", "keydown", {"key": "Escape", "isComposing": True})
    assert page.evaluate("() => document.activeElement.id") == "comment"
    press(page, "Escape")
    assert page.evaluate("() => document.activeElement.id") != "comment"
    page.dispatch_event("body", "keydown", {"key": "o", "isComposing": True})
    assert verdict(page, 0) == UNDECIDED


def test_a_comment_that_is_being_typed_survives_a_reload(page):
    press(page, "c")
    page.keyboard.type("unfinished")
    page.reload()
    wait_ready(page)
    assert verdict(page, 0) == ("", "", [], "unfinished")


def test_a_comment_belongs_to_the_candidate_it_was_begun_for(page):
    press(page, "c")
    page.keyboard.type("first")
    page.locator("#next").click()
    until(page, "App.at === 1")
    assert verdict(page, 0)[3] == "first"
    assert verdict(page, 1)[3] == page.locator("#comment").input_value() == ""


def test_other_keyboards(page):
    page.dispatch_event("body", "keydown", {"key": "щ", "code": "KeyO"})
    until(page, "Deciding.state(0).class === 'O'")


def test_a_key_that_is_held_down_decides_once(page):
    page.dispatch_event("body", "keydown", {"key": "5", "code": "Digit5"})
    page.dispatch_event("body", "keydown", {"key": "5", "code": "Digit5", "repeat": True})
    until(page, "Deciding.state(0).flags.length === 1")


def test_the_name_is_asked_once(context, star_page):
    page = open_page(context, star_page, name=None)
    press(page, "o")
    page.wait_for_selector("#person-dialog[open]")
    page.keyboard.type("  王  小明 ")
    press(page, "Enter")
    until(page, "Deciding.state(0).class === 'O'")
    press(page, "1")
    wait_saved(page)
    assert page.evaluate("() => VerdictLog.all().every((event) => event.by === '王 小明')")
    page.reload()
    wait_ready(page)
    assert verdict(page, 0) == ("O", "certain", [], "")


def test_without_a_name_nothing_is_decided(context, star_page):
    page = open_page(context, star_page, name=None)
    press(page, "o")
    page.wait_for_selector("#person-dialog[open]")
    press(page, "Escape")
    page.wait_for_selector("#person-dialog", state="hidden")
    assert page.evaluate("() => VerdictLog.all().length") == 0


def test_two_people_in_one_browser_are_kept_apart(page):
    press(page, "o", "1")
    until(page, "App.at === 1")
    press(page, "N")
    page.wait_for_selector("#person-dialog[open]")
    page.locator("#person").fill("Bert")
    press(page, "Enter")
    until(page, "Person.name === 'Bert'")
    assert page.locator("#progress-text").text_content() == "0 of 10 decided"
    press(page, "ArrowLeft")
    assert verdict(page, 0) == UNDECIDED
    assert page.locator("#others-list").text_content().startswith("Anna: O certain")
    press(page, "b")
    until(page, "Deciding.state(0).class === 'B'")
    press(page, "N")
    page.locator("#person").fill("Anna")
    press(page, "Enter")
    until(page, "Person.name === 'Anna'")
    assert verdict(page, 0) == ("O", "certain", [], "")


def test_others_can_wait_until_one_has_decided(context, star_page, tmp_path):
    page = open_page(context, star_page)
    press(page, "o", "1", "N")
    page.locator("#person").fill("Bert")
    press(page, "Enter", "ArrowLeft", "H")
    assert page.locator("#others-list").text_content() == "1 given"
    press(page, "b")
    until(page, "Deciding.state(0).class === 'B'")
    assert "Anna: O certain" in page.locator("#others-list").text_content()


def test_a_killed_browser_has_what_it_said_was_saved(browser, star_page, tmp_path):
    profile = tmp_path / "profile"
    with browser.context(profile=profile) as context:
        page = open_page(context, star_page)
        for keys in ("o1", "b2", "x3"):
            press(page, *keys)
        until(page, "App.at === 3")
        press(page, "c")
        page.keyboard.type("doubtful")
        press(page, "Escape")
        wait_saved(page)
        kill_browser(profile)
    with browser.context(profile=profile) as context:
        page = open_page(context, star_page)
        assert [verdict(page, row) for row in range(4)] == [
            ("O", "certain", [], ""), ("B", "probable", [], ""), ("other", "possible", [], ""),
            ("", "", [], "doubtful"),
        ]  # fmt: skip


def test_two_windows_on_one_list(context, star_page):
    one, two = open_page(context, star_page), open_page(context, star_page)
    press(one, "A", "o", "1")
    press(two, "ArrowRight", "b", "2")
    wait_saved(one)
    wait_saved(two)
    for page in (one, two):
        page.bring_to_front()
        page.wait_for_function(
            "() => Deciding.state(0).class === 'O' && Deciding.state(1).class === 'B'"
        )
    press(two, "Home", "5")
    until(one, "Deciding.state(0).flags.length === 1")
    press(one, "Control+z")
    one.wait_for_function(
        "() => document.getElementById('status').textContent.includes('another window')"
    )
    assert verdict(one, 0) == ("O", "certain", ["binary"], "")


def test_the_address_leads_to_a_candidate(context, star_page):
    page = open_page(context, star_page, fragment="#4")
    assert page.evaluate("() => App.row()") == 3
    key = page.evaluate("() => App.list.columns.key[7]")
    page.evaluate("key => { location.hash = key }", key)
    until(page, "App.row() === 7")
    press(page, "ArrowRight")
    until(page, "location.hash === '#' + App.list.columns.key[8]")
    page.reload()
    wait_ready(page)
    assert page.evaluate("() => App.row()") == 8
    visit(page, star_page, "#nonsense")
    assert page.locator("#status").is_visible()
