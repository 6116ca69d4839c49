import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation_helpers import TINY_LCGAN, check_page, write_data
from lamost_rare.cli import main
from lamost_rare.evaluation.any_generator import Generator, load_any_generator
from lamost_rare.evaluation.generated import (
    SPACES,
    GanSizes,
    evaluate_gan,
)
from lamost_rare.evaluation.generated_metrics import (
    compare_measures,
    coverage,
    fit_svm,
    gan_test,
    gan_train,
    line_depths,
    memorisation,
    nearest_distance,
    rectified,
    repeated,
    spectral_measures,
)
from lamost_rare.evaluation.generated_report import summary, write_gan
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.examples import standardize
from lamost_rare.spectra.grid import LAMOST_GRID


def flux_of(kinds, seed, snr=50.0):
    return standardize(analytic_spectra(kinds, np.random.default_rng(seed), snr=snr))


@pytest.fixture(scope="module")
def stars():
    """O and F spectra, two sets of each."""
    return [flux_of(kind, seed) for seed, kind in enumerate([["O"] * 60, ["F"] * 60] * 2)]


def test_real_spectra_in_the_generators_place_pass(stars):
    o, f, more_o, more_f = stars
    assert gan_test(repeated(o, 100), f, o) > 0.95
    assert gan_test(o, f, more_o) > 0.9
    found, kept = gan_train(o, f, more_o, more_f)
    assert found > 0.9
    assert kept > 0.9


def test_generated_spectra_of_the_wrong_class_fail(stars):
    o, f, more_o, more_f = stars
    assert gan_test(o, f, more_f) < 0.1
    found, kept = gan_train(more_f[:30], np.concatenate([o, f])[:30], more_o)
    assert found < 0.5
    assert np.isnan(kept)


def test_the_svm_is_a_nu_svc_with_a_gaussian_kernel(stars):
    svm = fit_svm(stars[0], stars[1])
    assert (type(svm).__name__, svm.kernel) == ("NuSVC", "rbf")
    assert set(svm.predict(stars[0])) <= {0, 1}


def test_repeated_keeps_every_spectrum():
    out = repeated(np.arange(7)[:, None], 20)
    assert out.shape == (20, 1)
    assert set(np.bincount(out[:, 0])) == {2, 3}
    assert len(repeated(np.arange(7), 3)) == 3


def test_measures_of_known_stars():
    kinds = ["O6"] * 20 + ["O9.5"] * 20
    sharp, dull = (spectral_measures(flux_of(kinds, 3, snr)) for snr in (100.0, 10.0))
    early, late = slice(0, 20), slice(20, 40)
    assert np.median(sharp["ratio"][early]) < 45 < np.median(sharp["ratio"][late])
    assert np.median(sharp["ew_heii_4541"][early]) > np.median(sharp["ew_heii_4541"][late])
    # Ten times the S/N, a tenth of the noise.
    difference = np.median(dull["noise"]) - np.median(sharp["noise"])
    assert difference == pytest.approx(np.log(10), abs=0.3)
    assert np.median(sharp["noise"]) == pytest.approx(-np.log(100), abs=0.3)


def test_slope_is_the_logarithm_of_a_ratio_of_fluxes():
    flux = np.repeat((LAMOST_GRID.wavelength / 5000.0)[None] ** -2.0, 2, axis=0)
    expected = -2 * np.log(4150 / 6750)
    np.testing.assert_allclose(spectral_measures(flux)["slope"], expected, atol=0.01)
    assert np.isnan(spectral_measures(-flux)["slope"]).all()


def test_rectified_flux_has_no_slope():
    x = LAMOST_GRID.wavelength / 5000.0
    line = 1 - 0.4 * np.exp(-0.5 * ((LAMOST_GRID.wavelength - 4472.7) / 4.0) ** 2)
    steep, flat = (rectified((x**power * line)[None])[0] for power in (-3.0, 0.0))
    inner = slice(100, -100)
    np.testing.assert_allclose(steep[inner], flat[inner], atol=0.02)
    assert flat[inner].min() == pytest.approx(0.6, abs=0.05)


