"""Train one classifier a fold and try each on the stars it has not seen."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from ..inference.calibration import line_evidence, missing_lines
from ..inference.first_stage import FirstStage, mixed
from ..inference.predictor import batched_logits, compile_network
from ..simulation.dataset import LabelledStars, assign_folds
from ..spectra.grid import LAMOST_GRID
from ..validation.first_stage_figures import LEAST_LOG_ODDS, roles_of
from ..validation.trials import load_trials, run_trials, save_trials
from .first_stage_training import train_first_stage
from .loop import train_network
from .recipes import Recipe
from .stream import ObservationStream
from .uncertain import UncertainStream

__all__ = [
    "first_stage_of_fold",
    "fold_stream",
    "network_predictor",
    "settled_first",
    "train_fold",
    "trained_folder",
    "try_fold",
]


def train_fold(
    recipe: Recipe, stars: LabelledStars, fold: int | None, n_folds: int, folder, seed=0
):
    """Train without one fold, or on everything if ``fold`` is None. Resumes what is in ``folder``.

    Returns
    -------
    model : keras.Model
    stream : ObservationStream
    held_out : ndarray of int
        Rows of ``stars`` in the fold.
    log : list of dict
    """
    stream, held_out = fold_stream(recipe, stars, fold, n_folds, seed)
    training = replace(recipe.training, seed=stream.seed)
    model, log = train_network(stream, recipe.architecture, training, folder)
    if recipe.refined is not None:
        first_stage, _ = first_stage_of_fold(recipe, stars, fold, folder, seed=seed)
        model, more = train_network(
            UncertainStream(stream, first_stage, recipe.rare_class),
            recipe.architecture,
            replace(recipe.refined, seed=stream.seed),
            trained_folder(recipe, folder),
            begin_with=Path(folder) / "best.weights.h5",
        )
        log = [*log, *more]
    return model, stream, held_out, log


def trained_folder(recipe: Recipe, folder) -> Path:
    """Where in the folder of a fold the state of its last training is."""
    return Path(folder) / "refined" if recipe.refined is not None else Path(folder)


def fold_stream(recipe: Recipe, stars: LabelledStars, fold: int | None, n_folds: int, seed=0):
    """Return the stream to train on without one fold, or of all there is if ``fold`` is None.

    Returns
    -------
    stream : ObservationStream
        Its seed is that of the fold.
    held_out : ndarray of int
        Rows of ``stars`` in the fold.
    """
    folds = assign_folds(stars.label, stars.star, n_folds, seed)
    folds[stars.synthetic] = -1  # models are in no fold: all train on them, none is tried on them
    own_seed = seed * 1000 + (n_folds if fold is None else fold)
    rows = np.arange(len(stars)) if fold is None else np.flatnonzero(folds != fold)
    stream = ObservationStream(
        stars[rows], recipe.classes, recipe.preprocessing, recipe.stream, seed=own_seed
    )
    held_out = np.flatnonzero(folds == fold) if fold is not None else np.array([], dtype=int)
    return stream, held_out


def network_predictor(model, recipe: Recipe, batch_size=256, first_stage=None):
    """A function from `SpectrumBatch` to (logits, covered, evidence), for `validation.trials`.

    With a `FirstStage` the logits are mixed with its own as the recipe says.
    """
    rare = recipe.classes.index(recipe.rare_class)
    shape = (batch_size, LAMOST_GRID.n_pixels, 2)
    call = compile_network(model, *shape)

    def predict(batch):
        logits = batched_logits(call, batch, recipe.preprocessing, shape, len(recipe.classes))
        if first_stage is not None and recipe.mixed:
            own = first_stage.logits(batch.flux, batch.mask)
            logits = mixed(logits, own, recipe.mixed)
        evidence = line_evidence(batch, logits, rare, recipe.evidence)
        return logits, ~missing_lines(batch, recipe.key_lines), evidence

    return predict


def settled_first(predict, first_stage: FirstStage):
    """Return ``predict`` as a scan does it: what the first stage is sure of, it decides.

    It is as sure as a preset's may be at least (`choose_log_odds`), which few exceed.
    """
    stage = replace(first_stage, log_odds=LEAST_LOG_ODDS)

    def settle(batch):
        logits = stage.logits(batch.flux, batch.mask)
        sure, _ = stage.decide(logits)
        covered, evidence = np.ones(len(batch), dtype=bool), np.zeros(len(batch))
        rows = np.flatnonzero(~sure)
        if len(rows):
            logits[rows], covered[rows], evidence[rows] = predict(batch[rows])
        return logits, covered, evidence

    return settle


def first_stage_of_fold(
    recipe: Recipe, stars: LabelledStars, fold: int | None, folder, *, seed=0, repeats=40
):
    """Train the first stage without a fold, and try it on the fold, as `try_fold` does.

    Returns
    -------
    stage : FirstStage
    trials : list of Trial
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    options = recipe.first_stage
    if options is None:
        raise ValueError(f"recipe {recipe.name!r} has no first stage")
    path, tried = folder / "first_stage.npz", folder / f"first_stage-trials-{repeats}.npz"
    stream, held_out = fold_stream(recipe, stars, fold, recipe.n_folds, seed)
    wanted = json.dumps(
        {
            "options": asdict(options),
            "stream": recipe.stream.to_dict(),
            "seed": stream.seed,
        }
    )
    made = folder / "first_stage.json"
    if not (path.exists() and made.exists() and made.read_text() == wanted):
        tried.unlink(missing_ok=True)
        train_first_stage(stream, options, stream.seed).save(path)
        made.write_text(wanted)
    # What it was trained on does not depend on the class that must not be lost.
    settled, bordering, rare = roles_of(recipe.classes, recipe.rare_class)
    stage = replace(FirstStage.load(path), settled=settled, bordering=bordering, rare=rare)
    if fold is None:
        return stage, []
    if tried.exists():
        return stage, load_trials(tried)

    def predict(batch):
        n = len(batch)
        return stage.logits(batch.flux, batch.mask), np.ones(n, dtype=bool), np.zeros(n)

    trials = run_trials(
        predict,
        stars,
        held_out,
        stream.noise,
        recipe.rare_class,
        seed=stream.seed,
        repeats=repeats,
        n_reobserved=10_000,
    )
    save_trials(tried, trials)
    return stage, trials


def try_fold(recipe, stars, fold, folder, *, seed=0, repeats=10, n_reobserved=75_000):
    """Train without a fold if need be, try the network on the fold, and keep the trials.

    Returns
    -------
    list of Trial
        None are made if ``fold`` is None: then it is trained on everything.
    """
    if fold is None:
        train_fold(recipe, stars, None, recipe.n_folds, folder, seed)
        return []
    name = f"trials-{repeats}-{n_reobserved}-mixed-{recipe.mixed:g}-settled.npz"
    path = trained_folder(recipe, folder) / name
    if path.exists():
        return load_trials(path)
    model, stream, held_out, _ = train_fold(recipe, stars, fold, recipe.n_folds, folder, seed)
    first_stage = None
    if recipe.first_stage is not None:
        first_stage, _ = first_stage_of_fold(recipe, stars, fold, folder, seed=seed)
    predict = network_predictor(model, recipe, first_stage=first_stage)
    trials = run_trials(
        predict,
        stars,
        held_out,
        stream.noise,
        recipe.rare_class,
        seed=seed * 1000 + fold,
        repeats=repeats,
        n_reobserved=n_reobserved,
        reobserve=first_stage and settled_first(predict, first_stage),
    )
    save_trials(path, trials)
    return trials
