"""Verdicts of several people in some lines for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations

from ..text import printable
from .agreement import as_one, classes_by_person, cohen, fleiss
from .verdict import Verdict

__all__ = ["agreement_lines", "aligned", "counts_lines"]

_MOST_PAIRS = 10


def counts_lines(verdicts: Iterable[Verdict], people: Sequence[str]) -> Iterator[str]:
    """Yield a table of how often each person gave each class."""
    of = classes_by_person(verdicts, people)
    total = Counter(name for classes in of.values() for name in classes.values())
    names = [name for name, _ in total.most_common()]
    rows = [["person", *names, "all"]]
    for person, classes in of.items():
        counts = Counter(classes.values())
        rows.append([person, *(str(counts[name]) for name in names), str(len(classes))])
    yield from aligned(rows)


def agreement_lines(
    verdicts: Iterable[Verdict],
    people: Sequence[str],
    same: Iterable[Sequence[str]] = (),
    *,
    rare: str = "",
    seed: int = 0,
) -> Iterator[str]:
    """Yield a table of kappa for pairs of people, and for all where they are more than two.

    Parameters
    ----------
    verdicts : iterable of Verdict
    people : sequence of str
    same : iterable of sequence of str
        Groups of classes that count as one, in a column of their own.
    rare : str
        The class that was looked for; if known, a column says how people agree on that alone.
    seed : int
        Of the samples of which ranges are made.
    """
    if len(people) < 2:
        return
    plain = classes_by_person(verdicts, people)
    ways: dict[str, Mapping[str, Mapping[str, str]]] = {"kappa": plain}
    same = list(same)
    if same:
        ways[f"with {', '.join(' = '.join(group) for group in same)}"] = as_one(plain, same)
    if rare:
        ways[f"{rare} or not"] = {
            person: {k: rare if name == rare else f"not {rare}" for k, name in classes.items()}
            for person, classes in plain.items()
        }
    rows = [["agreement", "spectra", "same", *ways]]
    pairs = list(combinations(people, 2))
    for first, second in pairs[:_MOST_PAIRS]:
        kappas = [cohen(classes[first], classes[second], seed) for classes in ways.values()]
        rows.append([f"{first}, {second}", str(kappas[0].n), str(kappas[0].same)])
        rows[-1] += map(str, kappas)
    if len(people) > 2:
        kappas = [fleiss(list(classes.values()), seed) for classes in ways.values()]
        rows.append([f"all {len(people)} (Fleiss)", str(kappas[0].n), str(kappas[0].same)])
        rows[-1] += map(str, kappas)
    yield from aligned(rows, left=range(3, len(rows[0])))
    if len(pairs) > _MOST_PAIRS:
        yield f"and {len(pairs) - _MOST_PAIRS} more pairs"


def aligned(rows: Sequence[Sequence[str]], left: Iterable[int] = ()) -> Iterator[str]:
    """Yield lines of a table, the first column and those of ``left`` to the left."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {0, *left}
    for row in rows:
        cells = (
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
