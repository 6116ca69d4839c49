"""What the tests of scan share: a stand-in for the network, files, and looks at the results."""

import hashlib
import json
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq

from lamost_rare import cli
from lamost_rare.inference.decision import Prediction
from lamost_rare.inference.first_stage import FirstStage
from lamost_rare.inference.sizes import BATCH_SIZE
from lamost_rare.presets import save_preset
from lamost_rare.simulation.fits_files import lamost_file_bytes
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid
from lamost_rare.survey import batch_classifier, scan
from lamost_rare.survey.merge import RESULTS
from lamost_rare.survey.reader import read_chunk
from lamost_rare.survey.scan import SHARD_SIZE, classify_below

CONFIG = {
    "name": "standin-v1",
    "kind": "classifier",
    "architecture": {},
    "classes": ["O", "F"],
    "rare_class": "O",
    "grid": LAMOST_GRID.to_dict(),
    "threshold": 0.5,
}
FULL = WavelengthGrid(3.5682, 1e-4, 3909)


class StandIn:
    """The probability of O is the S/N in g as a percentage; counts the batches it was given."""

    def __init__(self):
        self.sizes = []

    def predict(self, batch):
        self.sizes.append(len(batch))
        p = (batch.identity["snr_g"] / 100).astype("f4")
        return Prediction(
            probabilities=np.stack([p, 1 - p], axis=1),
            candidate=p > 0.5,
            flags=np.zeros(len(batch), dtype=np.int64),
        )


def standin_preset(folder, **changes):
    """The stand-in's preset, saved in a new folder; a file of weights is left beside it."""
    weights = folder.parent / "weights"
    weights.parent.mkdir(parents=True, exist_ok=True)
    weights.write_bytes(b"none")
    return save_preset(folder, {**CONFIG, **changes}, weights)


MACHINERY = SimpleNamespace(network=None, shard_size=SHARD_SIZE)
"""What `scan_directory` uses; `use_network` sets the network."""


def scan_directory(
    source, output, *, preset=None, batch_size=BATCH_SIZE, thorough=False, **options
):
    """Scan as `lamost_rare.scan_directory` does, with the network and shards of `MACHINERY`."""
    make_predictor = MACHINERY.network and (lambda preset, batch_size: MACHINERY.network)
    options = {"shard_size": MACHINERY.shard_size, "make_predictor": make_predictor} | options
    return classify_below(
        source, output, preset=preset, batch_size=batch_size, thorough=thorough, **options
    )


def use_network(monkeypatch, network=None):
    """Have scans use this network, a `StandIn` if none is given; returns it.

    Those from the command line and of pipelines too.
    """
    network = network or StandIn()
    monkeypatch.setattr(MACHINERY, "network", network)
    monkeypatch.setattr(scan, "scan_directory", scan_directory)
    monkeypatch.setattr(batch_classifier, "build_predictor", lambda preset, batch_size: network)
    return network


def command_line(network, shard_size):
    """Run the command line with this network: for a process of its own."""
    MACHINERY.network, MACHINERY.shard_size = network, shard_size
    scan.scan_directory = scan_directory
    return cli.main(sys.argv[1:])


class ReadHere:
    """Takes the place of `ReaderPool` where no processes are wanted: they take time to start."""

    def __init__(self, grid, *, workers, batch_size, first_stage=None):
        self.grid = grid
        self.first_stage = first_stage and FirstStage.load(first_stage)

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        pass

    def run(self, tasks, stopped=lambda: False):
        for task in tasks:
            if stopped():
                return
            yield task, read_chunk(task.paths, self.grid, first_stage=self.first_stage)


def strange_isal(folder, *does):
    """Make an isal that does this with any gzip stream; returns what to import from."""
    (folder / "isal").mkdir(parents=True)
    (folder / "isal" / "__init__.py").touch()
    lines = textwrap.indent("\n".join(does), 8 * " ")
    (folder / "isal" / "isal_zlib.py").write_text(
        f"import os, re, time\nfrom pathlib import Path\nfrom zlib import error\n"
        f"class decompressobj:\n    def __new__(cls, wbits):\n{lines}\n"
    )
    return folder


def crashing_isal(folder):
    """Make an isal that dies of any gzip stream, as a library may."""
    return strange_isal(folder, "os.abort()")


def write_file(path, number, layout="dr1-7"):
    rng = np.random.default_rng(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    flux = rng.normal(100, 10, FULL.n_pixels)
    content = lamost_file_bytes(
        layout,
        FULL,
        flux,
        np.full(FULL.n_pixels, 0.01),
        obsid=1000 + number,
        designation=f"J{number:06d}",
        ra=float(number),
        dec=-1.5,
        snr=[10.0, 1.0 + number % 98, 20.0, 20.0, 20.0],
    )
    path.write_bytes(content)
    return path


def table(output, name="catalogue"):
    return pq.read_table(output / f"{name}.parquet").to_pydict()


def digests(output):
    return {name: hashlib.sha256((output / name).read_bytes()).hexdigest() for name in RESULTS}


def manifest(output):
    return json.loads((output / "manifest.json").read_text())
