"""How many spectra of a list are expected to be of the rare class, and what the others are.

The sum of ``p_<rare>_survey`` is the number to expect. How far the truth may lie from it has two
reasons, which random draws put together. Each spectrum is of the rare class or not: the number of
those that are has a Poisson-binomial distribution. And densities of scores are known as well as the
stars are many that they were measured on: in each draw those of a population are multiplied, for
all spectra together, by a log-normal factor with the population's ``spread``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .odds import SurveyOdds, spread_of

__all__ = ["Expected", "ExpectedCounts"]

DRAWS = 400
"""Random draws that ranges are made of."""
ROWS = 2048
"""Spectra drawn at a time."""
NAMED = 4
"""Populations of false candidates that are named; the others are put together."""


@dataclass(frozen=True)
class Expected:
    """What to expect of a catalogue.

    Attributes
    ----------
    candidates : int
        How many there are.
    true, members, missed : float
        How many spectra of the rare class to expect among the candidates, in the catalogue, and in
        the catalogue but not among the candidates.
    true_range, members_range, missed_range : tuple of int
        Of 90 %.
    false : dict of float
        How many candidates of each other population to expect, most first.
    """

    candidates: int
    true: float
    true_range: tuple[int, int]
    false: dict[str, float]
    members: float
    members_range: tuple[int, int]
    missed: float
    missed_range: tuple[int, int]

    def __repr__(self) -> str:
        return (
            f"<Expected: {self.true:.1f} of {self.candidates} candidates true "
            f"({_range(self.true_range)}), {self.members:.1f} in the catalogue "
            f"({_range(self.members_range)})>"
        )

    def to_dict(self) -> dict:
        """Return it as JSON holds it, to six digits."""
        return {
            key: {name: _rounded(n) for name, n in value.items()}
            if isinstance(value, dict)
            else list(value)
            if isinstance(value, tuple)
            else _rounded(value)
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: dict) -> Expected:
        """Return what `to_dict` stands for."""
        known: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**known)

    def lines(self, rare_class: str) -> Iterator[str]:
        """Yield what there is to say, for people."""
        if self.candidates:
            yield (
                f"expected to be true: {self.true:.1f} of {self.candidates} "
                f"(90 % range {_range(self.true_range)})"
            )
            false = [(name, n) for name, n in self.false.items() if n >= 0.05]
            rest = sum(self.false.values()) - sum(n for _, n in false[:NAMED])
            named = [f"{name} {n:.1f}" for name, n in false[:NAMED]]
            if named and rest >= 0.05:
                named.append(f"others {rest:.1f}")
            if named:
                yield f"expected to be false: {', '.join(named)}"
        yield (
            f"expected of class {rare_class} in the catalogue: {self.members:.1f} "
            f"({_range(self.members_range)}), of which candidates miss {self.missed:.1f} "
            f"({_range(self.missed_range)})"
        )


class ExpectedCounts:
    """Adds up what to expect of a catalogue, some rows at a time.

    The result depends on rows and their order, and not on how many come at a time.

    Parameters
    ----------
    odds : SurveyOdds
    seed : int
    """

    def __init__(self, odds: SurveyOdds, seed: int = 0):
        self.odds = odds
        self._rng = np.random.default_rng(seed)
        spread = np.array([[spread_of(p)] for p in odds.odds.populations.values()])
        normal = self._rng.standard_normal((len(spread), DRAWS))
        self._factor = np.exp(spread * normal - spread**2 / 2)  # 1 on average
        self._drawn = {True: np.zeros(DRAWS, dtype=int), False: np.zeros(DRAWS, dtype=int)}
        self._sum = {True: 0.0, False: 0.0}
        self._false = np.zeros(len(spread))
        self._candidates = 0

    def add(self, probability, score, snr, lost, candidate) -> None:
        """Count rows.

        Parameters
        ----------
        probability, score, snr, lost, candidate : ndarray, shape (n_spectra,)
            ``p_<rare>_survey``, of which NaN counts as 0, ``survey_score``, ``survey_snr``,
            ``survey_lost`` and ``candidate``, as in a catalogue.
        """
        p = np.asarray(probability, dtype=float)
        candidate = np.asarray(candidate, dtype=bool)
        self._candidates += int(np.count_nonzero(candidate))
        rows = np.flatnonzero(p > 0)
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            seen = (np.asarray(column, dtype=float)[some] for column in (score, snr, lost))
            self._add(self.odds.shares(*seen), p[some], candidate[some])

    def _add(self, shares, p, candidate) -> None:
        own = self.odds.own
        rare = shares[:, own] @ self._factor[own]
        other = shares[:, ~own] @ self._factor[~own]
        member = self._rng.random(rare.shape) * (rare + other) < rare
        for which in (True, False):
            self._drawn[which] += member[candidate == which].sum(axis=0)
            self._sum[which] += float(p[candidate == which].sum())
        self._false += shares[candidate].sum(axis=0) * ~own

    def result(self) -> Expected:
        """Return what to expect of the rows up to now."""
        order = np.argsort(-self._false, kind="stable")
        names = self.odds.populations
        return Expected(
            candidates=self._candidates,
            true=self._sum[True],
            true_range=_ninety(self._drawn[True]),
            false={names[i]: float(self._false[i]) for i in order if not self.odds.own[i]},
            members=self._sum[True] + self._sum[False],
            members_range=_ninety(self._drawn[True] + self._drawn[False]),
            missed=self._sum[False],
            missed_range=_ninety(self._drawn[False]),
        )


def _ninety(drawn) -> tuple[int, int]:
    low = np.quantile(drawn, 0.05, method="lower")
    return int(low), int(np.quantile(drawn, 0.95, method="higher"))


def _range(of: tuple[int, int]) -> str:
    return f"{of[0]} to {of[1]}"


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.6g}")
