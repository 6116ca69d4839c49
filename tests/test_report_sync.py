"""The served page: what is decided goes to the server's file, whatever happens to either."""

import json

import pytest

from browser_helpers import press, until, verdict, visit, wait_ready
from lamost_rare.report.server import serve
from page_helpers import scan_of_stars


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return scan_of_stars(tmp_path_factory.mktemp("served"))


@pytest.fixture
def served(scan):
    with serve(scan, progress=False) as served:
        yield served
        served.path.unlink()


@pytest.fixture
def local(browser, served):
    """A context that may ask the server, and nothing else."""
    port = served.url.split(":")[2].split("/")[0]
    with browser.context(allowed=(f"http://127.0.0.1:{port}/", "data:", "blob:")) as context:
        yield context


def opened(context, served, name="Anna"):
    page = context.new_page()
    visit(page, served.url)
    if page.evaluate("() => Person.name") != name:
        press(page, "N")
        page.locator("#person").fill(name)
        press(page, "Enter")
        page.wait_for_selector("#person-dialog", state="hidden")
    return page


def kept(served):
    """Latest verdicts in the server's file, by key and person."""
    lines = served.path.read_text().splitlines()
    events = sorted(map(json.loads, lines), key=lambda event: event["at"])
    return {(event["key"], event["by"]): (event["class"], event["quality"]) for event in events}


def at_the_server(page):
    until(page, "Page.get('server').textContent === 'At the server.' && !Sync.unsent().length")


def test_each_verdict_goes_to_the_file(local, served):
    page = opened(local, served)
    keys = page.evaluate("() => App.list.columns.key")
    press(page, "o", "1")
    until(page, "App.at === 1")
    press(page, "b", "2")
    until(page, "App.at === 2")
    at_the_server(page)
    assert kept(served) == {
        (keys[0], "Anna"): ("O", "certain"), (keys[1], "Anna"): ("B", "probable"),
    }  # fmt: skip
    page.reload()
    wait_ready(page)
    assert verdict(page, 0)[:2] == ("O", "certain")


def test_two_people_see_each_other(browser, local, served):
    one = opened(local, served)
    with browser.context(allowed=local.watch.allowed) as another:
        two = opened(another, served, "Bert")
        press(one, "o", "1")
        press(two, "b", "2", "Home")
        until(two, "Page.get('others-list').textContent.includes('Anna: O certain')")
        press(one, "Home")
        until(one, "Page.get('others-list').textContent.includes('Bert: B probable')")
        assert len(kept(served)) == 2


def test_what_a_file_has_is_there_in_another_browser(browser, local, served):
    page = opened(local, served)
    press(page, "x", "4")
    until(page, "App.at === 1")
    at_the_server(page)
    with browser.context(allowed=local.watch.allowed) as another:
        there = opened(another, served)
        until(there, "Deciding.state(0).quality === 'no use'")
        press(there, "Control+z")
        until(there, "Deciding.state(0).quality === ''")


def test_a_server_that_was_away_gets_what_it_missed(browser, scan):
    served = serve(scan, progress=False)
    port = int(served.url.split(":")[2].split("/")[0])
    with browser.context(allowed=(f"http://127.0.0.1:{port}/", "data:", "blob:")) as context:
        context.watch.expected.append("Failed to load resource")
        page = opened(context, served)
        press(page, "o", "1")
        at_the_server(page)
        served.stop()
        press(page, "b", "2")
        until(page, "Page.get('server').textContent.startsWith('2 not yet at the server')")
        assert f"--port {port}" in page.locator("#server").text_content()
        assert page.locator("#warning").is_hidden()
        with serve(scan, port=port, progress=False) as again:
            assert list(kept(again).values()) == [("O", "certain")]
            until(page, "Page.get('server').textContent.includes('started anew')")
            page = opened(context, again)
            at_the_server(page)
            assert list(kept(again).values()) == [("O", "certain"), ("B", "probable")]
            again.path.unlink()


def test_a_full_browser_is_no_matter_where_the_server_stores(local, served):
    local.add_init_script(
        "IDBObjectStore.prototype.put = Storage.prototype.setItem ="
        " () => { throw new DOMException('full', 'QuotaExceededError') };"
    )
    page = opened(local, served)
    press(page, "o")
    at_the_server(page)
    until(page, "Page.get('warning').hidden")
    assert list(kept(served).values()) == [("O", "")]


def test_what_the_server_refuses_is_said_and_stops_nothing_else(local, served):
    page = opened(local, served)
    page.evaluate("() => { Deciding.LONGEST = 1e6 }")
    local.watch.expected.append("Failed to load resource")
    press(page, "c")
    page.keyboard.insert_text("x" * 20_001)
    press(page, "Escape", "ArrowRight", "o")
    until(page, "Page.get('server').textContent.startsWith('1 not taken by the server')")
    assert "20001 characters" in page.locator("#server").text_content()
    until(page, "Sync.unsent().length === 0")
    assert list(kept(served).values()) == [("O", "")]
