"""The training loop of the recogniser: seeded, resumable, with a log."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..folder_lock import folder_lock
from ..hdf5 import load_weights
from ..networks.keras_backend import load_keras, standard_settings
from ..progress import Progress

__all__ = ["TrainingOptions", "export_weights", "predict_logits", "train_network"]


@dataclass
class TrainingOptions:
    """How to train.

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


class _Prefetch:
    """Batches made in a thread while the network trains on the one before."""

    def __init__(self, make, first: int, last: int, depth: int = 4):
        self._queue: queue.Queue = queue.Queue(depth)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(make, first, last), daemon=True)
        self._thread.start()

    def _work(self, make, first, last):
        for number in range(first, last):
            if self._stop.is_set():
                return
            try:
                item = make(number)
            except Exception as error:
                item = error
            while not self._stop.is_set():
                try:
                    self._queue.put(item, timeout=0.5)
                    break
                except queue.Full:
                    continue
            if isinstance(item, Exception):
                return

    def __iter__(self):
        return self

    def __next__(self):
        item = self._queue.get()
        if isinstance(item, Exception):
            raise item
        return item

    def close(self):
        self._stop.set()
        self._thread.join()


_POOL = 400
"""Batches that are simulated together, when each observation is used more than once."""


def _views(stream, options: TrainingOptions):
    """A function from the number of a step to its batch of network input and labels.

    The batches of a pool are used ``views`` times, in another order each time; which ones a step
    gets depends on its number alone, so that an interrupted training can go on.
    """
    if options.views == 1:
        return lambda number: stream.inputs(number, options.batch_size)
    held: dict = {"number": None}

    def batch(step):
        pool, within = divmod(step, _POOL * options.views)
        if held["number"] != pool:
            made = [
                stream.inputs(n, options.batch_size)
                for n in range(pool * _POOL, (pool + 1) * _POOL)
            ]
            # Half precision: rectified flux is of order one to ten.
            held.update(
                number=pool,
                x=np.concatenate([x.astype(np.float16) for x, _ in made]),
                y=np.concatenate([y for _, y in made]),
            )
        view, k = divmod(within, _POOL)
        order = np.random.default_rng([options.seed, pool, view]).permutation(len(held["y"]))
        rows = order[k * options.batch_size : (k + 1) * options.batch_size]
        return held["x"][rows].astype(np.float32), held["y"][rows]

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
    stream, architecture, options: TrainingOptions, folder, *, validation=None, begin_with=None
):
    """Train a classifier on a stream of observations.

    After each epoch the state is written to ``folder``; a second call with the same arguments goes
    on where the first one was stopped, and ends with the same weights.

    Parameters
    ----------
    stream : ObservationStream
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
        return _train(stream, architecture, options, Path(folder), validation, begin_with)


@standard_settings()
def _train(stream, architecture, options, folder, validation, begin_with):
    from ..networks.build import build_network
    from ..networks.layers import keras
    from ..networks.racnet import SUBSPACE, opinions
    from .subspace import principal_components

    keras.utils.set_random_seed(options.seed)
    model = build_network({**architecture, "n_classes": len(stream.classes)})
    trained = opinions(model)
    optimizer = keras.optimizers.Adam(options.learning_rate)
    loss = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=options.label_smoothing
    )
    n_opinions = len(trained.outputs)
    trained.compile(
        optimizer=optimizer, loss=[loss] * n_opinions, metrics=[["accuracy"]] * n_opinions
    )
    optimizer.build(model.trainable_variables)

    fingerprint = {
        "options": asdict(options),
        "architecture": architecture,
        "classes": list(stream.classes),
        "preprocessing": stream.preprocessing,
        "stream": stream.options.to_dict(),
        "n_sources": len(stream.sources),
    }
    if begin_with is not None:
        fingerprint["begin_with"] = hashlib.sha256(Path(begin_with).read_bytes()).hexdigest()
    fingerprint = json.loads(json.dumps(fingerprint))
    log = _restore(folder, model, optimizer, fingerprint)
    if not log:  # what a training that goes on has in its state
        if begin_with is not None:
            load_weights(model, begin_with)
        elif architecture.get("subspace"):
            components = principal_components(stream, architecture["subspace"])
            model.get_layer(SUBSPACE).set_weights([components])
    total = options.epochs * options.steps_per_epoch
    eye = np.eye(len(stream.classes), dtype=np.float32)
    start = len(log)
    if start < options.epochs and not _stopped(log, options.patience):
        first = start * options.steps_per_epoch
        batches = _Prefetch(_views(stream, options), first, total)
        bar = Progress(total, "batches", "training", done=first)
        try:
            for epoch in range(start, options.epochs):
                # Dropout's draws must not depend on where the training was interrupted.
                keras.utils.set_random_seed(options.seed * 100_003 + epoch)
                _reseed(model, options.seed * 100_003 + epoch)
                sums = np.zeros(2)
                for step in range(options.steps_per_epoch):
                    x, y = next(batches)
                    optimizer.learning_rate.assign(
                        _rate(epoch * options.steps_per_epoch + step, total, options)
                    )
                    wanted = eye[y] if n_opinions == 1 else [eye[y]] * n_opinions
                    result = trained.train_on_batch(x, wanted, return_dict=True)
                    accuracy = [v for name, v in result.items() if name.endswith("accuracy")]
                    sums += [float(result["loss"]) / n_opinions, float(np.mean(accuracy))]
                    bar.update(epoch * options.steps_per_epoch + step + 1, epochs=epoch)
                loss, accuracy = (float(s) for s in sums / options.steps_per_epoch)
                entry = {"epoch": epoch + 1, "loss": loss, "accuracy": accuracy}
                if validation is not None:
                    entry |= _validate(model, validation)
                log.append(entry)
                best = "validation_loss" not in entry or entry["validation_loss"] <= min(
                    e["validation_loss"] for e in log
                )
                _save(folder, model, optimizer, fingerprint, log, best)
                if _stopped(log, options.patience):
                    break
        finally:
            bar.close()
            batches.close()
    load_weights(model, folder / "best.weights.h5")
    return model, log


def export_weights(architecture, trained, output) -> Path:
    """Copy trained weights without the optimizer's state, which is twice their size.

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


