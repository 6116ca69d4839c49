"""Files for measurements: simulated spectra in DR7's layout, as many names for them as wanted, and
scans all of whose shards are done."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parent.parent

_KINDS = {"O": 0.01, "B": 0.03, "A": 0.14, "F": 0.27, "G": 0.28, "K": 0.18, "M": 0.04,
          "white_dwarf": 0.01, "hot_subdwarf": 0.01, "qso": 0.01, "galaxy": 0.02}  # fmt: skip


def simulate(folder: Path, number: int, seed: int = 1) -> list[Path]:
    """Noisy spectra in the layout, with the compression and of about the size of DR7's."""
    from lamost_rare.simulation.analytic import analytic_spectra
    from lamost_rare.simulation.demo import SURVEY_GRID
    from lamost_rare.simulation.fits_files import write_lamost_file
    from lamost_rare.spectra.grid import WavelengthGrid

    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    kinds = rng.choice(list(_KINDS), number, p=list(_KINDS.values()))
    snr = np.exp(rng.uniform(np.log(5), np.log(100), number))
    batch = analytic_spectra(kinds, rng, snr, grid=SURVEY_GRID)
    # As in the survey: one start, and a few lengths.
    lengths = rng.choice([3909, 3906, 3904, 3899, 3892], number, p=[0.7, 0.1, 0.08, 0.06, 0.06])
    paths = []
    for i, length in enumerate(lengths.tolist()):
        identity = {name: batch.identity[name][i] for name in ("obsid", "designation", "ra", "dec")}
        paths.append(
            write_lamost_file(
                folder / f"spec-56000-BENCH_sp01-{i:05d}.fits.gz",
                "dr1-7",
                WavelengthGrid(SURVEY_GRID.log10_start, SURVEY_GRID.log10_step, length),
                *(array[i, :length] for array in (batch.flux, batch.ivar, batch.mask)),
                snr=np.array([0.3, 1, 1.5, 1.7, 1.3]) * snr[i],
                subclass=batch.columns["subclass"][i],
                class_name=batch.columns["class_name"][i],
                gzip_level=6,
                **identity,
            )
        )
    return paths


def hard_links(files: list[Path], folder: Path, number: int) -> list[Path]:
    """``number`` names for the files, 250 to a folder as in the survey."""
    links = []
    for i in range(number):
        target = folder / f"plate{i // 250:05d}"
        if i % 250 == 0:
            target.mkdir(parents=True, exist_ok=True)
        links.append(target / f"spec-{i:07d}.fits.gz")
        os.link(files[i % len(files)], links[-1])
    return links


def list_of_files(target: Path, number: int) -> Path:
    """A list of so many paths, as the survey names them; there are no such files."""
    with open(target, "w", encoding="ascii") as file:
        for i in range(number):
            plate, fiber = divmod(i, 4000)
            file.write(
                f"2013{plate % 12 + 1:02d}01/PLAN{plate:04d}/"
                f"spec-56{plate % 1000:03d}-PLAN{plate:04d}_sp{fiber // 250 + 1:02d}"
                f"-{fiber % 250 + 1:03d}.fits.gz\n"
            )
    return target


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


def do_all_shards(source: Path, output: Path, preset: str | None) -> None:
    """Leave a scan as one that was stopped between its last shard and the merge.

    The program itself plans it and writes its shards; only the rows are made up, as no file is
    read: all plausible, one in a thousand a candidate, one in fifty inputs a reject.
    """
    from lamost_rare.survey import ScanInterrupted, scan
    from lamost_rare.survey.catalogue import rejected_table
    from lamost_rare.survey.shards import ShardCounts

    rng = np.random.default_rng(3)

    def classify(store, inputs, numbers, *, root, **_):
        first = 0
        for number in numbers:
            paths = [os.fsdecode(os.path.join(root, e.path)) for e in inputs.shard(number)]
            kept = [path for i, path in enumerate(paths) if i % 50]
            rows = made_up_rows(kept, first, store.schema, rng)
            rejects = [(path, "corrupt_gzip", f"{path} is corrupt gzip") for path in paths[::50]]
            store.write(number, rows, rejected_table(rejects))
            first += len(kept)
            yield ShardCounts(len(kept), len(rejects), sum(rows["candidate"].to_pylist()))

    def stop(*_args, **_options):
        raise ScanInterrupted(None)

    scan.classify_shards, scan.merge_shards = classify, stop
    try:
        scan.scan_directory(source, output, preset=preset, progress=False)
    except ScanInterrupted:
        pass


def made_up_rows(paths: list[str], first: int, schema, rng):
    """Catalogue rows for paths, as an Arrow table."""
    import pyarrow as pa

    n = len(paths)
    chance = rng.random(n).astype(np.float32)
    columns = []
    for field in schema:
        if field.name == "path":
            values = paths
        elif field.name == "obsid":
            values = np.arange(first, first + n)
        elif field.name == "designation":
            values = [f"LAMOST J{i:06d}.00+{i:06d}.0" for i in range(first, first + n)]
        elif field.name == "prediction":
            values = rng.choice(list("AFGK"), n).tolist()
        elif field.name == "candidate":
            values = chance < 0.001
        elif pa.types.is_floating(field.type):
            values = rng.random(n).astype(field.type.to_pandas_dtype())
        else:
            values = np.zeros(n, field.type.to_pandas_dtype())
        columns.append(pa.array(values, field.type))
    return pa.Table.from_arrays(columns, schema=schema)
