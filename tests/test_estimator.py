"""`RareStarClassifier` keeps scikit-learn's conventions, trains, and uses presets."""

import os
import pickle
import sys
from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator

from lamost_rare import RareStarClassifier
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.training import estimator
from lamost_rare.training.estimator import as_features
from standin import save_standin

EXPECTED_TO_FAIL: dict[str, str] = {}
"""Checks of scikit-learn's that cannot hold, with the reason. There is none."""


class Centroids:
    """In place of a RAC-Net: logits by the distance to the mean of each class."""

    def __init__(self, x=None, codes=None):
        if x is not None:
            self.means = np.array([x[codes == c].mean(axis=0) for c in np.unique(codes)])

    def get_weights(self):
        return [self.means]

    def set_weights(self, weights):
        [self.means] = weights

    def __call__(self, x, training):
        return -((x[:, None] - self.means[None]) ** 2).sum(axis=(2, 3))


@pytest.fixture
def fast(monkeypatch):
    """A network that is trained at once. With LAMOST_RARE_ALL_CHECKS set it is the real one."""
    if "LAMOST_RARE_ALL_CHECKS" not in os.environ:
        from lamost_rare.networks.build import NETWORKS
        from lamost_rare.training import loop as classifier

        monkeypatch.setattr(
            classifier,
            "train_network",
            lambda stream, *args: (Centroids(stream.x, stream.codes), []),
        )
        monkeypatch.setitem(NETWORKS["classifier"], "racnet", lambda architecture: Centroids())


@pytest.mark.parametrize(
    ("model", "check"),
    list(
        estimator_checks_generator(
            RareStarClassifier(normalization="l2"),
            expected_failed_checks=EXPECTED_TO_FAIL,
            mark="xfail",
        )
    ),
    ids=lambda value: getattr(value, "func", value).__name__ if callable(value) else "",
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_conventions_of_scikit_learn(fast, model, check):
    check(model)


@pytest.fixture(scope="module")
def stars():
    kinds = np.repeat(np.array(["A5", "K5"]), 20)
    return analytic_spectra(kinds, np.random.default_rng(1), snr=40.0), np.array(
        [kind[0] for kind in kinds]
    )


@pytest.mark.slow
def test_a_small_network_learns_quickly(stars):
    batch, y = stars
    x = as_features(batch)[:, : batch.grid.n_pixels]
    model = RareStarClassifier(epochs=6, batch_size=16).fit(x[::2], y[::2])
    assert model.score(x[1::2], y[1::2]) >= 0.95
    p = model.predict_proba(x)
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    # Pickled, the network is built again, and gives the same.
    np.testing.assert_allclose(pickle.loads(pickle.dumps(model)).predict_proba(x), p, atol=1e-6)
    np.testing.assert_allclose(model.predict_proba(x[3:4])[0], p[3], atol=1e-6)
    again = clone(model).fit(x[::2], y[::2])
    np.testing.assert_allclose(again.predict_proba(x), p, atol=1e-4)


@pytest.mark.parametrize("module", ["lamost_rare.estimator", "lamost_rare.training.estimator"])
def test_estimators_pickled_before_their_module_was_moved(fast, stars, monkeypatch, module):
    batch, y = stars
    x = np.where(batch.mask, np.nan, batch.flux)
    model = RareStarClassifier().fit(x, y)
    now = b"clamost_rare\nRareStarClassifier\n"
    pickled = pickle.dumps(model, protocol=0)
    assert now in pickled  # no module that may be moved is named in it
    pickled = pickled.replace(now, f"c{module}\nRareStarClassifier\n".encode())
    if module == "lamost_rare.estimator":
        monkeypatch.delitem(sys.modules, module, raising=False)
        with pytest.warns(DeprecationWarning, match="import RareStarClassifier from lamost_rare"):
            again = pickle.loads(pickled)
    else:
        again = pickle.loads(pickled)
    assert type(again) is RareStarClassifier
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


def test_the_old_module_of_augmentation_says_where_its_names_are(monkeypatch):
    monkeypatch.delitem(sys.modules, "lamost_rare.augmentation", raising=False)
    with pytest.warns(DeprecationWarning, match=r"noise_of_directory from lamost_rare.survey"):
        from lamost_rare.augmentation import augment_spectra, noise_of_directory, write_generated
    from lamost_rare.inference import augmentation
    from lamost_rare.survey import noise

    assert augment_spectra is augmentation.augment_spectra
    assert write_generated is augmentation.write_generated
    assert noise_of_directory is noise.noise_of_directory


def test_the_rarest_class_is_looked_for(fast, stars):
    batch, y = stars
    x = np.where(batch.mask, np.nan, batch.flux)[:25]
    model = RareStarClassifier().fit(x, y[:25])
    assert model.rare_class_ == "K"
    assert list(model.candidates(x)) == list(model.predict(x) == "K")
    assert RareStarClassifier(rare_class="A", threshold=1.0).fit(x, y[:25]).rare_class_ == "A"


def test_in_a_pipeline_and_in_cross_validation(fast, stars):
    batch, y = stars
    x = np.where(batch.mask, np.nan, batch.flux)
    model = make_pipeline(FunctionTransformer(lambda x: x * 1e-17), RareStarClassifier())
    assert cross_val_score(model, x, y, cv=4).min() >= 0.9


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"threshold": 0}, "threshold must lie above 0"),
        ({"threshold": 1.5}, "threshold must lie above 0"),
        ({"epochs": 0}, "epochs and batch_size must be at least 1"),
        ({"rare_class": "M"}, "rare_class 'M' is not among the classes A, K"),
        ({"normalization": "max"}, "unknown normalization 'max'"),
        ({"preset": "nothing"}, "no preset 'nothing'"),
        ({"preset": "racnet-ofgk-v1", "rare_class": "B"}, "rare_class 'B' is not among the classe"),
    ],
)
def test_wrong_parameters(fast, stars, parameters, said):
    batch, y = stars
    with pytest.raises(ValueError, match=said):
        RareStarClassifier(**parameters).fit(batch.flux, y)


