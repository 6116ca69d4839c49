"""Speed of putting LAMOST spectra on the grid, against the resamplers of specutils, in one run.

Usage: python benchmarks/bench_resampling.py [number of spectra]

One thread; rates are per second of its processor time. They depend on the machine, and on who
shares its caches; trust the ratios.
"""

import sys
import time

import numpy as np
from astropy import units as u
from astropy.nddata import InverseVariance
from specutils import Spectrum
from specutils.manipulation import FluxConservingResampler, LinearInterpolatedResampler

from lamost_rare.spectra import LAMOST_GRID, RawSpectrum, assemble

N_SPECTRA = 256  # what one batch of a scan holds
STEP = 1e-4


def simulate(starts, n_spectra, bad_fraction, *, linear=False, seed=0):
    """Spectra as LAMOST delivers them; bad pixels come in runs of ten."""
    rng = np.random.default_rng(seed)
    raws = []
    for k in range(n_spectra):
        start = starts[k % len(starts)]
        wavelength = 10.0 ** (start + STEP * np.arange(3909))
        if linear:
            wavelength = np.arange(3700.0, 9100.0, 1.4)
        m = len(wavelength)
        mask = np.zeros(m, bool)
        for first in rng.integers(0, m, round(bad_fraction * m / 10)):
            mask[first : first + 10] = True
        flux = rng.normal(100, 5, m).astype(np.float32)
        ivar = rng.uniform(0.02, 0.06, m).astype(np.float32)
        log = (None, None) if linear else (start, STEP)
        raws.append(RawSpectrum(wavelength, flux, ivar, mask, *log, {"snr_g": 20.0}, "dr1-7"))
    return raws


def rate(function, n_spectra, repeats):
    """Spectra per second of processor time, in the run that others disturbed least."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return n_spectra / min(times)


def specutils_rate(resampler, raws):
    """From arrays to a resampled Spectrum, as a user of specutils would."""
    axis = LAMOST_GRID.wavelength * u.AA

    def run():
        for raw in raws:
            spectrum = Spectrum(
                flux=raw.flux * u.dimensionless_unscaled,
                spectral_axis=raw.wavelength * u.AA,
                uncertainty=InverseVariance(raw.ivar),
            )
            resampler(spectrum, axis)

    return rate(run, len(raws), 3)


def main(n_spectra=N_SPECTRA):
    """Measure, and print a table of rates and ratios."""
    cases = {
        "copy, LAMOST's lattice": simulate([3.5682, 3.5687, 3.5692], n_spectra, 0.02),
        "matrix, no bad pixels": simulate([3.568234], n_spectra, 0.0),
        "matrix, 2 % bad pixels": simulate([3.568234], n_spectra, 0.02),
        "matrix, linear wavelengths": simulate([3.5682], n_spectra, 0.02, linear=True),
    }
    few = cases["matrix, no bad pixels"][:8]
    conserving = specutils_rate(FluxConservingResampler(), few[:3])
    linear = specutils_rate(LinearInterpolatedResampler(), few)
    print(f"{'flux, variance and mask of one spectrum':40s} {'spectra/s':>10s} "
          f"{'x flux-conserving':>18s} {'x linear':>9s}")  # fmt: skip
    rows = {"specutils FluxConservingResampler": conserving}
    rows["specutils LinearInterpolatedResampler"] = linear
    for name, raws in cases.items():
        rows[f"assemble: {name}"] = rate(
            lambda raws=raws: assemble(raws, LAMOST_GRID), n_spectra, 15
        )
    for name, value in rows.items():
        print(f"{name:40s} {value:10.1f} {value / conserving:18.0f} {value / linear:9.0f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
