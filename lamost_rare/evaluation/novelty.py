"""What part of the spectra of classes left out, and of faulty spectra, is flagged as novel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..inference.novelty import Novelty
from ..simulation import effects, lookalikes
from ..simulation.dataset import LabelledStars, rows_by_star
from ..simulation.faults import FAULTS, with_fault
from ..simulation.library import STAR_GRID
from ..simulation.noise import NoiseBank
from ..simulation.simulate import simulate
from ..simulation.simulate_stars import draw_conditions, noise_of, simulate_in_parts
from ..training.novelty_fit import UNKNOWN, FittedNovelty, fit_novelty, known_classes, observe_all
from ..training.novelty_training import NoveltyOptions, Seen

__all__ = ["BINS", "LEFT_OUT", "Flagged", "NoveltyFigures", "measure_novelty"]

BINS = ((5.0, 10.0), (10.0, 20.0), (20.0, 200.0))
"""S/N (g) of the columns; the goal is for all above 10."""
LEFT_OUT = ("hot_subdwarf", "white_dwarf")
"""Classes that are known otherwise, and are left out in turn."""
_STARLESS = {
    "cataclysmic variable (invented)": lambda rng, star: lookalikes.emission_line_object(
        STAR_GRID, rng, kind="cv"
    ),
    "planetary nebula (invented)": lambda rng, star: _nebula(rng, star),
    "random lines (invented)": lambda rng, star: lookalikes.random_lines(STAR_GRID, rng),
}
_AT_ONCE = 500


@dataclass
class Flagged:
    """How many spectra of one kind are flagged: ``share`` of the ``number`` in each of `BINS`, and
    ``above_10``."""

    share: list[float]
    number: list[int]
    above_10: float

    @classmethod
    def of(cls, novelty: np.ndarray, snr: np.ndarray, threshold: float) -> Flagged:
        """Count; NaN where there is none."""
        inside = [(snr >= low) & (snr < high) for low, high in BINS]
        flag = novelty >= threshold
        rates = [float(flag[x].mean()) if x.any() else np.nan for x in [*inside, snr >= 10]]
        return cls(rates[:-1], [int(x.sum()) for x in inside], rates[-1])


@dataclass
class NoveltyFigures:
    """What is on the page: `Flagged` by kind, each in its order."""

    left_out: dict[str, Flagged] = field(default_factory=dict)
    faults: dict[str, Flagged] = field(default_factory=dict)
    known: dict[str, Flagged] = field(default_factory=dict)
    real: dict[str, Flagged] = field(default_factory=dict)

    @property
    def median(self) -> float:
        """Median, over classes, of the flagged part at S/N above 10; hot subdwarfs stand apart."""
        classes = [f.above_10 for name, f in self.left_out.items() if _counts(name)]
        return float(np.median(classes)) if classes else np.nan


def _counts(name: str) -> bool:
    return name != "hot_subdwarf" and "random" not in name


def measure_novelty(
    stars: LabelledStars,
    classes: Sequence[str],
    options: NoveltyOptions | None = None,
    seed: int = 0,
    n: int = 1500,
) -> NoveltyFigures:
    """Fit novelty, once with all known classes and once without each of `LEFT_OUT`, and count what
    is flagged.

    Parameters
    ----------
    stars : LabelledStars
    classes : sequence of str
        Of the preset.
    options : NoveltyOptions, optional
    seed : int
    n : int
        Spectra of each kind.
    """
    options = options or NoveltyOptions()
    rng = np.random.default_rng([seed, 89])
    noise = noise_of(stars, seed)
    known, odd = observe_all(stars, classes, options, seed)
    figures = NoveltyFigures()

    def count(seen: Seen, novelty: Novelty) -> Flagged:
        return Flagged.of(novelty.of_depths(seen.depths), seen.snr, novelty.threshold)

    for name in LEFT_OUT:
        # Models are trained on, never tried.
        own = (stars.label[known.row] == name) & ~stars.synthetic[known.row]
        if own.any():
            without = fit_novelty(stars, known, odd, options, seed, without=[name]).novelty
            figures.left_out[name] = count(known[own], without)
    fitted = fit_novelty(stars, known, odd, options, seed)
    for name, rows in _never_known(stars):
        some = rows[rng.integers(0, len(rows), n)] if n else rows
        parts = simulate_in_parts(stars, some, noise, rng, options.snr_range)
        seen = Seen.concatenate(Seen.of(batch, chosen) for chosen, batch, _ in parts)
        figures.left_out[name] = count(seen, fitted.novelty)
    library = np.flatnonzero((stars.label == "O") & stars.whole & ~stars.real)
    for name in _STARLESS if len(library) else ():
        seen = _invented(name, stars, library, noise, options, rng, n)
        figures.left_out[name] = count(seen, fitted.novelty)
    _measure_faults(figures, fitted, stars, classes, noise, options, rng, n)
    _measure_known(figures, fitted, stars, classes)
    return figures


def _never_known(stars: LabelledStars) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the kinds of objects in the class that is not known, with their rows, of which each
    star has as many as any other."""
    told = zip(stars.mk_type.astype(str), stars.label == UNKNOWN, strict=True)
    kinds = np.array([_kind(x) if own else "" for x, own in told], dtype=object)
    for name in sorted(set(kinds) - {""}):
        groups = rows_by_star(stars, kinds == name)
        most = max(map(len, groups))
        yield name, np.concatenate([np.resize(group, most) for group in groups])


