"""Reading good LAMOST files: both ways of parsing agree, and give what was written."""

import csv
import math

import numpy as np
import pytest

from lamost_rare.simulation.fits_files import (
    LAYOUTS,
    lamost_file_bytes,
    lamost_file_name,
    lamost_folder,
    write_batch,
    write_lamost_file,
)
from lamost_rare.spectra._grid_arrays import GridArrays
from lamost_rare.spectra.batch import IDENTITY_DTYPES, SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.quality import QualityFlag, SpectrumError
from lamost_rare.spectra.resample import assemble

GRID = WavelengthGrid(3.5682, 1e-4, 3909)
FACTS = {
    "obsid": 2**40 + 7,
    "designation": "LAMOST J010203.04+050607.8",
    "ra": 15.512345,
    "dec": -5.25,
    "snr": [5.5, 20.25, 30.0, 40.0, math.nan],
    "class_name": "STAR",
    "subclass": "O9",
    "z": -1.5e-4,
    "lmjd": 56686,
    "planid": "GAC089N28V1",
    "spid": 9,
    "fiberid": 45,
}


def spectrum(n_pixels=GRID.n_pixels, seed=1):
    rng = np.random.default_rng(seed)
    flux = 1000 + 30 * rng.normal(size=n_pixels)
    ivar = rng.uniform(0.5, 1.5, n_pixels) / 900
    andmask = np.zeros(n_pixels)
    andmask[100:103] = 64
    ivar[200:204] = 0
    return flux, ivar, andmask


def assert_same(one, other):
    for name in ("wavelength", "flux", "ivar", "mask"):
        a, b = getattr(one, name), getattr(other, name)
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.tobytes() == b.tobytes(), name
    for name in ("identity", "header", "layout", "flags", "log10_start", "log10_step"):
        # repr: NaN equals NaN there, and 1 differs from 1.0
        assert repr(getattr(one, name)) == repr(getattr(other, name)), name


def read_both(path):
    fast = read_lamost(path, method="fast")
    assert_same(fast, read_lamost(path, method="astropy"))
    return fast


@pytest.mark.parametrize("dtype", [">f4", ">f8"])
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz", ".fits.fits.gz"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_reads_what_was_written(tmp_path, layout, suffix, dtype):
    flux, ivar, andmask = spectrum()
    path = tmp_path / f"any name{suffix}"
    write_lamost_file(path, layout, GRID, flux, ivar, andmask, dtype=dtype, **FACTS)
    raw = read_both(path)
    assert raw.layout == layout
    assert raw.flux.dtype == raw.ivar.dtype == np.float32
    assert raw.wavelength.dtype == np.float64
    assert raw.mask.dtype == bool
    np.testing.assert_array_equal(raw.flux, flux.astype(np.float32))
    np.testing.assert_array_equal(raw.ivar, ivar.astype(np.float32))
    np.testing.assert_array_equal(raw.wavelength, GRID.wavelength)
    np.testing.assert_array_equal(raw.mask, (andmask != 0) | (ivar == 0))
    assert (raw.log10_start, raw.log10_step) == (GRID.log10_start, GRID.log10_step)
    identity = raw.identity
    assert identity == {
        "path": str(path),
        "obsid": -1 if layout == "early" else FACTS["obsid"],
        "designation": FACTS["designation"],
        "ra": FACTS["ra"],
        "dec": FACTS["dec"],
        "snr_g": 20.25,
    }
    assert set(identity) == set(IDENTITY_DTYPES)
    assert raw.flags == (QualityFlag.MISSING_IDENTITY if layout == "early" else 0)
    header = dict(raw.header)
    assert math.isnan(header.pop("SNRZ"))
    assert header.pop("DATA_V", "") == {"dr1-7": "LAMOST DR7", "dr8plus": "LAMOST DR10"}.get(
        layout, ""
    )
    assert header == {
        "CLASS": "STAR", "SUBCLASS": "O9", "Z": -1.5e-4, "LMJD": 56686,
        "PLANID": "GAC089N28V1", "SPID": 9, "FIBERID": 45,
        "SNRU": 5.5, "SNRG": 20.25, "SNRR": 30.0, "SNRI": 40.0,
    }  # fmt: skip


