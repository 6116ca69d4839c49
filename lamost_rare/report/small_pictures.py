"""Small pictures of spectra as SVG, which are seen on a light page and on a dark one.

A spectrum has the colour of the text around it. All of a picture is numbers and a few labels, so
that its size is bounded whatever the spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from ..spectra.raw import RawSpectrum
from .close_ups import CloseUp, robust_range, sigma_of

__all__ = ["spectrum_svg"]

_HEIGHT, _TOP = 84, 26
"""Of a picture, and of the labels above close-ups, in pixels."""
_WIDE, _NARROW, _GAP = 260, 84, 8
_MOST_POINTS = 120


def spectrum_svg(raw: RawSpectrum, shown: Sequence[CloseUp], name: str) -> str:
    """Return a picture of a spectrum, with a few lines close up, as one SVG element.

    Parameters
    ----------
    raw : RawSpectrum
    shown : sequence of CloseUp
    name : str
        Of the spectrum, for those who cannot see the picture.
    """
    width = _WIDE + (_NARROW + _GAP) * len(shown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{_HEIGHT}" '
        f'viewBox="0 0 {width} {_HEIGHT}" fill="none" stroke="currentColor" '
        f'aria-label="{escape(_spoken(name, shown))}">',
        _overview(raw, shown),
    ]
    low, high = _common_range(shown)
    for i, one in enumerate(shown):
        parts.append(_close_up(one, _WIDE + _GAP + i * (_NARROW + _GAP), low, high))
    return "".join(parts) + "</svg>"


def _spoken(name: str, shown: Sequence[CloseUp]) -> str:
    return "; ".join([f"spectrum of {name}", *(one.label.replace("\n", " ") for one in shown)])


def _overview(raw: RawSpectrum, shown: Sequence[CloseUp]) -> str:
    """Draw, for each column of pixels, from the least flux in it to the greatest."""
    flux = np.where(raw.mask, np.nan, raw.flux.astype(float))
    if np.isnan(flux).all():
        return ""
    low, high = robust_range(flux, sigma_of(raw))
    first, last = float(raw.wavelength[0]), float(raw.wavelength[-1])
    scale = (_WIDE - 1) / max(last - first, 1e-9)
    marks = "".join(
        f'<path stroke="{one.colour}" stroke-opacity=".6" '
        f'd="M{(one.centre - first) * scale:.1f} 0V{_HEIGHT}"/>'
        for one in shown
    )
    column = ((raw.wavelength - first) * scale).astype(int)
    y = _HEIGHT - 2 - np.clip((flux - low) / (high - low), -0.02, 1.02) * (_HEIGHT - 4)
    strokes = []
    for x in np.unique(column):
        here = y[column == x]
        here = here[np.isfinite(here)]
        if len(here):
            top, bottom = here.min(), max(here.max(), here.min() + 0.8)
            strokes.append(f"M{x}.5 {top:.1f}V{bottom:.1f}")
    return f'{marks}<path d="{"".join(strokes)}"/>'


def _close_up(one: CloseUp, left: float, low: float, high: float) -> str:
    """Draw a line's surroundings, its continuum, its place and its width."""
    first, last = float(one.wavelength[0]), float(one.wavelength[-1])
    scale_x = _NARROW / max(last - first, 1e-9)
    scale_y = (_HEIGHT - _TOP) / (high - low)

    def x(wavelength: float) -> float:
        return left + (wavelength - first) * scale_x

    def y(flux: float) -> float:
        return np.clip(_HEIGHT - (flux - low) * scale_y, _TOP, _HEIGHT)

    step = max(1, len(one.flux) // _MOST_POINTS)
    points, pen_up = [], True
    for wavelength, flux in zip(one.wavelength[::step], one.flux[::step], strict=True):
        if not np.isfinite(flux):
            pen_up = True
            continue
        points.append(f"{'M' if pen_up else 'L'}{x(wavelength):.1f} {y(flux):.1f}")
        pen_up = False
    label, _, width = one.label.partition("\n")
    text = 'stroke="none" fill="currentColor" font-size="10" font-family="sans-serif"'
    return (
        f'<path stroke="{one.colour}" d="M{x(one.centre):.1f} {_TOP}V{_HEIGHT}"/>'
        f'<path stroke-opacity=".5" stroke-dasharray="3 3" '
        f'd="M{left:.1f} {y(1.0):.1f}H{left + _NARROW:.1f}"/>'
        f'<path d="{"".join(points)}"/>'
        f'<text x="{left:.1f}" y="10" {text}>{escape(label)}</text>'
        f'<text x="{left:.1f}" y="22" {text}>{escape(width)}</text>'
    )


def _common_range(shown: Sequence[CloseUp]) -> tuple[float, float]:
    """Return a range of flux that all close-ups can share, but for the most extreme."""
    ranges = [robust_range(one.flux, one.sigma) for one in shown]
    low = min([0.8, *(r[0] for r in ranges)])
    high = max([1.1, *(r[1] for r in ranges)])
    # The deepest pixel of a narrow line lies below the median of three.
    return max(low - 0.2 * (1 - low), -0.03), min(high + 0.03, 2.0)
