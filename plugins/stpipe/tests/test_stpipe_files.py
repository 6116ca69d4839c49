"""The data model's files hold all that the model holds."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from lamost_rare_stpipe.datamodel import SpectraModel, open_spectra


@pytest.fixture
def model(files):
    model = open_spectra(files[:3])
    batch = model.batch
    batch.flags[1] = (1 << 40) + 2
    batch.identity["designation"][0] = "Å'\"star"
    batch.columns |= {
        "prediction": np.array(["O", "", "G"], dtype=object),
        "p_O": np.array([0.5, np.nan, 0.25], "f4"),
        "candidate": np.array([True, False, True]),
    }
    model.rejected = [("odd 'na\"me' é\udc80\x1b.fits", "not_fits", "says nothing, " * 20)]
    model.properties = {"rectified"}
    model.meta.cal_step.normalize = "SKIPPED"
    return model


@pytest.mark.parametrize("suffix", [".fits", ".asdf"])
def test_round_trip(model, tmp_path, suffix):
    path = tmp_path / f"saved{suffix}"
    assert model.save(path) == str(path)
    back = open_spectra(path)
    old, new = model.batch, back.batch
    assert new.grid == old.grid
    for name in ("flux", "ivar", "mask", "flags"):
        assert getattr(new, name).dtype == getattr(old, name).dtype
        np.testing.assert_array_equal(getattr(new, name), getattr(old, name))
    columns = {**old.identity, **old.columns}
    columns["designation"][0] = "\\xc5'\"star" if suffix == ".fits" else "Å'\"star"
    assert set(new.columns) == set(old.columns)
    for name, values in {**new.identity, **new.columns}.items():
        assert values.dtype == columns[name].dtype, name
        np.testing.assert_array_equal(values, columns[name], err_msg=name)
    assert not new.generated
    shown = "odd 'na\"me' é\\x80\\x1b.fits"
    assert back.rejected == [(shown, "not_fits", "says nothing, " * 20)]
    assert back.properties == {"rectified"}
    assert vars(back.meta.cal_step) == {"normalize": "SKIPPED"}
    assert back.meta.filename == str(path)


def test_other_programs_can_read_the_fits_file(model, tmp_path):
    path = model.save(tmp_path / "saved.fits")
    with fits.open(path) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "FLUX", "IVAR", "MASK", "SPECTRA"]
        assert hdus[0].header["GENERATD"] is False
        grid = model.batch.grid
        assert hdus[0].header["COEFF0"] == grid.log10_start
        assert hdus["FLUX"].data.shape == (3, grid.n_pixels)
    table = Table.read(path, hdu="SPECTRA")
    assert table["generated"].tolist() == [False] * 3
    assert table["obsid"].tolist() == model.batch.identity["obsid"].tolist()


def test_generated_spectra_are_marked_in_header_and_rows(model, tmp_path):
    model.batch.generated = True
    path = model.save(tmp_path / "saved.fits")
    assert fits.getheader(path)["GENERATD"] is True
    assert Table.read(path, hdu="SPECTRA")["generated"].all()
    assert open_spectra(path).batch.generated


def test_where_it_is_saved(model, tmp_path):
    model.meta.filename = "elsewhere/name.fits"
    assert model.save(lambda name: name, dir_path=tmp_path) == str(tmp_path / "name.fits")
    assert isinstance(open_spectra(tmp_path / "name.fits"), SpectraModel)


def test_a_failed_write_leaves_the_earlier_file(model, tmp_path):
    path = model.save(tmp_path / "saved.fits")
    before = Path(path).read_bytes()
    model.properties = {object()}
    with pytest.raises(TypeError):
        model.save(path)
    assert Path(path).read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_asdf_of_others(tmp_path):
    import asdf

    asdf.AsdfFile({"theirs": 1}).write_to(tmp_path / "x.asdf")
    with pytest.raises(ValueError, match=r"x\.asdf holds no spectra of lamost-rare"):
        open_spectra(tmp_path / "x.asdf")
