"""What is drawn of one spectrum: its level, and each line close up with its width."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from ..inference.evidence import local_continuum, measure_windows
from ..spectra.at_rest import C_KM_S, at_rest
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import LAMOST_GRID
from ..spectra.lines import Line
from ..spectra.normalize import pseudo_continuum
from ..spectra.raw import RawSpectrum
from ..spectra.resample import assemble
from ..text import printable
from .line_sets import ShownLine, lines_in_sets

__all__ = ["CloseUp", "close_ups", "lines_named", "robust_range", "sigma_of", "smooth_level"]

_COLOURS = {"He II": "#0072B2", "He I": "#D55E00", "H": "#009E73", "metal": "#CC79A7"}
"""Of the palette of Okabe and Ito (2008), which the colour-blind can tell apart; to be seen on
white and on black."""
_REACH, _BEYOND = 30.0, 4.0
"""Å on either side of a line that are shown; of a measured one, so much more than its side bands,
for the continuum is known no further."""


@dataclass(frozen=True, eq=False)
class CloseUp:
    """The surroundings of a line.

    Attributes
    ----------
    line : ShownLine
    centre : float
        Where the star has the line, in Å, in vacuum, as observed.
    wavelength : ndarray, shape (n_pixels,)
        As observed.
    flux, sigma : ndarray, shape (n_pixels,)
        In units of the continuum; NaN where masked.
    window : (float, float) or None
        As observed; None where the line is not measured at all.
    bands : tuple of (float, float)
    width, error : float
        Equivalent width in Å, absorption positive, and its standard error; NaN where it cannot be
        measured.
    """

    line: ShownLine
    centre: float
    wavelength: np.ndarray
    flux: np.ndarray
    sigma: np.ndarray
    window: tuple[float, float] | None
    bands: tuple[tuple[float, float], ...]
    width: float
    error: float

    @property
    def colour(self) -> str:
        """That of the set of the line."""
        return _COLOURS.get(self.line.set, "#7f7f7f")

    @property
    def label(self) -> str:
        """Name of the line, and its width in words."""
        if self.window is None:
            return self.line.label
        if np.isnan(self.width):
            return f"{self.line.label}\nnot measurable"
        return f"{self.line.label}\n{self.width:.2f} ± {self.error:.2f} Å".replace("-", "−")


def lines_named(names: Iterable[str]) -> tuple[ShownLine, ...]:
    """Return lines by their names, in the order of the names.

    Raises
    ------
    TypeError, ValueError
        If it is no list of names of `~lamost_rare.report.line_sets.lines_in_sets`.
    """
    if isinstance(names, str):
        raise TypeError(f"lines must be a list of names, as [{names!r}]")
    known = {line.name: line for line in lines_in_sets()}
    found = []
    for name in names:
        if name not in known:
            close = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "known are heii_4541, hei_4471, …"
            raise ValueError(f"lines: there is none called '{printable(name)}'; {hint}")
        found.append(known[name])
    return tuple(dict.fromkeys(found))


def smooth_level(raw: RawSpectrum) -> np.ndarray:
    """Return a smooth level through a spectrum, shape (n_pixels,); NaN if no pixel is valid."""
    if raw.mask.all():
        return np.full(len(raw.flux), np.nan)
    flux = np.where(raw.mask, 0, raw.flux).astype(np.float32)
    scale = np.abs(flux).max() or 1.0
    level, _ = pseudo_continuum((flux / scale)[None], raw.mask[None])
    return level[0].astype(float) * float(scale)


def sigma_of(raw: RawSpectrum) -> np.ndarray:
    """Return the standard error of each pixel, shape (n_pixels,); NaN where masked."""
    ivar = np.where(raw.mask, np.nan, raw.ivar.astype(float))
    return 1 / np.sqrt(ivar)


def close_ups(raw: RawSpectrum, lines: Iterable[ShownLine], velocity: float = 0.0) -> list[CloseUp]:
    """Measure lines of a spectrum, and return what is near them.

    Widths are those of the catalogue: of the spectrum on the grid of the shipped presets, moved by
    whole pixels where there is a velocity.

    Parameters
    ----------
    raw : RawSpectrum
    lines : iterable of ShownLine
    velocity : float
        Of the star in km/s. Lines of sets at rest are not moved.

    Returns
    -------
    list of CloseUp
        Of those of the lines of which the spectrum has a pixel, valid or not.
    """
    batch, _ = assemble([raw], LAMOST_GRID)
    still = at_rest(batch, np.full(len(batch), velocity))
    flux = np.where(raw.mask, np.nan, raw.flux.astype(float))
    sigma, smooth = sigma_of(raw), smooth_level(raw)
    found = []
    for line in lines:
        factor = 1 if line.set in ("interstellar", "sky") else 1 + velocity / C_KM_S
        low, high = (line.wavelength - _REACH) * factor, (line.wavelength + _REACH) * factor
        if line.bands:
            low = line.bands[0][0] * factor - _BEYOND
            high = line.bands[-1][1] * factor + _BEYOND
        near = (raw.wavelength >= low) & (raw.wavelength <= high)
        if not near.any():
            continue
        wavelength, level = raw.wavelength[near], smooth[near]
        width, error = _measured(still, line)
        if not np.isnan(width):
            level = _continuum(still, line, wavelength / factor)
        level = np.where(level > 0, level, np.nan)
        found.append(
            CloseUp(
                line,
                line.wavelength * factor,
                wavelength,
                flux[near] / level,
                sigma[near] / level,
                line.window and (line.window[0] * factor, line.window[1] * factor),
                tuple((a * factor, b * factor) for a, b in line.bands or ()),
                width,
                error,
            )
        )
    return found


def _as_line(line: ShownLine) -> Line:
    return Line(line.name, line.label, line.wavelength, line.window or (0, 0), line.bands or ())


def _measured(batch: SpectrumBatch, line: ShownLine) -> tuple[float, float]:
    if line.window is None or not len(batch):
        return np.nan, np.nan
    columns = measure_windows(batch, (_as_line(line),))
    return float(columns[f"ew_{line.name}"][0]), float(columns[f"ew_{line.name}_err"][0])


def _continuum(batch: SpectrumBatch, line: ShownLine, wavelength: np.ndarray) -> np.ndarray:
    """Return the continuum at wavelengths of the star at rest, which the width is measured from."""
    level, slope = local_continuum(batch, _as_line(line))
    return level[0] + slope[0] * (wavelength - line.wavelength)


def robust_range(flux: np.ndarray, sigma: np.ndarray | None = None) -> tuple[float, float]:
    """Return the range that a plot of a spectrum shows: all but spikes and the noisiest pixels.

    Parameters
    ----------
    flux : ndarray, shape (n_pixels,)
        NaN where masked.
    sigma : ndarray, shape (n_pixels,), optional
        Standard errors. Pixels of more than three times their median do not count.
    """
    flux = np.asarray(flux, dtype=float)
    if sigma is not None and np.isfinite(sigma).any():
        flux = flux[~(sigma > 3 * np.nanmedian(sigma))]
    flux = flux[np.isfinite(flux)]
    if not len(flux):
        return 0.0, 1.0
    if len(flux) >= 3:  # of three neighbours the one in the middle: no cosmic ray, but all lines
        flux = np.sort(np.stack([flux[:-2], flux[1:-1], flux[2:]]), axis=0)[1]
    low, high = float(flux.min()), float(flux.max())
    if low == high:
        return low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    return low, high
