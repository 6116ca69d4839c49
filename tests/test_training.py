import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from lamost_rare.cli import main
from lamost_rare.inference.predictor import Predictor
from lamost_rare.presets import load_preset
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.dataset import LabelledStars, assign_folds, load_data_folder
from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.simulation.library import STAR_GRID
from lamost_rare.spectra.grid import WavelengthGrid
from lamost_rare.spectra.normalize import DEFAULT_PREPROCESSING
from lamost_rare.training import subspace
from lamost_rare.training.loop import TrainingOptions, export_weights, train_network
from lamost_rare.training.own import train_classifier
from lamost_rare.training.stream import ObservationStream, StreamOptions
from lamost_rare.training.uncertain import UncertainStream

GRID = WavelengthGrid(3.5682, 1e-4, 3909)
KINDS = {"O": "O8", "A": "A3", "G": "G2"}
TINY = {"block_channels": [4], "stem_channels": 4, "template_units": 4, "head_units": 8}
TWO_OPINIONS = {**TINY, "subspace": 5, "subspace_units": [8]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 spectra of three classes, as files with a labels table."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(6)
    rows = []
    kinds = [kind for kind in KINDS for _ in range(8)]
    batch = analytic_spectra([KINDS[k] for k in kinds], rng, snr=30.0, grid=GRID)
    for i, kind in enumerate(kinds):
        path = f"{kind}-{i}.fits.gz"
        write_lamost_file(
            folder / path,
            "dr1-7",
            GRID,
            batch.flux[i],
            batch.ivar[i],
            andmask=batch.mask[i].astype(np.float32),
            obsid=1000 + i,
            ra=10.0 + i,
            dec=5.0,
        )
        rows.append({"path": path, "obsid": 1000 + i, "class": kind})
    for name, columns in (("labels.csv", ["path", "class"]), ("by_obsid.csv", ["obsid", "class"])):
        with open(folder / name, "w", newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def sources(folder):
    return load_data_folder(folder)


def test_labels_by_path_and_by_obsid(folder, sources):
    other = load_data_folder(folder, labels=folder / "by_obsid.csv")
    assert sorted(sources.label) == sorted(other.label) == sorted(["O", "A", "G"] * 8)
    assert len(set(sources.star)) == 24
    assert sources.real.all()


def test_unreadable_spectra_are_left_out_and_said(folder, tmp_path, caplog):
    labels = tmp_path / "labels.csv"
    labels.write_text("path,class\nO-0.fits.gz,O\nnowhere.fits.gz,G\n")
    assert len(load_data_folder(folder, labels=labels)) == 1
    assert "1 of 2 labelled spectra could not be used" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [("path,kind\na,b\n", "needs a column 'class'"), ("path,class\nx.fits,O\n", "none of the 1")],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_labels(folder, tmp_path, text, message):
    labels = tmp_path / "labels.csv"
    labels.write_text(text)
    with pytest.raises(ValueError, match=message):
        load_data_folder(folder, labels=labels)


def test_an_empty_folder_says_what_it_lacks(tmp_path):
    with pytest.raises(FileNotFoundError, match="neither libraries"):
        load_data_folder(tmp_path)


def test_stream_is_seeded(sources):
    def inputs(seed):
        stream = ObservationStream(
            sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, StreamOptions(), seed=seed
        )
        return stream.inputs(3, 32)

    (x, y), (again, labels), (other, _) = inputs(1), inputs(1), inputs(2)
    np.testing.assert_array_equal(x, again)
    np.testing.assert_array_equal(y, labels)
    assert not np.array_equal(x, other)
    assert set(y) == {0, 1, 2}


def test_subdwarfs_from_mixtures_have_lines_of_both():
    """Half of an O star with He II, half of a late B star with broad Balmer lines."""
    wavelength = STAR_GRID.wavelength
    he_ii, balmer = np.abs(wavelength - 4687) < 5, np.abs(wavelength - 4341.7) < 12
    flux = np.ones((4, len(wavelength)), dtype=np.float32)
    flux[0, he_ii] = 0.5
    flux[1, balmer] = 0.5
    label = np.array(["O", "B", "hot_subdwarf", "A"], dtype=object)
    mk_type = np.array(["O7V", "B8V", "sdB", "A0"], dtype=object)
    none, name = np.full(4, np.nan), np.array(list("abcd"), dtype=object)
    sources = LabelledStars(
        flux, 0 * flux, flux > 0, label, name, mk_type, name, name, none
    )  # fmt: skip
    options = StreamOptions(
        composite=1.0, invented={}, blend={}, snr_range=(300, 301), blue_only=0.0
    )

    def depths(sources, options):
        classes = [c for c in ("O", "B", "hot_subdwarf", "A") if c in sources.label]
        stream = ObservationStream(sources, classes, DEFAULT_PREPROCESSING, options, seed=2)
        batch, number = stream.batch(0, 200)
        own = number == classes.index("hot_subdwarf")
        flux = np.ma.array(batch.flux[own], mask=batch.mask[own])
        out = []
        for line in (4687, 4341.7):
            away = np.abs(batch.grid.wavelength - line)
            level = np.ma.median(flux[:, (away > 30) & (away < 60)], axis=1)
            ratio = np.ma.median(flux[:, away < 2], axis=1) / level
            out.append(1 - float(np.ma.median(ratio)))
        return out

    he_ii, balmer = depths(sources, options)
    assert 0.08 < he_ii < 0.3
    assert 0.2 < balmer < 0.45
    for other in (
        depths(sources, replace(options, composite=0.0)),
        depths(sources[label != "O"], options),
    ):
        np.testing.assert_allclose(other, 0, atol=0.05)


def test_a_class_without_spectra_is_an_error(sources):
    with pytest.raises(ValueError, match="'K' has no spectra"):
        ObservationStream(sources, ("O", "K"), DEFAULT_PREPROCESSING)


def _weights(model):
    return [np.asarray(v) for v in model.trainable_variables]


@pytest.fixture
def few_quiet(monkeypatch):
    """Principal components of fewer observations, which are quicker."""
    monkeypatch.setattr(subspace, "_BATCHES", 2)


@pytest.mark.parametrize("architecture", [TINY, pytest.param(TWO_OPINIONS, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("few_quiet")
def test_interrupted_training_ends_with_the_same_weights(
    sources, tmp_path, monkeypatch, architecture
):
    def stream():
        return ObservationStream(sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, seed=4)

    options = TrainingOptions(batch_size=8, steps_per_epoch=3, epochs=3, patience=0, seed=4)
    whole, log = train_network(stream(), architecture, options, tmp_path / "whole")

    from lamost_rare.training import loop as classifier

    save = classifier.save_state

    def save_and_die(folder, groups, fingerprint, log):
        save(folder, groups, fingerprint, log)
        if len(log) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(classifier, "save_state", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        train_network(stream(), architecture, options, tmp_path / "parts")
    monkeypatch.setattr(classifier, "save_state", save)
    resumed, resumed_log = train_network(stream(), architecture, options, tmp_path / "parts")
    assert [e["loss"] for e in resumed_log] == pytest.approx([e["loss"] for e in log], rel=1e-5)
    for a, b in zip(whole.variables, resumed.variables, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=1e-6)
    lines = (tmp_path / "parts" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def _components(folder):
    from lamost_rare.networks.racnet import SUBSPACE

    with np.load(folder / "state.npz") as state:
        same_shape = [v for v in state.values() if v.shape == (3072, TWO_OPINIONS[SUBSPACE])]
    assert len(same_shape) == 1  # the optimizer keeps nothing for it
    return same_shape[0]


@pytest.mark.slow
@pytest.mark.usefixtures("few_quiet")
def test_the_second_opinion_sees_principal_components(sources, tmp_path):
    stream = ObservationStream(sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, seed=4)
    options = TrainingOptions(batch_size=8, steps_per_epoch=2, epochs=1, patience=0)
    train_network(stream, TWO_OPINIONS, options, tmp_path / "a")
    kept = _components(tmp_path / "a")
    np.testing.assert_allclose(kept.T @ kept, np.eye(5), atol=1e-5)
    # Most of what spectra without noise are lies along them; what noise is does not.
    x, _ = stream.quiet((300.0, 301.0)).inputs(7, 64)
    quiet = x[:, :, 0]
    assert np.sum((quiet @ kept) ** 2) > 0.4 * np.sum(quiet**2)
    noise = np.random.default_rng(0).standard_normal(quiet.shape)
    assert np.sum((noise @ kept) ** 2) < 0.01 * np.sum(noise**2)
    # A training that begins with another's weights keeps its components, whatever it draws.
    other = ObservationStream(sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, seed=5)
    weights = tmp_path / "a" / "best.weights.h5"
    train_network(other, TWO_OPINIONS, options, tmp_path / "b", begin_with=weights)
    np.testing.assert_array_equal(_components(tmp_path / "b"), kept)


def test_every_class_counts_alike_in_principal_components():
    """Two classes along one direction each: the weaker and rarer one is not lost."""

    class Stream:
        def quiet(self, snr_range):
            return self

        def inputs(self, number, size):
            rng = np.random.default_rng(number)
            label = (rng.random(size) < 0.1).astype(int)
            x = np.zeros((size, 6, 2), dtype=np.float32)
            x[:, 2, 0] = np.where(label == 0, 100 * rng.standard_normal(size), 0)
            x[:, 4, 0] = np.where(label == 1, rng.standard_normal(size), 0)
            x[:, 5, 0] = np.where(label == 0, 10 * rng.standard_normal(size), 0)
            return x, label

    found = np.abs(subspace.principal_components(Stream(), 2))
    np.testing.assert_allclose(found.sum(axis=1), [0, 0, 1, 0, 1, 0], atol=0.02)
    with pytest.raises(ValueError, match="7 components of spectra with 6 pixels"):
        subspace.principal_components(Stream(), 7)


def test_every_observation_is_seen_as_often_as_asked():
    from lamost_rare.training.loop import _views

    class Numbers:
        made = 0

        def inputs(self, number, size):
            self.made += 1
            values = number * size + np.arange(size)
            return np.repeat(values[:, None, None], 2, axis=2).astype(np.float32), values

    stream = Numbers()
    batch = _views(stream, TrainingOptions(batch_size=8, views=3, seed=1), pool=4)
    seen = [batch(step) for step in range(24)]
    assert stream.made == 8
    counts = np.bincount(np.concatenate([y for _, y in seen]))
    np.testing.assert_array_equal(counts, np.full(64, 3))
    for x, y in seen:
        np.testing.assert_array_equal(x[:, 0, 0], y)
    # A resumed training gets what the interrupted one would have got.
    fresh = _views(Numbers(), TrainingOptions(batch_size=8, views=3, seed=1), pool=4)
    np.testing.assert_array_equal(fresh(17)[1], seen[17][1])
    assert not np.array_equal(seen[0][1], seen[4][1])


def test_state_of_another_training_is_refused(sources, tmp_path):
    stream = ObservationStream(sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, seed=4)
    options = TrainingOptions(batch_size=8, steps_per_epoch=1, epochs=1, patience=0)
    train_network(stream, TINY, options, tmp_path)
    with pytest.raises(ValueError, match="other options"):
        train_network(stream, TINY, TrainingOptions(batch_size=16), tmp_path)


class ByRoundness:
    """A first stage that takes a spectrum for O as its flux says: of three kinds."""

    def judge(self, flux, mask):
        kind = (np.abs(flux[:, 100]) * 1000).astype(int) % 3
        p = np.array([0.5, 0.001, 0.9999])[kind]
        return kind > 0, np.stack([p, 1 - p, 0 * p], axis=1)


def test_the_second_training_is_on_what_the_first_stage_is_not_sure_of(sources, monkeypatch):
    stream = ObservationStream(sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, seed=4)
    drawn = []
    batch = stream.batch
    monkeypatch.setattr(stream, "batch", lambda *a: drawn.append(batch(*a)) or drawn[-1])
    name = "lamost_rare.training.uncertain.network_input"
    monkeypatch.setattr(name, lambda batch, preprocessing: batch.flux)
    uncertain = UncertainStream(stream, ByRoundness(), "O")
    x, y = uncertain.inputs(3, 60)
    assert len(x) == len(y) == 60
    unsure = np.concatenate([~ByRoundness().judge(b.flux, b.mask)[0] for b, _ in drawn])
    assert len(unsure) > 60  # more had to be simulated
    every = np.concatenate([b.flux for b, _ in drawn])
    rows = [int(np.flatnonzero((every == values).all(axis=1))[0]) for values in x]
    assert rows == sorted(set(rows))
    np.testing.assert_array_equal(y, np.concatenate([label for _, label in drawn])[rows])
    assert set(np.flatnonzero(unsure[: rows[-1] + 1])) <= set(rows)
    assert 0 < np.sum(~unsure[rows]) < 0.4 * np.sum(~unsure)
    again = UncertainStream(stream, ByRoundness(), "O").inputs(3, 60)
    np.testing.assert_array_equal(x, again[0])
    assert not np.array_equal(y, uncertain.inputs(4, 60)[1])


def test_an_observation_of_which_nothing_is_kept_is_an_error(sources, monkeypatch):
    stream = ObservationStream(sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, seed=4)
    made = stream.batch(0, 1)
    monkeypatch.setattr(stream, "batch", lambda *a: made)

    class Sure:
        def judge(self, flux, mask):
            return np.ones(1, bool), np.array([[0.0, 1.0, 0.0]])

    monkeypatch.setattr("lamost_rare.training.uncertain.OTHERS", 0.0)
    with pytest.raises(RuntimeError, match="fewer than 1 were kept"):
        UncertainStream(stream, Sure(), "O").inputs(0, 1)


@pytest.mark.slow
def test_a_training_that_begins_with_the_weights_of_another(sources, tmp_path):
    stream = ObservationStream(sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, seed=4)
    options = TrainingOptions(batch_size=8, steps_per_epoch=1, epochs=1, patience=0)
    first, _ = train_network(stream, TINY, options, tmp_path / "a")
    still = replace(options, learning_rate=0.0)
    weights = tmp_path / "a" / "best.weights.h5"
    same, _ = train_network(stream, TINY, still, tmp_path / "b", begin_with=weights)
    for a, b in zip(_weights(first), _weights(same), strict=True):
        np.testing.assert_array_equal(a, b)
    train_network(stream, TINY, replace(options, seed=1), tmp_path / "c")
    other = tmp_path / "c" / "best.weights.h5"
    with pytest.raises(ValueError, match="other options"):
        train_network(stream, TINY, still, tmp_path / "b", begin_with=other)


def build_linear(architecture):
    import keras

    inputs = keras.Input((3072, 2))
    x = keras.layers.AveragePooling1D(512)(inputs)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(architecture["n_classes"])(x))


@pytest.fixture
def linear(monkeypatch):
    """Another network, registered as docs/architecture.md says."""
    from lamost_rare.networks.build import NETWORKS

    monkeypatch.setitem(NETWORKS["classifier"], "linear", build_linear)


def test_another_network_is_trained_and_exported_by_its_name(sources, tmp_path, linear):
    stream = ObservationStream(sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, seed=4)
    options = TrainingOptions(batch_size=8, steps_per_epoch=1, epochs=1, patience=0)
    model, _ = train_network(stream, {"network": "linear"}, options, tmp_path)
    assert model.count_params() == 3 * (2 * 6 + 1)
    with pytest.raises(ValueError, match="unknown network 'none'; known: racnet, linear"):
        train_network(stream, {"network": "none"}, options, tmp_path / "none")
    weights = tmp_path / "w.weights.h5"
    architecture = {"network": "linear", "n_classes": 3}
    assert export_weights(architecture, tmp_path / "best.weights.h5", weights) == weights
    again = build_linear({"n_classes": 3})
    again.load_weights(weights)
    x, _ = stream.inputs(0, 4)
    np.testing.assert_array_equal(again.predict_on_batch(x), model.predict_on_batch(x))


def test_patience_stops(sources, tmp_path):
    stream = ObservationStream(sources, ("O", "A", "G"), DEFAULT_PREPROCESSING, seed=4)
    # A learning rate that ruins the network: the first epoch stays the best.
    options = TrainingOptions(
        learning_rate=50.0, batch_size=8, steps_per_epoch=1, epochs=30, patience=2
    )
    x, y = stream.inputs(99, 16)
    _, log = train_network(stream, TINY, options, tmp_path, validation=(x, y))
    assert len(log) < 30
    losses = [entry["validation_loss"] for entry in log]
    assert len(losses) - 1 - int(np.argmin(losses)) == 2


@pytest.mark.slow
def test_a_users_own_classifier(folder, tmp_path):
    output = tmp_path / "mine-v1"
    options = TrainingOptions(
        learning_rate=1e-3, batch_size=16, steps_per_epoch=2, epochs=1, seed=1
    )
    preset = train_classifier(folder, output, options=options, n_validation=32)
    again = load_preset(output)
    assert "train classifier" in (output / "CARD.md").read_text(encoding="utf-8")
    assert again.classes == preset.classes == ("O", "A", "G")
    assert again.figures["validation_loss"] > 0
    batch = analytic_spectra(["O8", "G2"], np.random.default_rng(0), snr=30.0)
    p = Predictor(again, batch_size=2).predict(batch).probabilities
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    with pytest.raises(FileExistsError, match="choose another"):
        train_classifier(folder, output, options=options)


@pytest.mark.slow
def test_a_users_own_classifier_of_another_network(folder, tmp_path, linear):
    options = TrainingOptions(batch_size=8, steps_per_epoch=1, epochs=1)
    train_classifier(
        folder, tmp_path / "p", architecture={"network": "linear"}, options=options, n_validation=8
    )
    preset = load_preset(tmp_path / "p")
    assert preset.architecture == {"network": "linear", "n_classes": 3}
    batch = analytic_spectra(["O8", "G2"], np.random.default_rng(0), snr=30.0)
    assert Predictor(preset, batch_size=2).model.count_params() == 3 * (2 * 6 + 1)
    assert Predictor(preset, batch_size=2).predict(batch).probabilities.shape == (2, 3)


@pytest.mark.slow
def test_figures_of_another_rare_class(folder, tmp_path, capsys):
    """Its members are spectra of the survey: found they are recall, and never false alarms."""
    rows = list(csv.DictReader((folder / "labels.csv").open()))
    labels = tmp_path / "labels.csv"
    names = {"O": "carbon", "A": "ordinary", "G": "ordinary"}  # what is in the files matters not
    labels.write_text(
        "path,class\n" + "".join(f"{row['path']},{names[row['class']]}\n" for row in rows)
    )
    output = tmp_path / "carbon-v1"
    status = main(
        ["train", "classifier", "--data", str(folder), "--labels", str(labels), "--output",
         str(output), "--rare-class", "carbon", "--epochs", "1", "--steps", "2", "--batch-size",
         "16", "--learning-rate", "1e-3"]
    )  # fmt: skip
    assert status == 0
    said = capsys.readouterr().out
    assert main(["presets", str(output)]) == 0
    shown = capsys.readouterr().out
    card = (output / "CARD.md").read_text(encoding="utf-8")
    figures = load_preset(output).figures
    held = assign_folds(np.array([names[r["class"]] for r in rows]), np.arange(24), 20, 0) < 6
    n_own = sum(held[i] and row["class"] == "O" for i, row in enumerate(rows))
    assert 0 < n_own < held.sum()
    assert figures["recall_lamost"]["n"] == figures["recall_lamost"]["stars"] == n_own
    assert figures["false_alarms_lamost"]["n"] == held.sum() - n_own
    assert figures["recall_reobserved_snr_10_20"]["n"] > 0
    assert figures["false_alarms_reobserved"]["n"] < 10_000
    for text in (said, shown, card):
        assert "O star" not in text
        assert "key lines" not in text  # none are known of it
        assert "spectra of class carbon found, LAMOST spectra as they are" in text
        assert "none of class carbon, called candidates" in text
        assert "Recall is that of LAMOST spectra that were left out of training." in " ".join(
            text.split()
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rare_class": "W"}, "'W' is not among the classes"),
        ({"classes": ["O"]}, "at least two classes"),
        ({"classes": ["O", "K"]}, "'K' has 0 stars; at least 4"),
        ({"classes": ["O", "a b"]}, "cannot be a column's name"),
        ({"validation": 1.5}, "between 0 and 1"),
    ],
)
def test_unusable_requests(folder, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        train_classifier(folder, tmp_path / "p", **arguments)


def test_two_trainings_in_one_folder(sources, tmp_path):
    from lamost_rare.folder_lock import FolderInUseError, folder_lock

    stream = ObservationStream(sources, tuple("OAG"), DEFAULT_PREPROCESSING, StreamOptions())
    with folder_lock(tmp_path):
        with pytest.raises(FolderInUseError, match=r"in use by another command \(process \d+ on "):
            train_network(stream, TINY, TrainingOptions(), tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]
