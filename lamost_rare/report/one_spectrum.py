"""One spectrum, from whatever a person has of it: a file, an object, a row of a table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, NamedTuple

from ..spectra.quality import SpectrumError
from ..spectra.raw import RawSpectrum
from ..spectra.reading import read_each
from ..text import printable
from .row_values import number_in, row_values, text_in

__all__ = ["OneSpectrum", "one_spectrum"]


class OneSpectrum(NamedTuple):
    """A spectrum, and what its row says of it.

    Attributes
    ----------
    raw : RawSpectrum
    values : mapping
        Cells of the row; empty if there is none.
    """

    raw: RawSpectrum
    values: Mapping[str, Any]


def one_spectrum(spectrum, medium: str = "vacuum") -> OneSpectrum:
    """Read the spectrum that is meant.

    Parameters
    ----------
    spectrum : path, Spectrum, RawSpectrum, or a row of a table
        Rows as `~lamost_rare.report.row_values.row_values` takes them, with a ``path``.
    medium : {"vacuum", "air"}
        What the wavelengths of an object of specutils are measured in.

    Raises
    ------
    SpectrumError
        If it cannot be read.
    TypeError, ValueError
        If it is nothing of the kind, or not a single one; if the file has another obsid than the
        row says.
    """
    if medium not in ("vacuum", "air"):
        raise ValueError(f"medium must be 'vacuum' or 'air', not {medium!r}")
    values = row_values(spectrum)
    if values is None:
        return OneSpectrum(_single(spectrum, medium), {})
    path = text_in(values, "path")
    if not path:
        raise ValueError(
            "the row has no path to read its spectrum from: give the spectrum itself"
            if "path" in values
            else "the row has no column 'path': give the spectrum itself, or its path"
        )
    raw = _single(path, medium)
    found = int(raw.identity.get("obsid", -1))
    if number_in(values, "obsid") >= 0 <= found != (stated := int(values["obsid"])):
        raise ValueError(
            f"{printable(path)} holds obsid {found}, and the row is of {stated}: "
            "the file was exchanged"
        )
    return OneSpectrum(raw, values)


def _single(spectrum, medium: str) -> RawSpectrum:
    found = [raw for _, raw in islice(read_each(spectrum, medium), 2)]
    if len(found) != 1:
        n = "no spectrum" if not found else "more than one spectrum"
        raise ValueError(f"this holds {n}: give one, as spectra[0]")
    if isinstance(found[0], SpectrumError):
        raise found[0]
    return found[0]
