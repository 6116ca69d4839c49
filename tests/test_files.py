"""Files of another survey: one reader more, and everything that reads files reads them, too."""

import json

import numpy as np
import pytest

from lamost_rare.simulation.dataset import load_data_folder
from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.spectra import files
from lamost_rare.spectra.files import read_spectrum_file
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.quality import SpectrumError
from lamost_rare.spectra.raw import RawSpectrum
from lamost_rare.spectra.reading import read_batch
from lamost_rare.survey.inputs.items import read_item

N = LAMOST_GRID.n_pixels


class Json:
    """A reader of a survey that delivers JSON."""

    @staticmethod
    def recognizes(data):
        return data.startswith(b"{")

    @staticmethod
    def read(data, path, *, header=True):
        values = json.loads(data)
        if "flux" not in values:
            raise SpectrumError("missing_card", "has no flux")
        flux = np.array(values["flux"], dtype=np.float32)
        mask = np.zeros(len(flux), dtype=bool)
        kept = {"CLASS": "STAR", "SUBCLASS": values["type"]} if header else {}
        return RawSpectrum(
            LAMOST_GRID.wavelength,
            flux,
            np.ones_like(flux),
            mask,
            identity={"path": path, "obsid": values["number"]},
            layout="json",
            header=kept,
        )


@pytest.fixture
def another_survey(monkeypatch):
    monkeypatch.setattr(files, "READERS", {"JSON": Json, **files.READERS})


@pytest.fixture
def paths(tmp_path):
    rng = np.random.default_rng(1)
    flux = 100 + rng.normal(size=N)
    star = {"flux": flux.tolist(), "type": "O7", "number": 7}
    (tmp_path / "star.fits").write_text(json.dumps(star))
    (tmp_path / "broken.fits").write_text(json.dumps({"number": 8}))
    (tmp_path / "ended.fits").write_text("{")
    write_lamost_file(tmp_path / "ours.fits", "dr1-7", LAMOST_GRID, flux, np.ones(N), obsid=9)
    return {path.stem: path for path in tmp_path.iterdir()}


def test_it_is_read_wherever_files_are(another_survey, paths, tmp_path):
    raw = read_spectrum_file(paths["star"])
    assert raw.layout == "json"
    assert raw.identity["path"] == str(paths["star"])
    assert read_item(str(paths["star"])).header == {}
    batch, rejects = read_batch([paths["ours"], paths["star"]], LAMOST_GRID)
    assert rejects == []
    assert list(batch.identity["obsid"]) == [9, 7]
    assert list(batch.columns["subclass"]) == ["", "O7"]
    (tmp_path / "labels.csv").write_text("path,class\nstar.fits,O\nours.fits,F\n")
    assert list(load_data_folder(tmp_path).label) == ["O", "F"]


def test_what_is_wrong_with_one_is_said_as_with_others(another_survey, paths):
    with pytest.raises(SpectrumError, match=r"broken\.fits has no flux$") as caught:
        read_spectrum_file(paths["broken"])
    assert caught.value.reason == "missing_card"
    with pytest.raises(SpectrumError, match=r"ended\.fits: JSONDecodeError: ") as caught:
        read_spectrum_file(paths["ended"])
    assert caught.value.reason == "internal_error"


def test_lamost_is_read_as_ever(another_survey, paths):
    one, other = read_spectrum_file(paths["ours"]), read_lamost(paths["ours"])
    assert one.flux.tobytes() == other.flux.tobytes()
    assert (one.identity, one.header) == (other.identity, other.header)


def test_without_its_reader_it_is_refused(paths):
    with pytest.raises(SpectrumError, match=r"star\.fits does not begin with SIMPLE") as caught:
        read_spectrum_file(paths["star"])
    assert caught.value.reason == "not_fits"
