"""Steps and pipeline within one process."""

import numpy as np
import pytest
from stpipe.entry_points import get_steps
from stpipe.exceptions import ValidationError
from stpipe.utilities import import_class

from lamost_rare import classify_spectra
from lamost_rare.pipeline import PipelineError, load_step
from lamost_rare.spectra.lamost import read_lamost
from lamost_rare.spectra.quality import SpectrumError
from lamost_rare_stpipe import steps as our_steps
from lamost_rare_stpipe.datamodel import SpectraModel, open_spectra
from lamost_rare_stpipe.steps import (
    AugmentStep,
    LamostRarePipeline,
    NormalizeStep,
    OStarClassifierStep,
)

STEPS = [NormalizeStep, OStarClassifierStep, AugmentStep]
FAST = {"batch_size": 16}


def test_all_are_registered():
    found = {
        info.class_alias: info for info in get_steps() if info.package_name == "lamost-rare-stpipe"
    }
    assert set(found) == {"normalize", "o_star_classifier", "augment", "lamost_rare"}
    for alias, info in found.items():
        step_class = import_class(info.class_name)
        assert step_class.class_alias == alias
        assert info.is_pipeline == (step_class is LamostRarePipeline)


@pytest.mark.parametrize("step_class", STEPS)
def test_parameters_are_those_of_the_step(step_class):
    parameters = load_step(step_class.class_alias).parameters
    stpipes_own = NormalizeStep.__mro__[-2].load_spec_file().keys()
    assert set(step_class.load_spec_file()) - set(stpipes_own) == {p.name for p in parameters}
    step = step_class()
    for parameter in parameters:
        assert getattr(step, parameter.name) == parameter.default
        comment = step_class.load_spec_file().inline_comments[parameter.name]
        assert comment.lstrip("# ").replace("%%", "%") == parameter.help


def test_same_probabilities_as_classify_spectra(files, same):
    model = OStarClassifierStep.call(files, configure_log=False, **FAST)
    same(model.batch.columns)
    assert vars(model.meta.cal_step) == {"o_star_classifier": "COMPLETE"}


def test_pipeline_gives_the_same(files, same):
    steps = {"o_star_classifier": FAST}
    model = LamostRarePipeline.call(files, configure_log=False, steps=steps)
    same(model.batch.columns)
    norms = np.linalg.norm(model.batch.flux, axis=1)
    np.testing.assert_allclose(norms, 1, rtol=1e-5)
    done = {"normalize": "COMPLETE", "o_star_classifier": "COMPLETE"}
    assert vars(model.meta.cal_step) == done


def test_skipped_step_says_so(files):
    steps = {"o_star_classifier": FAST, "normalize": {"skip": True}}
    model = LamostRarePipeline.call(files[0], configure_log=False, steps=steps)
    assert model.meta.cal_step.normalize == "SKIPPED"
    assert np.linalg.norm(model.batch.flux) > 2


def test_real_files(real_files, same):
    model = OStarClassifierStep.call(real_files, configure_log=False, **FAST)
    same(model.batch.columns, classify_spectra(real_files, batch_size=16, evidence=False))


def test_threshold(files, expected):
    model = OStarClassifierStep.call(files, configure_log=False, threshold=1e-6, **FAST)
    assert sum(model.batch.columns["candidate"]) >= sum(expected["candidate"])
    assert all(model.batch.columns["candidate"] == (model.batch.columns["p_O_survey"] >= 1e-6))


def test_a_prior(files, with_odds, same, tmp_path):
    prior = {"O": 0.01, "alike": 0.002}
    table = classify_spectra(files, with_odds, prior=prior, batch_size=16, evidence=False)
    (tmp_path / "prior.csv").write_text("population,prevalence\nO,0.01\nalike,0.002\n")
    for text in ("O=0.01,alike=0.002", f"{tmp_path}/prior.csv"):
        options = {"preset": with_odds, "prior": text, **FAST}
        same(OStarClassifierStep.call(files, configure_log=False, **options).batch.columns, table)
    unknown = {"preset": with_odds, "prior": "Q=0.01", **FAST}
    with pytest.raises(PipelineError, match="no class or population 'Q'"):
        OStarClassifierStep.call(files, configure_log=False, **unknown)


def test_input_stays_as_it_is(files):
    model = open_spectra(files[:2])
    flux = model.batch.flux.copy()
    NormalizeStep.call(model, configure_log=False)
    np.testing.assert_array_equal(model.batch.flux, flux)
    assert vars(model.meta.cal_step) == {}


def test_network_is_built_once(files, monkeypatch):
    from lamost_rare.survey import batch_classifier as classifier

    OStarClassifierStep.call(files[0], configure_log=False, **FAST)
    monkeypatch.setattr(classifier, "build_predictor", lambda *_: pytest.fail("built again"))
    OStarClassifierStep.call(files[1], configure_log=False, **FAST)


def test_spectra_objects_and_models_of_others(files, same):
    from types import SimpleNamespace

    from lamost_rare.spectra.adapters import to_spectrum_list
    from lamost_rare.spectra.reading import read_batch

    batch, _ = read_batch(files, OStarClassifierStep(**FAST).make_step().grid)
    spectra = to_spectrum_list(batch)
    same(OStarClassifierStep(**FAST).run(spectra).batch.columns)
    theirs = SimpleNamespace(spectra=spectra[:2], meta=SimpleNamespace(filename="theirs.fits"))
    assert OStarClassifierStep(**FAST).run(theirs).meta.filename == "theirs.fits"


