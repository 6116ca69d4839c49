"""A shipped recogniser that is trained on, with and without generated stars."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.special import softmax

from ..networks.architectures import SHIPPED_LCGAN
from ..simulation.dataset import LabelledStars, load_data_folder
from ..text import check_paths
from ..training.build import fold_folder
from ..training.crossvalidation import (
    first_stage_of_fold,
    network_predictor,
    train_fold,
    trained_folder,
)
from ..training.gan_training import GanOptions
from ..training.loop import train_network
from ..training.mixture import MixedStream, generated_stars
from ..training.pools import for_each
from ..training.recipes import RECIPES, Recipe
from ..training.uncertain import UncertainStream
from ..validation.figures import measure
from ..validation.trials import Trial, load_trials, run_trials, save_trials

__all__ = ["WAYS", "Mixture", "MixtureSettings", "measure_mixture", "try_mixture"]

WAYS = {
    "shipped": "as it is",
    "simulation": "trained further, simulation alone",
    "mixture": "trained further, simulation and LCGAN",
}
_VERSION = 2
"""To be raised when the same settings give other results."""


@dataclass(frozen=True)
class MixtureSettings:
    """Settings of the comparison.

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
    repeats, n_reobserved : int
        As for `training.build.cross_validate`.
    """

    fraction: float = 0.4
    architecture: dict = field(default_factory=lambda: dict(SHIPPED_LCGAN))
    gan: GanOptions = field(default_factory=lambda: GanOptions(iterations=600, sample_every=150))
    n_examples: int = 1500
    number: int = 3000
    epochs: int = 2
    learning_rate: float = 5e-4
    repeats: int = 10
    n_reobserved: int = 900_000


@dataclass
class Mixture:
    """Results of the comparison.

    Attributes
    ----------
    settings : MixtureSettings
    rare_class : str
    figures : list of dict
        For each repetition ``{way: figures}``, as `validation.figures.measure` gives them.
    log_loss : dict of str to ndarray
        ``log_loss[way]``, shape (n_folds, n_repetitions): of the rare class against its
        look-alikes, as if both were as frequent, over the trials of library stars.
    """

    settings: MixtureSettings
    rare_class: str
    figures: list
    log_loss: dict


def try_mixture(
    recipe_name: str,
    data: str | os.PathLike,
    work: str | os.PathLike,
    settings: MixtureSettings | None = None,
    *,
    repetitions: int = 2,
    seed: int = 0,
    jobs: int = 1,
) -> Mixture:
    """Train each fold's recogniser on, with and without generated stars; try both on the stars
    that neither it nor the generator has seen.

    Parameters
    ----------
    recipe_name : str
        Key of `RECIPES`.
    data : path-like
        As `simulation.dataset.load_data_folder` takes it.
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
    check_paths(data=data, work=work)
    settings = settings or MixtureSettings()
    recipe = RECIPES[recipe_name]
    if recipe.holdout or recipe.refined is None:
        raise ValueError(
            f"{recipe_name} has no folds with a second training; choose racnet-obafgkm-v1"
        )
    tasks = [(r, fold) for r in range(repetitions) for fold in range(recipe.n_folds)]
    one_fold = partial(_one_fold, recipe_name, str(data), str(work), settings, seed)
    labelled = load_data_folder(data)  # before processes begin, which would say the same
    found = for_each(tasks, jobs, "trainings", one_fold)
    return measure_mixture(found, labelled, recipe, settings)


def _one_fold(
    recipe_name: str,
    data: str | os.PathLike,
    work: str | os.PathLike,
    settings: MixtureSettings,
    seed: int,
    task: tuple[int, int],
) -> dict[str, list[Trial]]:
    """Return the trials of each of `WAYS`, of one fold in one repetition."""
    repetition, fold = task
    recipe = RECIPES[recipe_name]
    labelled = load_data_folder(data)
    text = json.dumps([_VERSION, asdict(settings), repetition], sort_keys=True)
    name = "mixture-" + hashlib.sha256(text.encode()).hexdigest()[:12]
    fold_work = fold_folder(work, recipe, fold, seed)
    stored = {way: fold_work / name / f"trials-{way}.npz" for way in WAYS}
    if not all(path.exists() for path in stored.values()):
        _train_and_try(recipe, labelled, fold, fold_work, stored, settings, seed, repetition)
    return {way: load_trials(path) for way, path in stored.items()}


def _train_and_try(
    recipe: Recipe,
    labelled: LabelledStars,
    fold: int,
    fold_work: Path,
    stored: dict[str, Path],
    settings: MixtureSettings,
    seed: int,
    repetition: int,
) -> None:
    folder = stored["mixture"].parent
    folder.mkdir(parents=True, exist_ok=True)
    shipped, stream, held_out, _ = train_fold(
        recipe, labelled, fold, recipe.n_folds, fold_work, seed
    )
    first_stage, _ = first_stage_of_fold(recipe, labelled, fold, fold_work, seed=seed)
    own_seed = 10_000 * (repetition + 1) + stream.seed
    stars = generated_stars(
        stream.stars,
        stream.noise,
        settings.architecture,
        replace(settings.gan, seed=own_seed),
        folder / "gan",
        rare_class=recipe.rare_class,
        n_examples=settings.n_examples,
        number=settings.number,
    )
    assert recipe.refined is not None  # `try_mixture` looks
    options = replace(
        recipe.refined,
        epochs=settings.epochs,
        learning_rate=settings.learning_rate,
        seed=own_seed,
    )
    for way, path in stored.items():
        if path.exists():
            continue
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
        trials = run_trials(
            network_predictor(model, recipe, first_stage=first_stage),
            labelled,
            held_out,
            stream.noise,
            recipe.rare_class,
            seed=own_seed,  # the same observations for all
            repeats=settings.repeats,
            n_reobserved=settings.n_reobserved // recipe.n_folds,
        )
        save_trials(path, trials)


def measure_mixture(
    found: dict[tuple[int, int], dict[str, list[Trial]]],
    labelled: LabelledStars,
    recipe: Recipe,
    settings: MixtureSettings,
) -> Mixture:
    """Measure from trials.

    Parameters
    ----------
    found : dict
        ``found[repetition, fold][way]``: list of Trial.
    labelled : LabelledStars
    recipe : Recipe
    settings : MixtureSettings
    """
    repetitions, folds = (sorted({task[i] for task in found}) for i in (0, 1))
    figures, log_loss = [], {way: np.empty((len(folds), len(repetitions))) for way in WAYS}
    for i, repetition in enumerate(repetitions):
        own = {}
        for way in WAYS:
            trials = {fold: found[repetition, fold][way] for fold in folds}
            decided, _, _ = recipe.decide(trials, labelled)
            own[way] = measure(decided, recipe.classes, recipe.rare_class, repetition)
            for k, fold in enumerate(folds):
                log_loss[way][k, i] = _log_loss(trials[fold], labelled.label, recipe)
        figures.append(own)
    return Mixture(settings, recipe.rare_class, figures, log_loss)


def _log_loss(trials: list[Trial], label: np.ndarray, recipe: Recipe) -> float:
    """Return that of the rare class against all others, as if both were as frequent."""
    library = next(trial for trial in trials if trial.kind == "library")
    rare = recipe.classes.index(recipe.rare_class)
    p = softmax(library.logits.astype(np.float64), axis=1)[:, rare]
    p = np.clip(p, 1e-12, 1 - 1e-12)
    own = label[library.row] == recipe.rare_class
    return float(-0.5 * (np.log(p[own]).mean() + np.log1p(-p[~own]).mean()))
