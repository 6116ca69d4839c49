"""Train one classifier a fold and try each on the stars it has not seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..spectra.grid import LAMOST_GRID
from .classifier import train_network
from .dataset import LabelledSources, assign_folds
from .recipes import Recipe
from .stream import ObservationStream

__all__ = ["network_predictor", "train_fold", "try_fold"]


def train_fold(
    recipe: Recipe, sources: LabelledSources, fold: int | None, n_folds: int, folder, seed=0
):
    """Train without one fold, or on everything if ``fold`` is None. Resumes what is in ``folder``.

    Returns
    -------
    model : keras.Model
    stream : ObservationStream
    held_out : ndarray of int
        Rows of ``sources`` in the fold.
    log : list of dict
    """
    folds = assign_folds(sources.label, sources.star, n_folds, seed)
    own_seed = seed * 1000 + (n_folds if fold is None else fold)
    training = replace(recipe.training, seed=own_seed)
    rows = np.arange(len(sources)) if fold is None else np.flatnonzero(folds != fold)
    stream = ObservationStream(
        sources[rows], recipe.classes, recipe.preprocessing, recipe.stream, seed=own_seed
    )
    model, log = train_network(stream, recipe.architecture, training, folder)
    held_out = np.flatnonzero(folds == fold) if fold is not None else np.array([], dtype=int)
    return model, stream, held_out, log


def network_predictor(model, recipe: Recipe, batch_size=256):
    """A function from `SpectrumBatch` to (logits, covered, evidence), for `evaluation.trials`."""
    from ..inference.calibration import line_evidence, missing_lines
    from ..inference.predictor import batched_logits, compile_network

    rare = recipe.classes.index(recipe.rare_class)
    shape = (batch_size, LAMOST_GRID.n_pixels, 2)
    call = compile_network(model, *shape)

    def predict(batch):
        logits = batched_logits(call, batch, recipe.preprocessing, shape, len(recipe.classes))
        evidence = line_evidence(batch, logits, rare, recipe.evidence)
        return logits, ~missing_lines(batch, recipe.key_lines), evidence

    return predict


def try_fold(recipe, sources, fold, n_folds, folder, *, seed=0, repeats=10, n_reobserved=75_000):
    """Train a fold if need be, run its trials, and keep them in ``folder/trials.npz``.

    Returns
    -------
    list of Trial
    """
    from ..evaluation.trials import Trial, run_trials

    folder = Path(folder)
    path = folder / f"trials-{repeats}-{n_reobserved}-evidence.npz"
    if path.exists():
        with np.load(path) as stored:
            kinds = [str(k) for k in stored["kinds"]]
            return [Trial(k, *(stored[f"{k}_{n}"] for n in Trial.ARRAYS)) for k in kinds]
    model, stream, held_out, _ = train_fold(recipe, sources, fold, n_folds, folder, seed)
    trials = run_trials(
        network_predictor(model, recipe),
        sources,
        held_out,
        stream.noise,
        seed=seed * 1000 + fold,
        repeats=repeats,
        n_reobserved=n_reobserved,
    )
    arrays = {f"{t.kind}_{n}": getattr(t, n) for t in trials for n in Trial.ARRAYS}
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, kinds=[t.kind for t in trials], **arrays)
    temporary.replace(path)
    return trials
