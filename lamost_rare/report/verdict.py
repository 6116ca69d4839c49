"""One verdict: what a person said of a spectrum, as pages, files and the server hold it."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime

from ..text import printable
from .errors import ReportError

__all__ = ["KEY", "Verdict", "VerdictError", "key_of", "read_time"]

KEY = re.compile("[0-9a-f]{16}")
"""Of a spectrum, as `key_of` makes it."""

_LONGEST = {
    "list": 64, "key": 16, "name": 1000, "path": 5000, "obsid": 40, "class": 100, "quality": 100,
    "comment": 20_000, "by": 200, "at": 40, "id": 400,
}  # fmt: skip
"""Characters that a text of an event may have."""
_MOST_FLAGS = 50

# How spreadsheets write a time again; only what cannot be read in two ways.
_WRITTEN_AGAIN = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M",
    "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p",
)  # fmt: skip


class VerdictError(ReportError):
    """What is not a verdict, or not a file of verdicts."""


def key_of(path: str, obsid: int) -> str:
    """Return what names a spectrum among all others: 16 hexadecimal digits, of the SHA-256 of path,
    NUL and obsid."""
    return hashlib.sha256(f"{path}\0{obsid}".encode("utf-8", "backslashreplace")).hexdigest()[:16]


def read_time(text: str) -> float | None:
    """Return the seconds since 1970 of a time, None if it is none or could be two.

    Times without a zone are taken for UTC. Besides ISO 8601 these are as spreadsheets write them:
    ``29.11.2026 19:40``, ``2026/11/29 19:40:01``, ``11/29/2026 7:40 PM``.
    """
    text = text.strip()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        for form in _WRITTEN_AGAIN:
            try:
                found = datetime.strptime(text, form)
            except ValueError:
                continue
            break
        else:
            return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    return (found - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()


@dataclass(frozen=True)
class Verdict:
    """What one person said of one spectrum, complete: a later one takes the place of this.

    Attributes
    ----------
    key : str
        Of the spectrum, as `KEY`.
    by : str
        Who said it.
    class_name, quality : str
        Empty if undecided.
    flags : tuple of str
    comment : str
    at : str
        When, as written; `time` is the number.
    id : str
        Of the event; empty in CSV files.
    list : str
        Digest of the list that the person looked at.
    name, path : str
        Of the spectrum; empty if not told.
    obsid : int or None
    ra, dec : float or None
        In degrees.
    """

    key: str
    by: str
    class_name: str = ""
    quality: str = ""
    flags: tuple[str, ...] = ()
    comment: str = ""
    at: str = ""
    id: str = ""
    list: str = ""
    name: str = ""
    path: str = ""
    obsid: int | None = None
    ra: float | None = None
    dec: float | None = None

    @property
    def withdrawn(self) -> bool:
        """Tell whether nothing is left of it."""
        return not (self.class_name or self.quality or self.flags or self.comment)

    @property
    def time(self) -> float | None:
        """Return the seconds since 1970 of ``at``; None if that cannot be read."""
        return read_time(self.at)

    @classmethod
    def from_event(cls, event: object) -> Verdict:
        """Return the verdict of an event of a page.

        Parameters
        ----------
        event : dict
            As it comes from JSON. Keys that are not known are left alone.

        Raises
        ------
        VerdictError
            If it is no event, saying why.
        """
        if not isinstance(event, dict):
            raise VerdictError(f"not an object with key, by and class, but {_short(event)}")
        texts = {name: _text(event, name) for name in _LONGEST if name != "obsid"}
        if not KEY.fullmatch(texts["key"]):
            raise VerdictError(f"key {_short(texts['key'])} is not 16 hexadecimal digits")
        texts["by"] = _one_name(texts["by"])
        return cls(
            class_name=texts.pop("class").strip(),
            quality=texts.pop("quality").strip(),
            flags=_flags(event.get("flags")),
            obsid=_whole(event.get("obsid")),
            ra=_degrees(event, "ra", 0, 360),
            dec=_degrees(event, "dec", -90, 90),
            **texts,
        )

    def to_event(self) -> dict:
        """Return what `from_event` takes; what is not known is left out."""
        event = {
            "list": self.list,
            "key": self.key,
            "name": self.name,
            "obsid": "" if self.obsid is None else str(self.obsid),
            "path": self.path,
            "ra": self.ra,
            "dec": self.dec,
            "class": self.class_name,
            "quality": self.quality,
            "flags": list(self.flags),
            "comment": self.comment,
            "by": self.by,
            "at": self.at,
            "id": self.id,
        }
        kept = ("class", "quality", "flags", "comment")
        return {k: value for k, value in event.items() if k in kept or value not in ("", None)}


def _short(value: object) -> str:
    text = printable(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def _one_name(text: str) -> str:
    """Return a person's name in one form, whatever keyboard or blanks it was typed with."""
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _text(event: dict, name: str) -> str:
    value = event.get(name)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise VerdictError(f"{name} is not text, but {_short(value)}")
    if len(value) > _LONGEST[name]:
        raise VerdictError(f"{name} has {len(value)} characters, more than {_LONGEST[name]}")
    return value


def _flags(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(flag, str) for flag in value):
        raise VerdictError(f"flags are not a list of texts, but {_short(value)}")
    if len(value) > _MOST_FLAGS or any(len(flag) > _LONGEST["class"] for flag in value):
        raise VerdictError("flags are too many, or too long")
    return tuple(dict.fromkeys(flag.strip() for flag in value if flag.strip()))


def _whole(value: object) -> int | None:
    """Return an obsid, which JSON holds as text: JavaScript's numbers end at 2**53."""
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,19}\s*", value, re.ASCII):
        value = int(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value) if abs(value) < 2**63 and value == int(value) else None
    if value in (None, ""):
        return None
    if isinstance(value, str) and len(value) <= _LONGEST["obsid"]:
        return None  # what a spreadsheet left of it
    raise VerdictError(f"obsid is not a whole number, but {_short(value)}")


def _degrees(event: dict, name: str, low: float, high: float) -> float | None:
    value = event.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise VerdictError(f"{name} is not a number, but {_short(value)}")
    if isinstance(value, float) and math.isnan(value):
        return None
    if not low <= value <= high:
        raise VerdictError(f"{name} is not from {low} to {high}, but {_short(value)}")
    return float(value)
