"""What the spectra of each star say together, added up a block of the catalogue at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..inference.odds import SurveyOdds
from ..inference.visits import judge_together, snr_weight
from ..presets import Preset
from ..spectra.quality import QualityFlag
from .star_members import Blocks, Members, numbers

__all__ = ["Tally"]

FLOOR = np.float32(1e-7)
"""Least probability of which a logarithm is taken: that of one spectrum must not decide alone."""
_SCORE = ("survey_score", "survey_snr", "survey_lost")
CLEAR_SNR = 20.0
"""S/N (g) from which on spectra of one star should not contradict each other."""
SURE, DENIED = 0.9, 0.01
"""Probabilities of a class by two spectra that contradict each other."""


class Tally:
    """The stars of more than one spectrum; every attribute has a first axis of m stars.

    Attributes
    ----------
    snr_g : ndarray
        Root of the sum of the squares of the S/N of spectra used; NaN where none is known.
    flags : ndarray of int64
        Bits that all spectra used have.
    covered : ndarray of bool
        True where one spectrum used, at least, covers the key lines.
    prediction : ndarray of int
        Index of the class with the greatest mean of the logarithm of the probability, weighted by
        the square of the S/N; -1 where no spectrum used has any.
    survey, least, greatest : ndarray, float32
        Probability of the rare class in the survey: of all spectra used, and the extremes of those
        of single ones. NaN if the preset has no odds.
    n_candidates : ndarray of int32
        Spectra that are candidates by themselves, if they are no repetitions.
    disagree : ndarray of bool
        True where two good spectra used contradict each other.
    """

    def __init__(self, blocks: Blocks, members: Members, preset: Preset | None):
        self._members, self._preset = members, preset
        m = len(members)
        square = np.zeros(m)
        self.flags = np.full(m, -1, dtype=np.int64)
        self.covered = np.zeros(m, dtype=bool)
        self.least, self.greatest, self.survey = np.full((3, m), np.nan, dtype=np.float32)
        self.n_candidates = np.zeros(m, dtype=np.int32)
        self.disagree = np.zeros(m, dtype=bool)
        classes = preset.classes if preset else ()
        self._log_p = np.zeros((m, len(classes)), dtype=np.float32)
        self._sure, self._denied = np.zeros((2, m, len(classes)), dtype=bool)
        self._scored = np.zeros(m, dtype=bool)
        self._p = [f"p_{name}" for name in classes]
        self._p_survey = f"p_{preset.rare_class}_survey" if preset else ""
        names = ["snr_g", "flags"]
        if preset:
            names += [*self._p, self._p_survey, "survey_score", "candidate"]
        for batch, group, used in self._shared(blocks, names):
            self._add(batch, group, used, square)
        self.snr_g = np.where(square > 0, np.sqrt(square), np.nan)
        if classes:
            judged = self._log_p.min(axis=1) < 0
            self.prediction = np.where(judged, self._log_p.argmax(axis=1), -1)
        self.disagree |= (self._sure & self._denied).any(axis=1)
        del self._log_p, self._sure, self._denied
        odds = SurveyOdds.of(preset.settings) if preset else None
        if odds is not None:
            self.survey[:] = np.where(np.isnan(self.greatest), np.nan, 0)
            if self._scored.any():
                self._judge(blocks, odds)

    @staticmethod
    def columns_of(preset: Preset) -> list[str]:
        """Return the columns of a catalogue that are read because of a preset."""
        return [*(f"p_{name}" for name in preset.classes), *_SCORE]

    def _shared(self, blocks: Blocks, names):
        """Yield the rows of stars with more than one: as a batch, their stars, and which are
        used."""
        start = 0
        for batch in blocks(names):
            block = slice(start, start + len(batch))
            start += len(batch)
            rows = np.flatnonzero(self._members.group[block] >= 0)
            if len(rows):
                group, used = self._members.group[block][rows], self._members.used[block][rows]
                yield batch.take(pa.array(rows)), group, used

    def _add(self, batch, group, used, square) -> None:
        flags = numbers(batch, "flags").astype(np.int64)
        if self._preset:
            single = flags & QualityFlag.DUPLICATE_OBSID == 0
            np.add.at(self.n_candidates, group, numbers(batch, "candidate").astype(bool) & single)
        batch, group, flags = batch.filter(pa.array(used)), group[used], flags[used]
        snr = numbers(batch, "snr_g").astype(float)
        snr = np.where((snr > 0) & (snr < 1e4), snr, 0)
        np.add.at(square, group, snr**2)
        np.bitwise_and.at(self.flags, group, flags)
        self.covered[group[flags & QualityFlag.KEY_LINES_MISSING == 0]] = True
        if not self._preset:
            return
        p = np.stack([numbers(batch, name) for name in self._p], axis=1).astype(np.float32)
        weight = snr_weight(snr).astype(np.float32)[:, None]
        # An unusable spectrum has none, and says nothing.
        np.add.at(self._log_p, group, np.nan_to_num(weight * np.log(np.maximum(p, FLOOR))))
        clear = snr >= CLEAR_SNR
        np.logical_or.at(self._sure, group[clear], p[clear] >= SURE)
        np.logical_or.at(self._denied, group[clear], p[clear] <= DENIED)
        said = numbers(batch, self._p_survey).astype(np.float32)
        np.fmin.at(self.least, group, said)
        np.fmax.at(self.greatest, group, said)
        self._scored[group[np.isfinite(numbers(batch, "survey_score").astype(float))]] = True

    def _judge(self, blocks: Blocks, odds: SurveyOdds) -> None:
        """Judge those stars of which a spectrum has a score, by all of them."""
        parts: tuple[list, ...] = ([], [], [], [])
        names = [*_SCORE, "snr_g"]
        for batch, group, used in self._shared(blocks, [*names, *self._p]):
            some = used & self._scored[group]
            batch = batch.filter(pa.array(some))
            score, snr, lost, stated = (numbers(batch, n).astype(float) for n in names)
            p = np.stack([numbers(batch, name) for name in self._p], axis=1).astype(float)
            none = ~np.isfinite(score)
            # Where nobody looked, as it was not needed for one spectrum. Lines said nothing there.
            snr[none], lost[none] = stated[none], 0
            score[none] = odds.score(np.nan_to_num(p[none]), stated[none], np.zeros(none.sum()))
            for part, values in zip(parts, (group[some], score, snr, lost), strict=True):
                part.append(values)
        star, *seen = map(np.concatenate, parts)
        numbered = np.flatnonzero(self._scored)
        index = np.searchsorted(numbered, star)
        score, snr, lost = seen
        together = judge_together(odds, score, snr, lost, index)
        self.survey[numbered] = together.probability
        self.disagree[numbered[index[~together.kept]]] = True
