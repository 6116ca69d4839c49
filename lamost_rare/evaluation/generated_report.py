"""docs/gan.md: how good generated spectra are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .generated import REFERENCE, GanFigures
from .generated_plots import MEASURES, plot_measures, plot_panel
from .pages import images_beside, spread, table, write_page
from .paper.report import PAPER
from .real_spectra import KINDS

__all__ = ["summary", "write_gan"]

_SPACE = {"flux": "flux", "rectified": "rectified flux"}
_KIND = {"unseen": "unseen stars", "seen": "training stars, other noise"}


def write_gan(figures: GanFigures, output, command: str) -> None:
    """Write the page and its plots (in ``images/`` beside it).

    Parameters
    ----------
    figures : GanFigures
    output : path-like
        Markdown.
    command : str
        What made it, to be printed.
    """
    images = images_beside(output)
    plot_panel(figures.panel, images / "gan-panel.png")
    plot_measures(figures.panel, images / "gan-measures.png")
    n_seeds = len(figures.svm["flux"][REFERENCE]["f_kept"])
    between = " Median, in brackets quartiles." if n_seeds >= 5 else " Median, lowest, highest."
    repeated = f"{n_seeds} repetition{'s' if n_seeds > 1 else ''}"
    parts = [
        "# How good generated spectra are",
        f"Made by `{command}`: {repeated}, each with new generated spectra and new observations."
        f"{between if n_seeds > 1 else ''}",
        _real(figures),
        f"![Generated and real {figures.rare_class} spectra](images/gan-panel.png)",
        "Left: the first generated spectra of a seed, not chosen. Right: the real ones of most "
        "nearly equal noise and slope.",
        "## GAN-train and GAN-test",
        *_svm(figures),
        "## Lines, noise, continuum",
        *_measures(figures),
        "![Distributions of widths, noise and slope](images/gan-measures.png)",
        "## Coverage",
        *_coverage(figures),
        "## Memorisation",
        *_memorised(figures),
    ]
    write_page(output, parts)


def summary(figures: GanFigures) -> list[str]:
    """Return the most telling numbers, a line each."""
    kind = _present(figures)[0]
    out = []
    for name in _names(figures):
        for space, title in _SPACE.items():
            score = figures.svm[space][name][kind]
            out.append(
                f"{name}, {_KIND[kind]}, {title}: GAN-test "
                f"{spread(score['gan_test'], percent=True)} %, GAN-train "
                f"{spread(score['gan_train'], percent=True)} %"
            )
        p = {
            title: np.median(figures.measures[name][kind][measure]["p"])
            for measure, title in MEASURES.items()
        }
        out.append("  p: " + ", ".join(f"{title} {value:.3f}" for title, value in p.items()))
        if figures.memorised:
            near = {space: spread(m["too_near"]) for space, m in figures.memorised[name].items()}
            out.append(f"  too near: flux {near['flux']}, line depths {near['lines']}")
    return out


def _real(f) -> str:
    n = {kind: len(f.stars[kind]) for kind in KINDS}
    low, high = f.snr_range
    known = (
        f"{n['seen']} stars trained the generator ({f.n_examples} spectra), {n['unseen']} are "
        "unseen"
        if f.known
        else f"which stars trained the generator is not known: all {n['seen']} may have"
    )
    return (
        f"Real spectra are observations, at S/N (g) from {low:g} to {high:g}, of {f.rare_class} "
        "stars that cover the whole grid, in simulation where they are library stars: noise, "
        "bad pixels and sky of LAMOST spectra, extinction, rotation, velocities, nebulae. "
        f"{known[0].upper() + known[1:]}. New spectra of stars that it saw are no test of new "
        "stars, so the two are measured apart: **unseen stars**, and **training stars** in noise "
        "that the generator has not seen."
    )


def _names(f):
    return [*f.names, REFERENCE]


def _present(f):
    return [kind for kind in KINDS if f.stars[kind]]


def _compared(f) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Yield name, kind of real spectra, and the titles of both, for each row of a table."""
    for name in _names(f):
        for kind in _present(f):
            yield name, kind, (f.titles[name], _KIND[kind])


