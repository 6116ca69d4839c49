"""`plot_spectrum`: a spectrum and the lines that decide, as a figure of matplotlib."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..annotations import PathLike, PresetLike
from ..inference.classify import classify_spectra
from ..presets import Preset, check_kind, load_preset
from ..spectra.raw import RawSpectrum
from .close_ups import CloseUp, close_ups, lines_named, robust_range, sigma_of, smooth_level
from .headline import headline
from .line_sets import close_up_lines
from .one_spectrum import one_spectrum
from .plot_axes import axes_given, last_row, new_axes
from .row_values import rare_class_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["plot_spectrum"]

ARMS_JOIN = (5700.0, 5900.0)
"""Å, where LAMOST's blue and red arm meet: steps and wiggles there are the instrument's."""
FASTEST = 30_000.0
"""km/s; a star that is faster is a mistake."""
_LEVEL, _BAD = "#CC79A7", "#7f7f7f"
"""Of the palette that `.close_ups` has too, another one than lines of helium and hydrogen have."""


def plot_spectrum(
    spectrum: Any,
    preset: PresetLike = None,
    *,
    lines: Iterable[str] | None = None,
    velocity: Any = None,
    classify: bool = False,
    axes: Axes | Mapping[str, Axes] | None = None,
    figure: Figure | SubFigure | None = None,
    medium: str = "vacuum",
    scan: PathLike | None = None,
    title: str | None = None,
) -> dict[str, Axes]:
    """Plot a spectrum: all of it above, and the lines that decide close up below.

    Above are the flux with an error band of one sigma, a smooth level through it, where pixels are
    masked (grey, at the bottom), and, of a LAMOST spectrum, where its two arms join. What lies
    beyond the range shown is marked by a triangle. A close-up is in units of the continuum that
    its equivalent width is measured from; the window is shaded, the side bands are underlined.

    Parameters
    ----------
    spectrum : path, Spectrum, or a row of a table
        A file, an object of specutils with one spectrum, or a row of a catalogue or of a table of
        candidates: of astropy, pandas or pyarrow, or a dictionary. Of a row the spectrum is read
        from its ``path``, and its other columns are in the title.
    preset : str, path or Preset, optional
        Its rare class decides which lines are shown. By default that of the row, or the one for O
        stars.
    lines : iterable of str, optional
        Names of lines to show close up, as ``["heii_4541", "hei_4471"]``; docs/report.md has all.
        Without any, only the whole spectrum is shown.
    velocity : float or Quantity, optional
        Radial velocity of the star, in km/s if it has no unit: lines are marked, and measured,
        where the star has them. NaN, and by default, 0.
    classify : bool
        Classify the spectrum with the preset for the title (which loads TensorFlow), unless it is
        a row that was classified.
    axes : Axes or mapping, optional
        What to draw into: one, for the whole spectrum alone, or a mapping as it is returned, from
        ``"overview"`` and names of lines, which then are the lines.
    figure : Figure or SubFigure, optional
        What to make axes in. By default a new figure of pyplot.
    medium : {"vacuum", "air"}
        What the wavelengths of an object of specutils are measured in.
    scan : path, optional
        The directory of the scan that a row is of: needed if the scan was one of a store.
    title : str, optional
        In place of name, class, probability and S/N.

    Returns
    -------
    dict of str to matplotlib.axes.Axes
        ``"overview"``, and each line that the spectrum covers by its name.

    Raises
    ------
    SpectrumError
        If the spectrum cannot be read.
    ReportError
        If ``scan`` is no finished scan, or not that of the row.
    PresetError
        If there is no such preset, or it is not a classifier.
    TypeError, ValueError
        If an argument cannot be meant, or the file holds another spectrum than the row says.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare import plot_spectrum
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))
    >>> axes = plot_spectrum(files[40], lines=["heii_4541", "heii_4686"])
    >>> list(axes)
    ['overview', 'heii_4541', 'heii_4686']
    >>> axes["overview"].figure.savefig("spectrum.png")
    """
    velocity = _km_s(velocity)
    given, lines = axes_given(axes, lines, figure)
    preset = _preset(preset)
    found = one_spectrum(spectrum, medium, scan)
    raw, values = found.raw, found.values
    if classify and not values.get("prediction"):
        values = {**_classified(raw, preset), **values}
    if lines is None:
        rare = preset.rare_class if preset else rare_class_of(values) or "O"
        lines = close_up_lines(rare, preset.settings.evidence if preset else None)
    shown = close_ups(raw, lines_named(lines), velocity)
    if given is None:
        given = new_axes([one.line.name for one in shown], figure)
    if "overview" in given:
        _draw_overview(given["overview"], raw, shown)
        said = headline(raw, values, velocity) if title is None else title
        given["overview"].set_title(said, loc="left", fontsize="medium", parse_math=False)
    _draw_close_ups(given, shown)
    return given


def _km_s(velocity: Any) -> float:
    if velocity is None or velocity is np.ma.masked:
        return 0.0
    if hasattr(velocity, "to_value"):
        try:
            velocity = velocity.to_value("km/s")
        except ValueError as error:  # of astropy, whose text is one line
            raise ValueError(f"velocity: {error}") from None
    try:
        number = float(velocity)
    except (TypeError, ValueError):
        raise TypeError(f"velocity must be a number in km/s, not {velocity!r}") from None
    if np.isnan(number):
        return 0.0
    if abs(number) > FASTEST:
        raise ValueError(f"velocity must lie within ±{FASTEST:g} km/s, not {number:g}")
    return number


def _preset(preset: PresetLike) -> Preset | None:
    if preset is None:
        return None
    if not isinstance(preset, Preset):
        preset = load_preset(preset, verify=False)
    check_kind(preset, "classifier")
    return preset


def _classified(raw: RawSpectrum, preset: Preset | None) -> dict[str, Any]:
    row = classify_spectra(raw, preset, evidence=False)[0]
    return {name: row[name] for name in row.colnames}


def _ink() -> str:
    """Return the colour of text, which is seen on whatever the background is."""
    from matplotlib import rcParams

    return rcParams["text.color"]


def _draw_overview(axes: Axes, raw: RawSpectrum, shown: list[CloseUp]) -> None:
    flux, sigma = np.where(raw.mask, np.nan, raw.flux.astype(float)), sigma_of(raw)
    x, ink = raw.wavelength, _ink()
    low, high = robust_range(flux, sigma)
    margin = 0.06 * (high - low)
    low, high = low - margin, high + margin
    if raw.layout != "object" and x[0] < ARMS_JOIN[0] and ARMS_JOIN[1] < x[-1]:
        axes.axvspan(*ARMS_JOIN, color=_BAD, alpha=0.12, lw=0)
        axes.text(
            sum(ARMS_JOIN) / 2, 0.05, "arms join", ha="center", va="bottom", fontsize="x-small",
            color=_BAD, transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    for one in shown:
        axes.axvline(one.centre, color=one.colour, lw=0.6, alpha=0.7)
    axes.fill_between(x, flux - sigma, flux + sigma, color=ink, alpha=0.2, lw=0)
    axes.plot(x, flux, lw=0.6, color=ink)
    axes.plot(x, smooth_level(raw), lw=1.2, color=_LEVEL)
    axes.fill_between(
        x, 0, 0.03, where=_widened(raw.mask), color=_BAD, lw=0, step="mid",
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip
    with np.errstate(invalid="ignore"):
        for beyond, edge, marker in ((flux > high, high, "^"), (flux < low, low, "v")):
            axes.plot(x[beyond], np.full(beyond.sum(), edge), marker, ms=3, color=_LEVEL)
    axes.set(xlim=_span(x), ylim=(low, high), ylabel="flux per Å, units of the file")
    axes.set_xlabel("vacuum wavelength (Å)")


def _span(wavelength: np.ndarray) -> tuple[float, float]:
    """Return the first and the last wavelength, apart even if there is a single pixel."""
    first, last = float(wavelength[0]), float(wavelength[-1])
    return (first, last) if first < last else (first - 1, last + 1)


def _widened(mask: np.ndarray) -> np.ndarray:
    """Let a lone masked pixel be wide enough to be seen."""
    return mask | np.append(mask[1:], False) | np.append(False, mask[:-1])


def _draw_close_ups(axes: Mapping[str, Any], shown: list[CloseUp]) -> None:
    ranges = [_with_margin(robust_range(one.flux, one.sigma)) for one in shown]
    ordinary = [r for r in ranges if _is_ordinary(r)]
    common = min([0.85, *(r[0] for r in ordinary)]), max([1.08, *(r[1] for r in ordinary)])
    last = last_row(axes)
    for one, own in zip(shown, ranges, strict=True):
        if one.line.name not in axes:
            continue
        here, shares = axes[one.line.name], _is_ordinary(own)
        _draw_close_up(here, one)
        here.set_ylim(common if shares else own)
        place = here.get_subplotspec()
        if place is None or place.is_first_col():
            here.set_ylabel("flux / continuum", fontsize="small")
        elif shares:
            here.tick_params(labelleft=False)
        if place is None or place.rowspan.stop == last[place.colspan.start]:
            here.set_xlabel("wavelength (Å)", fontsize="small")


def _with_margin(span: tuple[float, float]) -> tuple[float, float]:
    """Leave room: the deepest pixel of a narrow line lies below the median of three."""
    low, high = span
    return low - 0.3 * max(0.1, 1 - low), high + 0.3 * max(0.1, high - 1)


def _is_ordinary(span: tuple[float, float]) -> bool:
    """Tell whether a close-up can share the range of the others."""
    return span[0] > 0.3 and span[1] < 1.5


def _draw_close_up(axes: Axes, one: CloseUp) -> None:
    ink, colour = _ink(), one.colour
    if one.window is not None:
        axes.axvspan(*one.window, color=colour, alpha=0.1, lw=0)
    for band in one.bands:
        axes.plot(band, [0.01, 0.01], color=_LEVEL, lw=3, transform=axes.get_xaxis_transform())
    axes.axhline(1, color=_LEVEL, lw=0.9, ls="--")
    axes.axvline(one.centre, color=colour, lw=0.8)
    low, high = one.flux - one.sigma, one.flux + one.sigma
    axes.fill_between(one.wavelength, low, high, color=ink, alpha=0.2, lw=0, step="mid")
    axes.plot(one.wavelength, one.flux, lw=0.9, color=ink, drawstyle="steps-mid")
    axes.set_title(one.label, fontsize="small")
    axes.set_xlim(_span(one.wavelength))
    axes.tick_params(labelsize="small")
    axes.locator_params(axis="x", nbins=3)
