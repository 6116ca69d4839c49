"""Trials weighted to the population of a survey: purity, completeness, and whether stated
probabilities are those that are observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .survey_sample import LOST_SHARE, SNR_SHARES
from .tried import Tried

__all__ = [
    "BORDER",
    "PROBABILITY_BINS",
    "Cells",
    "judged",
    "measure_population",
    "measure_survey",
    "tried_of",
]

BORDER = {"O": ("B0-B0.5",)}
"""Populations at the border of a rare class: one of them taken for it is no great fault."""

PROBABILITY_BINS = (0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99)
"""Edges of bins in which stated and observed frequency are compared."""
_SNR = {"5-10": (1,), "10-20": (2,), "above 20": (3,), "above 10": (2, 3), "above 5": (1, 2, 3)}
_SHARES = np.array(list(SNR_SHARES.values()))
_LIMITS = (5, 95)


@dataclass
class Cells:
    """Means over the spectra of a star in a bin of S/N: what is resampled, as spectra of one star
    are not independent.

    Attributes
    ----------
    population, star, snr_bin, lost : ndarray, shape (m,)
        Index of population and star, of the bin of `SNR_SHARES`, and whether one side is lost.
    mean : ndarray, shape (m, k)
        Of ``k`` properties.
    names : list of str
        Of the populations.
    n_stars : int
    """

    population: np.ndarray
    star: np.ndarray
    snr_bin: np.ndarray
    lost: np.ndarray
    mean: np.ndarray
    names: list
    n_stars: int

    @classmethod
    def of(cls, tried: Tried, values, names) -> Cells:
        """Collect properties ``values``, shape (n, k), of trials; only of the populations named."""
        names = list(names)
        known = np.isin(tried.population, names)
        index = {name: i for i, name in enumerate(names)}
        population = np.array([index[x] for x in tried.population[known]], dtype=int)
        edges = [low for low, _ in SNR_SHARES]
        snr = np.nan_to_num(tried.snr[known], nan=0.0)
        which = np.searchsorted(edges, snr, side="right") - 1
        lost = tried.kind[known] == "damaged"
        _, star = np.unique(tried.star[known], return_inverse=True)
        n_stars = int(star.max(initial=-1)) + 1
        key = ((population * len(edges) + which) * 2 + lost) * max(n_stars, 1) + star
        unique, first, inverse = np.unique(key, return_index=True, return_inverse=True)
        weight = tried.weight[known].astype(float)
        total = np.bincount(inverse, weights=weight, minlength=len(unique))
        values = np.asarray(values, dtype=float)[known]
        sums = [np.bincount(inverse, weights=weight * v, minlength=len(unique)) for v in values.T]
        return cls(
            population[first], star[first], which[first], lost[first],
            np.stack(sums, axis=1) / total[:, None], names, n_stars,
        )  # fmt: skip

    def rates(self, bins, times=None) -> np.ndarray:
        """Return the mean of each property in each population, shape (n_populations, k).

        Parameters
        ----------
        bins : sequence of int
            Of `SNR_SHARES`.
        times : ndarray, shape (n_stars,), optional
            How often each star counts; by default once.
        """
        each = np.ones(self.n_stars) if times is None else times
        out = np.zeros((len(self.names), self.mean.shape[1]))
        for p in range(len(self.names)):
            here = self.population == p
            some = [k for k in bins if (here & (self.snr_bin == k)).any()]
            shares = _SHARES[some] / max(_SHARES[some].sum(), 1e-12)
            for k, share in zip(some, shares, strict=True):
                in_bin = here & (self.snr_bin == k)
                sides = [lost for lost in (False, True) if (in_bin & (self.lost == lost)).any()]
                part = {False: 1 - LOST_SHARE, True: LOST_SHARE} if len(sides) == 2 else {}
                for lost in sides:
                    rows = in_bin & (self.lost == lost)
                    w = each[self.star[rows]]
                    if w.sum() > 0:
                        mean = w @ self.mean[rows] / w.sum()
                        out[p] += share * part.get(lost, 1.0) * mean
        return out

    def resampled(self, bins, rng, n_resamples) -> np.ndarray:
        """Return `rates` of samples of stars, shape (n_resamples, n_populations, k)."""
        even = np.full(self.n_stars, 1 / self.n_stars)
        return np.array(
            [
                self.rates(bins, rng.multinomial(self.n_stars, even).astype(float))
                for _ in range(n_resamples)
            ]
        )


def tried_of(decided: Mapping, *, kept: float = 1.0, seed=0) -> Tried:
    """Return trials as a preset keeps them: those of spectra that are known from end to end.

    Parameters
    ----------
    decided : mapping of str to Decided
        By kind of trial.
    kept : float
        Part of the re-observed spectra without a score that is kept; each stands for more then.
    seed : int
        Of the choice.
    """
    rng = np.random.default_rng(seed)
    parts = []
    names: dict[str, int] = {}
    for kind, d in decided.items():
        t = d.trial
        n = len(t.row)
        keep = np.ones(n, dtype=bool)
        weight = np.ones(n, dtype=np.float32)
        if kind in ("library", "damaged"):
            keep = d.whole.copy()
        if kind == "reobserved" and kept < 1:
            plain = ~np.isfinite(d.score)
            keep = ~plain | (rng.random(n) < kept)
            for name in set(d.population[plain]):
                own = plain & (d.population == name)
                weight[own & keep] = own.sum() / max((own & keep).sum(), 1)
        star = np.array([names.setdefault(str(s), len(names)) for s in d.star], dtype=np.int32)
        a_v, velocity, vsini = (np.asarray(x, np.float32) for x in (t.a_v, t.velocity, t.vsini))
        parts.append(
            Tried(
                np.full(n, kind, dtype=object), d.population.astype(object),
                d.mk_type.astype(object), star, d.score.astype(np.float32),
                np.asarray(t.measured_snr, np.float32), np.asarray(t.lost, np.float32),
                np.asarray(t.covered, bool), a_v, velocity, vsini, weight,
            )[keep]
        )  # fmt: skip
    return Tried.concatenate(parts)


def judged(decided: Mapping) -> tuple[Tried, np.ndarray]:
    """Return all trials of whole spectra, and their probabilities in a survey, shape (n,)."""
    survey = [
        d.survey[d.whole] if kind in ("library", "damaged") else d.survey
        for kind, d in decided.items()
    ]
    return tried_of(decided), np.concatenate(survey)


def measure_survey(decided: Mapping, rule, rare_class: str, *, thresholds=(0.5,), seed=0) -> dict:
    """Do `measure_population` for trials that were decided by a rule with odds.

    Parameters
    ----------
    decided : mapping of str to Decided
    rule : CandidateRule
        Whose prevalences count.
    rare_class : str
    thresholds : sequence of float
    seed : int
    """
    tried, survey = judged(decided)
    own = [name for name, p in rule.odds.odds.populations.items() if p.of == rare_class]
    return measure_population(
        tried, survey, rule.odds.prevalence, own, BORDER.get(rare_class, ()),
        thresholds=thresholds, seed=seed,
    )  # fmt: skip


def measure_population(
    tried: Tried, survey, prevalence, own, border=(), *, thresholds=(0.5,), n_resamples=200, seed=0
) -> dict:
    """Measure what a list of candidates of a survey is worth.

    Parameters
    ----------
    tried : Tried
        Of stars that were not trained on.
    survey : ndarray, shape (n,)
        Probability of the rare class in a survey, each by a fit to other stars.
    prevalence : mapping of str to float
        Of each population.
    own : sequence of str
        Populations of the rare class.
    border : sequence of str
        Populations at its border, which count as false, and once more as neither.
    thresholds : sequence of float
        Least probabilities of a candidate.
    n_resamples, seed : int
        Of stars, for the ranges, which are of 90 %.

    Returns
    -------
    dict
        ``thresholds``: for each, by S/N, completeness, purity, purity without the border, false
        alarms in a million spectra, and the part of each population that is called a candidate;
        ``reliability``: for each bin of stated probability the mean of that and the frequency
        observed; ``expected``: the sum of probabilities over the true number. Values are triples
        of value, lower and upper end of the range. For JSON.
    """
    names, rng = list(prevalence), np.random.default_rng(seed)
    share = np.array([prevalence[name] for name in names])
    mine, edge = np.isin(names, list(own)), np.isin(names, list(border))
    survey = np.asarray(survey, dtype=float)
    cells = Cells.of(
        tried, np.stack([(survey >= t) & tried.covered for t in thresholds], axis=1), names
    )
    out: dict = {"thresholds": {}, "reliability": [], "prevalence": dict(prevalence)}
    for snr, bins in _SNR.items():
        at = cells.rates(bins)
        again = cells.resampled(bins, rng, n_resamples)
        for k, threshold in enumerate(thresholds):
            found = _figures(at[None, :, k], share, mine, edge)
            ends = _figures(again[:, :, k], share, mine, edge)
            entry: dict = {name: _triple(value[0], ends[name]) for name, value in found.items()}
            entry["called"] = {
                name: _triple(at[p, k], again[:, p, k]) for p, name in enumerate(names)
            }
            out["thresholds"].setdefault(f"{threshold:g}", {})[snr] = entry
    inside = np.digitize(survey, PROBABILITY_BINS)
    in_bin = np.stack([inside == i for i in range(1, len(PROBABILITY_BINS))], axis=1)
    values = np.concatenate([in_bin, in_bin * survey[:, None], survey[:, None]], axis=1)
    cells = Cells.of(tried, values, names)
    at = cells.rates(_SNR["above 5"])[None]
    again = cells.resampled(_SNR["above 5"], rng, n_resamples)
    n = len(PROBABILITY_BINS) - 1
    observed, spread = (_frequency(x[:, :, :n], share, mine) for x in (at, again))
    for i in range(n):
        rows = in_bin[:, i] & np.isin(tried.population, names)
        total = share @ at[0, :, i]
        out["reliability"].append(
            {
                "from": PROBABILITY_BINS[i],
                "to": PROBABILITY_BINS[i + 1],
                "stated": _number(share @ at[0, :, n + i] / total if total else np.nan),
                "observed": _triple(observed[0, i], spread[:, i]),
                "spectra": int(rows.sum()),
                "others": int((rows & ~np.isin(tried.population, list(own))).sum()),
            }
        )
    true = share[mine].sum()
    ratio = [x[:, :, -1] @ share / true for x in (at, again)]
    out["expected"] = _triple(ratio[0][0], ratio[1])
    return out


def _figures(rates, share, own, border) -> dict:
    """Figures of a threshold from rates of shape (m, n_populations); each of shape (m,)."""
    called = rates * share
    true, false = called[:, own].sum(axis=1), called[:, ~own].sum(axis=1)
    neither = called[:, border].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "completeness": true / share[own].sum(),
            "purity": true / (true + false),
            "purity_without_border": true / (true + false - neither),
            "false_in_a_million": 1e6 * false,
        }


def _frequency(in_bin, share, own) -> np.ndarray:
    """Observed frequency in bins, (m, n_bins), of rates of shape (m, n_populations, n_bins)."""
    weighted = in_bin * share[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return weighted[:, own].sum(axis=1) / weighted.sum(axis=1)


def _triple(value, sample) -> list:
    sample = np.asarray(sample)[np.isfinite(sample)]
    if not len(sample):
        return [_number(value), None, None]
    return [_number(value), *map(_number, np.percentile(sample, _LIMITS))]


def _number(value) -> float | None:
    return float(value) if np.isfinite(value) else None
