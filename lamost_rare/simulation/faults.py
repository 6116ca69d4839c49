"""Faults of a reduction, done to spectra on a grid: files that can be read, and are wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..spectra.batch import SpectrumBatch
from ..spectra.normalize import pseudo_continuum
from . import effects

__all__ = ["FAULTS", "with_fault"]

_JOIN = 5900.0
"""Wavelength (Å) at which the two arms meet."""

_Pixels = tuple[np.ndarray, np.ndarray]
"""Flux and mask."""
_Fault = Callable[[SpectrumBatch, np.random.Generator], _Pixels]


def with_fault(batch: SpectrumBatch, fault: str, rng: np.random.Generator) -> SpectrumBatch:
    """Return a batch to all spectra of which a fault of `FAULTS` was done."""
    flux, mask = FAULTS[fault](batch, rng)
    flux = np.where(mask, 0, flux).astype(np.float32, order="C")
    return replace(batch, flux=flux, mask=np.ascontiguousarray(mask))


def _at(batch: SpectrumBatch, pixel: np.ndarray) -> _Pixels:
    """Return flux and mask as they are at other pixels, of which there is one for each."""
    last = batch.grid.n_pixels - 1
    inside = np.clip(pixel, 0, last)
    low = np.minimum(inside.astype(int), last - 1)
    part = (inside - low).astype(np.float32)
    flux = batch.flux[:, low] * (1 - part) + batch.flux[:, low + 1] * part
    lost = batch.mask[:, low] | batch.mask[:, low + 1]
    return flux, lost | (pixel < 0) | (pixel > last)


def _shifted(angstrom: float) -> _Fault:
    return lambda batch, rng: _at(
        batch, batch.grid.pixel_of(batch.grid.wavelength - angstrom).astype(float)
    )


def _scaled(factor: float) -> _Fault:
    """Another COEFF1 than the right one."""
    return lambda batch, rng: _at(batch, np.arange(batch.grid.n_pixels) / factor)


def _reversed(batch: SpectrumBatch, rng: np.random.Generator) -> _Pixels:
    return batch.flux[:, ::-1], batch.mask[:, ::-1]


def _swapped_arms(batch: SpectrumBatch, rng: np.random.Generator) -> _Pixels:
    join = round(float(batch.grid.pixel_of(_JOIN)))
    return np.roll(batch.flux, -join, axis=1), np.roll(batch.mask, -join, axis=1)


def _arm_of_another(batch: SpectrumBatch, rng: np.random.Generator) -> _Pixels:
    """The red arm is that of another spectrum of the batch, at the level of the blue one."""
    join = round(float(batch.grid.pixel_of(_JOIN)))
    other = rng.permutation(len(batch))
    flux, mask = batch.flux.copy(), batch.mask.copy()
    levels = np.array([_near(flux, mask, join), _near(flux, mask, join)[other]])
    scale = np.where(levels.min(axis=0) > 0, levels[0] / np.where(levels[1] > 0, levels[1], 1), 1)
    flux[:, join:] = batch.flux[other, join:] * scale[:, None].astype(np.float32)
    mask[:, join:] = batch.mask[other, join:]
    return flux, mask


def _near(flux: np.ndarray, mask: np.ndarray, join: int) -> np.ndarray:
    some = slice(join - 100, join + 100)
    good = ~mask[:, some]
    return (flux[:, some] * good).sum(axis=1) / np.maximum(good.sum(axis=1), 1)


def _sky_lines(width: float) -> _Fault:
    """Sky lines that were not taken away, or too much of them; ``width`` is one in Å."""

    def fault(batch: SpectrumBatch, rng: np.random.Generator) -> _Pixels:
        lines = effects.sky_residuals(np.full(len(batch), float(width)), batch.grid, rng)
        return batch.flux + _level(batch) * lines, batch.mask

    return fault


def _sky_of_red_end(batch: SpectrumBatch, rng: np.random.Generator) -> _Pixels:
    """The OH bands beyond 7000 Å left in, as high as the star."""
    wavelength = batch.grid.wavelength
    centre = rng.uniform(7000, wavelength[-1], 40)
    profile = np.exp(-0.5 * ((wavelength - centre[:, None]) / 2.0) ** 2)
    lines = (rng.exponential(1, (len(batch), 40)) @ profile).astype(np.float32)
    return batch.flux + _level(batch) * lines, batch.mask


def _level(batch: SpectrumBatch) -> np.ndarray:
    level, _ = pseudo_continuum(batch.flux, batch.mask, block=64, smooth=1.5)
    return np.abs(level)


FAULTS: dict[str, _Fault] = {
    "wavelengths 5 Å off": _shifted(5.0),
    "wavelengths 10 Å off": _shifted(10.0),
    "wavelengths 20 Å off": _shifted(20.0),
    "COEFF1 2 % too large": _scaled(1.02),
    "COEFF1 10 % too large": _scaled(1.1),
    "reversed": _reversed,
    "arms swapped": _swapped_arms,
    "red arm of another star": _arm_of_another,
    "residuals of sky lines, 10 Å": _sky_lines(10),
    "residuals of sky lines, 30 Å": _sky_lines(30),
    "residuals of sky lines, 100 Å": _sky_lines(100),
    "OH bands not taken away": _sky_of_red_end,
}
"""Faults by name, each a function of a batch and a generator that returns flux and mask."""
