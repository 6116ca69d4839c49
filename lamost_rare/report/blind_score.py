"""How well people did on stars that are known and were mixed into their list."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..text import check_paths, first_line, printable
from .agreement import classes_by_person
from .blind import FORMAT, KIND
from .errors import ReportError
from .verdict import Verdict
from .verdict_summary import aligned
from .verdict_table import UNSURE

__all__ = ["Score", "Truth", "read_truth", "refuse_other_list", "score_lines", "scores"]

_CONFIDENCE = 0.9
_OTHER = "other"
_CLASSIFIER = "lamost-rare"


@dataclass(frozen=True)
class Truth:
    """What is known of some stars of a list.

    Attributes
    ----------
    list : str
        Digest of the list.
    classes : dict of str to str
        True class of each, by key.
    predictions : dict of str to str
        What the classifier says of them, by key, where it was asked.
    offered : tuple of str
        Classes that a verdict could have.
    """

    list: str
    classes: dict[str, str]
    predictions: dict[str, str]
    offered: tuple[str, ...]

    def is_right(self, key: str, said: str) -> bool:
        """Tell whether a verdict is right; ``other`` is, for a class that was not offered."""
        true = _plain(self.classes[key])
        offered = {_plain(name) for name in self.offered}
        return _plain(said) == true or (said == _OTHER and true not in offered)


class Score(NamedTuple):
    """How well a person did on stars of one class.

    Attributes
    ----------
    person, name : str
        ``name`` of the class; empty for all together.
    right, wrong, unsure, undecided : int
    taken_for : dict of str to int
        Wrong classes, and how often each was given.
    """

    person: str
    name: str
    right: int
    wrong: int
    unsure: int
    undecided: int
    taken_for: dict[str, int]

    def part(self) -> tuple[float, float, float] | None:
        """Return the part that is right of those decided, with its range of 90 % (Clopper and
        Pearson 1934); None if none was decided."""
        from scipy.stats import binomtest

        n = self.right + self.wrong + self.unsure
        if not n:
            return None
        found = binomtest(self.right, n).proportion_ci(_CONFIDENCE, method="exact")
        return self.right / n, float(found.low), float(found.high)


def read_truth(path: str | os.PathLike) -> Truth:
    """Read what ``report --blind`` wrote beside its page.

    Raises
    ------
    ReportError
        If it cannot be read, or is something else.
    """
    check_paths(blind=path)
    shown = printable(path)
    try:
        content = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise ReportError(f"cannot read {shown}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{shown} is not JSON: {printable(first_line(error))}") from None
    try:
        kind, version = content["kind"], content["format"]
        if kind == KIND and version == FORMAT:
            stars = content["stars"]
            return Truth(
                str(content["list"]),
                {str(star["key"]): str(star["class"]) for star in stars},
                {str(s["key"]): str(s["prediction"]) for s in stars if s.get("prediction")},
                tuple(map(str, content["classes"])),
            )
    except (KeyError, TypeError, AttributeError):
        pass
    raise ReportError(f"{shown} is not what this version writes beside a page with known stars")


def refuse_other_list(truth: Truth, verdicts: Iterable[Verdict], shown: str) -> None:
    """Raise `ReportError` if verdicts are on other lists alone."""
    lists = {verdict.list for verdict in verdicts}
    if lists and truth.list not in lists:
        other = ", ".join(sorted(printable(name[:8]) for name in lists))
        raise ReportError(
            f"{shown} is of list {printable(truth.list[:8])}, and the verdicts of {other}: give "
            "the file beside the page that was looked at"
        )


def scores(truth: Truth, verdicts: Iterable[Verdict], people: Sequence[str]) -> Iterator[Score]:
    """Yield how each person did on each class, and on all; last the classifier, if it was asked.

    Parameters
    ----------
    truth : Truth
    verdicts : iterable of Verdict
        One a spectrum and person.
    people : sequence of str
    """
    said = classes_by_person(verdicts, people)
    if truth.predictions:
        said = {**said, _CLASSIFIER: truth.predictions}
    names = [name for name, _ in Counter(truth.classes.values()).most_common()]
    for person, classes in said.items():
        of_class = [_score(truth, classes, person, name) for name in names]
        yield from of_class
        if len(of_class) > 1:
            yield _score(truth, classes, person, "")


def score_lines(truth: Truth, verdicts: Iterable[Verdict], people: Sequence[str]) -> Iterator[str]:
    """Yield `scores` as a table for a terminal."""
    rows = [["known stars", "class", "right", "wrong", "unsure", "not decided", "part right",
             "taken for"]]  # fmt: skip
    for score in scores(truth, verdicts, people):
        part = score.part()
        counts = map(str, score[2:6])
        shown = "-" if part is None else "{:.2f} ({:.2f} to {:.2f})".format(*part)
        wrong = ", ".join(f"{name} {n}" for name, n in score.taken_for.items())
        rows.append([score.person, score.name or "all", *counts, shown, wrong])
    yield from aligned(rows, left=(1, 6, 7))


def _score(truth: Truth, classes: Mapping[str, str], person: str, name: str) -> Score:
    keys = [key for key, true in truth.classes.items() if not name or true == name]
    said = {key: classes[key] for key in keys if key in classes}
    right = [key for key in said if truth.is_right(key, said[key])]
    unsure = [key for key in said if said[key] == UNSURE and key not in right]
    wrong = [said[key] for key in said if key not in right and key not in unsure]
    taken = dict(Counter(wrong).most_common())
    counts = len(right), len(wrong), len(unsure), len(keys) - len(said)
    return Score(person, name, *counts, taken)


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
