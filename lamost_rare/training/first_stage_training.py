"""Training of the first stage, and the choice of when it is sure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..inference.first_stage import FirstStage, block_depths, certainty
from ..networks.keras_backend import standard_settings
from ..simulation.dataset import LabelledSources
from .stream import ObservationStream

if TYPE_CHECKING:
    from .recipes import Recipe

__all__ = [
    "FirstStageOptions",
    "choose_log_odds",
    "first_stage_of_fold",
    "roles_of",
    "settled_classes",
    "train_first_stage",
]

SETTLED = ("A", "F", "G", "K", "M")
"""Classes that the first stage may settle: what most of a survey is."""
BORDERING = ("B",)
"""An early A star need not be told from a late B star to be no O star."""


def settled_classes(classes) -> tuple[np.ndarray, np.ndarray]:
    """`SETTLED` and `BORDERING` as masks over some classes, each of shape (n_classes,)."""
    return np.isin(classes, SETTLED), np.isin(classes, BORDERING)


def roles_of(classes, rare_class) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`settled_classes` and the rare class, as `certainty` takes them."""
    return *settled_classes(classes), np.isin(classes, rare_class)


@dataclass
class FirstStageOptions:
    """How to train the first stage.

    Attributes
    ----------
    n_observations : int
        Simulated once, and used in all epochs.
    epochs, batch_size : int
    learning_rate : float
        Of Adam, falling as a cosine.
    units : tuple of int
        Of the hidden layers.
    dropout : float
        After the first layer.
    l2 : float
        Of the first kernel.
    """

    n_observations: int = 400_000
    epochs: int = 8
    batch_size: int = 512
    learning_rate: float = 2e-3
    units: tuple = (64, 32)
    dropout: float = 0.1
    l2: float = 1e-5


@standard_settings()
def train_first_stage(stream: ObservationStream, options: FirstStageOptions, seed=0) -> FirstStage:
    """Train on observations of a stream.

    Parameters
    ----------
    stream : ObservationStream
    options : FirstStageOptions
    seed : int

    Returns
    -------
    FirstStage
        Never sure as yet: its ``log_odds`` are infinite.
    """
    from ..networks import layers
    from ..networks.layers import keras

    size = 256
    n_batches = -(-options.n_observations // size)
    features, labels = [], []
    for number in range(n_batches):
        # Numbers that the training of the recogniser does not come to.
        batch, label = stream.batch(10_000_000 + number, size)
        features.append(block_depths(batch.flux, batch.mask).astype(np.float16))
        labels.append(label)
    x, y = np.concatenate(features), np.concatenate(labels)
    keras.utils.set_random_seed(seed)
    n_classes = len(stream.classes)
    first, *others = options.units
    inputs = layers.Input((x.shape[1],))
    regularizer = keras.regularizers.L2(options.l2)
    z = layers.Dense(first, activation="relu", kernel_regularizer=regularizer)(inputs)
    z = layers.Dropout(options.dropout)(z)
    for units in others:
        z = layers.Dense(units, activation="relu")(z)
    model = layers.Model(inputs, layers.Dense(n_classes)(z))
    steps = options.epochs * (len(y) // options.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(options.learning_rate, steps, alpha=0.01)
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng(seed)
    for _ in range(options.epochs):
        order = rng.permutation(len(y))
        for start in range(0, len(y) - options.batch_size + 1, options.batch_size):
            rows = order[start : start + options.batch_size]
            model.train_on_batch(x[rows].astype(np.float32), y[rows])
    layers = [
        tuple(np.asarray(w, dtype=np.float32) for w in layer.get_weights())
        for layer in model.layers
        if layer.get_weights()
    ]
    return FirstStage(layers, *settled_classes(stream.classes), np.inf)


def choose_log_odds(trials, sources, classes, rare_class, *, margin=1.5, lowest=4.0) -> float:
    """The log-odds from which the first stage may be sure.

    Above those of every observation of the rare class at S/N above 10, by a margin, and no less
    than ``lowest``.

    Parameters
    ----------
    trials : list of Trial
        Logits of a first stage that has not seen the stars.
    sources : LabelledSources
    classes : sequence of str
    rare_class : str
    margin, lowest : float
    """
    roles = roles_of(classes, rare_class)
    highest = lowest - margin
    for trial in trials:
        own = (sources.label[trial.row] == rare_class) & (trial.snr >= 10)
        if own.any():
            highest = max(highest, float(certainty(trial.logits[own], *roles).max()))
    return max(lowest, highest + margin)


def first_stage_of_fold(
    recipe: Recipe, sources: LabelledSources, fold: int | None, folder, *, seed=0, repeats=40
):
    """Train the first stage without a fold, and try it on the fold. Resumes what is in ``folder``.

    Parameters
    ----------
    recipe : Recipe
    sources : LabelledSources
    fold : int or None
        None: train on everything, and try nothing.
    folder : path-like
    seed : int
    repeats : int
        Observations of each hot library spectrum in each range of S/N.

    Returns
    -------
    stage : FirstStage
    trials : list of Trial
    """
    import json

    from ..validation.trials import load_trials, run_trials, save_trials
    from .crossvalidation import fold_stream

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path, tried = folder / "first_stage.npz", folder / f"first_stage-trials-{repeats}.npz"
    stream, held_out = fold_stream(recipe, sources, fold, recipe.n_folds, seed)
    wanted = json.dumps(
        {
            "options": asdict(recipe.first_stage),
            "stream": recipe.stream.to_dict(),
            "seed": stream.seed,
        }
    )
    made = folder / "first_stage.json"
    if not (path.exists() and made.exists() and made.read_text() == wanted):
        tried.unlink(missing_ok=True)
        train_first_stage(stream, recipe.first_stage, stream.seed).save(path)
        made.write_text(wanted)
    # What it was trained on does not depend on the class that must not be lost.
    *_, rare = roles_of(recipe.classes, recipe.rare_class)
    stage = replace(FirstStage.load(path), rare=rare)
    if fold is None:
        return stage, []
    if tried.exists():
        return stage, load_trials(tried)

    def predict(batch):
        n = len(batch)
        return stage.logits(batch.flux, batch.mask), np.ones(n, dtype=bool), np.zeros(n)

    trials = run_trials(
        predict,
        sources,
        held_out,
        stream.noise,
        recipe.rare_class,
        seed=stream.seed,
        repeats=repeats,
        n_reobserved=10_000,
    )
    save_trials(tried, trials)
    return stage, trials
