"""Line evidence: equivalent widths of the lines that tell a hot star's type, with their errors.

Each line has a window, over which 1 - flux / continuum is summed, and side bands, through which the
local pseudo-continuum is drawn as a straight line. Both were chosen so that no neighbouring line
of an OBA star is taken for continuum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..spectra.air_vacuum import air_to_vacuum
from ..spectra.batch import SpectrumBatch
from ..spectra.grid import WavelengthGrid

__all__ = ["LINES", "Line", "measure_lines"]


@dataclass(frozen=True)
class Line:
    """A line and where it is measured; wavelengths in Å, in vacuum.

    Attributes
    ----------
    name : str
        As in the column names ``ew_<name>`` and ``ew_<name>_err``.
    label : str
        For people.
    wavelength : float
        Of the line's centre.
    window : (float, float)
        Over which the equivalent width is integrated.
    bands : tuple of (float, float)
        Side bands: one or more on each side of the window.
    """

    name: str
    label: str
    wavelength: float
    window: tuple[float, float]
    bands: tuple[tuple[float, float], ...]


# Air wavelengths, Å. Positions: NIST Atomic Spectra Database (multiplets: strength-weighted mean).
# What to keep out of windows and bands: the line lists of Walborn & Fitzpatrick (1990, PASP 102,
# 379), Sota et al. (2011, ApJS 193, 24), diffuse bands: Hobbs et al. (2008, ApJ 680, 1256).
# Windows of single lines are about +-7 Å: at R = 1800 a line spans +-2.5 Å; rotation of 300 km/s
# and a velocity of 250 km/s add 4 Å each.
# fmt: off
_AIR = (
    # name, label, centre, window, side bands
    ("caii_k", "Ca II K", 3933.66, (3927, 3943),
     ((3908, 3922), (3945, 3954))),
    ("hei_4026", "He I 4026", 4026.19, (4019, 4033.5),
     ((3999, 4005), (4014, 4018), (4035, 4046))),
    # In the blue wing of H delta: the bands follow the wing, and stop short of N III 4097.
    ("siiv_4089", "Si IV 4089", 4088.86, (4085, 4092),
     ((4076, 4084), (4092, 4095.5))),
    ("hdelta", "H delta", 4101.73, (4081.7, 4121.7),
     ((4048, 4066), (4127, 4139))),
    # C III 4187 and O II 4185-90 precede.
    ("heii_4200", "He II 4200", 4199.83, (4192.5, 4207),
     ((4173.5, 4183.5), (4209, 4224))),
    ("hgamma", "H gamma", 4340.46, (4320.5, 4360.5),
     ((4290, 4312), (4364, 4376))),
    ("hei_4387", "He I 4387", 4387.93, (4381.5, 4395),
     ((4367, 4376.5), (4397, 4411))),
    ("hei_4471", "He I 4471", 4471.48, (4464.5, 4476.5),
     ((4449.5, 4463), (4488, 4504))),
    ("mgii_4481", "Mg II 4481", 4481.21, (4476.5, 4487),
     ((4449.5, 4463), (4488, 4504))),
    # Between N III 4510-18 and Si III 4553; Al III 4529 and Si III 4568, 4575 are left out.
    ("heii_4541", "He II 4541", 4541.59, (4535, 4548.5),
     ((4521, 4526.5), (4531, 4534.5), (4557, 4564), (4579, 4588))),
    # Emission of Of stars; C III 4647-51 follows at once, N V 4604-20 precedes in the earliest.
    ("niii_4634", "N III 4634-41", 4637.9, (4630, 4645),
     ((4607, 4617), (4624, 4628), (4663, 4675))),
    # Between C III 4647-51, C IV 4658 and He I 4713; O II 4662, 4676 and 4699-4705 are left out.
    ("heii_4686", "He II 4686", 4685.71, (4678, 4693.5),
     ((4665, 4673.5), (4694, 4697), (4719, 4734))),
    ("hbeta", "H beta", 4861.33, (4841, 4881.5),
     ((4806, 4834), (4889, 4913))),
    ("heii_5411", "He II 5411", 5411.52, (5403, 5420),
     ((5382, 5400), (5423, 5444))),
    # Na I 5890-96, interstellar and sky, follows: the red band lies behind it.
    ("hei_5876", "He I 5876", 5875.62, (5867.5, 5883.5),
     ((5848, 5865), (5902, 5920))),
    # The window includes nebular [N II] 6548, 6583.
    ("halpha", "H alpha", 6562.80, (6541, 6587),
     ((6500, 6535), (6591, 6608), (6620, 6640))),
)
# fmt: on


def _line(name, label, centre, window, bands) -> Line:
    def vacuum(span):
        return tuple(float(air_to_vacuum(edge)) for edge in span)

    return Line(
        name, label, float(air_to_vacuum(centre)), vacuum(window), tuple(map(vacuum, bands))
    )


LINES: dict[str, Line] = {definition[0]: _line(*definition) for definition in _AIR}
"""The measured lines by name, in order of wavelength."""

MIN_BAND_FRACTION = 0.4
"""Of the pixels of the side bands on either side, at least this fraction must be valid."""
MIN_WINDOW_FRACTION = 0.8
"""Of the window's width at least this fraction must be valid; the rest is interpolated."""
_CLIP = 3.5
_ITERATIONS = 3


