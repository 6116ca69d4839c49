"""Reader of LAMOST low-resolution spectra.

Three layouts exist, and are told apart by their structure, never by file name or release:

``early``
    Primary image of five rows: flux, inverse variance, continuum-subtracted flux, and-mask,
    or-mask. It has no row of wavelengths: they follow from COEFF0 and COEFF1 alone.
``dr1-7``
    Primary image of five rows: flux, inverse variance, wavelength, and-mask, or-mask.
``dr8plus``
    Empty primary, with stale NAXIS1 and NAXIS2 cards, and a one-row table COADD with columns
    FLUX, IVAR, WAVELENGTH, ANDMASK, ORMASK, NORMALIZATION.

Data model: http://www.lamost.org/dr7/v2.0/doc/lr-data-production-description
"""

from __future__ import annotations

import math
import zlib
from functools import lru_cache

import numpy as np

from ..annotations import PathLike
from ._codec import codec
from ._file_bytes import read_file
from ._lamost_fast import FastPathUnavailable, parse_fast
from ._lamost_identity import header_of, identity_of, number_of
from ._lamost_layout import LamostContents, find_layout
from ._other_surveys import other_survey
from .quality import QualityFlag, SpectrumError
from .raw import IVAR_RANGE, RawSpectrum

__all__ = ["is_lamost", "read", "read_lamost", "recognizes"]

_OF_STRUCTURE = ("unknown_layout", "missing_card", "bad_shape", "truncated_fits")
"""Reasons behind which may be that the file is another survey's."""
_METHODS = ("auto", "fast", "astropy")
_AGREEMENT = 0.05  # pixels; real files stay under 0.02, the rounding of float32 wavelengths
_agreed: dict[tuple, bytes] = {}
"""Rows of wavelengths that were found to agree with COEFF0 and COEFF1."""
_MOST_AGREED = 64
_BAD_IVAR = int(QualityFlag.BAD_IVAR)
_LARGEST_IVAR = IVAR_RANGE[1].view(np.uint32)
"""The bits of the largest inverse variance. Those of negative, infinite ones and NaN are more."""


def read_lamost(
    path: PathLike, *, method: str = "auto", content: bytes | None = None, header: bool = True
) -> RawSpectrum:
    """Read one LAMOST low-resolution spectrum, gzipped or not.

    Parameters
    ----------
    path : str or path-like
        The file. Kept in ``identity["path"]`` as it is given.
    method : {"auto", "fast", "astropy"}
        ``fast`` parses the bytes itself; ``astropy`` goes through `astropy.io.fits` and the
        standard library's decompression, with identical results; ``auto`` is fast, with astropy
        where the file uses a FITS feature that the fast parser does not know.
    content : bytes, optional
        What the file holds, where that was read already; ``path`` is then a name and no more.
    header : bool
        Whether to fill the attribute ``header``.

    Returns
    -------
    RawSpectrum
        ``wavelength`` may be an array shared between spectra, and is then read-only.
        ``identity`` has all keys of `~lamost_rare.spectra.batch.IDENTITY_DTYPES`, with missing
        ones marked as that table says. ``header`` has those present of CLASS, SUBCLASS, DATA_V,
        PLANID (text), LMJD, SPID, FIBERID (int), Z, SNRU, SNRG, SNRR, SNRI, SNRZ (float, NaN for
        LAMOST's sentinel -9999).

    Raises
    ------
    SpectrumError
        If the file cannot be used, with one of the codes of
        `~lamost_rare.spectra.quality.REJECT_REASONS`. No other exception, whatever the bytes.
    ValueError
        If ``method`` is unknown.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare.spectra import read_lamost
    >>> spectrum = read_lamost(sorted(glob("demo-output/survey/*/*/*.fits.gz"))[40])
    >>> spectrum.identity["obsid"], spectrum.layout
    (100121, 'dr1-7')

    Notes
    -----
    Wavelengths come from COEFF0 and COEFF1 where the row or column of wavelengths agrees with
    them to 0.05 pixel, so that spectra keep to one lattice; otherwise from the row itself.
    """
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, not {method!r}")
    expand = zlib if method == "astropy" else codec
    return read_file(
        path, content, lambda data, name: read(data, name, header=header, method=method), expand
    )


def recognizes(data: bytes) -> bool:
    """Return True: what no other reader recognizes is for `read` to read, or to refuse by name."""
    return True


def read(data: bytes, path: str, *, header: bool = True, method: str = "auto") -> RawSpectrum:
    """Read the expanded content of a file, as `read_lamost` does."""
    try:
        return _to_raw_spectrum(_parse(data, method, header), path, header)
    except SpectrumError as error:
        if error.reason in _OF_STRUCTURE:
            raise other_survey(data) or error from None
        raise


