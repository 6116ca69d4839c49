"""Plots of a classifier's trials."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..figure_titles import members
from ..inference.decision import CandidateRule
from ..inference.discriminant import reaches_discriminant
from ..simulation.dataset import LabelledStars
from ..simulation.labels import classes_of
from ..training.recipes import Recipe
from ..validation.figures import Decided
from ..validation.operating_point import probabilities, score_of
from ..validation.statistics import part_of_stars
from ..validation.trials import LOOKALIKES, Trial
from .drawing import (
    BLACK,
    BLUE,
    VERMILION,
    new_figure,
    plot_ranges,
    save_figure,
    series_styles,
    snr_axis,
)
from .shown import Shown

__all__ = ["plot_calibration", "plot_confusion", "plot_false_alarms", "plot_recall", "plot_tail"]

_EDGES = np.geomspace(5, 100, 9)
_KINDS = {
    "reobserved": ("LAMOST spectra that are not {name}, noise added", BLACK, "-"),
    "lamost": ("LAMOST spectra that are not {name}, as they are", VERMILION, "--"),
    "library": ("{members} that are lost, S/N 5 to 100", BLUE, "-."),
}
_LEAST_SHOWN = 1e-4


def plot_recall(shown: Shown, path: str | os.PathLike, *, seed: int = 0) -> None:
    """Plot the part of each group called candidates against S/N: above of the rare class, below of
    the groups that it may be confused with, on a scale of their own.

    Parameters
    ----------
    shown : Shown
    path : path-like
    seed : int
        Of the samples of stars for the bars.
    """
    rare, library = shown.rare_class, shown.kind == "library"
    kind, own = shown.members()
    others = LOOKALIKES.get(rare) or classes_of(shown.group[library & (shown.group != "")])
    groups = {rare: own}
    groups |= {x: library & (shown.group == x) for x in others if x != rare}
    figure, (above, below) = new_figure(7, 6, 2, 1, sharex=True)
    rng = np.random.default_rng(seed)
    for i, (group, style) in enumerate(series_styles(groups).items()):
        rows = groups[group]
        if not rows.any():
            continue
        text = members(group)
        if group != rare:
            hits = int(shown.called[rows].sum())
            text += f": {hits or 'none'} of {rows.sum():,}"
        _against_snr(below if i else above, shown, rows, rng, aside=0.03 * i, label=text, **style)
    of = "library stars" if kind == "library" else "LAMOST spectra, noise added"
    above.set(ylabel=f"{members(rare)} called candidates (%)", ylim=(-3, 103))
    above.set_title(f"{of}, not trained on; bars: 5 to 95 %", fontsize="medium")
    below.set(ylabel="others called candidates (%)")
    below.set_ylim(-0.03 * (top := 1.3 * max(below.get_ylim()[1], 5)), top)  # the legend is there
    snr_axis(below)
    for axes in (above, below):
        axes.grid(alpha=0.25)
    if below.get_legend_handles_labels()[0]:
        below.legend(fontsize="small", ncols=2, loc="upper left")
    save_figure(figure, path)


def _against_snr(
    axes: Axes,
    shown: Shown,
    rows: np.ndarray,
    rng: np.random.Generator,
    *,
    aside: float,
    **style: Any,
) -> None:
    """Draw the part of some spectra that is called candidates; bins a little aside."""
    points = []
    for low, high in pairwise(_EDGES):
        here = rows & (shown.snr >= low) & (shown.snr < high)
        if here.any():
            part = part_of_stars(shown.called[here], shown.star[here], shown.weight[here], rng)
            points.append((np.sqrt(low * high) * (1 + aside), *(100 * x for x in part)))
    drawn = np.array(points).reshape(-1, 4)
    style = {"ms": 4, "lw": 1.2, "elinewidth": 0.8, "capsize": 2} | style
    plot_ranges(axes, drawn[:, 0], drawn[:, 1:], **style)


def plot_false_alarms(
    shown: Shown,
    trials_of_fold: dict[int, list[Trial]],
    stars: LabelledStars,
    recipe: Recipe,
    rule: CandidateRule,
    path: str | os.PathLike,
) -> None:
    """Plot false alarms and losses against what the rule decides by: the probability in a survey,
    or, without odds, the classifier's."""
    if rule.odds is not None:
        plot_tail(shown, path)
    else:
        _plot_tail_by_score(trials_of_fold, stars, recipe, rule, path)


def plot_tail(shown: Shown, path: str | os.PathLike) -> None:
    """Plot against the threshold the rate of false alarms among LAMOST spectra, and the part of the
    rare class's library stars that is lost, by probability in a survey."""
    figure, axes = new_figure()
    rare = shown.rare_class
    for kind, (text, colour, line) in _KINDS.items():
        own = (shown.kind == kind) & ((shown.group == rare) == (kind == "library"))
        if not own.any():
            continue
        order = np.argsort(shown.survey[own])
        p, weight = shown.survey[own][order], shown.weight[own][order].astype(float)
        if kind == "library":
            rate = (np.cumsum(weight) - weight) / weight.sum()
        else:
            rate = np.cumsum(weight[::-1])[::-1] / weight.sum()
        seen = (p >= _LEAST_SHOWN) & (rate > 0)
        text = f"{text.format(name=rare, members=members(rare))} ({weight.sum():,.0f})"
        axes.step(p[seen], rate[seen], where="pre", color=colour, ls=line, label=text)
    axes.set(xscale="logit", xlim=(_LEAST_SHOWN, 0.995), yscale="log")
    ticks = (1e-4, 1e-3, 0.01, 0.1, 0.5, 0.9, 0.99)
    axes.set_xticks(ticks, [f"{x:g}" if x > 1e-4 else "0.0001" for x in ticks])
    axes.minorticks_off()
    _finish_tail(figure, axes, shown.threshold, f"p_{rare}_survey", path)


