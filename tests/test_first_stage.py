"""The first stage: what it sees, when it is sure, and that a scan with it accounts for everything.

`test_shipped_presets.py` looks at the one that is shipped.
"""

from dataclasses import replace

import numpy as np
import pytest

from lamost_rare.inference.first_stage import (
    FIRST_STAGE_FILE,
    FirstStage,
    block_depths,
    certainty,
    load_first_stage,
    log_odds_of,
    mixed,
)
from lamost_rare.presets import PresetError
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.survey import ScanError, scan_directory, shard_processing
from lamost_rare.training.first_stage_training import FirstStageOptions, train_first_stage
from lamost_rare.validation.first_stage_figures import (
    choose_log_odds,
    first_stage_lines,
    measure_first_stage,
    roles_of,
)
from lamost_rare.validation.trials import Trial
from scan_helpers import CONFIG, ReadHere, manifest, standin_preset, table, use_network, write_file

N_PIXELS = LAMOST_GRID.n_pixels
N_BLOCKS = N_PIXELS // 4


def noisy(rng, n=3, noise=0.02):
    return rng.normal(1, noise, (n, N_PIXELS)).astype(np.float32)


def test_depths_are_what_they_say():
    flux = np.ones((1, N_PIXELS), dtype=np.float32)
    flux[0, 1600:1604] = 0.9
    depths = block_depths(flux, np.zeros(flux.shape, bool))
    assert depths.shape == (1, N_BLOCKS + 12)
    blocks, worth = depths[0, :N_BLOCKS], depths[0, N_BLOCKS:]
    level = (40 + 0.9) / 41
    steps = np.array([0.9 / level - 1, 1 - 0.9 / level])  # down at the line, and up after it
    level_besides = 1 / level - 1
    steps += [-level_besides, level_besides]
    variance = (steps**2).sum() / (2 * 63)
    segment = 400 // 64
    assert worth[segment] == pytest.approx(0.05 / np.hypot(0.05, np.sqrt(variance)), rel=2e-3)
    assert np.delete(worth, segment) == pytest.approx(np.ones(11), abs=2e-3)
    scaled = (0.9 / level - 1) / 0.05 * worth[segment]
    assert blocks[400] == pytest.approx(scaled / (1 + abs(scaled) / 4), rel=1e-3)
    assert np.abs(np.delete(blocks, np.arange(379, 422))).max() < 1e-4


def test_scale_slope_and_reddening_do_not_matter_much():
    flux = noisy(np.random.default_rng(1))
    flux[:, 1000:1012] *= 0.7
    mask = np.zeros(flux.shape, bool)
    plain = block_depths(flux, mask)
    np.testing.assert_allclose(block_depths(flux * 3e4, mask), plain, atol=1e-3)
    slope = np.exp(np.linspace(0, 3, N_PIXELS)).astype(np.float32)
    inner = slice(25, N_BLOCKS - 25)  # at the ends the blocks around are on one side
    reddened = block_depths(flux * slope, mask)
    assert np.abs(reddened - plain)[:, inner].max() < 0.1
    assert plain[:, 250:253].max() < -1.5


def test_masked_pixels_do_not_count_whatever_is_in_them():
    rng = np.random.default_rng(2)
    flux = noisy(rng)
    mask = rng.random(flux.shape) < 0.2
    mask[:, 2000:2400] = True
    mask[2] = True
    junk = np.where(mask, np.float32(np.nan), flux)
    depths = block_depths(np.where(mask, 0, flux), mask)
    np.testing.assert_array_equal(block_depths(junk, mask), depths)
    assert np.isfinite(depths).all()
    assert not depths[:, 500:600].any()
    assert not depths[2].any()


def test_a_spectrum_does_not_depend_on_its_batch():
    flux = noisy(np.random.default_rng(3), n=70)
    mask = np.zeros(flux.shape, bool)
    together = block_depths(flux, mask)
    for i in (0, 63, 64, 69):
        np.testing.assert_allclose(
            block_depths(flux[i : i + 1], mask[:1])[0], together[i], atol=1e-5
        )


@pytest.mark.parametrize("value", [0.0, -1.0, 3e38, 1e-38])
def test_strange_flux_gives_numbers(value):
    flux = np.full((2, N_PIXELS), value, dtype=np.float32)
    flux[1, ::2] *= -1
    assert np.isfinite(block_depths(flux, np.zeros(flux.shape, bool))).all()


def test_a_grid_that_has_no_blocks_is_refused():
    with pytest.raises(ValueError, match="100 pixels are no multiple of 48"):
        block_depths(np.ones((1, 100), np.float32), np.zeros((1, 100), bool))


