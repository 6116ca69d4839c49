"""Batches in HDF5, ours and those of others."""

import h5py
import numpy as np
import pytest

from lamost_rare.pipeline import make_step
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.quality import QualityFlag, SpectrumError
from lamost_rare.spectra.reading import read_batch
from lamost_rare_ceci.store import append, columns_of, process, read_rows, usable, with_all_rows

UNUSABLE = int(QualityFlag.UNUSABLE)


@pytest.fixture
def file(tmp_path):
    with h5py.File(tmp_path / "x.hdf5", "w") as opened:
        yield opened


@pytest.fixture
def batch(files):
    return read_batch(files[:3], LAMOST_GRID)[0]


def test_rows_are_appended(file, batch):
    batch.identity["path"][0] = "odd \udc80 é"
    for part in (batch[:1], batch[1:], batch[:0]):
        append(file.require_group("spectra"), columns_of(part, pixels=True))
    group = file["spectra"]
    assert group["flux"].shape == batch.flux.shape
    assert group["flux"].maxshape == (None, LAMOST_GRID.n_pixels)
    np.testing.assert_array_equal(group["flux"][:], batch.flux)
    assert group["flags"][:].tolist() == batch.flags.tolist()
    texts = group["path"].asstr(errors="surrogateescape")[:]
    assert texts.tolist() == batch.identity["path"].tolist()
    np.testing.assert_array_equal(group["snr_g"][:], batch.identity["snr_g"])


def test_every_spectrum_keeps_its_row(batch):
    rejects = [(0, "a", SpectrumError("not_fits", "x")), (2, "b", SpectrumError("no_overlap", "y"))]
    full = with_all_rows(batch, rejects)
    assert usable(full).tolist() == [False, True, False, True, True]
    assert full.columns["reason"].tolist() == ["not_fits", "", "no_overlap", "", ""]
    assert full.identity["path"].tolist()[::2] == ["a", "b", batch.identity["path"][2]]
    assert full.mask[0].all()
    assert not full.ivar[0].any()
    np.testing.assert_array_equal(full.flux[[1, 3, 4]], batch.flux)
    assert full.flags[0] == UNUSABLE


def test_a_step_gets_the_usable_rows_alone(batch):
    full = with_all_rows(batch, [(1, "a", SpectrumError("not_fits", "x"))])
    done = process(make_step("line_evidence"), full)
    assert np.isnan(done.columns["ew_heii_4686"]).tolist()[1]
    assert np.isfinite(done.columns["ew_heii_4686"][[0, 2, 3]]).all()
    normalized = process(make_step("normalize"), full)
    np.testing.assert_allclose(np.linalg.norm(normalized.flux, axis=1), [1, 0, 1, 1], rtol=1e-5)
    assert np.linalg.norm(full.flux[0]) > 2


def test_no_usable_row_still_gets_the_columns(batch):
    full = with_all_rows(batch[:0], [(0, "a", SpectrumError("not_fits", "x"))])
    step = make_step("o_star_classifier")  # no network is built for this
    done = process(step, full).columns
    assert np.isnan(done["p_O"]).all()
    assert done["prediction"].tolist() == [""]
    assert done["candidate"].tolist() == [False]


class TestFilesOfOthers:
    @pytest.fixture
    def group(self, file):
        """The least that is needed, in float64 and on a grid that is not ours."""
        group = file.create_group("spectra")
        group["wavelength"] = np.linspace(3720.0, 7500.0, 4000)
        group["flux"] = np.arange(1, 4)[:, None] * group["wavelength"][:]
        group["ivar"] = np.ones((3, 4000))
        return group

    def test_are_put_on_our_grid(self, group):
        read = read_rows(group, slice(0, 3), LAMOST_GRID)
        assert read.grid == LAMOST_GRID
        line = np.arange(1, 4)[:, None] * LAMOST_GRID.wavelength
        np.testing.assert_allclose(read.flux[:, 50:-50], line[:, 50:-50], rtol=2e-5)
        assert ((read.flags & QualityFlag.RESAMPLED) > 0).all()

    def test_keep_their_columns_and_identity(self, group):
        group["obsid"] = np.array([7, 8, 9], dtype="i4")
        group["source"] = np.array([b"x", b"y", b"z"])
        group["redshift"] = np.arange(3.0)
        group["flags"] = np.array([1, 1, 1])  # theirs: not our UNUSABLE
        group["version"] = 7
        group.create_group("notes")
        read = read_rows(group, slice(1, 3), LAMOST_GRID)
        assert read.identity["obsid"].tolist() == [8, 9]
        assert read.columns["redshift"].tolist() == [1, 2]
        assert read.columns["source"].tolist() == ["y", "z"]
        assert usable(read).all()

    def test_unusable_spectra_are_flagged(self, group):
        group["mask"] = np.zeros((3, 4000), bool)
        group["mask"][1] = True
        read = read_rows(group, slice(0, 3), LAMOST_GRID)
        assert usable(read).tolist() == [True, False, True]
        assert read.columns["reason"].tolist() == ["", "no_valid_pixels", ""]

    def test_generated_by_an_attribute_or_a_column(self, group):
        group["generated"] = [False, False, True]
        assert not read_rows(group, slice(0, 2), LAMOST_GRID).generated
        assert read_rows(group, slice(0, 3), LAMOST_GRID).generated
        group.attrs["generated"] = True
        assert read_rows(group, slice(0, 2), LAMOST_GRID).generated

    @pytest.mark.parametrize("name", ["flux", "ivar", "wavelength"])
    def test_something_is_missing(self, group, name):
        del group[name]
        with pytest.raises(ValueError, match=rf"x\.hdf5, group '/spectra': no dataset '{name}'"):
            read_rows(group, slice(0, 1), LAMOST_GRID)

    @pytest.mark.parametrize("name", ["flux", "ivar", "mask", "wavelength"])
    def test_shapes_do_not_fit(self, group, name):
        if name in group:
            del group[name]
        group[name] = np.ones((3, 30))
        with pytest.raises(ValueError, match=r"flux, ivar, mask .* and wavelength differ"):
            read_rows(group, slice(0, 3), LAMOST_GRID)
