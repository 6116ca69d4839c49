"""Fingerprints of all that must stay the same when code is only moved or tidied.

    python benchmarks/fingerprints.py --data DIR > before.json
    ... change the code ...
    python benchmarks/fingerprints.py --data DIR > after.json; diff before.json after.json

Prints a JSON object of SHA-256 sums: the tables that scan, run and classify write of the spectra in
``DIR/lamost`` (from the directory, a general catalogue, a store, an archive, a list, with Dask),
golden outputs of the shipped presets, generated spectra, batches to train on, and trials with their
figures for a network that is none. The same machine and the same versions of libraries give the
same sums.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

COMMAND = [sys.executable, "-m", "lamost_rare"]


def main() -> None:
    """Print the fingerprints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the training data")
    parser.add_argument("--only", nargs="*", help="of these parts alone")
    args = parser.parse_args()
    found = {}
    for part in (tables, presets, generated, batches, figures):
        if args.only and part.__name__ not in args.only:
            continue
        for name, value in part(args.data.resolve()):
            found[name] = value
            print(name, value[:16], file=sys.stderr)
    print(json.dumps(found, indent=1))


def digest(*values) -> str:
    """SHA-256 of arrays, text and bytes."""
    sums = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            value = value.astype(str) if value.dtype == object else value
            value = np.ascontiguousarray(value).tobytes()
        sums.update(value if isinstance(value, bytes) else str(value).encode())
    return sums.hexdigest()


