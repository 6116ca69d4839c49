"""docs/mixture.md: what generated stars do for a shipped recogniser."""

from __future__ import annotations

import os

import numpy as np

from ..figure_titles import members
from ..markdown import markdown_table
from .mixture import WAYS, Mixture
from .pages import GLOSSARY, said_of_runs, spread, table, write_page
from .seeds import common_rates

__all__ = ["summary", "write_mixture"]


def write_mixture(
    found: Mixture, recipe_name: str, output: str | os.PathLike, command: str
) -> None:
    """Write the page.

    Parameters
    ----------
    found : Mixture
    recipe_name : str
    output : path-like
        Markdown.
    command : str
        What made it, to be printed.
    """
    s, rare = found.settings, members(found.rare_class)
    n_folds, n_repetitions = found.log_loss["mixture"].shape
    change = _change(found)
    by_fold = [
        [
            fold,
            *(spread(found.log_loss[way][fold], digits=3) for way in WAYS),
            _signed(change[fold]),
        ]
        for fold in range(n_folds)
    ]
    parts = [
        f"# What generated stars do for `{recipe_name}`",
        f"Made by `{command}`. {said_of_runs(n_repetitions, 'repetition')} {GLOSSARY}",
        f"The cross-validation has {n_folds} recognisers. Each is trained for {s.epochs} more "
        f"epochs, from a learning rate of {s.learning_rate:g} down. There are two ways: with "
        f"simulation alone, and with {100 * s.fraction:g} % of the {rare} made by an LCGAN. The "
        "generated stars are observed in simulation like library stars: without the generator's "
        "own noise, with that of real spectra, and reddened. That LCGAN was trained for "
        f"{s.gan.iterations} iterations on {s.n_examples} observations of the same {rare} as its "
        "recogniser, and of no others. Each is tried on the stars that neither has seen, with the "
        "same observations for all. Temperature and the rule of candidates are fitted to the "
        "other folds. [Recognition](recognition.md) explains the measures.",
        table(["measure", *WAYS.values()], _rows(found)),
        "False alarms are given in a million spectra.",
        "## Log loss by fold",
        table(["fold", *WAYS.values(), "difference that the LCGAN makes"], by_fold),
        f"Log loss of {rare} against the other hot stars of libraries, both taken as equally "
        f"frequent, before temperature; lower is better. {_verdict(change)}",
    ]
    write_page(output, parts)


def _rows(found: Mixture) -> list[list[str]]:
    """Return the figures of a preset's card, one column for each way."""
    rows = []
    everything = [own[way] for way in WAYS for own in found.figures]
    for _, title, rates, in_a_million in common_rates(everything, found.rare_class):
        factor, digits = (1e6, 1) if in_a_million else (1, 4)
        by_way = rates.reshape(len(WAYS), -1)
        rows.append([title, *(spread(factor * x, digits=digits) for x in by_way)])
    return rows


def summary(found: Mixture) -> list[str]:
    """Return the most telling numbers, a line each."""
    _, _, *rows = markdown_table(["measure", *WAYS], _rows(found))
    losses = [
        f"{title}: log loss {spread(found.log_loss[way].mean(axis=0), digits=3)}"
        for way, title in WAYS.items()
    ]
    return [*losses, *rows, _verdict(_change(found))]


def _change(found: Mixture) -> np.ndarray:
    """Return what generated stars do to the log loss, (n_folds, n_repetitions)."""
    return found.log_loss["mixture"] - found.log_loss["simulation"]


def _signed(values: np.ndarray) -> str:
    if len(values) == 1:
        return f"{values[0]:+.3f}"
    return f"{np.median(values):+.3f} ({min(values):+.3f} to {max(values):+.3f})"


def _verdict(change: np.ndarray) -> str:
    return (
        f"With generated stars the log loss is lower in {int((change < 0).sum())} of "
        f"{change.size} trainings; its mean changes by {change.mean():+.3f}."
    )
