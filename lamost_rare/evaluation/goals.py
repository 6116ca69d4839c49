"""What the project wants to reach for a rare class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["GOALS", "Goal"]


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


def _at_least(rate: float, digits=2) -> Goal:
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
