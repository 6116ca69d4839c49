"""Standards to compare a spectrum with: stars of known types, from the analytic model.

No library spectrum is shipped with a page. `lamost_rare.simulation.analytic` gives main-sequence
stars, hot subdwarfs and white dwarfs at LAMOST's resolution; how near they come to observed ones
is in docs/report.md. A standard is rectified: its continuum is 1, and the page bends it to that of
the spectrum that it is laid over.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..simulation.analytic import analytic_star
from ..spectra.grid import WavelengthGrid

__all__ = ["STANDARD_GRID", "Standard", "page_standards", "standards", "unpack_standards"]

STANDARD_GRID = WavelengthGrid(3.5671, 1e-4, 3921)
"""3690 to 9100 Å, in vacuum, in LAMOST's own steps."""

ALWAYS = ("O", "B", "A", "hot_subdwarf", "white_dwarf")
"""Classes that any hot candidate may turn out to be, whatever the classes of the preset."""
_STEPS = 20000
"""Of the continuum, in which a packed flux counts: 16 bits hold up to 1.6 times the continuum."""
_DA_KELVIN = 50400
"""Subtype of a white dwarf times its temperature."""

_NORMAL = {
    "O": (4, 5, 6, 7, 8, 9, 9.5),
    "B": (0, 0.5, 1, 2, 3, 5, 7, 8, 9),
    "A": (0, 2, 5, 7),
    "F": (0, 5),
    "G": (2, 8),
    "K": (0, 5),
    "M": (0, 3),
}
_TYPES: dict[str, tuple[tuple[str, str, float], ...]] = {
    **{
        letter: tuple((f"{letter}{subtype:g}", letter, subtype) for subtype in subtypes)
        for letter, subtypes in _NORMAL.items()
    },
    "hot_subdwarf": (
        ("sdB", "hot_subdwarf", 0.0),
        ("sdOB", "hot_subdwarf", 4.5),
        ("sdO", "hot_subdwarf", 9.0),
    ),
    "white_dwarf": tuple(
        (f"DA {kelvin} K", "white_dwarf", _DA_KELVIN / kelvin)
        for kelvin in (40000, 25000, 17000, 12500, 8500)
    ),
}
"""For each class of which there are any: what people call it, and kind and subtype of the model."""


@dataclass(frozen=True, eq=False)
class Standard:
    """A star of known type.

    Attributes
    ----------
    class_name : str
        As presets name it.
    type : str
        For people: ``O9.5``, ``sdO``, ``DA 25000 K``.
    flux : ndarray, shape (3921,), float64
        On `STANDARD_GRID`, in units of the continuum, at rest.
    """

    class_name: str
    type: str
    flux: np.ndarray


def standards(classes: Iterable[str] = ()) -> tuple[Standard, ...]:
    """Return the standards for a page.

    Parameters
    ----------
    classes : iterable of str
        Those of the preset. Those of `ALWAYS` come first, whether they are among them or not;
        for classes that the analytic model does not have there is none.

    Returns
    -------
    tuple of Standard
    """
    wanted = list(dict.fromkeys([*ALWAYS, *classes]))
    return tuple(
        Standard(name, label, _rectified(kind, subtype))
        for name in wanted
        for label, kind, subtype in _TYPES.get(name, ())
    )


@lru_cache(maxsize=64)
def _rectified(kind: str, subtype: float) -> np.ndarray:
    """Flux over a smooth curve through what is not in a line."""
    wavelength = STANDARD_GRID.wavelength
    flux = analytic_star(kind, wavelength, subtype=subtype)
    # A Planck curve is one of a few terms in these coordinates; the jump at the Balmer limit and
    # the wings of lines are not, and stay.
    x, y = np.log(wavelength / 5800), np.log(flux)
    keep = np.ones(len(x), dtype=bool)
    for _ in range(50):
        level = np.polynomial.Polynomial.fit(x[keep], y[keep], 4)(x)
        above = y - level > -0.003
        if (above == keep).all():
            break
        keep = above
    rectified = np.exp(y - level)
    rectified.flags.writeable = False
    return rectified


def page_standards(classes: Iterable[str] = ()) -> dict:
    """Return what the page is told of standards.

    Parameters
    ----------
    classes : iterable of str
        As in `standards`.

    Returns
    -------
    dict
        ``log10_start``, ``log10_step`` and ``n`` of the grid; ``items``, a list of records
        ``class`` and ``type``; ``flux``, text: base64 of zlib of each item's planes, one item
        after the other. An item is 20,000 times its flux as whole numbers, of which the differences
        from pixel to pixel (the first from 0) have their sign in the lowest bit; first the low
        bytes of all pixels, then the high ones.
    """
    chosen = standards(classes)
    planes = b"".join(_planes(standard.flux) for standard in chosen)
    return {
        "log10_start": STANDARD_GRID.log10_start,
        "log10_step": STANDARD_GRID.log10_step,
        "n": STANDARD_GRID.n_pixels,
        "items": [{"class": one.class_name, "type": one.type} for one in chosen],
        "flux": base64.b64encode(zlib.compress(planes, 9)).decode("ascii"),
    }


def _planes(flux: np.ndarray) -> bytes:
    steps = np.clip(np.round(flux * _STEPS), 0, 2**15 - 1).astype(np.int32)
    difference = np.diff(steps, prepend=0)
    zigzag = ((difference << 1) ^ (difference >> 31)).astype("<u2")
    return np.concatenate([zigzag & 255, zigzag >> 8]).astype(np.uint8).tobytes()


def unpack_standards(told: dict) -> np.ndarray:
    """Return the fluxes of what `page_standards` made, shape (n_items, n), float64."""
    n, n_items = told["n"], len(told["items"])
    planes = np.frombuffer(zlib.decompress(base64.b64decode(told["flux"])), np.uint8)
    planes = planes.reshape(n_items, 2, n).astype(np.int32)
    zigzag = planes[:, 0] | planes[:, 1] << 8
    return np.cumsum((zigzag >> 1) ^ -(zigzag & 1), axis=1) / _STEPS
