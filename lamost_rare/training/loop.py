"""The training of a classifier: seeded, resumable, with a log."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.special import log_softmax

from ..folder_lock import folder_lock
from ..hdf5 import load_weights
from ..networks.keras_backend import standard_settings
from ..progress import Progress
from .checkpoint import BEST_WEIGHTS, load_state, reseed, save_state, save_weights
from .epochs import report_epoch, report_start, stopped, validation_losses
from .subspace import principal_components

__all__ = ["Batches", "TrainingOptions", "export_weights", "predict_logits", "train_network"]


@dataclass
class TrainingOptions:
    """Options of a training.

    The learning rate, the early stop and the 7:3 split that go with it are the paper's (Yang et
    al. 2021).

    Attributes
    ----------
    learning_rate : float
        Of Adam.
    schedule : str
        ``constant``, or ``cosine``: warm-up over the first twentieth, then down to a hundredth.
    batch_size, steps_per_epoch, epochs : int
    views : int
        How often each observation is used, each time in another batch: simulating one costs as
        much as training on it.
    patience : int
        Stop when the validation loss has not fallen for so many epochs; 0: never.
    label_smoothing : float
    seed : int
    """

    learning_rate: float = 1e-4
    schedule: str = "constant"
    batch_size: int = 128
    steps_per_epoch: int = 200
    epochs: int = 100
    views: int = 1
    patience: int = 5
    label_smoothing: float = 0.0
    seed: int = 0


class Batches(Protocol):
    """Batches that `train_network` trains on: all that it asks of them."""

    @property
    def classes(self) -> Sequence[str]:
        """Names, in the order of class numbers."""

    def fingerprint(self) -> dict:
        """Return what the batches depend on, for JSON."""

    def inputs(self, number: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Return network input (size, n_pixels, channels) and class numbers (size,)."""


def _prefetched(make, first: int, last: int, depth=4):
    """Yield batches that a thread makes while the network trains on those before."""
    waiting: deque = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            for number in range(first, last):
                waiting.append(pool.submit(make, number))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


POOL = 400
"""Batches that are simulated together, when each observation is used more than once."""


def _views(batches: Batches, options: TrainingOptions, pool=POOL):
    """Return a function from the number of a step to its network input and class numbers.

    The batches of a pool are used ``views`` times, in another order each time; which ones a step
    gets depends on its number alone, so that an interrupted training can go on.
    """
    size = options.batch_size
    if options.views == 1:
        return lambda number: batches.inputs(number, size)

    @lru_cache(1)
    def pooled(k):
        made = [batches.inputs(n, size) for n in range(k * pool, (k + 1) * pool)]
        # Half precision: rectified flux is of order one to ten.
        x = np.concatenate([x.astype(np.float16) for x, _ in made])
        return x, np.concatenate([y for _, y in made])

    def batch(step):
        k, within = divmod(step, pool * options.views)
        x, y = pooled(k)
        view, k_batch = divmod(within, pool)
        order = np.random.default_rng([options.seed, k, view]).permutation(len(y))
        rows = order[k_batch * size : (k_batch + 1) * size]
        return x[rows].astype(np.float32), y[rows]

    return batch


def _rate(step: int, total: int, options: TrainingOptions) -> float:
    if options.schedule == "constant":
        return options.learning_rate
    if options.schedule != "cosine":
        raise ValueError(f"unknown schedule {options.schedule!r}; known: constant, cosine")
    warm = max(1, total // 20)
    if step < warm:
        return options.learning_rate * (step + 1) / warm
    progress = (step - warm) / max(1, total - warm)
    return options.learning_rate * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * progress)))


def train_network(
    batches: Batches,
    architecture,
    options: TrainingOptions,
    folder,
    *,
    validation=None,
    begin_with=None,
):
    """Train a classifier.

    After each epoch the state is written to ``folder``; a second call with the same arguments goes
    on where the first one was stopped, and ends with the same weights.

    Parameters
    ----------
    batches : Batches
        An `ObservationStream`, if the architecture has a subspace and ``begin_with`` is None.
    architecture : dict
        As `networks.build.build_network` takes it.
    options : TrainingOptions
    folder : path-like
        For ``state.npz``, ``best.weights.h5`` and ``log.jsonl``.
    validation : tuple of ndarray, optional
        Network input and labels; without it there is no early stop, and the last weights are the
        best.
    begin_with : path-like, optional
        ``.weights.h5`` of an earlier training to begin with, instead of random numbers.

    Returns
    -------
    model : keras.Model
        With the best weights.
    log : list of dict
        One entry an epoch.

    Raises
    ------
    ValueError
        If ``folder`` holds the state of a training with other options, or another process trains
        there.
    """
    with folder_lock(folder):
        return _train(batches, architecture, options, Path(folder), validation, begin_with)


