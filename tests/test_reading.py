"""Anything that holds spectra as one batch."""

import numpy as np
import pytest

from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.simulation.labels import labelled
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.raw import RawSpectrum
from lamost_rare.spectra.reading import iterate_sources, read_batch, read_each
from standin import FULL_GRID, star


@pytest.fixture
def files(tmp_path):
    """Two good files with labels, and a bad one between them."""
    paths = [tmp_path / name for name in ("a.fits.gz", "b.fits.gz", "c.fits.gz")]
    for path, subclass in zip(paths[::2], ["O9", "Non"], strict=True):
        write_lamost_file(path, "dr1-7", FULL_GRID, *star(True), obsid=7, subclass=subclass)
    paths[1].write_bytes(b"no FITS")
    return [str(path) for path in paths]


def test_batch_and_rejects(files):
    batch, rejects = read_batch(files, LAMOST_GRID)
    assert batch.identity["path"].tolist() == files[::2]
    assert batch.columns["class"].tolist() == ["STAR", "STAR"]
    assert batch.columns["subclass"].tolist() == ["O9", "Non"]
    assert [(i, path, error.reason) for i, path, error in rejects] == [(1, files[1], "not_fits")]


def test_rejects_of_reading_and_of_assembly_keep_their_numbers(files):
    wavelength = np.linspace(100, 200, 50)
    ultraviolet = RawSpectrum(wavelength, *np.ones((2, 50), "f4"), np.zeros(50, bool))
    batch, rejects = read_batch([files[0], ultraviolet, files[1], files[2]], LAMOST_GRID)
    assert len(batch) == 2
    assert [(i, error.reason) for i, _, error in rejects] == [(1, "no_overlap"), (2, "not_fits")]


def test_nothing_usable_is_an_empty_batch(files):
    batch, rejects = read_batch(files[1], LAMOST_GRID)
    assert len(batch) == 0
    assert len(rejects) == 1
    assert batch.columns["class"].shape == (0,)


def test_something_else_is_refused():
    with pytest.raises(TypeError, match="cannot read spectra from a int: give paths"):
        list(read_each(["x", 7]))


class TestLabelled:
    def test_from_the_files_own_label(self, files):
        batch = labelled(read_batch(files, LAMOST_GRID)[0])
        assert batch.columns["label"].tolist() == ["O"]
        assert batch.identity["path"].tolist() == files[:1]

    def test_a_label_that_is_there_counts(self, files):
        batch, _ = read_batch(files, LAMOST_GRID)
        batch.columns["label"] = np.array(["", "K"], dtype=object)
        assert labelled(batch).columns["subclass"].tolist() == ["Non"]

    def test_without_labels(self, files):
        batch, _ = read_batch(files, LAMOST_GRID)
        del batch.columns["class"]
        with pytest.raises(ValueError, match="no labels: the spectra need a column 'label'"):
            labelled(batch)


def test_the_old_name_of_read_each_warns_and_does_the_same(files):
    with pytest.warns(DeprecationWarning, match="read_each"):
        found = list(iterate_sources(files))
    assert [path for path, _ in found] == [path for path, _ in read_each(files)]
