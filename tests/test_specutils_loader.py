"""`Spectrum.read` on the three LAMOST layouts, and what it must leave to other loaders."""

import gzip
import io
import subprocess
import sys

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.nddata import InverseVariance
from specutils import Spectrum, SpectrumList
from specutils.manipulation import LinearInterpolatedResampler

from lamost_rare.simulation.fits_files import LAYOUTS, write_lamost_file
from lamost_rare.spectra import SpectrumError, WavelengthGrid, read_lamost
from lamost_rare.spectra.specutils_loader import FORMAT, lamost_identify

GRID = WavelengthGrid(3.5682, 1e-4, 500)


def write(folder, layout, name="spec-55859-F5902_sp01-005.fits.gz", **kwargs):
    rng = np.random.default_rng(3)
    flux = 1000 + 30 * rng.normal(size=GRID.n_pixels)
    ivar = rng.uniform(0.5, 1.5, GRID.n_pixels) / 900
    andmask = np.zeros(GRID.n_pixels)
    andmask[100:103] = 64
    path = folder / name
    facts = {"obsid": 2**40 + 7, "ra": 15.5, "dec": -5.25, "snr": [1.0, 20.25, 30.0, 40.0, 50.0]}
    write_lamost_file(path, layout, GRID, flux, ivar, andmask, **facts, **kwargs)
    return path


def assert_same_as_reader(spectrum, path):
    raw = read_lamost(path)
    assert spectrum.spectral_axis.unit == u.AA
    np.testing.assert_array_equal(spectrum.spectral_axis.value, raw.wavelength)
    assert spectrum.flux.unit == u.dimensionless_unscaled
    np.testing.assert_array_equal(spectrum.flux.value, raw.flux)
    assert isinstance(spectrum.uncertainty, InverseVariance)
    np.testing.assert_array_equal(spectrum.uncertainty.array, raw.ivar)
    np.testing.assert_array_equal(spectrum.mask, raw.mask)
    kept = spectrum.meta["lamost_rare"]
    assert (kept["flags"], kept["layout"]) == (raw.flags, raw.layout)
    assert repr({**kept["identity"], "path": ""}) == repr({**raw.identity, "path": ""})
    assert repr(spectrum.meta["header"]["OBSID"]) == repr(raw.identity["obsid"])
    assert spectrum.redshift == 0


