"""The one rule that makes a candidate, for what is found and for all that is measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..preset_config import Calibration, Discriminant, PresetConfig, ThresholdBySnr
from ..spectra.batch import SpectrumBatch
from ..spectra.quality import QualityFlag
from ..spectra.snr import g_band_snr
from .calibration import add_evidence, calibrate, missing_lines, rare_score
from .discriminant import reaches_discriminant
from .novelty import novelty_flags
from .odds import SurveyOdds
from .threads import one_blas_thread

__all__ = ["CandidateRule", "Prediction", "judge"]


@dataclass
class Prediction:
    """What a preset says of a batch.

    Attributes
    ----------
    probabilities : ndarray, shape (n_spectra, n_classes), float32
        Calibrated; each row sums to 1.
    candidate : ndarray, shape (n_spectra,), bool
        Of the preset's rare class.
    flags : ndarray, shape (n_spectra,), int64
        `QualityFlag` bits to add to the batch's own.
    survey, score, snr, lost : ndarray, shape (n_spectra,), float32
        Probability of the rare class in a survey, and score, S/N and lost part of the pixels that
        it comes of (`~lamost_rare.inference.odds.SurveyOdds.of_batch`); by default, as of a preset
        without odds, NaN.
    novelty : ndarray, shape (n_spectra,), float32
        From `~lamost_rare.inference.novelty.Novelty`; NaN as long as none was marked.
    """

    probabilities: np.ndarray
    candidate: np.ndarray
    flags: np.ndarray
    survey: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    score: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    snr: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    lost: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))
    novelty: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.float32))

    def __repr__(self) -> str:
        n_spectra, n_classes = self.probabilities.shape
        n_candidates = int(np.count_nonzero(self.candidate))
        return f"<Prediction: {n_spectra} spectra, {n_classes} classes, {n_candidates} candidates>"

    def __post_init__(self):
        for name in ("survey", "score", "snr", "lost", "novelty"):
            if len(getattr(self, name)) != len(self.probabilities):
                setattr(self, name, np.full(len(self.probabilities), np.nan, dtype=np.float32))

    def mark_novelty(self, novelty, threshold: float) -> None:
        """Take over the novelty of each spectrum, and set the flags of those at the threshold."""
        self.novelty = np.array(novelty, dtype=np.float32)  # the caller's may be read-only
        self.flags = np.asarray(self.flags) | novelty_flags(self.novelty, threshold)


@dataclass(frozen=True)
class CandidateRule:
    """From logits to probabilities, and from probabilities to candidates.

    Attributes
    ----------
    rare : int
        Index of the rare class.
    calibration : Calibration
    threshold : float
        Least probability of a candidate, unless ``threshold_by_snr`` says otherwise.
    threshold_by_snr : ThresholdBySnr, optional
    discriminant : Discriminant, optional
        Its own threshold must be reached too.
    odds : SurveyOdds, optional
        With them it is the probability in a survey that has to reach ``threshold``, and no more.
    """

    rare: int
    calibration: Calibration = field(default_factory=Calibration)
    threshold: float = 0.5
    threshold_by_snr: ThresholdBySnr | None = None
    discriminant: Discriminant | None = None
    odds: SurveyOdds | None = None

    @classmethod
    def of(cls, config: PresetConfig) -> CandidateRule:
        """Return the rule of a classifier's configuration."""
        return cls(
            config.classes.index(config.rare_class),
            config.calibration,
            config.threshold,
            config.threshold_by_snr,
            config.discriminant,
            SurveyOdds.of(config),
        )

    def probabilities(self, logits, evidence) -> np.ndarray:
        """Calibrated probabilities, shape (n_spectra, n_classes), float32.

        Parameters
        ----------
        logits : ndarray, shape (n_spectra, n_classes)
        evidence : ndarray, shape (n_spectra,)
            From `calibration.line_evidence`.
        """
        weight = self.calibration.evidence_weight
        with_evidence = add_evidence(logits, self.rare, evidence, weight)
        return calibrate(with_evidence, self.calibration.temperature)

    def score(self, logits, evidence) -> np.ndarray:
        """Log-odds of the rare class, shape (n_spectra,), which do not saturate."""
        weight = self.calibration.evidence_weight
        with_evidence = add_evidence(logits, self.rare, evidence, weight)
        return rare_score(with_evidence, self.rare, self.calibration.temperature)

    def least_probability(self, snr) -> np.ndarray:
        """The probability that is asked for at some S/N (g), shape (n_spectra,).

        Noise makes more likenesses of a rare star than there are rare stars: the lower the S/N,
        the higher the probability that is asked for. Between the S/N of ``threshold_by_snr`` the
        log-odds are interpolated, linearly in the logarithm of the S/N; where the S/N is unknown
        the strictest holds. Without it ``threshold`` holds for all.
        """
        snr = np.asarray(snr, dtype=float)
        if self.threshold_by_snr is None:
            return np.full(len(snr), self.threshold)
        known = np.asarray(self.threshold_by_snr.threshold, dtype=float)
        log_odds = np.log(known / (1 - known))
        at = np.log(np.clip(np.where(np.isfinite(snr), snr, 0), 1e-3, None))
        found = np.interp(at, np.log(self.threshold_by_snr.snr), log_odds)
        found = np.where(np.isfinite(snr), found, log_odds.max())
        return 1 / (1 + np.exp(-found))

    def reached(self, survey, covered) -> np.ndarray:
        """Return which spectra are candidates, by their probability in a survey and covered lines,
        shape (n_spectra,)."""
        return (np.asarray(survey) >= self.threshold) & covered

    def decide(self, probabilities, snr, covered) -> np.ndarray:
        """Return which spectra are candidates where there are no odds.

        Parameters
        ----------
        probabilities : ndarray, shape (n_spectra, n_classes)
        snr : ndarray, shape (n_spectra,)
            S/N (g) of the spectrum itself; NaN where it is unknown.
        covered : ndarray of bool, shape (n_spectra,)
            Whether enough of the key lines are covered (`calibration.missing_lines`).

        Returns
        -------
        ndarray of bool, shape (n_spectra,)
        """
        candidate = probabilities[:, self.rare] >= self.least_probability(snr)
        candidate &= covered
        rows = np.flatnonzero(candidate)
        candidate[rows] = reaches_discriminant(probabilities[rows], snr[rows], self.discriminant)
        return candidate

    def within_reach(self, probabilities) -> np.ndarray:
        """Return which spectra could be candidates at the S/N that asks for least."""
        by_snr = self.threshold_by_snr
        return probabilities[:, self.rare] >= min(by_snr.threshold if by_snr else [self.threshold])


