"""Spectra for measurements that need no files: simulated ones, and stores of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

CLASSES = ("O", "B", "A", "F", "G", "K", "M", "white_dwarf", "hot_subdwarf", "qso", "galaxy")


def simulated(number: int, grid):
    """Spectra of all classes, a quarter of them O stars, many of them hard to tell."""
    from lamost_rare.simulation.analytic import analytic_spectra

    rng = np.random.default_rng(20)
    shares = np.array([3.0, 2, *[1] * (len(CLASSES) - 2)])
    kinds = rng.choice(CLASSES, number, p=shares / shares.sum())
    return analytic_spectra(kinds, rng, np.exp(rng.uniform(1.0, 4.4, number)), grid=grid)


def make_store(path: Path, number: int, grid) -> None:
    """A store of simulated spectra, without files in between."""
    from lamost_rare.survey.inputs.store_writing import Rows, join_parts, write_part

    batch = simulated(number, grid)
    rows = Rows([b"%07d.fits" % i for i in range(number)], grid.n_pixels)
    rows.put(list(range(number)), batch)
    part = path.with_name(path.name + ".part")
    write_part(part, rows)
    join_parts(path, [part], b"/simulated", {"grid": grid.to_dict()}, lambda: None)
    part.unlink()


def stored(path: Path, number: int, grid):
    """The first spectra of a store."""
    from lamost_rare.survey.inputs.store import StoreInput, read_rows

    source = StoreInput(path)
    source.check_grid(grid)
    batch, _, _ = read_rows(str(path), list(range(min(number, length_of(path)))), grid)
    return batch


def length_of(path: Path) -> int:
    """Rows of a store."""
    import h5py

    with h5py.File(path) as file:
        return len(file["path"])
