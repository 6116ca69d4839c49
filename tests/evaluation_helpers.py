"""A data folder of analytic stars and tiny networks, for the tests of generators."""

import csv

import numpy as np

from lamost_rare.inference.first_stage import FirstStage, n_features
from lamost_rare.networks.architectures import PAPER_RACNET, SHIPPED_LCGAN, SHIPPED_SGAN
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid

GRID = WavelengthGrid(3.5682, 1e-4, 3909)
TINY = {
    "global_units": 8,
    "channels": [2, 2],
    "noise_channels": [2],
    "discriminator_channels": [2, 2],
    "discriminator_units": 4,
}
TINY_LCGAN = {**SHIPPED_LCGAN, **TINY}
TINY_SGAN = {**SHIPPED_SGAN, **TINY}
TINY_RACNET = {**PAPER_RACNET, "stem_channels": 4, "stem_stride": 8, "block_channels": [4]}


def write_data(folder, kinds, seed=0, snr=60.0):
    """One spectrum each of so many stars of each kind, with a labels table."""
    rng = np.random.default_rng(seed)
    names = [kind for kind, number in kinds.items() for _ in range(number)]
    batch = analytic_spectra(names, rng, snr=snr, grid=GRID)
    rows = []
    for i, name in enumerate(names):
        path = f"{name}-{i}.fits.gz"
        write_lamost_file(
            folder / path, "dr1-7", GRID, batch.flux[i], batch.ivar[i],
            andmask=batch.mask[i].astype(np.float32), obsid=1 + i, ra=10.0 + i, dec=5.0,
        )  # fmt: skip
        rows.append({"path": path, "class": name[0]})
    with open(folder / "labels.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "class"])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def check_page(path):
    """Tables have as many cells in each row, images exist, no number is missing."""
    page = path.read_text(encoding="utf-8")
    for block in page.split("\n\n"):
        lines = block.splitlines()
        if block.startswith("|"):
            assert len({line.count("|") for line in lines}) == 1, block
        for line in lines:
            if line.startswith("!["):
                assert (path.parent / line.split("(")[-1].rstrip(")")).stat().st_size > 5000
    assert "nan" not in page.lower().split()


def generator_preset(folder, architecture, grid):
    """A generator preset with the weights that it starts with."""
    import keras

    from lamost_rare.networks.gan import build_generator
    from lamost_rare.presets import save_preset
    from lamost_rare.training.generator import write_generator_golden

    keras.utils.set_random_seed(0)
    generator = build_generator(architecture)
    generator.save_weights(folder / "w.weights.h5")
    config = {
        "name": "tiny-o-v1",
        "kind": "generator",
        "architecture": architecture,
        "rare_class": "O",
        "grid": grid.to_dict(),
    }
    preset = save_preset(folder / "tiny-o-v1", config, folder / "w.weights.h5")
    write_generator_golden(preset, generator)
    return preset


def in_this_process(tasks, jobs, what, function):
    """`training.pools.for_each` where what a test has changed is known."""
    return {task: function(task) for task in tasks}


def undecided_first_stage(n_classes=3):
    """A first stage of random weights, which settles hardly anything."""
    rng = np.random.default_rng(1)
    n = n_features(LAMOST_GRID.n_pixels)
    layer = 0.01 * rng.standard_normal((n, n_classes)), np.zeros(n_classes)
    return FirstStage([layer], np.arange(n_classes) == 2, np.zeros(n_classes, bool), 9.0)
