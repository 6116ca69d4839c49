"""The page in trouble: full stores, old browsers, damaged pages, texts made to break it."""

import json

import pytest

from browser_helpers import (
    open_page,
    press,
    until,
    until_said,
    verdict,
    visit,
    wait_ready,
    wait_saved,
)
from page_helpers import parts_of

HOSTILE = (
    "</script><script>window.broken = 1</script>",
    "<img src=x onerror='window.broken = 1'>",
    "\"'`${window.broken = 1}\\",
    "\u202eright to left\u202c \u200f",
    "\x1b[31mred\x1b[0m",
    "]]>--><!--<style>*{display:none}</style>",
    "נבל الشر 恶意 🌟🏴‍☠️",
    "x" * 5000,
    "",
    "javascript:window.broken=1",
)

FULL_DATABASE = """
IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError") };
"""
FULL_SMALL_STORE = """
const set = Storage.prototype.setItem;
Storage.prototype.setItem = function (name, value) {
    if (name.includes("/verdict/")) throw new DOMException("full", "QuotaExceededError");
    return set.call(this, name, value);
};
"""


@pytest.fixture
def page_with(context, star_page):
    """Open a page in a browser that scripts have spoiled."""

    def opened(*scripts, path=star_page):
        for script in scripts:
            context.add_init_script(script)
        return open_page(context, path)

    return opened


def warning(page):
    element = page.locator("#warning")
    return element.text_content() if element.is_visible() else ""


def test_a_full_database_leaves_the_small_store(page_with):
    page = page_with(FULL_DATABASE)
    press(page, "o", "1")
    page.wait_for_selector('#saved[data-state="small"]')
    assert "the browser's store is full" in page.locator("#saved").text_content()
    assert warning(page) == ""
    page.reload()
    wait_ready(page)
    assert verdict(page, 0)[:2] == ("O", "certain")


def test_what_cannot_be_stored_is_said_and_stays(page_with):
    page = page_with(FULL_DATABASE, FULL_SMALL_STORE)
    press(page, "o", "1")
    page.wait_for_selector('#saved[data-state="failed"]')
    assert "2 verdicts could not be stored: the browser's store is full." in warning(page)
    assert "export it now (X)" in warning(page)
    assert verdict(page, 0)[:2] == ("O", "certain")
    press(page, "X")
    with page.expect_download() as waiting:
        page.locator("#export-json").click()
    (event,) = json.loads(waiting.value.path().read_text())["verdicts"]
    assert event["class"] == "O"
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.close(run_before_unload=True)
    page.wait_for_event("close")
    assert asked == ["beforeunload"]


def test_room_again_stores_what_waited(page_with):
    page = page_with("window.put = IDBObjectStore.prototype.put;" + FULL_DATABASE, FULL_SMALL_STORE)
    press(page, "A", "o")
    page.wait_for_selector('#saved[data-state="failed"]')
    page.evaluate("() => { IDBObjectStore.prototype.put = window.put; }")
    press(page, "1")
    wait_saved(page)
    assert warning(page) == ""
    page.reload()
    wait_ready(page)
    assert verdict(page, 0)[:2] == ("O", "certain")


@pytest.mark.parametrize(
    "script",
    [
        "Object.defineProperty(window, 'indexedDB', { get() { throw new Error('denied') } })",
        "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError') }",
        "Object.defineProperty(window, 'BroadcastChannel', { value: undefined })",
    ],
)
def test_without_what_some_browsers_deny(page_with, script):
    page = page_with(script)
    press(page, "o", "1")
    until(page, "App.at === 1 && VerdictLog.endangered().length === 0")
    page.reload()
    wait_ready(page)
    assert verdict(page, 0)[:2] == ("O", "certain")


def test_without_any_store(page_with):
    page = page_with(
        "Object.defineProperty(window, 'indexedDB', { get() { throw new Error('denied') } })",
        "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied') } })",
    )
    press(page, "o")
    page.wait_for_selector('#saved[data-state="failed"]')
    assert "denied" in warning(page)
    assert verdict(page, 0)[0] == "O"


def test_a_browser_that_cannot_unpack(context, star_page):
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(star_page.as_uri())
    page.wait_for_selector("#wrong")
    assert "DecompressionStream" in page.locator("#wrong").text_content()
    assert not page.locator("#main").is_visible()


def test_a_page_that_was_cut_off(context, star_page, tmp_path):
    whole = star_page.read_bytes()
    cut = tmp_path / "cut.html"
    cut.write_bytes(whole[: whole.index(b'id="s4"') + 400])
    page = open_page(context, cut)
    press(page, "End", "o")
    until(page, "Deciding.state(9).class === 'O'")
    press(page, "Home", "b")
    until(page, "Deciding.state(0).class === 'B'")
    assert page.locator("#wrong").is_hidden()