def judge(
    batch: SpectrumBatch, probabilities: np.ndarray, config: PresetConfig, evidence=None
) -> Prediction:
    """Decide which spectra of a batch are candidates, and flag those that cannot be.

    Those are whose probability in a survey is at least the preset's ``threshold`` and whose key
    lines are covered. A preset without odds of a survey has the probabilities of its classifier
    instead, and further rules (`CandidateRule`). S/N is measured from flux and inverse variance.
    Generated spectra are never candidates.

    Parameters
    ----------
    batch : SpectrumBatch
    probabilities : ndarray, shape (n_spectra, n_classes)
    config : PresetConfig
        Of a classifier.
    evidence : ndarray, shape (n_spectra,), optional
        From `~lamost_rare.inference.calibration.line_evidence`; by default the lines say nothing.
    """
    covered = ~missing_lines(batch, config.key_lines)
    flags = np.where(covered, 0, int(QualityFlag.KEY_LINES_MISSING))
    rule = CandidateRule.of(config)
    candidate = np.zeros(len(batch), dtype=bool)
    with one_blas_thread():
        if rule.odds is None:
            if not batch.generated:
                candidate = _by_rule(batch, probabilities, covered, rule)
            return Prediction(probabilities, candidate, flags)
        survey, *of = rule.odds.of_batch(batch, probabilities, evidence)
        candidate = rule.reached(survey, covered) & (not batch.generated)
        return Prediction(probabilities, candidate, flags, survey, *of)


def _by_rule(batch, probabilities, covered, rule: CandidateRule) -> np.ndarray:
    candidate = np.zeros(len(batch), dtype=bool)
    rows = np.flatnonzero(rule.within_reach(probabilities) & covered)
    if len(rows):
        some = batch[rows]
        snr = g_band_snr(some.flux, some.ivar, some.mask, some.grid)
        candidate[rows] = rule.decide(probabilities[rows], snr, covered[rows])
    return candidate
