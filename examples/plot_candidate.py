"""Plot a spectrum with the lines that tell an O star.

python examples/plot_candidate.py SPECTRUM.fits.gz candidate.png
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from lamost_rare import classify_spectra
from lamost_rare.inference.evidence import LINES
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.normalize import pseudo_continuum
from lamost_rare.spectra.resample import assemble

SHOWN = ("hei_4026", "heii_4200", "hei_4471", "heii_4541", "heii_4686", "heii_5411")


def plot(path, output):
    """Whole spectrum above, six lines below, with their equivalent widths."""
    batch, _ = assemble([read_lamost(path)], LAMOST_GRID)
    row = classify_spectra(path)[0]
    wavelength, good = LAMOST_GRID.wavelength, ~batch.mask[0]
    level = pseudo_continuum(batch.flux, batch.mask)[0][0]
    rectified = np.where(good, batch.flux[0] / level, np.nan)

    figure = plt.figure(figsize=(10, 5.2), layout="constrained")
    axes = figure.subplot_mosaic([["all"] * 6, SHOWN], height_ratios=[1, 1.1])
    axes["all"].plot(wavelength, np.where(good, batch.flux[0], np.nan), lw=0.6, color="black")
    axes["all"].plot(wavelength, level, lw=0.8, color="tab:orange")
    axes["all"].set(xlabel="vacuum wavelength (Å)", ylabel="flux", xlim=wavelength[[0, -1]])
    axes["all"].set_title(
        f"obsid {row['obsid']}: {row['prediction']}, p(O) = {row['p_O']:.4f}, "
        f"S/N (g) = {row['snr_g']:.0f}, candidate: {'yes' if row['candidate'] else 'no'}"
    )
    for name in SHOWN:
        line = LINES[name]
        near = np.abs(wavelength - line.wavelength) < 30
        axes["all"].axvline(line.wavelength, color="tab:red", lw=0.5, alpha=0.6)
        axes[name].plot(wavelength[near], rectified[near], lw=0.9, color="black", ds="steps-mid")
        axes[name].axvline(line.wavelength, color="tab:red", lw=0.7)
        axes[name].set_ylim(0.75, 1.12)
        width, error = row[f"ew_{name}"], row[f"ew_{name}_err"]
        axes[name].set_title(f"{line.label}\n{width.value:.2f} ± {error.value:.2f} Å", fontsize=9)
        if name != SHOWN[0]:
            axes[name].set_yticklabels([])
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    plot(*sys.argv[1:3])
