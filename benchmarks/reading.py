"""Reading speed of LAMOST files: the fast way against astropy and against decompression alone.

    python benchmarks/reading.py [FOLDER] [--files 400] [--rounds 5]

Without a folder it simulates files of all three layouts, with the compression of real ones. All
ways read the same files in one run, in turns, and the best round of each counts: ratios mean more
than rates. Files are in the page cache.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.demo import SURVEY_GRID
from lamost_rare.simulation.fits_files import LAYOUTS, write_batch
from lamost_rare.spectra._file_bytes import MAX_BYTES
from lamost_rare.spectra.lamost import read_lamost

ZLIB_LEVEL = 6  # gzip's default, as of the files that LAMOST delivers


def simulate(folder: Path, n_files: int) -> list[Path]:
    rng = np.random.default_rng(1)
    batch = analytic_spectra(rng.choice(list("BAFGK"), 30), rng, grid=SURVEY_GRID)
    paths = []
    for first in range(0, n_files, 30):
        part = batch[np.arange(min(30, n_files - first))]  # a copy
        layouts = [LAYOUTS[i % 3] for i in range(len(part))]
        # New noise: otherwise the same files would come again and again.
        good = part.ivar > 0
        part.flux[good] += rng.standard_normal(good.sum()) / np.sqrt(part.ivar[good])
        paths += write_batch(folder, part, layouts, first_number=first, gzip_level=ZLIB_LEVEL)
    return paths


def open_with_astropy(path) -> None:
    """What a user's own script does: open, take flux and one card."""
    from astropy.io import fits

    with fits.open(path) as hdus:
        hdus[0].header.get("OBSID")
        if hdus[0].header["NAXIS"]:
            hdus[0].data[0].sum()
        else:
            hdus[1].data["FLUX"].sum()


def decompress_only(path) -> None:
    from isal import isal_zlib

    with open(path, "rb", buffering=0) as stream:
        isal_zlib.decompressobj(31).decompress(stream.read(), MAX_BYTES)


WAYS = {
    "isal decompression alone": decompress_only,
    "read_lamost, fast": lambda path: read_lamost(path, method="fast"),
    "read_lamost, astropy": lambda path: read_lamost(path, method="astropy"),
    "astropy.io.fits.open": open_with_astropy,
}


def measure(paths, rounds: int) -> dict[str, float]:
    """Files a second of CPU time, the best of some rounds in turns."""
    best = dict.fromkeys(WAYS, 0.0)
    for way in WAYS.values():
        way(paths[0])  # imports
    for _ in range(rounds):
        for name, way in WAYS.items():
            start = time.process_time()
            for path in paths:
                way(path)
            best[name] = max(best[name], len(paths) / (time.process_time() - start))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="folder with .fits.gz files")
    parser.add_argument("--files", type=int, default=400, help="at most so many (default 400)")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if options.folder is None:
            paths = simulate(Path(scratch), options.files)
        else:
            found = sorted(options.folder.rglob("*.fits.gz"))
            paths = found[:: max(1, len(found) // options.files)][: options.files]
        if not paths:
            parser.error(f"no .fits.gz file in {options.folder}")
        size = np.mean([path.stat().st_size for path in paths]) / 1e3
        print(f"{len(paths)} files of {size:.0f} kB, one process")
        rates = measure(paths, options.rounds)
    reference = rates["astropy.io.fits.open"]
    print(f"{'way':28s}{'files/s':>9s}{'ratio to astropy.io.fits.open':>32s}")
    for name, rate in rates.items():
        print(f"{name:28s}{rate:9.0f}{rate / reference:32.2f}")


if __name__ == "__main__":
    main()