def test_astropy_reads_the_simulated_files(tmp_path):
    """The writer's files stand up to astropy's own verification, warnings being errors."""
    from astropy.io import fits

    for layout in LAYOUTS:
        path = write_lamost_file(tmp_path / "x.fits", layout, GRID, *spectrum(), **FACTS)
        with fits.open(path) as hdus:
            headers = [hdu.header.copy() for hdu in hdus]
            if layout == "dr8plus":
                assert hdus["COADD"].data["FLUX"].shape == (1, GRID.n_pixels)
                # As in LAMOST's own files; astropy drops the stale cards when it verifies.
                assert headers[0]["NAXIS"] == 0
                assert headers[0]["NAXIS1"] == GRID.n_pixels
            else:
                hdus.verify("exception")
                assert hdus[0].data.shape == (5, GRID.n_pixels)


@pytest.mark.slow
def test_every_real_file(data_folder):
    with open(data_folder / "lamost" / "labels.csv", newline="") as stream:
        labels = list(csv.DictReader(stream))
    assert len(labels) == 2277
    for label in labels:
        raw = read_both(data_folder / "lamost" / label["path"])
        assert raw.layout == label["layout"], label["path"]
        assert raw.log10_step == 1e-4
        identity, header = raw.identity, raw.header
        assert identity["obsid"] == int(label["obsid"] or -1)
        assert identity["ra"] == pytest.approx(float(label["ra"]), abs=1e-5)
        assert identity["dec"] == pytest.approx(float(label["dec"]), abs=1e-5)
        assert identity["snr_g"] == pytest.approx(float(label["snrg"]), abs=1e-3)
        assert header["SUBCLASS"] == label["subclass"]
        assert header["CLASS"] == label["class"]
        for key in ("LMJD", "SPID", "FIBERID"):
            assert header[key] == int(label[key.lower()])
        assert header["PLANID"] == label["planid"]
        assert 0.2 < (~raw.mask).mean() <= 1


def test_file_object_may_be_bytes_or_path(tmp_path):
    path = write_lamost_file(tmp_path / "x.fits.gz", "dr1-7", GRID, *spectrum())
    for given in (path, str(path), bytes(path)):
        assert read_lamost(given).identity["path"] == str(path)


def test_unknown_method(tmp_path):
    with pytest.raises(ValueError, match="method must be one of"):
        read_lamost(tmp_path, method="slow")


def test_missing_values(tmp_path):
    path = write_lamost_file(
        tmp_path / "x.fits", "dr1-7", GRID, *spectrum(), ra=400.0, dec=math.nan, z=-9999.0, obsid=-3
    )
    raw = read_both(path)
    assert math.isnan(raw.identity["ra"])
    assert math.isnan(raw.identity["dec"])
    assert math.isnan(raw.identity["snr_g"])
    assert math.isnan(raw.header["Z"])
    assert raw.identity["designation"] == ""
    assert raw.identity["obsid"] == -3  # real files have negative ones; only -1 means missing
    assert raw.flags == 0


@pytest.mark.parametrize("layout", ["dr1-7", "dr8plus"])
def test_wavelengths_of_the_row_where_the_cards_disagree(tmp_path, layout):
    wavelength = np.linspace(3700, 9000, 3000)  # linear: no COEFF0, COEFF1 describes it
    path = write_lamost_file(tmp_path / "x.fits.gz", layout, wavelength, *spectrum(3000))
    raw = read_both(path)
    np.testing.assert_array_equal(raw.wavelength, wavelength.astype(np.float32))
    assert raw.log10_start is None
    assert raw.log10_step is None


def test_wavelengths_of_the_row_where_the_cards_are_a_pixel_off(tmp_path):
    flux, ivar, andmask = spectrum()
    content = lamost_file_bytes("dr1-7", GRID, flux, ivar, andmask)
    shifted = content.replace(b"3.5682 / Central", b"3.5683 / Central", 1)
    assert shifted != content
    path = tmp_path / "x.fits"
    path.write_bytes(shifted)
    raw = read_both(path)
    np.testing.assert_allclose(raw.wavelength, GRID.wavelength, rtol=1e-7)
    assert raw.log10_start is None


def test_early_layout_ignores_row_two(tmp_path):
    """Row 2 holds continuum-subtracted flux there, be it increasing like wavelengths."""
    flux, ivar, andmask = spectrum()
    flux = np.sort(flux)  # so that 'Subcontinuum' is increasing
    path = write_lamost_file(tmp_path / "x.fits.gz", "early", GRID, flux, ivar, andmask)
    np.testing.assert_array_equal(read_both(path).wavelength, GRID.wavelength)