def test_a_page_without_its_list(context, star_page, tmp_path):
    whole = star_page.read_bytes()
    start = whole.index(b'id="list">')
    cut = tmp_path / "cut.html"
    cut.write_bytes(whole[: start + 500] + whole[whole.index(b"<", start) :])
    page = context.new_page()
    page.goto(cut.as_uri())
    page.wait_for_selector("#wrong")
    assert page.locator("#wrong").text_content().startswith("This page is damaged")


def test_without_scripts_one_line_says_so(browser, star_page):
    with browser.context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(star_page.as_uri())
        assert "JavaScript" in page.locator("noscript").text_content()


def test_hostile_texts_are_text(context, star_page, tmp_path):
    parts = parts_of(star_page)
    columns = parts.listed["columns"]
    columns |= {"name": list(HOSTILE), "path": list(HOSTILE), "subtype_err": [None] * 10}
    event = {
        "list": parts.listed["digest"], "key": columns["key"][0], "class": HOSTILE[0],
        "quality": HOSTILE[1], "flags": [HOSTILE[0]], "comment": HOSTILE[0], "by": HOSTILE[1],
        "at": "2026-01-02T03:04:05Z", "id": HOSTILE[0],
    }  # fmt: skip
    path = parts.write(
        tmp_path / "page.html", title=HOSTILE[0], source=HOSTILE[1], chosen=HOSTILE[2],
        notes=list(HOSTILE[:3]), verdicts=[event],
    )  # fmt: skip
    page = open_page(context, path)
    assert page.locator("#title").text_content() == HOSTILE[0]
    for row, name in enumerate(HOSTILE):
        assert page.evaluate("() => App.row()") == row
        assert page.evaluate("() => App.list.columns.name[App.row()]") == name
        press(page, "c")
        page.keyboard.insert_text(name)
        press(page, "Escape", "ArrowRight")
    until(page, "VerdictLog.people().length === 2")
    press(page, "T", "Home")
    page.wait_for_selector("#row-0")
    assert HOSTILE[0] in page.locator("#row-0").text_content()
    press(page, "J")
    page.keyboard.insert_text("<img")
    assert HOSTILE[1] in page.locator("#jump-found").text_content()
    press(page, "Escape")
    page.wait_for_selector("#jump-dialog", state="hidden")
    wait_saved(page)
    page.reload()
    wait_ready(page)
    comments = [verdict(page, row)[3] for row in range(10)]
    assert comments == list(HOSTILE)
    assert page.evaluate("() => window.broken") is None
    assert page.locator("main script, dialog script, main img[src=x]").count() == 0


def test_too_long_a_comment_is_not_kept_in_part(page_with):
    page = page_with()
    press(page, "c")
    page.keyboard.insert_text("x" * 20_001)
    press(page, "Escape")
    until_said(page, "20000")
    assert verdict(page, 0)[3] == ""


def test_events_of_other_lists_and_damaged_ones_do_no_harm(page_with, star_page):
    digest = parts_of(star_page).listed["digest"]
    name = f"lamost-rare/verdict/{digest}/"
    page = page_with(
        "if (location.protocol === 'file:') {"  # scripts are run in empty documents, too
        f"localStorage.setItem('{name}a', '{{not json');"
        f"localStorage.setItem('{name}b', '[1, 2]');"
        f"localStorage.setItem('{name}c', 'null');"
        f"localStorage.setItem('{name}d', JSON.stringify({{id: 'd', list: 'x', at: 'y'}}));"
        "localStorage.setItem('lamost-rare/setting/theme', '{{');"
        "localStorage.setItem('lamost-rare/setting/advance', '7'); }"
    )
    press(page, "o")
    until(page, "Deciding.state(0).class === 'O'")
    assert page.evaluate("() => VerdictLog.all().length") == 1
    assert page.evaluate("name => localStorage.getItem(name + 'a')", name) == "{not json"


def test_a_clock_that_goes_back(page_with):
    page = page_with()
    press(page, "A", "o")
    page.evaluate("() => { const now = Date.now(); Date.now = () => now - 864e5; }")
    press(page, "b")
    until(page, "Deciding.state(0).class === 'B'")
    wait_saved(page)
    page.reload()
    wait_ready(page)
    assert verdict(page, 0)[0] == "B"


def test_a_list_of_nothing(context, star_page, tmp_path):
    parts = parts_of(star_page)
    listed = parts.listed
    empty = {name: [] for name in listed["columns"]}
    parts.spectra = []
    path = parts.write(
        tmp_path / "page.html", rows=0, spectra=0, columns=empty, star=[], stars=[], visits={}
    )
    page = open_page(context, path)
    assert page.locator("#empty").text_content() == "There are no candidates in this list."
    press(page, "o", "ArrowRight", "ArrowLeft", "Enter", "c", "Escape", "T", "T", "P")
    assert "0 candidates" in page.locator("#print-count").text_content()
    visit(page, path, "#1")
