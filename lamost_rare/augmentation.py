"""New spectra of a rare class from a trained generator."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np

from .presets import Preset, PresetError, load_preset
from .spectra.batch import SpectrumBatch, empty_identity

__all__ = ["DEFAULT_GENERATOR", "augment_spectra", "load_generator", "write_generated"]

DEFAULT_GENERATOR = "lcgan-o-v1"
"""What `augment_spectra` and ``lamost-rare augment`` use unless told otherwise."""

_MOST = 10_000_000


def load_generator(preset=None):
    """The network of a generator preset, with its weights.

    Parameters
    ----------
    preset : str, path or Preset, optional
        By default `DEFAULT_GENERATOR`.

    Returns
    -------
    keras.Model
        From noise (n, 900) to standardized flux (n, n_pixels, 1).

    Raises
    ------
    PresetError
        If there is no such preset, or it is not a generator.
    """
    preset = _generator_preset(preset)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from .networks.gan import build_generator

    model = build_generator(preset.architecture)
    if model.output_shape[1] != preset.grid.n_pixels:
        raise PresetError(
            f"preset {preset.name!r} makes {model.output_shape[1]} pixels, its grid has "
            f"{preset.grid.n_pixels}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # Keras warns of layers without weights
            model.load_weights(preset.weights_path)
    except (OSError, ValueError, KeyError, UserWarning) as error:
        raise PresetError(
            f"preset {preset.name!r}: its weights do not fit its architecture"
        ) from error
    return model


def _generator_preset(preset) -> Preset:
    if not isinstance(preset, Preset):
        preset = load_preset(DEFAULT_GENERATOR if preset is None else preset)
    if preset.kind != "generator":
        raise PresetError(f"preset {preset.name!r} is a {preset.kind}, not a generator")
    return preset


def augment_spectra(number: int, preset=None, *, seed: int = 0) -> SpectrumBatch:
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

    Returns
    -------
    SpectrumBatch
        With ``generated`` True, which keeps it out of every catalogue. Flux is divided by its
        2-norm (Yang et al. 2021, Eq. 1) and multiplied by the square root of the number of pixels;
        ivar is estimated from the scatter between neighbouring pixels. The column ``label`` holds
        the class.

    Raises
    ------
    ValueError
        If ``number`` or ``seed`` is not a whole number, zero or more.
    PresetError
        If there is no such generator.
    """
    from .spectra.normalize import pseudo_continuum
    from .spectra.snr import g_band_snr

    for name, value, most in (("number", number, _MOST), ("seed", seed, 2**63)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise ValueError(f"{name} must be a whole number, not {value!r}")
        if not 0 <= value <= most:
            raise ValueError(f"{name} must lie between 0 and {most}, not {value}")
    preset = _generator_preset(preset)
    model = load_generator(preset)
    from .training.gan import generate

    flux = generate(model, int(number), int(seed))
    mask = np.zeros(flux.shape, dtype=bool)
    ivar = np.zeros_like(flux)
    for start in range(0, len(flux), 1024):
        rows = slice(start, start + 1024)
        _, noise = pseudo_continuum(flux[rows], mask[rows])
        ivar[rows] = 1 / np.maximum(noise, 1e-6) ** 2
    identity = empty_identity(len(flux))
    identity["designation"][:] = [f"generated {preset.name} {seed} {i}" for i in range(len(flux))]
    identity["snr_g"] = g_band_snr(flux, ivar, mask, preset.grid)
    label = np.full(len(flux), preset.rare_class, dtype=object)
    return SpectrumBatch(
        preset.grid, flux, ivar, mask, identity, columns={"label": label}, generated=True
    )


def write_generated(batch: SpectrumBatch, output, *, overwrite=False, **attributes) -> Path:
    """Write generated spectra to HDF5.

    Datasets ``wavelength`` (n_pixels,) in Å, vacuum, ``flux`` and ``ivar`` (n, n_pixels); the
    file's attribute ``generated`` is True.

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

    output = Path(output)
    if output.exists() and not overwrite:
        raise FileExistsError(f"{output} exists; choose another --output, or give --overwrite")
    part = output.with_name(output.name + ".part")
    try:
        with h5py.File(part, "w") as file:
            wavelength = file.create_dataset("wavelength", data=batch.grid.wavelength)
            wavelength.attrs.update(unit="Angstrom", medium="vacuum")
            for name in ("flux", "ivar"):
                data = getattr(batch, name)
                chunks = (min(256, len(data)), data.shape[1]) if len(data) else None
                file.create_dataset(name, data=data, chunks=chunks, shuffle=bool(chunks) or None)
            file["flux"].attrs["description"] = "flux over its 2-norm, times sqrt(n_pixels)"
            file.attrs["generated"] = True
            file.attrs.update(attributes)
        os.replace(part, output)
    finally:
        part.unlink(missing_ok=True)
    return output
