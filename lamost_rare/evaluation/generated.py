"""Generated spectra beside real ones, of stars that the generator saw, and did not see."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..inference.generation import generate
from ..progress import counted
from ..simulation.dataset import LATER_LIBRARIES, load_data_folder
from ..spectra.grid import LAMOST_GRID
from .any_generator import load_any_generator
from .generated_metrics import (
    compare_measures,
    continuum_slope,
    coverage,
    fit_svm,
    line_depths,
    memorisation,
    rectified,
    repeated,
    spectral_measures,
)
from .paper.sets import level_red_end
from .real_spectra import RealSpectra

__all__ = ["GanFigures", "GanSizes", "evaluate_gan", "panel_of"]

SPACES = ("flux", "rectified")
"""What SVMs see: standardized flux, as in the paper; that over its pseudo-continuum."""
REFERENCE = "real spectra of the training stars"
_FIRST_SEED = 1000
"""Of generated spectra."""


@dataclass(frozen=True)
class GanSizes:
    """Numbers of spectra: of the tests of distributions, of data sets 2 and 3 (Yang et al.)."""

    compared: int = 200
    set2: int = 323
    set3: int = 1000


@dataclass
class GanFigures:
    """Results of a comparison; lists have one entry a seed.

    Attributes
    ----------
    names : list of str
        Generators; the first is the one asked for.
    titles : dict of str to str
    rare_class : str
    sizes : GanSizes
    snr_range : tuple
    stars : dict
        Names of stars of each of `KINDS`.
    known : bool
        Whether it is known which stars trained the generator.
    n_examples : int
        Training spectra.
    svm : dict
        ``svm[space][name][kind]``: lists ``gan_train``, ``gan_test``, and GAN-test of the spectra
        that are redder than three quarters of the real ones (``red``) and of the others
        (``blue``); ``svm[space][name]["f_kept"]``. The space is one of `SPACES`.
    measures : dict
        ``measures[name][kind]``: what `compare_measures` gives, in lists.
    coverage : dict
        ``coverage[name][kind]``: lists ``flux`` and ``lines``.
    memorised : dict
        ``memorised[name]``: for ``flux`` and ``lines`` what `memorisation` gives, in lists; empty
        if no star is known to be unseen.
    panel : dict
        Generated and real spectra to show.
    """

    names: list
    titles: dict
    rare_class: str
    sizes: GanSizes
    snr_range: tuple
    stars: dict
    known: bool
    n_examples: int
    svm: dict
    measures: dict
    coverage: dict
    memorised: dict
    panel: dict


def evaluate_gan(
    data: str | os.PathLike,
    preset: str | os.PathLike,
    compare: str | os.PathLike | None = None,
    *,
    n_seeds: int = 5,
    sizes: GanSizes | None = None,
) -> GanFigures:
    """Compare one or two generators with real spectra.

    Parameters
    ----------
    data : path-like
        As `simulation.dataset.load_data_folder` takes it.
    preset : str or path-like
        Preset, or folder of a training.
    compare : str or path-like, optional
        Another generator, trained on the same stars.
    n_seeds : int
        Repetitions, with new observations and new generated spectra.
    sizes : GanSizes, optional

    Returns
    -------
    GanFigures

    Raises
    ------
    ValueError
        If the generator's class has no complete spectrum in the data, or F stars are too few.
    """
    sizes = sizes or GanSizes()
    generators = [load_any_generator(path) for path in (preset, compare) if path]
    if len(generators) == 2 and generators[0].name == generators[1].name:
        generators[1].name += " (2)"
    for other in generators[1:]:
        theirs, own = (set(g.training.get("stars") or []) for g in (other, generators[0]))
        if theirs and own and theirs != own:
            raise ValueError(
                f"{other.name} and {generators[0].name} were trained on different stars; which "
                "stars are unseen is not the same for both"
            )
    labelled = load_data_folder(data, without=LATER_LIBRARIES)
    real_spectra = RealSpectra(labelled, generators[0], sizes)
    found: list[dict] = []
    panel: dict = {}
    for seed in counted(range(n_seeds), n_seeds, "repetitions", "comparison"):
        fakes = {g.name: generate(g.model, sizes.set3, _FIRST_SEED + seed) for g in generators}
        fakes[REFERENCE] = real_spectra.observe(
            real_spectra.rows["seen"], sizes.set3, 70_000 + seed
        )
        real = real_spectra.of_kinds(seed)
        panel = panel or _panel(fakes[generators[0].name], next(iter(real.values())), sizes)
        found.append(_measure(real_spectra, fakes, real, seed))
    return GanFigures(
        [g.name for g in generators],
        {g.name: f"{g.network.upper()} `{g.name}`" for g in generators} | {REFERENCE: REFERENCE},
        real_spectra.rare_class,
        sizes,
        real_spectra.snr_range,
        {kind: sorted(set(labelled.star[rows])) for kind, rows in real_spectra.rows.items()},
        real_spectra.known,
        len(real_spectra.training),
        **_in_lists(found),
        panel=panel,
    )


def panel_of(
    data: str | os.PathLike, preset: str | os.PathLike, sizes: GanSizes | None = None
) -> dict:
    """Choose generated and real spectra to show, as `evaluate_gan` does, and measure them.

    Parameters
    ----------
    data, preset, sizes
        As for `evaluate_gan`.

    Returns
    -------
    dict
        ``panel`` of `GanFigures`.
    """
    sizes = sizes or GanSizes()
    generator = load_any_generator(preset)
    labelled = load_data_folder(data, without=LATER_LIBRARIES)
    real = RealSpectra(labelled, generator, sizes).of_kinds(0)
    fake = generate(generator.model, sizes.set3, _FIRST_SEED)
    return _panel(fake, next(iter(real.values())), sizes)


def _in_lists(found: list) -> Any:
    """Make of equal trees of dicts, one a seed, one tree whose leaves are lists."""
    if not isinstance(found[0], dict):
        return found
    return {key: _in_lists([tree[key] for tree in found]) for key in found[0]}


def _measure(
    real_spectra: RealSpectra, fakes: dict[str, np.ndarray], real: dict[str, np.ndarray], seed: int
) -> dict:
    """Compare once; ``svm``, ``measures``, ``coverage`` and ``memorised`` of `GanFigures`."""
    sizes, n = real_spectra.sizes, real_spectra.sizes.compared
    f = [
        level_red_end(real_spectra.observe(rows, sizes.set3, 60_000 + 10 * seed + i))
        for i, rows in enumerate(real_spectra.f)
    ]
    lines = {kind: line_depths(flux) for kind, flux in real.items()}
    measures = {kind: spectral_measures(flux[:n]) for kind, flux in real.items()}
    found = {"svm": _svm_scores(fakes, real, f, sizes)}
    found |= {"measures": {}, "coverage": {}, "memorised": {}}
    for name, fake in fakes.items():
        some = fake[: sizes.set2]
        own_lines, own_measures = line_depths(some), spectral_measures(fake[:n])
        found["measures"][name] = {k: compare_measures(own_measures, measures[k]) for k in real}
        found["coverage"][name] = {
            kind: {"flux": coverage(flux, some), "lines": coverage(lines[kind], own_lines)}
            for kind, flux in real.items()
        }
        if "unseen" in real:
            found["memorised"][name] = {
                "flux": memorisation(some, real["unseen"], real_spectra.training),
                "lines": memorisation(own_lines, lines["unseen"], real_spectra.training_lines),
            }
    return found


def _panel(generated: np.ndarray, real: np.ndarray, sizes: GanSizes) -> dict:
    """Choose the spectra that the page shows."""
    spectra = {"generated": generated[: sizes.compared], "real": real[: sizes.compared]}
    measures = {kind: spectral_measures(flux) for kind, flux in spectra.items()}
    return {"wavelength": LAMOST_GRID.wavelength, **spectra, "measures": measures}


def _svm_scores(
    fakes: dict[str, np.ndarray], real: dict[str, np.ndarray], f: list[np.ndarray], sizes: GanSizes
) -> dict:
    """Measure GAN-train and GAN-test; ``f`` are F spectra to train on, and others to test on."""
    fakes, real = ({k: level_red_end(flux) for k, flux in some.items()} for some in (fakes, real))
    slope = {name: continuum_slope(flux) for name, flux in fakes.items()}
    limit = {kind: np.nanpercentile(continuum_slope(flux), 25) for kind, flux in real.items()}
    out: dict = {space: {} for space in SPACES}
    for space in SPACES:
        if space == "rectified":
            fakes, real = ({k: _lines(x) for k, x in some.items()} for some in (fakes, real))
            f = [_lines(flux) for flux in f]
        svm = {kind: fit_svm(repeated(flux, sizes.set3), f[0]) for kind, flux in real.items()}
        for name, fake in fakes.items():
            trained = fit_svm(fake, f[0])
            out[space][name] = {"f_kept": 1 - trained.predict(f[1]).mean()}
            for kind, flux in real.items():
                taken, red = svm[kind].predict(fake), slope[name] < limit[kind]
                out[space][name][kind] = {
                    "gan_train": trained.predict(flux).mean(),
                    "gan_test": taken.mean(),
                    "red": taken[red].mean() if red.any() else np.nan,
                    "blue": taken[~red].mean() if not red.all() else np.nan,
                }
    return out


def _lines(flux: np.ndarray) -> np.ndarray:
    return np.clip(rectified(flux), 0, 2)  # where there is hardly any flux, noise is huge
