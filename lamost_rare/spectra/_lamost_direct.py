"""A short way from the bytes of a LAMOST file to its row of a batch.

Nearly all files of a survey are alike: an image of float32 on the lattice of the grid, with the
very same wavelengths as many others. Once `read_lamost` has gone
through one of a form in full, the pixels of others go straight to where they belong. A file with
anything unusual about it is left to `read_lamost`, which says what that is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ._grid_arrays import GridArrays, lattice_shift
from ._lamost_fast import FastPathUnavailable, HeaderLayout, cards_at, known_layout
from ._lamost_layout import check_primary, has_scaling
from .lamost import identity_of
from .quality import SpectrumError
from .raw import IVAR_RANGE, PlacedSpectrum, RawSpectrum

__all__ = ["DirectRows"]

_PLACED = ("early", "dr1-7")
_MOST = int(IVAR_RANGE[1].view(np.uint32))
"""The bits of the largest inverse variance. Those of negative, infinite ones and NaN are more."""
_MOST_FORMS = 64


class _Form(NamedTuple):
    """What files have in common whose cards say the same about how to read them."""

    start: int
    """Byte at which the image begins."""
    n_pixels: int
    log10_start: float
    log10_step: float
    wavelength: bytes
    """Row 2, if that holds wavelengths; they agree with the two numbers."""
    no_mask: bytes
    """Row 3, if no pixel is masked."""


class DirectRows:
    """Rows of a batch, for `read_lamost` to fill.

    Parameters
    ----------
    arrays : GridArrays

    Attributes
    ----------
    row : int
        Where the next spectrum belongs.
    """

    def __init__(self, arrays: GridArrays):
        self._arrays = arrays
        self._native: dict[int, np.ndarray] = {}
        self.row = 0

    def place(self, data: bytes, path: str) -> PlacedSpectrum | None:
        """Put the spectrum of a file where it belongs; None if that takes `read_lamost`."""
        layout = known_layout(data)
        if layout is None:
            return None
        form: _Form | None = layout.forms.get(_structure(data, layout))
        if form is None:
            return None
        row = 4 * form.n_pixels
        if len(data) < form.start + 5 * row:
            return None
        if not data.startswith(form.wavelength, form.start + 2 * row):
            return None
        flux, ivar = native = self._native_rows(form.n_pixels)
        native[:] = np.frombuffer(data, ">f4", native.size, form.start).reshape(native.shape)
        if np.maximum.reduce(ivar.view(np.uint32)) > _MOST or not np.isfinite(flux).all():
            return None
        if not data.startswith(form.no_mask, form.start + 3 * row):
            ivar[np.frombuffer(data, ">f4", form.n_pixels, form.start + 3 * row) != 0] = 0
        grid = self._arrays.grid
        shift = lattice_shift(form.log10_start, form.log10_step, form.n_pixels, grid)
        if shift is None or not _differs(flux, ivar, shift, grid.n_pixels):
            return None
        try:
            identity, flags = identity_of(cards_at(data, layout.identity), path)
        except FastPathUnavailable:
            return None
        self._arrays.place(self.row, flux, ivar, shift)
        return PlacedSpectrum(identity, flags)

    def learn(self, data: bytes, raw: RawSpectrum) -> None:
        """Note the form of a file of which `read_lamost` has made a spectrum."""
        layout = known_layout(data)
        if layout is None or raw.layout not in _PLACED:
            return
        if raw.log10_start is None or raw.log10_step is None:
            return
        n_pixels = len(raw.flux)
        try:
            cards = cards_at(data, layout.needed)
            if check_primary(cards) != (">f4", n_pixels) or has_scaling(cards):
                return
        except (FastPathUnavailable, SpectrumError):  # astropy has read it
            return
        row = 4 * n_pixels
        of_wavelength = layout.start + 2 * row
        form = _Form(
            layout.start,
            n_pixels,
            raw.log10_start,
            raw.log10_step,
            b"" if raw.layout == "early" else data[of_wavelength : of_wavelength + row],
            bytes(row),
        )
        if len(layout.forms) >= _MOST_FORMS:
            layout.forms.clear()
        layout.forms[_structure(data, layout)] = form

    def _native_rows(self, n_pixels: int) -> np.ndarray:
        """Room for flux and ivar in the machine's own order: one for all files of a length."""
        rows = self._native.get(n_pixels)
        if rows is None:
            rows = self._native[n_pixels] = np.empty((2, n_pixels), np.float32)
        return rows


def _structure(data: bytes, layout: HeaderLayout) -> bytes:
    """The cards that say how to read a file."""
    return b"".join([data[first:last] for first, last in layout.structure])


def _differs(flux, ivar, shift: int, n_pixels: int) -> bool:
    """Whether two neighbours that are on the grid and can be used differ in flux, as nearly always.

    False also if it would take more than a look to see it.
    """
    first, last = max(-shift, 0), min(n_pixels - shift, len(flux))
    for part in (2, 3, 5):
        i = first + (last - first) // part
        if first <= i < last - 1 and ivar[i] and ivar[i + 1] and flux[i] != flux[i + 1]:
            return True
    return False
