"""From a data folder to a preset: cross-validation, operating point, final training, golden
outputs, card."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ..spectra.grid import LAMOST_GRID
from .dataset import LabelledSources, load_data_folder
from .recipes import RECIPES, Recipe

__all__ = ["build_preset", "cross_validate"]

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


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


def cross_validate(
    recipe: Recipe,
    data,
    work,
    *,
    labels=None,
    jobs=1,
    seed=0,
    repeats=10,
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
    folds = [0] if recipe.holdout else list(range(recipe.n_folds))
    tasks = [*folds, *([None] if final and not recipe.holdout else [])]
    saved = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    share = n_reobserved // recipe.n_folds
    fixed = (str(work), seed, repeats, share)
    try:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            futures = {
                fold: pool.submit(
                    _train_and_try, recipe.name, str(data), labels and str(labels), fold, *fixed
                )
                for fold in tasks
            }
            return {fold: future.result() for fold, future in futures.items() if fold is not None}
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


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
    from ..evaluation.figures import cross_fitted, measure
    from ..evaluation.operating_point import OperatingPoint
    from ..presets import save_preset
    from .card import write_card
    from .classifier import export_weights

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
        trials, sources, recipe.classes, recipe.rare_class, fixed=fixed
    )
    trained = fold_folder(work, recipe, 0 if recipe.holdout else None, seed)
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
        "calibration": shipped.calibration,
        "key_lines": recipe.key_lines,
        "evidence": recipe.evidence,
        "training": {
            "options": asdict(recipe.training),
            "stream": recipe.stream.to_dict(),
            "seed": seed,
            "n_folds": recipe.n_folds,
            "holdout": recipe.holdout,
            "sources": summarize(sources, recipe),
        },
        "figures": measure(decided, recipe.classes, seed),
    }
    weights = export_weights(
        config["architecture"], trained / "best.weights.h5", trained / "shipped.weights.h5"
    )
    preset = save_preset(Path(output) / recipe.name, config, weights)
    write_golden(preset)
    write_card(preset)
    return preset


def summarize(sources: LabelledSources, recipe: Recipe) -> dict:
    """Spectra and stars a class."""
    out = {}
    for name in recipe.classes:
        own = sources.label == name
        out[name] = {
            "library_spectra": int((own & ~sources.observed).sum()),
            "library_stars": len(set(sources.star[own & ~sources.observed])),
            "observed_spectra": int((own & sources.observed).sum()),
        }
    return out


GOLDEN_KINDS = (
    "O7",
    "O9.5",
    "B1",
    "B5",
    "A5",
    "F5",
    "G5",
    "K5",
    "M2",
    "white_dwarf",
    "hot_subdwarf",
    "qso",
)


def write_golden(preset) -> None:
    """A few spectra of the analytic star model and the preset's answer, into ``golden.npz``."""
    from ..inference.predictor import Predictor
    from ..simulation.analytic import analytic_spectra

    rng = np.random.default_rng(20210503)
    batch = analytic_spectra(GOLDEN_KINDS, rng, snr=50.0)
    prediction = Predictor(preset, batch_size=len(batch)).predict(batch)
    np.savez_compressed(
        preset.folder / "golden.npz",
        kinds=np.array(GOLDEN_KINDS),
        flux=batch.flux.astype(np.float32),
        ivar=batch.ivar.astype(np.float32),
        mask=batch.mask,
        probabilities=prediction.probabilities,
        candidate=prediction.candidate,
    )
