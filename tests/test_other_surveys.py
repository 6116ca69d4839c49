"""Files of LAMOST's medium-resolution survey and of other surveys are told by name."""

import io

import numpy as np
import pytest
from astropy.io import fits

from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.quality import SpectrumError

N = 50
FLUX = 100 + np.random.default_rng(1).normal(size=N).astype("f4")
LOGLAM = (3.69 + 1e-4 * np.arange(N)).astype("f4")


def rows_of(**columns):
    """A table with a pixel a row."""
    return [
        fits.Column(name, "E" if np.asarray(values).dtype.kind == "f" else "J", array=values)
        for name, values in columns.items()
    ]


def one_row(**columns):
    return [fits.Column(name, f"{N}E", array=[values]) for name, values in columns.items()]


def table(name, columns):
    return fits.BinTableHDU.from_columns(columns, name=name)


def image(name, shape, **cards):
    hdu = fits.ImageHDU(np.ones(shape, "f4"), name=name)
    hdu.header.update(cards)
    return hdu


def primary(data=None, **cards):
    hdu = fits.PrimaryHDU(data)
    hdu.header.update(cards)
    return hdu


ZEROS = np.zeros(N, "i4")
OLD_ARM = rows_of(FLUX=FLUX, IVAR=FLUX, LOGLAM=LOGLAM, ORMASK=ZEROS)
NEW_ARM = one_row(FLUX=FLUX, IVAR=FLUX, WAVELENGTH=10**LOGLAM, ANDMASK=0 * FLUX, ORMASK=0 * FLUX)
EXPOSURE = rows_of(FLUX=FLUX, IVAR=FLUX, LOGLAM=LOGLAM, PIXMASK=ZEROS)
INFORMATION = table("Information", [fits.Column("NAME", "8A", array=["arm"])])
COADD = rows_of(flux=FLUX, loglam=LOGLAM, ivar=FLUX, and_mask=ZEROS, or_mask=ZEROS)
LAMOST = {"TELESCOP": "LAMOST"}
SDSS = {"TELESCOP": "SDSS 2.5-M", "FIBERID": 3, "COEFF0": 3.58, "COEFF1": 1e-4}
MEDIUM, OTHER = "medium_resolution", "other_survey"

FILES = {
    "LAMOST MRS, DR7": (
        [primary(**LAMOST), INFORMATION, table("COADD_B", OLD_ARM), table("COADD_R", OLD_ARM)],
        (MEDIUM, "COADD_B"),
    ),
    "LAMOST MRS, later": ([primary(**LAMOST), table("COADD_R", NEW_ARM)], (MEDIUM, "COADD_R")),
    "LAMOST MRS, exposures": (
        [primary(**LAMOST), table("R-84420104", EXPOSURE)],
        (MEDIUM, "R-84420104"),
    ),
    "BOSS": ([primary(**SDSS), table("COADD", COADD)], (OTHER, "SDSS or BOSS")),
    "SDSS-V": (
        [primary(SURVEY="sdss-v", **SDSS), table("COADD", COADD)],
        (OTHER, "SDSS-V"),
    ),
    "SDSS mwmStar": (
        [primary(V_ASTRA="0.6", SDSS_ID=5), table("BOSS/APO", COADD)],
        (OTHER, "SDSS-V"),
    ),
    "SDSS spSpec": ([primary(np.ones((5, N), "f4"), **SDSS)], (OTHER, "SDSS or BOSS")),
    "SDSS spSpec of six rows": ([primary(np.ones((6, N), "f4"), **SDSS)], (OTHER, "SDSS or BOSS")),
    "APOGEE apVisit": (
        [primary(SURVEY="apogee"), image("", (3, N), BUNIT="Flux (10^-17)")],
        (OTHER, "APOGEE"),
    ),
    "APOGEE apStar": ([primary(SFILE1="apVisit-r13-1.fits"), image("", (3, N))], (OTHER, "APOGEE")),
    "DESI": (
        [
            primary(),
            table("FIBERMAP", [fits.Column("TARGETID", "K", array=[1])]),
            image("B_WAVELENGTH", (N,)),
            image("B_FLUX", (1, N)),
        ],
        (OTHER, "DESI"),
    ),
    "GALAH": ([primary(FLUX, ORIGIN="GALAH DR3")], (OTHER, "GALAH")),
    "GAMA": ([primary(np.ones((5, N), "f4"), ORIGIN="GAMA")], (OTHER, "GAMA")),
    "2dFGRS": ([primary(np.ones((3, N), "f4"), SURVEY="2dFGRS")], (OTHER, "SURVEY = '2DFGRS'")),
    "HST": ([primary(TELESCOP="HST"), image("SCI", (N,))], (OTHER, "TELESCOP = 'HST'")),
    "nobody's": ([primary(FLUX)], ("unknown_layout", "1 axes")),
    "LAMOST's, but broken": (
        [primary(np.ones((4, N), "f4"), EXTEN0="Flux", **LAMOST)],
        ("bad_shape", "4 rows"),
    ),
    "LAMOST's, of no known layout": ([primary(FLUX, **LAMOST)], ("unknown_layout", "1 axes")),
}


@pytest.mark.parametrize("method", ["auto", "astropy"])
@pytest.mark.parametrize("kind", FILES)
def test_others_are_told_by_name(kind, method):
    hdus, (reason, detail) = FILES[kind]
    buffer = io.BytesIO()
    fits.HDUList([hdu.copy() for hdu in hdus]).writeto(buffer)
    with pytest.raises(SpectrumError) as caught:
        read_lamost("some name", content=buffer.getvalue(), method=method)
    assert (caught.value.reason, detail in caught.value.detail) == (reason, True), caught.value


@pytest.mark.parametrize("n_bytes", [2880, 3000, 5760])
def test_another_survey_is_known_by_its_first_header(n_bytes):
    """The rest of the file may be missing."""
    buffer = io.BytesIO()
    fits.HDUList([hdu.copy() for hdu in FILES["BOSS"][0]]).writeto(buffer)
    with pytest.raises(SpectrumError, match="SDSS or BOSS") as caught:
        read_lamost("some name", content=buffer.getvalue()[:n_bytes])
    assert caught.value.reason == "other_survey"
