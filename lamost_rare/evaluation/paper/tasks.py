"""The pieces of work of ``evaluate paper``: each kept in a file, so that none is done twice."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from ...atomic import atomic_path, write_text_atomically
from ...inference.generation import generate
from ...networks.architectures import SHIPPED_LCGAN, SHIPPED_RACNET, SHIPPED_SGAN
from ...networks.keras_backend import load_keras
from ...simulation.dataset import LATER_LIBRARIES, load_data_folder
from ...simulation.simulate_stars import noise_of
from ...training.gan_training import GanOptions, centre_generator, train_gan
from ...training.loop import TrainingOptions
from ...training.pools import as_they_end, single_threaded
from ..generated_metrics import gan_test, gan_train, repeated
from .recogniser import rare_spectra, train_recogniser
from .sets import PaperSets, PaperSizes, level_red_end, make_sets, observed_from

__all__ = ["PaperSettings", "Workshop", "gan_task", "run_tasks"]

_VERSION = 4
"""To be raised when the same settings give other results."""


@dataclass(frozen=True)
class PaperSettings:
    """Settings of the experiments.

    Attributes
    ----------
    sizes : PaperSizes
    few : tuple of int
        Numbers of stars of set 1, beside all of them.
    gans : dict
        Architecture of each network.
    gan : GanOptions
        ``sample_every`` gives the iterations of Fig. 7.
    recogniser : dict
        Architecture.
    training : TrainingOptions
        Of the recogniser.
    preprocessing : dict
        Of its input.
    """

    sizes: PaperSizes = field(default_factory=PaperSizes)
    few: tuple = (5, 10)
    gans: dict = field(
        default_factory=lambda: {"lcgan": dict(SHIPPED_LCGAN), "sgan": dict(SHIPPED_SGAN)}
    )
    gan: GanOptions = field(default_factory=lambda: GanOptions(iterations=600, sample_every=150))
    recogniser: dict = field(default_factory=lambda: {**SHIPPED_RACNET, "subspace": 0})
    training: TrainingOptions = field(
        default_factory=lambda: TrainingOptions(learning_rate=1e-3, batch_size=64, epochs=20)
    )
    preprocessing: dict = field(default_factory=lambda: {"normalization": "l2"})

    @property
    def looks(self) -> list[int]:
        """Return the iterations at which the generators are kept."""
        every, last = self.gan.sample_every, self.gan.iterations
        return sorted({*range(every, last + 1, every), last})


def gan_task(run: int, stars: int | None, network: str) -> dict:
    """Return the task of training a GAN."""
    return {"kind": "gan", "run": run, "stars": stars, "network": network}


class Workshop:
    """Do the tasks of one data folder, in one process.

    A task is a dict: ``kind`` (``gan``, ``svm`` or ``recogniser``), ``run``, ``stars`` (None for
    all), and what the kind needs.
    """

    def __init__(self, data: str | os.PathLike, work: str | os.PathLike, settings: PaperSettings):
        self.data, self.work, self.settings = Path(data), Path(work), settings
        self.work.mkdir(parents=True, exist_ok=True)
        # TensorFlow warns of functions traced again, as it must for every new network.
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
        self.labelled = load_data_folder(data, without=LATER_LIBRARIES)
        self.noise = noise_of(self.labelled)
        text = "|".join(
            f"{a} {b}" for a, b in zip(self.labelled.label, self.labelled.star, strict=True)
        )
        digest = hashlib.sha256(text.encode("utf-8", "replace"))
        digest.update(np.ascontiguousarray(self.labelled.flux[self.labelled.label == "O"]).data)
        self.digest = digest.hexdigest()
        self.sets = lru_cache(maxsize=4)(self._sets)

    def _sets(self, run: int, stars: int | None) -> PaperSets:
        return make_sets(self.labelled, self.noise, run, stars, self.settings.sizes)

    def path(self, task: dict) -> Path:
        """Return where the result of a task lies: elsewhere if what it depends on changes."""
        s = self.settings
        sizes = asdict(s.sizes)
        if task["kind"] == "gan":  # sees set 1 alone
            sizes = {name: sizes[name] for name in ("set1", "snr_range")}
        depends = {"version": _VERSION, "task": task, "data": self.digest, "sizes": sizes}
        if task.get("network"):
            depends["gan"] = [s.gans[task["network"]], asdict(s.gan)]
        if task["kind"] == "recogniser":
            depends["recogniser"] = [s.recogniser, asdict(s.training), s.preprocessing]
        text = json.dumps(depends, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        suffix = {"gan": "", "svm": ".json", "recogniser": ".npz"}[task["kind"]]
        return self.work / f"{task['kind']}-{name}{suffix}"

    def done(self, task: dict) -> bool:
        """Tell if the result of a task is there."""
        path = self.path(task)
        return (path / "done.json").exists() if task["kind"] == "gan" else path.exists()

    def do(self, task: dict) -> None:
        """Do a task, unless it was done; an interrupted training goes on."""
        if not self.done(task):
            getattr(self, f"_{task['kind']}")(task, self.path(task))

    def log_of(self, run: int, stars: int | None, network: str) -> list[dict]:
        """Return the log of a GAN's training, one entry a look."""
        return json.loads((self.path(gan_task(run, stars, network)) / "done.json").read_text())

    def best_look(self, run: int, stars: int | None, network: str) -> int:
        """Return the iteration of the best quality, which is measured on the training spectra."""
        log = self.log_of(run, stars, network)
        return min(log, key=lambda entry: entry["quality"])["iteration"]

    def _gan(self, task: dict, folder: Path) -> None:
        examples = self.sets(task["run"], task["stars"]).set1.flux
        options = replace(self.settings.gan, seed=100 * task["run"] + (task["stars"] or 0))
        architecture = self.settings.gans[task["network"]]
        model, log = train_gan(examples, examples, architecture, options, folder, keep_weights=True)
        centred = folder / "centred"
        centred.mkdir(exist_ok=True)
        for entry in log:
            name = f"{entry['iteration']:06d}.weights.h5"
            model.load_weights(folder / "weights" / name)
            entry["quality"] = centre_generator(model, examples, examples, options.seed)
            model.save_weights(centred / name)
        (folder / "state.npz").unlink()  # only needed to go on; most of the disk space
        write_text_atomically(folder / "done.json", json.dumps(log))

    def generated(
        self,
        run: int,
        stars: int | None,
        network: str,
        look: int,
        number: int,
        observed: bool = False,
    ) -> np.ndarray:
        """Return spectra from the generator at one of its looks: its own, or its stars observed."""
        from ...networks.build import build_network  # loads Keras
        from ...networks.gan import without_noise

        model = build_network(self.settings.gans[network], "generator")
        folder = self.path(gan_task(run, stars, network))
        model.load_weights(folder / "centred" / f"{look:06d}.weights.h5")
        if not observed:
            return level_red_end(generate(model, number, seed=run))
        flux = generate(without_noise(model), number, seed=run)
        return observed_from(flux, self.noise, 1000 * run + 5, self.settings.sizes)

    def _svm(self, task: dict, path: Path) -> None:
        """Measure GAN-train and GAN-test; for ``network`` None of set 1 itself."""
        sizes, run, stars = self.settings.sizes, task["run"], task["stars"]
        sets = self.sets(run, stars)
        if task["network"]:
            fake = self.generated(run, stars, task["network"], task["look"], sizes.set3)
        else:
            fake = repeated(sets.set1.flux, sizes.set3)
        f = sets.train["F"].flux[: sizes.set3]
        train, kept = gan_train(fake, f, sets.set2.flux, sets.test["F"].flux)
        test = gan_test(repeated(sets.set2.flux, sizes.set3), f, fake)
        scores = {"gan_train": train, "f_kept": kept, "gan_test": test}
        write_text_atomically(path, json.dumps(scores))

    def _recogniser(self, task: dict, path: Path) -> None:
        s, run, stars, way = self.settings, task["run"], task["stars"], task["way"]
        sets, number = self.sets(run, stars), s.sizes.set5
        fake = None
        if task["network"]:
            observed = "observed-" in way
            fake = self.generated(run, stars, task["network"], task["look"], number, observed)
        folder = path.with_suffix("")
        result = train_recogniser(
            rare_spectra(way, sets, number, fake),
            sets,
            number,
            s.recogniser,
            replace(s.training, seed=run),
            s.preprocessing,
            folder,
        )
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            # No name is that of one of savez's own arguments.
            np.savez(file, **result)  # type: ignore[arg-type]
        shutil.rmtree(folder, ignore_errors=True)
        load_keras().backend.clear_session()

    def scores(self, task: dict) -> dict:
        """Load logits, labels and S/N of a recogniser's test spectra."""
        with np.load(self.path(task)) as stored:
            return dict(stored)


