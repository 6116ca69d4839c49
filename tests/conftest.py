"""Fixtures and settings shared by all tests."""

import logging
import os
import sys
from contextlib import ExitStack
from itertools import count
from pathlib import Path

# Before anything imports TensorFlow: its start-up messages would drown pytest's.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest

from browser_helpers import Browser, open_page, skip_without_browser

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def same_weights():
    """New networks begin with the same weights in every run of a test."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(20210503)


@pytest.fixture(autouse=True)
def same_log():
    """What a test, or a snippet that it runs, asks of the package's log ends with the test."""
    loggers = [logging.getLogger(name) for name in (None, "lamost_rare")]
    before = [(logger.level, logger.handlers[:]) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        if logger.name == "lamost_rare":
            logger.handlers[:] = handlers


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder with real spectra and stellar libraries, which the repository does not hold."""
    folder = Path(os.environ.get("LAMOST_RARE_DATA", "../shared/data"))
    folder = folder if folder.is_absolute() else _REPOSITORY / folder
    if not (folder / "lamost" / "labels.csv").is_file():
        pytest.skip(f"no real spectra at {folder}; set LAMOST_RARE_DATA to test with them")
    return folder


@pytest.fixture(scope="session")
def star_page(tmp_path_factory) -> Path:
    """Page of ten simulated stars."""
    # Here, as few tests need it: it loads what scans need.
    from page_helpers import page_of_stars

    return page_of_stars(tmp_path_factory.mktemp("page"))


@pytest.fixture
def served(scan):
    """The page of a file's ``scan``, served; without verdicts afterwards."""
    from lamost_rare.report.server import serve

    with serve(scan, progress=False) as served:
        yield served
    for path in scan.glob("verdicts-*"):
        path.unlink()


@pytest.fixture(scope="module")
def browser():
    """Chromium for the tests of a file.

    Ended with the file: as long as playwright runs, nothing else in this process can run asyncio.
    """
    path = skip_without_browser()
    api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    with api.sync_playwright() as playwright:
        running = Browser(api, playwright, path)
        yield running
        running.close()


@pytest.fixture
def context(browser):
    """A context of the browser with nothing stored; checked at the end, see `Watch`."""
    with browser.context() as made:
        yield made


@pytest.fixture
def open_spectra(browser, tmp_path):
    """Open a page of some spectra; ``open_spectra.packed`` are those of the last one, packed.

    Parameters are those of `viewer_helpers.write_spectra`, and ``options`` of the context.
    """
    # Here, as few tests need it: it loads what standards are made of.
    from viewer_helpers import write_spectra

    with ExitStack() as opened:

        def open_(spectra, /, *, options=None, **changes):
            path = tmp_path / f"spectra-{next(numbers)}.html"
            open_.packed = write_spectra(path, spectra, **changes)
            context = opened.enter_context(browser.context(**(options or {})))
            return open_page(context, path)

        numbers = count()
        yield open_
