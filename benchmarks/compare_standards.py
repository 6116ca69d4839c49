"""How near the standards of the page come to observed stars of their types.

    python benchmarks/compare_standards.py DATA

DATA is a folder of stellar libraries as `lamost_rare.simulation.library` describes them. Prints
a Markdown table: for each standard the equivalent widths (Å) of lines, and behind them the median
of observed stars of that type, put to LAMOST's resolution, with their number. Supergiants and stars
whose type says that they are peculiar, or in emission, are left out.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

from lamost_rare.inference.evidence import measure_lines
from lamost_rare.report.standards import STANDARD_GRID, standards
from lamost_rare.simulation.library import STAR_GRID, read_library
from lamost_rare.spectra.batch import SpectrumBatch

LINES = (
    "heii_4541", "heii_4686", "heii_5411", "hei_4026", "hei_4471", "siiv_4089", "niii_4634",
    "mgii_4481", "hgamma", "hbeta", "halpha",
)  # fmt: skip
LIBRARIES = ("indous", "stelib", "jacoby", "miles", "calspec", "hot_stars_blue", "white_dwarfs_da")
_HALF = {"O": 0.6}


def widths(flux, valid, grid):
    """Measure lines of rectified or unrectified rows: {line: (n,)}."""
    flux = np.asarray(flux, np.float32)
    ivar = np.where(valid, 1e4, 0).astype(np.float32)
    columns = measure_lines(SpectrumBatch(grid, flux, ivar, ~valid), LINES)
    return {name: columns[f"ew_{name}"] for name in LINES}


def observed(folder):
    """Return types and widths of the stars of all libraries that there are."""
    types, parts = [], []
    for name in LIBRARIES:
        if not (path := folder / f"{name}.h5").is_file():
            continue
        stars = read_library(path)
        stars = stars[~stars.synthetic]
        types += list(stars.label)
        parts.append(widths(stars.flux, stars.valid, STAR_GRID))
    if not parts:
        raise SystemExit(f"{folder} has none of {', '.join(f'{name}.h5' for name in LIBRARIES)}")
    return types, {name: np.concatenate([part[name] for part in parts]) for name in LINES}


def are_of(standard, types):
    """Tell which of the types are those of a standard."""
    if standard.class_name == "white_dwarf":
        return np.array([t.startswith("DA") for t in types])
    if standard.class_name == "hot_subdwarf":
        return np.array([re.match(rf"{standard.type}\b", t) is not None for t in types])
    letter, number = standard.type[0], float(standard.type[1:])
    found = []
    for text in types:
        match = re.match(r"([OBA])(\d(?:\.\d)?)(.*)", text)
        found.append(
            match is not None
            and match[1] == letter
            and abs(float(match[2]) - number) <= _HALF.get(letter, 0.3)
            and not re.search(r"I[ab]|[enp]", match[3])
        )
    return np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    folder = parser.parse_args().data
    types, stars = observed(folder)
    models = standards()
    flux = np.array([one.flux for one in models])
    own = widths(flux, np.ones(flux.shape, bool), STANDARD_GRID)
    print(f"| standard | stars | {' | '.join(LINES)} |\n|{'---|' * (len(LINES) + 2)}")
    for i, standard in enumerate(models):
        rows = are_of(standard, types)
        cells = []
        for name in LINES:
            values = stars[name][rows]
            values = values[np.isfinite(values)]
            seen = f"{np.median(values):.2f}" if len(values) else "–"
            cells.append(f"{own[name][i]:.2f} / {seen}")
        print(f"| {standard.type} | {rows.sum()} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