def _finish_tail(
    figure: Figure, axes: Axes, threshold: float, decides: str, path: str | os.PathLike
) -> None:
    """Mark the threshold of candidates, name the axes, and save a plot of false alarms."""
    axes.axvline(threshold, color="gray", lw=1, ls=":", label="threshold of candidates")
    axes.set(ylim=(1e-6, 1.5), xlabel=f"threshold of {decides}", ylabel="part of spectra")
    axes.grid(alpha=0.25)
    axes.legend(fontsize="small")
    save_figure(figure, path)


def _plot_tail_by_score(
    trials_of_fold: dict[int, list[Trial]],
    stars: LabelledStars,
    recipe: Recipe,
    rule: CandidateRule,
    path: str | os.PathLike,
) -> None:
    """Plot the same by the classifier's probability, for a rule without odds of a survey.

    Spectra that a discriminant keeps out are out whatever their score; a dotted line is without
    that.
    """
    figure, axes = new_figure()
    name = recipe.rare_class
    for kind, (text, colour, line) in _KINDS.items():
        trials = [t for some in trials_of_fold.values() for t in some if t.kind == kind]
        if not trials:
            continue
        trial = Trial.concatenate(trials)
        own = (stars.label[trial.row] == name) == (kind == "library")
        own &= stars.whole[trial.row] | (kind != "library")
        raw, p = score_of(trial, rule), probabilities(trial, rule)
        reached = reaches_discriminant(p, trial.measured_snr, rule.discriminant)
        score = np.sort(np.where(reached, raw, -np.inf)[own])
        text = f"{text.format(name=name, members=members(name))} ({len(score):,})"
        if kind == "library":
            lost = np.arange(1, len(score) + 1) / len(score)
            axes.plot(score, lost, color=colour, ls=line, label=text)
            continue
        rate = np.arange(len(score), 0, -1) / len(score)
        axes.step(score, rate, where="pre", color=colour, ls=line, label=text)
        if rule.discriminant and kind == "reobserved":
            text += ", without the discriminant"
            axes.step(np.sort(raw[own]), rate, where="pre", color=colour, ls=":", label=text)
    at = np.log(rule.threshold / (1 - rule.threshold))
    axes.set(xlim=(-12, 14), yscale="log")
    _finish_tail(figure, axes, at, f"log p_{name} / (1 - p_{name})", path)


def plot_confusion(decided: dict[str, Decided], recipe: Recipe, path: str | os.PathLike) -> None:
    """Plot predicted against true class, of library stars and LAMOST spectra above S/N 20."""
    classes = list(recipe.classes)
    counts = np.zeros((len(classes), len(classes)))
    for kind in ("library", "lamost"):
        d = decided[kind]
        own = (d.snr > 20) & np.isin(d.label, classes) & (d.whole | (kind == "lamost"))
        true = np.array([classes.index(x) for x in d.label[own]], dtype=int)
        np.add.at(counts, (true, d.p[own].argmax(axis=1)), 1)
    share = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = new_figure(7.2, 5.8)
    shade = axes.imshow(share, cmap="Blues", vmin=0, vmax=100)
    for i, j in np.argwhere(share >= 0.5):
        colour = "white" if share[i, j] > 50 else "black"
        axes.text(j, i, f"{share[i, j]:.0f}", ha="center", va="center", color=colour)
    names = [name.replace("_", " ") for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(
        range(len(classes)), [f"{c} ({n:,.0f})" for c, n in zip(names, counts.sum(1), strict=True)]
    )
    axes.set(xlabel="predicted class", ylabel="true class (spectra)")
    figure.colorbar(shade, label="of the spectra of a class (%)", shrink=0.8)
    save_figure(figure, path)


def plot_calibration(decided: dict[str, Decided], recipe: Recipe, path: str | os.PathLike) -> None:
    """Plot the frequency of the rare class in the library trials against its probability."""
    d = decided["library"]
    name = recipe.rare_class
    rare = list(recipe.classes).index(name)
    p, true = d.p[d.whole, rare], d.label[d.whole] == name
    edges = np.linspace(0, 1, 11)
    index = np.clip(np.digitize(p, edges) - 1, 0, 9)
    bins = [own for own in (index == k for k in range(10)) if own.sum() >= 10]
    figure, axes = new_figure(4.8, 4.4)
    axes.plot([0, 1], [0, 1], color="gray", lw=1, label="perfect")
    at = [p[own].mean() for own in bins], [true[own].mean() for own in bins]
    axes.plot(*at, "o", color=BLUE, label="library stars")
    axes.set(xlabel=f"stated probability p_{name}", ylabel=f"part that is {name}")
    axes.grid(alpha=0.25)
    axes.legend()
    save_figure(figure, path)