_workshop: Workshop | None = None


def _start(data: Path, work: Path, settings: PaperSettings) -> None:
    global _workshop
    _workshop = Workshop(data, work, settings)


def _do(task: dict) -> None:
    assert _workshop is not None  # `_start` has run in this process
    _workshop.do(task)


def run_tasks(
    workshop: Workshop, tasks: Sequence[dict], jobs: int, say: Callable[[str], object] = print
) -> None:
    """Do what is not done yet, ``jobs`` at a time, each in a process of its own with one thread.

    Parameters
    ----------
    workshop : Workshop
    tasks : list of dict
        None may need the result of another.
    jobs : int
        1: in this process.
    say : callable
        Called with a line after each task.
    """
    open_ = [task for task in tasks if not workshop.done(task)]
    say(f"{len(tasks) - len(open_)} of {len(tasks)} tasks were done before")
    if jobs == 1 or len(open_) < 2:
        for i, task in enumerate(open_):
            workshop.do(task)
            say(f"[{i + 1}/{len(open_)}] {_describe(task)}")
        return
    with single_threaded(jobs, _start, workshop.data, workshop.work, workshop.settings) as pool:
        try:
            futures = {pool.submit(_do, task): task for task in open_}
            for i, future in enumerate(as_they_end(futures, "experiments")):
                future.result()
                say(f"[{i + 1}/{len(open_)}] {_describe(futures[future])}")
        finally:
            pool.shutdown(cancel_futures=True)


def _describe(task: dict) -> str:
    what = task.get("way") or task.get("network") or "real spectra"
    look = f", iteration {task['look']}" if task.get("look") else ""
    return f"{task['kind']} run {task['run']}, stars {task['stars'] or 'all'}: {what}{look}"