def tables(data: Path):
    """Sum up what the command line writes of real spectra."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        spectra = work / "lamost"
        spectra.symlink_to(data / "lamost")
        archive, names = work / "some.tar", sorted((data / "lamost" / "dr1-7").glob("*.gz"))
        with tarfile.open(archive, "w") as tar:
            for path in names:
                tar.add(path, path.name)
        (work / "names.txt").write_text("\n".join(map(str, names[::3])) + "\n")
        pipeline = work / "pipeline.yaml"
        pipeline.write_text("steps: [normalize, o_star_classifier, line_evidence]\n")
        run("pack", data / "lamost", "--output", work / "store.h5")
        scans = {
            "directory": ("scan", data / "lamost"),
            "thorough": ("scan", data / "lamost" / "dr1-7", "--thorough", "--workers", "1"),
            "catalogue": ("scan", data / "lamost" / "labels.csv", "--root", data / "lamost"),
            "store": ("scan", work / "store.h5"),
            "archive": ("scan", archive),
            "list": ("scan", work / "names.txt"),
            "formats": ("scan", data / "lamost" / "early", "--format", "ecsv"),
            "pipeline": ("run", pipeline, "--input", data / "lamost" / "early"),
            "candidates": ("scan", work / "demo" / "survey"),
        }
        run("demo", "--output", work / "demo")
        for name, command in scans.items():
            run(*command, "--output", work / name)
            yield from of_tables(name, work / name, work)
        with dask_cluster() as address:
            where = data / "lamost" / "early"
            run("scan", where, "--output", work / "dask", "--dask", address)
        yield from of_tables("dask", work / "dask", work)
        for suffix in ("parquet", "csv"):
            output = work / f"classified.{suffix}"
            run("classify", *names[:40], "--output", output)
            yield f"classify {suffix}", digest(output.read_bytes())


def of_tables(name: str, folder: Path, work: Path):
    """Fingerprints of the tables in the folder of a scan; paths of scratch files do not count."""
    for path in sorted([*folder.glob("*.parquet"), *folder.glob("*.csv"), *folder.glob("*.ecsv")]):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            import pyarrow.parquet as pq

            table = pq.read_table(path)
            content = str(table.schema.to_string()).encode() + str(table.to_pydict()).encode()
        yield f"{name} {path.name}", digest(content.replace(os.fsencode(work), b"WORK"))


def run(*words) -> None:
    """Run a command of the package; exit status 1 (nothing usable) is an error too."""
    subprocess.run([*COMMAND, *map(str, words), *quiet(words)], check=True, stdout=sys.stderr)


def quiet(words) -> list[str]:
    """The option that silences a command which has one."""
    return ["--quiet"] if words[0] in ("scan", "run", "pack") else []


def dask_cluster():
    """Context manager: the address of a cluster of two workers on this machine."""
    import contextlib

    from distributed import LocalCluster

    @contextlib.contextmanager
    def cluster():
        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        with LocalCluster(**options) as found:
            yield found.scheduler_address

    return cluster()


def presets(data: Path):
    """Answers of the shipped classifiers to their golden spectra."""
    from lamost_rare import list_presets, load_preset
    from lamost_rare.inference.predictor import Predictor
    from lamost_rare.spectra.batch import SpectrumBatch

    for name in list_presets():
        preset = load_preset(name)
        if preset.kind != "classifier":
            continue
        with np.load(preset.folder / "golden.npz") as golden:
            batch = SpectrumBatch(preset.grid, golden["flux"], golden["ivar"], golden["mask"])
        answer = Predictor(preset, 16).predict(batch)
        yield f"golden {name}", digest(answer.probabilities, answer.candidate, answer.flags)


def generated(data: Path):
    """Spectra of the shipped generator."""
    import h5py

    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "generated.h5"
        run("augment", "--number", "30", "--seed", "3", "--output", file)
        with h5py.File(file) as stored:
            yield "augment", digest(stored["wavelength"][:], stored["flux"][:])


def batches(data: Path):
    """First batches to train on, of each recipe of a classifier."""
    from lamost_rare.simulation.dataset import load_data_folder
    from lamost_rare.training.crossvalidation import fold_stream
    from lamost_rare.training.recipes import RECIPES

    stars = load_data_folder(data)
    yield "labels", digest(stars.label, stars.star, stars.flux, stars.snr)
    for name, recipe in RECIPES.items():
        stream, held_out = fold_stream(recipe, stars, 1, recipe.n_folds, seed=5)
        yield f"fold {name}", digest(held_out)
        for number in range(2):
            yield f"batch {number} {name}", digest(*stream.inputs(number, 64))


def figures(data: Path):
    """Trials and figures of a network that knows nothing, of small size."""
    from lamost_rare.simulation.dataset import load_data_folder
    from lamost_rare.simulation.simulate_stars import noise_of
    from lamost_rare.training.recipes import RECIPES
    from lamost_rare.validation.figures import cross_fitted, measure
    from lamost_rare.validation.trials import run_trials

    recipe = RECIPES["racnet-obafgkm-v1"]
    stars = load_data_folder(data)
    stars = stars[np.arange(0, len(stars), 5)]
    noise = noise_of(stars)

    def predict(batch):
        rng = np.random.default_rng(int(1e4 * np.abs(batch.flux).sum(dtype=np.float64)) % 2**32)
        logits = rng.normal(size=(len(batch), len(recipe.classes))) * 3
        return logits, rng.random(len(batch)) < 0.9, rng.normal(size=len(batch))

    trials = {
        fold: run_trials(
            predict,
            stars,
            np.arange(fold, len(stars), 2),
            noise,
            recipe.rare_class,
            seed=fold,
            repeats=2,
            n_reobserved=2000,
        )
        for fold in range(2)
    }
    for trial in trials[0]:
        yield f"trial {trial.kind}", digest(*(getattr(trial, name) for name in trial.ARRAYS))
    decided, rule, _ = cross_fitted(
        trials, stars, recipe.classes, recipe.rare_class, group=recipe.group
    )
    # In words that do not change with the classes that hold the numbers.
    yield (
        "operating point",
        digest(
            f"OperatingPoint(temperature={rule.calibration.temperature}, "
            f"threshold={rule.threshold}, weight={rule.calibration.evidence_weight}, "
            f"threshold_by_snr={rule.threshold_by_snr.to_dict()}, "
            f"discriminant={rule.discriminant and rule.discriminant.to_dict()})"
        ),
    )
    found = measure(decided, recipe.classes, recipe.rare_class, 1)
    yield "figures", digest(json.dumps(found, sort_keys=True))


if __name__ == "__main__":
    main()
