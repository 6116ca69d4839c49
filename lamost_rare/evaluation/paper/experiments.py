"""The experiments of Yang et al. (2021), and further ones: their tasks and results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...folder_lock import folder_lock
from ...networks.architectures import PAPER_RACNET, SHIPPED_LCGAN, SHIPPED_SGAN
from ...text import check_paths
from ...training.gan_training import FEWEST_EXAMPLES, GanOptions
from ...training.loop import TrainingOptions
from .recogniser import WAYS
from .scores import score
from .sets import PaperSizes, split_stars
from .tasks import PaperSettings, Workshop, gan_task, run_tasks

__all__ = ["PaperResults", "quick_settings", "run_paper"]

NETWORKS = ("lcgan", "sgan")


@dataclass
class PaperResults:
    """Results; the last axis of each array is the run, of which there may be fewer with fewer
    stars.

    Attributes
    ----------
    settings : PaperSettings
    runs : int
    stars : tuple
        Numbers of stars of set 1; None for all.
    counts : dict
        Stars in the two sets of O stars and of the other classes.
    ways : dict
        ``ways[stars][way][score]``, shape (runs,).
    by_look : dict
        ``by_look[network][name]``, shape (n_looks, runs): ``set2``, ``gan_train``, ``gan_test``,
        ``f_kept``, ``quality``.
    best : dict
        ``best[network]``: index of the best look in each run, shape (runs,).
    reference : dict
        GAN-train and GAN-test with set 1 in the place of generated spectra, shape (runs,).
    epochs : tuple
        Fewest and most epochs that a recogniser trained.
    """

    settings: PaperSettings
    runs: int
    stars: tuple
    counts: dict
    ways: dict
    by_look: dict
    best: dict
    reference: dict
    epochs: tuple


def quick_settings() -> PaperSettings:
    """Return settings of everything in miniature, to see that it runs; the numbers mean nothing."""
    tiny = {
        "global_units": 8,
        "channels": [2, 2, 2, 2],
        "noise_channels": [2, 2],
        "discriminator_channels": [2, 2, 2],
        "discriminator_units": 8,
    }
    return PaperSettings(
        sizes=PaperSizes(set1=5 * FEWEST_EXAMPLES, set2=20, set3=30, set5=30, test=24),
        few=(5,),
        gans={"lcgan": {**SHIPPED_LCGAN, **tiny}, "sgan": {**SHIPPED_SGAN, **tiny}},
        gan=GanOptions(iterations=2, sample_every=1, batch_size=8),
        recogniser={**PAPER_RACNET, "stem_channels": 4, "stem_stride": 8, "block_channels": [4]},
        training=TrainingOptions(learning_rate=1e-3, batch_size=16, epochs=1),
    )


def run_paper(
    data: str | os.PathLike,
    work: str | os.PathLike,
    settings: PaperSettings | None = None,
    *,
    runs: int = 2,
    few_runs: int | None = None,
    jobs: int = 1,
    say: Callable[[str], object] = print,
) -> PaperResults:
    """Do all experiments except those whose results ``work`` holds.

    Parameters
    ----------
    data : path-like
        As `simulation.dataset.load_data_folder` takes it.
    work : path-like
        Folder for results; an interrupted command goes on there.
    settings : PaperSettings, optional
    runs : int
        Each with other stars in the two sets of O stars, and other seeds.
    few_runs : int, optional
        Of them also with the smaller numbers of stars; by default all.
    jobs : int
        Processes.
    say : callable
        Called with a line after each piece of work.

    Returns
    -------
    PaperResults

    Raises
    ------
    ValueError
        If there are too few stars or observations of a class, or another process works there.
    """
    check_paths(data=data, work=work)
    few_runs = runs if few_runs is None else few_runs
    if runs < 1 or jobs < 1 or few_runs < 1:
        raise ValueError("runs, few_runs and jobs must be at least 1")
    with folder_lock(work):
        return _run(data, work, settings, runs, min(few_runs, runs), jobs, say)


def _run(
    data: str | os.PathLike,
    work: str | os.PathLike,
    settings: PaperSettings | None,
    runs: int,
    few_runs: int,
    jobs: int,
    say: Callable[[str], object],
) -> PaperResults:
    workshop = Workshop(data, work, settings or PaperSettings())
    settings = workshop.settings
    first, second = split_stars(workshop.labelled, "O", 0, 0.5)
    few = tuple(k for k in settings.few if k < len(first))
    if few and round(min(few) / len(first) * settings.sizes.set1) < FEWEST_EXAMPLES:
        raise ValueError(
            f"{min(few)} of {len(first)} stars give fewer than the {FEWEST_EXAMPLES} spectra that "
            "a GAN needs: ask for more stars, or for a larger set 1"
        )
    runs_of: dict[int | None, range] = {None: range(runs)}
    runs_of |= {k: range(few_runs) for k in few}
    gans = [gan_task(run, k, n) for k, own in runs_of.items() for run in own for n in NETWORKS]
    run_tasks(workshop, gans, jobs, say)
    run_tasks(workshop, _other_tasks(workshop, runs_of), jobs, say)
    counts: dict[str, int | tuple] = {"set 1": len(first), "set 2": len(second)}
    for label in "FGK":
        counts[label] = tuple(len(x) for x in split_stars(workshop.labelled, label, 0, 0.7))
    return _collect(workshop, runs_of, counts)


def _recogniser(
    workshop: Workshop, run: int, stars: int | None, way: str, look: int | None = None
) -> dict:
    network = next((n for n in NETWORKS if n in way), None)
    if network and look is None:
        look = workshop.best_look(run, stars, network)
    return {
        "kind": "recogniser", "run": run, "stars": stars, "way": way,
        "network": network, "look": look,
    }  # fmt: skip


def _svm(run: int, network: str | None, look: int | None) -> dict:
    return {"kind": "svm", "run": run, "stars": None, "network": network, "look": look}


def _other_tasks(workshop: Workshop, runs_of: dict[int | None, range]) -> list[dict]:
    """List recognisers and SVMs, the same task never twice."""
    tasks = []
    for run in runs_of[None]:
        for stars, runs in runs_of.items():
            if run in runs:
                tasks += [_recogniser(workshop, run, stars, way) for way in WAYS]
        for network in NETWORKS:
            for look in workshop.settings.looks:
                tasks += [_recogniser(workshop, run, None, network, look), _svm(run, network, look)]
        tasks.append(_svm(run, None, None))
    return list({workshop.path(task): task for task in tasks}.values())


def _collect(workshop: Workshop, runs_of: dict[int | None, range], counts: dict) -> PaperResults:
    settings, runs = workshop.settings, runs_of[None]
    epochs = []

    def scores(run: int, stars: int | None, way: str, look: int | None = None) -> dict[str, float]:
        found = workshop.scores(_recogniser(workshop, run, stars, way, look))
        epochs.append(int(found["epochs"]))
        return score(found["logits"], found["label"], found["snr"], settings.sizes.set2)

    def svm(run: int, network: str | None, look: int | None) -> dict[str, float]:
        return json.loads(workshop.path(_svm(run, network, look)).read_text())

    def at_look(network: str, look: int, run: int) -> dict[str, float]:
        log = workshop.log_of(run, None, network)
        quality = next(entry["quality"] for entry in log if entry["iteration"] == look)
        set2 = scores(run, None, network, look)["set2"]
        return {**svm(run, network, look), "set2": set2, "quality": quality}

    ways = {
        stars: {way: _stacked([scores(run, stars, way) for run in own]) for way in WAYS}
        for stars, own in runs_of.items()
    }
    by_look, best = {}, {}
    for network in NETWORKS:
        looks = [_stacked([at_look(network, look, run) for run in runs]) for look in settings.looks]
        by_look[network] = _stacked(looks)
        chosen = [workshop.best_look(run, None, network) for run in runs]
        best[network] = np.array([settings.looks.index(look) for look in chosen])
    return PaperResults(
        settings=replace(settings, few=tuple(runs_of)[1:]),
        runs=len(runs),
        stars=tuple(runs_of),
        counts=counts,
        ways=ways,
        by_look=by_look,
        best=best,
        reference=_stacked([svm(run, None, None) for run in runs]),
        epochs=(min(epochs), max(epochs)),
    )


def _stacked(dicts: Sequence[dict]) -> dict[str, np.ndarray]:
    return {name: np.array([d[name] for d in dicts]) for name in dicts[0]}
