"""classify_spectra: rows, order, rejects and columns. The network here is a stand-in that calls
everything with deep He II 4686 an O star; `test_predictor.py` tests the real one."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.table import Column, MaskedColumn, QTable, Table

from lamost_rare import classify_spectra
from lamost_rare.errors import UnusableSpectraWarning
from lamost_rare.inference import classify as classify_module
from lamost_rare.inference.columns import columns_of_catalogue
from lamost_rare.inference.evidence import LINES
from lamost_rare.inference.rows import catalogue_columns
from lamost_rare.presets import Preset, PresetError
from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.spectra import reading
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.spectra.raw import RawSpectrum
from standin import CONFIG, FULL_GRID, StandIn, save_standin, star

O_SUBTYPES = ["o_subtype", "o_subtype_err"]
UNUSABLE = int(QualityFlag.UNUSABLE)


def columns_of(preset):
    return columns_of_catalogue(preset.classes, preset.rare_class)


@pytest.fixture
def preset(tmp_path):
    return save_standin(tmp_path)


@pytest.fixture
def network(monkeypatch):
    network = StandIn()
    monkeypatch.setattr(classify_module, "kept_predictor", lambda preset, batch_size: network)
    return network


def raw(hot, **identity):
    flux, ivar = star(hot)
    return RawSpectrum(
        FULL_GRID.wavelength, flux.astype("f4"), ivar.astype("f4"), np.zeros(len(flux), bool),
        FULL_GRID.log10_start, FULL_GRID.log10_step, identity,
    )  # fmt: skip


@pytest.fixture
def files(tmp_path):
    paths = []
    for i, hot in enumerate([True, False]):
        path = tmp_path / f"spec-{i}.fits.gz"
        write_lamost_file(path, "dr1-7", FULL_GRID, *star(hot), obsid=1000 + i, ra=10.5, dec=-3.25)
        paths.append(path)
    return paths


def test_one_path_gives_one_row(network, preset, files):
    table = classify_spectra(str(files[0]), preset)
    assert isinstance(table, QTable)
    assert len(table) == 1
    row = table[0]
    assert row["path"] == str(files[0])
    assert row["obsid"] == 1000
    assert row["prediction"] == "O"
    assert row["p_O"] + row["p_B"] == pytest.approx(1)
    assert row["candidate"]
    assert row["flags"] & int(QualityFlag.OUT_OF_DISTRIBUTION)
    assert not row["flags"] & UNUSABLE
    assert row["ra"] == 10.5 * u.deg
    assert row["ew_heii_4686"] > 0.8 * u.Angstrom
    assert table.meta["rejected"] == []
    assert table.meta["preset"] == "racnet-standin-v1"
    assert table.meta["threshold"] == 0.8


def test_columns_order_units_and_descriptions(network, preset, files):
    table = classify_spectra(files, preset)
    expected = (
        "path obsid designation ra dec snr_g prediction p_O p_B p_O_survey survey_score "
        "survey_snr survey_lost candidate novelty flags"
    ).split()
    assert table.colnames[: len(expected)] == expected
    assert table.colnames[len(expected) :] == [
        *(name for line in LINES for name in (f"ew_{line}", f"ew_{line}_err")),
        *("velocity", "velocity_err", *O_SUBTYPES),
    ]
    assert table["ra"].unit == table["dec"].unit == u.deg
    assert table["ew_hbeta_err"].unit == u.Angstrom
    assert table["obsid"].dtype == np.int64
    assert table["flags"].dtype == np.int64
    assert table["candidate"].dtype == bool
    assert table["p_O"].dtype == table["ew_hbeta"].dtype == np.float32
    known = {column.name: column for column in columns_of(preset)}
    for name in table.colnames:
        assert table[name].info.description == known[name].description


def test_every_input_has_a_row_in_order(network, preset, files, tmp_path):
    broken = tmp_path / "broken.fits"
    broken.write_text("no FITS at all")
    missing = tmp_path / "missing.fits"
    given = [files[1], broken, [raw(True, path="memory"), str(missing)], files[0]]
    with pytest.warns(UnusableSpectraWarning) as said:
        table = classify_spectra(given, preset)
    (line,) = (str(warning.message) for warning in said)
    assert line.startswith(f"2 of 5 spectra not used: not_fits 1 ({broken} ")
    assert f"; unreadable 1 ({missing} cannot be read: No such file or directory)" in line
    assert "\n" not in line
    assert said[0].filename == __file__
    assert list(table["prediction"]) == ["B", "", "O", "", "O"]
    assert list(table["path"]) == [*map(str, [files[1], broken, "memory", missing, files[0]])]
    unusable = (table["flags"] & UNUSABLE) > 0
    assert list(unusable) == [False, True, False, True, False]
    assert np.isnan(table["p_O"][unusable]).all()
    assert np.isnan(table["ew_hbeta"][unusable]).all()
    assert not table["candidate"][unusable].any()
    reasons = [(row, reason) for row, reason, _ in table.meta["rejected"]]
    assert reasons == [(1, "not_fits"), (3, "unreadable")]


def test_a_spectrum_that_cannot_be_put_on_the_grid_keeps_its_identity(network, preset):
    nothing = raw(False, path="x.fits", obsid=77, ra=1.0)
    nothing.mask[:] = True
    with pytest.warns(UnusableSpectraWarning, match="no_valid_pixels 1"):
        table = classify_spectra([raw(True), nothing], preset)
    assert list(table["obsid"]) == [-1, 77]
    assert table["ra"][1] == 1 * u.deg
    assert table["flags"][1] & UNUSABLE
    assert table.meta["rejected"][0][:2] == (1, "no_valid_pixels")


def test_only_unusable_spectra(network, preset, tmp_path):
    with pytest.warns(UnusableSpectraWarning, match="2 of 2 spectra not used"):
        table = classify_spectra([tmp_path / "a", tmp_path], preset)
    assert list(table["prediction"]) == ["", ""]
    assert [reason for _, reason, _ in table.meta["rejected"]] == ["unreadable", "not_a_file"]
    assert network.sizes == []


def test_nothing_gives_an_empty_table_with_all_columns(network, preset):
    table = classify_spectra([], preset)
    assert len(table) == 0
    assert table.colnames == [c.name for c in columns_of(preset)]
    assert table["ew_hbeta"].unit == u.Angstrom


def test_without_evidence_the_columns_are_left_out(network, preset, files):
    table = classify_spectra(files, preset, evidence=False)
    assert not [name for name in table.colnames if name.startswith("ew_")]
    assert table.colnames[-5:] == ["flags", "velocity", "velocity_err", *O_SUBTYPES]
    assert list(table["prediction"]) == ["O", "B"]


def test_long_inputs_are_worked_on_in_pieces(network, preset):
    hot = [i % 3 == 0 for i in range(50)]
    made = (raw(h) for h in hot)
    table = classify_spectra(made, preset, batch_size=4)
    assert list(table["prediction"]) == ["O" if h else "B" for h in hot]
    assert network.sizes == [16, 16, 16, 2]


@pytest.mark.parametrize(
    ("number", "asked", "size"),
    [(1, 10_000, 256), (1, 8, 8), (300, 10_000, 512), (300, 400, 400), (300, 256, 256)],
)
def test_the_network_is_as_large_as_the_spectra_need(preset, monkeypatch, number, asked, size):
    """Its batches are padded: one spectrum must not take the memory of ten thousand."""
    sizes = []

    def predictor(preset, batch_size):
        sizes.append(batch_size)
        return StandIn()

    monkeypatch.setattr(classify_module, "kept_predictor", predictor)
    classify_spectra([raw(False)] * number, preset, batch_size=asked, evidence=False)
    assert set(sizes) == {size}


def test_what_should_be_searched_is_refused(network, preset, files, monkeypatch):
    folder = files[0].parent
    for given in (folder, str(folder)):
        with pytest.raises(ValueError, match=r"is a directory, and .* scan_directory"):
            classify_spectra(given, preset)
    with pytest.raises(ValueError, match=r"no file is called .*\*.fits.gz.* glob.glob"):
        classify_spectra(f"{folder}/*.fits.gz", preset)
    odd = folder / "star[1].fits.gz"
    files[0].rename(odd)
    assert len(classify_spectra(odd, preset)) == 1  # a name, after all


def test_an_hdu_list_is_read_as_its_file_is(network, preset, files):
    from astropy.io import fits

    want = classify_spectra(files[0], preset)
    with fits.open(files[0]) as hdus:
        for given in (hdus, [hdus]):
            found = classify_spectra(given, preset)
            assert list(found["path"]) == [str(files[0])]
            assert list(found["obsid"]) == list(want["obsid"])
            assert list(found["ew_hbeta"]) == list(want["ew_hbeta"])
    with pytest.warns(UnusableSpectraWarning, match="1 of 1"):
        classify_spectra(fits.HDUList([fits.PrimaryHDU()]), preset)


def test_duplicate_obsids_are_flagged_across_pieces(network, preset):
    numbers = [5, -1, 5, -1, 6, 5]
    table = classify_spectra([raw(False, obsid=n) for n in numbers], preset, batch_size=1)
    duplicate = (table["flags"] & int(QualityFlag.DUPLICATE_OBSID)) > 0
    assert list(duplicate) == [False, False, True, False, False, True]


@pytest.mark.parametrize("thing", [3, bytearray(b"spec.fits"), {"a": 1}, None, np.zeros(5)])
def test_what_is_no_spectrum_is_a_type_error(network, preset, thing):
    with pytest.raises(
        TypeError,
        match=r"of arrays: Spectrum\(flux=…, spectral_axis=…\)",
    ):
        classify_spectra([thing], preset)


def test_bad_arguments(network, preset):
    with pytest.raises(ValueError, match="medium must be 'vacuum' or 'air', not 'water'"):
        classify_spectra([], preset, medium="water")
    for size in (0, 16_385, 1_000_000, 2.5, True):
        with pytest.raises(ValueError, match="batch_size must be a whole number from 1 to 16384"):
            classify_spectra([], preset, batch_size=size)
    with pytest.raises(PresetError, match="no preset 'nonesuch'"):
        classify_spectra([], "nonesuch")


def test_a_generator_preset_is_refused():
    config = {**CONFIG, "kind": "generator", "weights_sha256": "0" * 64}
    generator = Preset("lcgan-v1", None, config)
    with pytest.raises(PresetError, match="is a generator, not a classifier"):
        classify_spectra([], generator)


def test_an_unexpected_error_costs_one_row(network, preset, monkeypatch, files):
    def read(path):
        if path == files[0]:
            raise ZeroDivisionError("oops")
        return raw(False)

    monkeypatch.setattr(reading, "read_spectrum_file", read)
    with pytest.warns(UnusableSpectraWarning, match="ZeroDivisionError: oops"):
        table = classify_spectra(files, preset)
    assert list(table["prediction"]) == ["", "B"]
    assert table.meta["rejected"] == [(0, "internal_error", "ZeroDivisionError: oops")]


class TestSpectrumObjects:
    @pytest.fixture
    def spectrum(self):
        specutils = pytest.importorskip("specutils")
        from astropy.nddata import InverseVariance

        def make(hot, unit=u.AA):
            flux, ivar = star(hot)
            return specutils.Spectrum(
                flux=flux * u.dimensionless_unscaled,
                spectral_axis=(FULL_GRID.wavelength * u.AA).to(unit),
                uncertainty=InverseVariance(ivar),
                mask=np.zeros(len(flux), bool),
            )

        return make

    def test_single_list_and_mixture(self, network, preset, spectrum, files):
        from specutils import SpectrumList

        assert list(classify_spectra(spectrum(True), preset)["prediction"]) == ["O"]
        many = SpectrumList([spectrum(False), spectrum(True, u.nm)])
        assert list(classify_spectra(many, preset)["prediction"]) == ["B", "O"]
        table = classify_spectra([spectrum(True), files[1], many], preset)
        assert list(table["prediction"]) == ["O", "B", "B", "O"]
        assert list(table["path"]) == ["", str(files[1]), "", ""]

    def test_collection_and_two_dimensional_spectrum(self, network, preset, spectrum):
        from astropy.nddata import InverseVariance
        from specutils import Spectrum, SpectrumCollection

        both = SpectrumCollection.from_spectra([spectrum(False), spectrum(True)])
        assert list(classify_spectra(both, preset)["prediction"]) == ["B", "O"]
        flux, ivar = (
            np.stack([star(True)[0], star(False)[0]]),
            np.full((2, FULL_GRID.n_pixels), 0.01),
        )
        rows = Spectrum(
            flux=flux * u.dimensionless_unscaled,
            spectral_axis=FULL_GRID.wavelength * u.AA,
            uncertainty=InverseVariance(ivar),
        )
        assert list(classify_spectra([rows], preset)["prediction"]) == ["O", "B"]

    def test_medium_air_is_shifted_to_vacuum(self, network, preset, spectrum):
        from lamost_rare.spectra.air_vacuum import vacuum_to_air

        flux, _ = star(True)
        in_air = spectrum(True).__class__(
            flux=flux * u.dimensionless_unscaled,
            spectral_axis=vacuum_to_air(FULL_GRID.wavelength) * u.AA,
            uncertainty=spectrum(True).uncertainty,
        )
        right = classify_spectra(in_air, preset, medium="air")
        reference = classify_spectra(spectrum(True), preset)
        assert right["ew_heii_4686"][0].value == pytest.approx(
            reference["ew_heii_4686"][0].value, abs=0.05
        )


def test_generated_spectra_never_become_rows(preset):
    from lamost_rare.spectra.resample import assemble

    batch, _ = assemble([raw(True)], LAMOST_GRID)
    prediction = StandIn().predict(batch)
    batch.generated = True
    with pytest.raises(ValueError, match="never enter a catalogue"):
        catalogue_columns(batch, prediction, preset)


def test_a_network_that_says_nan_predicts_nothing(preset):
    from lamost_rare.spectra.resample import assemble

    batch, _ = assemble([raw(True), raw(False)], LAMOST_GRID)
    prediction = StandIn().predict(batch)
    prediction.probabilities[0] = np.nan
    columns = catalogue_columns(batch, prediction, preset)
    assert list(columns["prediction"]) == ["", "B"]
    assert list(columns["candidate"]) == [False, False]


SEQUENCES = {
    "list": list,
    "tuple": tuple,
    "generator": iter,
    "array": np.array,
    "array of bytes": lambda names: np.array(names, dtype="S"),
    "array of objects": lambda names: np.array(names, dtype=object),
    "bytes": lambda names: list(map(os.fsencode, names)),
    "Column": Column,
    "MaskedColumn": MaskedColumn,
    "Series": pd.Series,
    "nullable Series": lambda names: pd.Series(names, dtype="string", index=[9, 4]),
    "Index": pd.Index,
    "pyarrow": pa.array,
    "chunked": lambda names: pa.chunked_array([names[:1], names[1:]], pa.large_string()),
}


@pytest.mark.parametrize("kind", sorted(SEQUENCES))
def test_sequences_of_paths(network, preset, files, kind):
    table = classify_spectra(SEQUENCES[kind](list(map(str, files))), preset)
    assert list(table["path"]) == list(map(str, files))
    assert list(table["obsid"]) == [1000, 1001]
    assert list(classify_spectra(table["path"], preset)["obsid"]) == [1000, 1001]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (pd.DataFrame({"path": ["a"]}), "spectra is a DataFrame: give its column of paths"),
        (Table({"path": ["a"]}), "spectra is a Table: give its column of paths"),
        (pa.table({"path": ["a"]}), "spectra is a Table: give its column of paths"),
        (Table({"path": ["a"]})[0], "spectra is a Row: give its column of paths"),
        ({"a"}, "spectra is a set, which has no order"),
        (np.ones((2, 3)), "spectra is an array of float64 with 2 axes"),
        (MaskedColumn(["a", "b"], mask=[False, True]), "spectra has masked items"),
        ([None], "cannot read spectra from a NoneType"),
    ],
)
def test_what_has_no_paths_in_order_is_refused(network, preset, given, message):
    with pytest.raises(TypeError, match=message):
        classify_spectra(given, preset)


@pytest.mark.parametrize("empty", ["", b""])
def test_an_empty_path_is_refused_and_in_a_list_it_is_a_row(network, preset, files, empty):
    with pytest.raises(ValueError, match="spectra is empty: give a path"):
        classify_spectra(empty, preset)
    with pytest.warns(UnusableSpectraWarning, match="unreadable 1"):
        table = classify_spectra([files[0], empty], preset)
    assert [(row, reason) for row, reason, _ in table.meta["rejected"]] == [(1, "unreadable")]
