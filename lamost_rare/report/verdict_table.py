"""The verdicts of several people as one table: a row a spectrum, disagreements first."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..inference.columns import IDENTITY, Column
from .agreement import disagreement
from .verdict import Verdict

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = ["UNSURE", "column_names", "majority", "table_of_verdicts"]

UNSURE = "unsure"
"""The class of who cannot say."""
QUALITIES = ("certain", "probable", "possible", "no use")

_OF = {column.name: column for column in IDENTITY}
_FIRST = (
    Column("key", str, "of the spectrum in the list that was looked at", ucd="meta.id"),
    _OF["obsid"],
    Column("name", str, "name of the object", ucd="meta.id;src"),
    _OF["path"],
    _OF["ra"],
    _OF["dec"],
    Column("agreed_class", str, "class that most people gave; empty for a tie", ucd="src.class"),
    Column("n_people", "i4", "number of people who gave a class", ucd="meta.number"),
    Column("disagreement", "f4", "part of the pairs of people who gave different classes; null "
           "for one person", None, ".2f", "stat.value;arith.ratio"),
    Column("n_unsure", "i4", "number of people who gave the class unsure", ucd="meta.number"),
    Column("mean_quality", "f4", "mean of what people said of their verdicts: 1 certain, 2 "
           "probable, 3 possible, 4 no use", None, ".1f", "meta.code.qual;stat.mean"),
)  # fmt: skip
_LAST = (
    Column("flags_set", str, "what people ticked, each with how many did", ucd="meta.note"),
    Column("comments", str, "what people wrote, each with their name", ucd="meta.note"),
)


def table_of_verdicts(
    verdicts: Iterable[Verdict],
    people: Sequence[str],
    columns: Iterable[Column] = (),
    joined: Mapping[str, Mapping] | None = None,
) -> Table:
    """Return the table.

    Parameters
    ----------
    verdicts : iterable of Verdict
        One a spectrum and person.
    people : sequence of str
        The order of their columns.
    columns : iterable of Column, optional
        Of a catalogue, to be joined.
    joined : mapping of str to mapping, optional
        Values of these columns (also of path, ra and so on, where verdicts do not tell) by key.

    Returns
    -------
    astropy.table.Table
        Disagreements first, by how many pairs disagree; then by how many are unsure and by what
        quality people gave. ``meta["people"]`` has the names behind the columns of each.
    """
    of_key: dict[str, dict[str, Verdict]] = {}
    for verdict in verdicts:
        of_key.setdefault(verdict.key, {})[verdict.by] = verdict
    columns, joined = tuple(columns), joined or {}
    short = column_names(people)
    rows = []
    for key, by in of_key.items():
        said = [by[person] for person in people if person in by]
        row = _identity(key, said, joined.get(key, {})) | _agreement(said)
        row |= {c.name: joined.get(key, {}).get(c.name) for c in columns}
        for person, name in short.items():
            one = by.get(person)
            row[f"class_{name}"] = one.class_name if one else ""
            row[f"quality_{name}"] = one.quality if one else ""
        rows.append(row)
    rows.sort(key=_worth_a_look)
    own = [_of_person(person, name) for person, name in short.items()]
    every = [*_FIRST, *columns, *(c for pair in own for c in pair), *_LAST]
    return _table(rows, every, {"people": {name: person for person, name in short.items()}})


def column_names(people: Iterable[str]) -> dict[str, str]:
    """Return what the columns of each person are called, in letters that every format has.

    >>> column_names(["Jörg Ä.", "анна", "JÖRG Ä"])
    {'Jörg Ä.': 'jorg_a', 'анна': 'person_2', 'JÖRG Ä': 'jorg_a_2'}
    """
    found: dict[str, str] = {}
    for number, person in enumerate(people, start=1):
        plain = unicodedata.normalize("NFKD", person).encode("ascii", "ignore").decode()
        plain = re.sub("[^a-z0-9]+", "_", plain.lower()).strip("_")[:40] or f"person_{number}"
        name, more = plain, 2
        while name in found.values():
            name, more = f"{plain}_{more}", more + 1
        found[person] = name
    return found


def majority(classes: Iterable[str]) -> str:
    """Return the class that most gave, empty for a tie.

    >>> majority(["O", "B", "O"]), majority(["O", "B"]), majority([])
    ('O', '', '')
    """
    first = Counter(classes).most_common(2)
    if not first or (len(first) == 2 and first[0][1] == first[1][1]):
        return ""
    return first[0][0]


def _identity(key: str, said: Sequence[Verdict], joined: Mapping) -> dict:
    row: dict = {"key": key}
    for name in ("obsid", "name", "path", "ra", "dec"):
        told = [joined.get(name), *(getattr(verdict, name) for verdict in said)]
        row[name] = next((value for value in told if value not in ("", None)), None)
    return row


def _agreement(said: Sequence[Verdict]) -> dict:
    classes = [verdict.class_name for verdict in said if verdict.class_name]
    grades = [QUALITIES.index(v.quality) + 1 for v in said if v.quality in QUALITIES]
    flags = Counter(flag for verdict in said for flag in verdict.flags)
    return {
        "agreed_class": majority(classes),
        "n_people": len(classes),
        "disagreement": disagreement(classes),
        "n_unsure": classes.count(UNSURE),
        "mean_quality": float(np.mean(grades)) if grades else None,
        "flags_set": "; ".join(f"{flag} ({n})" for flag, n in sorted(flags.items())),
        "comments": " | ".join(f"{v.by}: {v.comment}" for v in said if v.comment),
    }


def _worth_a_look(row: dict) -> tuple:
    split = row["disagreement"] if row["n_people"] > 1 else -1.0
    unsure = row["n_unsure"] / max(row["n_people"], 1)
    return -split, -unsure, -(row["mean_quality"] or 0.0), row["key"]


def _of_person(person: str, name: str) -> tuple[Column, Column]:
    return (
        Column(f"class_{name}", str, f"class that {person} gave", ucd="src.class"),
        Column(f"quality_{name}", str, f"quality that {person} gave", ucd="meta.code.qual"),
    )


_MISSING = {"f": np.nan, "i": -1, "O": "", "b": False}


def _table(rows: list[dict], columns: Sequence[Column], meta: dict) -> Table:
    from astropy.table import Column as TableColumn
    from astropy.table import Table

    table = Table(meta=meta)
    for column in columns:
        kind = column.numpy_dtype
        missing = _MISSING[kind.kind]
        values = [missing if row[column.name] is None else row[column.name] for row in rows]
        table[column.name] = TableColumn(
            np.array(values, dtype=str if kind.kind == "O" else kind),
            unit=column.unit,
            format=column.format,
            description=column.description,
        )
    return table
