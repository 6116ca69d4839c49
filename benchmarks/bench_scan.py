"""How fast `lamost-rare scan` is, and how much memory it takes, against plain ways to do the same.

    python benchmarks/bench_scan.py [--files 1000 4000] [--spectra DIR] [--preset P] [--workers N]

All figures come from one run, so that their ratios mean something on a busy machine. Files are
simulated ones in the layout of DR7 (or those of a folder), hard-linked to as many as are wanted.
Prints a Markdown table:

scan
    Complete scans in processes of their own, of the smaller and of the larger number of files. The
    rate is that after the first batches, which leaves out the seconds of starting.
reference
    One process: `astropy.io.fits.open`, a specutils Spectrum with its uncertainty,
    `LinearInterpolatedResampler`, the same network's `model.predict` in batches of 64.
isal
    Two processes that do nothing but decompress the same files.
memory
    The largest sum of the resident sizes of all processes of a scan; what they share counts twice.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent
PROC = Path("/proc")

SCAN = """
import sys, time
from lamost_rare.survey import scan

class Clock(scan.Progress):
    def update(self, summary):
        super().update(summary)
        print(time.perf_counter(), summary.done)

source, output, preset, workers = sys.argv[1:]
scan.Progress = Clock
scan.scan_directory(source, output, preset=preset, workers=int(workers) if workers else None)
"""

WARM_UP = 2
"""Batches after which a scan is at its speed: those that readers had ready before it began."""

DECOMPRESS = """
import sys
from isal import isal_zlib
for path in open(sys.argv[1]).read().splitlines():
    with open(path, "rb") as file:
        isal_zlib.decompress(file.read(), 31)
"""


def simulate(folder: Path, number: int, seed: int = 1) -> list[Path]:
    """Noisy spectra with a few lines, in the layout and of about the size of DR7's."""
    from lamost_rare.simulation.fits_files import write_lamost_file
    from lamost_rare.spectra.grid import WavelengthGrid

    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    paths = []
    for i in range(number):
        # As in the survey: one start, and a few lengths.
        length = rng.choice([3909, 3906, 3904, 3899, 3892], p=[0.7, 0.1, 0.08, 0.06, 0.06])
        grid = WavelengthGrid(3.5682, 1e-4, int(length))
        wavelength = grid.wavelength
        continuum = 1e3 * (wavelength / 5500) ** rng.uniform(-2, 1)
        for centre in (4102.9, 4341.7, 4862.7, 6564.6):
            continuum *= 1 - 0.4 * np.exp(-0.5 * ((wavelength - centre) / 6) ** 2)
        error = continuum / rng.uniform(8, 80) * (1 + 0.2 * np.sin(wavelength / 30))
        path = write_lamost_file(
            folder / f"spec-56000-BENCH_sp01-{i:05d}.fits.gz",
            "dr1-7",
            grid,
            rng.normal(continuum, error),
            rng.uniform(0.9, 1.1, len(error)) / error**2,
            obsid=i,
            designation=f"J{i:06d}",
            snr=[5, 20, 30, 30, 25],
            gzip_level=6,
        )
        paths.append(path)
    return paths


def hard_links(files: list[Path], folder: Path, number: int) -> list[Path]:
    """``number`` names for the files, 250 to a folder as in the survey."""
    links = []
    for i in range(number):
        target = folder / f"plate{i // 250:05d}"
        target.mkdir(parents=True, exist_ok=True)
        links.append(target / f"spec-{i:07d}.fits.gz")
        os.link(files[i % len(files)], links[-1])
    return links