def stage_of(log_odds=2.0, n_classes=2):
    """Says class 1 with the log-odds that the worth of the pixels gives: 40 * (mean - 0.5)."""
    kernel = np.zeros((N_BLOCKS + 12, n_classes), dtype=np.float32)
    kernel[N_BLOCKS:, 1] = 40 / 12
    bias = np.array([0, -20] + [-50] * (n_classes - 2), dtype=np.float32)
    return FirstStage(
        [(kernel, bias)], np.arange(n_classes) == 1, np.zeros(n_classes, bool), log_odds
    )


def test_log_odds_of_several_classes():
    logits = np.log([[0.5, 0.2, 0.2, 0.1], [0.1, 0.1, 0.1, 0.7]])
    settled = np.array([False, True, True, False])
    np.testing.assert_allclose(log_odds_of(logits, settled), np.log([0.4 / 0.6, 0.2 / 0.8]))


def test_bordering_classes_count_for_neither_side():
    settled, bordering = np.array([0, 0, 1, 1, 0]) > 0, np.array([0, 1, 0, 0, 0]) > 0
    p = [
        [0.01, 0.3, 0.4, 0.28, 0.01],  # either of the two, but not far enough from the second
        [0.01, 0.05, 0.5, 0.43, 0.01],
        [0.3, 0.05, 0.5, 0.1, 0.05],
    ]
    expected = [-np.inf, np.log(0.98 / 0.02), np.log(0.65 / 0.35)]
    np.testing.assert_allclose(certainty(np.log(p), settled, bordering), expected)
    none = np.zeros(5, bool)
    np.testing.assert_allclose(certainty(np.log(p), settled, none), log_odds_of(np.log(p), settled))


def test_a_rare_class_asks_for_more_than_others():
    """Far from it, and likely enough that it is a common one: then it may be any of the others."""
    settled, bordering = np.array([0, 0, 1, 0]) > 0, np.zeros(4, bool)
    rare = np.array([1, 0, 0, 0]) > 0
    p = [[1e-4, 0.02, 0.9799, 0.0], [1e-4, 0.1, 0.8999, 0.0], [0.02, 1e-4, 0.9799, 0.0]]
    logits = np.log(np.array(p) + 1e-9)
    expected = [np.log(0.9799 / 1e-4), -np.inf, np.log(0.9799 / 0.02)]
    np.testing.assert_allclose(certainty(logits, settled, bordering, rare), expected, rtol=1e-4)
    bordering[1] = True  # as likely as may be, but not far enough from the second class
    p = np.log([[1e-4, 0.3, 0.69, 0.0099]])
    assert certainty(p, settled, bordering, rare)[0] == -np.inf
    stage = FirstStage([], settled, np.zeros(4, bool), 6.0, rare)
    np.testing.assert_array_equal(stage.decide(logits)[0], [True, False, False])
    np.testing.assert_array_equal(replace(stage, rare=None).decide(logits)[0], 3 * [False])


@pytest.mark.parametrize("rare", [None, np.array([1, 0, 0]) > 0])
def test_saved_and_read_it_says_the_same(tmp_path, rare):
    rng = np.random.default_rng(4)
    layers = [
        (rng.normal(0, 0.05, (N_BLOCKS + 12, 6)).astype("f4"), rng.normal(size=6).astype("f4")),
        (rng.normal(size=(6, 3)).astype("f4"), rng.normal(size=3).astype("f4")),
    ]
    stage = FirstStage(layers, np.array([0, 0, 1]) > 0, np.array([0, 1, 0]) > 0, 0.5, rare)
    stage.save(tmp_path / "a.npz")
    again = FirstStage.load(tmp_path / "a.npz")
    flux = noisy(rng, n=5)
    mask = np.zeros(flux.shape, bool)
    x = block_depths(flux, mask)
    expected = np.maximum(x @ layers[0][0] + layers[0][1], 0) @ layers[1][0] + layers[1][1]
    np.testing.assert_allclose(stage.logits(flux, mask), expected, rtol=1e-4, atol=1e-5)
    for sure, p in (stage.judge(flux, mask), again.judge(flux, mask)):
        certain = certainty(expected, stage.settled, stage.bordering, rare)
        np.testing.assert_array_equal(sure, certain >= 0.5)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
        np.testing.assert_array_equal(p.argmax(axis=1), expected.argmax(axis=1))


def test_mixed_logits_are_a_weighted_mean():
    own, first = np.random.default_rng(4).normal(size=(2, 5, 3))
    np.testing.assert_allclose(mixed(own, first, 0.25), 0.8 * own + 0.2 * first, rtol=1e-5)
    np.testing.assert_allclose(mixed(own, first, 0), own, rtol=1e-6)


