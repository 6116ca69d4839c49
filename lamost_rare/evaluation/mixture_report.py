"""docs/mixture.md: what generated stars do for a shipped recogniser."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..text import check_paths
from ..validation.figure_titles import members
from .mixture import WAYS, Mixture
from .paper.report import said_of_runs, spread
from .seeds import common_rates

__all__ = ["summary", "write_mixture"]


def write_mixture(found: Mixture, recipe_name: str, output, command: str) -> None:
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
    lines = [
        f"# What generated stars do for `{recipe_name}`",
        "",
        f"Made by `{command}`. {said_of_runs(n_repetitions, 'repetition')}",
        "",
        f"Each of the {n_folds} recognisers of the cross-validation is trained on for {s.epochs} "
        f"epochs, from a learning rate of {s.learning_rate:g} down, in two ways: with simulation "
        f"alone, and with {100 * s.fraction:g} % of the {rare} from an LCGAN (observed without "
        "its noise, with that of real spectra, and reddened, like a library star). That LCGAN was "
        f"trained for {s.gan.iterations} iterations on {s.n_examples} observations of the same "
        f"{rare} as its recogniser, and on no other. Each is tried on the stars that neither has "
        "seen, with the same observations for all, and with a temperature and a discriminant "
        "fitted to the other folds, as for [recognition](recognition.md), which says what the "
        "measures are.",
        "",
        f"| measure | {' | '.join(WAYS.values())} |",
        "|---|" + "---|" * len(WAYS),
        *_rows(found),
        "",
        "False alarms are given in a million spectra.",
        "",
        "## Log loss by fold",
        "",
        "| fold | " + " | ".join(WAYS.values()) + " | with LCGAN less without |",
        "|---|" + "---|" * (len(WAYS) + 1),
    ]
    change = _change(found)
    for fold in range(n_folds):
        cells = [spread(found.log_loss[way][fold], digits=3) for way in WAYS]
        lines.append(f"| {fold} | {' | '.join(cells)} | {_signed(change[fold])} |")
    lines += [
        "",
        f"Of {rare} against the other hot stars of libraries, as if they were as frequent as all "
        "of those, before temperature; lower is better. " + _verdict(change),
    ]
    check_paths(output=output)
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(found: Mixture) -> list[str]:
    """The figures of a preset's card, one column for each way."""
    rows = []
    everything = [own[way] for way in WAYS for own in found.figures]
    for _, title, rates, in_a_million in common_rates(everything, found.rare_class):
        factor, digits = (1e6, 1) if in_a_million else (1, 4)
        cells = [spread(factor * x, digits=digits) for x in rates.reshape(len(WAYS), -1)]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    return rows


def summary(found: Mixture) -> list[str]:
    """The most telling numbers, a line each."""
    out = []
    for way, title in WAYS.items():
        out.append(f"{title}: log loss {spread(found.log_loss[way].mean(axis=0), digits=3)}")
    return [*out, *_rows(found), _verdict(_change(found))]


def _change(found: Mixture) -> np.ndarray:
    """What generated stars do to the log loss, (n_folds, n_repetitions)."""
    return found.log_loss["mixture"] - found.log_loss["simulation"]


def _signed(values) -> str:
    if len(values) == 1:
        return f"{values[0]:+.3f}"
    return f"{np.median(values):+.3f} ({min(values):+.3f} to {max(values):+.3f})"


def _verdict(change) -> str:
    return (
        f"With generated stars the log loss is lower in {int((change < 0).sum())} of "
        f"{change.size} trainings; its mean changes by {change.mean():+.3f}."
    )
