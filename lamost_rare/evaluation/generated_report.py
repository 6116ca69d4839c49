"""docs/gan.md: how good generated spectra are."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from .generated import REFERENCE, GanFigures
from .generated_plots import MEASURES, plot_measures, plot_panel
from .pages import GLOSSARY, images_beside, spread, table, write_page
from .paper.report import PAPER
from .real_spectra import KINDS

__all__ = ["summary", "write_gan"]

_SPACE = {"flux": "flux", "rectified": "rectified flux"}
_KIND = {"unseen": "unseen stars", "seen": "training stars, other noise"}


def write_gan(figures: GanFigures, output: str | os.PathLike, command: str) -> None:
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
    plot_measures(figures.panel, images / "gan-measures.svg")
    n_seeds = len(figures.svm["flux"][REFERENCE]["f_kept"])
    between = " Median, in brackets quartiles." if n_seeds >= 5 else " Median, lowest, highest."
    repeated = f"{n_seeds} repetition{'s' if n_seeds > 1 else ''}"
    parts = [
        "# How good generated spectra are",
        f"Made by `{command}`: {repeated}, each with new generated spectra and new observations."
        f"{between if n_seeds > 1 else ''} {GLOSSARY}",
        _real(figures),
        f"![Generated and real {figures.rare_class} spectra](images/gan-panel.png)",
        "Left: the first generated spectra of a seed, not selected. Right: the real spectra "
        "whose noise and slope are closest to those.",
        "## GAN-train and GAN-test",
        *_svm(figures),
        "## Lines, noise, continuum",
        *_measures(figures),
        "![Distributions of widths, noise and slope](images/gan-measures.svg)",
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


def _real(f: GanFigures) -> str:
    n = {kind: len(f.stars[kind]) for kind in KINDS}
    low, high = f.snr_range
    known = (
        f"{n['seen']} of the stars trained the generator ({f.n_examples} spectra), and "
        f"{n['unseen']} are unseen"
        if f.known
        else f"which stars trained the generator is not known: all {n['seen']} may have"
    )
    return (
        f"Real spectra here are of {f.rare_class} stars that cover all wavelengths, at S/N (g) "
        f"from {low:g} to {high:g}. Library stars are observed in simulation, with the noise, bad "
        "pixels and sky of LAMOST spectra, extinction, rotation, velocities and nebulae. "
        f"{known[0].upper() + known[1:]}. A generator may do well on stars that it has seen and "
        "badly on new ones. So two groups are compared with separately: **unseen stars**, and "
        "**training stars** in noise that the generator has not seen."
    )


def _names(f: GanFigures) -> list[str]:
    return [*f.names, REFERENCE]


def _present(f: GanFigures) -> list[str]:
    return [kind for kind in KINDS if f.stars[kind]]


def _compared(f: GanFigures) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """Yield name, kind of real spectra, and the titles of both, for each row of a table."""
    for name in _names(f):
        for kind in _present(f):
            yield name, kind, (f.titles[name], _KIND[kind])


def _svm(f: GanFigures) -> list[str]:
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
        "In percent. A support-vector machine (scikit-learn's NuSVC, Gaussian kernel) learns to "
        f"tell {f.rare_class} stars from F stars. GAN-test measures how authentic the generated "
        f"spectra are. The machine learns from {s.set2} real {f.rare_class} spectra, repeated to "
        f"{s.set3}, and {s.set3} F spectra, and is tested on {s.set3} generated ones. GAN-train "
        f"measures how varied they are. It learns from {s.set3} generated and {s.set3} F spectra, "
        f"and is tested on the {s.set2} real ones. It is also tested on {s.set3} spectra of other "
        f"F stars: otherwise a machine that always answered {f.rare_class} would look perfect. "
        "Flux beyond 7380 Å, where some libraries end, is made constant for all. The reddest are "
        "generated spectra that are redder than three quarters of the real ones.",
        "The paper's machine sees flux. Most of that is the slope of the continuum, and "
        f"extinction can give {f.rare_class} stars the slope of any other star. What it takes for "
        "F stars are the reddest spectra, real ones too. There GAN-test measures extinction and "
        "says little about lines. Rectified flux is divided by its pseudo-continuum, so that "
        "lines and noise remain. In both cases a perfect generator reaches the value of real "
        "spectra of the training stars. That is also so for the reddest, which are noisier in "
        "the blue than others.",
    ]


def _of_paper(title: str) -> str:
    """Return GAN-test and GAN-train of a network in Yang et al. (2021), Table 2."""
    for network in ("lcgan", "sgan"):
        if title.lower().startswith(network):
            return ", ".join(
                f"{100 * PAPER[network][key]:.2f}" for key in ("gan_test", "gan_train")
            )
    return "-"


def _measures(f: GanFigures) -> list[str]:
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
        f"{f.sizes.compared} real spectra. Equivalent widths are measured as in a catalogue, "
        "absorption positive. The ratio of 4471 to 4541 is given as an angle: 45 degrees for equal "
        "widths, above 90 where noise makes He II negative. Noise is relative, for one pixel, in "
        "4000-5500 Å. Slope is the flux near 4150 Å over that near 6750 Å. The rows of real "
        "spectra show what other stars alone, or other noise alone, do to the test. A few stars "
        "differ from a few others more than the test expects, since it takes every spectrum for "
        "another star.",
    ]


def _coverage(f: GanFigures) -> list[str]:
    rows = [
        [*titles, *(spread(f.coverage[name][kind][space]) for space in ("flux", "lines"))]
        for name, kind, titles in _compared(f)
    ]
    return [
        table(["spectra", "against", "standardized flux", "line depths"], rows),
        f"Coverage is the part of {f.sizes.set2} real spectra for which one of {f.sizes.set2} "
        "generated spectra is nearer than the fifth nearest real one (Naeem et al. 2020). It is "
        "0.97 for equal distributions, and 0 for a generator that makes one spectrum only.",
    ]


def _memorised(f: GanFigures) -> list[str]:
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
        "The distance is the root mean square difference to the nearest training spectrum; here "
        "the brackets hold quartiles over spectra. Nearer: the chance that a spectrum is nearer "
        "to the training set than an unseen real one, 0.5 if they are alike. Too near: the part "
        "that is nearer than 95 % of the unseen real ones, 0.05 if they are alike and 1 for "
        "copies. The last rows are new observations of the training stars. A generator that knew "
        "these stars, and not their noise, would give the same.",
    ]
