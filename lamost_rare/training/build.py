"""From a data folder to a preset: cross-validation, operating point, final training, golden
outputs, card."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ..simulation.dataset import LabelledStars, load_data_folder
from ..spectra.grid import LAMOST_GRID
from ..text import check_paths
from .pools import for_each
from .recipes import RECIPES, Recipe

__all__ = ["build_preset", "cross_validate", "cross_validate_first_stage"]


def fold_folder(work, recipe: Recipe, fold: int | None, seed: int) -> Path:
    """Where a fold's training is kept; ``fold`` None is the training on everything."""
    name = "final" if fold is None else f"fold{fold}"
    return Path(work) / recipe.name / f"seed{seed}" / name


def _train_and_try(recipe_name, data, labels, fold, work, seed, repeats, n_reobserved):
    from .crossvalidation import train_fold, try_fold

    recipe = RECIPES[recipe_name]
    sources = load_data_folder(data, labels=labels)
    folder = fold_folder(work, recipe, fold, seed)
    if fold is None:
        train_fold(recipe, sources, None, recipe.n_folds, folder, seed)
        return None
    return try_fold(
        recipe,
        sources,
        fold,
        recipe.n_folds,
        folder,
        seed=seed,
        repeats=repeats,
        n_reobserved=n_reobserved,
    )


def _first_stage(recipe_name, data, labels, fold, work, seed):
    from .crossvalidation import first_stage_of_fold

    recipe = RECIPES[recipe_name]
    sources = load_data_folder(data, labels=labels)
    folder = fold_folder(work, recipe, fold, seed)
    return first_stage_of_fold(recipe, sources, fold, folder, seed=seed)


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
    labels = labels and str(labels)
    fixed = recipe.name, str(data), labels, ..., str(work), seed
    return for_each(_tasks(recipe, final), jobs, "first stages", _first_stage, *fixed)


def cross_validate(
    recipe: Recipe,
    data,
    work,
    *,
    labels=None,
    jobs=1,
    seed=0,
    repeats=10,
    n_reobserved=900_000,
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
    share = n_reobserved // recipe.n_folds
    fixed = recipe.name, str(data), labels and str(labels), ..., str(work), seed, repeats, share
    found = for_each(_tasks(recipe, final), jobs, "cross-validation", _train_and_try, *fixed)
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
    repeats=10,
    n_reobserved=900_000,
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
    from ..presets import save_preset
    from ..validation.figures import cross_fitted, measure
    from ..validation.operating_point import OperatingPoint
    from .card import write_card
    from .crossvalidation import trained_folder
    from .golden import write_golden
    from .loop import export_weights

    check_paths(output=output, work=work)
    recipe = RECIPES[recipe_name]
    sources = load_data_folder(data, labels=labels)
    trials = cross_validate(
        recipe,
        data,
        work,
        labels=labels,
        jobs=jobs,
        seed=seed,
        repeats=repeats,
        n_reobserved=n_reobserved,
    )
    fixed = OperatingPoint() if recipe.holdout else None
    decided, shipped, _ = cross_fitted(
        trials, sources, recipe.classes, recipe.rare_class, fixed=fixed, group=recipe.group
    )
    stages = cross_validate_first_stage(recipe, data, work, labels=labels, jobs=jobs, seed=seed)
    trained = trained_folder(recipe, fold_folder(work, recipe, 0 if recipe.holdout else None, seed))
    config = {
        "name": recipe.name,
        "kind": "classifier",
        "description": recipe.description,
        "architecture": {**recipe.architecture, "n_classes": len(recipe.classes)},
        "classes": list(recipe.classes),
        "rare_class": recipe.rare_class,
        "grid": LAMOST_GRID.to_dict(),
        "preprocessing": dict(recipe.preprocessing),
        "threshold": shipped.threshold,
        "threshold_by_snr": shipped.threshold_by_snr,
        "discriminant": shipped.discriminant,
        "calibration": shipped.calibration,
        "key_lines": recipe.key_lines,
        "evidence": recipe.evidence,
        "training": {
            "options": asdict(recipe.training),
            "refined": recipe.refined and asdict(recipe.refined),
            "stream": recipe.stream.to_dict(),
            "seed": seed,
            "n_folds": recipe.n_folds,
            "holdout": recipe.holdout,
            "sources": summarize(sources, recipe),
        },
        "figures": measure(decided, recipe.classes, recipe.rare_class, seed),
        "figures_of": recipe.rare_class,
    }
    weights = export_weights(
        config["architecture"], trained / "best.weights.h5", trained / "shipped.weights.h5"
    )
    folder = Path(output) / recipe.name
    if stages:
        folder.mkdir(parents=True, exist_ok=True)
        config["first_stage"] = write_first_stage(stages, decided, sources, recipe, folder)
    preset = save_preset(folder, config, weights)
    write_golden(preset)
    write_card(preset)
    return preset


def write_first_stage(stages, decided, sources, recipe: Recipe, folder: Path) -> dict:
    """Put the first stage that is trained on everything into a preset's folder; describe it."""
    from dataclasses import replace

    from ..inference.first_stage import FIRST_STAGE_FILE
    from ..validation.first_stage_figures import (
        BORDERING,
        SETTLED,
        choose_log_odds,
        measure_first_stage,
    )

    trials = [trial for fold, (_, some) in stages.items() if fold is not None for trial in some]
    log_odds = choose_log_odds(trials, sources, recipe.classes, recipe.rare_class)
    shipped = replace(stages[0 if recipe.holdout else None][0], log_odds=log_odds)
    return {
        "settles": [name for name in recipe.classes if name in SETTLED],
        "bordering": [name for name in recipe.classes if name in BORDERING],
        "log_odds": log_odds,
        "mixed": recipe.mixed,
        "options": asdict(recipe.first_stage),
        "figures": measure_first_stage(stages, decided, sources, recipe),
        "sha256": shipped.save(folder / FIRST_STAGE_FILE),
    }


def summarize(sources: LabelledStars, recipe: Recipe) -> dict:
    """Spectra and stars a class."""
    out = {}
    for name in recipe.classes:
        own = sources.label == name
        out[name] = {
            "library_spectra": int((own & ~sources.real).sum()),
            "library_stars": len(set(sources.star[own & ~sources.real])),
            "observed_spectra": int((own & sources.real).sum()),
        }
    return out
