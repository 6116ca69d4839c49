"""docs/seeds.md: how much the figures of a recipe depend on chance."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ..figure_titles import in_range, members, title_of
from ..presets import Preset
from ..simulation.dataset import load_data_folder
from ..training.build import cross_validate
from ..training.loop import TrainingOptions
from ..training.recipes import Recipe
from ..training.stream_options import StreamOptions
from ..validation.figures import measure
from ..validation.population import measure_survey
from ..wording import named
from .goals import GOALS, SURVEY_GOALS
from .pages import SHOWN_SNR, spread, table, write_page

__all__ = ["check_recipe", "common_rates", "measure_seeds", "write_seeds"]


def check_recipe(preset: Preset, recipe: Recipe, seeds: Sequence[int]) -> None:
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
            f"{named('seeds')} needs different numbers other than {own}, which "
            f"{preset.name} was made with"
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


def _same(stored: dict | None, options: TrainingOptions | StreamOptions | None) -> bool:
    """Tell whether a preset's block is that of some options; what it lacks has the default."""
    if stored is None or options is None:
        return stored is options
    complete = {**asdict(type(options)()), **stored}
    return json.dumps(complete, sort_keys=True) == json.dumps(asdict(options), sort_keys=True)


def measure_seeds(
    recipe: Recipe,
    data: str | os.PathLike,
    work: str | os.PathLike,
    seeds: Iterable[int],
    *,
    jobs: int = 1,
) -> dict[int, dict]:
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
        For each seed the figures, as `validation.figures.measure` gives them; ``survey`` are
        those of `validation.population.measure_survey`, if the recipe knows a survey.
    """
    stars = load_data_folder(data, without=recipe.without)
    figures = {}
    for seed in seeds:
        trials = cross_validate(recipe, data, work, jobs=jobs, seed=seed, final=False)
        decided, rule, _ = recipe.decide(trials, stars)
        figures[seed] = measure(decided, recipe.classes, recipe.rare_class, seed)
        if rule.odds is not None:
            figures[seed]["survey"] = measure_survey(decided, rule, recipe.rare_class, seed=seed)
    return figures


def write_seeds(
    preset: Preset, figures_of_seed: dict, output: str | os.PathLike, command: str
) -> None:
    """Write the page.

    Parameters
    ----------
    preset : Preset
        Whose figures, and the seed they were measured with, come first.
    figures_of_seed : dict of int to dict
        As `measure_seeds` gives them, for other seeds.
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
    surveys = [figures.get("survey") for figures in everything.values()]
    if all(surveys):
        parts += _survey_parts(surveys, seeds, preset.rare_class)
    write_page(output, parts)


def common_rates(
    figures: Iterable[dict], rare_class: str
) -> Iterator[tuple[str, str, np.ndarray, bool]]:
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
        values = [block.get(key) or {} for block in figures]
        if title and all(value.get("n") for value in values):
            rates = np.array([value["rate"] for value in values], dtype=float)
            yield key, title, rates, "upper_limit_95" in values[0]


def _rows(everything: dict, rare_class: str) -> Iterator[list]:
    goals = {key: goal.text for key, goal in GOALS.get(rare_class, {}).items()}
    for key, title, rates, in_a_million in common_rates(everything.values(), rare_class):
        show = "{:.1f}".format if in_a_million else "{:.4f}".format
        rates = 1e6 * rates if in_a_million else rates
        middle = f"{show(np.median(rates))} ({show(rates.min())} to {show(rates.max())})"
        yield [title, goals.get(key, ""), *map(show, rates), middle]


def _survey_parts(surveys: list[dict], seeds: list[str], rare_class: str) -> list[str]:
    """Return the section on figures of a survey, as `measure_survey` gives them."""
    headings = ["measure", "goal", *seeds, "median (lowest to highest)"]
    return [
        "## In a survey",
        f"The list of all spectra with `p_{rare_class}_survey` of at least 0.5, weighted to a "
        "survey's populations as in [recognition](recognition.md). Ranges in the columns of "
        "seeds hold 90 %, over samples of stars.",
        table(headings, _survey_rows(surveys, rare_class)),
        f"How often spectra with a stated `p_{rare_class}_survey` are {members(rare_class)}, S/N "
        "above 5; in brackets the 90 % range. The last column counts the seeds in which that "
        "range holds the mean of what is stated.",
        table(["stated", *seeds, "holds in"], _reliability_rows(surveys)),
    ]


def _survey_rows(surveys: list[dict], rare_class: str) -> Iterator[list[str]]:
    """Rows of measure, goal, one value a seed, and the median."""
    at = [survey["thresholds"]["0.5"] for survey in surveys]
    goals: dict[str, Any] = dict(SURVEY_GOALS.get(rare_class, {}))
    border = "purity, the border counted as neither" if "purity_without_border" in goals else ""
    named = {
        "purity_without_border": border,
        "purity": "purity, the border counted as false" if border else "purity",
        "completeness": "completeness",
        "false_in_a_million": "false ones in a million spectra",
    }
    for key, title in named.items():
        for snr in ("above 10", *(SHOWN_SNR if key == "completeness" else ())):
            if title:
                goal = goals.get(key, {}).get(snr, "")
                values = [entry[snr][key] for entry in at]
                yield _survey_row(f"{title}, S/N {snr}", goal, values)
    for name in surveys[0]["prevalence"]:
        for snr in SHOWN_SNR if name in goals else ("above 10",):
            goal = goals.get(name, {}).get(snr, "")
            values = [entry[snr]["called"][name] for entry in at]
            yield _survey_row(f"{name} called candidates, S/N {snr}, %", goal, values, percent=True)
    expected = [survey["expected"] for survey in surveys]
    yield _survey_row("sum of probabilities over true number", goals.get("expected", ""), expected)


def _survey_row(title: str, goal: str, values: list, *, percent: bool = False) -> list[str]:
    known = [np.nan if value is None else value for value, *_ in values]
    said = (in_range(value, percent=percent) for value in values)
    return [title, goal, *said, spread(known, percent=percent)]


def _reliability_rows(surveys: list[dict]) -> Iterator[list[str]]:
    for of_bin in zip(*(survey["reliability"] for survey in surveys), strict=True):
        judged = [x for x in of_bin if x["stated"] is not None and None not in x["observed"]]
        held = sum(x["observed"][1] <= x["stated"] <= x["observed"][2] for x in judged)
        said = [
            "-" if x["stated"] is None else f"{x['stated']:.3f}: {in_range(x['observed'])}"
            for x in of_bin
        ]
        label = f"{of_bin[0]['from']:g} to {of_bin[0]['to']:g}"
        yield [label, *said, f"{held} of {len(judged)}"]