@pytest.fixture
def preset(tmp_path):
    """The stand-in's preset with a first stage that settles what has little noise."""
    folder = tmp_path / "preset"
    folder.mkdir()
    digest = stage_of().save(folder / FIRST_STAGE_FILE)
    return standin_preset(folder, first_stage={"sha256": digest})


def test_a_preset_without_first_stage_has_none(tmp_path):
    assert load_first_stage(standin_preset(tmp_path / "plain")) is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x"), "SHA-256"),
    ],
)
def test_damage_is_found(preset, damage, message):
    damage(preset.folder / FIRST_STAGE_FILE)
    with pytest.raises(PresetError, match=message):
        load_first_stage(preset)


def test_one_of_other_classes_is_refused(preset):
    digest = stage_of(n_classes=3).save(preset.folder / FIRST_STAGE_FILE)
    other = standin_preset(preset.folder, first_stage={"sha256": digest})
    with pytest.raises(PresetError, match="does not fit"):
        load_first_stage(other)


@pytest.fixture
def source(tmp_path):
    for i in range(30):
        write_file(tmp_path / "in" / f"{i:02d}.fits", i)
    return tmp_path / "in"


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    return use_network(monkeypatch)


def with_limit(preset, log_odds):
    digest = stage_of(log_odds).save(preset.folder / FIRST_STAGE_FILE)
    return standin_preset(preset.folder, first_stage={"sha256": digest})


def sure_part(preset, source):
    """Median of the log-odds over the files, so that a limit there settles half of them."""
    from lamost_rare.spectra.lamost import read_lamost
    from lamost_rare.spectra.resample import assemble

    batch, _ = assemble([read_lamost(p) for p in sorted(source.iterdir())], LAMOST_GRID)
    logits = stage_of().logits(batch.flux, batch.mask)
    return log_odds_of(logits, np.array([False, True]))


def test_the_network_sees_only_what_is_not_settled(preset, source, network, tmp_path):
    log_odds = sure_part(preset, source)
    preset = with_limit(preset, float(np.median(log_odds)))
    summary = scan_directory(source, tmp_path / "out", preset=preset, batch_size=8)
    assert (summary.discovered, summary.classified) == (30, 30)
    rows = table(tmp_path / "out")
    settled = np.array(rows["flags"]) & int(QualityFlag.FIRST_STAGE) > 0
    np.testing.assert_array_equal(settled, log_odds >= np.median(log_odds))
    assert sum(network.sizes) == (~settled).sum() == 15
    p = np.array(rows["p_O"])
    np.testing.assert_allclose(p[settled], 1 / (1 + np.exp(log_odds[settled])), atol=1e-6)
    # The stand-in's probability is the S/N: those rows come back in their places.
    np.testing.assert_allclose(p[~settled], np.array(rows["snr_g"])[~settled] / 100, atol=1e-6)
    assert not np.array(rows["candidate"])[settled].any()
    np.testing.assert_array_equal([width is not None for width in rows["ew_heii_4686"]], ~settled)


def test_thorough_shows_it_everything(preset, source, network, tmp_path):
    preset = with_limit(preset, -1e9)
    scan_directory(source, tmp_path / "out", preset=preset, thorough=True)
    assert sum(network.sizes) == 30
    assert not (np.array(table(tmp_path / "out")["flags"]) & int(QualityFlag.FIRST_STAGE)).any()
    assert manifest(tmp_path / "out")["steps"][0]["thorough"] is True


def test_when_all_are_settled_there_is_no_network(preset, source, monkeypatch, tmp_path):
    use_network(monkeypatch)
    monkeypatch.setattr(
        "lamost_rare.survey.batch_classifier.build_predictor", None
    )  # a call would fail
    preset = with_limit(preset, -1e9)
    summary = scan_directory(source, tmp_path / "out", preset=preset, workers=1)
    assert (summary.classified, summary.rejected) == (30, 0)
    assert set(table(tmp_path / "out")["prediction"]) <= set(CONFIG["classes"])


def test_scans_with_and_without_do_not_mix(preset, source, network, tmp_path):
    scan_directory(source, tmp_path / "out", preset=preset)
    with pytest.raises(ScanError, match=r"thorough False of step .* not True.*overwrite=True"):
        scan_directory(source, tmp_path / "out", preset=preset, thorough=True)


class Stream:
    """Analytic O, A and G stars."""

    classes = ("O", "A", "G")

    def batch(self, number, size):
        rng = np.random.default_rng([9, number])
        label = rng.integers(0, 3, size)
        kinds = np.array(["O8", "A3", "G2"])[label]
        return analytic_spectra(kinds, rng, snr=20.0), label


