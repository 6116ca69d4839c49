"""Train a classifier on the user's own data, with a held-out part to stop by and to measure on."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..simulation.dataset import assign_folds, load_data_folder
from ..simulation.labels import classes_of
from ..text import check_paths
from .loop import TrainingOptions
from .stream import StreamOptions

__all__ = ["train_classifier"]


def train_classifier(
    data,
    output,
    *,
    labels=None,
    classes=None,
    rare_class="O",
    options: TrainingOptions | None = None,
    stream_options: StreamOptions | None = None,
    validation=0.3,
    n_validation=2048,
):
    """Train a RAC-Net and save it as a preset.

    Parameters
    ----------
    data : path-like
        As `load_data_folder` takes it.
    output : path-like
        Folder of the preset. The state of the training is kept beside it, in
        ``<output>.training``, until the preset is complete: the same call goes on where an
        interrupted one stopped.
    labels : path-like, optional
        Table of labels.
    classes : sequence of str, optional
        By default all that the labels have.
    rare_class : str
        Whose members are candidates.
    options : TrainingOptions, optional
        The paper's by default.
    stream_options : StreamOptions, optional
    validation : float
        Part of the stars that is held out, to stop by and to measure on (the paper's 7:3 split is
        0.3).
    n_validation : int
        Observations of held-out stars in the validation set.

    Returns
    -------
    Preset

    Raises
    ------
    ValueError
        If there is too little to train on, or the rare class is not among the classes.
    FileExistsError
        If ``output`` is a preset already.
    """
    from ..networks.architectures import SHIPPED_RACNET
    from ..presets import save_preset
    from ..spectra.grid import LAMOST_GRID
    from ..spectra.normalize import DEFAULT_PREPROCESSING
    from ..validation.figures import cross_fitted, measure
    from ..validation.operating_point import OperatingPoint
    from ..validation.trials import run_trials
    from .build import summarize
    from .card import write_card
    from .crossvalidation import network_predictor
    from .golden import write_golden
    from .loop import export_weights, train_network
    from .recipes import HE_II_EVIDENCE, KEY_LINES, Recipe
    from .stream import ObservationStream

    check_paths(output=output)
    output = Path(output)
    if (output / "config.json").exists():
        raise FileExistsError(f"{output} holds a preset already; choose another --output")
    if not 0 < validation < 1:
        raise ValueError(f"the validation part must lie between 0 and 1, not {validation}")
    options = options or TrainingOptions()
    sources = load_data_folder(data, labels=labels)
    classes = tuple(classes or classes_of(sources.label))
    _check(sources, classes, rare_class)
    recipe = Recipe(
        name=output.name,
        description=f"Trained on {Path(data).name}.",
        classes=classes,
        architecture=SHIPPED_RACNET,
        preprocessing=DEFAULT_PREPROCESSING,
        training=options,
        stream=stream_options or StreamOptions(),
        rare_class=rare_class,
        key_lines=dict(KEY_LINES) if rare_class == "O" else {},
        evidence=dict(HE_II_EVIDENCE) if rare_class == "O" else {},
        holdout=True,
    )
    held = assign_folds(sources.label, sources.star, 20, options.seed) < round(20 * validation)
    stream = ObservationStream(
        sources[~held], classes, recipe.preprocessing, recipe.stream, seed=options.seed
    )
    check = ObservationStream(
        sources[held],
        classes,
        recipe.preprocessing,
        recipe.stream,
        noise=stream.noise,
        seed=options.seed + 1,
        partial=True,
    )
    state = output.with_name(output.name + ".training")
    model, log = train_network(
        stream, recipe.architecture, options, state, validation=check.inputs(0, n_validation)
    )
    trials = run_trials(
        network_predictor(model, recipe),
        sources,
        np.flatnonzero(held),
        stream.noise,
        rare_class,
        seed=options.seed,
        repeats=5,
        n_reobserved=10_000,
        hot=classes,
    )
    decided, _, _ = cross_fitted({0: trials}, sources, classes, rare_class, fixed=OperatingPoint())
    config = {
        "name": output.name,
        "kind": "classifier",
        "description": recipe.description,
        "architecture": {**recipe.architecture, "n_classes": len(classes)},
        "classes": list(classes),
        "rare_class": rare_class,
        "grid": LAMOST_GRID.to_dict(),
        "preprocessing": dict(recipe.preprocessing),
        "threshold": 0.5,
        "calibration": {"temperature": 1.0},
        "key_lines": recipe.key_lines,
        "evidence": recipe.evidence,
        "training": {
            "options": asdict(options),
            "stream": recipe.stream.to_dict(),
            "validation": validation,
            "epochs": len(log),
            "seed": options.seed,
            "holdout": True,
            "n_folds": round(1 / validation),
            "sources": summarize(sources, recipe),
            "command": "lamost-rare train classifier",
        },
        "figures": {
            "validation_loss": min(entry["validation_loss"] for entry in log),
            "validation_accuracy": max(entry["validation_accuracy"] for entry in log),
            **measure(decided, classes, rare_class, options.seed),
        },
        "figures_of": rare_class,
    }
    weights = export_weights(
        config["architecture"], state / "best.weights.h5", state / "shipped.weights.h5"
    )
    preset = save_preset(output, config, weights)
    write_golden(preset)
    write_card(preset)
    shutil.rmtree(state)
    return preset


def _check(sources, classes, rare_class):
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
            "name one with --rare-class"
        )
    for name in classes:
        stars = len(set(sources.star[sources.label == name]))
        if stars < 4:
            raise ValueError(
                f"class {name!r} has {stars} stars; at least 4 are needed to hold some out: "
                "add spectra, or leave it out with --classes"
            )