def test_p_of_equal_distributions_is_uniform():
    from scipy.stats import kstest

    rng = np.random.default_rng(5)
    p = [
        compare_measures({"x": rng.normal(size=200)}, {"x": rng.normal(size=173)})["x"]["p"]
        for _ in range(300)
    ]
    assert kstest(p, "uniform").pvalue > 0.001
    assert np.mean(np.array(p) < 0.05) < 0.1


def test_different_distributions_are_told_and_gaps_are_counted():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=200), rng.normal(0.8, 1, 200)
    a[:50] = np.nan
    out = compare_measures({"x": a}, {"x": b})["x"]
    assert out["p"] < 1e-4
    assert (out["n_generated"], out["n_real"]) == (150, 200)
    assert out["real"] == pytest.approx(0.8, abs=0.3)
    nothing = compare_measures({"x": np.full(3, np.nan)}, {"x": b})["x"]
    assert np.isnan(nothing["p"])
    assert nothing["n_generated"] == 0


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(2, 12), st.booleans())
def test_nearest_distance_equals_a_loop(seed, n, k, same):
    rng = np.random.default_rng(seed)
    reference = rng.normal(size=(n + k, 5))
    spectra = reference if same else rng.normal(size=(n, 5))
    found = nearest_distance(spectra, reference, k - 1, same=same)
    for i, row in enumerate(spectra):
        distance = np.sqrt(np.mean((reference - row) ** 2, axis=1))
        if same:
            distance = np.delete(distance, i)
        assert found[i] == pytest.approx(np.sort(distance)[k - 2], abs=1e-6)


def test_too_few_neighbours_are_infinitely_far():
    x = np.zeros((2, 3))
    assert np.isinf(nearest_distance(x, x, 2, same=True)).all()


def test_copies_are_flagged_as_memorised(stars):
    o, _, unseen, _ = stars
    for a, b in ((o, unseen), (line_depths(o), line_depths(unseen))):
        found = memorisation(a, b, a)
        assert found["too_near"] == 1
        assert found["nearer"] == 1
        assert found["generated"][1] < 0.1 * found["unseen"][1]


def test_near_copies_are_flagged_too(stars):
    o, _, unseen, _ = stars
    noise = np.random.default_rng(1).normal(0, 0.01, o.shape)
    assert memorisation(o + noise, unseen, o)["too_near"] > 0.9


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_new_spectra_of_the_same_kind_are_not_flagged(seed):
    draw = np.random.default_rng(seed).normal
    found = memorisation(draw(size=(300, 4)), draw(size=(300, 4)), draw(size=(300, 4)))
    assert found["nearer"] == pytest.approx(0.5, abs=0.12)
    assert found["too_near"] < 0.16


def test_equal_sets_are_covered_and_a_constant_generator_covers_nothing():
    rng = np.random.default_rng(2)
    real, same = rng.normal(size=(2, 400, 3))
    assert coverage(real, same, k=5) == pytest.approx(1 - 2**-5, abs=0.04)
    assert coverage(real, np.repeat(same[:1], 400, axis=0), k=5) < 0.05
    assert coverage(real, same + 50) == 0
    # Half of the real ones have no counterpart.
    assert 0.3 < coverage(real, same[same[:, 0] > 0]) < 0.8


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("gan-data"), {"O7": 6, "O9": 6, "F5": 10})


@pytest.fixture(scope="module")
def generator(data, tmp_path_factory):
    """A preset whose tiny generator was never trained, but says which stars it saw."""
    keras = pytest.importorskip("keras")
    from lamost_rare.networks.gan import build_generator
    from lamost_rare.presets import save_preset
    from lamost_rare.simulation.dataset import load_data_folder

    folder = tmp_path_factory.mktemp("gan-preset")
    sources = load_data_folder(data)
    seen = sorted(set(sources.star[sources.label == "O"]))[:7]
    keras.utils.set_random_seed(3)
    build_generator(TINY_LCGAN).save_weights(folder / "w.weights.h5")
    training = {"stars": seen, "source": "simulated", "n_examples": 40, "snr_range": [20, 60]}
    presets = []
    for name, own in (("tiny-v1", training), ("other-v1", {**training, "stars": seen[:3]})):
        config = {
            "name": name, "kind": "generator", "architecture": TINY_LCGAN, "rare_class": "O",
            "grid": LAMOST_GRID.to_dict(), "training": own,
        }  # fmt: skip
        presets.append(save_preset(folder / name, config, folder / "w.weights.h5").folder)
    return presets


