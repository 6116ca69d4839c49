"""Containers of spectra, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u

from .quality import SpectrumError
from .raw import RawSpectrum

__all__ = ["SpectrumRow", "iterate_spectra", "redshift_of"]


@dataclass
class SpectrumRow:
    """One spectrum of an object that holds several, with the attributes of a Spectrum.

    Attributes
    ----------
    flux, spectral_axis : astropy.units.Quantity, shape (m,)
    uncertainty : astropy.nddata.NDUncertainty or None
    mask : ndarray, shape (m,), or None
    meta : dict
    redshift : float
    """

    flux: u.Quantity
    spectral_axis: u.Quantity
    uncertainty: object = None
    mask: np.ndarray | None = None
    meta: dict | None = None
    redshift: float = 0.0


def iterate_spectra(obj: Any) -> list:
    """Take a container apart into single spectra, in order.

    Parameters
    ----------
    obj : Spectrum, Spectrum1D, SpectrumCollection, SpectrumList, RawSpectrum, or a list of those
        A flux of shape (n, m) is n spectra. Lists may be nested.

    Returns
    -------
    list
        What `raw_from_spectrum` takes. In the place of a list's element that cannot be used stands
        the `SpectrumError` that says why, so that the others are not lost with it.

    Raises
    ------
    SpectrumError
        ``bad_spectrum`` if ``obj`` itself has more than two axes, or none.
    TypeError
        If something is no spectrum and no list of spectra.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from specutils import Spectrum
    >>> from lamost_rare.spectra import iterate_spectra
    >>> axis = np.linspace(400, 700, 1000) * u.nm
    >>> three = Spectrum(flux=np.ones((3, 1000)) * u.mJy, spectral_axis=axis)
    >>> len(iterate_spectra(three))
    3
    """
    if isinstance(obj, (RawSpectrum, SpectrumRow, SpectrumError)):
        return [obj]
    if hasattr(obj, "flux") and hasattr(obj, "spectral_axis"):
        n_axes = np.ndim(obj.flux)
        if n_axes == 1:
            return [obj]
        if n_axes == 2:
            return _rows(obj)
        raise SpectrumError(
            "bad_spectrum", f"flux of shape {np.shape(obj.flux)} must have one or two axes"
        )
    if isinstance(obj, (list, tuple)):
        parts = []
        for item in obj:
            try:
                parts += iterate_spectra(item)
            except SpectrumError as error:
                parts.append(error)
        return parts
    raise TypeError(f"{type(obj).__name__} is no spectrum and no list of spectra")


def _rows(obj) -> list[SpectrumRow]:
    axis = obj.spectral_axis
    flip = np.ndim(axis) == 1 and getattr(obj, "spectral_axis_index", None) == 0

    def turned(array):
        return array.T if flip and array is not None else array

    flux, mask = turned(obj.flux), turned(getattr(obj, "mask", None))
    uncertainty = getattr(obj, "uncertainty", None)
    meta = getattr(obj, "meta", None)
    redshift = np.ravel(redshift_of(obj))
    if len(redshift) not in (1, len(flux)):
        raise SpectrumError("bad_spectrum", f"{len(redshift)} redshifts for {len(flux)} spectra")
    rows = []
    for i in range(len(flux)):
        part = None
        if uncertainty is not None:
            array = turned(np.asarray(uncertainty.array))[i]
            part = type(uncertainty)(array, unit=uncertainty.unit)
        rows.append(
            SpectrumRow(
                flux[i],
                axis[i] if np.ndim(axis) == 2 else axis,
                part,
                None if mask is None else np.asarray(mask)[i],
                meta[i] if isinstance(meta, (list, tuple)) else meta,
                float(redshift[i if len(redshift) > 1 else 0]),
            )
        )
    return rows


def redshift_of(obj):
    """Return the redshift that an object carries: 0 if none, one for each row perhaps."""
    if isinstance(obj, SpectrumRow):
        return obj.redshift
    value = getattr(obj.spectral_axis, "redshift", None)
    return 0.0 if value is None else np.asarray(value, dtype=np.float64)