def _reseed(model, seed):
    keras = load_keras()
    for i, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(keras.random.SeedGenerator(seed + i).state)


def _validate(model, validation) -> dict:
    x, y = validation
    logits = predict_logits(model, x)
    logits -= logits.max(axis=1, keepdims=True)
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return {
        "validation_loss": float(-log_p[np.arange(len(y)), y].mean()),
        "validation_accuracy": float((logits.argmax(axis=1) == y).mean()),
    }


def predict_logits(model, x, batch_size=256) -> np.ndarray:
    """Logits (n, n_classes), float64, of network input (n, n_pixels, channels)."""
    out = [model.predict_on_batch(x[i : i + batch_size]) for i in range(0, len(x), batch_size)]
    return np.concatenate(out).astype(float)


def _stopped(log, patience) -> bool:
    losses = [entry["validation_loss"] for entry in log if "validation_loss" in entry]
    return bool(patience and losses and len(losses) - 1 - int(np.argmin(losses)) >= patience)


def _save(folder, model, optimizer, fingerprint, log, best):
    temporary = folder / "state.npz.tmp"
    arrays = {f"m{i}": np.asarray(v) for i, v in enumerate(model.variables)}
    arrays |= {f"o{i}": np.asarray(v) for i, v in enumerate(optimizer.variables)}
    with open(temporary, "wb") as file:
        np.savez(file, **arrays, log=json.dumps(log), fingerprint=json.dumps(fingerprint))
        file.flush()
        os.fsync(file.fileno())
    if best:
        model.save_weights(folder / "best.tmp.weights.h5")
        os.replace(folder / "best.tmp.weights.h5", folder / "best.weights.h5")
    os.replace(temporary, folder / "state.npz")
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in log))


def _restore(folder, model, optimizer, fingerprint) -> list[dict]:
    path = folder / "state.npz"
    if not path.exists():
        return []
    with np.load(path) as state:
        if json.loads(str(state["fingerprint"])) != fingerprint:
            raise ValueError(
                f"{folder} holds a training with other options or data; "
                "choose another folder or remove it"
            )
        for i, variable in enumerate(model.variables):
            variable.assign(state[f"m{i}"])
        for i, variable in enumerate(optimizer.variables):
            variable.assign(state[f"o{i}"])
        return json.loads(str(state["log"]))
