"""A real browser for tests of the page: finds it, watches it, ends it."""

import os
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
)  # fmt: skip
NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)  # fmt: skip
LOCAL = ("file:", "data:", "blob:")
PATIENCE = 60_000
"""Milliseconds: a busy machine is slow, and no test depends on how slow."""


def find_browser():
    """Path of Chromium, None where there is none."""
    told = os.environ.get("LAMOST_RARE_BROWSER")
    found = map(shutil.which, (told,) if told else NAMES)
    return next(filter(None, found), None)


class Watch:
    """What the pages of a browser complained of, and what they asked for.

    ``allowed`` are beginnings of addresses; ``expected`` are texts of which complaints may speak.
    """

    def __init__(self, context, allowed):
        self.allowed, self.expected = allowed, []
        self.complaints, self.addresses = [], []
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", lambda request: self.addresses.append(request.url))

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    @property
    def gone_out(self):
        return [address for address in self.addresses if not address.startswith(self.allowed)]

    def check(self):
        unknown = [c for c in self.complaints if not any(text in c for text in self.expected)]
        assert not unknown, unknown
        assert not self.gone_out, self.gone_out


class Browser:
    """A Chromium that is started for one file of tests, and contexts of it."""

    def __init__(self, api, playwright, path):
        self.Error = api.Error
        self.chromium, self.path = playwright.chromium, path
        self.running = self.chromium.launch(executable_path=path, args=list(ARGUMENTS))

    @contextmanager
    def context(self, *, profile=None, allowed=LOCAL, **options):
        """Give a context with its own store, or one of a profile on disk; check it at the end.

        Its ``watch`` is the `Watch`.
        """
        options = {"viewport": {"width": 1280, "height": 800}, "accept_downloads": True} | options
        if profile is None:
            made = self.running.new_context(**options)
        else:
            made = self.chromium.launch_persistent_context(
                profile, executable_path=self.path, args=list(ARGUMENTS), **options
            )
        made.set_default_timeout(PATIENCE)
        made.watch = Watch(made, allowed)
        try:
            yield made
            made.watch.check()
        finally:
            with suppress(self.Error):  # of one that a test has killed
                made.close()

    def close(self):
        self.running.close()


def kill_browser(profile):
    """Kill the browser that has this profile, all its processes at once, as a crash would."""
    mine = psutil.Process().children(recursive=True)
    theirs = [p for p in mine if any(str(profile) in argument for argument in _arguments(p))]
    assert theirs
    for process in theirs:
        process.kill()
    psutil.wait_procs(theirs, timeout=30)


def _arguments(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def open_page(context, path, *, name="Anna", fragment=""):
    """Open a page and wait until it has its verdicts; nobody is asked for a name.

    No script that is run before those of the page may touch ``localStorage``: now and then Chromium
    shows that page an empty one from then on.
    """
    page = visit(context.new_page(), path, fragment)
    if name and page.evaluate("() => Person.name") == "":
        page.evaluate("name => Person.keep(name)", name)
    return page


def visit(page, path, fragment=""):
    page.goto(Path(path).as_uri() + fragment if isinstance(path, Path) else path + fragment)
    return wait_ready(page)


def until(page, condition):
    """Wait until an expression of JavaScript is true."""
    page.wait_for_function(f"() => {condition}")


def until_said(page, text):
    """Wait until the status line says something."""
    page.wait_for_function("text => Page.get('status').textContent.includes(text)", arg=text)


def wait_ready(page):
    page.wait_for_selector('html[data-ready="1"][data-verdicts="1"]', state="attached")
    return page


def wait_saved(page):
    """Wait until the page says that all verdicts are on the disk."""
    page.wait_for_selector('#saved[data-state="saved"]', state="attached")
    return page


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def verdict(page, row=None):
    """One's verdict on a row, the one that is seen by default: class, quality, flags, comment."""
    state = page.evaluate("row => Deciding.state(row ?? App.row())", row)
    return state["class"], state["quality"], state["flags"], state["comment"]


def name_shown(page):
    return page.evaluate("() => App.list.columns.name[App.row()]")


def skip_without_browser():
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium: install it (make test does), or name it in LAMOST_RARE_BROWSER")
    return path
