"""Verdicts of several files, by person: who is who, and which verdict of each holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from ..wording import named
from .verdict import Verdict
from .verdict_files import VerdictFile

__all__ = ["Gathered", "gather"]

NAMELESS = "unnamed"


@dataclass
class Gathered:
    """What people said.

    Attributes
    ----------
    people : list of str
        In the order in which they come; each is one person.
    verdicts : list of Verdict
        One a spectrum and person, by `people`; withdrawn ones are not among them.
    withdrawn : int
        How many were withdrawn.
    notes : list of str
        What people should know of it, each a line.
    """

    people: list[str] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    withdrawn: int = 0
    notes: list[str] = field(default_factory=list)


def gather(files: Iterable[VerdictFile], *, one_person: bool = False) -> Gathered:
    """Put the verdicts of files together.

    Two files in which one name has a verdict in common are of one person, as a file that was
    exported twice. Otherwise a name that stands in two files is that of two people, who are told
    apart by their files.

    Parameters
    ----------
    files : iterable of VerdictFile
    one_person : bool
        Take people of one name for one person in any case.

    Returns
    -------
    Gathered
    """
    files = list(files)
    found = Gathered()
    said: dict[str, dict[str, list[tuple[int, Verdict]]]] = {}  # by name, then by path
    for place, file in enumerate(files):
        for verdict in file.verdicts:
            of_name = said.setdefault(verdict.by or NAMELESS, {})
            of_name.setdefault(file.path, []).append((place, verdict))
    short = _short_names([file.path for file in files])
    for name, by_file in said.items():
        groups = [list(by_file)] if one_person else _same_person(by_file)
        for group in groups:
            person = name if len(groups) == 1 else f"{name} ({short[group[0]]})"
            pairs = sorted((p for path in group for p in by_file[path]), key=lambda pair: pair[0])
            _settle(found, person, [verdict for _, verdict in pairs])
        if len(groups) > 1:
            names = ", ".join(short[group[0]] for group in groups)
            found.notes.append(
                f"{name} is taken for {len(groups)} people, since no verdict of that name is in "
                f"two of {names}; {named('one_person', True)} if it is one"
            )
    return found


def _same_person(by_file: dict[str, list[tuple[int, Verdict]]]) -> list[list[str]]:
    """Return groups of files that have an event in common."""
    groups: list[tuple[set, list[str]]] = []
    for path, pairs in by_file.items():
        events: set = {verdict.id for _, verdict in pairs if verdict.id}  # CSV has none
        events |= {(v.key, v.time) for _, v in pairs if v.time is not None}
        mine = (events, [path])
        for other in [group for group in groups if group[0] & events]:
            groups.remove(other)
            mine = (other[0] | mine[0], other[1] + mine[1])
        groups.append(mine)
    return [paths for _, paths in groups]


def _settle(found: Gathered, person: str, verdicts: list[Verdict]) -> None:
    """Add the verdicts of a person that hold."""
    by_key: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_key.setdefault(verdict.key, []).append(verdict)
    differ = 0
    found.people.append(person)
    for several in by_key.values():
        last = _last(several)
        same_time = [v for v in several if v.time is not None and v.time == last.time]
        differ += any(_said(verdict) != _said(last) for verdict in same_time)
        if last.withdrawn:
            found.withdrawn += 1
        else:
            found.verdicts.append(replace(_told(last, several), by=person))
    if differ:
        found.notes.append(
            f"{person}: {differ} verdict{'s' if differ > 1 else ''} changed without a new time (in "
            "a spreadsheet?): the one in the later file or line holds"
        )


def _said(verdict: Verdict) -> tuple:
    return verdict.class_name, verdict.quality, verdict.flags, verdict.comment


def _last(verdicts: list[Verdict]) -> Verdict:
    """Return the latest; that in the last place where not all times can be read."""
    if any(verdict.time is None for verdict in verdicts):
        return verdicts[-1]
    return max(reversed(verdicts), key=lambda verdict: verdict.time or 0.0)


def _told(last: Verdict, several: list[Verdict]) -> Verdict:
    """Fill in what the last event does not tell of the spectrum, and another does."""
    known: dict[str, Any] = {}
    for name in ("name", "path", "obsid", "ra", "dec"):
        values = [getattr(verdict, name) for verdict in several]
        known[name] = next((x for x in (getattr(last, name), *values) if x not in ("", None)), None)
    known = {name: value for name, value in known.items() if value is not None}
    return replace(last, **known)


def _short_names(paths: list[str]) -> dict[str, str]:
    """Return names of files, with their folders where two have one name."""
    names = [PurePath(path).name for path in paths]
    return {
        path: name if names.count(name) == 1 else path
        for path, name in zip(paths, names, strict=True)
    }