def _kind(mk_type: str) -> str:
    patterns = {
        "QSO": "QSO",
        "GALAXY": "galaxy",
        "W": "Wolf-Rayet",
        "Carbon": "carbon star",
        "C[VWN ]|CV": "cataclysmic variable",
        "[LT][0-9]": "L or T dwarf",
        "S": "S star",
    }
    return next((name for start, name in patterns.items() if re.match(start, mk_type)), "")


def _nebula(rng: np.random.Generator, star: np.ndarray) -> np.ndarray:
    """An O star in a nebula whose Hβ is 20 to 300 Å wide, more than an H II region's ever is."""
    width = np.exp(rng.uniform(np.log(20), np.log(300), 1))
    return star / np.median(star) * (1 + effects.nebular_lines(width, STAR_GRID, rng)[0])


def _invented(
    name: str,
    stars: LabelledStars,
    library: np.ndarray,
    noise: NoiseBank,
    options: NoveltyOptions,
    rng: np.random.Generator,
    n: int,
) -> Seen:
    parts = []
    for start in range(0, n, _AT_ONCE):
        rows = rng.choice(library, min(_AT_ONCE, n - start))
        flux = np.stack([_STARLESS[name](rng, stars.flux[row]) for row in rows])
        plain = np.full(len(rows), UNKNOWN)
        conditions = draw_conditions(plain, np.zeros(len(rows), bool), rng, options.snr_range)
        whole = np.ones(flux.shape, dtype=bool)
        batch = simulate(flux.astype(np.float32), whole, conditions, noise, rng)
        parts.append(Seen.of(batch, np.full(len(rows), -1)))
    return Seen.concatenate(parts)


def _measure_faults(
    figures: NoveltyFigures,
    fitted: FittedNovelty,
    stars: LabelledStars,
    classes: Sequence[str],
    noise: NoiseBank,
    options: NoveltyOptions,
    rng: np.random.Generator,
    n: int,
) -> None:
    usable = stars.whole & np.isin(stars.label, known_classes(classes)) & ~stars.synthetic
    rows = rng.choice(np.flatnonzero(usable), n)
    found: dict[str, list[Seen]] = {name: [] for name in ("none", *FAULTS)}
    for some, batch, _ in simulate_in_parts(stars, rows, noise, rng, options.snr_range):
        for name, seen in found.items():
            done = batch if name == "none" else with_fault(batch, name, rng)
            one = Seen.of(done, some)
            one.snr = batch.identity["snr_g"]  # what it was before
            seen.append(one)
    for name, parts in found.items():
        whole = Seen.concatenate(parts)
        novelty = fitted.of_unseen(whole)
        figures.faults[name] = Flagged.of(novelty, whole.snr, fitted.novelty.threshold)


def _measure_known(
    figures: NoveltyFigures, fitted: FittedNovelty, stars: LabelledStars, classes: Sequence[str]
) -> None:
    known, label = fitted.known, stars.label[fitted.known.row]
    for target, own in ((figures.known, known.real < 2), (figures.real, known.real == 2)):
        tried = own & ~stars.synthetic[known.row]
        for name in [*known_classes(classes), "all"]:
            rows = tried & ((label == name) | (name == "all"))
            if rows.any():
                target[name] = Flagged.of(
                    fitted.unseen[rows], known.snr[rows], fitted.novelty.threshold
                )
