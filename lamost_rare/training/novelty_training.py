"""What counts as known, and the network that tells it from what is odd."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..inference.block_depths import block_depths
from ..inference.novelty import novelty_features
from ..simulation.dataset import LabelledStars, rows_by_star
from ..simulation.library import STAR_GRID
from ..simulation.noise import NoiseBank
from ..simulation.oddities import make_odd
from ..simulation.simulate import simulate
from ..simulation.simulate_stars import draw_conditions, simulate_in_parts
from ..spectra.snr import g_band_snr
from ..validation.trials import real_batch

__all__ = ["NoveltyOptions", "Seen", "observe_known", "observe_odd", "train_scores"]

_AT_ONCE = 500
_FEWER = ("hot_subdwarf", "white_dwarf")
"""Classes of which there are few stars, and so fewer observations."""


@dataclass(frozen=True)
class NoveltyOptions:
    """How the network is trained.

    Attributes
    ----------
    n_of_class : int
        Observations of the library stars of each class; 0.7 times as many of compact stars.
    n_reobserved : int
        Observations of real spectra with more noise, besides those as they are.
    n_odd : int
        Odd spectra.
    snr_range : pair of float
        S/N (g) of all simulated ones, log-uniform.
    n_folds : int
        Of the cross-validation that gives the scores of known spectra.
    units : tuple of int
        Of the hidden layers.
    epochs, batch_size : int
    learning_rate, l2 : float
        Of Adam.
    """

    n_of_class: int = 2500
    n_reobserved: int = 8000
    n_odd: int = 32_000
    snr_range: tuple[float, float] = (3.0, 150.0)
    n_folds: int = 4
    units: tuple[int, ...] = (64, 32)
    epochs: int = 6
    batch_size: int = 256
    learning_rate: float = 1e-3
    l2: float = 1e-4


@dataclass
class Seen:
    """Observations, as the network is shown them.

    Attributes
    ----------
    depths : ndarray, shape (n, n_features), float32
        From `~lamost_rare.inference.block_depths.block_depths`.
    snr : ndarray, shape (n,)
        S/N (g), measured.
    row, other : ndarray of int, shape (n,)
        The star that each is of, and the second one in it, as rows of the whole set of stars;
        -1 where there is none.
    real : ndarray of int, shape (n,)
        0 simulated, 1 a real spectrum with more noise, 2 one as it is.
    """

    depths: np.ndarray
    snr: np.ndarray
    row: np.ndarray
    other: np.ndarray
    real: np.ndarray

    ARRAYS = ("depths", "snr", "row", "other", "real")

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, rows) -> Seen:
        return Seen(*(getattr(self, name)[rows] for name in self.ARRAYS))

    @classmethod
    def of(cls, batch, row, other=None, real=0) -> Seen:
        """Look at a batch."""
        n = len(batch)
        rest = np.full(n, -1) if other is None else other
        depths = block_depths(batch.flux, batch.mask)
        snr = g_band_snr(batch.flux, batch.ivar, batch.mask, batch.grid)
        return cls(depths, snr, np.asarray(row), rest, np.full(n, real))

    @classmethod
    def concatenate(cls, parts) -> Seen:
        """Join some."""
        parts = list(parts)
        return cls(*(np.concatenate([getattr(x, name) for x in parts]) for name in cls.ARRAYS))

    def of_stars(self, wanted) -> np.ndarray:
        """Return which are made of wanted stars (a mask over all rows) alone, shape (n,)."""
        second = np.where(self.other < 0, self.row, self.other)
        return wanted[self.row] & wanted[second]


def observe_known(
    stars: LabelledStars, classes, noise: NoiseBank, options: NoveltyOptions, rng
) -> Seen:
    """Observe stars of known classes, those of the survey itself also as they are."""
    parts = []
    for name in classes:
        groups = rows_by_star(stars, ~stars.real & (stars.label == name))
        n = int(options.n_of_class * (0.7 if name in _FEWER else 1)) if groups else 0
        picks = [rng.choice(groups[rng.integers(len(groups))]) for _ in range(n)]
        parts += _observed(stars, np.array(picks, dtype=int), noise, options, rng, 0)
    real = np.flatnonzero(stars.real & np.isin(stars.label, classes))
    if len(real):
        parts.append(Seen.of(real_batch(stars[real]), real, real=2))
        parts += _observed(stars, rng.choice(real, options.n_reobserved), noise, options, rng, 1)
    return Seen.concatenate(parts)


def _observed(stars, rows, noise, options, rng, real) -> list[Seen]:
    parts = simulate_in_parts(stars, rows, noise, rng, options.snr_range)
    return [Seen.of(batch, some, real=real) for some, batch, _ in parts]


def observe_odd(
    stars: LabelledStars, classes, noise: NoiseBank, options: NoveltyOptions, rng
) -> Seen:
    """Observe spectra made odd of library stars of known classes.

    They cover the wavelengths that the library stars of these classes do, as often, so that
    coverage does not give them away.
    """
    library = ~stars.real & np.isin(stars.label, classes)
    pick = _picker(stars, library & stars.whole, classes, rng)
    cover = _picker(stars, library, classes, rng)
    parts = []
    for start in range(0, options.n_odd, _AT_ONCE):
        n = min(_AT_ONCE, options.n_odd - start)
        row, other = np.array([(pick(), pick()) for _ in range(n)]).T
        pairs = zip(stars.flux[row], stars.flux[other], strict=True)
        flux = np.stack([make_odd(*pair, STAR_GRID, rng) for pair in pairs])
        valid = stars.valid[[cover() for _ in range(n)]]
        nothing_real = np.zeros(n, dtype=bool)
        conditions = draw_conditions(stars.label[row], nothing_real, rng, options.snr_range)
        parts.append(Seen.of(simulate(flux, valid, conditions, noise, rng), row, other))
    return Seen.concatenate(parts)


def _picker(stars, chosen, classes, rng) -> Callable[[], int]:
    """Return what draws a row: a class, a star of it, a spectrum of that."""
    groups = [rows_by_star(stars, chosen & (stars.label == name)) for name in classes]
    groups = [group for group in groups if group]
    if not groups:
        raise ValueError("no library star of the known classes is whole: nothing to make odd")

    def pick() -> int:
        group = groups[rng.integers(len(groups))]
        return int(rng.choice(group[rng.integers(len(group))]))

    return pick


def train_scores(known: Seen, odd: Seen, options: NoveltyOptions, seed=0):
    """Train the network that tells odd spectra from known ones.

    Returns
    -------
    list of (ndarray, ndarray)
        Layers for `~lamost_rare.inference.dense.dense`.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    x = novelty_features(np.concatenate([known.depths, odd.depths]))
    y = np.concatenate([np.zeros(len(known), dtype=int), np.ones(len(odd), dtype=int)])
    mean, scale = x.mean(axis=0), x.std(axis=0) + np.float32(0.05)
    x -= mean
    x /= scale
    network = MLPClassifier(
        options.units,
        alpha=options.l2 * len(x),
        batch_size=options.batch_size,
        learning_rate_init=options.learning_rate,
        max_iter=options.epochs,
        n_iter_no_change=options.epochs,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is told when to stop
        network.fit(x, y)
    layers = [
        (np.asarray(kernel, dtype=np.float32), np.asarray(bias, dtype=np.float32))
        for kernel, bias in zip(network.coefs_, network.intercepts_, strict=True)
    ]
    kernel, bias = layers[0]
    layers[0] = kernel / scale[:, None], bias - (mean / scale) @ kernel
    return layers
