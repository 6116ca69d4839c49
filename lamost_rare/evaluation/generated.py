"""How generated spectra compare with real ones of stars that the generator saw, and did not see."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..hdf5 import load_weights
from ..progress import counted
from ..simulation.dataset import load_data_folder
from ..simulation.examples import complete_rows, simulate_examples
from ..simulation.simulate_stars import noise_of
from ..spectra.grid import LAMOST_GRID
from ..training.gan_training import generate
from ..training.generator import real_examples
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
from .paper.sets import level_red_end, split_stars

__all__ = ["GanFigures", "GanSizes", "Generator", "evaluate_gan", "load_any_generator"]

KINDS = ("unseen", "seen")
"""Real spectra: of stars that the generator did not see; of its training stars, in other noise."""
SPACES = ("flux", "rectified")
"""What SVMs see: standardized flux, as in the paper; that over its pseudo-continuum."""
REFERENCE = "real spectra of the training stars"


@dataclass
class Generator:
    """A generator and what is known of its training.

    Attributes
    ----------
    name, network, rare_class : str
    model : keras.Model
    training : dict
        The preset's block; empty for the bare folder of a training.
    """

    name: str
    network: str
    rare_class: str
    model: object
    training: dict


@dataclass(frozen=True)
class GanSizes:
    """Numbers of spectra: of the tests of distributions, of data sets 2 and 3 (Yang et al.)."""

    compared: int = 200
    set2: int = 323
    set3: int = 1000


@dataclass
class GanFigures:
    """What was measured; lists have one entry a seed.

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
        ``measures[name][kind]``: list of what `compare_measures` gives.
    coverage : dict
        ``coverage[name][kind]``: lists ``flux`` and ``lines``.
    memorised : dict
        ``memorised[name]``: lists ``flux`` and ``lines`` of what `memorisation` gives.
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
    svm: dict = field(default_factory=dict)
    measures: dict = field(default_factory=dict)
    coverage: dict = field(default_factory=dict)
    memorised: dict = field(default_factory=dict)
    panel: dict = field(default_factory=dict)


def load_any_generator(path) -> Generator:
    """A generator from a preset, by name or folder, or from the folder of a training.

    Raises
    ------
    PresetError
        If it is neither.
    """
    from ..inference.augmentation import load_generator
    from ..presets import load_preset

    folder = Path(path)
    if (folder / "state.npz").exists() and not (folder / "config.json").exists():
        from ..networks.gan import build_generator, complete_architecture

        with np.load(folder / "state.npz") as state:
            architecture = json.loads(str(state["fingerprint"]))["architecture"]
        model = build_generator(architecture)
        load_weights(model, folder / "best.weights.h5")
        network = complete_architecture(architecture)["network"]
        return Generator(folder.name, network, "", model, {})
    preset = load_preset(path)
    model = load_generator(preset)
    network = preset.architecture.get("network", "lcgan")
    return Generator(
        preset.name, network, preset.rare_class, model, preset.config.get("training", {})
    )


def evaluate_gan(data, preset, compare=None, *, n_seeds=5, sizes=None) -> GanFigures:
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
    sources = load_data_folder(data)
    bench = _Bench(sources, generators[0], sizes)
    figures = GanFigures(
        [g.name for g in generators],
        {g.name: f"{g.network.upper()} `{g.name}`" for g in generators} | {REFERENCE: REFERENCE},
        bench.rare_class,
        sizes,
        bench.snr_range,
        {kind: sorted(set(sources.star[rows])) for kind, rows in bench.rows.items()},
        bench.known,
        len(bench.training),
    )
    for seed in counted(range(n_seeds), n_seeds, "repetitions", "comparison"):
        _measure(bench, generators, figures, seed)
    return figures


