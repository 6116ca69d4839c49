"""What objects look like at the end of a cell of a notebook: small tables of HTML.

They name no colour, so that they are read on light and dark pages, and need nothing but
themselves. All text is escaped: names of files and of stars are others'.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence

from .text import printable

__all__ = ["facts_as_html", "table_as_html"]

_LEFT = ' style="text-align: left; vertical-align: top"'
_RIGHT = ' style="text-align: right"'


def facts_as_html(title: str, facts: Mapping[str, object], *, says: Iterable[str] = ()) -> str:
    """Return a heading, sentences, and a line for each fact.

    Parameters
    ----------
    title : str
    facts : mapping of str to object
        What is known, by names.
    says : iterable of str
        Sentences above the facts.

    Returns
    -------
    str
        HTML. Cells are one line each, without control characters.
    """
    rows = "".join(
        f"<tr><th{_LEFT}>{_text(name)}</th><td{_LEFT}>{_text(value)}</td></tr>"
        for name, value in facts.items()
    )
    return _framed(title, says, f"<table>{rows}</table>")


def table_as_html(
    title: str,
    names: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    left: Iterable[str] = (),
    says: Iterable[str] = (),
) -> str:
    """Return a heading, sentences and a table with a heading for each column.

    Parameters
    ----------
    title : str
    names : sequence of str
        Of the columns.
    rows : iterable of sequence
        Values, a sequence for each row.
    left : iterable of str
        Columns of text, which begin at the left.
    says : iterable of str
        Sentences above the table.

    Returns
    -------
    str
        HTML, as that of `facts_as_html`.
    """
    sides = [_LEFT if name in set(left) else _RIGHT for name in names]

    def line(cells, tag):
        pairs = zip(cells, sides, strict=True)
        written = (f"<{tag}{side}>{_text(cell)}</{tag}>" for cell, side in pairs)
        return f"<tr>{''.join(written)}</tr>"

    body = "".join(line(row, "td") for row in rows)
    heading = f"<thead>{line(names, 'th')}</thead>"
    return _framed(title, says, f"<table>{heading}<tbody>{body}</tbody></table>")


def _framed(title: str, says: Iterable[str], table: str) -> str:
    sentences = "".join(f"<div>{_text(sentence)}</div>" for sentence in says)
    return f"<div><div><strong>{_text(title)}</strong></div>{sentences}{table}</div>"


def _text(value: object) -> str:
    return html.escape(printable(value))