@standard_settings()
def _train(batches, architecture, options, folder, validation, begin_with):
    from ..networks.build import build_network
    from ..networks.layers import keras
    from ..networks.racnet import opinions

    keras.utils.set_random_seed(options.seed)
    model = build_network({**architecture, "n_classes": len(batches.classes)})
    trained = opinions(model)
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=options.label_smoothing
    )
    n = len(trained.outputs)
    optimizer = keras.optimizers.Adam(options.learning_rate)
    # A list for each output, where there are several; of one output not all versions take a list.
    metrics = [["accuracy"]] * n if n > 1 else ["accuracy"]
    trained.compile(optimizer=optimizer, loss=[loss] * n, metrics=metrics)
    optimizer.build(model.trainable_variables)

    fingerprint = {
        "options": asdict(options), "architecture": architecture, **batches.fingerprint()
    }  # fmt: skip
    if begin_with is not None:
        fingerprint["begin_with"] = hashlib.sha256(Path(begin_with).read_bytes()).hexdigest()
    groups = {"m": model.variables, "o": optimizer.variables}
    if state := load_state(folder, fingerprint):
        for group, variables in groups.items():
            state.assign(group, variables)
    else:
        _begin(model, batches, architecture, begin_with)
    log = state.log if state else []
    left = 0 if stopped(log, options.patience) else options.epochs - len(log)
    report_start(log, left)
    total, first = (k * options.steps_per_epoch for k in (options.epochs, len(log)))
    made = _prefetched(_views(batches, options), first, total)
    with closing(made), Progress(total, "batches", "training", done=first) as bar:
        for epoch in range(len(log), len(log) + left):
            reseed(model.layers, options.seed * 100_003 + epoch)
            entry = _one_epoch(trained, made, epoch, options, bar)
            if validation is not None:
                entry |= _validate(model, validation)
            log.append(entry)
            if validation is None or entry["validation_loss"] <= min(validation_losses(log)):
                save_weights(model, folder / BEST_WEIGHTS)
            save_state(folder, groups, fingerprint, log)
            report_epoch(log, options.epochs)
            if stopped(log, options.patience):
                break
    load_weights(model, folder / BEST_WEIGHTS)
    return model, log


def _begin(model, batches, architecture, begin_with):
    """Give a new training what its network needs beside random numbers."""
    from ..networks.racnet import SUBSPACE

    if begin_with is not None:
        load_weights(model, begin_with)
    elif architecture.get("subspace"):
        components = principal_components(batches, architecture["subspace"])
        model.get_layer(SUBSPACE).set_weights([components])


def _one_epoch(trained, made, epoch, options, bar) -> dict:
    """Train on the batches of an epoch; return its entry in the log."""
    n, steps = len(trained.outputs), options.steps_per_epoch
    eye = np.eye(trained.outputs[0].shape[-1], dtype=np.float32)
    sums = np.zeros(2)
    for step in range(epoch * steps, (epoch + 1) * steps):
        x, y = next(made)
        trained.optimizer.learning_rate.assign(_rate(step, options.epochs * steps, options))
        wanted = eye[y] if n == 1 else [eye[y]] * n
        result = trained.train_on_batch(x, wanted, return_dict=True)
        parts = [value for name, value in result.items() if name.endswith("accuracy")]
        sums += [float(result["loss"]) / n, float(np.mean(parts))]
        bar.update(step + 1, epochs=epoch)
    loss, accuracy = (float(s) for s in sums / steps)
    return {"epoch": epoch + 1, "loss": loss, "accuracy": accuracy}


def export_weights(architecture, trained, output) -> Path:
    """Copy trained weights without the state of the optimizer, which is twice their size.

    Parameters
    ----------
    architecture : dict
        With ``n_classes``.
    trained, output : path-like
        ``.weights.h5`` files.

    Returns
    -------
    Path
        ``output``.
    """
    from ..networks.build import build_network

    model = build_network(architecture)
    load_weights(model, trained)
    model.save_weights(output)
    return Path(output)


def _validate(model, validation) -> dict:
    x, y = validation
    logits = predict_logits(model, x)
    log_p = log_softmax(logits, axis=1)
    return {
        "validation_loss": float(-log_p[np.arange(len(y)), y].mean()),
        "validation_accuracy": float((logits.argmax(axis=1) == y).mean()),
    }


def predict_logits(model, x, batch_size=256) -> np.ndarray:
    """Return logits (n, n_classes), float64, of network input (n, n_pixels, channels)."""
    out = [model.predict_on_batch(x[i : i + batch_size]) for i in range(0, len(x), batch_size)]
    return np.concatenate(out).astype(float)
