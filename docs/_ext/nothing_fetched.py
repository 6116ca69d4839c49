"""Warn if a built page would have the reader's browser load something from elsewhere."""

import re
from pathlib import Path

__all__ = ["fetched", "setup"]

FETCHED = re.compile(
    r"""<(?:script|img|iframe|video|audio|source|embed)\b[^>]*?\bsrc\s*=\s*["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|<link\b(?=[^>]*\brel\s*=\s*["']?[^"'>]*(?:stylesheet|preload|preconnect|icon))"""
    r"""[^>]*?\bhref\s*=\s*["']?((?:https?:)?//[^"'\s>]+)"""
    r"""|@import\s+(?:url\()?\s*["']?((?:https?:)?//[^"')\s;]+)"""
    r"""|\burl\(\s*["']?((?:https?:)?//[^"')\s]+)""",
    re.IGNORECASE,
)
"""What makes a browser load a file from another place; links that a reader follows do not."""


def fetched(text: str) -> list[str]:
    """Return the addresses that a page or a style sheet has a browser load."""
    return [next(filter(None, match.groups())) for match in FETCHED.finditer(text)]


def check(app, exception) -> None:
    """Warn of what the built pages and style sheets would load from elsewhere."""
    from sphinx.util import logging

    if exception is not None or app.builder.format != "html":
        return
    for path in sorted(Path(app.outdir).rglob("*")):
        if path.suffix in (".html", ".css"):
            for address in fetched(path.read_text(encoding="utf-8", errors="replace")):
                logging.getLogger(__name__).warning("%s loads %s", path, address)


def setup(app):
    """Register with Sphinx."""
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