def is_lamost(data: bytes) -> bool:
    """Return whether the structure of a file is that of one of the three layouts."""
    try:
        find_layout(_parse(data, "auto"))
    except SpectrumError:
        return False
    return True


def _parse(data: bytes, method: str, header: bool = True) -> LamostContents:
    if method != "astropy":
        try:
            return parse_fast(data, descriptive=header)
        except FastPathUnavailable as error:
            if method == "fast":
                raise SpectrumError(
                    "unknown_layout", f"needs method='auto' or 'astropy': it has {error}"
                ) from None
    from ._lamost_astropy import parse_astropy

    return parse_astropy(data)


def _to_raw_spectrum(contents: LamostContents, path: str, header: bool = True) -> RawSpectrum:
    cards = contents.cards
    layout = find_layout(contents)
    flux, ivar, row, andmask = contents.rows
    wavelength, start, step = _wavelengths(cards, None if layout == "early" else row, len(flux))
    with np.errstate(over="ignore", invalid="ignore"):  # float64 beyond float32 turns inf: masked
        flux, ivar = flux.astype(np.float32), ivar.astype(np.float32)
        good = np.isfinite(flux)
        if np.count_nonzero(andmask.view(f"u{andmask.itemsize}")):  # mostly every bit is zero
            good &= andmask == 0
        bad_ivar = False
        if ivar.view(np.uint32).max() > _LARGEST_IVAR:
            allowed = (ivar >= 0) & (ivar <= IVAR_RANGE[1])
            bad_ivar = (good > allowed).any()
            good &= allowed
        good &= ivar >= IVAR_RANGE[0]  # below, a pixel holds no information
    _check_used(flux, good)
    identity, flags = identity_of(cards, path)
    if bad_ivar:
        flags |= _BAD_IVAR
    kept = header_of(cards, layout) if header else {}
    return RawSpectrum(wavelength, flux, ivar, ~good, start, step, identity, layout, flags, kept)


def _check_used(flux, good) -> None:
    first = good.argmax()
    if good[first] and good[first + 1 : first + 2].any() and flux[first + 1] != flux[first]:
        return  # as nearly always
    if not flux[np.isfinite(flux)].any():
        raise SpectrumError("zero_flux", "has no flux: every pixel is zero or not a number")
    if not good[first]:
        raise SpectrumError("no_valid_pixels", "has no valid pixel: every one is masked")
    if good.sum() > 1 and (flux[good] == flux[first]).all():
        raise SpectrumError(
            "zero_flux", f"has the same flux, {flux[first]:g}, in every valid pixel"
        )


@lru_cache(maxsize=64)
def _log_linear(start: float, step: float, n_pixels: int) -> np.ndarray | None:
    """Return wavelengths (Å) of a COEFF0, COEFF1 pair, or None if it describes none."""
    if not (math.isfinite(start) and 0 < start < 10 and 0 < step < 0.1):
        return None
    with np.errstate(over="ignore"):
        wavelength = 10.0 ** (start + step * np.arange(n_pixels))
    if not (np.isfinite(wavelength[-1]) and np.all(np.diff(wavelength) > 0)):
        return None
    wavelength.flags.writeable = False
    return wavelength


def _wavelengths(cards: dict, row, n_pixels: int):
    """Return wavelengths (Å), and COEFF0 and COEFF1 if they hold."""
    start, step = number_of(cards, "COEFF0"), number_of(cards, "COEFF1")
    by_cards = _log_linear(start, step, n_pixels)
    if row is None:
        if math.isnan(start) or math.isnan(step):
            raise SpectrumError("missing_card", "has no wavelengths: COEFF0 or COEFF1 is missing")
        if by_cards is None:
            raise SpectrumError("bad_wavelength", f"has COEFF0 = {start:g}, COEFF1 = {step:g}")
        return by_cards, start, step
    if by_cards is not None:
        # Most files of a survey have the very same bytes here.
        key, content = (start, step, row.dtype.str), row.tobytes()
        if _agreed.get(key) == content:
            return by_cards, start, step
        tolerance = _AGREEMENT * step * math.log(10)
        # A NaN in the row fails this comparison and is caught below.
        if (np.abs(row - by_cards) <= tolerance * by_cards).all():
            if len(_agreed) >= _MOST_AGREED:
                _agreed.clear()
            _agreed[key] = content
            return by_cards, start, step
    row = row.astype(np.float64)
    if not np.isfinite(row).all():
        raise SpectrumError("bad_wavelength", "has wavelengths that are not numbers")
    if not (row[0] > 0 and np.all(np.diff(row) > 0)):
        raise SpectrumError(
            "bad_wavelength", "has wavelengths that are not positive and increasing"
        )
    return row, None, None
