"""What part of a rare class a preset finds, by S/N, extinction and subtype.

From the trials that a preset keeps, on spectra of stars that its classifier had not seen: library
stars as the survey would observe them. Found is what is a candidate. A list of candidates becomes
numbers of stars by it: each candidate stands for the inverse of the completeness at its S/N,
extinction and subtype.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..annotations import PresetLike, PriorLike
from ..inference.odds import SurveyOdds
from ..inference.prevalence import for_survey
from ..inference.prior import read_prior
from ..presets import Preset, PresetError, check_kind, load_preset
from ..simulation.mk_types import subtype_number
from .completeness_model import MIN_STARS, CompletenessModel
from .completeness_points import CompletenessError, OutsideWarning, points_of
from .completeness_table import described
from .statistics import part_of_stars
from .tried import Tried, load_tried

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = [
    "A_V_BINS",
    "SNR_BINS",
    "SUBTYPE_BINS",
    "Found",
    "OutsideWarning",
    "completeness",
    "found_by",
]

SNR_BINS = ((5, 10), (10, 20), (20, 50), (50, 100))
A_V_BINS = ((0, 1), (1, 3), (3, 5), (5, 8))
SUBTYPE_BINS = {
    "O2-O6.5": (2.0, 6.75),
    "O7-O8.5": (6.75, 8.75),
    "O9-O9.5": (8.75, 9.6),
    "O9.7": (9.6, 10.0),
}
_WIDE = ((5, 10), (10, 100))
"""Bins of S/N within which extinction and subtype are looked at."""


@dataclass(frozen=True)
class Found:
    """Trials on spectra of the rare class, with what was found of them.

    Attributes
    ----------
    preset : Preset
        With the prior and threshold by which it was decided.
    tried : Tried
        Trials of the rare class, of kind ``library`` and ``damaged``.
    hit : ndarray of bool, shape (n,)
        Which are candidates.
    subtype : ndarray, shape (n,)
        9.5 for O9.5; NaN where unknown, and for any rare class but O.
    """

    preset: Preset
    tried: Tried
    hit: np.ndarray
    subtype: np.ndarray

    def __repr__(self) -> str:
        found, tried = int(np.count_nonzero(self.hit)), len(self.hit)
        return f"<Found: {found} of {tried} spectra tried, by {self.preset!r}>"

    @property
    def whole(self) -> np.ndarray:
        """True for spectra none of whose sides is lost, shape (n,)."""
        return self.tried.kind == "library"

    def part(self, chosen, rng) -> tuple[float, float, float]:
        """Return the part found of chosen trials (a mask) with its range of 90 %."""
        some = self.tried[chosen]
        return part_of_stars(self.hit[chosen], some.star, some.weight, rng)

    def model(self, seed=0) -> CompletenessModel:
        """Fit the model of completeness to the trials.

        Raises
        ------
        CompletenessError
            If there are too few stars.
        """
        own = self.whole & np.isfinite(self.tried.snr)
        if np.isfinite(self.subtype).any():
            own &= np.isfinite(self.subtype)
        some = self.tried[own]
        n_stars = len(np.unique(some.star))
        if n_stars < MIN_STARS:
            raise CompletenessError(
                f"preset {self.preset.name!r} keeps trials on {n_stars} stars of class "
                f"{self.preset.rare_class}: too few for values; only the table can be had"
            )
        columns = some.snr, some.a_v, self.subtype[own], some.weight
        snr, a_v, subtype, weight = (np.asarray(x, float) for x in columns)
        rng = np.random.default_rng([seed, 1])
        return CompletenessModel.fit(self.hit[own], snr, a_v, subtype, some.star, weight, rng)


def found_by(preset=None, *, threshold=None, prior=None) -> Found:
    """Decide which trials of a preset's rare class are candidates.

    Parameters
    ----------
    preset, threshold, prior
        As for `completeness`; a `Found` comes back as it is.

    Returns
    -------
    Found

    Raises
    ------
    PresetError
        If the preset is not a classifier, or keeps no trials or none of its rare class.
    """
    if isinstance(preset, Found):
        return preset
    if not isinstance(preset, Preset):
        preset = load_preset(preset)
    check_kind(preset, "classifier")
    preset = for_survey(preset, read_prior(prior), threshold)
    tried = load_tried(preset)
    odds = SurveyOdds.of(preset.settings)
    if odds is None:
        raise PresetError(f"preset {preset.name!r} has no odds of a survey, which make candidates")
    names = [name for name, own in zip(odds.populations, odds.own, strict=True) if own]
    tried = tried[np.isin(tried.population, names) & np.isin(tried.kind, ["library", "damaged"])]
    if not (tried.kind == "library").any():
        raise PresetError(
            f"preset {preset.name!r} keeps no trial on a library star of class {preset.rare_class}"
        )
    subtype = np.full(len(tried), np.nan)
    if preset.rare_class == "O":
        subtype = np.array([subtype_number(text) for text in tried.mk_type])
    return Found(preset, tried, tried.candidate(odds, preset.threshold), subtype)


def completeness(
    preset: PresetLike | Found = None,
    *,
    snr: ArrayLike | None = None,
    a_v: ArrayLike | None = None,
    subtype: Any = None,
    threshold: float | None = None,
    prior: PriorLike = None,
    seed: int = 0,
) -> QTable:
    """Tell what part of the rare class a preset finds.

    Parameters
    ----------
    preset : str, path or Preset, optional
        Name of a shipped preset or folder of another one. By default the one for O stars.
    snr : float or array_like, optional
        S/N (g).
    a_v : float, array_like or Quantity, optional
        Extinction in mag.
    subtype : float, str or array_like of these, optional
        9.5 or ``"O9.5V"``; for presets that look for O stars alone.
    threshold : float, optional
        Least ``p_<rare>_survey`` of a candidate. By default that of the preset.
    prior : mapping, str or path, optional
        Fractions of a survey's spectra by class or population, in place of the preset's
        (`~lamost_rare.inference.prior.read_prior`).
    seed : int
        Of the samples of stars by which ranges are made.

    Returns
    -------
    astropy.table.QTable
        Without ``snr``, ``a_v`` and ``subtype``: by bins of each, counted. With any: one row for
        each point (arguments broadcast), by a smooth model; over what is not given the trials are
        averaged. Columns ``completeness``, ``low`` and ``high`` (a range of 90 % over samples of
        stars), NaN outside of what was tried; a higher S/N than was tried counts as the highest.

    Raises
    ------
    PresetError
        If the preset does not exist, is not a classifier, or keeps no trials on its rare class.
    CompletenessError
        If an argument is no number or no subtype, or the shapes do not go together.
    ValueError
        If threshold or prior cannot be used.

    Warns
    -----
    OutsideWarning
        If points lie outside of what was tried.

    Examples
    --------
    More is found at a higher S/N:

    >>> from lamost_rare import completeness
    >>> faint, bright = completeness(snr=[10, 40], subtype="O7")["completeness"]
    >>> bool(0 < faint < bright <= 1)
    True
    >>> completeness().colnames[:3]
    ['by', 'bin', 'snr_min']
    """
    points = points_of(snr, a_v, subtype)
    found = found_by(preset, threshold=threshold, prior=prior)
    if subtype is not None and not np.isfinite(found.subtype).any():
        name = found.preset.name
        raise CompletenessError(f"preset {name!r} keeps no trials on stars of known subtype")
    table = _bins(found, seed) if not points else _values(found.model(seed), points)
    own = found.tried[found.whole]
    table.meta |= {
        "preset": found.preset.name,
        "rare_class": found.preset.rare_class,
        "threshold": found.preset.threshold,
        "range": "5 to 95 %",
        "spectra": len(own),
        "stars": len(np.unique(own.star)),
    }
    return table


def _values(model: CompletenessModel, points):
    from astropy import units as u
    from astropy.table import QTable

    outside = int((~model.inside(**points)).sum())
    table = QTable()
    for name, values in points.items():
        table[name] = values * u.mag if name == "a_v" else values
    columns = zip(("completeness", "low", "high"), model.predict(**points), strict=True)
    for name, values in columns:
        table[name] = values
    table.meta["outside"] = outside
    if outside:
        ends = [(name, getattr(model.limits, name)) for name in points]
        tried = ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in ends)
        warnings.warn(
            f"{outside} of {len(table)} points lie outside of what was tried ({tried}): their "
            "completeness is NaN",
            OutsideWarning,
            stacklevel=3,
        )
    return described(table)


def _bins(found: Found, seed):
    from astropy.table import QTable

    tried, whole = found.tried, found.whole
    snr = np.minimum(tried.snr, np.nextafter(SNR_BINS[-1][1], 0))  # what noise made of 100
    rng = np.random.default_rng([seed, 0])

    def within(values, low, high):
        return whole & (values >= low) & (values < high)

    chosen = [("all", "", pair, whole) for pair in _WIDE]
    chosen += [("S/N", "", pair, whole) for pair in SNR_BINS]
    for low, high in A_V_BINS:
        own = within(tried.a_v, low, high + (high == A_V_BINS[-1][1]))
        chosen += [("A_V", f"{low}-{high} mag", pair, own) for pair in _WIDE]
    for name, ends in SUBTYPE_BINS.items():
        own = within(found.subtype, *ends)
        chosen += [("subtype", name, pair, own) for pair in _WIDE]
    chosen += [("one half missing", "", pair, ~whole) for pair in _WIDE]
    rows = []
    for by, name, (low, high), own in chosen:
        own = own & (snr >= low) & (snr < high)
        if own.any():
            counts = int(own.sum()), len(np.unique(tried.star[own]))
            rows.append((by, name, low, high, *found.part(own, rng), *counts))
    names = ("by", "bin", "snr_min", "snr_max", "completeness", "low", "high", "spectra", "stars")
    return described(QTable(rows=rows, names=names))