def untrained_preset(folder: Path) -> Path:
    """A preset of the default architecture that has learnt nothing, as fast as one that has."""
    from lamost_rare.networks.racnet import DEFAULT_ARCHITECTURE, build_racnet
    from lamost_rare.presets import save_preset
    from lamost_rare.spectra.grid import LAMOST_GRID
    from lamost_rare.spectra.normalize import DEFAULT_PREPROCESSING

    folder.mkdir(parents=True)
    names = ["O", "B", "A", "F", "G", "K", "M", "hot_subdwarf", "white_dwarf", "other"]
    build_racnet(DEFAULT_ARCHITECTURE).save_weights(folder / "untrained.weights.h5")
    config = {
        "name": "untrained-v0",
        "kind": "classifier",
        "architecture": DEFAULT_ARCHITECTURE,
        "classes": names,
        "rare_class": "O",
        "grid": LAMOST_GRID.to_dict(),
        "preprocessing": DEFAULT_PREPROCESSING,
        "threshold": 0.9,
    }
    return save_preset(folder / "preset", config, folder / "untrained.weights.h5").folder


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    parents = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


def resident(pid: int) -> int:
    """Resident size in bytes; 0 for a process that is gone."""
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def run_scan(source: Path, output: Path, preset: str, workers: int | None) -> dict:
    """A scan in processes of its own: its rate, seconds, processor seconds and peak bytes."""
    arguments = [str(source), str(output), preset, str(workers or "")]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    started, before, peak = time.perf_counter(), os.times(), 0
    process = subprocess.Popen(
        [sys.executable, "-c", SCAN, *arguments], stdout=subprocess.PIPE, env=environment, text=True
    )
    while process.poll() is None:
        peak = max(peak, sum(map(resident, family(process.pid))))
        time.sleep(0.05)
    seconds, after = time.perf_counter() - started, os.times()
    if process.returncode:
        raise SystemExit(f"scan ended with status {process.returncode}")
    moments = [tuple(map(float, line.split())) for line in process.stdout.read().splitlines()]
    (first, at_first), (last, at_last) = moments[WARM_UP], moments[-1]
    processor = after.children_user + after.children_system
    processor -= before.children_user + before.children_system
    rate = (at_last - at_first) / (last - first)
    return {"rate": rate, "seconds": seconds, "processor": processor, "peak": peak}


def time_isal(links: list[Path], work: Path) -> float:
    """Files a second that two processes decompress."""
    lists = []
    for k in range(2):
        lists.append(work / f"half{k}")
        lists[k].write_text("\n".join(map(str, links[k::2])))
    started = time.perf_counter()
    halves = [subprocess.Popen([sys.executable, "-c", DECOMPRESS, part]) for part in lists]
    if sum(half.wait() for half in halves):
        raise SystemExit("decompression failed")
    return len(links) / (time.perf_counter() - started)


class Reference:
    """Seconds and processor seconds of astropy, specutils and ``model.predict``."""

    def __init__(self, files: list[Path], preset_name: str):
        self.files = files
        self.classify = reference_function(preset_name)
        self.classify(files[:64])  # what is slow once
        self.done = self.seconds = self.processor = 0

    def run(self, number: int) -> None:
        """Classify some of the files."""
        for _ in range(0, number, 64):
            batch = [self.files[(self.done + i) % len(self.files)] for i in range(64)]
            started, processor = time.perf_counter(), time.process_time()
            self.classify(batch)
            self.seconds += time.perf_counter() - started
            self.processor += time.process_time() - processor
            self.done += 64


