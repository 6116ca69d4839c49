"""Tables for pages in Markdown."""

from __future__ import annotations

__all__ = ["markdown_table"]


def markdown_table(headings, rows) -> list[str]:
    """Return the lines of a table.

    Parameters
    ----------
    headings : iterable of str
    rows : iterable of iterable
        Each with as many cells as there are headings; a cell stands as its ``str()``.

    Returns
    -------
    list of str

    Examples
    --------
    >>> print(*markdown_table(["class", "stars"], [["O", 39], ["B", 221]]), sep="\\n")
    | class | stars |
    |---|---|
    | O | 39 |
    | B | 221 |
    """
    headings = list(headings)
    return [_line(headings), "|" + "---|" * len(headings), *map(_line, rows)]


def _line(cells) -> str:
    return f"| {' | '.join(map(str, cells))} |"
