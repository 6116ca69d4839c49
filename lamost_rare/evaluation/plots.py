"""Plots of a classifier's trials."""

from __future__ import annotations

import os
from itertools import cycle, pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..inference.decision import CandidateRule
from ..inference.discriminant import reaches_discriminant
from ..simulation.dataset import LabelledStars
from ..simulation.labels import classes_of
from ..training.recipes import Recipe
from ..validation.figures import Decided, members_of
from ..validation.operating_point import probabilities, score_of
from ..validation.trials import LOOKALIKES, Trial

__all__ = ["new_figure", "plot_calibration", "plot_confusion", "plot_recall", "plot_tail"]


def new_figure(
    width: float = 7.0, height: float = 4.2, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, Any]:
    """Return a figure and its axes; sizes in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def plot_recall(decided: dict[str, Decided], recipe: Recipe, path: str | os.PathLike) -> None:
    """Plot the part of each group called candidates, against S/N."""
    library = decided["library"]
    edges = np.geomspace(5, 100, 9)
    figure, axes = new_figure()
    rare = recipe.rare_class
    others = LOOKALIKES.get(rare) or classes_of(library.group)
    groups = [rare, *(name for name in others if name != rare)]
    colours = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:gray")
    for group, colour in zip(groups, cycle(colours)):
        d, own, snr = library, library.whole & (library.group == group), library.snr
        if group == rare:
            d, own, snr = members_of(decided, rare)
        hits = [d.candidate[own & (snr >= a) & (snr < b)] for a, b in pairwise(edges)]
        n = np.array([len(hit) for hit in hits])
        middle = np.sqrt(edges[:-1] * edges[1:])[n > 0]
        rate = np.array([hit.mean() for hit in hits if len(hit)])
        half = np.sqrt(rate * (1 - rate) / n[n > 0])
        axes.fill_between(middle, rate - half, rate + half, color=colour, alpha=0.2, lw=0)
        axes.plot(middle, rate, "o-", color=colour, ms=3, label=group)
    axes.set(xscale="log", xlabel="S/N (g)", ylabel="called candidates", ylim=(-0.02, 1.02))
    ticks = (5, 10, 20, 50, 100)
    axes.set_xticks(ticks, [str(x) for x in ticks])
    axes.minorticks_off()
    axes.set_title(f"{recipe.name}: stars not trained on")
    axes.legend()
    figure.savefig(path, dpi=110)


def plot_tail(
    trials_of_fold: dict[int, list[Trial]],
    stars: LabelledStars,
    recipe: Recipe,
    rule: CandidateRule,
    path: str | os.PathLike,
) -> None:
    """Plot against the threshold the rate of false alarms among LAMOST spectra, and of the rare
    class's library stars those lost.

    Spectra that the discriminant keeps out are out whatever their score; the thin line is without
    that.
    """
    figure, axes = new_figure()
    for kind, colour in (("reobserved", "tab:red"), ("lamost", "black"), ("library", "tab:blue")):
        trials = [t for some in trials_of_fold.values() for t in some if t.kind == kind]
        if not trials:
            continue
        trial = Trial.concatenate(trials)
        own = (stars.label[trial.row] == recipe.rare_class) == (kind == "library")
        own &= stars.whole[trial.row] | (kind != "library")
        raw = score_of(trial, rule)
        p = probabilities(trial, rule)
        reached = reaches_discriminant(p, trial.measured_snr, rule.discriminant)
        score = np.where(reached, raw, -np.inf)
        raw, score = np.sort(raw[own]), np.sort(score[own])
        if kind == "library":
            lost = np.arange(1, len(score) + 1) / len(score)
            axes.plot(score, lost, color=colour, label=f"{recipe.rare_class} lost (S/N 5 to 100)")
            continue
        rate = np.arange(len(score), 0, -1) / len(score)
        axes.plot(score, rate, color=colour, drawstyle="steps-pre", label=f"LAMOST, {kind}")
        if rule.discriminant and kind == "reobserved":
            axes.plot(raw, rate, color=colour, lw=0.6, drawstyle="steps-pre")
    axes.axvline(np.log(rule.threshold / (1 - rule.threshold)), color="gray", ls="--", lw=1)
    axes.set(yscale="log", xlim=(-12, 14), ylim=(1e-6, 1.2))
    name = recipe.rare_class
    axes.set(xlabel=f"log p({name}) / (1 - p({name}))", ylabel="rate")
    axes.legend()
    figure.savefig(path, dpi=110)


def plot_confusion(decided: dict[str, Decided], recipe: Recipe, path: str | os.PathLike) -> None:
    """Plot predicted against true class, of library stars and LAMOST spectra above S/N 20."""
    classes = list(recipe.classes)
    counts = np.zeros((len(classes), len(classes)))
    for kind in ("library", "lamost"):
        d = decided[kind]
        own = (d.snr > 20) & np.isin(d.label, classes) & (d.whole | (kind == "lamost"))
        true = np.array([classes.index(x) for x in d.label[own]], dtype=int)
        np.add.at(counts, (true, d.p[own].argmax(axis=1)), 1)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = new_figure(6.5, 5.5)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.argwhere(share > 0.004):
        colour = "white" if share[i, j] > 0.5 else "black"
        axes.text(j, i, f"{share[i, j]:.2f}", ha="center", va="center", fontsize=7, color=colour)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(
        range(len(classes)), [f"{c} ({n:.0f})" for c, n in zip(classes, counts.sum(1), strict=True)]
    )
    axes.set(xlabel="predicted", ylabel="true (spectra)")
    figure.savefig(path, dpi=110)


def plot_calibration(decided: dict[str, Decided], recipe: Recipe, path: str | os.PathLike) -> None:
    """Plot the frequency of the rare class in the library trials against its probability."""
    d = decided["library"]
    rare = list(recipe.classes).index(recipe.rare_class)
    p, true = d.p[d.whole, rare], d.label[d.whole] == recipe.rare_class
    edges = np.linspace(0, 1, 11)
    index = np.clip(np.digitize(p, edges) - 1, 0, 9)
    figure, axes = new_figure(4.8, 4.4)
    axes.plot([0, 1], [0, 1], color="gray", lw=1)
    for k in range(10):
        own = index == k
        if own.sum() >= 10:
            axes.plot(p[own].mean(), true[own].mean(), "o", color="tab:blue")
    name = recipe.rare_class
    axes.set(xlabel=f"probability of {name}", ylabel=f"part that is {name}")
    axes.set_title("stars of the libraries")
    figure.savefig(path, dpi=110)
