"""Make the pictures of the page that docs/report.md and README show, of the simulated survey.

    lamost-rare demo
    python docs/make_screenshots.py demo-output

Needs playwright for Python and a Chromium, ``/usr/bin/chromium`` or what CHROMIUM names. Never make
these pictures of real spectra.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
from pathlib import Path

import matplotlib
from astropy.table import Table
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from lamost_rare import plot_spectrum, show_candidates
from lamost_rare.evaluation.drawing import save_figure
from lamost_rare.report.making import make_report

IMAGES = Path(__file__).parent / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MOST_BYTES = 150_000
SHOWN = ("hei_4026", "heii_4200", "hei_4471", "heii_4541", "heii_4686", "heii_5411")
VERDICTS = (("o", "1"), ("o", "2"), ("o", "1"), ("b", "3"), ("o", "1"), ("u", "3"), ("o", "1"))
"""Keys that are pressed one after the other: some verdicts to be seen in the pictures."""


def save(png: bytes, name: str, scale: float = 1.0) -> None:
    """Write a picture with as many colours as it may have."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if scale != 1:
        size = round(scale * image.width), round(scale * image.height)
        image = image.resize(size, Image.Resampling.LANCZOS)
    for colours in (128, 64, 32):
        small = io.BytesIO()
        with_palette(image, colours).save(small, "PNG", optimize=True)
        if small.tell() <= MOST_BYTES:
            break
    else:
        raise SystemExit(f"{name} has {small.tell()} bytes, more than {MOST_BYTES}")
    (IMAGES / name).write_bytes(small.getvalue())
    print(f"{name}: {image.width} x {image.height}, {colours} colours, {small.tell() / 1e3:.0f} kB")


def with_palette(image: Image.Image, colours: int) -> Image.Image:
    """Reduce the colours: half are the most frequent ones, exactly, for paper and panels."""
    counted = sorted(image.getcolors(image.width * image.height), reverse=True)
    frequent = [rgb for _, rgb in counted[: colours // 2]]
    others = image.quantize(colours - len(frequent), Image.Quantize.MAXCOVERAGE).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([*sum(frequent, ()), *others[: 3 * (colours - len(frequent))]])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def ready(page: Page) -> None:
    """Wait until the spectrum is drawn and keys do something."""
    page.wait_for_selector('html[data-ready="1"][data-verdicts="1"]', state="attached")


def decide(page: Page) -> None:
    """Give some verdicts as Anna, and go back to the first candidate."""
    page.keyboard.press("N")
    page.fill("#person", "Anna")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]", state="hidden")
    for keys in VERDICTS:
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_timeout(200)
    page.keyboard.press("Home")
    page.wait_for_timeout(400)


def look(browser, address, name, width, height, *, dark=False, do=None, scale=1.0) -> None:
    """Open the page anew, do something, and take a picture of what is seen."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.goto(address)
    ready(page)
    decide(page)
    if do:
        do(page)
        page.wait_for_timeout(600)
    save(page.screenshot(), name, scale)
    context.close()


def table(page: Page) -> None:
    """Open the table of all."""
    page.keyboard.press("T")


def keys(page: Page) -> None:
    """Open the list of keys."""
    page.keyboard.press("?")


def smooth(page: Page) -> None:
    """Smooth by a pixel: a picture of so much noise would be too large a file."""
    page.keyboard.press("W")


def blue(page: Page) -> None:
    """Zoom to the blue lines."""
    page.keyboard.press("(")


def figure(demo: Path) -> None:
    """Make README's picture of a candidate."""
    matplotlib.use("Agg")
    row = Table.read(demo / "candidates" / "candidates.parquet")[0]
    png = io.BytesIO()
    drawn = plot_spectrum(row, lines=SHOWN)["overview"].figure
    save_figure(drawn, png, format="png")
    save(png.getvalue(), "candidate.png")


def gallery(browser, demo: Path) -> None:
    """Take a picture of what a notebook shows."""
    page = browser.new_page(viewport={"width": 1180, "height": 400})
    html = show_candidates(demo / "candidates", number=3)._repr_html_()
    page.set_content(f'<body style="font:13px sans-serif">{html}</body>')
    save(page.screenshot(), "gallery.png")


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("demo", type=Path, help="what lamost-rare demo wrote")
    demo = parser.parse_args().demo
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        few, many = Path(folder) / "few.html", Path(folder) / "many.html"
        make_report(demo / "candidates", few, progress=False)
        make_report(demo / "candidates", many, top=60, progress=False)
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        few_at, many_at = few.as_uri(), many.as_uri()
        look(browser, few_at, "page-light.png", 1400, 950)
        look(browser, few_at, "page-dark.png", 1400, 950, dark=True, do=blue)
        look(browser, few_at, "page-narrow.png", 390, 844)
        look(browser, few_at, "page-wide.png", 2560, 1200, do=smooth, scale=0.625)
        look(browser, many_at, "page-table.png", 1400, 700, do=table)
        look(browser, few_at, "page-keys.png", 1400, 950, do=keys)
        gallery(browser, demo)
        browser.close()
    figure(demo)


if __name__ == "__main__":
    main()
