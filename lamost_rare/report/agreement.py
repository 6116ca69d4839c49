"""How far people agree: Cohen's kappa of two, Fleiss' kappa of more, with ranges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..validation.statistics import BOUNDS
from .verdict import Verdict

__all__ = ["Kappa", "as_one", "classes_by_person", "cohen", "disagreement", "fleiss"]

_RESAMPLES = 2000
_LEAST_DEFINED = 0.5
"""Part of the samples in which kappa must be defined, for a range."""


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond what chance gives: 1 is all, 0 what chance gives.

    Attributes
    ----------
    n : int
        Spectra that all of these people decided.
    same : int
        Those of them to which they gave one class.
    value : float or None
        None if it is not defined.
    low, high : float or None
        Range of 90 % over samples of the spectra, if it can be told.
    why : str
        In words, why it is not defined or says nothing.
    """

    n: int
    same: int
    value: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""

    def __str__(self) -> str:
        if self.value is None:
            return f"not defined: {self.why}"
        if self.low is None:
            return f"{self.value:.2f} ({self.why or 'of too few spectra for a range'})"
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def classes_by_person(
    verdicts: Iterable[Verdict], people: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Return the class of each spectrum, by key, for each person; without those undecided."""
    found: dict[str, dict[str, str]] = {person: {} for person in people}
    for verdict in verdicts:
        if verdict.class_name:
            found[verdict.by][verdict.key] = verdict.class_name
    return found


def as_one(
    classes: Mapping[str, Mapping[str, str]], groups: Iterable[Sequence[str]]
) -> dict[str, dict[str, str]]:
    """Return classes of which those of a group count as one.

    Parameters
    ----------
    classes : mapping
        As `classes_by_person` gives it.
    groups : iterable of sequence of str
        Names of classes.
    """
    name = {member: " or ".join(group) for group in groups for member in group}
    return {
        person: {key: name.get(said, said) for key, said in of_person.items()}
        for person, of_person in classes.items()
    }


def cohen(first: Mapping[str, str], second: Mapping[str, str], seed: int = 0) -> Kappa:
    """Return Cohen's kappa (1960, Educ. Psychol. Meas. 20, 37) of two people.

    Parameters
    ----------
    first, second : mapping of str to str
        Class of each spectrum by key; those that both decided count.
    seed : int
        Of the samples of spectra.

    Returns
    -------
    Kappa
    """
    both = [key for key in first if key in second]
    pairs = [(first[key], second[key]) for key in both]
    same = sum(a == b for a, b in pairs)
    why = _undefined({name for pair in pairs for name in pair}, len(both))
    if why:
        return Kappa(len(both), same, why=why)
    a, b = zip(*pairs, strict=True)
    if len(set(a)) == 1 or len(set(b)) == 1:  # whatever the other said
        return Kappa(len(both), same, 0.0, why="one of them gave one class alone")
    from sklearn.metrics import cohen_kappa_score, confusion_matrix

    value = float(cohen_kappa_score(a, b))
    table = confusion_matrix(a, b)
    samples = _samples(table.ravel(), seed).reshape(-1, *table.shape)
    n = len(both)
    seen = np.trace(samples, axis1=1, axis2=2) / n
    expected = (samples.sum(axis=1) * samples.sum(axis=2)).sum(axis=1) / n**2
    return Kappa(n, same, value, *_range(seen, expected, value))


def fleiss(people: Sequence[Mapping[str, str]], seed: int = 0) -> Kappa:
    """Return Fleiss' kappa (1971, Psychol. Bull. 76, 378) of three or more people.

    Parameters
    ----------
    people : sequence of mapping of str to str
        Class of each spectrum by key; those that all decided count.
    seed : int
        Of the samples of spectra.

    Returns
    -------
    Kappa
    """
    shared = [key for key in people[0] if all(key in other for other in people[1:])]
    said = [tuple(sorted(classes[key] for classes in people)) for key in shared]
    same = sum(len(set(one)) == 1 for one in said)
    names = sorted({name for one in said for name in one})
    why = _undefined(set(names), len(shared))
    if why:
        return Kappa(len(shared), same, why=why)
    patterns = Counter(sorted(said))  # spectra of which the same was said are alike
    counts = np.array([[one.count(name) for name in names] for one in patterns])
    times = np.array(list(patterns.values()))
    raters, n = len(people), len(shared)
    agree = (counts * (counts - 1)).sum(axis=1) / (raters * (raters - 1))

    def parts(times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return times @ agree / n, ((times @ counts / (n * raters)) ** 2).sum(axis=-1)

    seen, expected = parts(times)
    value = float((seen - expected) / (1 - expected))
    low, high = _range(*parts(_samples(times, seed)), value)
    return Kappa(n, same, value, low, high)


def disagreement(classes: Sequence[str]) -> float:
    """Return the part of pairs of people who gave different classes; NaN for less than two."""
    n = len(classes)
    if n < 2:
        return float("nan")
    same = sum(count * (count - 1) for count in Counter(classes).values())
    return 1 - same / (n * (n - 1))


def _undefined(names: set[str], n: int) -> str:
    """Say why kappa is not defined; nothing if it is."""
    if not n:
        return "no spectrum that all of them decided"
    if len(names) == 1:
        return f"all gave the one class {names.pop()} to {n} spectr{'um' if n == 1 else 'a'}"
    return ""


def _samples(counts: np.ndarray, seed: int) -> np.ndarray:
    """Return how often each sort of spectrum is in samples of as many spectra."""
    n = int(counts.sum())
    return np.random.default_rng(seed).multinomial(n, counts / n, size=_RESAMPLES)


def _range(
    seen: np.ndarray, expected: np.ndarray, value: float
) -> tuple[float | None, float | None]:
    """Return the range of kappa over samples; none where too many have one class alone."""
    defined = expected < 1
    if defined.mean() < _LEAST_DEFINED:
        return None, None
    seen, expected = seen[defined], expected[defined]
    low, high = (float(x) for x in np.percentile((seen - expected) / (1 - expected), BOUNDS))
    return min(low, value), max(high, value)
