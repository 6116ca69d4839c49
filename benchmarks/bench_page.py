"""The page in a browser: opening, the next spectrum, decisions a minute.

    python benchmarks/bench_page.py [--spectra DIR] [--number 5000]

Spectra are those of the folder (real ones, say), or simulated ones in DR7's layout; files have as
many names as are wanted. They are scanned, and two pages are made: of 50 spectra and of all. Each
is opened in Chromium without a window, from disk, each time with nothing stored. Opening is the
time from the start of the navigation to the first spectrum drawn; the next spectrum that from a key
to the spectrum drawn. A decision is a key for the class and one for the quality, after which the
page goes on by itself; the last is over when all are on the disk. Prints a Markdown table: medians,
of the next spectrum also what 95 % stay below. Without a browser there is nothing to measure.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from survey_files import hard_links, simulate

from lamost_rare.report.making import make_page
from lamost_rare.survey.inputs.discovery import find_spectra
from lamost_rare.survey.scan import scan_directory

FEW = 50
OPENINGS = 7
MOVES = 200
DECISIONS = 100
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
_READY = 'html[data-ready="1"][data-verdicts="1"]'


def find_browser() -> str | None:
    """Return where Chromium is."""
    told = os.environ.get("LAMOST_RARE_BROWSER")
    return next(filter(None, map(shutil.which, (told,) if told else _NAMES)), None)


def opened(browser, path: Path):
    """Open a page with nothing stored."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(120_000)
    page.goto(path.as_uri(), wait_until="commit")
    page.wait_for_selector(_READY, state="attached")
    page.evaluate("Person.keep('Anna')")
    return page


def opening_ms(browser, path: Path) -> float:
    """Measure the time to the first spectrum."""
    page = opened(browser, path)
    took = page.evaluate("performance.getEntriesByName('first-spectrum')[0].startTime")
    page.context.close()
    return took


def moves_ms(page) -> np.ndarray:
    """Go on with the arrow key, each time when the spectrum is drawn; return what each took."""
    last = page.evaluate("App.order.length - 1")
    for at in range(min(MOVES, last)):
        page.keyboard.press("ArrowRight")
        page.wait_for_function(f"() => App.at === {at + 1} && App.shown === App.row()")
    return np.array(
        page.evaluate("performance.getEntriesByName('next-spectrum').map((m) => m.duration)")
    )


def decisions_a_minute(page, number: int) -> float:
    """Decide by keyboard, and wait until all is stored."""
    page.keyboard.press("Home")
    start = time.monotonic()
    for at in range(number):
        page.keyboard.press("ob"[at % 2])
        page.keyboard.press("12"[at % 2])
        page.wait_for_function(f"() => App.at === {at + 1}")
    page.wait_for_selector('#saved[data-state="saved"]', state="attached")
    took = time.monotonic() - start
    assert page.locator("#progress-text").text_content().startswith(f"{number} of ")
    return 60 * number / took


def make_pages(folder: Path, spectra: Path | None, number: int) -> list[tuple[int, Path]]:
    """Scan and write the pages of few spectra and of all."""
    if spectra is None:
        files = simulate(folder / "simulated", min(500, number))
    else:  # copies: links need the same file system, and nothing is written beside the originals
        found = [spectra / os.fsdecode(entry.path) for entry in find_spectra(spectra)][:number]
        (folder / "copies").mkdir()
        files = [
            Path(shutil.copyfile(path, folder / "copies" / f"{i}{''.join(path.suffixes[-2:])}"))
            for i, path in enumerate(found)
        ]
    hard_links(files, folder / "survey", number)
    scan_directory(folder / "survey", folder / "scan", progress=False)
    catalogue = pq.read_table(folder / "scan" / "catalogue.parquet", columns=["path", "obsid"])
    pages = []
    for n in (min(FEW, len(catalogue)), len(catalogue)):
        rows, page = folder / f"{n}.parquet", folder / f"{n}.html"
        pq.write_table(catalogue.slice(0, n), rows)
        make_page(folder / "scan", page, rows=rows, progress=False)
        pages.append((n, page))
    return pages


def measure(browser, pages: list[tuple[int, Path]]) -> None:
    """Measure and print."""
    times = {n: [] for n, _ in pages}
    for _ in range(OPENINGS):  # by turns: what else the machine does concerns both
        for n, path in pages:
            times[n].append(opening_ms(browser, path))
    print("| spectra | page, MB | opening, ms | next spectrum, ms (95 %) | decisions a minute |\n"
          "|---|---|---|---|---|")  # fmt: skip
    for n, path in pages:
        page = opened(browser, path)
        moves = moves_ms(page)
        speed = decisions_a_minute(page, min(DECISIONS, n - 1))
        page.context.close()
        size, opening, most = (
            path.stat().st_size / 1e6,
            np.median(times[n]),
            np.percentile(moves, 95),
        )
        move = np.median(moves)
        print(f"| {n} | {size:.1f} | {opening:.0f} | {move:.0f} ({most:.0f}) | {speed:.0f} |")
    few, many = (np.median(times[n]) for n, _ in pages)
    print(f"\nopening {pages[1][0]} to opening {pages[0][0]}: {many / few:.2f}")


def main() -> None:
    """Make pages, open them, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spectra", metavar="DIR", type=Path)
    parser.add_argument("--number", metavar="N", type=int, default=5000)
    args = parser.parse_args()
    path = find_browser()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        print("the page: no Chromium or no playwright, nothing to measure")
        return
    with tempfile.TemporaryDirectory() as work:
        pages = make_pages(Path(work), args.spectra, args.number)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
            measure(browser, pages)
            browser.close()


if __name__ == "__main__":
    main()
