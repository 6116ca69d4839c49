"""Verdicts from CSV files, also from those that a spreadsheet wrote again.

A spreadsheet may put semicolons or tabs in place of commas, another encoding, decimal commas, dates
in its own way, and columns in another order; and it takes a key such as ``1234567890123e12`` for a
number. What can be read without doubt is read; of the rest the error names the line.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator

from ..text import printable
from .verdict import KEY, Verdict, VerdictError, key_of

__all__ = ["decoded", "verdicts_of_csv"]

COLUMNS = (
    "list", "key", "obsid", "name", "path", "ra", "dec", "class", "quality", "flags", "comment",
    "by", "at",
)  # fmt: skip
"""What a page exports, in its order."""
_NEEDED = ("key", "class", "by")
_DELIMITERS = ",;\t"
_LINE_END = re.compile(r"\r\n|\r|\n")
_GUARDED = re.compile("'+[=+\\-@\uff1d\uff0b\uff0d\uff20\t\r]")
"""What a page put an apostrophe before, so that no spreadsheet takes it for a formula."""
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_OTHER_KINDS = {
    b"PK\x03\x04": "a workbook or an archive: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"SIMPLE  =": "a FITS file: give what the page exported, CSV or JSON",
    b"PAR1": "a Parquet file: give what the page exported, CSV or JSON",
    b"\x1f\x8b": "compressed: unpack it first",
    b"<!doctype html": "a page: open it in a browser, and export the verdicts there",
    b"<html": "a page: open it in a browser, and export the verdicts there",
}


def decoded(content: bytes, notes: list[str]) -> str:
    """Return the text of a file: UTF-8, UTF-16, or else what Windows in Western Europe writes.

    Raises
    ------
    VerdictError
        If it is not text.
    """
    for start, what in _OTHER_KINDS.items():
        if content[: len(start)].lower() == start.lower():
            raise VerdictError(f"is {what}")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    elif b"\0" in content[:200]:  # of ASCII in two bytes each, one is 0
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeError:
        try:
            text = content.decode("cp1252")
        except UnicodeError:
            raise VerdictError("is not text in UTF-8, UTF-16 or Windows-1252") from None
        if "\0" not in text:
            notes.append("is not UTF-8: read as Windows-1252, comments may have wrong letters")
    if "\0" in text:
        raise VerdictError("is not text")
    return text


def verdicts_of_csv(text: str, notes: list[str]) -> Iterator[Verdict]:
    """Yield the verdicts of a CSV file, in its order.

    Parameters
    ----------
    text : str
    notes : list of str
        What was read otherwise than it stands there is added.

    Raises
    ------
    VerdictError
        Naming the line.
    """
    start, delimiter = _heading_of(text)
    above = len(_LINE_END.findall(text[:start]))
    rows = csv.reader(io.StringIO(text[start:], newline=""), delimiter=delimiter, strict=True)
    names = [name.strip().lower() for name in next(rows)]
    restored = untimed = 0
    line = rows.line_num + 1
    try:
        for cells in rows:
            if any(cell.strip() for cell in cells):
                row = _by_name(cells, names)
                damaged = row["key"]
                row["key"] = _key(row)
                restored += row["key"] != damaged.strip().lower()
                verdict = Verdict.from_event(_event(row))
                untimed += verdict.time is None
                yield verdict
            line = rows.line_num + 1
    except csv.Error as error:
        raise VerdictError(f"line {above + line}: {printable(error)}") from None
    except VerdictError as error:
        raise VerdictError(f"line {above + line}: {error}") from None
    if restored:
        notes.append(
            f"{_keys(restored)} that a spreadsheet took for a number: restored from path and obsid"
        )
    if untimed:
        notes.append(f"{untimed} without a time that can be read: later lines hold")


def _keys(number: int) -> str:
    return "1 key" if number == 1 else f"{number} keys"


def _heading_of(text: str) -> tuple[int, str]:
    """Return where the line of names begins, and what stands between its cells."""
    start = len(text) - len(text.lstrip("\r\n"))
    if told := re.compile(r"sep=.[ \t]*[\r\n]+").match(text, start):  # which Excel takes away
        start = told.end()
    heading = re.split(r"[\r\n]", text[start:], maxsplit=1)[0]
    for delimiter in _DELIMITERS:
        try:
            cells = next(csv.reader([heading], delimiter=delimiter), [])
        except csv.Error:
            continue
        names = [cell.strip().lower() for cell in cells]
        if "key" not in names:
            continue
        for name in COLUMNS:
            if names.count(name) > 1 or (name in _NEEDED and name not in names):
                wrong = "no" if name not in names else "more than one"
                raise VerdictError(f"has {wrong} column {name!r}")
        return start, delimiter
    raise VerdictError("is not a file of verdicts: its first line names no column 'key'")


def _by_name(cells: list[str], names: list[str]) -> dict[str, str]:
    if len(cells) < len(names) or any(cell.strip() for cell in cells[len(names) :]):
        raise VerdictError(
            f"has {len(cells)} cells, the heading {len(names)}: is the file cut off, or a text "
            "with commas without quotes?"
        )
    row = dict.fromkeys(COLUMNS, "")
    for name, cell in zip(names, cells, strict=False):
        row[name] = cell[1:] if _GUARDED.match(cell) else cell
    return row


def _event(row: dict[str, str]) -> dict:
    return {
        **{name: row[name] for name in COLUMNS},
        "flags": row["flags"].split(";"),
        "ra": _number(row, "ra"),
        "dec": _number(row, "dec"),
        "at": row["at"].strip(),
        "list": row["list"].strip(),
    }


def _number(row: dict[str, str], name: str) -> float | None:
    text = row[name].strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise VerdictError(f"{name} is not a number, but {printable(repr(text))[:40]}")
    return float(text.replace(",", "."))


def _key(row: dict[str, str]) -> str:
    """Return the key of a row, from path and obsid if a spreadsheet took it for a number.

    Raises
    ------
    VerdictError
        If it cannot be told.
    """
    key = row["key"].strip().lower()
    whole = KEY.fullmatch(key)
    if whole and not key.isdecimal():
        return key
    shown = printable(repr(row["key"]))[:40]
    number = _NUMBER.fullmatch(key)
    if number and row["path"] and re.fullmatch(r"\s*[+-]?\d+\s*", row["obsid"], re.ASCII):
        made = key_of(row["path"], int(row["obsid"]))
        if _is_number(made) and _rounds_to(float(made), key):
            return made
    if whole:
        return key  # of decimal digits alone, and kept
    if number:
        raise VerdictError(
            f"key {shown} was taken for a number by a spreadsheet: give the file as the page "
            "exported it, or import the column as text"
        )
    raise VerdictError(f"key {shown} is not 16 hexadecimal digits")


def _is_number(key: str) -> bool:
    return bool(re.fullmatch(r"\d+(?:e\d+)?", key)) and math.isfinite(float(key))


def _rounds_to(value: float, written: str) -> bool:
    """Tell whether a number as a spreadsheet wrote it may be the value, by the digits it has."""
    found = float(written.replace(",", "."))
    mantissa = re.split("e", written.lstrip("+-"), flags=re.IGNORECASE)[0]
    digits = len(re.sub(r"\D", "", mantissa).lstrip("0"))
    return math.isclose(found, value, rel_tol=10.0 ** (1 - min(digits or 1, 15)), abs_tol=0.0)
