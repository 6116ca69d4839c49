"""A generator of the user's own, or the shipped one: from a data folder to a preset."""

from __future__ import annotations

import logging
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..inference.generation import generate
from ..networks.architectures import SHIPPED_LCGAN
from ..preset_config import PresetConfig
from ..preset_files import CONFIG_FILE
from ..presets import load_preset, save_preset
from ..simulation.dataset import LATER_LIBRARIES, LabelledStars, load_data_folder
from ..simulation.examples import Examples, complete_rows, simulate_examples, standardize
from ..simulation.simulate_stars import noise_of
from ..spectra.grid import LAMOST_GRID
from ..text import check_paths, printable
from ..validation.trials import real_batch
from ..wording import named
from .gan_training import (
    FEWEST_EXAMPLES,
    GanOptions,
    GanRefinement,
    centre_generator,
    check_examples,
    train_gan,
)
from .generator_card import write_generator_card

__all__ = [
    "real_examples",
    "rebuild_generator",
    "split_stars",
    "train_generator",
    "write_generator_golden",
]

_log = logging.getLogger(__name__)

GOLDEN_NUMBER = 4


def real_examples(stars: LabelledStars, rows) -> Examples:
    """Return real spectra as they are, standardized."""
    chosen = stars[np.asarray(rows, dtype=int)]
    return Examples(standardize(real_batch(chosen)), chosen.star.astype(str), chosen.snr)


def split_stars(star, unseen: float, seed: int):
    """Choose the rows to train on, by star; at least one star stays on each side.

    Parameters
    ----------
    star : ndarray of str, shape (n,)
    unseen : float
        Part of the stars to leave out.
    seed : int

    Returns
    -------
    ndarray of bool, shape (n,)
        True for training.
    """
    names = np.random.default_rng([seed, 38]).permutation(sorted(set(star)))
    n_unseen = min(max(round(unseen * len(names)), 1 if unseen else 0), len(names) - 1)
    return ~np.isin(star, names[:n_unseen])


def train_generator(
    data,
    output,
    *,
    rare_class="O",
    labels=None,
    architecture=None,
    options: GanOptions | None = None,
    refinement: GanRefinement | None = None,
    source="auto",
    number=4000,
    snr_range=(8.0, 100.0),
    unseen=0.25,
    work=None,
):
    """Train an LCGAN on one class and save it as a preset.

    Parameters
    ----------
    data, labels
        As `load_data_folder` takes them.
    output : path-like
        Folder of the preset.
    rare_class : str
        What to generate.
    architecture : dict, optional
        `networks.architectures.SHIPPED_LCGAN` by default.
    options : GanOptions, optional
    refinement : GanRefinement, optional
        None for none.
    source : str
        ``real``: observed spectra of the class as they are. ``simulated``: observations of its
        stars (`simulate_examples`). ``auto``: real ones if there are enough that cover the grid.
    number, snr_range
        Observations to simulate, and their S/N (g).
    unseen : float
        Part of the stars that is left out of training, for `evaluate gan` to compare with.
    work : path-like, optional
        Folder for the state of the training; by default ``<output>.training``, removed at the end.

    Returns
    -------
    Preset

    Raises
    ------
    FileExistsError
        If ``output`` is a preset already.
    ValueError
        If the class is not in the labels, or there is too little of it.
    """
    check_paths(output=output, work=work)
    output = Path(output)
    if (output / CONFIG_FILE).exists():
        raise FileExistsError(f"{output} holds a preset already; choose another {named('output')}")
    options = options or GanOptions()
    stars = load_data_folder(data, labels=labels, without=LATER_LIBRARIES)
    source, rows = _rows_to_train_on(stars, rare_class, source)
    from ..networks.gan import complete_architecture  # starts the network's library: seconds

    architecture = complete_architecture(architecture or SHIPPED_LCGAN)
    kept = split_stars(stars.star[rows], unseen, options.seed)
    how = number, snr_range, options.seed
    examples, validation = _examples(stars, rows, kept, *(how if source == "simulated" else ()))
    check_examples(examples.flux)
    state = Path(work) if work else output.with_name(output.name + ".training")
    given = examples.flux, validation.flux
    generator, log = train_gan(*given, architecture, options, state, refinement=refinement)
    quality = centre_generator(generator, *given, options.seed)
    weights = state / "shipped.weights.h5"
    generator.save_weights(weights)
    training = {
        "options": asdict(options),
        "refinement": refinement and asdict(refinement),
        "source": source,
        "n_examples": len(examples),
        "snr_range": list(snr_range) if source == "simulated" else None,
        "stars": sorted(set(examples.star)),
        "unseen_stars": sorted(set(stars.star[rows[~kept]].astype(str))),
        "iteration": min(log, key=lambda entry: entry["quality"])["iteration"],
    }
    config = _config(output.name, architecture, rare_class, training, quality)
    preset = save_preset(output, config.to_dict(), weights)
    write_generator_golden(preset, generator)
    write_generator_card(preset)
    if work is None:
        shutil.rmtree(state)
    return preset


