"""docs/mixture.md: what generated stars do for a shipped recogniser."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .mixture import WAYS, Mixture
from .paper_report import spread
from .trials import SNR_BINS

__all__ = ["summary", "write_mixture"]

_SCORES = {
    "recall_b1": ("O stars found where 0.3 % of B1 and later are", True),
    "recall_b0": ("where 5 % of B0-B0.5 are", True),
    "log_loss": ("log loss", False),
}


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
    s, n = found.settings, found.counts
    n_folds, n_repetitions = found.by_fold["mixture"].shape
    between = (
        f"Numbers are the median of {n_repetitions} repetitions, in brackets "
        f"{'quartiles' if n_repetitions >= 5 else 'the lowest and the highest'}."
        if n_repetitions > 1
        else "Numbers are of one repetition."
    )
    counted = ", ".join(
        f"{n[name]['stars']} stars {title} ({n[name]['observations']:,} observations)"
        for name, title in (("O", "of type O"), ("B0-B0.5", "B0-B0.5"), ("B1+", "B1 and later"))
    )
    lines = [
        f"# What generated stars do for `{recipe_name}`",
        "",
        f"Made by `{command}`. {between}",
        "",
        f"Each of the {n_folds} recognisers of the cross-validation is trained on for {s.epochs} "
        f"epochs, from a learning rate of {s.learning_rate:g} down, in two ways: with simulation "
        f"alone, and with {100 * s.fraction:g} % of the O stars from an LCGAN (observed without "
        "its noise, with that of real spectra, and reddened, like a library star). That LCGAN was "
        f"trained for {s.gan.iterations} iterations on {s.n_examples} observations of the same O "
        "stars as its recogniser, and on no other. Each is tried on the stars that neither has "
        f"seen, with the same observations for all: {counted}, and hot subdwarfs and white dwarfs.",
        "",
        "| recogniser | S/N (g) | " + " | ".join(title for title, _ in _SCORES.values()) + " |",
        "|---|---|" + "---|" * len(_SCORES),
    ]
    for way, title in WAYS.items():
        for k, (low, high) in enumerate(SNR_BINS):
            cells = [
                spread(found.scores[way][name][k], percent=percent, digits=1 if percent else 3)
                for name, (_, percent) in _SCORES.items()
            ]
            lines.append(f"| {title} | {low:g}-{high:g} | {' | '.join(cells)} |")
    lines += [
        "",
        "Percent of O stars; log loss of O against all others, as if both were as often, lower is "
        "better. No threshold of the shipped preset comes in.",
        "",
        "## Log loss by fold",
        "",
        "| fold | " + " | ".join(WAYS.values()) + " | with LCGAN less without |",
        "|---|" + "---|" * (len(WAYS) + 1),
    ]
    change = found.by_fold["mixture"] - found.by_fold["simulation"]
    for fold in range(n_folds):
        cells = [spread(found.by_fold[way][fold], digits=3) for way in WAYS]
        lines.append(f"| {fold} | {' | '.join(cells)} | {_signed(change[fold])} |")
    lines += ["", _verdict(change)]
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text("\n".join(lines) + "\n", encoding="utf-8")


def summary(found: Mixture) -> list[str]:
    """The most telling numbers, a line each."""
    out = []
    for way, title in WAYS.items():
        recall = [
            spread(values, percent=True, digits=1) for values in found.scores[way]["recall_b1"]
        ]
        loss = spread(found.by_fold[way].mean(axis=0), digits=3)
        out.append(f"{title}: log loss {loss}; recall by S/N {', '.join(recall)} %")
    return [*out, _verdict(found.by_fold["mixture"] - found.by_fold["simulation"])]


def _signed(values) -> str:
    if len(values) == 1:
        return f"{values[0]:+.3f}"
    return f"{np.median(values):+.3f} ({min(values):+.3f} to {max(values):+.3f})"


def _verdict(change) -> str:
    better = int((change < 0).sum())
    return (
        f"With generated stars the log loss is lower in {better} of {change.size} trainings, by "
        f"{-change.mean():.3f} in the mean."
        if better
        else f"With generated stars the log loss is lower in none of {change.size} trainings."
    )