def _svm(f) -> list[str]:
    rows = []
    for space, title in _SPACE.items():
        for name, kind, titles in _compared(f):
            scores, own = f.svm[space][name], f.svm[space][name][kind]
            shown = [*(own[x] for x in ("gan_test", "red", "blue", "gan_train")), scores["f_kept"]]
            cells = [spread(x, percent=True, digits=1) for x in shown]
            rows.append([title, *titles, *cells, _of_paper(titles[0]) if space == "flux" else "-"])
    headings = [
        "seen",
        "spectra",
        "against",
        "GAN-test",
        "of the reddest",
        "of the others",
        "GAN-train",
        "unseen F not taken for it",
        "paper: test, train",
    ]
    s = f.sizes
    return [
        table(headings, rows),
        f"Percent. scikit-learn's NuSVC, Gaussian kernel, {f.rare_class} against F. GAN-test: "
        f"trained on {s.set2} real spectra repeated to {s.set3} and {s.set3} F, tested on "
        f"{s.set3} generated ones. GAN-train: trained on {s.set3} generated and {s.set3} F, "
        f"tested on the {s.set2} real ones; and on {s.set3} spectra of other F stars, without "
        "which an SVM that always said yes would look perfect. Flux beyond 7380 Å, where some "
        "libraries end, is made constant for all. The reddest: generated spectra redder than "
        "three quarters of the real ones.",
        "The paper's SVM sees flux, of which most is the slope of the continuum, and extinction "
        f"gives {f.rare_class} stars the slope of any other. What it takes for F are the reddest, "
        "real ones too: there GAN-test tells how much extinction the spectra have, and little of "
        "their lines. Of rectified flux, divided by its pseudo-continuum, it sees lines, and "
        "noise. In both a perfect generator reaches what real spectra of the training stars do, "
        "of the reddest too, which are noisier in the blue than others.",
    ]


def _of_paper(title) -> str:
    """Return GAN-test and GAN-train of a network in Yang et al. (2021), Table 2."""
    for network in ("lcgan", "sgan"):
        if title.lower().startswith(network):
            return ", ".join(
                f"{100 * PAPER[network][key]:.2f}" for key in ("gan_test", "gan_train")
            )
    return "-"


def _measures(f) -> list[str]:
    rows = []
    for measure, title in MEASURES.items():
        for name, kind, titles in _compared(f):
            m = f.measures[name][kind][measure]
            p = np.array(m["p"])
            rows.append(
                [
                    title,
                    *titles,
                    *(f"{np.median(m[whose]):.2f}" for whose in ("generated", "real")),
                    spread(m["distance"]),
                    spread(p, digits=3),
                    f"{int((p < 0.05).sum())} of {len(p)}",
                ]
            )
    headings = ["measure", "spectra", "against", "median, generated", "median, real"]
    return [
        table([*headings, "KS distance", "p", "p under 0.05"], rows),
        f"Two-sample Kolmogorov-Smirnov tests of {f.sizes.compared} generated against "
        f"{f.sizes.compared} real spectra; equivalent widths as `inference.evidence` measures "
        "them, absorption positive. The ratio is an angle: 45 degrees for equal widths, above 90 "
        "where noise makes He II negative. Noise: relative, a pixel, 4000-5500 Å. Slope: flux near "
        "4150 Å over flux near 6750 Å. "
        "The rows of real spectra say what other stars alone, or other noise alone, do to the "
        "test: few stars differ from few other stars more than a test expects that takes every "
        "spectrum for a star of its own.",
    ]


def _coverage(f) -> list[str]:
    rows = [
        [*titles, *(spread(f.coverage[name][kind][space]) for space in ("flux", "lines"))]
        for name, kind, titles in _compared(f)
    ]
    return [
        table(["spectra", "against", "standardized flux", "line depths"], rows),
        f"Part of {f.sizes.set2} real spectra to which one of {f.sizes.set2} generated ones is "
        "nearer than their fifth nearest real one (Naeem et al. 2020): 0.97 for equal "
        "distributions, 0 for a generator that makes one spectrum only.",
    ]


def _memorised(f) -> list[str]:
    if not f.memorised:
        return ["Not measured: no star is known to be unseen."]
    rows = []
    for name in _names(f):
        for space, title in (("flux", "standardized flux"), ("lines", "line depths")):
            m = f.memorised[name][space]
            quartiles = [np.median(m[whose], axis=0) for whose in ("generated", "unseen")]
            near = [spread(m[key]) for key in ("nearer", "too_near")]
            shown = [f"{middle:.4f} ({low:.4f}-{high:.4f})" for low, middle, high in quartiles]
            rows.append([f.titles[name], title, *shown, *near])
    headings = ["spectra", "space", "distance to nearest training spectrum"]
    return [
        table([*headings, "of unseen real ones", "nearer", "too near"], rows),
        "Root mean square difference to the nearest training spectrum; here the brackets hold "
        "quartiles of spectra. Nearer: chance that a spectrum lies nearer to the training "
        "set than an unseen real one does, 0.5 if they are alike. Too near: part that lies nearer "
        "than 95 % of the unseen real ones do, 0.05 if they are alike and 1 for copies. The last "
        "rows are new observations of the training stars: what knowing the stars, but not the "
        "noise, gives.",
    ]
