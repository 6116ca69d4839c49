"""Train a classifier on the user's own data, with a held-out part to stop by and to measure on."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..inference.calibration import EVIDENCE, KEY_LINES
from ..networks.architectures import SHIPPED_RACNET
from ..presets import Preset
from ..simulation.dataset import LabelledStars, assign_folds, load_data_folder
from ..simulation.labels import classes_of
from ..spectra.normalize import DEFAULT_PREPROCESSING
from ..text import check_paths, printable
from ..validation.figures import cross_fitted, measure
from ..validation.trials import run_trials
from ..wording import named
from .classifier_preset import save_classifier
from .crossvalidation import network_predictor
from .loop import TrainingOptions, train_network
from .recipes import Recipe
from .stream import ObservationStream, StreamOptions

__all__ = ["train_classifier"]

_log = logging.getLogger(__name__)


def train_classifier(
    data: str | os.PathLike,
    output: str | os.PathLike,
    *,
    labels: str | os.PathLike | None = None,
    classes: Sequence[str] | None = None,
    rare_class: str = "O",
    architecture: dict | None = None,
    options: TrainingOptions | None = None,
    stream_options: StreamOptions | None = None,
    validation: float = 0.3,
    n_validation: int = 2048,
) -> Preset:
    """Train a classifier and save it as a preset.

    Parameters
    ----------
    data, labels : path-like
        As `load_data_folder` takes them.
    output : path-like
        Folder of the preset. Until it is complete ``<output>.training`` holds the state of the
        training: the same call goes on where an interrupted one stopped.
    classes : sequence of str, optional
        By default all that the labels have.
    rare_class : str
        Whose members are candidates.
    architecture : dict, optional
        As `networks.build.build_network` takes it; by default that of the shipped RAC-Net.
    options, stream_options : TrainingOptions, StreamOptions, optional
        The paper's by default.
    validation : float
        Part of the stars that is held out, to stop by and to measure on (the paper's: 0.3).
    n_validation : int
        Observations of them to stop by.

    Returns
    -------
    Preset

    Raises
    ------
    ValueError
        If there is too little to train on, or the rare class is not among the classes.
    FileExistsError
        If ``output`` is a preset already.

    Examples
    --------
    Of a folder in which ``labels.csv`` names the class of each spectrum::

        from lamost_rare.training.own import train_classifier

        preset = train_classifier("spectra", "carbon-v1", rare_class="C")
        print(preset.classes)
    """
    output = _checked(output, validation)
    stars = load_data_folder(data, labels=labels)
    classes = tuple(classes or classes_of(stars.label))
    _check(stars, classes, rare_class)
    recipe = Recipe(
        name=output.name,
        description=f"Trained on {Path(data).name}.",
        classes=classes,
        rare_class=rare_class,
        architecture=architecture or SHIPPED_RACNET,
        preprocessing=DEFAULT_PREPROCESSING,
        training=options or TrainingOptions(),
        stream=stream_options or StreamOptions(),
        holdout=True,
        key_lines=KEY_LINES.get(rare_class),
        evidence=EVIDENCE.get(rare_class),
    )
    return _train(recipe, stars, output, validation, n_validation)


def _train(recipe: Recipe, stars: LabelledStars, output: Path, validation, n_validation):
    """Train on some of the stars, measure on the others, and save the preset."""
    classes, rare_class, seed = recipe.classes, recipe.rare_class, recipe.training.seed
    held = assign_folds(stars.label, stars.star, 20, seed) < round(20 * validation)
    held &= ~stars.synthetic
    streams = recipe.classes, recipe.preprocessing, recipe.stream
    stream = ObservationStream(stars[~held], *streams, seed=seed)
    check = ObservationStream(
        stars[held], *streams, noise=stream.noise, seed=seed + 1, partial=True
    )
    state = output.with_name(output.name + ".training")
    for name in classes:
        n_spectra = [int(((stars.label == name) & part).sum()) for part in (~held, held)]
        _log.info("class %s: %d spectra to train on, %d held out", printable(name), *n_spectra)
    model, log = train_network(
        stream,
        recipe.architecture,
        recipe.training,
        state,
        validation=check.inputs(0, n_validation),
    )
    _log.info("measuring on the spectra held out")
    trials = run_trials(
        network_predictor(model, recipe),
        stars,
        np.flatnonzero(held),
        stream.noise,
        rare_class,
        seed=seed,
        repeats=5,
        n_reobserved=10_000,
        hot=classes,
    )
    decided, rule, _ = cross_fitted({0: trials}, stars, classes, rare_class, fitted=False)
    figures = {
        "validation_loss": min(entry["validation_loss"] for entry in log),
        "validation_accuracy": max(entry["validation_accuracy"] for entry in log),
        **measure(decided, classes, rare_class, seed),
    }
    preset = save_classifier(
        output,
        recipe,
        rule,
        stars,
        state,
        seed=seed,
        figures=figures,
        validation=validation,
        n_folds=round(1 / validation),
        epochs=len(log),
        command="lamost-rare train classifier",
    )
    shutil.rmtree(state)
    return preset


def _checked(output, validation) -> Path:
    check_paths(output=output)
    output = Path(output)
    if (output / "config.json").exists():
        raise FileExistsError(f"{output} holds a preset already; choose another {named('output')}")
    if not 0 < validation < 1:
        raise ValueError(f"the validation part must lie between 0 and 1, not {validation}")
    return output


def _check(stars, classes, rare_class):
    for name in classes:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError(
                f"class {name!r} cannot be a column's name; use letters, digits and underscores"
            )
    if len(classes) < 2:
        raise ValueError(f"at least two classes are needed, the labels have {list(classes)}")
    if rare_class not in classes:
        raise ValueError(
            f"the rare class {rare_class!r} is not among the classes {', '.join(classes)}; "
            f"name one with {named('rare_class')}"
        )
    for name in classes:
        n_stars = len(set(stars.star[stars.label == name]))
        if n_stars < 4:
            raise ValueError(
                f"class {name!r} has {n_stars} stars; at least 4 are needed to hold some out: "
                f"add spectra, or leave it out with {named('classes')}"
            )
