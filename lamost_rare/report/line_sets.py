"""Sets of lines that are drawn over a spectrum, and which of them get a close-up.

Where they are and from which source: `lamost_rare.report._line_tables`. What is measured has
wavelength, window and side bands of `lamost_rare.spectra.lines`. Wavelengths are those of vacuum.

Lines of the sky and of interstellar matter stay at rest when the velocity of a star is set.
LAMOST's spectra are moved to the Sun's frame, so that sky lines are off by up to 30 km/s.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..inference.calibration import EVIDENCE
from ..preset_config import Evidence
from ..spectra.air_vacuum import air_to_vacuum
from ..spectra.lines import EMISSION_LINES, LINES
from ._line_tables import LINES_OF_SETS

__all__ = [
    "SETS",
    "LineSet",
    "ShownLine",
    "close_up_lines",
    "few_lines",
    "lines_in_sets",
    "page_lines",
]


@dataclass(frozen=True)
class LineSet:
    """Lines that are switched on and off together.

    Attributes
    ----------
    name : str
    shown : bool
        Whether it is on at first.
    at_rest : bool
        Whether the lines stay where they are when the velocity of the star is set.
    """

    name: str
    shown: bool = False
    at_rest: bool = False


@dataclass(frozen=True)
class ShownLine:
    """A line to draw; wavelengths in Å, in vacuum.

    Attributes
    ----------
    set : str
        Name of its `LineSet`.
    name, label : str
        Its own, which no other line has, and that for people.
    wavelength : float
    window, bands : tuple or None
        Where its equivalent width is measured, as in `~lamost_rare.spectra.lines.Line`.
    measured : bool
        Whether catalogues have its width, as ``ew_<name>``.
    """

    set: str
    name: str
    label: str
    wavelength: float
    window: tuple[float, float] | None = None
    bands: tuple[tuple[float, float], ...] | None = None
    measured: bool = False


SETS = (
    LineSet("He II", shown=True),
    LineSet("He I", shown=True),
    LineSet("H", shown=True),
    LineSet("metal"),
    LineSet("nebular"),
    LineSet("interstellar", at_rest=True),
    LineSet("sky", at_rest=True),
)

_CLOSE_UPS = {
    "O": ("hei_4026", "siiv_4089", "heii_4200", "hei_4387", "hei_4471", "heii_4541", "niii_4634",
          "heii_4686", "heii_5411", "halpha"),
    "B": ("hei_4026", "hdelta", "hei_4387", "hei_4471", "mgii_4481", "heii_4541", "heii_4686",
          "hbeta", "hei_5876", "halpha"),
    "hot_subdwarf": ("hei_4026", "hdelta", "heii_4200", "hgamma", "hei_4471", "heii_4541",
                     "heii_4686", "hbeta", "heii_5411", "halpha"),
    "white_dwarf": ("caii_k", "hdelta", "hgamma", "hei_4471", "heii_4686", "hbeta", "hei_5876",
                    "halpha"),
}  # fmt: skip
"""Lines that decide, by rare class."""
_FEW = {
    "O": ("hei_4471", "heii_4541", "heii_4686"),
    "B": ("hei_4471", "mgii_4481", "heii_4686"),
    "hot_subdwarf": ("hgamma", "hei_4471", "heii_4686"),
    "white_dwarf": ("hgamma", "heii_4686", "hbeta"),
}
"""Those for which there is room in a small picture."""
_STRONG = ("caii_k", "hdelta", "hgamma", "hei_4471", "mgii_4481", "hbeta", "hei_5876", "halpha")
"""Those of a class of which none are known."""


def _line(set_name: str, text: str) -> ShownLine:
    name, *rest = text.split(maxsplit=2)
    if rest:
        return ShownLine(set_name, name, rest[1], float(air_to_vacuum(float(rest[0]))))
    line = LINES.get(name) or EMISSION_LINES[name]
    return ShownLine(
        set_name, name, line.label, line.wavelength, line.window, line.bands, name in LINES
    )


def lines_in_sets() -> tuple[ShownLine, ...]:
    """Return all lines, set after set in the order of `SETS`, by wavelength within each."""
    found = [
        _line(lines.name, text.strip())
        for lines in SETS
        for text in LINES_OF_SETS[lines.name].strip().splitlines()
    ]
    order = [lines.name for lines in SETS]
    return tuple(sorted(found, key=lambda line: (order.index(line.set), line.wavelength)))


def close_up_lines(rare_class: str, evidence: Evidence | None = None) -> tuple[str, ...]:
    """Return names of the measured lines that are shown close up, by wavelength.

    Parameters
    ----------
    rare_class : str
    evidence : Evidence, optional
        Of the preset. Its lines, or those known for the class, are among them in any case.

    Returns
    -------
    tuple of str
        Keys of `~lamost_rare.spectra.lines.LINES`.
    """
    own = evidence or EVIDENCE.get(rare_class)
    wanted = {*_CLOSE_UPS.get(rare_class, _STRONG), *(own.lines if own else ())}
    return tuple(name for name in LINES if name in wanted)


def few_lines(rare_class: str, evidence: Evidence | None = None) -> tuple[str, ...]:
    """Return names of the three lines that a small picture of a spectrum has, by wavelength.

    Parameters
    ----------
    rare_class : str
    evidence : Evidence, optional
        Of the preset.
    """
    if rare_class in _FEW:
        return _FEW[rare_class]
    own = evidence.lines if evidence else ()
    wanted = [*own, *(name for name in ("caii_k", "hbeta", "halpha") if name not in own)][:3]
    return tuple(name for name in LINES if name in wanted)


def page_lines(rare_class: str, evidence: Evidence | None = None) -> dict[str, list[dict]]:
    """Return what the page is told of lines.

    Parameters
    ----------
    rare_class : str
    evidence : Evidence, optional
        Of the preset.

    Returns
    -------
    dict
        ``sets``, a list of records ``name``, ``shown``, ``at_rest``; ``lines``, a list of records
        ``set``, ``name``, ``label``, ``wavelength``, ``window``, ``bands``, ``close_up``,
        ``measured``. Wavelengths in Å, in vacuum; all of it can be written as JSON.
    """
    near = close_up_lines(rare_class, evidence)
    return {
        "sets": [vars(one) | {} for one in SETS],
        "lines": [
            {
                "set": line.set,
                "name": line.name,
                "label": line.label,
                "wavelength": round(line.wavelength, 3),
                "window": _rounded(line.window),
                "bands": line.bands and [_rounded(band) for band in line.bands],
                "close_up": line.name in near,
                "measured": line.measured,
            }
            for line in lines_in_sets()
        ],
    }


def _rounded(span: tuple[float, float] | None) -> list[float] | None:
    return None if span is None else [round(edge, 3) for edge in span]
