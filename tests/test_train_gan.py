"""A generator from a data folder to a preset, through the command line."""

import csv
from dataclasses import replace

import h5py
import numpy as np
import pytest

pytest.importorskip("keras")

from lamost_rare.cli import main
from lamost_rare.inference.augmentation import augment_spectra
from lamost_rare.inference.generation import generate, load_generator
from lamost_rare.presets import load_preset
from lamost_rare.simulation.analytic import analytic_spectra
from lamost_rare.simulation.dataset import load_data_folder
from lamost_rare.simulation.examples import complete_rows, simulate_again, simulate_examples
from lamost_rare.simulation.fits_files import write_lamost_file
from lamost_rare.simulation.simulate_stars import noise_of
from lamost_rare.spectra.grid import WavelengthGrid
from lamost_rare.training.gan_training import GanOptions
from lamost_rare.training.generator import train_generator

GRID = WavelengthGrid(3.5682, 1e-4, 3909)
SMALL = {"channels": [2], "noise_channels": [2], "global_units": 4, "discriminator_units": 4}
SMALL |= {"discriminator_channels": [2, 2, 2]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A library of five O stars and a G star, and 24 observed white dwarfs."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(1)
    kinds = ["O5", "O6", "O7", "O8", "O9", "G2"]
    batch = analytic_spectra(kinds, rng, snr=300.0, grid=GRID)
    (folder / "libraries").mkdir()
    with h5py.File(folder / "libraries" / "lib.h5", "w") as file:
        file["wavelength"] = GRID.wavelength
        file["flux"] = batch.flux
        file.attrs.update(medium="vacuum", kind="observed", resolution="R 1800", continuum="yes")
        text = h5py.string_dtype()
        meta = file.create_group("meta")
        meta.create_dataset("object", data=[f"star {i}" for i in range(6)], dtype=text)
        meta.create_dataset("label", data=[f"{k}V" for k in kinds], dtype=text)
        meta.create_dataset("letter", data=[k[0] for k in kinds], dtype=text)
        meta.create_dataset("note", data=[""] * 6, dtype=text)
        for name in ("teff", "logg", "feh"):
            meta[name] = np.full(6, np.nan)
    (folder / "lamost").mkdir()
    dwarfs = analytic_spectra(["white_dwarf"] * 24, rng, snr=30.0, grid=GRID)
    with open(folder / "lamost" / "labels.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "class", "subclass"])
        for i in range(24):
            write_lamost_file(
                folder / "lamost" / f"{i}.fits.gz", "dr1-7", GRID, dwarfs.flux[i], dwarfs.ivar[i],
                andmask=dwarfs.mask[i].astype(np.float32), obsid=i, ra=10.0 + i, dec=5.0,
            )  # fmt: skip
            writer.writerow([f"{i}.fits.gz", "STAR", "WD"])
    return folder


def train(folder, output, **changes):
    options = GanOptions(iterations=2, batch_size=4, sample_every=1)
    arguments = {"architecture": SMALL, "options": options, "number": 40} | changes
    return train_generator(folder, output, **arguments)


def test_from_library_stars_to_a_preset(folder, tmp_path):
    preset = train(folder, tmp_path / "my-o-v1")
    training = preset.config["training"]
    assert training["source"] == "simulated"
    assert len(training["stars"]) == 4
    assert len(training["unseen_stars"]) == 1
    assert not set(training["stars"]) & set(training["unseen_stars"])
    batch = augment_spectra(6, load_preset(tmp_path / "my-o-v1"))
    assert batch.generated
    assert np.isfinite(batch.flux).all()
    with np.load(preset.folder / "golden.npz") as golden:
        flux = generate(load_generator(preset), len(golden["flux"]), int(golden["seed"]))
        np.testing.assert_allclose(flux, golden["flux"], atol=1e-4)
    assert "STAR" in (preset.folder / "CARD.md").read_text(encoding="utf-8").upper()
    assert not (tmp_path / "my-o-v1.training").exists()
    with pytest.raises(FileExistsError, match="holds a preset already"):
        train(folder, tmp_path / "my-o-v1")


@pytest.mark.slow
def test_a_rebuilt_generator_takes_the_place_of_the_old_one(folder, tmp_path, monkeypatch):
    from lamost_rare.training import generator

    def small(data, output, *, options, refinement, work):
        return train_generator(
            data,
            output,
            architecture=SMALL,
            options=GanOptions(iterations=1, batch_size=4, seed=options.seed),
            refinement=replace(refinement, iterations=1, batch_size=4),
            number=40,
            work=work,
        )

    monkeypatch.setattr(generator, "train_generator", small)
    made = [
        generator.rebuild_generator("g-v1", folder, tmp_path / "out", tmp_path / "work", seed=s)
        for s in (0, 1, 0)
    ]
    assert made[0].sha256 != made[1].sha256
    assert made[0].config["training"]["refinement"]["iterations"] == 1
    assert made[0].folder == tmp_path / "out" / "g-v1"
    np.testing.assert_allclose(
        augment_spectra(2, made[2]).flux,
        np.load(made[2].folder / "golden.npz")["flux"][:2],
        atol=1e-4,
    )


@pytest.mark.slow
def test_from_observed_spectra_as_they_are(folder, tmp_path):
    preset = train(folder, tmp_path / "wd-v1", rare_class="white_dwarf", source="real", unseen=0.1)
    assert preset.rare_class == "white_dwarf"
    assert preset.config["training"]["source"] == "real"
    assert preset.config["training"]["n_examples"] == 22
    assert set(augment_spectra(2, preset).columns["label"]) == {"white_dwarf"}


def test_too_few_spectra_of_a_class(folder, tmp_path):
    with pytest.raises(ValueError, match=r"1 spectra of class 'G'.*at least two stars"):
        train(folder, tmp_path / "g", rare_class="G")
    with pytest.raises(ValueError, match=r"0 spectra of class 'O' cover the whole grid .real."):
        train(folder, tmp_path / "o", source="real")
    assert not any(tmp_path.iterdir())


def test_a_class_that_is_not_in_the_labels(folder, tmp_path, capsys):
    command = ["train", "gan", "--data", str(folder), "--output", str(tmp_path / "x")]
    assert main([*command, "--class", "B"]) == 2
    error = capsys.readouterr().err
    assert "no spectrum is labelled 'B'" in error
    assert "white_dwarf" in error
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [["--iterations", "0"], ["--unseen", "1"], ["--matching", "-1"], ["--number", "0"]]
)
def test_bad_options(folder, tmp_path, options, capsys):
    command = ["train", "gan", "--data", str(folder), "--output", str(tmp_path / "x"), *options]
    assert main(command) == 2
    assert options[0] in capsys.readouterr().err


def test_examples_are_seeded_complete_and_by_star(folder):
    sources = load_data_folder(folder)
    rows = complete_rows(sources, "O")
    noise = noise_of(sources)
    a, b = (simulate_examples(sources, rows, 25, noise, seed=s) for s in (1, 1))
    np.testing.assert_array_equal(a.flux, b.flux)
    assert sorted(np.unique(a.star, return_counts=True)[1]) == [5] * 5
    np.testing.assert_allclose((a.flux.astype(float) ** 2).mean(axis=1), 1, rtol=1e-4)
    assert np.isfinite(a.snr).all()
    other = simulate_examples(sources, rows, 25, noise, seed=2)
    assert not np.array_equal(a.flux, other.flux)


def test_what_is_observed_again(folder):
    sources = load_data_folder(folder)
    noise = noise_of(sources)
    x = np.linspace(-1, 1, 3072)
    smooth = np.stack(
        [1 + 0.3 * np.polynomial.Polynomial([0, a])(x) for a in np.linspace(-1, 1, 9)]
    )
    smooth = (smooth / np.sqrt((smooth**2).mean(axis=1, keepdims=True))).astype(np.float32)
    out = simulate_again(smooth, noise, snr_range=(20, 20.001), seed=3)
    np.testing.assert_array_equal(
        out, simulate_again(smooth, noise, snr_range=(20, 20.001), seed=3)
    )
    assert not np.array_equal(out, simulate_again(smooth, noise, snr_range=(20, 20.001), seed=4))
    np.testing.assert_allclose((out.astype(float) ** 2).mean(axis=1), 1, rtol=1e-4)

    def roughness(flux):
        second = flux[:, 1:-1] - 0.5 * (flux[:, :-2] + flux[:, 2:])
        return np.median(np.abs(second) / np.abs(flux[:, 1:-1]), axis=1) / 0.67 / np.sqrt(1.5)

    quiet = roughness(simulate_again(smooth, noise, snr_range=(200, 200.001), seed=3))
    assert (roughness(smooth) < 1e-4).all()
    assert (roughness(out) > 4 * quiet).all()
    # What noise there is stays: two observations at S/N 20 are noisier than one.
    twice = roughness(simulate_again(out, noise, snr_range=(20, 20.001), seed=9))
    assert np.median(twice / roughness(out)) > 1.2
    assert simulate_again(smooth[:0], noise).shape == (0, 3072)
