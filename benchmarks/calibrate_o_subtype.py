"""The relation of O subtypes to EW(He I 4471) / EW(He II 4541) that `inference.subtype` holds.

    python benchmarks/calibrate_o_subtype.py --data DIR

Reads the stellar libraries of DIR at LAMOST's resolution, measures both lines, and prints for each
MK subtype from O4 to B0.5 the median of the ratio's logarithm over its spectra (made monotonic),
then how far single stars lie from a relation that was made without them.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

NODES = (4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.5, 10.0, 10.5)
LEFT_OUT = ("pyhammer_boss",)
"""Means of spectra that a pipeline called O, some of them wrongly."""


def subtype_of(mk_type: str) -> float:
    """9.5 of ``O9.5V``, 10 of ``B0 Ia``; NaN for what has no such type, or two of them."""
    match = re.match(r"([OB])(\d(?:\.\d)?)(?![\d.]*/[OB])", mk_type.strip())
    if not match:
        return np.nan
    value = float(match[2]) + 10 * (match[1] == "B")
    return value if NODES[0] <= value <= NODES[-1] else np.nan


def measured(data: Path):
    """Subtype, log ratio, name, and whether it is a single star, of all usable spectra."""
    from lamost_rare.inference.evidence import measure_lines
    from lamost_rare.simulation.dataset import load_data_folder
    from lamost_rare.simulation.library import STAR_GRID
    from lamost_rare.spectra.batch import SpectrumBatch

    sources = load_data_folder(data)
    subtype = np.array([subtype_of(str(mk)) for mk in sources.mk_type])
    use = np.isfinite(subtype) & ~np.isin(sources.origin.astype(str), LEFT_OUT)
    use &= ~sources.real & ~sources.synthetic
    sources, subtype = sources[use], subtype[use]
    flux = np.where(sources.valid, sources.flux, 0).astype(np.float32)
    level = np.nanmedian(np.where(sources.valid, np.abs(flux), np.nan), axis=1, keepdims=True)
    ivar = np.where(sources.valid, (200 / level) ** 2, 0).astype(np.float32)
    widths = measure_lines(SpectrumBatch(STAR_GRID, flux, ivar, ~sources.valid))
    hei, heii = (np.asarray(widths[f"ew_{x}"], float) for x in ("hei_4471", "heii_4541"))
    good = (hei > 0.03) & (heii > 0.03)
    ratio = np.log10(np.where(good, hei / np.where(good, heii, 1), 1))
    single = ~np.char.startswith(sources.origin.astype(str), "mkclass")
    return subtype[good], ratio[good], sources.star[good].astype(str), single[good]


def relation(subtype, ratio) -> np.ndarray:
    """The ratio at each of `NODES`: the median of the spectra nearest to it, not decreasing."""
    from sklearn.isotonic import IsotonicRegression

    node = np.argmin(np.abs(subtype[:, None] - np.array(NODES)), axis=1)
    medians = np.array([np.median(ratio[node == k]) for k in range(len(NODES))])
    weights = [np.count_nonzero(node == k) for k in range(len(NODES))]
    return IsotonicRegression().fit(NODES, medians, weights).predict(NODES)


def main() -> None:
    """Print the relation and its scatter."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with libraries/")
    subtype, ratio, star, single = measured(parser.parse_args().data)
    print(f"{len(ratio)} spectra, {len(set(star[single]))} single stars\n")
    print("| subtype | log10 EW(4471)/EW(4541) |\n|---|---|")
    for node, value in zip(NODES, relation(subtype, ratio), strict=True):
        print(f"| {node} | {value:.2f} |")
    off = []
    for name in sorted(set(star[single])):
        own = star == name
        curve = relation(subtype[~own], ratio[~own])
        off.append(np.median(np.interp(ratio[own], curve, NODES) - subtype[own]))
    off = np.array(off)
    print(
        f"\nsingle stars, each against a relation made without it: median {np.median(off):+.2f}, "
        f"1.4826 times the median deviation {1.4826 * np.median(np.abs(off)):.2f}, standard "
        f"deviation {off.std():.2f}, within 1 subtype {np.mean(np.abs(off) <= 1):.0%}, "
        f"within 1.5 {np.mean(np.abs(off) <= 1.5):.0%}"
    )


if __name__ == "__main__":
    main()