def test_dr1_7_without_exten0_is_known_by_its_wavelengths(tmp_path):
    content = lamost_file_bytes("dr1-7", GRID, *spectrum())
    path = tmp_path / "x.fits"
    path.write_bytes(content.replace(b"EXTEN0  =", b"EXTENX  ="))
    assert read_both(path).layout == "dr1-7"
    # The same of the early layout could be a five-row image of another survey.
    content = lamost_file_bytes("early", GRID, *spectrum())
    path.write_bytes(content.replace(b"EXTEN0  =", b"EXTENX  ="))
    for method in ("fast", "astropy"):
        with pytest.raises(SpectrumError, match="unknown_layout"):
            read_lamost(path, method=method)


def _coadd(columns, **header):
    from astropy.io import fits

    table = fits.BinTableHDU.from_columns(columns, name=header.pop("name", "COADD"))
    primary = fits.PrimaryHDU()
    primary.header.update(header)
    return fits.HDUList([primary, fits.ImageHDU(np.zeros((7, 5)), name="EXTRA"), table])


def test_table_columns_in_any_order_and_format(tmp_path):
    from astropy.io import fits

    flux, ivar, andmask = spectrum()
    n = GRID.n_pixels
    columns = [
        fits.Column("note", "11A", array=["hello world"]),
        fits.Column("andmask", f"{n}D", array=[andmask]),
        fits.Column("Wavelength", f"{n}D", array=[GRID.wavelength]),
        fits.Column("BITS", "13X", array=np.zeros((1, 13), bool)),
        fits.Column("IVAR", f"{n}E", array=[ivar]),
        fits.Column("FLUX", f"{n}D", array=[flux]),
    ]
    path = tmp_path / "x.fits"
    _coadd(columns, OBSID=12, name="SPECTRUM").writeto(path)
    raw = read_both(path)
    assert raw.layout == "dr8plus"
    assert raw.identity["obsid"] == 12
    np.testing.assert_array_equal(raw.flux, flux.astype(np.float32))
    np.testing.assert_array_equal(raw.wavelength, GRID.wavelength)  # no cards: by the column
    assert raw.log10_start is None


def test_scaled_and_integer_data_go_through_astropy(tmp_path):
    from astropy.io import fits

    flux, ivar, andmask = spectrum()
    image = np.stack([flux, ivar, GRID.wavelength, andmask, andmask]).astype("f4")
    hdu = fits.PrimaryHDU(image)
    hdu.header["EXTEN0"] = "Flux, Inverse, Wavelength, Andmask, Ormask"
    plain = tmp_path / "plain.fits"
    hdu.writeto(plain)
    scaled = tmp_path / "scaled.fits"
    scaled.write_bytes(
        plain.read_bytes().replace(
            b"EXTEND  =                    T", b"BSCALE  =                  2.0"
        )
    )
    twice = read_lamost(scaled)
    np.testing.assert_array_equal(twice.flux, 2 * read_lamost(plain).flux)
    assert_same(twice, read_lamost(scaled, method="astropy"))
    with pytest.raises(SpectrumError, match="method='auto' or 'astropy'"):
        read_lamost(scaled, method="fast")

    columns = [
        fits.Column(name, f"{GRID.n_pixels}{letter}", array=[row])
        for name, letter, row in zip(
            ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK"), "EEDJ", image[:4], strict=True
        )
    ]
    _coadd(columns).writeto(tmp_path / "integers.fits")
    raw = read_lamost(tmp_path / "integers.fits")
    np.testing.assert_array_equal(raw.mask, (andmask != 0) | (ivar == 0))


def test_float64_beyond_float32_is_masked(tmp_path):
    flux, ivar, andmask = spectrum()
    flux[5] = 1e200
    path = write_lamost_file(tmp_path / "x.fits", "dr1-7", GRID, flux, ivar, andmask, dtype=">f8")
    raw = read_both(path)
    assert raw.mask[5]
    assert not raw.mask[6]


def test_numbers_with_fortran_exponents_and_text_numbers(tmp_path):
    content = lamost_file_bytes("dr1-7", GRID, *spectrum(), ra=15.5, obsid=33)
    content = content.replace(b"RA      =                 15.5", b"RA      =             1.55D+01")
    content = content.replace(b"OBSID   =                   33", b"OBSID   = '33      '          ")
    path = tmp_path / "x.fits"
    path.write_bytes(content)
    raw = read_both(path)
    assert raw.identity["ra"] == 15.5
    assert raw.identity["obsid"] == 33


