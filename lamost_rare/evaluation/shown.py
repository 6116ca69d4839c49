"""Trials of a classifier as plots show them, while they are made or as a preset keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..inference.decision import CandidateRule
from ..inference.odds import SurveyOdds
from ..presets import Preset
from ..simulation.mk_types import POPULATIONS
from ..validation.figures import Decided
from ..validation.population import judged
from ..validation.trials import subtype_group
from ..validation.tried import Tried, load_tried

__all__ = ["Shown"]

_KINDS = ("library", "lamost", "reobserved")


@dataclass
class Shown:
    """Spectra of stars that were not trained on, known from end to end; n of them.

    Attributes
    ----------
    rare_class : str
    threshold : float
        Least probability in a survey of a candidate.
    kind : ndarray of str, shape (n,)
        ``library``, ``lamost`` or ``reobserved``, as in `~lamost_rare.validation.tried.Tried`.
    group : ndarray of str, shape (n,)
        As `~lamost_rare.validation.trials.subtype_group` names it; empty where it is uncertain.
    star : ndarray, shape (n,)
    snr : ndarray, shape (n,)
        Measured.
    called : ndarray of bool, shape (n,)
        Whether it is a candidate.
    survey : ndarray, shape (n,)
        Probability of the rare class in a survey, 0 where key lines are not covered; NaN without
        odds.
    weight : ndarray, shape (n,)
        How many spectra one stands for.
    """

    rare_class: str
    threshold: float
    kind: np.ndarray
    group: np.ndarray
    star: np.ndarray
    snr: np.ndarray
    called: np.ndarray
    survey: np.ndarray
    weight: np.ndarray

    @classmethod
    def of_preset(cls, preset: Preset) -> Shown:
        """Take the trials that a preset with odds keeps.

        Raises
        ------
        PresetError
            If it keeps none.
        ValueError
            If it has no odds of a survey.
        """
        tried, odds = load_tried(preset), SurveyOdds.of(preset.settings)
        if odds is None:
            raise ValueError(f"preset {preset.name!r} has no odds of a survey")
        return cls._of_tried(tried, tried.probability(odds), preset.threshold, preset.rare_class)

    @classmethod
    def of_decided(
        cls, decided: Mapping[str, Decided], rule: CandidateRule, rare_class: str
    ) -> Shown:
        """Take trials that were decided by a rule, each by a fit to other stars."""
        if rule.odds is not None:
            return cls._of_tried(*judged(decided), rule.threshold, rare_class)
        parts = []
        for kind in (kind for kind in _KINDS if kind in decided):
            d = decided[kind]
            own = d.whole if kind == "library" else np.ones(len(d.star), dtype=bool)
            kinds = np.full(len(own), kind, dtype=object)
            columns = kinds, d.group, d.star, d.measured_snr, d.candidate, d.survey
            parts.append([column[own] for column in (*columns, np.ones(len(own)))])
        return cls(rare_class, rule.threshold, *map(np.concatenate, zip(*parts, strict=True)))

    @classmethod
    def _of_tried(
        cls, tried: Tried, survey: np.ndarray, threshold: float, rare_class: str
    ) -> Shown:
        own = np.isin(tried.kind, _KINDS)
        tried, survey = tried[own], np.where(tried.covered, survey, 0.0)[own]
        return cls(
            rare_class, threshold, tried.kind, _groups(tried, rare_class), tried.star, tried.snr,
            survey >= threshold, survey, tried.weight,
        )  # fmt: skip

    def members(self) -> tuple[str, np.ndarray]:
        """Return the kind of trials that shows the recall, and which are of the rare class.

        Library stars, or, without any of the class, real spectra with noise added.
        """
        own = self.group == self.rare_class
        for kind in ("library", "reobserved"):
            if (some := own & (self.kind == kind)).any():
                return kind, some
        return "library", own & (self.kind == "library")


def _groups(tried: Tried, rare_class: str) -> np.ndarray:
    """Return the group of each trial; populations of several classes are groups themselves."""
    names = {}
    for pair in set(zip(tried.population, tried.mk_type, strict=True)):
        population, mk_type = pair
        classes = POPULATIONS.get(population, (population,))
        one = len(classes) == 1
        names[pair] = subtype_group(classes[0], mk_type, rare_class) if one else population
    pairs = zip(tried.population, tried.mk_type, strict=True)
    return np.array([names[pair] for pair in pairs], dtype=object)
