"""From stars to what a preset knows of novelty."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..inference.novelty import MOST, Novelty, quietness
from ..preset_config import NoveltyConfig
from ..presets import NOVELTY_FILE, Preset, load_preset, save_preset
from ..simulation.dataset import LabelledStars, assign_folds, load_data_folder
from ..simulation.simulate_stars import noise_of
from .novelty_training import NoveltyOptions, Seen, observe_known, observe_odd, train_scores

__all__ = [
    "FittedNovelty",
    "add_novelty",
    "fit_novelty",
    "known_classes",
    "observe_all",
    "share_of_known",
]

UNKNOWN = "other"
"""The class of all that fits no other: its members have nothing in common, so it is not known."""
_RARITY = (0.05, 0.301, 1.0, 1.523, 2.0, 2.523)
"""Novelty at which the scores of known spectra are looked up: the highest 90 % of them to 0.3 %."""
_QUIET_BINS = 8
_REAL, _COMPACT = 0.56, 0.04
"""Shares of real spectra, and of compact stars, among what counts as the known spectra."""


@dataclass
class FittedNovelty:
    """What came out of a fit.

    Attributes
    ----------
    novelty : Novelty
        Trained on all known spectra.
    of_fold : list of Novelty
        Trained without the stars of a fold.
    fold : ndarray of int
        Fold of each row of the stars.
    known : Seen
        Known observations.
    unseen : ndarray, shape (len(known),)
        Novelty of each, by the network that has not seen its star.
    """

    novelty: Novelty
    of_fold: list[Novelty]
    fold: np.ndarray
    known: Seen
    unseen: np.ndarray

    def of_unseen(self, seen: Seen) -> np.ndarray:
        """Novelty of observations of stars by the network that has not seen the star."""
        out = np.empty(len(seen), dtype=np.float32)
        for number, novelty in enumerate(self.of_fold):
            own = self.fold[seen.row] == number
            out[own] = novelty.of_depths(seen.depths[own])
        return out


def known_classes(classes) -> list[str]:
    """Return the classes that count as known."""
    return [name for name in classes if name != UNKNOWN]


def observe_all(
    stars: LabelledStars, classes, options: NoveltyOptions, seed=0
) -> tuple[Seen, Seen]:
    """Observe stars of known classes, and make odd spectra of them.

    Returns
    -------
    known, odd : Seen
    """
    rng = np.random.default_rng([seed, 88])
    noise = noise_of(stars, seed)
    known = observe_known(stars, known_classes(classes), noise, options, rng)
    return known, observe_odd(stars, known_classes(classes), noise, options, rng)


def fit_novelty(
    stars: LabelledStars, known: Seen, odd: Seen, options: NoveltyOptions, seed=0, without=()
) -> FittedNovelty:
    """Train the network, and find how the scores of known stars that it was not trained on are
    distributed.

    Parameters
    ----------
    stars : LabelledStars
    known, odd : Seen
        From `observe_all`.
    options : NoveltyOptions
    seed : int
    without : sequence of str
        Classes that are left out.
    """
    allowed = ~np.isin(stars.label, without)
    known, odd = (seen[seen.of_stars(allowed)] for seen in (known, odd))
    fold = assign_folds(stars.label, stars.star, options.n_folds, seed)
    nothing = np.zeros(0)
    score = np.empty(len(known))
    trained = []
    for number in range(options.n_folds):
        others = fold != number
        layers = train_scores(
            known[others[known.row]], odd[odd.of_stars(others)], options, seed * 100 + number
        )
        trained.append(Novelty(layers, nothing, nothing, nothing))
        held_out = ~others[known.row]
        score[held_out] = trained[-1].scores(known.depths[held_out])
    weight = share_of_known(known, stars.label)
    table = distribution(score, quietness(known.depths), weight)
    of_fold = [Novelty(one.layers, *table) for one in trained]
    final = train_scores(known, odd, options, seed * 100 + options.n_folds)
    unseen = of_fold[0].rarity_of(score, quietness(known.depths))
    return FittedNovelty(Novelty(final, *table), of_fold, fold, known, unseen)


def share_of_known(known: Seen, label) -> np.ndarray:
    """Return what each observation counts among the known spectra, 1 in all.

    Most of them are a survey's own; of the simulated ones each letter counts the same, and hot
    subdwarfs and white dwarfs, which are rare, count little.
    """
    compact = ("hot_subdwarf", "white_dwarf")
    of = np.where(known.real > 0, "real", label[known.row].astype(str))
    weight = np.zeros(len(known))
    names = sorted(set(of))
    n_letters = sum(name not in (*compact, "real") for name in names)
    for name in names:
        share = _REAL if name == "real" else _COMPACT / 2
        if name not in (*compact, "real"):
            share = (1 - _REAL - _COMPACT) / n_letters
        weight[of == name] = share / (of == name).sum()
    return weight / weight.sum()


def distribution(score, quiet, weight) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``quiet``, ``rarity`` and ``score`` of a `Novelty`, for scores of known spectra.

    Beyond the highest 0.3 % there are too few to count: the logarithm of the part that is as high
    falls on as it does from 10 % to there.
    """
    known = np.isfinite(quiet)
    score, quiet, weight = score[known], quiet[known], weight[known]
    edges = _quantiles(quiet, weight, np.linspace(0, 1, _QUIET_BINS + 1))
    edges = np.unique(edges)
    centres, rows = [], []
    for low, high in pairwise(edges):
        here = (quiet >= low) & (quiet <= high)
        row = _quantiles(score[here], weight[here], 1 - 10 ** -np.array(_RARITY))
        slope = (row[-1] - row[2]) / (_RARITY[-1] - _RARITY[2])
        row = np.append(row, row[-1] + slope * (MOST - _RARITY[-1]))
        centres.append(np.average(quiet[here], weights=weight[here]))
        rows.append(np.maximum.accumulate(row) + 1e-3 * np.arange(len(row)))
    if len(rows) < 2:
        raise ValueError("the known spectra are all of one noise: too few to fit novelty")
    return np.array(centres), np.array([*_RARITY, MOST]), np.array(rows)


