"""Scans, and what they are held against, in processes of their own: rates, time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from survey_files import REPOSITORY

PROC = Path("/proc")

SCAN = """
import json, os, sys, time
from pathlib import Path
from lamost_rare.survey import classifying, scan

WARM_UP = 2
started, notes = time.perf_counter(), dict.fromkeys(
    ("waited", "main", "readers", "lasted", "begun", "done"), 0.0
)

def clock(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0

class Clock(scan.Progress):
    def update(self, summary):
        super().update(summary)
        print(time.perf_counter(), summary.done)

class Pool(classifying.ReaderPool):
    def run(self, *args):
        # Notes begin after the first batches: what is slow once is over then.
        for number, result in enumerate(self.timed(super().run(*args))):
            if number == WARM_UP:
                notes.update(waited=0.0, begun=time.perf_counter(), done=0)
                notes.update(main=-time.process_time(), readers=-sum(map(clock, self.pids)))
            notes["done"] += len(result[0].paths)
            yield result
        notes["main"] += time.process_time()
        notes["readers"] += sum(map(clock, self.pids))
        notes["lasted"] = time.perf_counter() - notes["begun"]

    def timed(self, results):
        while True:
            asked = time.perf_counter()
            result = next(results, None)
            notes["waited"] += time.perf_counter() - asked
            if result is None:
                return
            yield result

def timed(name):
    function = getattr(scan, name)
    def call(*args, **options):
        notes[f"{name} at"] = time.perf_counter() - started
        return function(*args, **options)
    setattr(scan, name, call)

timed("classify_shards"), timed("merge_shards")
source, output, preset, workers = sys.argv[1:]
scan.Progress, classifying.ReaderPool = Clock, Pool
scan.scan_directory(
    source, output, preset=preset or None, workers=int(workers) if workers else None, progress=False
)
notes["seconds"] = time.perf_counter() - started
if os.environ.get("BENCHMARK_NOTES"):
    Path(os.environ["BENCHMARK_NOTES"]).write_text(json.dumps(notes))
"""
"""A scan that prints a line a batch: the time, and how many files are done."""

WARM_UP = 2
"""Batches after which a scan is at its speed: those that readers had ready before it began."""

DECOMPRESS = """
import sys
from isal import isal_zlib
for path in open(sys.argv[1]).read().splitlines():
    with open(path, "rb") as file:
        isal_zlib.decompress(file.read(), 31)
"""


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


def proportional(pid: int) -> int:
    """Proportional set size in bytes: of a page that N processes share, an Nth counts."""
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def run_scan(
    source: Path, output: Path, preset: str | None, workers: int | None = None, *, share: float = 50
) -> dict:
    """A scan in processes of its own.

    Between two looks at its memory at least ``share`` times as long passes as one takes, tens of
    milliseconds, which are the scan's loss.

    Returns
    -------
    dict
        ``rate``, files a second after the first batches (NaN if there were few); ``seconds``;
        ``peak``, the largest sum of the proportional set sizes of all its processes, in bytes;
        ``processor``, seconds in all; and what `SCAN` notes. After the first batches: seconds that
        it ``lasted`` to have further files ``done``, seconds ``waited`` for readers, processor
        seconds of ``main`` and ``readers``. Besides, at which second shards were to be done and
        merged.
    """
    notes = Path(f"{output}.notes")
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "BENCHMARK_NOTES": str(notes),
    }
    started, before, peak = time.perf_counter(), os.times(), 0
    arguments = [str(source), str(output), preset or "", str(workers or "")]
    process = subprocess.Popen(
        [sys.executable, "-c", SCAN, *arguments], stdout=subprocess.PIPE, env=environment, text=True
    )
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout))
    reader.start()
    while process.poll() is None:
        looked = time.perf_counter()
        peak = max(peak, sum(map(proportional, family(process.pid))))
        time.sleep(max(0.2, share * (time.perf_counter() - looked)))
    reader.join()
    seconds, after = time.perf_counter() - started, os.times()
    if process.returncode:
        raise SystemExit(f"scan ended with status {process.returncode}")
    moments = [tuple(map(float, line.split())) for line in lines]
    rate = float("nan")
    if len(moments) > WARM_UP + 1:
        (first, at_first), (last, at_last) = moments[WARM_UP], moments[-1]
        rate = (at_last - at_first) / (last - first)
    processor = after.children_user + after.children_system
    processor -= before.children_user + before.children_system
    return {
        "rate": rate,
        "seconds": seconds,
        "processor": processor,
        "peak": peak,
        **{f"notes {name}": value for name, value in json.loads(notes.read_text()).items()},
    }


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

    def __init__(self, files: list[Path], preset_name: str | None):
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


def reference_function(preset_name: str | None):
    """A function that classifies files in the plain way."""
    import numpy as np
    from astropy import units as u
    from astropy.io import fits
    from astropy.nddata import StdDevUncertainty
    from specutils import Spectrum
    from specutils.manipulation import LinearInterpolatedResampler

    from lamost_rare.inference.predictor import load_classifier
    from lamost_rare.presets import load_preset
    from lamost_rare.spectra.batch import SpectrumBatch
    from lamost_rare.spectra.normalize import network_input

    preset = load_preset(preset_name)
    model = load_classifier(preset)
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
