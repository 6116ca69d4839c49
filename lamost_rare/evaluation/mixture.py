"""Whether a shipped recogniser gains from generated stars among those that it is trained on."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace

import numpy as np
from scipy.special import log_expit, logit, softmax

from ..networks.architectures import SHIPPED_LCGAN
from ..training.build import fold_folder
from ..training.classifier import train_network
from ..training.crossvalidation import network_predictor, train_fold, trained_folder
from ..training.dataset import load_data_folder
from ..training.first_stage import first_stage_of_fold
from ..training.gan import GanOptions
from ..training.mixture import MixedStream, generated_stars
from ..training.observing import HOT
from ..training.pools import for_each
from ..training.recipes import RECIPES
from ..training.uncertain import UncertainStream
from .trials import SNR_BINS, Trial, load_trials, observe_trials, save_trials, subtype_group

__all__ = ["SCORES", "WAYS", "Mixture", "MixtureSettings", "measure_mixture", "try_mixture"]

WAYS = {
    "shipped": "as it is",
    "simulation": "trained on, with simulation alone",
    "mixture": "trained on, with simulation and LCGAN",
}
SCORES = ("log_loss", "recall_b1", "recall_b0")
_VERSION = 1
"""To be raised when the same settings give other results."""


@dataclass(frozen=True)
class MixtureSettings:
    """What is compared.

    Attributes
    ----------
    fraction : float
        Part of the observations of the rare class that generated stars are behind.
    architecture : dict
        Of the generator.
    gan : GanOptions
    n_examples, number : int
        Observations that a generator is trained on, and stars that it makes.
    epochs : int
        How much longer the recogniser is trained.
    learning_rate : float
        From which the rate falls in these.
    repeats : int
        Observations of each library spectrum in each of `SNR_BINS`.
    """

    fraction: float = 0.4
    architecture: dict = field(default_factory=lambda: dict(SHIPPED_LCGAN))
    gan: GanOptions = field(default_factory=lambda: GanOptions(iterations=600, sample_every=150))
    n_examples: int = 1500
    number: int = 3000
    epochs: int = 2
    learning_rate: float = 5e-4
    repeats: int = 5


@dataclass
class Mixture:
    """What was measured; the last axis of each array is the repetition.

    Attributes
    ----------
    settings : MixtureSettings
    counts : dict of str to int
        Spectra and stars of each group, and all observations of it in one repetition.
    scores : dict
        ``scores[way][score]``, shape (n_snr_bins, n_repetitions), for each of `SCORES`.
    by_fold : dict
        ``by_fold[way]``: log loss over all S/N, shape (n_folds, n_repetitions).
    """

    settings: MixtureSettings
    counts: dict
    scores: dict
    by_fold: dict


def try_mixture(
    recipe_name, data, work, settings=None, *, repetitions=2, seed=0, jobs=1
) -> Mixture:
    """Train each fold's recogniser on, with and without generated stars; try both on the stars
    that neither it nor the generator has seen.

    Parameters
    ----------
    recipe_name : str
        Key of `RECIPES`.
    data : path-like
        As `training.dataset.load_data_folder` takes it.
    work : path-like
        Folder with the trainings of `training.build.cross_validate`, which are done if they are
        not there; what is done here is kept there too.
    settings : MixtureSettings, optional
    repetitions : int
        Each with another generator, other observations and another order.
    seed : int
        Of the folds and of their recognisers.
    jobs : int
        Processes.

    Returns
    -------
    Mixture

    Raises
    ------
    ValueError
        If the recipe has no cross-validation with a second training to go on from.
    """
    settings = settings or MixtureSettings()
    recipe = RECIPES[recipe_name]
    if recipe.holdout or recipe.refined is None:
        raise ValueError(
            f"{recipe_name} has no folds with a second training; choose racnet-obafgkm-v1"
        )
    tasks = [(r, fold) for r in range(repetitions) for fold in range(recipe.n_folds)]
    fixed = recipe_name, str(data), str(work), settings, seed
    sources = load_data_folder(data)  # before processes begin, which would say the same
    found = for_each(tasks, jobs, _one_fold, *fixed, ...)
    return measure_mixture(found, sources, recipe.classes.index(recipe.rare_class), settings)


def _one_fold(recipe_name, data, work, settings, seed, task) -> dict[str, Trial]:
    """Trials of each of `WAYS`, of one fold in one repetition."""
    repetition, fold = task
    recipe = RECIPES[recipe_name]
    sources = load_data_folder(data)
    text = json.dumps([_VERSION, asdict(settings), repetition], sort_keys=True)
    name = "mixture-" + hashlib.sha256(text.encode()).hexdigest()[:12]
    fold_work = fold_folder(work, recipe, fold, seed)
    folder = fold_work / name
    stored = folder / "trials.npz"
    if not stored.exists():
        folder.mkdir(parents=True, exist_ok=True)
        trials = _train_and_try(
            recipe, sources, fold, fold_work, folder, settings, seed, repetition
        )
        save_trials(stored, trials)
    return {trial.kind: trial for trial in load_trials(stored)}


def _train_and_try(recipe, sources, fold, fold_work, folder, settings, seed, repetition) -> list:
    shipped, stream, held_out, _ = train_fold(
        recipe, sources, fold, recipe.n_folds, fold_work, seed
    )
    first_stage, _ = first_stage_of_fold(recipe, sources, fold, fold_work, seed=seed)
    own_seed = 10_000 * (repetition + 1) + stream.seed
    stars = generated_stars(
        stream.sources,
        stream.noise,
        settings.architecture,
        replace(settings.gan, seed=own_seed),
        folder / "gan",
        rare_class=recipe.rare_class,
        n_examples=settings.n_examples,
        number=settings.number,
    )
    options = replace(
        recipe.refined,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        seed=own_seed,
    )
    library = held_out[~sources.observed[held_out] & np.isin(sources.label[held_out], HOT)]
    rows = np.repeat(library[sources.whole[library]], settings.repeats)
    trials = []
    for way in WAYS:
        model = shipped
        if way != "shipped":
            fraction = settings.fraction if way == "mixture" else 0.0
            mixed = MixedStream(stream, stars, fraction, recipe.rare_class, own_seed)
            model, _ = train_network(
                UncertainStream(mixed, first_stage, recipe.rare_class),
                recipe.architecture,
                options,
                folder / way,
                begin_with=trained_folder(recipe, fold_work) / "best.weights.h5",
            )
        predict = network_predictor(model, recipe, first_stage=first_stage)
        rng = np.random.default_rng([own_seed, 79])  # the same observations for all
        parts = [
            trial
            for bounds in SNR_BINS
            for trial in observe_trials(
                "library", predict, sources, rows, stream.noise, bounds, rng, gaps=False
            )
        ]
        trials.append(replace(Trial.concatenate(parts), kind=way))
    return trials


def measure_mixture(found, sources, rare: int, settings) -> Mixture:
    """Scores from trials.

    Parameters
    ----------
    found : dict
        ``found[repetition, fold][way]``: Trial.
    sources : LabelledSources
    rare : int
        Index of the rare class.
    settings : MixtureSettings
    """
    group = np.array([subtype_group(*x) for x in zip(sources.label, sources.mk_type, strict=True)])
    repetitions, folds = (sorted({task[i] for task in found}) for i in (0, 1))
    scores = {}
    by_fold = {way: np.empty((len(folds), len(repetitions))) for way in WAYS}
    for way in WAYS:
        table = []
        for i, repetition in enumerate(repetitions):
            parts = [found[repetition, fold][way] for fold in folds]
            for k, trial in enumerate(parts):
                by_fold[way][k, i] = _log_loss(_log_odds(trial, rare), group[trial.row])
            table.append(_scores_by_snr(Trial.concatenate(parts), group, rare))
        scores[way] = dict(zip(SCORES, np.array(table).T, strict=True))
    rows = np.concatenate([found[repetitions[0], fold]["shipped"].row for fold in folds])
    counts = {
        name: {
            "stars": len(set(sources.star[rows[group[rows] == name]])),
            "spectra": len(set(rows[group[rows] == name])),
            "observations": int((group[rows] == name).sum()),
        }
        for name in ("O", "B0-B0.5", "B1+", "hot_subdwarf", "white_dwarf")
    }
    return Mixture(settings, counts, scores, by_fold)


def _scores_by_snr(trial: Trial, group, rare: int) -> list:
    """`SCORES` in each of `SNR_BINS`, (n_snr_bins, n_scores)."""
    log_odds, group = _log_odds(trial, rare), group[trial.row]
    table = []
    for low, high in SNR_BINS:
        here = (trial.snr >= low) & (trial.snr < high)
        own = log_odds[here], group[here]
        table.append((_log_loss(*own), _recall(*own, "B1+", 0.003), _recall(*own, "B0-B0.5", 0.05)))
    return table


def _log_odds(trial: Trial, rare: int) -> np.ndarray:
    p = softmax(trial.logits.astype(np.float64), axis=1)[:, rare]
    return logit(np.clip(p, 1e-12, 1 - 1e-12))


def _log_loss(log_odds, group) -> float:
    """Of the rare class against all others, as if both were as often."""
    own = group == "O"
    return float(-0.5 * (log_expit(log_odds[own]).mean() + log_expit(-log_odds[~own]).mean()))


def _recall(log_odds, group, others, rate) -> float:
    """Part of the O stars above what ``rate`` of the others exceed; NaN if there are none."""
    if not (group == others).any():
        return float("nan")
    limit = np.quantile(log_odds[group == others], 1 - rate)
    return float(np.mean(log_odds[group == "O"] > limit))