@dataclass(frozen=True)
class _Pixels:
    """Where a line's pixels are on a grid."""

    bands: np.ndarray
    """Indices of side-band pixels."""
    blue: int
    """How many of them lie on the blue side."""
    bands_x: np.ndarray
    """Their distance from the line's centre in units of the window's width."""
    window: slice
    window_x: np.ndarray
    width: np.ndarray
    """Å of each pixel that lie within the window; partial at its ends."""


@lru_cache(maxsize=128)
def _pixels(line: Line, grid: WavelengthGrid) -> _Pixels | None:
    """The line's pixels, or None where the grid does not hold all of them."""
    edges = 10.0 ** (grid.log10_start + grid.log10_step * (np.arange(grid.n_pixels + 1) - 0.5))
    low, high = line.window
    if edges[0] > line.bands[0][0] or edges[-1] < line.bands[-1][1]:
        return None
    centres = grid.wavelength
    inside = np.zeros(grid.n_pixels, dtype=bool)
    for start, stop in line.bands:
        inside |= (centres >= start) & (centres <= stop)
    bands = np.flatnonzero(inside)
    overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    first, last = np.flatnonzero(overlap > 0)[[0, -1]]
    window = slice(int(first), int(last) + 1)
    scale = high - low
    return _Pixels(
        bands=bands,
        blue=int((centres[bands] < low).sum()),
        bands_x=(centres[bands] - line.wavelength) / scale,
        window=window,
        window_x=(centres[window] - line.wavelength) / scale,
        width=overlap[window],
    )


def measure_lines(batch: SpectrumBatch, names=None) -> dict[str, np.ndarray]:
    """Equivalent widths of `LINES` in every spectrum of a batch.

    The equivalent width is the sum of (1 - f/c) dλ over the line's window, f the flux and c the
    local pseudo-continuum: a straight line fitted to the side bands with weights 1/σ², outliers
    beyond 3.5 σ (or 3.5 times the scatter, if that is larger) left out. Its variance follows by
    propagation, with a photon and a continuum term as in Vollmann & Eversberg (2006, AN 327, 862):
    the sum of (dλ/c)² σ² plus gᵀ C g, where C is the covariance of the fit's two parameters and g
    the derivative of the width by them. Pixels are taken as independent.

    Windows stay where a star at rest has the line. They are wide enough for ±300 km/s, but for
    Si IV 4089, He I 4471 and Mg II 4481, which have near neighbours: ±100 km/s. The bands are clean
    in OB stars; in cooler ones they hold other lines, and the values are indices on a
    pseudo-continuum, down to negative values for H gamma and H delta in G and K stars. White
    dwarfs' Balmer lines reach beyond the bands and come out too weak.

    Parameters
    ----------
    batch : SpectrumBatch
        Fluxes that have not been rectified or normalized pixel by pixel; scaling does not matter.
    names : iterable of str, optional
        Which lines; by default all.

    Returns
    -------
    dict of ndarray, each of shape (n_spectra,), float32
        ``ew_<line>`` and ``ew_<line>_err`` in Å, absorption positive; NaN where too few pixels
        are valid, the grid ends before the side bands do, or the continuum is below three times
        its error.
    """
    columns = {}
    for name in LINES if names is None else names:
        pixels = _pixels(LINES[name], batch.grid)
        if pixels is None or len(batch) == 0:
            width = error = np.full(len(batch), np.nan)
        else:
            width, error = _measure(batch, pixels)
        columns[f"ew_{name}"] = width.astype(np.float32)
        columns[f"ew_{name}_err"] = error.astype(np.float32)
    return columns


