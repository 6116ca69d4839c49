"""Generators: networks, training with resume, presets, augment_spectra and the command line."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

keras = pytest.importorskip("keras")

import lamost_rare  # noqa: E402
from evaluation_helpers import generator_preset  # noqa: E402
from lamost_rare.cli import main  # noqa: E402
from lamost_rare.inference.augmentation import write_generated  # noqa: E402
from lamost_rare.inference.generation import generate, load_generator  # noqa: E402
from lamost_rare.inference.rows import catalogue_columns  # noqa: E402
from lamost_rare.networks.gan import (  # noqa: E402
    LineDepths,
    Observed,
    build_discriminator,
    build_generator,
    complete_architecture,
    without_noise,
)
from lamost_rare.networks.gan_statistics import (  # noqa: E402
    centre_level_and_noise,
    centre_lines,
    start_from,
)
from lamost_rare.networks.spectral_features import (  # noqa: E402
    SpectralFeatures,
    sliced_distance,
)
from lamost_rare.presets import PresetError  # noqa: E402
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid  # noqa: E402
from lamost_rare.training.duel import Duel  # noqa: E402
from lamost_rare.training.gan_training import (  # noqa: E402
    GanOptions,
    GanRefinement,
    check_examples,
    feature_distance,
    train_gan,
)
from lamost_rare.training.generator import split_stars  # noqa: E402

GRID = WavelengthGrid(3.60, 1e-3, 192)
TINY = {
    "network": "lcgan",
    "n_pixels": 192,
    "noise": 60,
    "local_noise": 48,
    "global_units": 8,
    "start": 24,
    "channels": [4, 4],
    "noise_channels": [2],
    "n_level": 4,
    "discriminator_channels": [4, 4],
    "discriminator_units": 8,
}


def spectra(n=60, seed=0):
    """Noisy spectra with a line of varying depth, standardized."""
    rng = np.random.default_rng(seed)
    x = np.arange(192)
    line = np.exp(-0.5 * ((x - 80) / 3) ** 2)
    flux = 1 + 0.3 * rng.standard_normal((n, 1)) * (x / 192 - 0.5)
    flux = flux * (1 - rng.uniform(0.2, 0.6, (n, 1)) * line) + rng.normal(0, 0.05, (n, 192))
    return (flux / np.sqrt((flux**2).mean(axis=1, keepdims=True))).astype(np.float32)


@pytest.mark.parametrize("network", ["lcgan", "sgan"])
def test_generators_make_standardized_spectra(network):
    generator = build_generator({**TINY, "network": network})
    flux = generate(generator, 5, seed=1)
    assert flux.shape == (5, 192)
    assert flux.dtype == np.float32
    np.testing.assert_allclose((flux**2).mean(axis=1), 1, rtol=1e-4)
    assert np.ptp(flux, axis=0).min() > 0
    logits = build_discriminator({**TINY, "network": network}).predict_on_batch(flux[..., None])
    assert logits.shape == (5, 1)


@pytest.mark.parametrize("network", ["lcgan", "sgan"])
def test_it_begins_with_noise_that_has_no_pattern(network):
    generator = build_generator({**TINY, "network": network})
    start_from(generator, spectra(), seed=3)
    field = keras.Model(generator.input, generator.get_layer("noise_field").output)
    draws = np.random.default_rng(8).standard_normal((4000, 60)).astype(np.float32)
    made = np.asarray(field.predict_on_batch(draws))[..., 0]
    if network == "lcgan":
        np.testing.assert_allclose(made.std(axis=0), 1, atol=0.15)
        assert np.abs(made.mean(axis=0)).max() < 0.2
    assert made.std() == pytest.approx(1, abs=0.1)
    assert abs(made.mean()) < 0.1


def test_lines_have_the_resolution_of_the_survey():
    """One pixel of the layer that makes lines becomes a line of R 1800."""
    lines = np.zeros((1, 192, 1), dtype=np.float32)
    lines[0, 100] = 1
    zero = np.zeros((1, 4), dtype=np.float32)
    flux = np.asarray(Observed()(zero, lines, zero, np.zeros((1, 192, 1), np.float32)))[0, :, 0]
    line = flux / flux[0] - 1
    assert line.sum() == pytest.approx(1, rel=1e-4)
    x = np.arange(192)
    sigma = np.sqrt((line * (x - 100) ** 2).sum())
    # In pixels of 1e-4 dex, of which one is 69 km/s.
    assert 2.355 * sigma == pytest.approx(299_792.458 / 1800 / 69.03, rel=0.03)


def test_the_shipped_sizes_are_built_and_fit_in_a_wheel():
    generator = build_generator({"network": "lcgan"})
    assert generator.input_shape == (None, 900)
    assert generator.output_shape == (None, LAMOST_GRID.n_pixels, 1)
    assert generator.count_params() * 4 < 8e6


@pytest.mark.parametrize("network", ["lcgan", "sgan"])
def test_stars_of_a_generator_without_its_noise(network):
    keras.utils.set_random_seed(1)
    generator = build_generator({**TINY, "network": network})
    start_from(generator, spectra())
    z = np.random.default_rng(0).normal(size=(8, 60)).astype(np.float32)
    z[4:, 48:] = z[:4, 48:]  # the same stars in other noise
    noisy = generator.predict_on_batch(z)[..., 0]
    clean = without_noise(generator).predict_on_batch(z)[..., 0]
    np.testing.assert_array_equal(clean[:4], clean[4:])
    assert np.abs(noisy[:4] - noisy[4:]).std() > 0.01
    np.testing.assert_allclose((clean**2).mean(axis=1), 1, rtol=1e-4)
    # Noise is all that it lacks, and what noise adds to the root mean square.
    ratio = np.median((noisy / clean).reshape(8, 12, 16), axis=2)
    np.testing.assert_allclose(ratio / ratio.mean(axis=1, keepdims=True), 1, atol=0.15)


def mean_depth(flux):
    return np.asarray(LineDepths()(flux[..., None]))[..., 1].mean(axis=0) / 4


def test_mean_lines_are_those_of_real_spectra():
    keras.utils.set_random_seed(2)
    real = spectra(2000)
    generator = build_generator(TINY)
    start_from(generator, real)
    kernel, bias = generator.get_layer("lines").get_weights()
    bias[60:64] -= 0.1  # a line that real spectra do not have
    generator.get_layer("lines").set_weights([kernel, bias])
    before = mean_depth(generate(generator, 2000, 1)) - mean_depth(real)
    for seed in (2, 3):
        added = centre_lines(generator, real, generate(generator, 2000, seed))
        assert added > 0
    after = mean_depth(generate(generator, 2000, 4)) - mean_depth(real)
    assert np.abs(before[60:64]).mean() > 0.05
    assert np.abs(after).max() < 0.3 * np.abs(before).max()
    # Noise is not followed: the same again changes next to nothing.
    assert centre_lines(generator, real, generate(generator, 2000, 5)) < 0.3 * np.abs(before).max()


@pytest.mark.parametrize("network", ["lcgan", "sgan"])
def test_level_and_noise_vary_as_those_of_real_spectra(network):
    keras.utils.set_random_seed(4)
    real = spectra(2000)
    generator = build_generator({**TINY, "network": network})
    start_from(generator, real)
    for name, add in (("level", [0, 0.2, 0, 0]), ("scale", [-0.6, 0, 0, 0])):
        kernel, bias = generator.get_layer(name).get_weights()
        generator.get_layer(name).set_weights([0.6 * kernel, bias + np.float32(add)])

    def measured(flux):
        """Slope; logarithm of the noise: mean and deviation of each, (2, 2)."""
        slope = np.log(flux[:, 100:].mean(axis=1) / flux[:, :70].mean(axis=1))
        noise = np.log(np.median(np.abs(np.diff(flux[:, 100:], n=2)), axis=1))
        return np.array([(x.mean(), x.std()) for x in (slope, noise)])

    wanted, wrong = measured(real), measured(generate(generator, 2000, 1))
    assert (np.abs(wrong - wanted)[:, 0] > [0.1, 0.4]).all()
    moved = [
        centre_level_and_noise(generator, real, generate(generator, 2000, seed)) for seed in (2, 3)
    ]
    found = measured(generate(generator, 2000, 4))
    np.testing.assert_allclose(found[:, 0], wanted[:, 0], atol=0.08)
    np.testing.assert_allclose(found[0, 1], wanted[0, 1], rtol=0.2)
    assert moved[1] < 0.2 * moved[0]


def test_shared_kernels_cannot_be_centred():
    generator = build_generator({**TINY, "network": "sgan"})
    before = generator.get_layer("lines").get_weights()
    assert centre_lines(generator, spectra(), generate(generator, 60, 1)) == 0
    after = generator.get_layer("lines").get_weights()
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_generation_depends_on_the_seed_alone():
    generator = build_generator(TINY)
    few, many = generate(generator, 3, 7), generate(generator, 300, 7)
    np.testing.assert_array_equal(few, many[:3])
    assert not np.array_equal(few, generate(generator, 3, 8))
    assert generate(generator, 0, 7).shape == (0, 192)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "wgan"}, "unknown network"),
        ({"layers": 3}, "unknown key"),
        ({"start": 25}, "not a multiple"),
        ({"local_noise": 96, "noise": 96}, "local_noise"),
    ],
)
def test_bad_architectures_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        complete_architecture({**TINY, **change})


def test_line_depths_do_not_see_the_level():
    flux = spectra(4)
    depths = keras.ops.convert_to_numpy(LineDepths()(flux[..., None]))
    scaled = keras.ops.convert_to_numpy(LineDepths()(3 * flux[..., None]))
    np.testing.assert_allclose(depths[..., 1], scaled[..., 1], atol=1e-4)
    np.testing.assert_allclose(depths[..., 0] + np.log(3), scaled[..., 0], atol=1e-4)
    # Against the mean over the pixels of the window, at an edge and inside.
    for i in (0, 10, 100, 191):
        window = flux[:, max(i - 48, 0) : i + 49].mean(axis=1)
        np.testing.assert_allclose(np.exp(depths[:, i, 0]), window, rtol=1e-4)


def test_features_tell_lines_and_noise_apart():
    layer = SpectralFeatures(GRID.to_dict())
    flux = spectra(200)
    base = keras.ops.convert_to_numpy(layer(flux[..., None]))
    assert base.shape == layer.compute_output_shape((200, 192, 1))
    noisy = flux + np.random.default_rng(1).normal(0, 0.1, flux.shape).astype(np.float32)
    distance = feature_distance(base, keras.ops.convert_to_numpy(layer(noisy[..., None])))
    assert distance[-12:].min() > 0.7  # noise
    assert feature_distance(base[:100], base[100:]).max() < 0.3


def test_sliced_distance_is_zero_for_equal_sets_and_grows_with_a_shift():
    rng = np.random.default_rng(2)
    a = rng.standard_normal((64, 5)).astype(np.float32)
    distance = sliced_distance(np.ones(5))
    shuffled = a[rng.permutation(64)]

    def of(x):
        return float(keras.ops.mean(distance(keras.ops.convert_to_tensor(a), x)))

    assert of(shuffled) == pytest.approx(0, abs=1e-6)
    assert of(a + 1) > 4 * of(a + 0.1) > 0


OPTIONS = {"iterations": 6, "batch_size": 8, "sample_every": 2, "seed": 3}


@pytest.mark.parametrize(
    "dies_at", [pytest.param(3, marks=pytest.mark.slow), 6, pytest.param(9, marks=pytest.mark.slow)]
)
def test_an_interrupted_training_ends_with_the_same_weights(tmp_path, monkeypatch, dies_at):
    examples, validation = spectra(60, 1), spectra(30, 2)
    more = GanRefinement(iterations=4, batch_size=12, sample_every=2)

    def train(folder, examples=examples, refinement=more):
        return train_gan(
            examples,
            validation,
            TINY,
            GanOptions(**OPTIONS),
            tmp_path / folder,
            grid=GRID,
            refinement=refinement,
        )

    whole, log = train("a")
    step = Duel.step

    def dies(self, iteration, examples):
        if iteration == dies_at:
            raise KeyboardInterrupt
        return step(self, iteration, examples)

    monkeypatch.setattr(Duel, "step", dies)
    with pytest.raises(KeyboardInterrupt):
        train("b")
    monkeypatch.setattr(Duel, "step", step)
    again, log_again = train("b")
    assert [e["iteration"] for e in log] == [2, 4, 6, 8, 10] == [e["iteration"] for e in log_again]
    np.testing.assert_allclose(generate(whole, 5, 0), generate(again, 5, 0), atol=1e-5)
    samples = sorted(p.name for p in (tmp_path / "b" / "samples").iterdir())
    assert samples == [f"{n:06d}.npy" for n in (2, 4, 6, 8, 10)]
    with pytest.raises(ValueError, match="holds a training with other options"):
        train("b", examples[1:])
    with pytest.raises(ValueError, match="holds a training with other options"):
        train("b", refinement=replace(more, line_weight=1.0))


@pytest.mark.slow
def test_a_training_without_refinement_can_be_refined_later(tmp_path):
    examples, validation = spectra(60, 1), spectra(30, 2)
    arguments = examples, validation, TINY, GanOptions(**OPTIONS)
    more = GanRefinement(iterations=4, batch_size=12, sample_every=2)
    train_gan(*arguments, tmp_path / "a", grid=GRID)
    _, log = train_gan(*arguments, tmp_path / "a", grid=GRID, refinement=more)
    _, at_once = train_gan(*arguments, tmp_path / "b", grid=GRID, refinement=more)
    assert [e["iteration"] for e in log] == [2, 4, 6, 8, 10]
    assert log[-1]["quality"] == pytest.approx(at_once[-1]["quality"], abs=1e-4)


def test_lines_can_weigh_more_in_the_distance():
    rng = np.random.default_rng(4)
    a = rng.standard_normal((64, 5)).astype(np.float32)
    shifted = a + np.array([1, 0, 0, 0, 0], np.float32)
    weights = np.array([10.0, 1, 1, 1, 1])
    plain, heavy = (
        float(keras.ops.mean(sliced_distance(np.ones(5), weight=w)(a, shifted)))
        for w in (1.0, weights)
    )
    assert heavy - plain == pytest.approx(9 / (5 + 128), rel=0.01)  # of 133 axes the first


@pytest.mark.slow
def test_training_brings_spectra_nearer_to_the_real_ones(tmp_path):
    examples, validation = spectra(300, 1), spectra(200, 2)
    options = GanOptions(
        iterations=120, batch_size=32, sample_every=60, generator_rate=2e-3, average=0.9, seed=1
    )
    keras.utils.set_random_seed(options.seed)
    before = generate(build_generator(TINY), 200, 5)
    generator, log = train_gan(examples, validation, TINY, options, tmp_path, grid=GRID)
    layer = SpectralFeatures(GRID.to_dict())
    known, raw, trained = (
        keras.ops.convert_to_numpy(layer(x[..., None]))
        for x in (validation, before, generate(generator, 200, 5))
    )
    assert feature_distance(known, trained).mean() < 0.75 * feature_distance(known, raw).mean()
    assert log[-1]["quality"] == pytest.approx(min(e["quality"] for e in log), abs=0.1)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[:5], "5 spectra are too few"),
        (lambda x: np.where(np.arange(len(x))[:, None] == 7, np.nan, x), "first is number 7"),
        (lambda x: np.where(np.arange(len(x))[:, None] == 9, 1.0, x), "constant, the first .* 9"),
        (lambda x: np.repeat(x[:2], 30, axis=0), "fewer than 20"),
    ],
)
def test_examples_that_nothing_can_be_learned_from(spoil, message, tmp_path):
    bad = spoil(spectra()).astype(np.float32)
    with pytest.raises(ValueError, match=message):
        check_examples(bad)
    with pytest.raises(ValueError, match=message):
        train_gan(bad, spectra(), TINY, GanOptions(**OPTIONS), tmp_path / "x", grid=GRID)


def test_a_grid_that_is_not_the_networks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="192 pixels, the grid has 3072"):
        train_gan(spectra(), spectra(), TINY, GanOptions(**OPTIONS), tmp_path)


def test_stars_stand_on_one_side_of_the_split():
    star = np.array([f"s{i // 3}" for i in range(30)])
    kept = split_stars(star, 0.25, seed=1)
    assert len(set(star[kept])) == 8
    assert not set(star[kept]) & set(star[~kept])
    assert split_stars(star, 0.0, 1).all()
    assert split_stars(np.array(["a", "b"]), 0.9, 1).sum() == 1


@pytest.fixture
def preset(tmp_path):
    return generator_preset(tmp_path, TINY, GRID)


def test_augmented_spectra_are_marked_and_stay_out_of_catalogues(preset):
    batch = lamost_rare.augment_spectra(10, preset, seed=2)
    assert batch.generated
    assert len(batch) == 10
    assert batch.grid == GRID
    assert set(batch.columns["label"]) == {"O"}
    assert (batch.ivar > 0).all()
    assert not batch.mask.any()
    assert batch.identity["designation"][3] == "generated tiny-o-v1 2 3"
    np.testing.assert_array_equal(
        lamost_rare.augment_spectra(4, preset, seed=2).flux, batch.flux[:4]
    )
    with pytest.raises(ValueError, match="never enter a catalogue"):
        catalogue_columns(batch, None, None)


@pytest.mark.parametrize("number", [-1, 2.0, True, "3"])
def test_numbers_of_spectra_that_make_no_sense(preset, number):
    with pytest.raises(ValueError, match="number must"):
        lamost_rare.augment_spectra(number, preset)


def test_golden_spectra(preset):
    with np.load(preset.folder / "golden.npz") as golden:
        flux = generate(load_generator(preset), len(golden["flux"]), int(golden["seed"]))
        np.testing.assert_allclose(flux, golden["flux"], atol=1e-4)


def test_a_classifier_is_no_generator(preset):
    with pytest.raises(PresetError, match="is a classifier, not a generator"):
        lamost_rare.augment_spectra(1, "racnet-obafgkm-v1")


def test_weights_of_another_architecture(preset):
    config = json.loads((preset.folder / "config.json").read_text())
    config["architecture"]["global_units"] = 9
    (preset.folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(PresetError, match="do not fit"):
        lamost_rare.augment_spectra(1, preset.folder)


def test_augment_command(preset, tmp_path, capsys):
    output = tmp_path / "out.h5"
    command = ["augment", "--number", "7", "--preset", str(preset.folder), "--output", str(output)]
    assert main(command) == 0
    assert "7 generated spectra of class O" in capsys.readouterr().out
    with h5py.File(output) as file:
        assert file["flux"].shape == (7, 192)
        np.testing.assert_allclose(file["wavelength"][:], GRID.wavelength)
        assert bool(file.attrs["generated"])
        assert file.attrs["preset"] == "tiny-o-v1"
    before = output.read_bytes()
    assert main(command) == 2
    assert "exists" in capsys.readouterr().err
    assert output.read_bytes() == before
    assert main([*command, "--overwrite", "--seed", "1"]) == 0
    assert output.read_bytes() != before
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--number", "0", "--output", "x.h5"], "at least 1"),
        (["--number", "1", "--output", "x.csv"], "must end in .h5"),
        (["--number", "1", "--output", "x.h5", "--preset", "lcgan-x-v9"], "no preset"),
        (["--number", "1", "--output", "x.h5", "--preset", "racnet-obafgkm-v1"], "not a generator"),
    ],
)
def test_augment_command_with_bad_usage(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["augment", *options]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_writing_does_not_replace(preset, tmp_path):
    batch = lamost_rare.augment_spectra(2, preset)
    write_generated(batch, tmp_path / "a.h5")
    with pytest.raises(FileExistsError, match="exists"):
        write_generated(batch, tmp_path / "a.h5")
