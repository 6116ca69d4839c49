"""The speed of `lamost-rare scan`, and the memory it takes, against plain ways to do the same.

    python benchmarks/bench_scan.py rates   [--files 20000]
    python benchmarks/bench_scan.py store   [--files 20000]
    python benchmarks/bench_scan.py memory  [--files 2000 200000]
    python benchmarks/bench_scan.py resume  [--files 1000000]
    python benchmarks/bench_scan.py stages  [--files 512]

    [--spectra DIR] [--preset P] [--workers N] [--work DIR] [--output FIGURES.json]

Figures of one call come from one run, so that their ratios mean something on a busy machine. Files
are simulated ones in the layout of DR7 (or those of a folder), hard-linked to as many as are
wanted, and in the page cache. Prints a Markdown table:

rates
    *scan*: a complete one, in processes of its own; its rate is that after the first batches,
    without the seconds of starting and merging. *isal*: two processes that do nothing but
    decompress the same files. *reference*: one process, `astropy.io.fits.open`, a specutils
    Spectrum with its uncertainty, `LinearInterpolatedResampler`, the same network's
    `model.predict` in batches of 64; of a part of the files. Three turns of all of them.
store
    The same files from a store that `pack` wrote. How long the process that infers waited for
    readers tells what a scan is bound by.
memory
    The largest sum of the proportional set sizes of all processes of a scan (what N processes share
    counts an Nth for each), of few and of many files.
resume
    A list of files all of which are done: scanned again until it is known that nothing is left to
    do, with the merge after that, and once more when it is complete. Shards are the program's own,
    their rows made up.
stages
    Where the processor time of a file goes, in one process with one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from scan_runs import SCAN, WARM_UP, Reference, run_scan, time_isal
from survey_files import (
    REPOSITORY,
    hard_links,
    list_of_files,
    simulate,
    untrained_preset,
)

__all__ = ["REPOSITORY", "SCAN", "WARM_UP", "hard_links", "simulate", "untrained_preset"]

DISTINCT = 300
TURNS = 3


def source_files(args, work: Path) -> list[Path]:
    """Files to be linked."""
    if args.spectra:
        return sorted(args.spectra.rglob("*.fits.gz"))
    return simulate(work / "f", DISTINCT)


def rates(args, work: Path) -> list[tuple]:
    """Scan against decompression alone, and against the plain way."""
    files = source_files(args, work)
    links = hard_links(files, work / "many", args.files[0])
    time_isal(links, work)  # warm the page cache
    reference = Reference(files, args.preset)
    part = max(64, args.reference_files // (TURNS + 1))
    # In turns, so that a busy moment does not hit one of them alone.
    isal, scans = [], []
    for turn in range(TURNS):
        reference.run(part)
        isal.append(time_isal(links, work))
        scans.append(run_scan(work / "many", work / f"out{turn}", args.preset, args.workers))
    reference.run(part)
    isal = statistics.harmonic_mean([*isal, time_isal(links, work)])
    scan = {key: statistics.mean(one[key] for one in scans) for key in scans[0]}
    scan["rate"] = statistics.harmonic_mean(one["rate"] for one in scans)
    slowest, *_, fastest = sorted(one["rate"] for one in scans)
    plain = reference.done / reference.seconds
    spent = (scan["notes main"] + scan["notes readers"]) / scan["notes done"] * 1e3
    plain_spent = reference.processor / reference.done * 1e3
    return [
        ("scan, files/s", scan["rate"], f"{slowest:.0f} to {fastest:.0f}"),
        (
            "isal decompression alone, two processes, files/s",
            isal,
            f"scan is {scan['rate'] / isal:.2f} of it",
        ),
        (
            "reference: astropy + specutils + model.predict(64), files/s",
            plain,
            f"scan is {scan['rate'] / plain:.1f} times",
        ),
        ("scan, processor time a file, ms", spent, ""),
        (
            "reference, processor time a file, ms",
            plain_spent,
            f"{plain_spent / spent:.1f} times that of scan",
        ),
        *where(scan, "scan"),
        ("scan with starting and merging, s", scan["seconds"], ""),
        ("peak memory of all processes, MB", scan["peak"] / 1e6, ""),
    ]


def where(scan: dict, name: str) -> list[tuple]:
    """Say what a scan was bound by, after its first batches."""
    keys = ("main", "readers", "waited", "lasted", "done")
    main, readers, waited, lasted, number = (scan[f"notes {key}"] for key in keys)
    return [
        (f"{name}: readers, processor time a file, ms", readers / number * 1e3, ""),
        (f"{name}: steps and inference, processor time a file, ms", main / number * 1e3, ""),
        (f"{name}: inference waits for readers, s", waited, f"{waited / lasted:.0%} of the time"),
    ]


def store(args, work: Path) -> list[tuple]:
    """Scan of a packed store against scan of the files."""
    from lamost_rare.survey import pack_spectra

    hard_links(source_files(args, work), work / "many", args.files[0])
    pack_spectra(work / "many", work / "many.h5", progress=False)
    turns = {"files": work / "many", "store": work / "many.h5"}
    runs: dict[str, list[dict]] = {name: [] for name in turns}
    for turn in range(2):
        for name, source in turns.items():
            output = work / f"{name}{turn}"
            runs[name].append(run_scan(source, output, args.preset, args.workers))
    means = {name: sum(run["rate"] for run in some) / 2 for name, some in runs.items()}
    ratio = f"{means['store'] / means['files']:.2f} times that of files"
    rows = [
        ("scan of .fits.gz, files/s", means["files"], ""),
        ("scan of the store, spectra/s", means["store"], ratio),
    ]
    for name, some in runs.items():
        rows += where(some[-1], name)
    return rows


def memory(args, work: Path) -> list[tuple]:
    """Peak memory of a scan of few files and of many."""
    files, rows, first = source_files(args, work), [], None
    for number in sorted(args.files):
        hard_links(files, work / f"{number}", number)
        source, output = work / f"{number}", work / f"out{number}"
        scan = run_scan(source, output, args.preset, args.workers, share=0)
        first = first or scan["peak"]
        rows.append(
            (
                f"peak memory of all processes, {number} files, MB",
                scan["peak"] / 1e6,
                f"{scan['peak'] / first:.2f} times",
            )
        )
    return rows


def resume(args, work: Path) -> list[tuple]:
    """A list all of whose files are done, scanned again."""
    number = args.files[0]
    listed, output = list_of_files(work / "list.txt", number), work / "out"
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); import survey_files as s; "
    code += "s.do_all_shards(sys.argv[1], sys.argv[2], sys.argv[3] or None)"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    # In a process of its own: what it replaces in the program, it replaces for good.
    command = [sys.executable, "-c", code, str(Path(__file__).parent), str(listed), str(output)]
    subprocess.run([*command, args.preset or ""], check=True, env=environment)
    again = run_scan(listed, output, args.preset, args.workers)
    complete = run_scan(listed, output, args.preset, args.workers)
    known = again["notes merge_shards at"]
    return [
        (f"{number} listed files, all done: until that is known, s", known, ""),
        ("with the merge of their rows, s", again["seconds"], ""),
        ("peak memory of all processes, MB", again["peak"] / 1e6, ""),
        ("scanned again when complete, s", complete["seconds"], ""),
        ("peak memory of all processes, MB", complete["peak"] / 1e6, ""),
    ]


def stages(args, work: Path) -> list[tuple]:
    """Where the processor time of a file goes."""
    from scan_stages import measure_stages

    files = source_files(args, work)[: args.files[0]]
    return [(f"{name}, µs", value, "") for name, value in measure_stages(files, args.preset)]


WHAT = {
    rates: [20_000],
    store: [20_000],
    memory: [2_000, 200_000],
    resume: [1_000_000],
    stages: [512],
}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    by_name = {function.__name__: function for function in WHAT}
    parser.add_argument("what", choices=by_name)
    parser.add_argument("--files", nargs="+", type=int, metavar="N")
    parser.add_argument("--spectra", type=Path, help="folder with DR7 .fits.gz (else simulated)")
    parser.add_argument("--preset", help="name or folder (default: the shipped one for O stars)")
    parser.add_argument("--reference-files", type=int, default=576)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--work", type=Path, help="folder for files and results (temporary ones)")
    parser.add_argument("--output", type=Path, help="the figures as JSON")
    args = parser.parse_args()
    measure = by_name[args.what]
    args.files = args.files or WHAT[measure]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if args.what == "stages":
        os.environ["OMP_NUM_THREADS"] = "1"
    sys.path.insert(0, str(REPOSITORY))
    # Hard links need the same file system.
    place = args.work or (args.spectra and args.spectra.parent)
    with tempfile.TemporaryDirectory(dir=place) as work:
        rows = measure(args, Path(work))
    kind = args.spectra or "simulated"
    print(
        f"\n{args.what}; {os.cpu_count()} cores; .fits.gz in DR7's layout ({kind}); "
        f"{' and '.join(map(str, args.files))} files; preset {args.preset or 'default'}\n"
    )
    print("| measure | value | ratio |\n|---|---|---|")
    for name, value, ratio in rows:
        print(f"| {name} | {value:.4g} | {ratio} |")
    if args.output:
        figures = [dict(zip(("measure", "value", "ratio"), row, strict=True)) for row in rows]
        text = json.dumps({"what": args.what, "files": args.files, "figures": figures}, indent=1)
        args.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
