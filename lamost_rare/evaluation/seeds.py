"""docs/seeds.md: how much the figures of a recipe depend on chance."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np

from ..figure_titles import title_of
from ..simulation.dataset import load_data_folder
from ..training.build import cross_validate
from ..validation.figures import measure
from .goals import GOALS
from .pages import table, write_page

__all__ = ["check_recipe", "common_rates", "measure_seeds", "write_seeds"]


def check_recipe(preset, recipe, seeds) -> None:
    """Refuse seeds that cannot be set beside a preset's figures.

    Parameters
    ----------
    preset : Preset
    recipe : Recipe
    seeds : sequence of int

    Raises
    ------
    ValueError
        If a seed is the preset's own or comes twice, or if the preset was trained in another way
        than the recipe would.
    """
    training = preset.config["training"]
    own = training["seed"]
    if not seeds or len({own, *seeds}) != len(seeds) + 1:
        raise ValueError(
            f"--seeds needs different numbers other than {own}, which {preset.name} was made with"
        )
    said = {"options": recipe.training, "refined": recipe.refined, "stream": recipe.stream}
    same = {name: training[name] == getattr(recipe, name) for name in ("n_folds", "holdout")}
    same |= {name: _same(training.get(name), options) for name, options in said.items()}
    for name in same:
        if not same[name]:
            raise ValueError(
                f"preset {preset.name} was trained in another way than the recipe of that name "
                f"says ({name}): rebuild it with train presets first"
            )


def _same(stored: dict | None, options) -> bool:
    """Tell whether a preset's block is that of some options; what it lacks has the default."""
    if stored is None or options is None:
        return stored is options
    complete = {**asdict(type(options)()), **stored}
    return json.dumps(complete, sort_keys=True) == json.dumps(asdict(options), sort_keys=True)


def measure_seeds(recipe, data, work, seeds, *, jobs=1) -> dict[int, dict]:
    """Do the cross-validation of a recipe anew with each of some seeds.

    Parameters
    ----------
    recipe : Recipe
    data, work : path-like
        As `training.build.cross_validate` takes them.
    seeds : sequence of int
    jobs : int
        Processes.

    Returns
    -------
    dict of int to dict
        For each seed the figures, as `validation.figures.measure` gives them.
    """
    stars = load_data_folder(data)
    figures = {}
    for seed in seeds:
        trials = cross_validate(recipe, data, work, jobs=jobs, seed=seed, final=False)
        decided, _, _ = recipe.decide(trials, stars)
        figures[seed] = measure(decided, recipe.classes, recipe.rare_class, seed)
    return figures


def write_seeds(preset, figures_of_seed: dict, output, command: str) -> None:
    """Write the page.

    Parameters
    ----------
    preset : Preset
        Whose figures, and the seed they were measured with, come first.
    figures_of_seed : dict of int to dict
        As `validation.figures.measure` gives them, for other seeds.
    output : path-like
        The page, Markdown.
    command : str
        What made it, to be printed.
    """
    own = preset.config["training"]["seed"]
    everything = {own: preset.figures, **figures_of_seed}
    seeds = [f"seed {n}{' (shipped)' if n == own else ''}" for n in everything]
    parts = [
        f"# How much the figures of `{preset.name}` depend on chance",
        f"Made by `{command}`. A seed decides which stars lie in which fold, with which weights "
        "the networks begin, and every observation that they are trained and tried on. Seed "
        f"{own} is that of the shipped preset, whose figures these are; for each other seed the "
        "whole cross-validation was done anew. What the measures are is explained in "
        "[recognition](recognition.md).",
        table(
            ["measure", "goal", *seeds, "median (lowest to highest)"],
            _rows(everything, preset.rare_class),
        ),
        "False alarms are given in a million spectra. The goals are for the shipped preset; no "
        "seed was chosen by its figures.",
    ]
    write_page(output, parts)


def common_rates(figures, rare_class):
    """Yield those rates that several blocks of figures all have, in the order of a preset's card.

    Parameters
    ----------
    figures : sequence of dict
        As `validation.figures.measure` gives them.
    rare_class : str

    Yields
    ------
    key, title : str
    rates : ndarray, shape (n_blocks,)
    in_a_million : bool
        Whether they are of false alarms, and to be given in a million.
    """
    first, *_ = figures = list(figures)
    for key in first:
        title = title_of(key, rare_class)
        values = [block.get(key) for block in figures]
        if title and all(value and value.get("n") for value in values):
            rates = np.array([value["rate"] for value in values], dtype=float)
            yield key, title, rates, "upper_limit_95" in values[0]


def _rows(everything: dict, rare_class: str):
    goals = {key: goal.text for key, goal in GOALS.get(rare_class, {}).items()}
    for key, title, rates, in_a_million in common_rates(everything.values(), rare_class):
        show = "{:.1f}".format if in_a_million else "{:.4f}".format
        rates = 1e6 * rates if in_a_million else rates
        middle = f"{show(np.median(rates))} ({show(rates.min())} to {show(rates.max())})"
        yield [title, goals.get(key, ""), *map(show, rates), middle]
