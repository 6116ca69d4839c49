"""What a scan found, for people and for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..inference.expected import Expected
from ..inference.selection import Selection
from ..notebook import facts_as_html
from ..text import printable
from ..wording import for_command_line
from .formats import FORMATS

__all__ = ["PackSummary", "ScanSummary"]

_GO_ON = "interrupted; run the same command again and it goes on from here"

_OF_STARS = ("stars", "star_candidates", "only_together")


@dataclass(repr=False)
class ScanSummary:
    """Counts of a scan; ``discovered == classified + rejected + to_do`` always.

    Attributes
    ----------
    source, output : Path
    preset : str
        Name of the preset; empty if no step classifies.
    rare_class : str
        The class whose members are candidates, or empty.
    no_odds : str
        Why the preset has no odds of a survey; empty if it has some.
    discovered : int
        Inputs: files named like spectra, and what `inputs.discovery.find_spectra` lists besides.
    classified, rejected, to_do : int
        Rows of the catalogue, rows of the rejected table, inputs that have neither yet.
    candidates : int
        Rows of the catalogue that are candidates.
    stars, star_candidates, only_together : int
        Rows of the table of stars, of them candidates, and of these without a candidate among
        their spectra.
    predictions, flags, reasons : dict of int
        Rows for each predicted class, each flag and each reject reason.
    seconds : float
        Time this run took.
    start_seconds : float
        Of these, what it took to load the network.
    done_before : int
        Inputs that an earlier run had done.
    state : str
        ``complete``, ``interrupted`` or ``running``.
    format : str
        Of the tables that the user wants to look at.
    try_again : int
        Rejects that could not be read, which the same command tries again.
    left_out : dict of int
        Files that are named like inputs and are none, by what they are.
    selection : Selection, optional
        How candidates were chosen, where the preset has odds of a survey.
    expected : Expected, optional
        How many of them are expected to be true, then.

    Examples
    --------
    >>> from lamost_rare import scan_directory
    >>> summary = scan_directory("demo-output/survey", "candidates", progress=False)
    >>> summary.discovered, summary.classified, summary.rejected
    (310, 300, 10)
    >>> summary.reasons["empty_file"]
    1
    """

    source: Path
    output: Path
    preset: str
    rare_class: str
    no_odds: str = ""
    discovered: int = 0
    classified: int = 0
    rejected: int = 0
    candidates: int = 0
    stars: int = 0
    star_candidates: int = 0
    only_together: int = 0
    predictions: Counter = field(default_factory=Counter)
    flags: Counter = field(default_factory=Counter)
    reasons: Counter = field(default_factory=Counter)
    seconds: float = 0.0
    start_seconds: float = 0.0
    done_before: int = 0
    state: str = "running"
    format: str = "parquet"
    try_again: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    selection: Selection | None = None
    expected: Expected | None = None

    @property
    def done(self) -> int:
        """Inputs that have become rows of either table."""
        return self.classified + self.rejected

    @property
    def to_do(self) -> int:
        """Inputs that have not."""
        return self.discovered - self.done

    @property
    def catalogue(self) -> Path:
        """The table of what was classified."""
        return self.output / "catalogue.parquet"

    def restart(self) -> None:
        """Count from zero again."""
        self.classified = self.rejected = self.candidates = 0

    def add(self, counts: Any) -> None:
        """Count the results of some more inputs (a `shards.ShardCounts`)."""
        self.classified += counts.classified
        self.rejected += counts.rejected
        self.candidates += counts.candidates

    def recall(self, counts: dict) -> None:
        """Take the counts that the manifest of a complete scan holds."""
        self.state = "complete"
        for name in ("classified", "rejected", "candidates"):
            setattr(self, name, counts[name])
        for name in _OF_STARS:
            setattr(self, name, counts.get(name, 0))
        for name in ("predictions", "flags", "reasons"):
            setattr(self, name, Counter(counts[name]))
        self.done_before = self.done

    def recall_selection(self, survey: dict, selection: Selection) -> None:
        """Take what `survey` gave, if it answers the same question as ``selection``."""
        self.selection = selection.as_found(survey)
        self.expected = Expected.from_dict(survey["expected"]) if self.selection else None

    def survey(self) -> dict | None:
        """Return how candidates were chosen and what they are, as manifest.json holds it."""
        if self.selection is None or self.expected is None:
            return None
        prevalence = dict(self.selection.odds.prevalence)
        return {
            **self.selection.to_dict(),
            "prevalence": prevalence,
            "expected": self.expected.to_dict(),
        }

    def counts(self) -> dict:
        """Return the counts as manifest.json holds them."""
        return {
            "discovered": self.discovered,
            "classified": self.classified,
            "rejected": self.rejected,
            "to_do": self.to_do,
            "candidates": self.candidates,
            **({name: getattr(self, name) for name in _OF_STARS} if self.stars else {}),
            "predictions": dict(sorted(self.predictions.items())),
            "flags": dict(sorted(self.flags.items())),
            "reasons": dict(sorted(self.reasons.items())),
        }

    did = "classified"
    """What was done to the spectra of ``classified``."""

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} {self.state}: {self.discovered} inputs, {self.classified} "
            f"{self.did}, {self.rejected} rejected, {self.candidates} candidates>"
        )

    def _repr_html_(self) -> str:
        facts: dict[str, object] = {
            "source": self.source,
            "inputs": self.discovered,
            self.did: self.classified,
            "rejected": self.rejected,
            "to do": self.to_do,
            "seconds": f"{self.seconds:.0f}",
        }
        says = [] if self.state == "complete" else [_GO_ON]
        for line in self._found() if self.state == "complete" else ():
            name, colon, text = line.partition(":")
            if not colon:
                says.append(line)
            elif name == "rejected":  # beside their number
                facts[name] = f"{self.rejected}: {text.strip()}"
            else:
                facts[name] = text.strip()
        return facts_as_html(f"{type(self).__name__}, {self.state}", facts, says=says)

    def __str__(self) -> str:
        lines = [
            f"{self.discovered} inputs = {self.classified} {self.did} + {self.rejected} rejected"
            f" + {self.to_do} to do",
        ]
        now = self.done - self.done_before
        if now and self.seconds:
            start = self.start_seconds if self.start_seconds < self.seconds else 0.0
            rate = now / (self.seconds - start)
            network = f", of which {start:.0f} s to load the network" if start >= 0.5 else ""
            lines[0] += f"  ({now} in {self.seconds:.0f} s{network}; {rate:.0f} a second)"
        if self.state == "complete":
            lines += self._found()
        else:
            lines.append(_GO_ON)
        return "\n".join(lines)

    def _found(self) -> list:
        """Return the lines of a complete scan."""
        lines = [
            f"{name:<11}{_tally(counts)}"
            for name, counts in (
                ("predicted:", self.predictions),
                ("flagged:", self.flags),
                ("rejected:", self.reasons),
            )
            if counts
        ]
        if left := +Counter(self.left_out):
            lines.append(f"{'left out:':<11}{_tally(left)}")
        if self.try_again:
            lines.append(f"{self.try_again} could not be read; the same command tries them again")
        if self.rare_class:
            chosen = f" ({self.selection})" if self.selection else ""
            lines.append(f"candidates of class {self.rare_class}: {self.candidates}{chosen}")
            if self.expected:
                lines += map(printable, self.expected.lines(self.rare_class))
            if self.no_odds:
                lines.append(printable(self.no_odds))
            only = f", {self.only_together} by all their spectra only" * (self.only_together > 0)
            lines.append(f"stars: {self.stars}, of which {self.star_candidates} candidates{only}")
        return [*lines, self._look()]

    def _look(self) -> str:
        """Return the line that says where to look next."""
        suffix = FORMATS[self.format]
        look = [f"{self.output / 'candidates.csv'} (surest first)"] * (self.candidates > 0)
        look.append(str(self.catalogue.with_suffix(suffix)))
        if self.rejected:
            look.append(f"{self.output / f'rejected{suffix}'} (why)")
        return "look at: " + printable(", ".join(look))


class PackSummary(ScanSummary):
    """Counts of a run of `pack_spectra`; ``output`` is the store, ``classified`` its spectra."""

    did = "packed"

    def restart(self) -> None:
        super().restart()
        self.reasons.clear()

    def add(self, counts) -> None:
        super().add(counts)
        self.reasons.update(counts.reasons)

    def _look(self) -> str:
        store = printable(self.output)
        if for_command_line():
            return f"scan it with: lamost-rare scan {store} --output DIR"
        return f"scan it with: scan_directory({store!r}, 'DIR')"


def _tally(counts: Counter) -> str:
    return ", ".join(f"{printable(name)} {number}" for name, number in counts.most_common())
