"""The observations on which a classifier is measured, each made from spectra held out of its
training."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np

from ..atomic import atomic_path
from ..simulation.dataset import LabelledStars
from ..simulation.library import MARGIN, STAR_GRID
from ..simulation.mk_types import subtype_number
from ..simulation.noise import NoiseBank
from ..simulation.simulate import Conditions
from ..simulation.simulate_stars import HOT, simulate_in_parts
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import LAMOST_GRID
from ..spectra.snr import usable_snr

__all__ = [
    "LOOKALIKES",
    "Trial",
    "load_trials",
    "real_batch",
    "run_trials",
    "save_trials",
    "subtype_group",
]

_KINDS = ("lamost", "library", "damaged", "reobserved")
_ONE_SIDE = {"gap": 0.0, "half": 1.0}
TRIED = (*HOT, "other")
"""Classes whose library stars are observed, besides the rare class."""
SNR_BINS = ((5.0, 10.0), (10.0, 20.0), (20.0, 100.0))
LOOKALIKES = {"O": ("B0-B0.5", "B1+", "hot_subdwarf", "white_dwarf")}
"""The groups that are near to a rare class, the nearest first. A rare class that is not listed may
be taken for any other class."""


@dataclass
class Trial:
    """Logits of one kind of test.

    Attributes
    ----------
    kind : str
        ``library`` (stars observed in simulation, with pixels lost as survey spectra lose them),
        ``damaged`` (the same with one side of the spectrum lost), ``lamost`` (as they are) or
        ``reobserved`` (LAMOST spectra with more noise, reddening, shift and lost pixels).
    logits : ndarray, shape (n, n_classes), float32
    covered : ndarray of bool, shape (n,)
        Whether the key lines were covered.
    evidence : ndarray, shape (n,)
        Log-likelihood ratio of the line evidence.
    snr : ndarray, shape (n,)
        S/N (g) asked for, or measured for spectra as they are.
    measured_snr : ndarray, shape (n,)
        S/N of the result, as `~lamost_rare.spectra.snr.usable_snr` measures it.
    row : ndarray of int, shape (n,)
        Index into the whole set of stars.
    lost : ndarray, shape (n,)
        Lost part of the pixels; 0 if it is not given.
    a_v, velocity, vsini : ndarray, shape (n,)
        Added extinction in mag; radial velocity and rotation in km/s; 0 if they are not given.
    """

    ARRAYS: ClassVar = (
        "logits", "covered", "evidence", "snr", "measured_snr", "row", "lost", "a_v", "velocity",
        "vsini",
    )  # fmt: skip

    kind: str
    logits: np.ndarray
    covered: np.ndarray
    evidence: np.ndarray
    snr: np.ndarray
    measured_snr: np.ndarray
    row: np.ndarray
    lost: np.ndarray | None = None
    a_v: np.ndarray | None = None
    velocity: np.ndarray | None = None
    vsini: np.ndarray | None = None

    def __post_init__(self):
        for name in ("lost", "a_v", "velocity", "vsini"):
            if getattr(self, name) is None:
                setattr(self, name, np.zeros(len(self.row), dtype=np.float32))

    @classmethod
    def concatenate(cls, trials):
        """Join trials of one kind."""
        trials = list(trials)
        return cls(
            trials[0].kind, *(np.concatenate([getattr(t, a) for t in trials]) for a in cls.ARRAYS)
        )


def save_trials(path, trials) -> None:
    """Write trials of different kinds into an ``.npz`` file, whole or not at all."""
    arrays = {f"{t.kind}_{n}": getattr(t, n) for t in trials for n in Trial.ARRAYS}
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, kinds=[t.kind for t in trials], **arrays)


def load_trials(path) -> list[Trial]:
    """Read what `save_trials` wrote."""
    with np.load(path) as stored:
        kinds = [str(k) for k in stored["kinds"]]
        return [Trial(k, *(stored.get(f"{k}_{n}") for n in Trial.ARRAYS)) for k in kinds]


def real_batch(stars: LabelledStars) -> SpectrumBatch:
    """Return real spectra as they are, on the grid of the networks."""
    inner = slice(MARGIN, MARGIN + LAMOST_GRID.n_pixels)
    mask = ~stars.valid[:, inner]
    flux = np.where(mask, 0, stars.flux[:, inner])
    ivar = np.where(mask, 0, stars.ivar[:, inner])
    return SpectrumBatch(LAMOST_GRID, flux, ivar, mask)


def subtype_group(label: str, mk_type: str, rare_class: str) -> str:
    """Class; where it matters to the rare class, early B stars apart: ``B0-B0.5`` and ``B1+``."""
    if label != "B" or "B1+" not in LOOKALIKES.get(rare_class, ()):
        return label
    return "B0-B0.5" if subtype_number(mk_type) <= 10.5 else "B1+"


def run_trials(
    predict,
    stars: LabelledStars,
    held_out,
    noise: NoiseBank,
    rare_class,
    *,
    seed,
    repeats,
    n_reobserved,
    hot=TRIED,
    reobserve=None,
):
    """Classify held-out stars: real spectra as they are, and simulated observations.

    Parameters
    ----------
    predict : callable
        From `SpectrumBatch` to (logits, covered, evidence).
    stars : LabelledStars
    held_out : ndarray of int
        Rows of ``stars`` that the classifier has not seen.
    noise : NoiseBank
        Of the training spectra.
    rare_class : str
    seed : int
    repeats : int
        Observations of each library spectrum, and of each LAMOST spectrum of the rare class, in
        each bin of S/N.
    n_reobserved : int
        Re-observations of LAMOST spectra of any class.
    hot : sequence of str
        Classes whose library spectra are observed, besides the rare class: those of which some of
        the blue is known. Models are not.
    reobserve : callable, optional
        As ``predict``, for re-observations alone; they are many.

    Returns
    -------
    list of Trial
    """
    rng = np.random.default_rng([seed, 77])
    real = held_out[stars.real[held_out]]
    tried = np.isin(stars.label[held_out], [*hot, rare_class])
    tried &= ~(stars.real | stars.synthetic)[held_out] & _blue_known(stars)[held_out]
    library = held_out[tried]
    still = Conditions(*[np.zeros(len(real)) for _ in fields(Conditions)])
    still.snr = stars.snr[real]
    trials = [_classify("lamost", predict, real_batch(stars[real]), still, real)]
    for low, high in SNR_BINS:
        rows = np.repeat(library, repeats)
        trials += _try_simulated("library", predict, stars, rows, noise, (low, high), rng, False)
    trials += _try_simulated("damaged", predict, stars, rows, noise, (low, high), rng, _ONE_SIDE)
    picks = [real] * (n_reobserved // max(len(real), 1) + 1) if len(real) else []
    rows = np.concatenate(picks)[:n_reobserved] if picks else np.array([], dtype=int)
    again = reobserve or predict
    trials += _try_simulated("reobserved", again, stars, rows, noise, (3.0, 100.0), rng)
    # The rare class is rare among these, too: its own spectra are needed at any S/N.
    rows = np.repeat(real[stars.label[real] == rare_class], repeats)
    for bounds in SNR_BINS:
        trials += _try_simulated("reobserved", predict, stars, rows, noise, bounds, rng)
    of_kind = {kind: [t for t in trials if t.kind == kind] for kind in _KINDS}
    return [Trial.concatenate(of_kind[kind]) for kind in _KINDS if of_kind[kind]]


def _try_simulated(kind, predict, stars, rows, noise, snr_range, rng, gaps=True):
    parts = simulate_in_parts(stars, rows, noise, rng, snr_range, gaps=gaps)
    return [_classify(kind, predict, batch, c, some) for some, batch, c in parts]


def _classify(kind, predict, batch, c: Conditions, rows) -> Trial:
    logits, covered, evidence = predict(batch)
    logits = np.asarray(logits, np.float32)
    measured = usable_snr(batch.flux, batch.ivar, batch.mask, batch.grid)
    conditions = c.a_v, c.radial_velocity, c.vsini
    return Trial(
        kind, logits, covered, evidence, np.asarray(c.snr), measured, np.asarray(rows),
        batch.mask.mean(axis=1), *(np.asarray(x, np.float32) for x in conditions),
    )  # fmt: skip


def _blue_known(stars: LabelledStars) -> np.ndarray:
    """Return where enough of the blue is known to see the lines that define a hot star."""
    low, high = STAR_GRID.pixel_of(np.array([4020.0, 4560.0])).astype(int)
    return stars.valid[:, low:high].mean(axis=1) > 0.3
