"""The built-in steps in Python, on batches."""

import re
from dataclasses import replace

import numpy as np
import pytest

from lamost_rare.pipeline import PipelineError, check_order, make_step
from lamost_rare.pipeline.order import column_names
from lamost_rare.pipeline.registry import list_steps
from lamost_rare.pipeline.steps import augment
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.spectra.batch import SpectrumBatch
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid
from lamost_rare.spectra.normalize import network_input, normalize_l2
from lamost_rare.spectra.quality import SpectrumError
from lamost_rare.survey.stepping import StepLine
from pipeline_helpers import batch_of


@pytest.fixture(scope="module")
def stars():
    kinds = ["O6", "O9", "B1", "A3", "F5", "G5", "K3", "M2", "white_dwarf", "hot_subdwarf", "qso"]
    return analytic_spectra(np.repeat(kinds, 2), np.random.default_rng(5), snr=60.0)


def unchanged(batch):
    return replace(batch, flux=batch.flux.copy(), ivar=batch.ivar.copy(), mask=batch.mask.copy())


@pytest.mark.parametrize("name", ["normalize", "line_evidence", "resample"])
def test_steps_leave_their_batch_alone_and_take_an_empty_one(stars, name):
    step, before = make_step(name), unchanged(stars)
    out = step.process(stars)
    np.testing.assert_array_equal(stars.flux, before.flux)
    np.testing.assert_array_equal(stars.ivar, before.ivar)
    assert set(out.columns) - set(stars.columns) == set(column_names(step))
    assert list(out.identity["obsid"]) == list(stars.identity["obsid"])
    assert len(step.process(stars[:0])) == 0
    one = step.process(stars[3:4])
    np.testing.assert_array_equal(one.flux[0], out.flux[3])


# normalize


