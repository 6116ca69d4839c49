"""How often flags of emission are set, and how often wrongly.

    python benchmarks/emission_flags.py --data DIR [--seed 0] [--list]

Counts flags of (1) real spectra of LAMOST, all of a letter as if they were hot stars, and with the
default preset's own choice of what is hot; (2) models of O and B stars without any emission,
observed at several S/N; (3) library stars of O and B whose types speak of emission, and whose types
do not, at S/N 50. A library's cover says which lines can be seen. Half a minute on one core.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

NAMES = ("EMISSION_BALMER", "EMISSION_HEII_NIII", "EMISSION_NEBULAR")
LOW, MIDDLE, HIGH = 10.0, 30.0, 100.0


def counts(flags) -> str:
    """Cells of a table: how many there are, and how many have each flag."""
    from lamost_rare.spectra.quality import QualityFlag

    found = [np.count_nonzero(flags & int(QualityFlag[name])) for name in NAMES]
    return f"{len(flags)} | " + " | ".join(map(str, found))


def real_spectra(stars, rows):
    """The survey's own spectra, on the grid of the presets."""
    from lamost_rare.simulation.library import MARGIN
    from lamost_rare.spectra.batch import SpectrumBatch
    from lamost_rare.spectra.grid import LAMOST_GRID

    inner = slice(MARGIN, MARGIN + LAMOST_GRID.n_pixels)
    mask = ~stars.valid[rows][:, inner]
    flux, ivar = stars.flux[rows][:, inner], stars.ivar[rows][:, inner]
    return SpectrumBatch(LAMOST_GRID, np.where(mask, 0, flux), np.where(mask, 0, ivar), mask)


def chosen(batch):
    """Flags as in a catalogue of the default preset."""
    from lamost_rare.inference.predictor import Predictor
    from lamost_rare.inference.rows import catalogue_columns
    from lamost_rare.presets import load_preset

    preset = load_preset()
    return catalogue_columns(batch, Predictor(preset, 64).predict(batch), preset)["flags"]


def observe(stars, rows, noise, rng, snr):
    """Observations without a nebula at one S/N."""
    from lamost_rare.simulation.simulate import simulate
    from lamost_rare.simulation.simulate_stars import draw_conditions

    some = stars[rows]
    conditions = draw_conditions(some.label, some.real, rng, (snr, snr * 1.0001))
    conditions.nebular = np.zeros(len(rows))
    return simulate(some.flux, some.valid, conditions, noise, rng, ivar=some.ivar)


def main() -> None:
    """Print tables."""
    from lamost_rare.inference.emission import emission_flags
    from lamost_rare.simulation.dataset import load_data_folder
    from lamost_rare.simulation.simulate_stars import noise_of

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with libraries/, lamost/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="name the library stars on stderr")
    given = parser.parse_args()
    stars, rng = load_data_folder(given.data), np.random.default_rng(given.seed)
    noise = noise_of(stars)
    print(f"| spectra | number | {' | '.join(NAMES)} |\n|---|---|---|---|---|")
    for letter in ("B", "A", "F"):
        rows = np.flatnonzero(stars.real & (stars.label == letter))
        print(
            f"| LAMOST, {letter}, if all were hot |",
            counts(emission_flags(real_spectra(stars, rows))),
            "|",
        )
    rows = np.flatnonzero(stars.real & ~np.isin(stars.label, ("O", "B")))
    print(
        "| LAMOST, all but B, as in a catalogue |", counts(chosen(real_spectra(stars, rows))), "|"
    )

    hot = ~stars.real & np.isin(stars.label, ("O", "B"))
    for snr in (LOW, MIDDLE, HIGH):
        rows = np.tile(np.flatnonzero(hot & stars.synthetic), 12)
        flags = emission_flags(observe(stars, rows, noise, rng, snr))
        print(f"| models without emission, S/N {snr:.0f} |", counts(flags), "|")

    types = np.array([str(mk) for mk in stars.mk_type])
    emits = {
        "Be, Oe": np.array([re.search(r"^[OB][^+]*(?<!\()e", mk) is not None for mk in types]),
        "Of": np.array([re.search(r"^O[^+]*(?<!\()f", mk) is not None for mk in types]),
        "O((f)), O(f)": np.array([re.search(r"^O[^+]*\(f", mk) is not None for mk in types]),
    }
    emits["all other"] = ~np.logical_or.reduce(list(emits.values()))
    for cover in ("whole", "red"):
        there = hot & ~stars.synthetic & (stars.whole if cover == "whole" else
                                          stars.origin == "hot_stars_red")  # fmt: skip
        for name, said in emits.items():
            for letter in ("O", "B"):
                rows = np.flatnonzero(there & said & (stars.label == letter))
                if not len(rows):
                    continue
                flags = emission_flags(observe(stars, rows, noise, rng, 50.0))
                print(f"| {cover}, {letter}, {name} |", counts(flags), "|")
                if given.list:
                    marks = [f"{int(f) >> 14:03b}" for f in flags]
                    for row, mark in zip(rows, marks, strict=True):
                        print(f"{mark} {stars.star[row]} {types[row]}", file=sys.stderr)


if __name__ == "__main__":
    main()
