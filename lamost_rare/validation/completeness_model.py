"""The part of a rare class that is found, as a smooth function of S/N, extinction and subtype."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..inference.threads import one_blas_thread
from .statistics import BOUNDS, star_weights

__all__ = ["MIN_STARS", "CompletenessModel", "Limits"]

MIN_STARS = 5
"""Fewer say nothing of a trend."""
_REFITS = 100
_UNSEEN_ONCE = 0.01
"""Stars of either outcome that the fit itself allows for: without them it has no end where all was
found."""
_RIDGE = 1.0
_AVERAGED = 300
"""Trials over which is averaged what was not given."""
_AT_A_TIME = 20_000


@dataclass(frozen=True)
class Limits:
    """Ends of what was tried: low and high of each."""

    snr: tuple[float, float]
    a_v: tuple[float, float]
    subtype: tuple[float, float]

    SNR = (5.0, 100.0)
    A_V = (0.0, 8.0)

    @classmethod
    def of(cls, snr, a_v, subtype) -> Limits:
        """Return those of trials, within `SNR` and `A_V`; the outermost trials stand for a little
        more than themselves."""
        snr_ends = max(cls.SNR[0], 0.9 * snr.min()), min(cls.SNR[1], 1.1 * snr.max())
        a_v_ends = max(cls.A_V[0], a_v.min() - 0.3), min(cls.A_V[1], a_v.max() + 0.3)
        known = subtype[np.isfinite(subtype)]
        ends = (known.min(), known.max()) if len(known) else (-np.inf, np.inf)

        def pair(low, high) -> tuple[float, float]:
            return float(low), float(high)

        return cls(pair(*snr_ends), pair(*a_v_ends), pair(*ends))


@dataclass(frozen=True)
class CompletenessModel:
    """A logistic regression on the logarithm of the S/N, A_V and the subtype.

    Attributes
    ----------
    coefficients : ndarray, shape (n_fits, n_terms)
        Of all stars first, then of samples of them.
    limits : Limits
    with_subtype : bool
    typical : ndarray, shape (n, 3)
        S/N, A_V and subtype of trials, over which is averaged what is not given.
    """

    coefficients: np.ndarray
    limits: Limits
    with_subtype: bool
    typical: np.ndarray

    def __repr__(self) -> str:
        ends = {"S/N": self.limits.snr, "A_V": self.limits.a_v, "subtype": self.limits.subtype}
        names = list(ends)[: 3 if self.with_subtype else 2]
        within = ", ".join(f"{name} {ends[name][0]:.4g} to {ends[name][1]:.4g}" for name in names)
        return f"<CompletenessModel: {within}>"

    @classmethod
    def fit(cls, found, snr, a_v, subtype, star, weight, rng, *, n_refits=_REFITS):
        """Fit it to trials, each star weighted alike.

        Parameters
        ----------
        found : ndarray of bool, shape (n,)
        snr, a_v : ndarray, shape (n,)
        subtype : ndarray, shape (n,)
            NaN throughout: the model does without.
        star : ndarray of int, shape (n,)
        weight : ndarray, shape (n,)
            Of each spectrum beside others of its star.
        rng : numpy.random.Generator
        n_refits : int
            Samples of stars.
        """
        from sklearn.linear_model import LogisticRegression

        with_subtype = bool(np.isfinite(subtype).any())
        terms = _terms(snr, a_v, subtype, with_subtype)
        _, group = np.unique(star, return_inverse=True)
        n_stars = int(group.max()) + 1
        share = weight / np.bincount(group, weight)[group]  # the spectra of a star sum to 1
        counted, unseen = star_weights(rng, n_stars, n_refits)
        counted = np.concatenate([np.ones((1, n_stars)), counted])
        unseen = np.concatenate([np.full((1, 2), _UNSEEN_ONCE), unseen])
        # Each spectrum stands twice, as found and as lost; its weights say how much of it is so.
        doubled, outcome = np.concatenate([terms, terms]), np.repeat([1, 0], len(terms))
        model = LogisticRegression(solver="newton-cholesky", C=1 / _RIDGE, max_iter=50)
        coefficients = []
        with one_blas_thread():
            for of_star, (seen_found, seen_lost) in zip(counted, unseen, strict=True):
                own = of_star[group] * share
                parts = own * found + share * seen_found / n_stars, own * ~found
                parts = np.concatenate([parts[0], parts[1] + share * seen_lost / n_stars])
                model.fit(doubled, outcome, parts * (len(terms) / parts.sum()))
                coefficients.append([*model.intercept_, *model.coef_[0]])
        chosen = rng.choice(len(terms), _AVERAGED, p=share / share.sum())
        typical = np.stack([snr, a_v, subtype], axis=1)[chosen]
        return cls(np.array(coefficients), Limits.of(snr, a_v, subtype), with_subtype, typical)

    def inside(self, snr=None, a_v=None, subtype=None) -> np.ndarray:
        """Return which points lie within what was tried; above its S/N is within, too."""
        given = {"snr": snr, "a_v": a_v, "subtype": subtype}
        ok = np.True_
        for name, values in given.items():
            if values is not None:
                low, high = getattr(self.limits, name)
                high = np.inf if name == "snr" else high
                ok = ok & (values >= low) & (values <= high)
        return np.asarray(ok)

    def predict(self, snr=None, a_v=None, subtype=None) -> tuple[np.ndarray, ...]:
        """Return the part that is found at points, with its range of 90 %.

        Parameters
        ----------
        snr, a_v, subtype : ndarray, shape (n,), optional
            Over what is not given the trials are averaged.

        Returns
        -------
        completeness, low, high : ndarray, shape (n,)
            NaN outside of what was tried. A higher S/N than was tried counts as the highest.
        """
        if snr is not None:
            snr = np.minimum(snr, self.limits.snr[1])
        given = [snr, a_v, subtype]
        n = len(next(values for values in given if values is not None))
        typical = None
        if any(v is None for v in (given if self.with_subtype else given[:2])):
            typical = self.typical
        step = max(1, _AT_A_TIME // (1 if typical is None else len(typical)))
        out = np.full((3, n), np.nan)
        inside = np.flatnonzero(self.inside(*given))
        for first in range(0, len(inside), step):
            rows = inside[first : first + step]
            out[:, rows] = self._at([v if v is None else v[rows] for v in given], typical)
        return tuple(out)

    def _at(self, given, typical) -> np.ndarray:
        from scipy.special import expit

        n = len(next(values for values in given if values is not None))
        repeats = 1 if typical is None else len(typical)
        columns = []
        for k, values in enumerate(given):
            if values is not None:
                columns.append(np.repeat(values, repeats))
            else:
                # Where nothing is averaged the model has no subtype.
                other = np.full(1, np.nan) if typical is None else typical[:, k]
                columns.append(np.tile(other, n))
        snr, a_v, subtype = columns
        terms = _terms(snr, a_v, subtype, self.with_subtype)
        fits = self.coefficients
        part = expit(terms @ fits[:, 1:].T + fits[:, 0]).reshape(n, repeats, -1).mean(axis=1)
        low, high = np.percentile(part[:, 1:], BOUNDS, axis=1)
        return np.stack([part[:, 0], np.minimum(low, part[:, 0]), np.maximum(high, part[:, 0])])


def _terms(snr, a_v, subtype, with_subtype) -> np.ndarray:
    """Return what the log-odds are linear in, each of order 1, shape (n, n_terms)."""
    s = np.log(np.clip(snr, *Limits.SNR) / 20)
    a = np.asarray(a_v) / 3
    columns = [s, s**2, a, a * s]
    if with_subtype:
        # From O9 on He II fades, and with it what tells an O star.
        late = 2 * np.maximum(subtype - 9, 0)
        columns += [(subtype - 7) / 2, late, late * s]
    return np.stack(columns, axis=1)