@pytest.mark.parametrize(
    "hook",
    [
        OStarClassifierStep(threshold=0.9, **FAST),
        # Without a dot: stpipe would look for the class behind the last one.
        "lamost_rare_stpipe.steps.OStarClassifierStep(threshold=9e-1, batch_size=16)",
    ],
)
def test_hook_with_a_parameter(files, hook):
    step = NormalizeStep(post_hooks=[hook])
    columns = step.run(files).batch.columns
    assert list(columns["candidate"]) == list(columns["p_O_survey"] >= 0.9)


class TestBadInput:
    def test_bad_file_among_good_ones(self, files, tmp_path, caplog):
        bad = tmp_path / "bad\x1b[31m.fits"
        bad.write_bytes(b"no FITS")
        with caplog.at_level("WARNING", logger="lamost_rare_stpipe"):
            model = NormalizeStep().run(files[0], bad, files[1])
        assert len(model.batch) == 2
        assert [row[:2] for row in model.rejected] == [(str(bad), "not_fits")]
        assert "not used: " in caplog.text
        assert "\x1b" not in caplog.text

    def test_nothing_usable(self, tmp_path):
        with pytest.raises(SpectrumError, match=r"unreadable: .*missing\.fits"):
            NormalizeStep().run(str(tmp_path / "missing.fits"))

    def test_nothing_at_all(self):
        with pytest.raises(ValueError, match="no spectra were given"):
            NormalizeStep().run()

    def test_no_spectra(self):
        with pytest.raises(TypeError, match="cannot read spectra from a int"):
            NormalizeStep().run(7)

    def test_misspelt_parameter(self):
        with pytest.raises(ValidationError, match="Extra value 'treshold'"):
            OStarClassifierStep(treshold=0.9)

    def test_parameter_of_a_wrong_type(self):
        with pytest.raises(ValidationError, match="threshold"):
            OStarClassifierStep(threshold="much")

    def test_parameter_out_of_range(self, files):
        with pytest.raises(PipelineError, match="'o_star_classifier': threshold must lie above 0"):
            OStarClassifierStep(threshold=2.0).run(files[0])

    def test_unknown_preset(self, files):
        with pytest.raises(PipelineError, match="no preset 'nosuch'"):
            OStarClassifierStep(preset="nosuch").run(files[0])

    def test_wrong_order(self, files, tmp_path):
        rectified = NormalizeStep(method="pseudo_continuum").run(files[0])
        path = rectified.save(tmp_path / "rectified.fits")
        for source in (rectified, path):
            with pytest.raises(PipelineError, match="needs spectra that are not rectified"):
                OStarClassifierStep().run(source)

    def test_unknown_suffix(self, files, tmp_path):
        with pytest.raises(ValueError, match=r"the suffix must be \.fits or \.asdf"):
            open_spectra(files[0]).save(tmp_path / "x.csv")


class TestAugment:
    def test_number_of_the_rare_class_and_marks(self, labelled_files, generator, tmp_path):
        model = AugmentStep.call(labelled_files, configure_log=False, number=5)
        columns = model.batch.columns
        assert columns["label"].tolist() == ["O", "G", "G", *["O"] * 5]  # "Non" is no label
        assert columns["generated"].tolist() == [False] * 3 + [True] * 5
        assert model.batch.generated
        for suffix in (".fits", ".asdf"):
            back = open_spectra(model.save(tmp_path / f"augmented{suffix}"))
            assert back.batch.generated
            assert back.batch.columns["generated"].tolist() == [False] * 3 + [True] * 5

    def test_the_shipped_generator(self, labelled_files, shipped_generator):
        model = AugmentStep.call(labelled_files, configure_log=False)
        assert model.batch.columns["label"].tolist() == ["O", "G", "G", "O"]
        assert model.batch.columns["generated"].tolist() == [False, False, False, True]

    def test_generated_spectra_are_never_candidates(self, labelled_files, generator):
        model = AugmentStep.call(labelled_files, configure_log=False, number=5)
        found = OStarClassifierStep(threshold=1e-9, batch_size=16).run(model).batch
        assert found.generated
        assert not found.columns["candidate"][found.columns["generated"]].any()

    def test_a_saved_file_is_no_spectrum_for_a_catalogue(self, labelled_files, generator, tmp_path):
        model = AugmentStep.call(labelled_files, configure_log=False, number=5)
        for suffix, reason in ((".fits", "unknown_layout"), (".asdf", "not_fits")):
            path = model.save(tmp_path / f"augmented{suffix}")
            with pytest.raises(SpectrumError, match=reason):
                read_lamost(path)

    def test_without_labels(self, files, generator):
        model = open_spectra(files[:2])
        del model.batch.columns["class"]
        with pytest.raises(ValueError, match="no labels"):
            AugmentStep().run(model)

    @pytest.fixture
    def labelled_files(self, tmp_path):
        from lamost_rare.simulation.analytic import analytic_spectra
        from lamost_rare.simulation.demo import SURVEY_GRID
        from lamost_rare.simulation.fits_files import write_batch

        kinds, rng = ["O", "G", "G", "K"], np.random.default_rng(1)
        batch = analytic_spectra(kinds, rng, 50.0, grid=SURVEY_GRID)
        batch.columns["subclass"] = np.array(["O9", "G2", "G5", "Non"], dtype=object)
        return [str(path) for path in write_batch(tmp_path / "dr", batch)]


def test_model_is_one_for_stpipe(files):
    from stpipe.datamodel import AbstractDataModel

    model = open_spectra(files[0])
    assert isinstance(model, AbstractDataModel)
    assert isinstance(model, SpectraModel)
    assert model.get_crds_parameters() == {}
    assert OStarClassifierStep.get_config_from_reference(model) == {}
    assert our_steps.LamostRarePipeline.get_config_from_reference(model) == {"steps": {}}
