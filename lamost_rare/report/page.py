"""The page as one HTML file: assets, list and spectra, each where a browser expects it.

Everything of files or people is base64 of deflated bytes, or escaped. The policy in the head allows
no script but those of this folder, by their hashes, and no request.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import zlib
from collections.abc import Iterable
from importlib.resources import files
from typing import BinaryIO

__all__ = ["SCRIPTS", "STYLES", "embedded_json", "write_page"]

STYLES = ("app.css", "view.css")
SCRIPTS = (
    "unpack.js", "numerics.js", "widths.js", "standards.js", "words.js", "elements.js",
    "palette.js", "chart.js", "traces.js", "markers.js", "scene.js", "picture.js", "overview.js",
    "closeups.js", "links.js", "facts.js", "visits.js", "controls.js", "printed.js",
    "viewactions.js", "view.js",
    "page.js", "settings.js", "status.js", "theme.js", "database.js", "smallstore.js",
    "verdictlog.js", "sync.js", "filtering.js", "order.js", "person.js", "undoing.js",
    "deciding.js", "keys.js", "table.js", "filterform.js", "csv.js", "exporting.js",
    "importing.js", "printing.js", "jumping.js", "progress.js", "about.js", "actions.js",
    "app.js",
)  # fmt: skip
"""In the order in which they are run."""


def write_page(file: BinaryIO, page: dict, spectra: Iterable[bytes]) -> None:
    """Write the page.

    Parameters
    ----------
    file : binary file
    page : dict
        What the scripts call the list; JSON can hold it. Its ``title`` is that of the page, and
        with ``served`` the page may ask the server that it comes from.
    spectra : iterable of bytes
        Each in base64; empty for one that there is not. Taken one at a time.
    """
    for part in _start(page):
        file.write(part.encode("utf-8"))
    for number, spectrum in enumerate(spectra):
        file.write(b'<script type="text/plain" id="s%d">' % number)
        file.write(spectrum)
        file.write(b"</script>\n")
    file.write(b"</body></html>\n")


def embedded_json(value: object) -> str:
    """Return a value as JSON, deflated, in base64."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    packed = zlib.compress(text.encode("utf-8", "backslashreplace"), 9)
    return base64.b64encode(packed).decode("ascii")


def _start(page: dict) -> Iterable[str]:
    """Yield the page up to the spectra: scripts come first, so that the first spectrum is drawn
    while others are still read."""
    style = "\n".join(map(_asset, STYLES))
    scripts = list(map(_asset, SCRIPTS))
    policy = content_policy(scripts, style, served=bool(page.get("served")))
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield '<meta name="referrer" content="no-referrer">\n'
    yield '<link rel="icon" href="data:,">\n'
    yield f"<title>{html.escape(page['title'])}</title>\n"
    yield f"<style>{style}</style>\n</head><body>\n"
    yield _asset("page.html")
    yield f'<script type="text/plain" id="list">{embedded_json(page)}</script>\n'
    yield from (f"<script>{script}</script>\n" for script in scripts)


def content_policy(scripts: Iterable[str], style: str, *, served: bool) -> str:
    """Return the content-security policy of a page with these scripts and this style."""
    rules = [
        "default-src 'none'",
        f"script-src {' '.join(map(_hash, scripts))}",
        f"style-src {_hash(style)}",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join([*rules, "connect-src 'self'"] if served else rules)


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _asset(name: str) -> str:
    return files(__package__).joinpath("assets", name).read_text(encoding="utf-8")
