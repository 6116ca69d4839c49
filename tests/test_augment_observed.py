"""Generated stars observed with the noise of real spectra."""

import h5py
import numpy as np
import pytest

pytest.importorskip("keras")

from evaluation_helpers import TINY_LCGAN, generator_preset, write_data
from lamost_rare.cli import main
from lamost_rare.inference.augmentation import augment_spectra
from lamost_rare.simulation.noise import NoiseBank
from lamost_rare.spectra.grid import LAMOST_GRID, WavelengthGrid
from lamost_rare.survey.noise import noise_of_directory


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    return generator_preset(tmp_path_factory.mktemp("generator"), TINY_LCGAN, LAMOST_GRID)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survey")
    write_data(folder, {"A0": 15, "G2": 15})
    return folder


@pytest.fixture(scope="module")
def noise():
    return NoiseBank.analytic(np.random.default_rng(1))


def test_observed_stars(preset, noise):
    batch = augment_spectra(20, preset, seed=3, noise=noise, snr_range=(30, 31))
    assert batch.generated
    assert set(batch.columns["label"]) == {"O"}
    assert 0 < batch.mask.mean() < 0.1
    assert np.isfinite(batch.flux).all()
    assert (batch.flux[batch.mask] == 0).all()
    assert (batch.ivar[~batch.mask] > 0).all()
    np.testing.assert_allclose((batch.flux.astype(float) ** 2).mean(axis=1), 1, rtol=1e-4)
    assert np.median(batch.identity["snr_g"]) == pytest.approx(30, rel=0.25)
    # The inverse variance is that of the noise: neighbouring pixels differ as it says.
    good = ~(batch.mask[:, 1:] | batch.mask[:, :-1])
    error = np.sqrt(1 / np.where(batch.mask, 1, batch.ivar))
    step = np.diff(batch.flux, axis=1) / np.hypot(error[:, 1:], error[:, :-1])
    assert 1.4826 * np.median(np.abs(step[good])) == pytest.approx(0.9, abs=0.2)
    few = augment_spectra(4, preset, seed=3, noise=noise, snr_range=(30, 31))
    np.testing.assert_array_equal(few.flux, batch.flux[:4])
    np.testing.assert_array_equal(few.mask, batch.mask[:4])
    other = augment_spectra(4, preset, seed=4, noise=noise, snr_range=(30, 31))
    assert not np.array_equal(few.flux, other.flux)
    assert len(augment_spectra(0, preset, noise=noise)) == 0


@pytest.mark.parametrize("snr_range", [(0, 10), (20, 10), (5, np.inf), (np.nan, 10)])
def test_ranges_that_are_none(preset, noise, snr_range):
    with pytest.raises(ValueError, match="snr_range must"):
        augment_spectra(2, preset, noise=noise, snr_range=snr_range)


def test_another_grid(tmp_path, noise):
    architecture = {**TINY_LCGAN, "n_pixels": 192, "start": 24, "noise": 60, "local_noise": 48}
    small = generator_preset(tmp_path, architecture, WavelengthGrid(3.60, 1e-3, 192))
    assert len(augment_spectra(2, small)) == 2
    with pytest.raises(ValueError, match="LAMOST's grid"):
        augment_spectra(2, small, noise=noise)


def test_noise_of_a_directory(survey):
    bank = noise_of_directory(survey)
    assert len(bank.efficiency) == 30
    assert len(noise_of_directory(survey, most=25).efficiency) == 25
    np.testing.assert_array_equal(bank.efficiency, noise_of_directory(survey).efficiency)


def test_too_little_to_learn_noise_from(survey, tmp_path):
    for path in sorted(survey.glob("*.fits.gz"))[:19]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "broken.fits.gz").write_bytes(b"no spectrum")
    with pytest.raises(ValueError, match=r"19 of 20 spectra in .* 20 are needed"):
        noise_of_directory(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="0 of 0 spectra"):
        noise_of_directory(tmp_path / "empty")
    with pytest.raises(NotADirectoryError):
        noise_of_directory(tmp_path / "absent")


def test_command(preset, survey, tmp_path, capsys):
    output = tmp_path / "stars.h5"
    command = ["augment", "--number", "6", "--preset", str(preset.folder), "--output", str(output)]
    assert main([*command, "--noise", str(tmp_path / "absent")]) == 2
    assert "no directory" in capsys.readouterr().err
    assert main([*command, "--noise", str(tmp_path / "absent"), "--snr", "9", "3"]) == 2
    assert "snr_range must" in capsys.readouterr().err
    assert not output.exists()
    assert main([*command, "--noise", str(survey), "--snr", "20", "40"]) == 0
    with h5py.File(output) as file:
        assert file["flux"].shape == file["mask"].shape == (6, LAMOST_GRID.n_pixels)
        assert bool(file.attrs["observed"])
        assert bool(file.attrs["generated"])