def test_names_and_folders():
    assert lamost_file_name(55859, "F5902", 1, 5) == "spec-55859-F5902_sp01-005.fits.gz"
    assert lamost_folder(55859, "F5902") == "20111024/F5902"


def test_writer_refuses(tmp_path):
    flux, ivar, _ = spectrum()
    with pytest.raises(ValueError, match="layout must be one of"):
        lamost_file_bytes("dr99", GRID, flux, ivar)
    with pytest.raises(ValueError, match="IVAR has 5 pixels, wavelength 3909"):
        lamost_file_bytes("dr1-7", GRID, flux, ivar[:5])
    with pytest.raises(ValueError, match="must be log-linear"):
        lamost_file_bytes("early", np.linspace(3700, 9000, 3909), flux, ivar)


def test_write_batch(tmp_path):
    rng = np.random.default_rng(4)
    shape = (3, LAMOST_GRID.n_pixels)
    batch = SpectrumBatch(
        LAMOST_GRID,
        rng.normal(100, 1, shape).astype(np.float32),
        np.ones(shape, np.float32),
        rng.random(shape) < 0.01,
        {"obsid": np.arange(10, 13)},
        columns={"subclass": np.array(["O9", "B1", "A0"], dtype=object)},
    )
    paths = write_batch(tmp_path / "survey", batch, LAYOUTS, lmjd=55859, first_number=3999)
    assert [str(p.relative_to(tmp_path / "survey")) for p in paths] == [
        "20111024/SIMULATED/spec-55859-SIMULATED_sp16-250.fits.gz",
        "20111024/SIMULATED_2/spec-55859-SIMULATED_2_sp01-001.fits.gz",
        "20111024/SIMULATED_2/spec-55859-SIMULATED_2_sp01-002.fits.gz",
    ]
    for i, path in enumerate(paths):
        raw = read_both(path)
        np.testing.assert_array_equal(raw.flux, batch.flux[i])
        np.testing.assert_array_equal(raw.mask, batch.mask[i])
        assert raw.header["SUBCLASS"] == batch.columns["subclass"][i]
    before = paths[0].read_bytes()
    write_batch(tmp_path / "survey", batch, LAYOUTS, lmjd=55859, first_number=3999)
    assert paths[0].read_bytes() == before


