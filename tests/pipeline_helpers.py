"""What the tests of pipelines share: distributions of other people, written into a folder."""

import textwrap

import numpy as np

from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID

SMOOTH = """
from dataclasses import replace

import numpy as np

from lamost_rare.pipeline import Column, Parameter, Step


class Smooth(Step):
    name = "smooth"
    summary = "running mean of the flux"
    parameters = (Parameter("width", int, 3, "pixels"),)
    adds = (Column("roughness", "f4", "rms of what was smoothed away"),)

    def process(self, batch):
        kernel = np.ones(self.width) / self.width
        flux = np.array([np.convolve(row, kernel, "same") for row in batch.flux], "f4")
        rough = np.sqrt(((batch.flux - flux) ** 2).mean(axis=1))
        return replace(batch, flux=flux, columns={**batch.columns, "roughness": rough})
"""


def install(folder, distribution, entry_points, version="1.0", **modules):
    """Write a distribution as an installer would: metadata with entry points, and modules."""
    info = folder / f"{distribution}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(textwrap.dedent(entry_points))
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)


def batch_of(n=4, seed=0, grid=LAMOST_GRID):
    """Noisy spectra of S/N 50 with a slope and some masked pixels."""
    rng = np.random.default_rng(seed)
    level = np.linspace(1, 2, grid.n_pixels) * rng.uniform(10, 1000, (n, 1))
    flux = (level * rng.normal(1, 0.02, level.shape)).astype("f4")
    mask = rng.random(flux.shape) < 0.01
    ivar = np.where(mask, 0, (50 / level) ** 2).astype("f4")
    return SpectrumBatch(grid, np.where(mask, 0, flux), ivar, mask)
