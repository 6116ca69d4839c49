"""What a look at an installation found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..text import printable

__all__ = ["OK", "PROBLEM", "WARNING", "Finding", "lines_of"]

OK, WARNING, PROBLEM = "ok", "warning", "problem"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : str
        It, in a word or two.
    says : str
        How it is.
    state : str
        `OK`; `WARNING` if something is missing that can be done without; `PROBLEM` else.
    advice : str
        What to do about it.
    """

    what: str
    says: str
    state: str = OK
    advice: str = ""


def lines_of(finding: Finding) -> Iterator[str]:
    """Yield a finding as a line for people, and what to do as another."""
    yield printable(f"{finding.state:<8} {finding.what}: {finding.says}")
    if finding.advice:
        yield printable(f"{'':<8} -> {finding.advice}")