def _measure(batch: SpectrumBatch, pixels: _Pixels) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        fit = _fit_continuum(*_take(batch, pixels.bands), pixels)
        flux, ivar = _take(batch, pixels.window)
        good = ivar > 0
        covered = good @ pixels.width / pixels.width.sum()
        level, slope, c00, c01, c11, usable = fit
        continuum = level[:, None] + slope[:, None] * pixels.window_x
        # The least significant end of the window decides whether dividing by c makes sense.
        ends = pixels.window_x[[0, -1]]
        c_error = np.sqrt(c00[:, None] + 2 * ends * c01[:, None] + ends**2 * c11[:, None])
        usable &= (continuum[:, [0, -1]] > 3 * c_error).all(axis=1)
        usable &= covered >= MIN_WINDOW_FRACTION
        ratio = flux / continuum
        for row in np.flatnonzero(usable & ~good.all(axis=1)):
            valid = good[row]
            ratio[row] = np.interp(pixels.window_x, pixels.window_x[valid], ratio[row, valid])
        width = pixels.width.sum() - ratio @ pixels.width
        photon = np.where(good, (pixels.width / continuum) ** 2 / np.where(good, ivar, 1), 0)
        by_level = (pixels.width * ratio / continuum).sum(axis=1)
        by_slope = (pixels.width * ratio / continuum * pixels.window_x).sum(axis=1)
        variance = (
            photon.sum(axis=1) / covered**2  # interpolated pixels count as their neighbours do
            + by_level**2 * c00
            + 2 * by_level * by_slope * c01
            + by_slope**2 * c11
        )
        error = np.sqrt(variance)
    usable &= np.isfinite(width) & np.isfinite(error)
    return np.where(usable, width, np.nan), np.where(usable, error, np.nan)


def _take(batch: SpectrumBatch, columns) -> tuple[np.ndarray, np.ndarray]:
    """Flux and ivar of some pixels in float64, both 0 where the pixel must not be used."""
    flux = batch.flux[:, columns].astype(np.float64)
    ivar = batch.ivar[:, columns].astype(np.float64)
    bad = batch.mask[:, columns] | ~np.isfinite(flux) | ~np.isfinite(ivar) | (ivar <= 0)
    flux[bad] = 0
    ivar[bad] = 0
    return flux, ivar


def _fit_continuum(flux, ivar, pixels: _Pixels):
    """Weighted straight line through the side bands, with outliers left out.

    Returns level and slope (per unit of x), their covariance c00, c01, c11, and whether each
    spectrum has enough valid pixels on both sides; arrays of shape (n_spectra,).
    """
    x = pixels.bands_x
    good = ivar > 0
    n_blue = good[:, : pixels.blue].sum(axis=1)
    n_red = good[:, pixels.blue :].sum(axis=1)
    usable = (n_blue >= np.maximum(3, MIN_BAND_FRACTION * pixels.blue)) & (
        n_red >= np.maximum(3, MIN_BAND_FRACTION * (len(x) - pixels.blue))
    )
    # Start from medians, which one cosmic ray cannot move.
    blue = _median(flux[:, : pixels.blue], good[:, : pixels.blue])
    red = _median(flux[:, pixels.blue :], good[:, pixels.blue :])
    x_blue, x_red = x[: pixels.blue].mean(), x[pixels.blue :].mean()
    slope = (red - blue) / (x_red - x_blue)
    level = blue - slope * x_blue
    for _ in range(_ITERATIONS):
        residual = np.abs(flux - level[:, None] - slope[:, None] * x)
        scatter = 1.4826 * _median(residual, good)
        keep = residual**2 * ivar <= _CLIP**2
        keep |= residual <= _CLIP * scatter[:, None]
        weight = np.where(keep, ivar, 0)
        s0, s1, s2 = weight.sum(axis=1), weight @ x, weight @ (x * x)
        t0, t1 = np.einsum("ij,ij->i", weight, flux), np.einsum("ij,ij,j->i", weight, flux, x)
        determinant = s0 * s2 - s1 * s1
        level = (s2 * t0 - s1 * t1) / determinant
        slope = (s0 * t1 - s1 * t0) / determinant
    # Structure beyond the noise (weak lines, flat-field residuals) makes the fit less certain than
    # the pixel errors say; chance excess of chi-square does not count.
    n_used = (keep & good).sum(axis=1)
    freedom = np.maximum(n_used - 2, 1)
    residual = flux - level[:, None] - slope[:, None] * x
    reduced = np.einsum("ij,ij,ij->i", weight, residual, residual) / freedom
    excess = np.where(reduced > 1 + 3 * np.sqrt(2 / freedom), reduced, 1.0)
    usable &= determinant > 0
    scale = excess / determinant
    return level, slope, scale * s2, -scale * s1, scale * s0, usable


def _median(values, good):
    """Median of the good values in each row; 0 where there are none."""
    count = good.sum(axis=1)
    ordered = np.sort(np.where(good, values, np.inf), axis=1)
    rows = np.arange(len(values))
    middle = 0.5 * (
        ordered[rows, np.maximum(count - 1, 0) // 2]
        + ordered[rows, np.minimum(count // 2, values.shape[1] - 1)]
    )
    return np.where(count > 0, middle, 0.0)
