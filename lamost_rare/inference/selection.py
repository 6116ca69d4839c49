"""Which spectra of a list are candidates, where a preset has odds of a survey.

That follows from ``p_<rare>_survey`` and the flags alone. So whoever has a catalogue can ask for
other candidates without classifying again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..presets import Preset
from ..spectra.quality import QualityFlag
from .odds import SurveyOdds
from .prevalence import PriorError, for_survey

__all__ = ["Selection", "no_odds", "threshold_of_purity"]

_ROUNDING = 1e-6
"""Of probabilities of 32 bits: those written as 0.9 have a mean of 0.89999998."""


def threshold_of_purity(probability, purity: float) -> tuple[float | None, float, int]:
    """Return the least probability in the largest list whose mean probability is ``purity``.

    Parameters
    ----------
    probability : ndarray, shape (n_spectra,)
        Of the rare class. What is 0 or NaN is in no list.
    purity : float

    Returns
    -------
    threshold : float or None
        None if no list is as pure.
    purity : float
        Mean probability of that list, or else of the purest one; NaN if there is none.
    size : int
        Of the list that this is of.
    """
    p = np.asarray(probability)
    p = np.sort(p[p > 0])[::-1].astype(float)
    if not len(p):
        return None, float("nan"), 0
    mean = np.cumsum(p) / np.arange(1, len(p) + 1)
    whole = np.append(p[1:] != p[:-1], True)  # equal ones are in the list together
    good = np.flatnonzero(whole & (mean >= purity - _ROUNDING))
    last = good[-1] if len(good) else int(whole.argmax())
    return (float(p[last]) if len(good) else None), float(mean[last]), int(last) + 1


def no_odds(preset: str, rare_class: str) -> str:
    """Return the line that says why a preset of this name gives no ``p_<rare>_survey``."""
    return (
        f"p_{rare_class}_survey is null: preset {preset!r} has no odds of a survey "
        "(made by an earlier version, or of too few stars)"
    )


@dataclass(frozen=True)
class Selection:
    """From probabilities in a survey to candidates.

    Attributes
    ----------
    odds : SurveyOdds
    threshold : float or None
        Least probability of a candidate; None if no list has the purity.
    purity : float, optional
        Asked for: `settled` finds the threshold.
    best : tuple of float and int, optional
        Purity and size of the purest list, where none is pure enough.
    """

    odds: SurveyOdds
    threshold: float | None
    purity: float | None = None
    best: tuple[float, int] | None = None

    @classmethod
    def of(
        cls, preset: Preset, threshold: float | None = None, purity: float | None = None
    ) -> Selection | None:
        """Return what a preset or its user asks for; None if the preset has no odds.

        Raises
        ------
        PriorError
            If a purity is asked of a preset without odds.
        ValueError
            If threshold or purity cannot be, or both are given.
        """
        if purity is not None:
            if threshold is not None:
                raise ValueError("give a threshold or a purity, which finds one: not both")
            if not 0 < purity < 1:
                raise ValueError(f"purity must lie above 0 and below 1, not {purity:g}")
            if preset.settings.odds is None:
                raise PriorError(
                    f"preset {preset.name!r} has no odds of a survey, by which a purity could be "
                    "told: it was made by an earlier version, or of too few stars"
                )
        preset = for_survey(preset, threshold=threshold)
        odds = SurveyOdds.of(preset.settings)
        if odds is None:
            return None
        return cls(odds, preset.threshold if purity is None else None, purity)

    @property
    def column(self) -> str:
        """Name of the column that decides."""
        return f"p_{self.odds.rare_class}_survey"

    def settled(self, probability, flags) -> Selection:
        """Return the selection with the threshold that gives a list of these the purity."""
        if self.purity is None:
            return self
        p = np.asarray(probability)[_covered(flags)]
        threshold, purity, size = threshold_of_purity(p, self.purity)
        return replace(self, threshold=threshold, best=None if threshold else (purity, size))

    def chosen(self, probability, flags) -> np.ndarray:
        """Return which spectra are candidates, shape (n_spectra,), when the threshold is known.

        ``probability`` are of 32 bits, as in a catalogue.
        """
        p = np.asarray(probability, dtype=np.float32)
        if self.threshold is None:
            return np.zeros(len(p), dtype=bool)
        return (p >= np.float32(self.threshold)) & _covered(flags)

    def to_dict(self) -> dict:
        """Return what was asked and found, as JSON holds it."""
        found: dict = {"threshold": self.threshold, "purity": self.purity}
        if self.best is not None:
            purity, size = self.best
            found["best"] = {"purity": purity if size else None, "size": size}
        return found

    def as_found(self, known: dict | None) -> Selection | None:
        """Return the settled selection that `to_dict` stands for if it answers the same question,
        else None."""
        if not known or known.get("purity") != self.purity:
            return None
        if self.purity is None:
            return self if known["threshold"] == self.threshold else None
        best = known.get("best")
        if best is not None:
            purity, size = best["purity"], best["size"]
            best = (float("nan") if purity is None else purity, size)
        return replace(self, threshold=known["threshold"], best=best)

    def __repr__(self) -> str:
        unsettled = self.purity is not None and self.threshold is None and self.best is None
        return f"<Selection: {f'purity {self.purity:g}' if unsettled else self}>"

    def __str__(self) -> str:
        if self.threshold is not None:
            return f"{self.column} of {self.threshold:.4g} or more"
        if self.best and self.best[1]:
            purity, size = self.best
            spectra = "one spectrum" if size == 1 else f"{size} spectra"
            return (
                f"no list is {self.purity:g} pure: the best, of {spectra}, is {purity:.4g}; "
                "ask for that or less"
            )
        return f"no list is {self.purity:g} pure: nothing could be of class {self.odds.rare_class}"


def _covered(flags) -> np.ndarray:
    return (np.asarray(flags) & int(QualityFlag.KEY_LINES_MISSING)) == 0
