"""What the figures of a classifier are called, and how they are shown."""

from __future__ import annotations

import re

from .preset_config import Evidence
from .spectra.lines import LINES

__all__ = [
    "figure_rows",
    "in_range",
    "ions_of",
    "measured_rows",
    "member",
    "members",
    "recall_in_words",
    "small_rate",
    "title_of",
]

SMALL = 1e-4
"""A rate below this is said in a million, others in percent."""
_MEMBERS = {
    **{letter: f"{letter} stars" for letter in "OBAFGKM"},
    "hot_subdwarf": "hot subdwarfs",
    "white_dwarf": "white dwarfs",
    "other": "other objects",
    "template": "SDSS templates that look like hot subdwarfs",
    "B0-B0.5": "B0 and B0.5 stars",
    "B1+": "B1 and later",
}
_ALIKE = {"O": "B1 and later, subdwarfs, white dwarfs"}
_TITLES = {
    "recall_known_in_the_blue": "{rare} found by the blue half alone, S/N (g) above 10",
    "candidates_known_in_the_blue": "{alike} called candidates by the blue half alone",
    "recall_one_side_lost": "{rare} found, blue or red half missing, S/N (g) above 20",
    "candidates_one_side_lost": "{alike} called candidates, blue or red half missing",
    "false_alarms_lamost": "LAMOST spectra, none of {one}, called candidates",
    "false_alarms_reobserved": "the same, with noise, reddening and shift added",
    "candidates_reobserved_B": "of these, stars with He I lines, whatever LAMOST calls them",
    "letter_exact": "letter as LAMOST gives it, A F G K M, S/N above 20",
    "letter_within_one": "letter within one of LAMOST's",
}
_RECALL = {
    "": "",
    "_lamost": ", LAMOST spectra as they are",
    "_reobserved": ", LAMOST spectra with noise added",
}


def members(name: str) -> str:
    """Members of a class, or of a group of `validation.trials.subtype_group`, in words."""
    return _MEMBERS.get(name, f"spectra of class {name}")


def member(name: str) -> str:
    """One member of a class, in words and without an article."""
    return members(name)[:-1] if name in _MEMBERS else name


def _one(name: str) -> str:
    if name not in _MEMBERS:
        return f"class {name}"
    return f"{'an' if name in ('O', 'A', 'F', 'M', 'other') else 'a'} {member(name)}"


def ions_of(evidence: Evidence | None) -> str:
    """Return of what ions the lines of the evidence are, each with a space behind it.

    >>> from lamost_rare.inference.calibration import EVIDENCE
    >>> ions_of(EVIDENCE["O"])
    'He II '
    """
    lines = evidence.lines if evidence else ()
    return "".join(dict.fromkeys(LINES[name].label.rpartition(" ")[0] + " " for name in lines))


def title_of(key: str, rare_class: str) -> str | None:
    """Name a figure of `validation.figures.measure`; None if it is not one of them.

    >>> title_of("recall_snr_5_10", "O")
    'O stars found, S/N (g) 5-10'
    """
    if key in _TITLES:
        alike = _ALIKE.get(rare_class, "other stars")
        return _TITLES[key].format(rare=members(rare_class), alike=alike, one=_one(rare_class))
    if found := re.fullmatch(r"recall(?=_)(|_lamost|_reobserved)(?:_snr_(.+))?", key):
        snr = (found[2] or "").replace("above_", "above ").replace("_", "-")
        title = f"{members(rare_class)} found{_RECALL[found[1]]}"
        return f"{title}, S/N (g) {snr}" if snr else title
    if key.startswith("false_alarms_reobserved_"):
        return f"of these, {members(key.removeprefix('false_alarms_reobserved_'))}"
    if key.startswith("candidates_"):
        return f"{members(key.removeprefix('candidates_'))} called candidates"
    return None


def figure_rows(figures: dict, rare_class: str) -> list[tuple[str, str, str, str]]:
    """Key, title, value with uncertainty, and numbers of each figure."""
    rows = []
    for key, value in figures.items():
        title = title_of(key, rare_class)
        if not title or not isinstance(value, dict) or not value.get("n"):
            continue
        numbers = f"{value['count']:,} of {value['n']:,}"
        if "stars" in value:
            numbers += f" spectra, {value['stars']} stars"
        if "upper_limit_95" in value:
            text = _in_words(value)
        elif not value["count"]:
            text = f"none of {value['n']:,}"
        else:
            text = f"{value['rate']:.4f} ({value['low']:.4f} to {value['high']:.4f})"
        rows.append((key, title, text, numbers))
    return rows


def _in_words(figure) -> str:
    """A rate of false alarms and its upper limit."""
    most = f"at most {small_rate(figure['upper_limit_95'])} (95 % confidence)"
    if not figure["count"]:
        return f"none of {figure['n']:,}: {most}"
    return f"{small_rate(figure['rate'])}: {most}"


def small_rate(rate: float) -> str:
    """Write a rate with two digits: in percent, or in a million where it is smaller than 0.01 %.

    >>> small_rate(0.0013148), small_rate(1e-5), small_rate(0.2)
    ('0.13 %', '10 in a million', '20 %')
    """
    value, unit = (100 * rate, "%") if rate >= SMALL else (1e6 * rate, "in a million")
    return f"{float(f'{value:.2g}'):g} {unit}"


def measured_rows(preset) -> list[tuple[str, str, str, str]]:
    """`figure_rows` of a preset.

    Figures that were measured before a preset said of which class they are, are all of O stars:
    for another rare class nothing but letters is left of them.
    """
    figures = preset.figures
    if (preset.settings.figures_of or "O") != preset.rare_class:
        figures = {key: value for key, value in figures.items() if key.startswith("letter_")}
    return figure_rows(figures, preset.rare_class)


def recall_in_words(preset) -> str:
    """Return a sentence that says of what the recall is."""
    if (preset.settings.figures_of or "O") != preset.rare_class:
        return (
            f"How well it finds {members(preset.rare_class)} was not measured by the version that "
            "made it: train it again."
        )
    measured = {key for key, *_ in measured_rows(preset) if key.startswith("recall_")}
    on = []
    if any(not key.startswith(("recall_lamost", "recall_reobserved")) for key in measured):
        on.append("library stars observed in simulation, made to look like LAMOST's")
    if any(key.startswith(("recall_lamost", "recall_reobserved")) for key in measured):
        on.append("LAMOST spectra that were left out of training")
    if not on:
        return f"Recall was not measured: no {member(preset.rare_class)} was tried."
    return f"Recall is that of {' and of '.join(on)}."


def in_range(triple, digits=2, *, percent=False) -> str:
    """Write a value with the ends of its range, as `validation.population` measures them.

    ``percent`` multiplies them by 100, and writes no sign.

    >>> in_range([0.5, 0.25, 0.75]), in_range([0.5, None, None]), in_range([None, None, None])
    ('0.50 (0.25 to 0.75)', '0.50', '-')
    """
    value, low, high = (x if x is None or not percent else 100 * x for x in triple)
    if value is None:
        return "-"
    if low is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
