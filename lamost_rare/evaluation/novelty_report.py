"""docs/novelty.md: what is flagged as unlike all known spectra."""

from __future__ import annotations

import os

from .novelty import BINS, Flagged, NoveltyFigures
from .pages import GLOSSARY, table, write_page

__all__ = ["novelty_summary", "write_novelty"]

_HEADINGS = [*(f"S/N {low:g}-{high:g}" for low, high in BINS[:-1]), f"above {BINS[-1][0]:g}"]


def novelty_summary(figures: NoveltyFigures) -> list[str]:
    """Return what is most worth knowing, in lines."""
    lines = [f"flagged, median over classes left out, S/N above 10: {figures.median:.3f}"]
    if "all" in figures.real:
        real = figures.real["all"]
        lines.append(f"flagged of real spectra, S/N above 10: {real.above_10:.4f}")
    return lines


def write_novelty(
    figures: NoveltyFigures, preset_name: str, output: str | os.PathLike, command: str
) -> None:
    """Write the page.

    Parameters
    ----------
    figures : NoveltyFigures
    preset_name : str
    output : path-like
        Markdown.
    command : str
        What made it, to be printed.
    """
    parts = [
        f"# What `{preset_name}` flags as unlike all known spectra",
        f"Made by `{command}`. {GLOSSARY}",
        "The column `novelty` says how unlike all known spectra a spectrum is. It is -log₁₀ of "
        "the part of the known spectra that are as unusual, among those of as much noise: 2 "
        "means one in a hundred. From 2 on, the flag `OUT_OF_DISTRIBUTION` is set. Neither "
        "changes a probability or a candidate. A candidate with the flag may be of none of the "
        "classes: look at it first.",
        "## How it is found",
        "A small dense network, independent of the recogniser, gets the same input as [the first "
        "stage](scan.md#the-first-stage): depths in blocks of four pixels. It also gets a few "
        "numbers for each twelfth of the spectrum (`inference/novelty.py`). It learned to tell "
        "observations of known stars from spectra that no star has. Those were made from library "
        "stars (`simulation/oddities.py`). Some have lines where none are, or lines that are too "
        "strong or inverted. Some have other velocities or scales, or parts of other stars. Others "
        "are smeared, or have many spikes. None of them imitates any object. So what the network "
        "does with a class that it has not seen, it should do with the next one as well. Known "
        "stars are those of all classes except `other`, which holds whatever fits no other class. "
        "How rare a score is was counted on stars that were not trained on, separately for each "
        "level of noise. More than half of them are real spectra of the survey.",
        "## Classes left out",
        "The table has the part of the spectra that is flagged. Each class was unknown to the "
        "network that judged it. The median over the classes at S/N above 10 is "
        f"**{_percent(figures.median)}**, not counting hot subdwarfs, which look like O stars, "
        "and random lines. Quasars, galaxies and the objects of class `other` are never known. "
        "Hot subdwarfs and white dwarfs are known to the shipped preset; for this table they "
        "were left out of a training of their own. Invented classes are simulated, since the "
        "data have no spectra of them.",
        _table("class", figures.left_out),
        "What is similar to a known class is flagged least. To this network L and T dwarfs and S "
        "stars look like M stars, and hot subdwarfs like O and B stars. A spectrum without the "
        "flag may still be of an unknown class.",
        "## Faults",
        "Faults were added to spectra of stars that were not trained on; `none` is the same "
        "spectra without a fault. A wavelength error of a few ångströms looks like a star of "
        "high velocity. Residuals of sky lines are given by their width at the level of the "
        "star's light. They also enter the noise, which is measured from neighbouring pixels, so "
        "that they are less conspicuous. Two stars in the two arms of one spectrum can only be "
        "noticed if they are of very different types.",
        _table("fault", figures.faults),
        "## Known spectra",
        "Simulated observations of stars that were not trained on, and real spectra as they are:",
        _table("class, simulated", figures.known),
        _table("class, real", figures.real),
        "Of classes with few stars to learn from, more spectra are flagged: each star is "
        "somewhat new.",
    ]
    write_page(output, parts)


def _table(heading: str, found: dict[str, Flagged]) -> str:
    rows = [
        [name, *map(_percent, f.share), _percent(f.above_10), f"{sum(f.number):,}"]
        for name, f in found.items()
    ]
    return table([heading, *_HEADINGS, "all above 10", "spectra"], rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share == share else "-"
