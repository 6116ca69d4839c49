"""The wavelength grid that a batch of spectra shares."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ._angstrom import in_angstrom

if TYPE_CHECKING:
    from astropy.units import Quantity

__all__ = ["LAMOST_GRID", "WavelengthGrid"]


@dataclass(frozen=True)
class WavelengthGrid:
    """A log-linear grid of vacuum wavelengths.

    Pixel ``i`` is centred on ``10 ** (log10_start + i * log10_step)`` Å, as FITS
    cards COEFF0 and COEFF1 describe it.

    Parameters
    ----------
    log10_start : float
        log10 of the vacuum wavelength (Å) at the centre of the first pixel.
    log10_step : float
        Width of a pixel in dex; 1e-4 dex is 69 km/s.
    n_pixels : int
        Number of pixels.

    Raises
    ------
    ValueError
        If the step is not positive, the start is not finite, or there are fewer than two pixels.

    Examples
    --------
    >>> from lamost_rare.spectra import WavelengthGrid
    >>> grid = WavelengthGrid(3.6, 1e-4, 2000)
    >>> print(grid.wavelength[[0, -1]].round(1))
    [3981.1 6308.1]
    >>> grid.pixel_of(5000.0).round(1).item()
    989.7
    """

    log10_start: float
    log10_step: float
    n_pixels: int

    def __post_init__(self):
        if not (np.isfinite(self.log10_start) and self.log10_step > 0 and self.n_pixels >= 2):
            raise ValueError(
                f"not a wavelength grid: log10_start={self.log10_start}, "
                f"log10_step={self.log10_step}, n_pixels={self.n_pixels}"
            )

    @cached_property
    def log_wavelength(self) -> np.ndarray:
        """log10 of the pixel centres in Å, shape (n_pixels,)."""
        return self.log10_start + self.log10_step * np.arange(self.n_pixels)

    @cached_property
    def wavelength(self) -> np.ndarray:
        """Vacuum wavelengths of the pixel centres in Å, shape (n_pixels,)."""
        return 10.0**self.log_wavelength

    @property
    def spectral_axis(self) -> Quantity:
        """`wavelength` as an astropy Quantity, shape (n_pixels,)."""
        from astropy.units import Quantity

        return Quantity(self.wavelength, "Angstrom")

    def pixel_of(self, wavelength: Any) -> np.ndarray:
        """Return the fractional pixel at a vacuum wavelength.

        Parameters
        ----------
        wavelength : float, array_like or Quantity
            In Å if it has no unit.

        Returns
        -------
        ndarray
            Of the same shape; 0 at the centre of the first pixel.

        Examples
        --------
        >>> print(f"{LAMOST_GRID.pixel_of(4687.02):.1f}")
        1019.0
        """
        return (np.log10(in_angstrom(wavelength)) - self.log10_start) / self.log10_step

    def to_dict(self) -> dict:
        """Return the three numbers, as ``config.json`` of a preset stores them."""
        return {
            "log10_start": self.log10_start,
            "log10_step": self.log10_step,
            "n_pixels": self.n_pixels,
        }

    @classmethod
    def from_dict(cls, numbers: dict) -> WavelengthGrid:
        """Make a grid of what `to_dict` returns."""
        return cls(
            float(numbers["log10_start"]), float(numbers["log10_step"]), int(numbers["n_pixels"])
        )


LAMOST_GRID = WavelengthGrid(3.5690, 1e-4, 3072)
"""The grid of the shipped presets: 3706.8 to 7517.8 Å in vacuum.

It lies on LAMOST's own lattice (COEFF0 a multiple of 1e-4), so that resampling a LAMOST
spectrum is a copy. It stops short of the far red, where OH residuals dominate faint LAMOST spectra
and hot stars show hardly a line.
"""
