"""Loader of LAMOST low-resolution spectra for specutils: format "LAMOST LRS".

Importing this module (or `lamost_rare.spectra.adapters`) registers the loader. Then
``specutils.Spectrum.read(path)`` identifies and reads the three layouts of LAMOST files.

Data model: http://www.lamost.org/dr7/v2.0/doc/lr-data-production-description
"""

from __future__ import annotations

import io
import os

from astropy import units as u
from astropy.io import fits
from astropy.nddata import InverseVariance
from specutils import Spectrum
from specutils.io.registers import data_loader

from ._file_bytes import MAX_BYTES, decompress, read_bytes
from ._object_identity import HEADER_CARDS, META_KEY
from .files import read_spectrum_content
from .lamost import is_lamost, read_lamost
from .quality import SpectrumError
from .raw import RawSpectrum

__all__ = ["FORMAT", "lamost_identify", "lamost_loader", "read_opened", "spectrum_from_raw"]

FORMAT = "LAMOST LRS"


def lamost_identify(origin, *args, **kwargs) -> bool:
    """Return whether an input is a LAMOST low-resolution spectrum, by its structure alone.

    Parameters
    ----------
    origin : str
        ``read`` or ``write``.
    *args
        What astropy's registry passes: path, file object, then the arguments of ``read``.
    """
    path, opened, *others = (*args, None, None)
    # The open file first: a path may be a URL of which it is the download.
    given = next((arg for arg in (opened, path, *others) if arg is not None), None)
    if origin != "read" or given is None:
        return False
    try:
        return is_lamost(_content(given))
    except SpectrumError:
        return False


@data_loader(
    label=FORMAT,
    identifier=lamost_identify,
    dtype=Spectrum,
    extensions=["fits", "fits.gz", "fit", "fit.gz"],
    priority=20,  # the loaders of SDSS use 10, tabular-fits -10
    force=True,
)
def lamost_loader(file_obj, **kwargs):
    """Read a LAMOST low-resolution spectrum of any of the three layouts.

    Parameters
    ----------
    file_obj : str, path-like, file-like or `~astropy.io.fits.HDUList`
        The file, gzipped or not.

    Returns
    -------
    specutils.Spectrum
        ``spectral_axis`` in Å, in vacuum, heliocentric as LAMOST delivers it and not shifted by the
        catalogue's redshift. ``flux`` is dimensionless: LAMOST calibrates it per Å, but only
        relatively, and its files state no unit (nominally it is 1e-17 erg/s/cm²/Å).
        ``uncertainty`` is an `~astropy.nddata.InverseVariance`. ``mask`` is True for bad pixels.
        ``meta["header"]`` has the cards worth keeping, ``meta["lamost_rare"]`` identity, flags
        (`~lamost_rare.spectra.quality.QualityFlag`) and layout.

    Raises
    ------
    SpectrumError
        If the file cannot be used, with a reason.
    """
    path = _path_of(file_obj)
    if path and not isinstance(file_obj, fits.HDUList):
        return spectrum_from_raw(read_lamost(path))
    return spectrum_from_raw(read_opened(file_obj))


def read_opened(opened) -> RawSpectrum:
    """Read the spectrum in an open file or an `~astropy.io.fits.HDUList`.

    Raises
    ------
    SpectrumError
        If it cannot be used, with a reason.
    """
    return read_spectrum_content(_content(opened), _path_of(opened))


def spectrum_from_raw(raw: RawSpectrum) -> Spectrum:
    """Make a `specutils.Spectrum` of a `RawSpectrum`, on its own wavelengths."""
    header = dict(raw.header)
    for name, cards in HEADER_CARDS.items():
        if name in raw.identity:
            header[cards[0]] = raw.identity[name]
    return Spectrum(
        flux=raw.flux * u.dimensionless_unscaled,
        spectral_axis=raw.wavelength * u.AA,
        uncertainty=InverseVariance(raw.ivar),
        mask=raw.mask,
        meta={
            "header": header,
            META_KEY: {
                "identity": dict(raw.identity),
                "flags": int(raw.flags),
                "layout": raw.layout,
            },
        },
    )


def _path_of(opened) -> str:
    """Return the absolute path of what is a file on this disk, else an empty text."""
    if isinstance(opened, fits.HDUList):
        opened = opened.filename()
    elif not isinstance(opened, (str, bytes, os.PathLike)):
        opened = getattr(opened, "name", None)
    if isinstance(opened, (str, bytes, os.PathLike)) and os.path.exists(opened):
        return os.path.abspath(os.fsdecode(opened))
    return ""


def _content(opened) -> bytes:
    """Return the bytes of a path, an open file (left where it was) or an HDUList, decompressed."""
    if isinstance(opened, fits.HDUList):
        buffer = io.BytesIO()
        opened.writeto(buffer, output_verify="ignore")
        return buffer.getvalue()
    if isinstance(opened, (str, bytes, os.PathLike)):
        return decompress(read_bytes(opened))
    position = opened.tell()
    try:
        opened.seek(0)
        content = opened.read(MAX_BYTES + 1)
    finally:
        opened.seek(position)
    if len(content) > MAX_BYTES:
        raise SpectrumError("too_large", f"has more than {MAX_BYTES} bytes")
    return decompress(content)