@pytest.mark.parametrize("name", ["any name.fits", "spec.fits.fits.gz", "no_suffix"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_identifies_and_reads(tmp_path, layout, name):
    path = write(tmp_path, layout, name)
    for spectrum in (
        Spectrum.read(path),
        Spectrum.read(str(path)),
        Spectrum.read(path, format=FORMAT),
        SpectrumList.read(path)[0],
    ):
        assert_same_as_reader(spectrum, path)
        assert spectrum.meta["lamost_rare"]["identity"]["path"] == str(path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_open_files_and_hdulists(tmp_path, layout):
    path = write(tmp_path, layout)
    with open(path, "rb") as opened:
        assert_same_as_reader(Spectrum.read(opened), path)
    with gzip.open(path) as opened:
        assert_same_as_reader(Spectrum.read(opened), path)
        content = opened.read()
    in_memory = Spectrum.read(io.BytesIO(content))
    assert_same_as_reader(in_memory, path)
    assert in_memory.meta["lamost_rare"]["identity"]["path"] == ""
    with fits.open(path) as hdus:
        for kwargs in ({}, {"format": FORMAT}):
            assert_same_as_reader(Spectrum.read(hdus, **kwargs), path)


def test_specutils_can_resample_what_was_read(tmp_path):
    spectrum = Spectrum.read(write(tmp_path, "dr1-7"))
    result = LinearInterpolatedResampler()(spectrum, spectrum.spectral_axis[10:20] * 1.00001)
    assert np.isfinite(result.flux.value).all()


def hdu_image(shape=(5, 100), **cards):
    hdu = fits.PrimaryHDU(np.ones(shape, "f4"))
    hdu.header.update(cards)
    return fits.HDUList([hdu])


def hdu_table(name, n_rows=1, columns=("FLUX", "IVAR", "WAVELENGTH", "ANDMASK"), n_pixels=100):
    shape = (n_rows, n_pixels) if n_rows == 1 else (n_rows,)
    form = f"{n_pixels}E" if n_rows == 1 else "E"
    table = [fits.Column(c, form, array=np.ones(shape, "f4")) for c in columns]
    return fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(table, name=name)])


OTHERS = {
    "image of five rows": hdu_image(),
    "SDSS spSpec": hdu_image(TELESCOP="SDSS 2.5-M", FIBERID=7, COEFF0=3.58, COEFF1=1e-4),
    "image of one row": hdu_image((100,), COEFF0=3.58, COEFF1=1e-4),
    "cube": hdu_image((5, 10, 10)),
    "SDSS spec": hdu_table("COADD", 100, ("flux", "loglam", "ivar", "and_mask")),
    "any table": hdu_table("SPECTRUM", 100, ("FLUX", "WAVELENGTH")),
    "table of pixels": hdu_table("COADD", 100),
    "nothing but a primary": fits.HDUList([fits.PrimaryHDU()]),
}


@pytest.mark.parametrize("hdus", OTHERS.values(), ids=OTHERS.keys())
def test_leaves_other_files_alone(tmp_path, hdus):
    path = tmp_path / "spec-55859-F5902_sp01-005.fits"
    hdus.writeto(path)
    with open(path, "rb") as opened:
        opened.read(10)
        assert lamost_identify("read", str(path), opened) is False
        assert opened.tell() == 10
    assert lamost_identify("read", str(path), None) is False
    assert lamost_identify("read", None, None, hdus) is False


def test_identifier_survives_anything(tmp_path):
    rubbish = tmp_path / "rubbish.fits"
    rubbish.write_bytes(b"\x1f\x8b" + bytes(100))
    empty = tmp_path / "empty.fits"
    empty.touch()
    for path in (rubbish, empty, tmp_path, tmp_path / "missing.fits", "https://example.org/a.fits"):
        assert lamost_identify("read", str(path), None) is False
    huge = io.BytesIO(bytes(9 * 2**20))
    assert lamost_identify("read", None, huge) is False
    good = write(tmp_path, "dr1-7")
    assert lamost_identify("read", str(good), None) is True
    assert lamost_identify("write", str(good), None) is False


def test_a_lamost_file_that_cannot_be_used_says_why(tmp_path):
    path = tmp_path / "dead.fits"
    nothing = np.zeros(GRID.n_pixels)
    write_lamost_file(path, "dr1-7", GRID, nothing + 5, nothing, nothing)
    with pytest.raises(SpectrumError) as caught:
        Spectrum.read(path)
    assert caught.value.reason == "no_valid_pixels"
    assert "dead.fits" in caught.value.detail


def test_importing_the_package_does_not_import_specutils_but_adapters_register():
    code = (
        "import sys, lamost_rare, lamost_rare.spectra\n"
        "assert not {'specutils', 'astropy'} & set(sys.modules)\n"
        "import lamost_rare.spectra.adapters\n"
        "from specutils import Spectrum\n"
        "from astropy.io import registry\n"
        f"assert registry.get_reader({FORMAT!r}, Spectrum)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=120)


def test_real_files_of_each_layout(data_folder):
    for layout in LAYOUTS:
        for path in sorted((data_folder / "lamost" / layout).glob("*.fits.gz"))[:12]:
            assert_same_as_reader(Spectrum.read(path), path)


def test_every_real_file_is_identified(data_folder):
    paths = sorted((data_folder / "lamost").rglob("*.fits.gz"))
    missed = [path.name for path in paths if not lamost_identify("read", str(path), None)]
    assert missed == []
