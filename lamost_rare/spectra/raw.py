"""One spectrum as its file or object has it, before it is put on a grid."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..text import printable
from ._angstrom import in_angstrom

__all__ = ["IVAR_RANGE", "RawSpectrum"]

IVAR_RANGE = np.float32(1e-37), np.float32(1e37)
"""What float32 can hold with its inverse; a pixel whose inverse variance is not in it is masked."""


@dataclass
class RawSpectrum:
    """One spectrum on its own wavelengths.

    Attributes
    ----------
    wavelength : ndarray, shape (m,), float64
        Vacuum wavelengths of the pixel centres in Å, strictly increasing; made from a Quantity too.
    flux, ivar : ndarray, shape (m,), float32
        Relative flux per Å and its inverse variance, as they were given (may hold NaN where
        masked).
    mask : ndarray, shape (m,), bool
        True where the pixel must not be used: mask bits set, inverse variance not positive and in
        `IVAR_RANGE`, or anything non-finite.
    log10_start, log10_step : float or None
        COEFF0 and COEFF1 if the wavelengths are log-linear, else None.
    identity : dict
        Scalars for the keys of `batch.IDENTITY_DTYPES`; absent keys are missing.
    layout : str
        ``early``, ``dr1-7``, ``dr8plus`` or ``object`` for an in-memory Spectrum.
    flags : int
        `QualityFlag` bits known from the file or object alone.
    header : dict
        Further cards worth keeping (class, subclass, z, S/N per band, data version), upper-case
        keys.

    Examples
    --------
    >>> import numpy as np
    >>> from lamost_rare.spectra import LAMOST_GRID, RawSpectrum, assemble
    >>> wavelength = np.linspace(4000, 6000, 1500)
    >>> flux = np.sin(wavelength / 50).astype(np.float32) + 5
    >>> raw = RawSpectrum(wavelength, flux, np.ones_like(flux), flux < 0)
    >>> batch, rejects = assemble([raw], LAMOST_GRID)
    >>> len(batch), len(rejects)
    (1, 0)
    """

    wavelength: np.ndarray
    flux: np.ndarray
    ivar: np.ndarray
    mask: np.ndarray
    log10_start: float | None = None
    log10_step: float | None = None
    identity: dict = field(default_factory=dict)
    layout: str = "object"
    flags: int = 0
    header: dict = field(default_factory=dict)

    def __post_init__(self):
        if hasattr(self.wavelength, "unit"):
            self.wavelength = in_angstrom(self.wavelength)

    def __repr__(self) -> str:
        ends = f"{self.wavelength[0]:.0f} to {self.wavelength[-1]:.0f} Å" if len(self.flux) else ""
        name = self.identity.get("designation") or self.identity.get("path") or "of no name"
        return printable(
            f"<RawSpectrum {name}: layout {self.layout}, {len(self.flux)} pixels, {ends}>"
        )
