"""Between specutils objects and the arrays of this package.

Into it: `iterate_spectra` takes any specutils container apart, and `raw_from_spectrum` turns what
it gives into a `RawSpectrum`. Out of it: `to_spectrum` and `to_spectrum_list`.

What is looked at is what an object has, not its class, so that ``Spectrum`` and ``Spectrum1D`` of
specutils 1 and 2 are all the same. Importing this module registers the loader of LAMOST files.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy import units as u
from astropy.nddata import InverseVariance
from specutils import Spectrum, SpectrumList

from . import specutils_loader  # noqa: F401  (registers)
from ._containers import SpectrumRow, iterate_spectra, redshift_of
from ._flux_units import estimate_ivar, flux_per_angstrom, inverse_variance
from ._object_identity import META_KEY, identity_from_meta, kept_flags
from .air_vacuum import air_to_vacuum
from .batch import SpectrumBatch
from .quality import QualityFlag, SpectrumError
from .raw import RawSpectrum

__all__ = [
    "SpectrumRow",
    "iterate_spectra",
    "raw_from_spectrum",
    "to_spectrum",
    "to_spectrum_list",
]

_LATTICE = 1e-6  # pixels by which wavelengths may stray from a log-linear grid and still be one
_SCALES = (1e-10, 1e10)  # median flux outside of them is rescaled, or float32 would not hold ivar
_NO_MEDIUM = (u.Hz, u.J, u.m**-1)  # of the light itself, not of a wave in air


def raw_from_spectrum(obj: Any, *, medium: str = "vacuum") -> RawSpectrum:
    """Turn one Spectrum object into a `RawSpectrum`.

    Parameters
    ----------
    obj : Spectrum, Spectrum1D or SpectrumRow
        With one axis. The spectral axis may be a wavelength, frequency, energy or wavenumber, or a
        velocity that has its convention and rest value, in either direction. Flux may be
        dimensionless (relative flux per Å) or a flux density per wavelength, frequency or photon.
        If the object carries a redshift or radial velocity, its axis is shifted to rest.
    medium : {"vacuum", "air"}
        What wavelengths are measured in. It does not touch frequencies, energies and wavenumbers.

    Returns
    -------
    RawSpectrum
        Vacuum wavelengths, increasing. Pixels are masked if the object masks them, or if flux or
        uncertainty is not usable. Without any usable uncertainty the inverse variance is estimated
        from the flux, with `QualityFlag.NO_IVAR`. A physical flux is in 1e-17 erg/s/cm²/Å; a scale
        that float32 cannot square is divided by a power of ten.

    Raises
    ------
    SpectrumError
        ``bad_spectrum`` for units or shapes that cannot be used, ``bad_wavelength`` for an axis
        with NaN, negative or repeated values.
    ValueError
        If ``medium`` is neither.

    Examples
    --------
    >>> import numpy as np
    >>> from astropy import units as u
    >>> from specutils import Spectrum
    >>> from lamost_rare.spectra import raw_from_spectrum
    >>> axis = np.linspace(400, 700, 1000) * u.nm
    >>> spectrum = Spectrum(flux=np.ones(1000) * u.mJy, spectral_axis=axis)
    >>> raw_from_spectrum(spectrum, medium="air").wavelength[0].round(2).item()  # Å, vacuum
    4001.13
    """
    if medium not in ("vacuum", "air"):
        raise ValueError(f"medium must be 'vacuum' or 'air', not {medium!r}")
    if isinstance(obj, SpectrumError):
        raise obj
    if isinstance(obj, RawSpectrum):
        return obj
    if np.ndim(obj.flux) != 1 or np.ndim(obj.spectral_axis) != 1:
        raise SpectrumError(
            "bad_spectrum",
            f"flux of shape {np.shape(obj.flux)} is not one spectrum: use iterate_spectra",
        )
    wavelength = _vacuum_wavelength(obj.spectral_axis, medium)
    flux, ivar, mask, flags = _per_angstrom(obj, wavelength)
    wavelength = wavelength / (1 + _single_redshift(obj))
    if wavelength[0] > wavelength[-1]:
        wavelength, flux, ivar, mask = (a[::-1] for a in (wavelength, flux, ivar, mask))
    wavelength = np.ascontiguousarray(wavelength)
    if not (wavelength[0] > 0 and np.all(np.diff(wavelength) > 0) and wavelength[-1] < np.inf):
        raise SpectrumError(
            "bad_wavelength", "the spectral axis has values that repeat, or that are no wavelengths"
        )
    meta = getattr(obj, "meta", None)
    identity, header = identity_from_meta(meta)
    flags |= kept_flags(meta)
    if identity["obsid"] == -1:
        flags |= int(QualityFlag.MISSING_IDENTITY)
    start, step = _log_lattice(wavelength)
    with np.errstate(over="ignore"):  # what float32 cannot hold turns inf, and is masked
        flux, ivar = flux.astype(np.float32), ivar.astype(np.float32)
    return RawSpectrum(
        wavelength,
        flux,
        ivar,
        mask | ~(np.isfinite(flux) & np.isfinite(ivar) & (ivar > 0)),
        start,
        step,
        identity,
        "object",
        flags,
        header,
    )


def _vacuum_wavelength(axis, medium):
    """Return wavelengths in Å, in vacuum, as observed and in the order of the axis."""
    if axis.size < 2:
        raise SpectrumError("bad_shape", f"a spectrum needs two pixels, this has {axis.size}")
    unit = axis.unit
    if hasattr(unit, "physical_unit"):  # dex(Angstrom): log10 of the wavelength
        axis, unit = axis.physical, unit.physical_unit
    try:
        if unit.is_equivalent(u.km / u.s):
            wavelength = axis.to(u.AA)  # a SpectralAxis knows its rest value
        else:
            with np.errstate(divide="ignore"):  # of a frequency of 0, which is refused later
                wavelength = u.Quantity(axis, subok=False).to(u.AA, u.spectral())
    except (u.UnitConversionError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise SpectrumError(
            "bad_spectrum", f"a spectral axis in {unit} gives no wavelengths: {reason}"
        ) from None
    wavelength = np.array(wavelength.value, dtype=np.float64)
    if medium == "air" and not any(unit.is_equivalent(other) for other in _NO_MEDIUM):
        wavelength = air_to_vacuum(wavelength)
    return wavelength


def _per_angstrom(obj, wavelength):
    """Flux, inverse variance (float64), mask and flags, in the order of the object's axis."""
    unit = getattr(obj.flux, "unit", None)
    values = np.asarray(getattr(obj.flux, "value", obj.flux))
    if values.dtype.kind not in "fiu" or values.shape != wavelength.shape:
        raise SpectrumError(
            "bad_spectrum",
            f"flux of type {values.dtype} and shape {values.shape} for {len(wavelength)} pixels",
        )
    factor = flux_per_angstrom(unit, wavelength)
    ivar = inverse_variance(getattr(obj, "uncertainty", None), unit)
    if ivar is not None and ivar.shape != wavelength.shape:
        raise SpectrumError("bad_spectrum", f"uncertainty of shape {ivar.shape}")
    flux = values * factor
    mask = getattr(obj, "mask", None)
    good = np.isfinite(flux)
    if mask is not None:
        good &= ~np.broadcast_to(np.asarray(mask).astype(bool), flux.shape)
    flags = 0
    usable = None if ivar is None else np.isfinite(ivar) & (ivar > 0)
    if usable is None or (good.any() and not (good & usable).any()):
        ivar, usable = estimate_ivar(flux, good), True
        flags |= int(QualityFlag.NO_IVAR)
    else:
        if np.any(good & ~usable & (ivar != 0)):
            flags |= int(QualityFlag.BAD_IVAR)
        ivar = ivar / factor**2
    good &= usable
    scale = np.median(abs(flux[good])) if good.any() else 1.0
    if 0 < scale < _SCALES[0] or scale > _SCALES[1]:
        power = 10.0 ** np.floor(np.log10(scale))
        flux, ivar = flux / power, ivar * power**2
    return flux, ivar, ~good, flags


