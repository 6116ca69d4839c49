"""From a data folder to a preset: cross-validation, operating point, final training, golden
outputs, card."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..inference.first_stage import FIRST_STAGE_FILE
from ..preset_config import FirstStageConfig
from ..simulation.dataset import load_data_folder
from ..text import check_paths
from ..validation.figures import measure
from ..validation.first_stage_figures import choose_log_odds, measure_first_stage
from ..validation.population import measure_survey, tried_of
from ..validation.tried import save_tried
from .classifier_preset import save_classifier
from .crossvalidation import first_stage_of_fold, trained_folder, try_fold
from .novelty_fit import add_novelty
from .pools import for_each
from .recipes import RECIPES, Recipe

KEPT = 0.05
"""Part of the re-observed spectra far from the rare class that a preset keeps of its trials."""

__all__ = ["build_preset", "cross_validate", "cross_validate_first_stage"]


def fold_folder(work, recipe: Recipe, fold: int | None, seed: int) -> Path:
    """Where a fold's training is kept; ``fold`` None is the training on everything."""
    name = "final" if fold is None else f"fold{fold}"
    return Path(work) / recipe.name / f"seed{seed}" / name


def _of_fold(do, recipe_name, data, labels, work, seed, sizes, fold):
    recipe = RECIPES[recipe_name]
    stars = load_data_folder(data, labels=labels, without=recipe.without)
    return do(recipe, stars, fold, fold_folder(work, recipe, fold, seed), seed=seed, **sizes)


def _tasks(recipe: Recipe, final: bool) -> list:
    """The folds to train without, and None for a training on everything."""
    if recipe.holdout:
        return [0]
    return [*range(recipe.n_folds), *([None] if final else [])]


def cross_validate_first_stage(
    recipe: Recipe, data, work, *, labels=None, jobs=1, seed=0, final=True
) -> dict:
    """`cross_validate` for the first stage.

    Returns
    -------
    dict
        For each fold, and for None (trained on everything) if ``final``, the `FirstStage` and its
        trials; empty if the recipe has no first stage.
    """
    if recipe.first_stage is None:
        return {}
    one = partial(_of_fold, first_stage_of_fold, recipe.name, data, labels, work, seed, {})
    return for_each(_tasks(recipe, final), jobs, "first stages", one)


def cross_validate(
    recipe: Recipe,
    data,
    work,
    *,
    labels=None,
    jobs=1,
    seed=0,
    repeats=25,
    n_reobserved=300_000,
    final=True,
):
    """Train and try all folds, resuming what ``work`` holds.

    Each training runs in a process of its own with one thread, ``jobs`` at a time: this uses the
    cores better than one network on all of them, and the result does not depend on their number.

    Parameters
    ----------
    recipe : Recipe
    data : path-like
        As `load_data_folder` takes it.
    work : path-like
        Folder for training states and trials.
    jobs : int
    seed : int
        Of split, training and trials.
    repeats, n_reobserved : int
        Size of the trials, over all folds.
    final : bool
        Whether to train on everything too.

    Returns
    -------
    dict of int to list of Trial
        Trials of each fold.
    """
    check_paths(data=data, work=work, labels=labels)
    sizes = {"repeats": repeats, "n_reobserved": n_reobserved // recipe.n_folds}
    one = partial(_of_fold, try_fold, recipe.name, data, labels, work, seed, sizes)
    found = for_each(_tasks(recipe, final), jobs, "cross-validation", one)
    return {fold: trials for fold, trials in found.items() if fold is not None}


def build_preset(
    recipe_name,
    data,
    output,
    work,
    *,
    labels=None,
    jobs=1,
    seed=0,
    repeats=25,
    n_reobserved=300_000,
):
    """Build a shipped preset.

    Parameters
    ----------
    recipe_name : str
        Key of `RECIPES`.
    data, output, work : path-like
        Data folder, folder in which the preset's own folder is made, folder for states (kept).
    labels, jobs, seed, repeats, n_reobserved
        As for `cross_validate`.

    Returns
    -------
    Preset
    """
    check_paths(output=output, work=work)
    recipe = RECIPES[recipe_name]
    stars = load_data_folder(data, labels=labels, without=recipe.without)
    common: dict[str, Any] = {"labels": labels, "jobs": jobs, "seed": seed}
    trials = cross_validate(
        recipe, data, work, repeats=repeats, n_reobserved=n_reobserved, **common
    )
    decided, rule, _ = recipe.decide(trials, stars)
    stages = cross_validate_first_stage(recipe, data, work, **common)
    folder, first_stage = Path(output) / recipe.name, None
    if stages:
        folder.mkdir(parents=True, exist_ok=True)
        first_stage = write_first_stage(stages, decided, stars, recipe, folder)
    last = fold_folder(work, recipe, 0 if recipe.holdout else None, seed)
    figures = measure(decided, recipe.classes, recipe.rare_class, seed)
    if rule.odds is not None:
        folder.mkdir(parents=True, exist_ok=True)
        figures["survey"] = measure_survey(decided, rule, recipe.rare_class, seed=seed)
        save_tried(folder, tried_of(decided, kept=KEPT, seed=seed))
    preset = save_classifier(
        folder,
        recipe,
        rule,
        stars,
        trained_folder(recipe, last),
        seed=seed,
        figures=figures,
        first_stage=first_stage,
    )
    if recipe.novelty is None:
        return preset
    more = {"labels": labels, "without": recipe.without, "options": recipe.novelty}
    return add_novelty(folder, data, seed, **more)


def write_first_stage(stages, decided, stars, recipe: Recipe, folder: Path) -> FirstStageConfig:
    """Put the first stage that is trained on everything into a preset's folder; describe it."""
    trials = [trial for fold, (_, some) in stages.items() if fold is not None for trial in some]
    log_odds = choose_log_odds(trials, stars, recipe.classes, recipe.rare_class)
    shipped = replace(stages[0 if recipe.holdout else None][0], log_odds=log_odds)
    classes = np.array(recipe.classes)
    return FirstStageConfig(
        settles=tuple(classes[shipped.settled].tolist()),
        bordering=tuple(classes[shipped.bordering].tolist()),
        log_odds=log_odds,
        mixed=recipe.mixed,
        options=asdict(recipe.first_stage) if recipe.first_stage else {},
        figures=measure_first_stage(stages, decided, stars, recipe),
        sha256=shipped.save(folder / FIRST_STAGE_FILE),
    )