SIZES = GanSizes(compared=20, set2=20, set3=24)


def test_evaluation_of_a_generator(data, generator, tmp_path):
    figures = evaluate_gan(data, generator[0], n_seeds=2, sizes=SIZES)
    assert len(figures.stars["seen"]) == 7
    assert len(figures.stars["unseen"]) == 5
    assert figures.n_examples == 40
    real = figures.titles.keys() - set(figures.names)
    (reference,) = real
    # What real spectra reach, a generator that was never trained does not.
    for space in ("flux", "lines"):
        own, best = (np.median(figures.coverage[k]["seen"][space]) for k in ("tiny-v1", reference))
        assert own < 0.5 < best
    p = {k: figures.measures[k]["seen"]["noise"]["p"] for k in figures.titles}
    assert max(p["tiny-v1"]) < 0.01 < max(p[reference])
    again = evaluate_gan(data, generator[0], n_seeds=1, sizes=SIZES)
    assert (
        again.svm["flux"]["tiny-v1"]["unseen"]["gan_test"]
        == (figures.svm["flux"]["tiny-v1"]["unseen"]["gan_test"][:1])
    )
    for space in SPACES:
        for kind in ("seen", "unseen"):
            score = figures.svm[space][reference][kind]
            assert min(score["gan_train"]) > 0.7
            red, blue, whole = (np.array(score[key]) for key in ("red", "blue", "gan_test"))
            assert (np.fmin(red, blue) <= whole).all()
            assert (whole <= np.fmax(red, blue)).all()
    lines = summary(figures)
    assert lines[0].startswith("tiny-v1, unseen stars, flux: GAN-test")
    assert lines[1].startswith("tiny-v1, unseen stars, rectified flux: GAN-test")
    assert len(lines) == 8
    write_gan(figures, tmp_path / "gan.md", "evaluate gan")
    page = (tmp_path / "gan.md").read_text(encoding="utf-8")
    assert "7 of the stars trained the generator (40 spectra), and 5 are unseen" in page
    for word in ("LCGAN `tiny-v1`", "unseen stars", "training stars, other noise", "Too near"):
        assert word in page
    check_page(tmp_path / "gan.md")


def test_a_class_that_the_data_lack(data, generator, monkeypatch):
    other = Generator("w", "lcgan", "W", None, {})
    monkeypatch.setattr("lamost_rare.evaluation.generated.load_any_generator", lambda path: other)
    with pytest.raises(ValueError, match="no complete spectrum of class W"):
        evaluate_gan(data, "w", sizes=SIZES)


def test_a_generator_from_the_folder_of_its_training(generator, tmp_path):
    import json
    import shutil

    fingerprint = json.dumps({"architecture": TINY_LCGAN})
    np.savez(tmp_path / "state.npz", fingerprint=fingerprint)
    shutil.copy(generator[0] / "model.weights.h5", tmp_path / "best.weights.h5")
    found, preset = load_any_generator(tmp_path), load_any_generator(generator[0])
    assert (found.network, found.training) == ("lcgan", {})
    assert (preset.name, preset.rare_class) == ("tiny-v1", "O")
    for a, b in zip(found.model.get_weights(), preset.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_generators_of_different_stars_are_not_compared(data, generator):
    with pytest.raises(ValueError, match="different stars"):
        evaluate_gan(data, generator[0], generator[1], n_seeds=1, sizes=SIZES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "racnet-ofgk-v1"], "is a classifier, not a generator"),
        (["--preset", "nothing-v1"], "no preset 'nothing-v1'"),
        (["--seeds", "0"], "--seeds: must be at least 1"),
    ],
)
def test_bad_arguments(data, tmp_path, capsys, arguments, message):
    command = ["evaluate", "gan", "--data", str(data), "--output", str(tmp_path / "x.md")]
    assert main([*command, *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "x.md").exists()