def _single_redshift(obj) -> float:
    redshift = np.ravel(redshift_of(obj))
    if len(redshift) != 1 or not -1 < redshift[0] < np.inf:
        raise SpectrumError("bad_spectrum", f"redshift {redshift} cannot be used")
    return float(redshift[0])


def _log_lattice(wavelength):
    """Return the start and step in dex if the wavelengths are log-linear, else (None, None)."""
    log_wavelength = np.log10(wavelength)
    start, n_steps = log_wavelength[0], len(wavelength) - 1
    step = (log_wavelength[-1] - start) / n_steps
    stray = abs(log_wavelength - (start + step * np.arange(n_steps + 1)))
    if stray.max() < _LATTICE * step:
        return float(start), float(step)
    return None, None


def to_spectrum(batch: SpectrumBatch, i: int, *, unit: Any = u.dimensionless_unscaled) -> Spectrum:
    """Return one spectrum of a batch as a `specutils.Spectrum`.

    Parameters
    ----------
    batch : SpectrumBatch
    i : int
        Row; negative ones count from the end.
    unit : astropy.units.Unit
        Of the flux, per Å. A batch does not know it: LAMOST's flux is relative.

    Returns
    -------
    specutils.Spectrum
        On the batch's vacuum wavelengths in Å, with inverse variance and mask. ``meta`` has
        identity and flags under ``lamost_rare``, from which `raw_from_spectrum` restores them, and
        the batch's further columns under their own names.

    Raises
    ------
    IndexError
        If there is no such row.

    Examples
    --------
    >>> import numpy as np
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> from lamost_rare.spectra import to_spectrum
    >>> batch = analytic_spectra(["O5", "A0"], np.random.default_rng(1), snr=50.0)
    >>> print(to_spectrum(batch, 1).spectral_axis.unit)
    Angstrom
    """
    return _to_spectra(batch, [range(len(batch))[i]], unit)[0]


def to_spectrum_list(batch: SpectrumBatch, *, unit: Any = u.dimensionless_unscaled) -> SpectrumList:
    """Return all spectra of a batch as objects of specutils.

    Parameters
    ----------
    batch : SpectrumBatch
    unit : astropy.units.Unit
        As for `to_spectrum`.

    Returns
    -------
    specutils.SpectrumList
        What `to_spectrum` gives for each row.

    Examples
    --------
    >>> import numpy as np
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> from lamost_rare.spectra import to_spectrum_list
    >>> len(to_spectrum_list(analytic_spectra(["O5", "A0"], np.random.default_rng(1), snr=50.0)))
    2
    """
    return _to_spectra(batch, range(len(batch)), unit)


def _to_spectra(batch, rows, unit):
    unit = u.Unit(unit)
    axis = batch.grid.wavelength * u.AA
    return SpectrumList(
        Spectrum(
            flux=u.Quantity(batch.flux[i], unit),
            spectral_axis=axis,
            uncertainty=InverseVariance(batch.ivar[i].copy(), unit=unit**-2),
            mask=batch.mask[i].copy(),
            meta={
                META_KEY: {
                    "identity": {name: column[i] for name, column in batch.identity.items()},
                    "flags": int(batch.flags[i]),
                },
                **{name: column[i] for name, column in batch.columns.items()},
            },
        )
        for i in rows
    )