def test_l2_is_equation_1(stars):
    out = make_step("normalize").process(stars)
    assert np.sqrt((out.flux.astype(float) ** 2).sum(axis=1)) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(out.flux, normalize_l2(stars).flux)
    snr = stars.flux * np.sqrt(stars.ivar)
    np.testing.assert_allclose(out.flux * np.sqrt(out.ivar), snr, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("factor", [1e-17, 3.7, 1e12])
@pytest.mark.parametrize("normalization", ["l2", "pseudo_continuum"])
def test_presets_do_not_mind_a_factor(stars, factor, normalization):
    """What makes `normalize` in front of a classifier harmless."""
    scaled = replace(
        stars,
        flux=(stars.flux * factor).astype("f4"),
        ivar=(stars.ivar / factor / factor).astype("f4"),
    )
    preprocessing = {"normalization": normalization}
    np.testing.assert_allclose(
        network_input(scaled, preprocessing), network_input(stars, preprocessing), atol=1e-5
    )
    np.testing.assert_allclose(
        make_step("normalize").process(scaled).flux,
        make_step("normalize").process(stars).flux,
        atol=1e-7,
    )


def test_rectified_spectra_lie_about_one():
    batch = batch_of(6)
    out = make_step("normalize", method="pseudo_continuum").process(batch)
    good = ~out.mask
    assert np.median(out.flux[good]) == pytest.approx(1, abs=0.01)
    assert not out.flux[out.mask].any()
    assert not out.ivar[out.mask].any()
    np.testing.assert_allclose(
        (out.flux * np.sqrt(out.ivar))[good], (batch.flux * np.sqrt(batch.ivar))[good], rtol=1e-4
    )


def test_spectra_without_a_continuum_are_masked_not_divided():
    flux = np.zeros((2, LAMOST_GRID.n_pixels), "f4")
    flux[1] = -5
    batch = SpectrumBatch(LAMOST_GRID, flux, np.ones_like(flux), np.zeros(flux.shape, bool))
    out = make_step("normalize", method="pseudo_continuum").process(batch)
    assert out.mask.all()
    assert np.isfinite(out.flux).all()


@pytest.mark.parametrize("after", ["o_star_classifier", "line_evidence", "augment"])
def test_rectifying_first_is_a_wrong_order(after):
    steps = [make_step("normalize", method="pseudo_continuum"), make_step(after)]
    with pytest.raises(PipelineError, match=f"step '{after}': needs spectra that are not rectif"):
        check_order(steps, have=["label"])
    check_order(steps[::-1], have=["label"])


# resample


def test_resample_to_another_grid_and_back(stars):
    grid = WavelengthGrid(3.58, 2e-4, 1200)
    out = make_step("resample", **grid.to_dict()).process(stars)
    assert out.grid == grid
    near = np.interp(grid.wavelength, LAMOST_GRID.wavelength, normalize_l2(stars).flux[0])
    scale = stars.flux[0, 500] / normalize_l2(stars).flux[0, 500]
    assert np.median(np.abs(out.flux[0] / scale - near)) < 0.02 * np.median(near)
    assert out.columns.keys() == stars.columns.keys()
    assert list(out.identity["obsid"]) == list(stars.identity["obsid"])


def test_resample_is_a_copy_where_the_grid_is_the_same(stars):
    assert make_step("resample").process(stars) is stars
    assert make_step("resample", preset="racnet-ofgk-v1").grid == LAMOST_GRID


def test_resample_refuses_what_does_not_overlap(stars):
    step = make_step("resample", log10_start=4.2, log10_step=1e-4, n_pixels=100)
    with pytest.raises(SpectrumError, match="no_overlap"):
        step.process(stars)
    batch, kept, rejects = StepLine([step]).run(stars, list(range(len(stars))))
    assert (len(batch), kept) == (0, [])
    assert {reason for _, reason, _ in rejects} == {"no_overlap"}
    assert len(rejects) == len(stars)


# classifiers


@pytest.fixture(scope="module")
def classifier():
    return make_step("o_star_classifier", batch_size=32)


def test_normalize_does_not_change_probabilities(stars, classifier):
    plain = classifier.process(stars)
    normalized = classifier.process(make_step("normalize").process(stars))
    names = [name for name in column_names(classifier) if name.startswith("p_")]
    assert len(names) == 10 + 1
    for name in names:
        np.testing.assert_allclose(normalized.columns[name], plain.columns[name], atol=1e-5)
    assert list(normalized.columns["prediction"]) == list(plain.columns["prediction"])
    assert list(normalized.columns["candidate"]) == list(plain.columns["candidate"])
    np.testing.assert_array_equal(normalized.flags, plain.flags)
    assert list(plain.columns["prediction"][:2]) == ["O", "O"]


def test_generated_spectra_are_never_candidates(stars, classifier):
    plain = classifier.process(stars).columns["candidate"]
    assert plain.any()
    all_generated = classifier.process(replace(stars, generated=True))
    assert not all_generated.columns["candidate"].any()
    assert all_generated.generated
    marked = np.zeros(len(stars), bool)
    marked[0] = True
    columns = {**stars.columns, "generated": marked}
    mixed = classifier.process(replace(stars, generated=True, columns=columns))
    assert list(mixed.columns["candidate"]) == list(plain & ~marked)


def test_a_batch_on_another_grid_is_refused(classifier):
    with pytest.raises(ValueError, match="resample first"):
        classifier.process(batch_of(grid=WavelengthGrid(3.6, 1e-4, 500)))


def test_a_preset_that_looks_for_something_else(tmp_path):
    from standin import save_standin

    preset = save_standin(tmp_path)
    assert make_step("o_star_classifier", preset=str(preset.folder)).rare_class == "O"
    config = preset.folder / "config.json"
    config.write_text(re.sub('"rare_class": "O"', '"rare_class": "B"', config.read_text()))
    with pytest.raises(PipelineError, match="looks for 'B': use rare_star_classifier"):
        make_step("o_star_classifier", preset=str(preset.folder))
    assert make_step("rare_star_classifier", preset=str(preset.folder)).rare_class == "B"


# augment


@pytest.fixture
def generator(monkeypatch):
    """Stands in for the trained one: flat spectra, on a grid of its own, of norm 1."""
    calls = []

    def augment_spectra(number, preset=None, seed=0):
        calls.append((number, preset, seed))
        batch = normalize_l2(batch_of(number, seed, WavelengthGrid(3.565, 1e-4, 3300)))
        return replace(batch, generated=True)

    monkeypatch.setattr(augment, "augment_spectra", augment_spectra)
    return calls


def labelled(*counts):
    label = np.repeat(np.array(["O", "F", "G"], dtype=object)[: len(counts)], counts)
    batch = batch_of(len(label))
    columns = {"label": label, "weight": np.ones(len(label)), "note": label.astype("U1")}
    return replace(batch, columns=columns)


def test_classes_balance(generator):
    batch = labelled(2, 5, 4)
    out = make_step("augment", seed=3).process(batch)
    assert generator == [(3, None, 3)]
    assert list(out.columns["label"]) == [*batch.columns["label"], "O", "O", "O"]
    assert list(out.columns["generated"]) == [False] * 11 + [True] * 3
    assert out.generated
    assert not batch.generated
    assert "generated" not in batch.columns
    np.testing.assert_array_equal(out.flux[:11], batch.flux)
    norm = np.sqrt((out.flux.astype(float) ** 2).sum(axis=1))
    assert np.median(norm[11:]) == pytest.approx(np.median(norm[:2]), rel=1e-3)
    snr = np.median(out.flux * np.sqrt(out.ivar), axis=1)
    assert snr[11:] == pytest.approx(50, rel=0.1)
    assert np.isnan(out.columns["weight"][11:]).all()
    assert list(out.identity["obsid"][11:]) == [-1, -1, -1]


@pytest.mark.parametrize(
    ("counts", "parameters", "number"),
    [((3, 3), {}, 0), ((4, 2), {}, 0), ((1,), {}, 0), ((1, 2), {"number": 7}, 7)],
)
def test_how_many_are_generated(generator, counts, parameters, number):
    out = make_step("augment", **parameters).process(labelled(*counts))
    assert len(out) == sum(counts) + number
    assert out.columns["generated"].sum() == number
    assert out.generated


def test_augmenting_twice_keeps_count_of_what_is_real(generator):
    once = make_step("augment").process(labelled(1, 3))
    twice = make_step("augment", number=2).process(once)
    assert list(twice.columns["generated"]) == [False] * 4 + [True] * 4


def test_augment_needs_labels(generator):
    with pytest.raises(PipelineError, match="step 'augment': needs a batch with a column 'label'"):
        make_step("augment").process(batch_of())
    with pytest.raises(PipelineError, match="step 'augment': number must not be negative"):
        make_step("augment", number=-1)
    with pytest.raises(PipelineError, match="step 'augment': needs 'label', which no step adds"):
        check_order([make_step("augment")])


# line_evidence


def test_subtypes_of_o_stars_and_of_nothing_else():
    kinds = ["O5", "O7", "O9", "B3", "A0", "F5", "G5", "K5", "M2", "white_dwarf"]
    batch = analytic_spectra(np.repeat(kinds, 8), np.random.default_rng(2), snr=100.0)
    out = make_step("line_evidence").process(batch)
    subtype = out.columns["o_subtype"].reshape(len(kinds), 8)
    error = out.columns["o_subtype_err"].reshape(len(kinds), 8)
    assert np.median(subtype[:3], axis=1) == pytest.approx([5, 7, 9], abs=0.8)
    assert ((error[:3] >= 0.65) & (error[:3] <= 1.5)).all()
    assert np.isnan(subtype[3:]).all()
    assert np.isnan(error[3:]).all()


def test_no_subtype_where_noise_hides_the_lines():
    batch = analytic_spectra(["O9"] * 20, np.random.default_rng(2), snr=8.0)
    out = make_step("line_evidence").process(batch)
    assert np.isnan(out.columns["o_subtype"]).sum() >= 18
    assert np.isfinite(out.columns["ew_hei_4471"]).sum() >= 18


def test_subtypes_of_the_relations_own_nodes():
    from lamost_rare.inference.subtype import NODES, o_subtype

    subtypes, ratios = np.array(NODES).T
    widths = {"ew_hei_4471": 10**ratios, "ew_heii_4541": np.ones(len(NODES))}
    widths |= {name + "_err": np.full(len(NODES), 1e-3) for name in widths}
    found, error = o_subtype({**widths, "ew_caii_k": np.full(len(NODES), np.nan)})
    assert found == pytest.approx(subtypes)
    assert error == pytest.approx(0.65, abs=0.02)
    found, _ = o_subtype({**widths, "ew_caii_k": np.full(len(NODES), 3.0)})
    assert np.isnan(found).all()
    widths["ew_hei_4471"] *= 1.1
    assert np.isnan(o_subtype({**widths, "ew_caii_k": np.zeros(len(NODES))})[0][-1])


def test_subtypes_of_library_stars(data_folder):
    """The calibration's own stars, with noise: the relation holds for most of them."""
    from lamost_rare.simulation.library import STAR_GRID, read_library

    sources = read_library(data_folder / "libraries" / "jacoby.h5")
    types = np.array([str(label) for label in sources.label])
    rows = [i for i, label in enumerate(types) if re.match(r"O\d", label)]
    flux = np.where(sources.valid, sources.flux, 0)[rows].astype("f4")
    valid = sources.valid[rows]
    sigma = np.nanmedian(np.where(valid, flux, np.nan), axis=1, keepdims=True) / 100
    flux += (np.random.default_rng(0).normal(0, 1, flux.shape) * sigma * valid).astype("f4")
    ivar = np.where(valid, sigma**-2.0, 0).astype("f4")
    out = make_step("line_evidence").process(SpectrumBatch(STAR_GRID, flux, ivar, ~valid))
    true = np.array([float(re.match(r"O(\d(?:\.\d)?)", types[i])[1]) for i in rows])
    off = out.columns["o_subtype"] - true
    assert np.isfinite(off).mean() > 0.7
    assert np.mean(np.abs(off[np.isfinite(off)]) <= 1.5) > 0.8


def test_every_built_in_step_is_tested_here():
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    for entry in list_steps():
        if entry.distribution == "lamost_rare":
            assert f'"{entry.name}"' in text