def _quantiles(values, weight, parts) -> np.ndarray:
    order = np.argsort(values)
    reached = np.cumsum(weight[order])
    at = np.searchsorted(reached, np.asarray(parts) * reached[-1])
    return values[order][np.minimum(at, len(values) - 1)]


def add_novelty(preset_folder, data, seed=0, *, labels=None, without=(), options=None) -> Preset:
    """Fit novelty on a data folder and add it to a preset, whatever it had of it before.

    Parameters
    ----------
    preset_folder : path-like
        Of a classifier; its ``config.json`` is written anew, and ``novelty.npz`` beside it.
    data : path-like
        As `~lamost_rare.simulation.dataset.load_data_folder` takes it.
    seed : int
    labels, without
        As `~lamost_rare.simulation.dataset.load_data_folder` takes them.
    options : NoveltyOptions, optional

    Returns
    -------
    Preset
    """
    folder, options = Path(preset_folder), options or NoveltyOptions()
    preset = load_preset(folder, verify=False)
    stars = load_data_folder(data, labels=labels, without=without)
    known, odd = observe_all(stars, preset.classes, options, seed)
    fitted = fit_novelty(stars, known, odd, options, seed)
    described = NoveltyConfig(
        options={**asdict(options), "seed": seed},
        figures=_figures(fitted),
        sha256=fitted.novelty.save(folder / NOVELTY_FILE),
    )
    config = replace(preset.settings, novelty=described).to_dict()
    preset = save_preset(folder, config, preset.weights_path)
    _add_to_golden(folder, fitted.novelty)
    return preset


def _figures(fitted: FittedNovelty) -> dict:
    real = fitted.known.real == 2
    flagged = fitted.unseen >= fitted.novelty.threshold
    return {
        "real_spectra": int(real.sum()),
        "real_spectra_flagged": int(flagged[real].sum()),
        "known_observations": len(flagged),
    }


def _add_to_golden(folder: Path, novelty: Novelty) -> None:
    path = folder / "golden.npz"
    if not path.exists():
        return
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored}
    arrays["novelty"] = novelty.of(arrays["flux"], arrays["mask"])
    np.savez_compressed(path, **arrays)
