"""The speed of reading spectra from an HDF5 store, against .fits.gz.

    python benchmarks/bench_store.py [--spectra DIR] [--number 512]

One process, processor time, files of the folder (or simulated ones in DR7's layout), in the page
cache. Prints a Markdown table: what it takes until spectra are on the grid, without lines and
network, and bytes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from survey_files import simulate

from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.resample import assemble
from lamost_rare.survey.inputs import store as stores
from lamost_rare.survey.inputs.discovery import find_spectra
from lamost_rare.survey.inputs.store import read_rows
from lamost_rare.survey.pack import pack_spectra

BATCH = 256
REPEATS = 5


def processor_time(work) -> float:
    """The least of some runs, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spectra", metavar="DIR", type=Path)
    parser.add_argument("--number", metavar="N", type=int, default=512)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = args.spectra
        if source is None:
            source = Path(folder) / "spectra"
            simulate(source, args.number)
        files = [source / os.fsdecode(entry.path) for entry in find_spectra(source)]
        store = Path(folder) / "store.h5"
        pack_spectra(source, store, workers=2, progress=False)
        with h5py.File(store) as file:
            rows = np.flatnonzero(file["reason"][:] == b"").tolist()

        def from_files():
            for start in range(0, len(rows), BATCH):
                assemble(
                    [read_lamost(files[row]) for row in rows[start : start + BATCH]], LAMOST_GRID
                )

        def from_store():
            stores._open.clear()  # with the chunks that HDF5 keeps of it
            for start in range(0, len(rows), BATCH):
                read_rows(str(store), rows[start : start + BATCH], LAMOST_GRID)

        print(f"{len(rows)} spectra\n")
        print("| | read onto the grid, ms | bytes |\n|---|---|---|")
        sizes = sum(path.stat().st_size for path in files), store.stat().st_size
        for name, work, size in (
            (".fits.gz", from_files, sizes[0]),
            ("store", from_store, sizes[1]),
        ):
            seconds = processor_time(work)
            print(f"| {name} | {seconds / len(rows) * 1e3:.3f} | {size / len(files):.0f} |")


if __name__ == "__main__":
    main()
