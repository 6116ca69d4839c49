"""A small scan to make pages of, with a stand-in for the network."""

from functools import lru_cache

import numpy as np

from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.fits_files import write_batch
from scan_helpers import MACHINERY, StandIn, scan_directory, standin_preset


def make_small_scan(folder, n=12):
    """Scan ``n`` files, of O and F stars by turns; those of S/N above 50 are candidates.

    Returns the directory of the scan; files are in ``spectra`` beside it.
    """
    write_batch(folder / "spectra", _batch(n))
    preset = standin_preset(folder / "preset" / "standin-v1")
    before, MACHINERY.network = MACHINERY.network, StandIn()
    try:
        scan_directory(
            folder / "spectra", folder / "scan", preset=preset, workers=1, progress=False
        )
    finally:
        MACHINERY.network = before
    return folder / "scan"


@lru_cache(maxsize=2)
def _batch(n):
    kinds = (["O", "F"] * n)[:n]
    snr = np.linspace(40, 95, n)
    return analytic_spectra(kinds, np.random.default_rng(1), snr, first_obsid=1001)
