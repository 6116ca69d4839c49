"""Look at one spectrum with specutils: read it, draw a continuum, measure lines, compare.

python examples/inspect_with_specutils.py SPECTRUM.fits.gz

The same `Spectrum` goes into jdaviz: `Specviz().load(spectrum)`.
"""

import sys

from astropy import units as u
from astropy.modeling.fitting import LinearLSQFitter
from astropy.modeling.models import Polynomial1D
from specutils import SpectralRegion, Spectrum
from specutils.analysis import equivalent_width
from specutils.fitting import fit_continuum

import lamost_rare.spectra.adapters  # noqa: F401  (registers the LAMOST loader)
from lamost_rare import classify_spectra
from lamost_rare.inference.evidence import LINES

SHOWN = ("hei_4026", "heii_4200", "hei_4471", "heii_4541", "heii_4686", "heii_5411")


def usable_pixels(spectrum):
    """The spectrum without its masked pixels, whose flux means nothing and which are often zero.

    specutils fits and measures them like all others; a plot shows them as spikes.
    """
    good = ~spectrum.mask
    return Spectrum(flux=spectrum.flux[good], spectral_axis=spectrum.spectral_axis[good])


def specutils_width(spectrum, line):
    """The equivalent width of a line over a straight continuum through its side bands."""
    bands = [SpectralRegion(low * u.AA, high * u.AA) for low, high in line.bands]
    near = SpectralRegion(line.bands[0][0] * u.AA, line.bands[-1][1] * u.AA)
    region = SpectralRegion([(band.lower, band.upper) for band in bands])
    cut = spectrum[near.lower : near.upper]
    fitter = LinearLSQFitter()
    continuum = fit_continuum(cut, model=Polynomial1D(1), fitter=fitter, window=region)
    low, high = line.window
    flat = Spectrum(flux=cut.flux / continuum(cut.spectral_axis), spectral_axis=cut.spectral_axis)
    return equivalent_width(flat, continuum=1, regions=SpectralRegion(low * u.AA, high * u.AA))


def inspect(path):
    """Lines of text on a spectrum, measured here and there."""
    spectrum = Spectrum.read(path)
    row = classify_spectra(spectrum)[0]
    clean = usable_pixels(spectrum)
    yield f"{row['designation']}  {row['prediction']}  candidate: {row['candidate']}"
    yield "line         specutils  lamost-rare"
    for name in SHOWN:
        theirs = specutils_width(clean, LINES[name])
        ours, error = row[f"ew_{name}"].value, row[f"ew_{name}_err"].value
        yield f"{LINES[name].label:12s} {theirs.value:6.2f} Å    {ours:6.2f} ± {error:.2f} Å"


if __name__ == "__main__":
    for line in inspect(sys.argv[1]):
        print(line)
