"""Files of verdicts: what pages export, CSV and JSON, and what the server keeps, JSON lines."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..text import check_paths, first_line, printable
from .verdict import Verdict, VerdictError
from .verdict_cells import decoded, verdicts_of_csv

__all__ = [
    "BLIND_NAME", "KIND", "VerdictFile", "from_blind_page", "notes_on_lists", "read_verdict_file",
    "read_verdict_files",
]  # fmt: skip

KIND = "lamost-rare verdicts"
FORMAT = 1
"""Of JSON files that pages export."""

BLIND_NAME = "Spectrum "
"""Name of all spectra of a page that hides names, with the number behind."""

_MOST_BYTES = 1 << 28


@dataclass
class VerdictFile:
    """What a file holds.

    Attributes
    ----------
    path : str
        As it was given, safe to show.
    verdicts : list of Verdict
        In the file's order: of two by one person of one spectrum the later one holds, also if it
        withdraws the other.
    notes : list of str
        What was left out, or read otherwise than it stands there; each a line for people.
    """

    path: str
    verdicts: list[Verdict] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_verdict_files(paths: Iterable) -> list[VerdictFile]:
    """Read files as `read_verdict_file`, each once."""
    named = dict.fromkeys(map(str, paths))
    return [read_verdict_file(path) for path in named]


def read_verdict_file(path: str | Path) -> VerdictFile:
    """Read a file of verdicts; its content says of which kind it is.

    Parameters
    ----------
    path : str or path
        CSV or JSON that a page exported, also after a spreadsheet wrote it again, or the JSON lines
        of ``lamost-rare report --serve``.

    Returns
    -------
    VerdictFile
        Without verdicts if there are none in it, which a note says.

    Raises
    ------
    VerdictError
        If it cannot be read, is of another kind, or a line of it makes no sense. Names file and
        line.
    """
    check_paths(path=path)
    shown = printable(path)
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or printable(first_line(error))
        raise VerdictError(f"cannot read {shown}: {what}") from error
    if len(content) > _MOST_BYTES:
        raise VerdictError(f"{shown} is too large for a file of verdicts")
    found = VerdictFile(shown)
    try:
        text = decoded(content, found.notes)
        found.verdicts = list(_verdicts(text, Path(path).suffix.lower(), found.notes))
    except VerdictError as error:
        # "x.csv, line 7: what" or "x.csv is what"
        between = ", " if str(error).startswith(("line ", "verdict ")) else " "
        raise VerdictError(f"{shown}{between}{error}") from None
    if not found.verdicts:
        found.notes.append("holds no verdicts")
    return found


def _verdicts(text: str, suffix: str, notes: list[str]) -> Iterable[Verdict]:
    start = text.lstrip()[:1]
    if not start:
        return ()
    if start not in "{[":
        return verdicts_of_csv(text, notes)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if suffix == ".jsonl" or _is_event(_json_or_none(text.lstrip().partition("\n")[0])):
            return _of_lines(text, notes)
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise VerdictError(f"is cut off or damaged{where}: export the verdicts again") from None
    if _is_event(content):
        return _of_lines(text, notes)
    return _of_export(content)


def _json_or_none(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _is_event(content: object) -> bool:
    return isinstance(content, dict) and "key" in content and "by" in content


def _of_export(content: object) -> Iterator[Verdict]:
    digest = ""
    if isinstance(content, dict):
        kind, version = content.get("kind"), content.get("format")
        if kind != KIND:
            raise VerdictError(f"is JSON, and no file of verdicts: its kind is not {KIND!r}")
        if version != FORMAT:
            raise VerdictError(
                f"is of format {printable(repr(version))[:20]}, and this version of lamost-rare "
                f"reads {FORMAT}"
            )
        digest, content = content.get("list") or "", content.get("verdicts")
    if not isinstance(content, list):
        raise VerdictError("is JSON without a list of verdicts")
    for number, event in enumerate(content, start=1):
        try:
            if isinstance(event, dict):
                event = {"list": digest, **event}
            yield Verdict.from_event(event)
        except VerdictError as error:
            raise VerdictError(f"verdict {number}: {error}") from None


def _of_lines(text: str, notes: list[str]) -> Iterator[Verdict]:
    """Yield verdicts of JSON lines; a line that a killed process left half is told and left out."""
    half = []
    last = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        last = number
        event = _json_or_none(line)
        if event is None:
            half.append(number)
            continue
        try:
            yield Verdict.from_event(event)
        except VerdictError as error:
            raise VerdictError(f"line {number}: {error}") from None
    if half == [last]:
        notes.append(f"ends in the middle of line {last}, which is left out")
    elif half:
        shown = ", ".join(map(str, half[:5])) + (", ..." if half[5:] else "")
        notes.append(f"{len(half)} half-written lines are left out: {shown}")


def from_blind_page(verdict: Verdict) -> bool:
    """Tell whether a verdict is from a page that hides names, by how it names its spectrum."""
    return verdict.obsid is None and bool(re.fullmatch(f"{BLIND_NAME}\\d+", verdict.name))


def notes_on_lists(
    files: Iterable[VerdictFile], digest: str = "", keys: Iterable[str] = ()
) -> list[str]:
    """Return a line for each list that is not the one that is looked at.

    Parameters
    ----------
    files : iterable of VerdictFile
    digest : str, optional
        Of the list that is looked at; by default that of most verdicts.
    keys : iterable of str, optional
        Of its spectra; by default those that have verdicts in it.

    Returns
    -------
    list of str
    """
    files = list(files)
    counts = Counter(v.list for file in files for v in file.verdicts if v.list)
    if not digest:
        if len(counts) < 2:
            return []
        digest = counts.most_common(1)[0][0]
    known = set(keys) or {v.key for file in files for v in file.verdicts if v.list == digest}
    notes = []
    for file in files:
        others: dict[str, set[str]] = {}
        for verdict in file.verdicts:
            if verdict.list and verdict.list != digest:
                others.setdefault(verdict.list, set()).add(verdict.key)
        for other, spectra in others.items():
            notes.append(
                f"{file.path} is of list {printable(other[:8])}, not {digest[:8]}: "
                f"{len(spectra & known)} of its {len(spectra)} spectra are in both"
            )
    return notes