def test_what_is_remembered_of_one_file_is_not_taken_for_another(tmp_path):
    """Headers of one kind, and their wavelengths, are looked at once: whatever comes in between."""
    flux, ivar, andmask = spectrum()
    plain = lamost_file_bytes("dr1-7", GRID, flux, ivar, andmask, **FACTS)
    end = plain.index(b"END".ljust(80))
    data = -(-(end + 80) // 2880) * 2880

    def with_card(text, where=end):
        header = plain[:where] + text.ljust(80).encode() + plain[where : end + 80]
        return header.ljust(-(-len(header) // 2880) * 2880) + plain[data:]

    row = data + 2 * 4 * GRID.n_pixels
    shifted = bytearray(plain)
    shifted[row : row + 4 * GRID.n_pixels] = (GRID.wavelength * 1.001).astype(">f4").tobytes()
    broken = bytearray(plain)
    broken[row + 400 : row + 404] = np.array(np.nan, ">f4").tobytes()
    contents = {
        "plain": plain,
        "other values": lamost_file_bytes(
            "dr1-7", GRID, flux, ivar, **{**FACTS, "obsid": 5, "subclass": "B0", "ra": 200.0}
        ),
        "other length": lamost_file_bytes(
            "dr1-7",
            WavelengthGrid(GRID.log10_start, 1e-4, 3904),
            flux[:3904],
            ivar[:3904],
            **FACTS,
        ),
        "early": lamost_file_bytes("early", GRID, flux, ivar, **FACTS),
        "late": lamost_file_bytes("dr8plus", GRID, flux, ivar, **FACTS),
        "repeated": with_card("OBSID   =                   77"),
        "repeated before": with_card("OBSID   =                   78", where=7 * 80),
        "comment": with_card("COMMENT END     "),
        "shifted": bytes(shifted),
    }
    paths = {}
    for name, content in contents.items():
        paths[name] = tmp_path / f"{name}.fits"
        paths[name].write_bytes(content)
    (tmp_path / "broken.fits").write_bytes(broken)
    order = np.random.default_rng(0).choice(list(paths), 60)
    for name in order:
        raw = read_both(paths[name])
        obsid = {"other values": 5, "repeated before": 78, "early": -1}.get(name, FACTS["obsid"])
        assert raw.identity["obsid"] == obsid
        assert (raw.log10_start is None) == (name == "shifted")
        if name == "plain":
            with pytest.raises(SpectrumError) as caught:
                read_lamost(tmp_path / "broken.fits")
            assert caught.value.reason == "bad_wavelength"


def with_cards(content, *cards):
    """A file whose header has these cards in place of those of their names, or before its END."""
    end = content.index(b"END".ljust(80))
    header, data = content[:end], content[-(-(end + 80) // 2880) * 2880 :]
    for card in cards:
        card = card.encode().ljust(80)
        at = header.find(card[:8] + b"=")
        header = header + card if at < 0 else header[:at] + card + header[at + 80 :]
    header += b"END".ljust(80)
    return header.ljust(-(-len(header) // 2880) * 2880) + data


@pytest.mark.parametrize(
    ("card", "name", "value"),
    [
        ("DEC     = 0 -1.5", "dec", math.nan),
        ("DEC     =              -1.5.", "dec", math.nan),
        ("DEC     =              -1.5/of the star", "dec", -1.5),
        ("DEC     =           -1.5e+01", "dec", -15.0),
        ("DEC     =\t-1.5", "dec", math.nan),
        ("OBSID   = 5 5", "obsid", -1),
        ("OBSID   = 5", "obsid", 5),
        ("OBSID   = -9223372036854775808", "obsid", -1),
        ("OBSID   = -9223372036854775807", "obsid", -(2**63) + 1),
        ("OBSID   =  9223372036854775808", "obsid", -1),
        ("DESIG   = 'one' 'two'", "designation", ""),
        ("DESIG   = 'O''Neill' / Eugene", "designation", "O'Neill"),
        ("DESIG   = 'O'' / N'", "designation", ""),  # astropy ends it behind the O
        ("DESIG   = 'O''/N'", "designation", ""),
        ("DESIG   = 'O''' / N'", "designation", "O'"),
        ("DESIG   = ''''/ a quote", "designation", "'"),
        ("DESIG   = ''/ nothing", "designation", ""),
        ("SNRG    = 1E999", "snr_g", math.nan),
        ("SNRG    = 'inf'", "snr_g", math.nan),
    ],
)
def test_a_value_is_followed_by_a_comment_alone(tmp_path, card, name, value):
    path = tmp_path / "x.fits"
    path.write_bytes(with_cards(lamost_file_bytes("dr1-7", GRID, *spectrum(), **FACTS), card))
    raw = read_both(path)
    assert repr(raw.identity[name]) == repr(value)
    assert bool(raw.flags & QualityFlag.MISSING_IDENTITY) == (raw.identity["obsid"] == -1)


@pytest.mark.parametrize(
    "card",
    ["bscale  = 20", "BScale  = 20", "BSCALE  20", "BSCALE =20", "HIERARCH BSCALE = 20",
     " BSCALE = 20",
     "naxis   = 9999999999", "NAXIS   = 3", "NAXIS2  = 4", "NAXIS1  = 2000000000",
     "HIERARCH NAXIS = 9999999999", "COMMENT = 5", "CONTINUE  'x'", "END     = x", "END     x"],
)  # fmt: skip
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_no_card_counts_for_nothing(tmp_path, layout, card):
    """Nor does a repeated one; behind a CONTINUE or a scaled column astropy has to read."""
    flux, ivar, andmask = spectrum()
    plain = lamost_file_bytes(layout, GRID, flux, ivar, andmask, **FACTS)
    (tmp_path / "plain.fits").write_bytes(plain)
    before = read_both(tmp_path / "plain.fits")
    for extra in ("", "BLANK   = -5"):
        end = plain.rindex(b"END".ljust(80), 0, 12000)
        start = max(0, plain.rfind(b"XTENSION", 0, 12000))
        header = plain[start:end] + card.encode().ljust(80) + extra.encode().ljust(80)
        header += b"END".ljust(80)
        data = plain[start + -(-(end + 80 - start) // 2880) * 2880 :]
        path = tmp_path / "x.fits"
        path.write_bytes(plain[:start] + header.ljust(-(-len(header) // 2880) * 2880) + data)
        after = read_both(path)
        after.identity["path"] = before.identity["path"]
        assert_same(after, before)


@pytest.mark.parametrize("letter", "BIJK")
@pytest.mark.parametrize("n_pixels", [3908, 3909])
def test_integer_masks_of_any_length(tmp_path, letter, n_pixels):
    from astropy.io import fits

    flux, ivar, andmask = spectrum(n_pixels)
    rows = {"FLUX": flux, "IVAR": ivar, "WAVELENGTH": GRID.wavelength[:n_pixels]}
    columns = [fits.Column(name, f"{n_pixels}E", array=[row]) for name, row in rows.items()]
    columns.append(fits.Column("ANDMASK", f"{n_pixels}{letter}", array=[andmask]))
    _coadd(columns).writeto(tmp_path / "x.fits")
    raw = read_lamost(tmp_path / "x.fits")
    np.testing.assert_array_equal(raw.mask, (andmask != 0) | (ivar == 0))
    assert_same(raw, read_lamost(tmp_path / "x.fits", method="astropy"))


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8"])
@pytest.mark.parametrize("n_pixels", [3908, 3909])
def test_integer_images_of_any_length(tmp_path, dtype, n_pixels):
    from astropy.io import fits

    flux, ivar, andmask = spectrum(n_pixels)
    image = np.stack([flux / 10, 1 + (ivar > 0), flux / 10, andmask, andmask]).astype(dtype)
    hdu = fits.PrimaryHDU(image)
    hdu.header["EXTEN0"] = "Flux Inverse Subcontinuum Andmask Ormask"
    hdu.header["COEFF0"], hdu.header["COEFF1"] = GRID.log10_start, GRID.log10_step
    hdu.writeto(tmp_path / "x.fits")
    raw = read_lamost(tmp_path / "x.fits")
    np.testing.assert_array_equal(raw.flux, image[0])
    np.testing.assert_array_equal(raw.mask, andmask != 0)
    assert_same(raw, read_lamost(tmp_path / "x.fits", method="astropy"))


def test_a_header_cut_within_its_last_card():
    whole = lamost_file_bytes("dr1-7", GRID, *spectrum(), **FACTS)
    end = next(i for i in range(0, len(whole), 80) if whole[i : i + 8] == b"END     ")
    read_lamost("some name", content=whole)  # its layout is known then
    for cut in (end, end + 8, end + 79):
        with pytest.raises(SpectrumError, match="ends before its header does") as caught:
            read_lamost("some name", content=whole[:cut])
        assert caught.value.reason == "truncated_fits"


def ivar_too_small(ivar):
    ivar[1500:1600] = 1e-44
    ivar[30] = 2e-38


def one_ivar(pixel, value):
    def change(ivar):
        ivar[pixel] = value

    return change


@pytest.mark.parametrize(
    ("change", "bad"),
    [
        (ivar_too_small, False),
        (one_ivar(3, -1), True),  # off the grid: it is flagged all the same
        (one_ivar(2000, np.inf), True),
        (one_ivar(2000, np.nan), True),
        (one_ivar(2000, 1e38), True),
        (one_ivar(2000, -0.0), False),
    ],
)
@pytest.mark.parametrize("dtype", [">f4", ">f8"])
def test_inverse_variances_that_are_none(change, bad, dtype):
    flux, ivar, andmask = spectrum()
    change(ivar)
    data = lamost_file_bytes("dr1-7", GRID, flux, ivar, andmask, **FACTS, dtype=dtype)
    raw = read_lamost("some name", content=data)
    assert bool(raw.flags & QualityFlag.BAD_IVAR) == bad
    with np.errstate(invalid="ignore"):
        usable = (ivar >= 1e-37) & (ivar <= 1e37) & (andmask == 0)
    np.testing.assert_array_equal(raw.mask, ~usable)
    assert_same(raw, read_lamost("some name", content=data, method="astropy"))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("first_pixel", [-8, 5, 500])
def test_what_was_in_a_batch_before_stays_nowhere(layout, first_pixel):
    grid = WavelengthGrid(LAMOST_GRID.log10_start + first_pixel * 1e-4, 1e-4, 2600)
    contents = [lamost_file_bytes(layout, grid, *spectrum(2600, seed)) for seed in range(3)]
    raws = [read_lamost("some name", content=data, header=False) for data in contents]
    used = GridArrays(3, LAMOST_GRID)
    used.flux[:], used.ivar[:], used.mask[:] = np.nan, np.nan, False
    one, other = (assemble(raws, LAMOST_GRID, arrays)[0] for arrays in (used, None))
    for name in ("flux", "ivar", "mask", "flags"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name