# With a preset


@pytest.fixture
def standin(tmp_path, monkeypatch):
    from lamost_rare.inference import predictor
    from standin import StandIn

    monkeypatch.setattr(predictor, "Predictor", lambda preset, batch_size: StandIn())
    return str(save_standin(tmp_path).folder)


def test_a_preset_needs_no_training(standin):
    batch = analytic_spectra(["O6", "O7", "A5", "K5"], np.random.default_rng(0), snr=90.0)
    model = RareStarClassifier(standin)
    with pytest.raises(NotFittedError):
        model.predict(as_features(batch))
    model.fit(as_features(batch))
    assert list(model.classes_) == ["O", "B"]
    assert model.rare_class_ == "O"
    assert list(model.predict(as_features(batch))) == ["O", "O", "B", "B"]
    assert list(model.candidates(as_features(batch))) == [True, True, False, False]
    model.set_params(threshold=0.95)
    assert not model.candidates(as_features(batch)).any()
    assert not model.__sklearn_tags__().target_tags.required


def test_flux_alone_is_enough_for_a_preset(standin):
    batch = analytic_spectra(["O6", "K5"], np.random.default_rng(0), snr=90.0)
    x = as_features(batch)[:, : batch.grid.n_pixels]
    assert list(RareStarClassifier(standin).fit(x).predict(x)) == ["O", "B"]


def test_noise_that_is_estimated_is_near_what_it_was():
    batch = analytic_spectra(["A5"] * 3, np.random.default_rng(0), snr=50.0)
    model = RareStarClassifier("racnet-ofgk-v1")
    x = as_features(batch)
    estimated = model.fit(x)._batch(x[:, : batch.grid.n_pixels])
    snr = np.median(estimated.flux * np.sqrt(estimated.ivar), axis=1)
    stated = np.median(batch.flux * np.sqrt(batch.ivar), axis=1)
    np.testing.assert_allclose(snr, stated, rtol=0.15)
    given = replace(model._batch(x), identity=batch.identity)
    np.testing.assert_array_equal(given.mask, batch.mask)
    np.testing.assert_array_equal(given.ivar, batch.ivar)


def test_the_wrong_number_of_pixels(standin):
    with pytest.raises(ValueError, match=r"X has 100 features; .* needs 3072 \(flux\) or 6144"):
        RareStarClassifier(standin).fit(np.ones((2, 100)))


def test_exported_and_documented():
    assert RareStarClassifier is estimator.RareStarClassifier
    for name in RareStarClassifier().get_params():
        assert f"    {name} : " in RareStarClassifier.__doc__
