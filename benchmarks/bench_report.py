"""The page of many candidates: its size, how long writing takes, and how much memory.

    python benchmarks/bench_report.py [--spectra DIR] [--number 5000]

Spectra are those of the folder (real ones, say), or simulated ones in DR7's layout; files have as
many names as are wanted. They are scanned first. Prints a Markdown table of pages with a fifth of
the rows and with all, each written by a process of its own, from the page cache. Reading alone is
what it takes to read the same files. Times are those of the processor. How much memory a process
has had is known on Linux alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from survey_files import hard_links, simulate

from lamost_rare.spectra.quality import SpectrumError
from lamost_rare.survey.inputs.discovery import find_spectra
from lamost_rare.survey.inputs.items import read_item
from lamost_rare.survey.scan import scan_directory

_WRITE = r"""
import json, re, sys, time
from pathlib import Path
from lamost_rare.report.making import make_page
def peak():
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
before, start = peak(), time.process_time()
make_page(sys.argv[1], sys.argv[2], rows=sys.argv[3], progress=False)
print(json.dumps({"seconds": time.process_time() - start, "before": before, "after": peak()}))
"""


def reading_seconds(paths: list[str]) -> float:
    """Processor time for reading these files."""
    start = time.process_time()
    for path in paths:
        try:
            read_item(path, header=True)
        except SpectrumError:
            continue
    return time.process_time() - start


def write(output: Path, rows: Path, page: Path) -> dict:
    """Write a page in a new process; return what it measured."""
    command = [sys.executable, "-c", _WRITE, str(output), str(page), str(rows)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spectra", metavar="DIR", type=Path)
    parser.add_argument("--number", metavar="N", type=int, default=5000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.spectra and args.spectra.parent) as work:
        folder = Path(work)
        files = (
            [args.spectra / os.fsdecode(entry.path) for entry in find_spectra(args.spectra)]
            if args.spectra
            else simulate(folder / "simulated", min(1000, args.number))
        )
        hard_links(files, folder / "survey", args.number)
        scan_directory(folder / "survey", folder / "scan", progress=False)
        catalogue = pq.read_table(folder / "scan" / "catalogue.parquet", columns=["path", "obsid"])
        print("| spectra | page, MB | bytes a spectrum | writing, s | ratio to reading alone | "
              "memory, MB, over that of imports |\n|---|---|---|---|---|---|")  # fmt: skip
        for n in (len(catalogue) // 5, len(catalogue)):
            rows, page = folder / f"{n}.parquet", folder / f"{n}.html"
            pq.write_table(catalogue.slice(0, n), rows)
            reading = reading_seconds(catalogue["path"].slice(0, n).to_pylist())
            found = write(folder / "scan", rows, page)
            size, seconds = page.stat().st_size, found["seconds"]
            memory = (found["after"] - found["before"]) / 1024
            print(f"| {n} | {size / 1e6:.1f} | {size / n:.0f} | {seconds:.1f} | "
                  f"{seconds / reading:.1f} | {memory:.0f} |")  # fmt: skip


if __name__ == "__main__":
    main()
