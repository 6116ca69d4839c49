"""Anything that holds spectra: one spectrum at a time, or as one batch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np

from ..text import check_paths
from .batch import SpectrumBatch
from .files import read_spectrum_file
from .grid import WavelengthGrid
from .quality import SpectrumError
from .raw import RawSpectrum
from .resample import assemble

__all__ = ["items_in_order", "iterate_sources", "read_batch", "read_each"]

_GIVE = (
    "give paths, specutils Spectrum objects (of arrays: Spectrum(flux=…, spectral_axis=…)), or "
    "lists of them"
)


def read_batch(
    spectra: Any, grid: WavelengthGrid, medium: str = "vacuum"
) -> tuple[SpectrumBatch, list[tuple[int, str, SpectrumError]]]:
    """Read everything that is in ``spectra`` as one batch.

    Parameters
    ----------
    spectra, medium
        As `read_each` takes them.
    grid : WavelengthGrid
        What the spectra are put on.

    Returns
    -------
    batch : SpectrumBatch
        The usable spectra, in their order. Columns ``class`` and ``subclass`` are what the
        survey's own pipeline takes them for, as their files state it; empty where they do not.
    rejects : list of (int, str, SpectrumError)
        Number, path and reason of each of the others.

    Raises
    ------
    TypeError
        If something is neither a path nor a spectrum.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare.spectra import LAMOST_GRID, read_batch
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))[:20]
    >>> batch, rejects = read_batch(files, LAMOST_GRID)
    >>> len(batch) + len(rejects)
    20
    """
    found = list(read_each(spectra, medium))
    raws = {i: raw for i, (_, raw) in enumerate(found) if isinstance(raw, RawSpectrum)}
    readable = list(raws)
    batch, refused = assemble(list(raws.values()), grid)
    errors = {i: raw for i, (_, raw) in enumerate(found) if isinstance(raw, SpectrumError)}
    errors |= {readable[i]: error for i, error in refused}
    headers = [raw.header for i, raw in raws.items() if i not in errors]
    for name in ("class", "subclass"):
        values = [str(header.get(name.upper(), "")) for header in headers]
        batch.columns[name] = np.array(values, dtype=object)
    return batch, [(i, found[i][0], errors[i]) for i in sorted(errors)]


def read_each(
    spectra: Any, medium: str = "vacuum"
) -> Iterator[tuple[str, RawSpectrum | SpectrumError]]:
    """Read everything that is in ``spectra``, one at a time.

    Parameters
    ----------
    spectra : path, Spectrum, Spectrum1D, SpectrumList, SpectrumCollection, HDUList, or an iterable
        Paths and HDU lists are files of a survey that `files.READERS` has. An iterable is what
        `items_in_order` takes.
    medium : {"vacuum", "air"}
        What the wavelengths of the Spectrum objects are measured in. Files say it themselves.

    Yields
    ------
    path : str
        Absolute; empty for objects in memory.
    spectrum : RawSpectrum or SpectrumError
        The spectrum, or what is wrong with it.

    Raises
    ------
    TypeError
        If something is neither a path nor a spectrum.
    ValueError
        If ``spectra`` is an empty text; in a list it is a file that cannot be read.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare.spectra import SpectrumError, read_each
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))
    >>> sum(isinstance(spectrum, SpectrumError) for _, spectrum in read_each(files))
    10
    """
    check_paths(spectra=spectra)
    yield from _items(spectra, medium)


def iterate_sources(
    spectra: Any, medium: str = "vacuum"
) -> Iterator[tuple[str, RawSpectrum | SpectrumError]]:
    """Do what `read_each` does, under its old name, which is deprecated."""
    warn("iterate_sources is read_each now", DeprecationWarning, stacklevel=2)
    return read_each(spectra, medium)


def _items(spectra, medium):
    if isinstance(spectra, (str, bytes, os.PathLike)):
        given = os.fsdecode(spectra)
        path = Path(os.path.abspath(given)) if given else given  # as a scan has it
        yield str(path), _attempt(read_spectrum_file, path)
    elif isinstance(spectra, RawSpectrum):
        yield spectra.identity.get("path", ""), spectra
    elif _is_spectrum(spectra):
        from .adapters import iterate_spectra, raw_from_spectrum

        parts = _attempt(iterate_spectra, spectra)
        for part in [parts] if isinstance(parts, SpectrumError) else parts:
            if isinstance(part, SpectrumError):
                yield "", part
            else:
                yield "", _attempt(raw_from_spectrum, part, medium=medium)
    elif _is_hdu_list(spectra):
        from .specutils_loader import read_opened

        name = spectra.filename()
        yield os.path.abspath(name) if name else "", _attempt(read_opened, spectra)
    else:
        for item in items_in_order(spectra):
            yield from _items(item, medium)


def items_in_order(sequence, what: str = "spectra", give: str = _GIVE) -> Iterable:
    """Return the items of anything that has an order: a list, generator, array or column.

    Parameters
    ----------
    sequence : iterable
        Also numpy arrays (of text, bytes or objects, with one axis), columns of astropy, Series of
        pandas and arrays of pyarrow.
    what : str
        What it is called in a message.
    give : str
        What the message says is to be given.

    Raises
    ------
    TypeError
        If it has no items, no order, or columns, of which it does not say which one is meant.
    """
    kind = type(sequence).__name__
    if hasattr(sequence, "columns"):
        raise TypeError(f"{what} is a {kind}: give its column of paths, as in table['path']")
    if isinstance(sequence, (set, frozenset)):
        raise TypeError(f"{what} is a {kind}, which has no order: give sorted(...) of it")
    if hasattr(sequence, "to_pylist"):  # of pyarrow, whose items are no Python objects
        return sequence.to_pylist()
    if isinstance(sequence, np.ndarray):
        if sequence.ndim != 1 or sequence.dtype.kind not in "USOT":
            raise TypeError(
                f"{what} is an array of {sequence.dtype} with {sequence.ndim} axes: {give}"
            )
        if np.ma.is_masked(sequence):
            raise TypeError(f"{what} has masked items: leave out the rows that have no path")
        return sequence
    if isinstance(sequence, Iterable) and not isinstance(sequence, (dict, bytearray)):
        return sequence
    raise TypeError(f"cannot read spectra from a {kind}: {give}")


def _is_spectrum(thing) -> bool:
    # By what it has, not by its class: specutils takes seconds to load, and has several classes.
    return hasattr(thing, "spectral_axis") and hasattr(thing, "flux")


def _is_hdu_list(thing) -> bool:
    from astropy.io.fits import HDUList

    return isinstance(thing, HDUList)


def _attempt(function, *args, **kwargs):
    """Return what ``function`` returns, or the SpectrumError with which it refuses.

    Whatever else it raises counts as one bad spectrum too: one row must not cost all the others.
    """
    try:
        return function(*args, **kwargs)
    except SpectrumError as error:
        return error
    except Exception as error:
        return SpectrumError("internal_error", f"{type(error).__name__}: {error}")
