"""What the project wants to reach for a rare class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["GOALS", "SURVEY_GOALS", "Goal"]


@dataclass(frozen=True)
class Goal:
    """A goal for a figure of `validation.figures.measure`.

    Attributes
    ----------
    text : str
    is_met : callable
        Takes the figure, a dict, and returns whether it reaches the goal.
    """

    text: str
    is_met: Callable[[dict], bool]


def _at_least(rate: float, digits: int = 2) -> Goal:
    return Goal(f"{rate:.{digits}f}", lambda figure: figure["rate"] >= rate)


def _under(rate: float) -> Goal:
    return Goal(f"under {rate:g}", lambda figure: figure["rate"] < rate)


def _surely_under(number: int) -> Goal:
    return Goal(
        f"under {number} in a million", lambda figure: figure["upper_limit_95"] * 1e6 < number
    )


_NONE = Goal("0", lambda figure: figure["count"] == 0)

GOALS = {
    "O": {
        "recall_snr_5_10": _at_least(0.75),
        "recall_snr_10_20": _at_least(0.93),
        "recall_snr_above_20": _at_least(0.985, digits=3),
        "candidates_B1+": _under(0.0003),
        "candidates_hot_subdwarf": _under(0.002),
        "candidates_white_dwarf": _NONE,
        "recall_one_side_lost": _at_least(0.85),
        "false_alarms_lamost": _NONE,
        "false_alarms_reobserved": _surely_under(10),
        "letter_exact": _at_least(0.88),
        "letter_within_one": _at_least(0.999, digits=3),
    }
}

SURVEY_GOALS = {
    "O": {
        "purity_without_border": {"above 10": "0.80"},
        "purity": {"above 10": "0.65"},
        "completeness": {
            "above 10": "0.90", "5-10": "0.75", "10-20": "0.93", "above 20": "0.985",
        },
        "O9-O9.7": {"5-10": "65", "10-20": "90", "above 20": "97"},
        "hot_subdwarf": {"5-10": "0.2", "10-20": "0.2", "above 20": "0.2"},
        "white_dwarf": {"above 20": "0"},
        "expected": "0.8 to 1.2",
    }
}  # fmt: skip
"""Goals for a list of candidates of a survey, by measure or population and S/N."""
