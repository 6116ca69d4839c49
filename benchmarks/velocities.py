"""How good velocities are: stars of known shift, observed as LAMOST would.

    python benchmarks/velocities.py --data DIR [--rare O] [--seed 0]

Library stars of the class are observed with a shift, at three ranges of S/N, with dust, rotation,
nebulae, lost pixels and real noise. Library stars move themselves, so that the velocity of the
same spectrum without shift and noise is taken off; the zero-point comes from models in non-LTE,
which are at rest. Half a minute on one core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

RANGES = ((5.0, 10.0), (10.0, 20.0), (20.0, 100.0))
OBSERVATIONS = 600
"""To a range of S/N."""


def observe(stars, rows, noise, rng, *, velocity, snr, plain=False):
    """Observations of stars that move at given velocities (km/s); ``plain`` without all else."""
    from lamost_rare.simulation.simulate import simulate
    from lamost_rare.simulation.simulate_stars import draw_conditions

    some = stars[rows]
    conditions = draw_conditions(some.label, some.real, rng, (10.0, 10.0))
    conditions.radial_velocity = np.broadcast_to(velocity, len(rows)).astype(float)
    conditions.snr = np.broadcast_to(snr, len(rows)).astype(float)
    if plain:
        for name in ("vsini", "a_v", "nebular", "calibration"):
            setattr(conditions, name, np.zeros(len(rows)))
    more = {"gaps": not plain, "cosmic_rays": not plain}
    return simulate(some.flux, some.valid, conditions, noise, rng, ivar=some.ivar, **more)


def row_of(off, error) -> str:
    """Cells of a table: how many were given, and how far these are off."""
    known = np.isfinite(off)
    off, error = off[known], error[known]
    middle = np.median(off)
    pull = np.abs(off / error)
    return (
        f"{known.mean():.2f} | {middle:+.0f} | {1.4826 * np.median(np.abs(off - middle)):.0f} | "
        f"{np.std(off):.0f} | {np.median(error):.0f} | {1.4826 * np.median(pull):.2f} | "
        f"{np.mean(pull > 3):.3f} | {np.mean(pull > 5):.3f}"
    )


def main() -> None:
    """Print a table."""
    from lamost_rare.inference.velocity import measure_velocities
    from lamost_rare.simulation.dataset import load_data_folder
    from lamost_rare.simulation.simulate_stars import noise_of

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with libraries/")
    parser.add_argument("--rare", default="O", help="the class (O)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    stars, rng = load_data_folder(given.data), np.random.default_rng(given.seed)
    noise = noise_of(stars)
    own = (stars.label == given.rare) & ~stars.real
    observed = np.flatnonzero(own & ~stars.synthetic & stars.whole)
    models = np.flatnonzero(own & stars.synthetic)

    print("| S/N (g) | given | bias | scatter | deviation | error | pull | > 3 | > 5 |")
    print("|---|---|---|---|---|---|---|---|---|")
    if len(models):
        still = observe(stars, models, noise, rng, velocity=0.0, snr=300.0, plain=True)
        print("| models at rest, 300 |", row_of(*measure_velocities(still, given.rare)), "|")
    still = observe(stars, observed, noise, rng, velocity=0.0, snr=300.0, plain=True)
    rest = measure_velocities(still, given.rare)[0]
    for name, within, ranges in (
        ("", 400.0, RANGES),
        (", within 100 km/s", 100.0, RANGES),
        (", noise alone", 400.0, ((300.0, 300.0),)),
    ):
        for low, high in ranges:
            rows = rng.choice(np.flatnonzero(np.isfinite(rest)), OBSERVATIONS)
            true = rng.uniform(-within, within, len(rows))
            snr = np.exp(rng.uniform(np.log(low), np.log(high), len(rows)))
            plain = low == high
            batch = observe(stars, observed[rows], noise, rng, velocity=true, snr=snr, plain=plain)
            velocity, error = measure_velocities(batch, given.rare)
            print(
                f"| {low:.0f}-{high:.0f}{name} |", row_of(velocity - true - rest[rows], error), "|"
            )
    names = set(stars.star[observed])
    print(
        f"\n{len(observed)} spectra of {len(names)} stars, {len(models)} models; km/s. "
        "Scatter: 1.4826 times the median deviation; pull: that of what is off over its "
        "error; > 3, > 5: parts that are off by more than so many errors."
    )


if __name__ == "__main__":
    main()
