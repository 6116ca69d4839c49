"""docs/novelty.md: what is flagged as unlike all known spectra."""

from __future__ import annotations

from .novelty import BINS, NoveltyFigures
from .pages import table, write_page

__all__ = ["novelty_summary", "write_novelty"]

_HEADINGS = [*(f"S/N {low:g}-{high:g}" for low, high in BINS[:-1]), f"above {BINS[-1][0]:g}"]


def novelty_summary(figures: NoveltyFigures) -> list[str]:
    """Return what is most worth knowing, in lines."""
    lines = [f"flagged, median over classes left out, S/N above 10: {figures.median:.3f}"]
    if "all" in figures.real:
        real = figures.real["all"]
        lines.append(f"flagged of real spectra, S/N above 10: {real.above_10:.4f}")
    return lines


def write_novelty(figures: NoveltyFigures, preset_name: str, output, command: str) -> None:
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
        f"Made by `{command}`.",
        "The column `novelty` says how unlike all known spectra a spectrum is: -log₁₀ of the part "
        "of known spectra, of as much noise, that are as odd. From 2 on, one in a hundred, the "
        "flag `OUT_OF_DISTRIBUTION` is set. Neither changes a probability or a candidate: a "
        "candidate with the flag is one to look at first with the thought that it may be none of "
        "the classes.",
        "## How it is found",
        "A small dense network, which has nothing to do with the recogniser, sees the depths of "
        "blocks of four pixels that [the first stage](scan.md#the-first-stage) sees as well, and "
        "a few numbers of each twelfth of the spectrum (`inference/novelty.py`). It was taught to "
        "tell observations of known stars from spectra that no star has: library stars with lines "
        "where none are, at other velocities or scales, with parts of other stars, lines that "
        "are too strong or turned around, smeared, with many spikes (`simulation/oddities.py`). "
        "None of these is meant to look like any object, so that what it does for a class it has "
        "not seen is what it will do for the next one. Known are the stars of all classes but "
        "`other`, which is whatever fits no other class. How rare a score is is counted on stars "
        "that were not trained on (folds by star), of which real spectra of the survey make up "
        "more than half, in bins of the noise.",
        "## Classes left out",
        f"Parts flagged, by S/N (g). Median over the classes at S/N above 10: "
        f"**{_percent(figures.median)}**; hot subdwarfs, which look like O stars, and random lines "
        "do not count there. Quasars, galaxies and the objects of class `other` are never known. "
        "Hot subdwarfs and white dwarfs are left out of a training of their own, and are known to "
        "the preset. What is invented has no spectra in the data.",
        _table("class", figures.left_out),
        "What is near to a known class is flagged least: L and T dwarfs and S stars are to this "
        "network as M stars, hot subdwarfs as O and B stars. The absence of the flag is no proof "
        "that a spectrum is of a known class.",
        "## Faults",
        "Done to spectra of stars that were not trained on; `none` is the same spectra without "
        "a fault. An error of a few ångströms is as a star of high velocity. Sky lines left in, or "
        "taken away twice, are given by the width of one at the level of the star; noise that was "
        "measured at neighbouring pixels takes in what they do. What is a star in both arms "
        "can only be told from one star where the two are far apart.",
        _table("fault", figures.faults),
        "## Known spectra",
        "Simulated observations of stars that were not trained on, and real spectra as they are:",
        _table("class, simulated", figures.known),
        _table("class, real", figures.real),
        "Of the classes with few stars to learn from, more are flagged: each star is a little new.",
    ]
    write_page(output, parts)


def _table(heading, found) -> str:
    rows = [
        [name, *map(_percent, f.share), _percent(f.above_10), f"{sum(f.number):,}"]
        for name, f in found.items()
    ]
    return table([heading, *_HEADINGS, "all above 10", "spectra"], rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share == share else "-"