def reference_function(preset_name: str):
    """A function that classifies files in the plain way."""
    from astropy import units as u
    from astropy.io import fits
    from astropy.nddata import StdDevUncertainty
    from specutils import Spectrum
    from specutils.manipulation import LinearInterpolatedResampler

    from lamost_rare.networks.racnet import build_racnet
    from lamost_rare.presets import load_preset
    from lamost_rare.spectra.batch import SpectrumBatch
    from lamost_rare.spectra.normalize import network_input

    preset = load_preset(preset_name)
    model = build_racnet(preset.architecture)
    model.load_weights(preset.weights_path)
    grid = preset.grid
    resample, axis = LinearInterpolatedResampler(), grid.wavelength * u.AA

    def read(path):
        with fits.open(path) as hdus:
            flux, ivar, wavelength, andmask = (row.astype(float) for row in hdus[0].data[:4])
        bad = (ivar <= 0) | (andmask > 0)
        error = StdDevUncertainty(1 / np.sqrt(np.where(bad, 1, ivar)))
        spectrum = Spectrum(flux=flux * u.one, spectral_axis=wavelength * u.AA, uncertainty=error)
        on_grid = resample(spectrum, axis)
        mask = np.interp(grid.wavelength, wavelength, bad) > 0  # which specutils drops
        return on_grid.flux.value, on_grid.uncertainty.array**-2.0, mask

    def classify(paths):
        flux, ivar, mask = (np.array(column) for column in zip(*map(read, paths), strict=True))
        batch = SpectrumBatch(grid, flux.astype("f4"), ivar.astype("f4"), mask)
        return model.predict(network_input(batch, preset.preprocessing), batch_size=64, verbose=0)

    return classify


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", nargs=2, type=int, default=[1000, 4000], metavar=("N", "MORE"))
    parser.add_argument("--spectra", type=Path, help="folder with DR7 .fits.gz (else simulated)")
    parser.add_argument("--preset", help="preset (default: an untrained one of default size)")
    parser.add_argument("--reference-files", type=int, default=576)
    parser.add_argument("--workers", type=int)
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(REPOSITORY))
    few, many = sorted(args.files)

    with tempfile.TemporaryDirectory(dir=args.spectra and args.spectra.parent) as work:
        work = Path(work)
        files = (
            sorted(args.spectra.rglob("*.fits.gz")) if args.spectra else simulate(work / "f", 300)
        )
        preset = args.preset or str(untrained_preset(work / "preset"))
        preset_name = args.preset or "untrained, of default size"
        hard_links(files, work / "few", few)
        links = hard_links(files, work / "many", many)
        time_isal(links, work)  # warm the page cache
        reference = Reference(files, preset)
        # The reference before, between and after, so that a busy moment does not hit one alone.
        reference.run(args.reference_files // 3)
        small = run_scan(work / "few", work / "out1", preset, args.workers)
        isal = time_isal(links, work)
        reference.run(args.reference_files // 3)
        large = run_scan(work / "many", work / "out2", preset, args.workers)
        reference.run(args.reference_files // 3)
        isal = (isal + time_isal(links, work)) / 2

    plain = reference.done / reference.seconds
    spent = (large["processor"] - small["processor"]) / (many - few) * 1e3
    plain_spent = reference.processor / reference.done * 1e3
    growth = large["peak"] / small["peak"]
    rows = [
        ("scan, files/s", f"{large['rate']:.0f}", ""),
        (
            "reference: astropy + specutils + model.predict(64), files/s",
            f"{plain:.1f}",
            f"scan is {large['rate'] / plain:.1f} times",
        ),
        (
            "isal decompression alone, two processes, files/s",
            f"{isal:.0f}",
            f"scan is {large['rate'] / isal:.2f} of it",
        ),
        ("scan, processor time a file, ms", f"{spent:.2f}", ""),
        (
            "reference, processor time a file, ms",
            f"{plain_spent:.2f}",
            f"{plain_spent / spent:.1f} times that of scan",
        ),
        (f"{few} files with starting and merging, s", f"{small['seconds']:.1f}", ""),
        (f"{many} files with starting and merging, s", f"{large['seconds']:.1f}", ""),
        (f"peak memory of all processes, {few} files, MB", f"{small['peak'] / 1e6:.0f}", ""),
        (
            f"the same, {many} files, MB",
            f"{large['peak'] / 1e6:.0f}",
            f"{growth:.2f} times",
        ),
    ]
    kind = args.spectra or "simulated"
    print(f"\n{os.cpu_count()} cores; .fits.gz in DR7's layout ({kind}); preset {preset_name}\n")
    print("| measure | value | ratio |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