def test_training_is_seeded_and_learns():
    options = FirstStageOptions(n_observations=512, epochs=30, units=(16,))
    stage, again = (train_first_stage(Stream(), options, seed=5) for _ in range(2))
    for (kernel, bias), (kernel2, bias2) in zip(stage.layers, again.layers, strict=True):
        np.testing.assert_array_equal(kernel, kernel2)
        np.testing.assert_array_equal(bias, bias2)
    assert stage.settled.tolist() == [False, True, True]
    assert not stage.bordering.any()
    assert not stage.judge(*pixels(Stream().batch(0, 8)[0]))[0].any()  # never sure as yet
    batch, label = Stream().batch(999, 200)
    assert (stage.logits(*pixels(batch)).argmax(axis=1) == label).mean() > 0.95
    sure, _ = replace(stage, log_odds=0.0).judge(*pixels(batch))
    assert (sure == (label > 0)).mean() > 0.95


def pixels(batch):
    return batch.flux, batch.mask


CLASSES = ("O", "F", "G")


def trial(kind, log_odds, row, snr=30.0):
    """A trial in which the log-odds of F are given, those of G being 9 less."""
    log_odds = np.asarray(log_odds, dtype=float)
    logits = np.stack([np.zeros(len(log_odds)), log_odds, log_odds - 9], axis=1)
    one = np.ones(len(log_odds))
    return Trial(kind, logits, one > 0, 0 * one, one * snr, one * snr, np.asarray(row))


class Everything:
    label = np.array(["O", "O", "F", "G", "white_dwarf"], dtype=object)
    snr = np.array([np.nan, np.nan, 30.0, 30.0])


class Recipe:
    classes, rare_class = CLASSES, "O"


@pytest.mark.parametrize(
    ("rare", "settled", "bordering"), [("O", "AG", "B"), ("A", "G", "B"), ("B", "AG", "")]
)
def test_the_rare_class_is_never_settled(rare, settled, bordering):
    classes = np.array(["O", "B", "A", "G", "white_dwarf"])
    roles = roles_of(classes, rare)
    assert ["".join(classes[role]) for role in roles] == [settled, bordering, rare]


def test_the_limit_lies_above_every_o_star():
    def limit(*trials):
        return choose_log_odds(trials, Everything, CLASSES, "O")

    assert limit(trial("library", [1.0, -3.0], [0, 1])) == 4.0
    assert limit(trial("library", [5.0, -3.0], [0, 1])) == pytest.approx(6.5, abs=1e-3)
    assert limit(trial("library", [7.0], [0], snr=8.0)) == 4.0  # only S/N above 10 is asked for
    assert limit(trial("lamost", [9.0], [2])) == 4.0


def test_what_it_costs_is_measured_with_the_limit_of_the_others():
    stages = {
        0: (None, [trial("library", [8.0, 1.0, 9.0], [0, 0, 4]), trial("lamost", [9.5], [2])]),
        1: (None, [trial("library", [1.0, 2.0], [1, 1]), trial("lamost", [8.5], [3])]),
        None: (None, []),
    }

    class Lamost:
        row = np.array([2, 3])
        p = np.array([[0, 1, 0], [0, 0, 1]])

    figures = measure_first_stage(stages, {"lamost": Lamost}, Everything, Recipe)
    # Fold 0 is judged at 4, from fold 1: its O star at 8 is lost. Fold 1 is judged at 9.5.
    assert (figures["lost_snr_above_10"]["count"], figures["lost_snr_above_10"]["n"]) == (1, 4)
    assert figures["lost_snr_5_10"]["n"] == 0
    assert figures["settled_library"]["white_dwarf"]["count"] == 1
    assert figures["settled_lamost"]["all"]["count"] == 1
    assert figures["settled_lamost"]["F"]["rate"] == 1
    assert figures["letter_exact"]["rate"] == 1  # the G star, not settled, is the recogniser's
    text = "\n".join(first_stage_lines(figures, "O"))
    assert "It settled, and so lost, 1 of 4 spectra of library O stars at S/N 10-100" in text
    assert "It settled 1 of 1 spectra of library white dwarfs at S/N 5-100" in text
    assert "50 %: 100 % of 1 F, 0 % of 1 G" in text
    # Of a class that no library has there is nothing to say but how many survey spectra it settled.
    lost = {k: v for k, v in figures.items() if not k.startswith("lost")}
    other = "\n".join(first_stage_lines(lost, "carbon"))
    assert "O star" not in other
    assert "so lost" not in other
