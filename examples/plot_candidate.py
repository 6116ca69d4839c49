"""Plot a spectrum with the lines that tell an O star.

python examples/plot_candidate.py SPECTRUM.fits.gz candidate.png
"""

import sys

import matplotlib

from lamost_rare import plot_spectrum

SHOWN = ("hei_4026", "heii_4200", "hei_4471", "heii_4541", "heii_4686", "heii_5411")


def plot(path, output):
    """Whole spectrum above, six lines below, with their equivalent widths."""
    axes = plot_spectrum(path, lines=SHOWN, classify=True)
    axes["overview"].figure.savefig(output, dpi=160)


if __name__ == "__main__":
    matplotlib.use("Agg")  # no window is opened
    plot(*sys.argv[1:3])
