"""Two Dask workers of one core against one process of one core.

    python benchmarks/bench_dask.py [--files 32768] [--spectra DIR] [--preset P]

All figures come from one run. Files are simulated ones in the layout of DR7 (or those of a folder),
hard-linked to as many as are wanted. Prints a Markdown table:

one process
    `scan_directory` with one reader; both processes are held to one core and TensorFlow has one
    thread. On the first core and on the second, in turns with the other; the mean counts. The rate
    is that after the first batches, without the seconds of starting and merging.
two processes
    Two of these at once, each on its core: what the machine has to give. Cores share caches, memory
    and, where they are threads of one core, much else.
two workers
    `dask_scan` on two workers of one thread, each held to a core; the scheduler and the process
    that writes shards share these cores. Networks were built in a scan before. The rate counts from
    the first shard that is given out to the last that is written, so with idle time in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_scan import REPOSITORY, hard_links, simulate, untrained_preset

SHARDS = 2048

PINNED = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv.pop(1))})
"""


SCAN = """
import sys, time
from lamost_rare.survey import scan

class Clock(scan.Progress):
    def update(self, summary):
        super().update(summary)
        print(time.perf_counter(), summary.done)

scan.Progress = Clock
source, output, preset = sys.argv[1:]
scan.scan_directory(source, output, preset=preset, workers=1, progress=False)
"""

WARM_UP = 2
"""Batches after which a scan is at its speed: those that the reader had ready before it began."""

WORKER = """
from distributed.cli.dask_worker import main
main()
"""

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)


def pinned(code: str, core: int, *arguments, **options) -> subprocess.Popen:
    """Start a Python process that keeps to a core, as do those that it starts."""
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", PINNED + code, str(core), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, text=True, **options)


def processes(source: Path, output: Path, preset: str, cores: list[int]) -> float:
    """Files a second of a process on each of some cores, all together."""
    started = [
        pinned(SCAN, core, source, f"{output}-{core}", preset, stdout=subprocess.PIPE)
        for core in cores
    ]
    rate = 0.0
    for process in started:
        moments = [
            tuple(map(float, line.split())) for line in process.communicate()[0].splitlines()
        ]
        if process.returncode:
            raise SystemExit(f"scan ended with status {process.returncode}")
        (first, at_first), (last, at_last) = moments[WARM_UP], moments[-1]
        rate += (at_last - at_first) / (last - first)
    return rate


@contextlib.contextmanager
def cluster_of_two(cores: list[int]):
    """A client of two workers, each on a core."""
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0"))
        client = stack.enter_context(Client(cluster))
        for core in cores:
            options = ["--nthreads", 1, "--no-nanny", "--no-dashboard"]
            worker = pinned(
                WORKER, core, cluster.scheduler_address, *options, stderr=subprocess.DEVNULL
            )
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
        client.wait_for_workers(len(cores), timeout=120)
        yield client


def scan_on(client, source: Path, output: Path, preset: str) -> float:
    """Files a second of the workers that a client has."""
    from lamost_rare.survey import dask_scan, scan

    moments = []

    class Clock(scan.Progress):
        def __init__(self, *args):
            super().__init__(*args)
            moments[:] = [time.perf_counter()]

        def update(self, summary):
            super().update(summary)
            moments.append(time.perf_counter())

    usual, scan.Progress = scan.Progress, Clock
    try:
        summary = dask_scan(source, output, client, preset=preset, progress=False)
    finally:
        scan.Progress = usual
    return summary.discovered / (moments[-1] - moments[0])


def of(rates: list[float]) -> str:
    """Rates in words."""
    return ", ".join(f"{rate:.0f}" for rate in rates)


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=16 * SHARDS, metavar="N")
    parser.add_argument("--spectra", type=Path, help="folder with DR7 .fits.gz (else simulated)")
    parser.add_argument("--preset", help="preset (default: an untrained one of default size)")
    args = parser.parse_args()
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("needs two cores, and a system that can hold processes to one")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.path.insert(0, str(REPOSITORY))
    cores = sorted(os.sched_getaffinity(0))[:2]

    with tempfile.TemporaryDirectory(dir=args.spectra and args.spectra.parent) as work:
        work = Path(work)
        files = (
            sorted(args.spectra.rglob("*.fits.gz")) if args.spectra else simulate(work / "f", 300)
        )
        preset = args.preset or str(untrained_preset(work / "preset"))
        hard_links(files, work / "warm", 2 * SHARDS)
        hard_links(files, work / "many", args.files)
        one, two = [], []
        with cluster_of_two(cores) as client:
            for k in range(2):
                scan_on(client, work / "warm", work / f"warm{k}", preset)
            for turn in range(2):
                one += [processes(work / "many", work / f"one{turn}", preset, [c]) for c in cores]
                two.append(scan_on(client, work / "many", work / f"two{turn}", preset))
        both = processes(work / "many", work / "both", preset, cores)
        names = [f"one0-{cores[0]}", "two0"]
        here, there = [(work / name / "catalogue.parquet").read_bytes() for name in names]

    one_rate, two_rate = statistics.mean(one), statistics.mean(two)
    print(f"\n{args.files} .fits.gz ({args.spectra or 'simulated'}), {args.preset or 'untrained'}")
    print(f"the catalogues are {'the same' if here == there else 'NOT THE SAME'}\n")
    print("| measure | value | ratio |\n|---|---|---|")
    for measure, rate in (
        (f"one process of one core ({of(one)})", one_rate),
        (f"two Dask workers of one core ({of(two)})", two_rate),
        ("two such processes at once, a core each", both),
    ):
        print(f"| {measure}, files/s | {rate:.0f} | {rate / one_rate:.2f} |")


if __name__ == "__main__":
    main()