def _rows_to_train_on(stars: LabelledStars, rare_class, source) -> tuple[str, np.ndarray]:
    """Decide whether real or simulated spectra are to train on, and of which rows."""
    if source not in ("auto", "real", "simulated"):
        raise ValueError(f"unknown source {source!r}; known: auto, real, simulated")
    labels = sorted(set(stars.label) - {""})
    if rare_class not in labels:
        raise ValueError(f"no spectrum is labelled {rare_class!r}; there are {', '.join(labels)}")
    rows = complete_rows(stars, rare_class)
    if source == "auto":
        enough = stars.real[rows].sum() >= 4 * FEWEST_EXAMPLES
        source = "real" if enough else "simulated"
    if source == "real":
        rows = rows[stars.real[rows]]
    if len(set(stars.star[rows])) < 2:
        raise ValueError(
            f"{len(rows)} spectra of class {rare_class!r} cover the whole grid ({source}): at "
            "least two stars are needed, and twenty or more are better; add spectra, or use "
            f"{named('source', 'simulated')} with library stars"
        )
    return source, rows


def _examples(stars, rows, kept, *how) -> tuple[Examples, Examples]:
    """Return spectra to train on and to judge by: real ones, or simulated if it is said how."""
    examples, validation = _simulated(stars, rows[kept], *how) if how else _real(stars, rows, kept)
    kind, name = "simulated" if how else "real", printable(stars.label[rows[0]])
    n_stars = len(set(examples.star))
    _log.info("%d %s spectra of %d stars of class %s", len(examples), kind, n_stars, name)
    return examples, validation


def _real(stars, rows, kept) -> tuple[Examples, Examples]:
    """Return real spectra to train on, and to judge by: if they are too few, the same."""
    examples = real_examples(stars, rows)
    enough = (~kept).sum() >= FEWEST_EXAMPLES
    return examples[kept], examples[~kept if enough else kept]


def _simulated(stars, rows, number, snr_range, seed) -> tuple[Examples, Examples]:
    """Return observations of the same stars to train on, and to judge by."""
    noise = noise_of(stars)
    examples, validation = (
        simulate_examples(stars, rows, n, noise, snr_range=snr_range, seed=2 * seed + k)
        for k, n in ((1, number), (2, max(number // 5, 200)))
    )
    return examples, validation


def _config(name, architecture, rare_class, training, quality) -> PresetConfig:
    return PresetConfig(
        name=name,
        kind="generator",
        description=(
            f"Generates spectra of class {rare_class} as LAMOST would observe them "
            f"({architecture['network'].upper()}; Yang et al. 2021)."
        ),
        architecture=architecture,
        rare_class=rare_class,
        grid=LAMOST_GRID,
        preprocessing={"normalization": "l2"},
        training=training,
        figures={"feature_distance": quality, "iteration": training["iteration"]},
    )


def rebuild_generator(name, data, output, work, *, seed=0):
    """Train the shipped generator again, and replace the one in ``output``.

    Parameters
    ----------
    name : str
    data, output, work : path-like
        Data folder, folder of the presets, folder for the state of the training (kept).
    seed : int

    Returns
    -------
    Preset
    """
    check_paths(data=data, output=output, work=work)
    state = Path(work) / name / f"seed{seed}"
    built = state / name
    if built.exists():
        shutil.rmtree(built)
    train_generator(
        data, built, options=GanOptions(seed=seed), refinement=GanRefinement(), work=state
    )
    shutil.copytree(built, Path(output) / name, dirs_exist_ok=True)
    return load_preset(Path(output) / name)


def write_generator_golden(preset, generator) -> None:
    """Write the first spectra of seed 0 to ``golden.npz``."""
    flux = generate(generator, GOLDEN_NUMBER, 0)
    np.savez_compressed(preset.folder / "golden.npz", seed=0, flux=flux)
