"""A served page in a real browser, whose server is killed or has no room."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lamost_rare
from browser_helpers import open_page, press, until, verdict, wait_ready
from page_helpers import scan_of_stars


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return scan_of_stars(tmp_path_factory.mktemp("browser"))


def windows(browser, url):
    return browser.context(allowed=(url, "data:", "blob:"))


def events(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def start(scan, port):
    process = subprocess.Popen(
        [sys.executable, "-m", "lamost_rare", "report", str(scan), "--serve", "--quiet",
         "--port", str(port)],
        cwd=Path(lamost_rare.__file__).parent.parent, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return process, process.stdout.readline().strip()


def test_what_is_decided_while_the_server_is_dead_is_kept_and_sent_later(browser, scan, served):
    """Its address is another one then, but the browser has the verdicts: of one origin."""
    port = int(served.url.split(":")[2].split("/")[0])
    path = served.path
    served.stop()
    origin = f"http://127.0.0.1:{port}/"
    process, url = start(scan, port)
    with browser.context(allowed=(origin, "data:", "blob:")) as context:
        context.watch.expected += ["net::ERR_", "404", "Failed to load resource"]
        page = open_page(context, url)
        press(page, "o", "1")
        until(page, "Sync.unsent().length === 0 && VerdictLog.all().length > 0")
        stored = len(events(path))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        press(page, "b", "2")
        until(page, "Sync.failures > 0")
        assert len(events(path)) == stored
        process, url = start(scan, port)
        try:
            page.goto(url)
            wait_ready(page)
            until(page, "Sync.unsent().length === 0 && VerdictLog.latestOf('Anna').length === 2")
        finally:
            process.kill()
            process.communicate()
    last = {event["key"]: event["class"] for event in events(path)}
    assert list(last.values()) == ["O", "B"]


def test_what_the_server_cannot_store_stays_in_the_page(browser, served, monkeypatch):
    monkeypatch.setattr(served._log, "append", full)
    with windows(browser, served.url) as context:
        context.watch.expected += ["507"]
        page = open_page(context, served.url)
        press(page, "o", "1")
        until(page, "Sync.failures > 0 && Sync.unsent().length > 0")
        assert verdict(page, 0)[:2] == ("O", "certain")
        monkeypatch.undo()
        until(page, "Sync.unsent().length === 0")
    assert events(served.path)[-1]["class"] == "O"


def full(events):
    raise OSError(28, "No space left on device")
