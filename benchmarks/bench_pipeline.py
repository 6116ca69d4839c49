"""The cost of `lamost-rare run` over calling the functions directly, as a ratio within one run.

    python benchmarks/bench_pipeline.py [--spectra 2000] [--rounds 3] [--preset P]

Both ways get the same batches of simulated spectra and do the same work: normalize, classify, make
catalogue rows. Directly it is three function calls; as a pipeline it is what a run does between its
readers and its shards. They take turns, and each network is compiled before the clock starts.
Prints a Markdown table; the last line is what a complete run, files to catalogue, takes against a
complete scan.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

BATCH = 256


def make_batches(number: int):
    """Noisy spectra in batches as readers give them: with paths, and with their lines measured."""
    from lamost_rare.inference.evidence import measure_lines
    from lamost_rare.simulation.analytic import analytic_spectra

    kinds = np.resize(["O", "B", "A", "F", "G", "K", "M"], 250)
    some = analytic_spectra(kinds, np.random.default_rng(0), snr=40.0)
    some.columns = measure_lines(some)
    batches = []
    for start in range(0, number, BATCH):
        batch = some[np.arange(start, min(start + BATCH, number)) % len(some)]
        batch.identity["path"] = np.array([f"spec-{start + i}" for i in range(len(batch))], object)
        batches.append(batch)
    return batches


def by_hand(batches, predictor, preset, schema) -> int:
    """The functions themselves."""
    from lamost_rare.inference.rows import catalogue_columns
    from lamost_rare.spectra.normalize import normalize_l2
    from lamost_rare.survey.catalogue import catalogue_table

    rows = 0
    for batch in batches:
        batch = normalize_l2(batch)
        columns = catalogue_columns(batch, predictor.predict(batch), preset)
        batch.flags = columns["flags"]
        batch.columns = {**batch.columns, **columns}
        rows += len(catalogue_table(batch, schema))
    return rows


def as_pipeline(batches, line, schema) -> int:
    """Do what a run does with a batch."""
    from lamost_rare.survey.catalogue import catalogue_table

    rows = 0
    for batch in batches:
        batch, _, _ = line.run(batch, list(range(len(batch))))
        rows += len(catalogue_table(batch, schema))
    return rows


def whole(folder: Path, preset, work: Path) -> tuple[float, float]:
    """Seconds of a scan and of a run of the same files, each after one that is not counted."""
    from lamost_rare import run_pipeline, scan_directory

    steps = ["normalize", {"rare_star_classifier": {"preset": str(preset.folder)}}]
    seconds = {"scan": [], "run": []}
    for number in range(4):
        started = time.perf_counter()
        scan_directory(folder, work / f"scan{number}", preset=preset, progress=False)
        seconds["scan"].append(time.perf_counter() - started)
        started = time.perf_counter()
        run_pipeline(steps, folder, work / f"run{number}", progress=False)
        seconds["run"].append(time.perf_counter() - started)
    return min(seconds["scan"][1:]), min(seconds["run"][1:])


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spectra", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--preset")
    parser.add_argument("--whole", action="store_true", help="also from files to catalogue")
    args = parser.parse_args()
    from lamost_rare.inference.predictor import Predictor
    from lamost_rare.pipeline import make_step
    from lamost_rare.presets import load_preset
    from lamost_rare.simulation.fits_files import write_batch
    from lamost_rare.survey.catalogue import catalogue_schema
    from lamost_rare.survey.stepping import StepLine

    preset = load_preset(args.preset)
    batches = make_batches(args.spectra)
    predictor = Predictor(preset, batch_size=BATCH)
    classifier = make_step("rare_star_classifier", preset=str(preset.folder), batch_size=BATCH)
    line = StepLine([make_step("normalize"), classifier])
    schema = catalogue_schema(classifier.adds)
    seconds = {"by hand": [], "as a pipeline": []}
    for number in range(args.rounds + 1):
        # In turns, and the turn changes, so that a busy moment does not hit one alone.
        ways = [
            ("by hand", lambda: by_hand(batches, predictor, preset, schema)),
            ("as a pipeline", lambda: as_pipeline(batches, line, schema)),
        ]
        for name, way in ways if number % 2 else reversed(ways):
            started, processor = time.perf_counter(), time.process_time()
            if way() != args.spectra:
                raise SystemExit(f"{name}: some of {args.spectra} spectra got lost")
            spent = time.perf_counter() - started, time.process_time() - processor
            if number:  # the first round compiles
                seconds[name].append(spent)
    best = {name: np.min(values, axis=0) for name, values in seconds.items()}
    ratio = best["as a pipeline"] / best["by hand"]
    print(f"\n{args.spectra} spectra, best of {args.rounds}; preset {preset.name}\n")
    print("| way | s | processor s |\n|---|---|---|")
    for name, (wall, processor) in best.items():
        print(f"| {name} | {wall:.2f} | {processor:.2f} |")
    print(f"| ratio | {ratio[0]:.3f} | {ratio[1]:.3f} |")
    if args.whole:
        with tempfile.TemporaryDirectory() as work:
            for number, batch in enumerate(batches):
                write_batch(Path(work, "files"), batch, first_number=number * BATCH)
            scanned, ran = whole(Path(work, "files"), preset, Path(work))
        print(f"| files to catalogue: scan, run | {scanned:.1f}, {ran:.1f} | {ran / scanned:.3f} |")


if __name__ == "__main__":
    main()
