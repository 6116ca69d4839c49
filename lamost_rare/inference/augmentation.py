"""New spectra of a rare class from a trained generator."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from ..annotations import PresetLike
from ..atomic import atomic_path
from ..simulation.noise import NoiseBank
from ..simulation.simulate_stars import simulate_pixels
from ..spectra.batch import SpectrumBatch, empty_identity
from ..spectra.grid import LAMOST_GRID
from ..spectra.normalize import normalize_l2, pseudo_continuum
from ..spectra.snr import g_band_snr
from ..text import check_paths, printable
from ..wording import named
from .generation import DEFAULT_GENERATOR, generate, generator_preset, load_generator

__all__ = [
    "DEFAULT_GENERATOR",
    "DEFAULT_SNR_RANGE",
    "augment_spectra",
    "check_snr_range",
    "write_generated",
]

_log = logging.getLogger(__name__)

DEFAULT_SNR_RANGE = (5.0, 100.0)
"""S/N (g) of generated stars that get the noise of real spectra, unless told otherwise."""

_MOST = 10_000_000
_CHUNK = 256


def augment_spectra(
    number: int,
    preset: PresetLike = None,
    *,
    seed: int = 0,
    noise: NoiseBank | None = None,
    snr_range: tuple[float, float] = DEFAULT_SNR_RANGE,
) -> SpectrumBatch:
    """Generate spectra of the rare class that a generator was trained on.

    Parameters
    ----------
    number : int
        How many.
    preset : str, path or Preset, optional
        A generator; by default `DEFAULT_GENERATOR`.
    seed : int
        The same seed gives the same spectra, and the first of a larger ``number`` are those of a
        smaller one.
    noise : NoiseBank, optional
        Of real spectra, as from `survey.noise.noise_of_directory`. The generator then gives stars
        alone, and their observations are simulated: with this noise and these bad pixels instead
        of noise of its own, by which a recogniser may know generated spectra, and with more
        reddening, velocity and calibration error.
    snr_range : pair of float
        S/N (g) of that noise, log-uniform.

    Returns
    -------
    SpectrumBatch
        With ``generated`` True, which keeps it out of every catalogue. Flux is divided by its
        2-norm over valid pixels (Yang et al. 2021, Eq. 1) and multiplied by the square root of the
        number of pixels; ivar is that of the noise given, or estimated from the scatter between
        neighbouring pixels. The column ``label`` holds the class.

    Raises
    ------
    ValueError
        If ``number`` or ``seed`` is not a whole number, zero or more, if ``snr_range`` is none, or
        if noise is to be added on another grid than LAMOST's.
    PresetError
        If there is no such generator.

    Examples
    --------
    >>> from lamost_rare import augment_spectra
    >>> batch = augment_spectra(3, seed=1)
    >>> batch.flux.shape, batch.generated
    ((3, 3072), True)
    >>> print(*batch.columns["label"])
    O O O
    """
    for name, value, most in (("number", number, _MOST), ("seed", seed, 2**63)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise ValueError(f"{name} must be a whole number, not {value!r}")
        if not 0 <= value <= most:
            raise ValueError(f"{name} must lie between 0 and {most}, not {value}")
    preset = generator_preset(preset)
    noise_of = "its own noise" if noise is None else "noise of real spectra"
    name = printable(preset.name)
    _log.info("generating %d spectra by preset %s, with %s", number, name, noise_of)
    if noise is None:
        flux, ivar, mask = _own_noise(load_generator(preset), int(number), int(seed))
    else:
        snr_range = check_snr_range(snr_range)
        if preset.grid != LAMOST_GRID:
            raise ValueError("noise can only be added on LAMOST's grid, and the preset has another")
        given = int(number), int(seed), noise, snr_range
        flux, ivar, mask = _simulated(load_generator(preset), *given)
    identity = empty_identity(len(flux))
    identity["designation"][:] = [f"generated {preset.name} {seed} {i}" for i in range(len(flux))]
    identity["snr_g"] = g_band_snr(flux, ivar, mask, preset.grid)
    label = np.full(len(flux), preset.rare_class, dtype=object)
    return SpectrumBatch(
        preset.grid, flux, ivar, mask, identity, columns={"label": label}, generated=True
    )


def check_snr_range(snr_range) -> tuple[float, float]:
    """Return the range as numbers.

    Raises
    ------
    ValueError
        If these are not two positive numbers, rising.
    """
    low, high = (float(x) for x in snr_range)
    if not 0 < low <= high < np.inf:
        raise ValueError(f"snr_range must be two positive numbers, rising, not {snr_range}")
    return low, high


def _own_noise(model, number, seed):
    """Return flux, ivar and mask of generated spectra as they are."""
    flux = generate(model, number, seed)
    mask = np.zeros(flux.shape, dtype=bool)
    ivar = np.zeros_like(flux)
    for start in range(0, len(flux), 1024):
        rows = slice(start, start + 1024)
        _, scatter = pseudo_continuum(flux[rows], mask[rows])
        ivar[rows] = 1 / np.maximum(scatter, 1e-6) ** 2
    return flux, ivar, mask


def _simulated(model, number, seed, noise, snr_range):
    """Return flux, ivar and mask of simulated observations of generated stars."""
    from ..networks.gan import without_noise

    # Whole chunks, so that the first spectra do not depend on how many there are.
    stars = generate(without_noise(model), -(-number // _CHUNK) * _CHUNK, seed)
    flux, ivar = np.empty_like(stars), np.empty_like(stars)
    mask = np.empty(stars.shape, dtype=bool)
    for k, start in enumerate(range(0, len(stars), _CHUNK)):
        rows, rng = slice(start, start + _CHUNK), np.random.default_rng([seed, 2021, k])
        batch = normalize_l2(simulate_pixels(stars[rows], noise, rng, snr_range))
        flux[rows] = batch.flux * np.float32(np.sqrt(stars.shape[1]))
        ivar[rows], mask[rows] = batch.ivar / np.float32(stars.shape[1]), batch.mask
    return flux[:number], ivar[:number], mask[:number]


def write_generated(batch: SpectrumBatch, output, *, overwrite=False, **attributes) -> Path:
    """Write generated spectra to HDF5.

    Datasets ``wavelength`` (n_pixels,) in Å, vacuum, ``flux`` and ``ivar`` (n, n_pixels), and
    ``mask``, True where there is no flux, if there are such pixels; the file's attribute
    ``generated`` is True.

    Parameters
    ----------
    batch : SpectrumBatch
    output : path-like
        Written under another name and renamed when it is complete.
    overwrite : bool
        Whether a file that exists is replaced.
    **attributes
        Further attributes of the file.

    Raises
    ------
    FileExistsError
        If the file exists.
    """
    import h5py

    check_paths(output=output)
    output = Path(output)
    if output.exists() and not overwrite:
        raise FileExistsError(
            f"{output} exists; choose another {named('output')}, or give {named('overwrite', True)}"
        )
    with atomic_path(output) as part, h5py.File(part, "w") as file:
        wavelength = file.create_dataset("wavelength", data=batch.grid.wavelength)
        wavelength.attrs.update(unit="Angstrom", medium="vacuum")
        masked = ("mask",) if batch.mask.any() else ()
        for name in ("flux", "ivar", *masked):
            data = getattr(batch, name)
            chunks = (min(256, len(data)), data.shape[1]) if len(data) else None
            file.create_dataset(name, data=data, chunks=chunks, shuffle=bool(chunks) or None)
        file["flux"].attrs["description"] = "flux over its 2-norm, times sqrt(n_pixels)"
        file.attrs["generated"] = True
        file.attrs.update(attributes)
    return output
