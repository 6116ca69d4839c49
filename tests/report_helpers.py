"""What the tests of pages share: scans of a few simulated files, and pages taken apart again."""

import base64
import json
import re
import zlib
from typing import NamedTuple

import numpy as np

from lamost_rare.report.packing import PackedArrays, unpack_spectrum
from lamost_rare.simulation.fits_files import gzip_bytes, lamost_file_bytes
from lamost_rare.survey import shard_processing
from scan_helpers import FULL, ReadHere, scan_directory, standin_preset, use_network

HE_II = 4542.86


def write_star(path, number, *, depth=0.4, layout="dr1-7", **facts):
    """Write a star with He II 4541; the stand-in for a network takes its S/N for how sure it is."""
    rng = np.random.default_rng(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = depth * np.exp(-0.5 * ((FULL.wavelength - HE_II) / 2.5) ** 2)
    flux = rng.normal(100 * (1 - line), 2)
    ivar = np.full(FULL.n_pixels, 0.25)
    ivar[rng.integers(0, FULL.n_pixels, 40)] = 0
    snr = 1.0 + 7 * number % 98
    facts = {
        "obsid": 1000 + number,
        "designation": f"J{number:06d}",
        "ra": 10.0 + number,
        "dec": -1.5,
        "snr": [10.0, snr, 20.0, 20.0, 20.0],
    } | facts
    content = lamost_file_bytes(layout, FULL, flux, ivar, **facts)
    path.write_bytes(gzip_bytes(content) if path.suffix == ".gz" else content)
    return path


def use_standins(monkeypatch):
    """Have scans use a stand-in for the network, and read in this process."""
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    return use_network(monkeypatch)


def scan(source, output, preset=None, **options):
    """Scan with a preset of the stand-in, made beside the output if none is given."""
    preset = preset or standin_preset(output.parent / f"preset-of-{output.name}")
    scan_directory(source, output, preset=preset, workers=1, progress=False, **options)
    return output


class Page(NamedTuple):
    """A page as a browser takes it apart."""

    html: str
    list: dict
    spectra: list[PackedArrays | None]

    @property
    def columns(self):
        return self.list["columns"]

    def wavelength(self, i):
        """Return the wavelengths of a spectrum, from its axis."""
        n = self.list["rows"]
        columns, i_there = (self.columns, i) if i < n else (self.list["visits"], i - n)
        axis = self.list["axes"][columns["axis"][i_there]]
        if "wavelength" in axis:
            return np.frombuffer(inflated(axis["wavelength"]), "<f8")
        return 10 ** (axis["log10_start"] + axis["log10_step"] * np.arange(axis["n"]))


def inflated(text):
    return zlib.decompress(base64.b64decode(text))


def read_page(path) -> Page:
    """Take a page apart."""
    html = path.read_text(encoding="utf-8")
    found = json.loads(inflated(element(html, "list")))
    texts = [element(html, f"s{i}") for i in range(found["spectra"])]
    assert f'id="s{found["spectra"]}"' not in html
    spectra = [unpack_spectrum(base64.b64decode(text)) if text else None for text in texts]
    return Page(html, found, spectra)


def element(html, name):
    (text,) = re.findall(f'<script type="text/plain" id="{name}">([^<]*)</script>', html)
    return text


def check_spectrum(page, i, raw):
    """Check that what is drawn is what the file holds."""
    found = page.spectra[i]
    valid = ~raw.mask
    np.testing.assert_array_equal(found.mask, raw.mask)
    sigma = 1 / np.sqrt(raw.ivar[valid].astype(float))
    assert (np.abs(found.flux[valid] - raw.flux[valid]) <= sigma / 4).all()
    np.testing.assert_allclose(found.sigma[valid], sigma, rtol=0.05)
    np.testing.assert_allclose(page.wavelength(i), raw.wavelength, rtol=1e-7)