class _Bench:
    """Real spectra to compare with."""

    def __init__(self, sources, generator, sizes):
        training = generator.training
        self.sources, self.sizes = sources, sizes
        self.rare_class = generator.rare_class or "O"
        rows = complete_rows(sources, self.rare_class)
        if not len(rows):
            raise ValueError(f"the data hold no complete spectrum of class {self.rare_class}")
        real = training.get("source") == "real"
        if real:
            rows = rows[sources.real[rows]]
        self.noise = noise_of(sources)
        self.snr_range = tuple(training.get("snr_range") or (8.0, 100.0))
        stars = training.get("stars")
        self.known = bool(stars)
        seen = np.isin(sources.star[rows].astype(str), stars) if stars else np.ones(len(rows), bool)
        if not seen.any():
            raise ValueError(f"none of the training stars of {generator.name} is among the data")
        self.rows = {"unseen": rows[~seen], "seen": rows[seen]}
        if real:
            self.training = real_examples(sources, self.rows["seen"]).flux
        else:  # the same observations that it was trained on
            number = int(training.get("n_examples") or 4000)
            seed = 2 * int(training.get("options", {}).get("seed", 0)) + 1
            self.training = self.observe(self.rows["seen"], number, seed)
        self.training_lines = line_depths(self.training)
        f_rows = complete_rows(sources, "F")
        halves = split_stars(sources, "F", 0, 0.5)
        self.f = [f_rows[np.isin(sources.star[f_rows], half)] for half in halves]

    def observe(self, rows, number, seed) -> np.ndarray:
        return simulate_examples(
            self.sources, rows, number, self.noise, snr_range=self.snr_range, seed=seed
        ).flux

    def real(self, kind, seed) -> np.ndarray:
        """Data set 2 of a seed."""
        # Far from the seeds of trainings.
        offset = 50_000 + 10 * seed + KINDS.index(kind)
        return self.observe(self.rows[kind], self.sizes.set2, offset)


def _measure(bench, generators, figures, seed):
    sizes, n = bench.sizes, bench.sizes.compared
    real = {kind: bench.real(kind, seed) for kind in KINDS if len(bench.rows[kind])}
    f = [
        level_red_end(bench.observe(rows, sizes.set3, 60_000 + 10 * seed + i))
        for i, rows in enumerate(bench.f)
    ]
    lines = {kind: line_depths(flux) for kind, flux in real.items()}
    measures = {kind: spectral_measures(flux[:n]) for kind, flux in real.items()}
    fakes = {g.name: generate(g.model, sizes.set3, 1000 + seed) for g in generators}
    fakes[REFERENCE] = bench.observe(bench.rows["seen"], sizes.set3, 70_000 + seed)
    _score_svms(figures, fakes, real, f, sizes)
    for name, fake in fakes.items():
        some = fake[: sizes.set2]
        own_lines, own_measures = line_depths(some), spectral_measures(fake[:n])
        for kind, flux in real.items():
            compared = compare_measures(own_measures, measures[kind])
            figures.measures.setdefault(name, {}).setdefault(kind, []).append(compared)
            covered = figures.coverage.setdefault(name, {})
            covered = covered.setdefault(kind, {"flux": [], "lines": []})
            covered["flux"].append(coverage(flux, some))
            covered["lines"].append(coverage(lines[kind], own_lines))
        if "unseen" in real:
            found = figures.memorised.setdefault(name, {"flux": [], "lines": []})
            found["flux"].append(memorisation(some, real["unseen"], bench.training))
            found["lines"].append(memorisation(own_lines, lines["unseen"], bench.training_lines))
    if seed == 0:
        kind = next(iter(real))
        figures.panel = {
            "wavelength": LAMOST_GRID.wavelength,
            "generated": fakes[generators[0].name][:n],
            "real": real[kind][:n],
            "measures": {
                "generated": spectral_measures(fakes[generators[0].name][:n]),
                "real": measures[kind],
            },
        }


def _score_svms(figures, fakes, real, f, sizes):
    """GAN-train and GAN-test of all generators; ``f`` are F spectra to train on, and others."""
    fakes, real = ({k: level_red_end(flux) for k, flux in some.items()} for some in (fakes, real))
    slope = {name: continuum_slope(flux) for name, flux in fakes.items()}
    limit = {kind: np.nanpercentile(continuum_slope(flux), 25) for kind, flux in real.items()}
    for space in SPACES:
        if space == "rectified":
            fakes, real = ({k: _lines(x) for k, x in some.items()} for some in (fakes, real))
            f = [_lines(flux) for flux in f]
        svm = {kind: fit_svm(repeated(flux, sizes.set3), f[0]) for kind, flux in real.items()}
        for name, fake in fakes.items():
            trained = fit_svm(fake, f[0])
            scores = figures.svm.setdefault(space, {}).setdefault(name, {"f_kept": []})
            scores["f_kept"].append(float(1 - trained.predict(f[1]).mean()))
            for kind, flux in real.items():
                taken, red = svm[kind].predict(fake), slope[name] < limit[kind]
                found = {
                    "gan_train": trained.predict(flux).mean(),
                    "gan_test": taken.mean(),
                    "red": taken[red].mean() if red.any() else np.nan,
                    "blue": taken[~red].mean() if not red.all() else np.nan,
                }
                score = scores.setdefault(kind, {key: [] for key in found})
                for key, value in found.items():
                    score[key].append(float(value))


def _lines(flux):
    return np.clip(rectified(flux), 0, 2)  # where there is hardly any flux, noise is huge
