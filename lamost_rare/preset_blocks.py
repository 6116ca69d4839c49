"""The parts of a preset's configuration, as typed objects."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from itertools import chain, pairwise

__all__ = [
    "Block",
    "Calibration",
    "Discriminant",
    "Evidence",
    "FirstStageConfig",
    "KeyLines",
    "NoveltyConfig",
    "Odds",
    "Population",
    "ThresholdBySnr",
    "is_number",
    "list_of",
    "names_of",
    "tuple_of",
]

_LARGEST = 1e30  # no number of a preset is as large; those of JSON may be too large for a float


class Block:
    """An object of JSON as a dataclass."""

    @classmethod
    def from_dict(cls, values: dict):
        """Build it of what JSON holds, or raise TypeError or ValueError."""
        return cls(**{key: tuple_of(value) for key, value in values.items()})

    def to_dict(self) -> dict:
        """Return what JSON is to hold, without what is None."""
        values = {name: getattr(self, name) for name in names_of(type(self))}
        return {key: list_of(value) for key, value in values.items() if value is not None}


@dataclass(frozen=True)
class Calibration(Block):
    """How logits become probabilities.

    To the logit of the rare class ``evidence_weight`` times the log-likelihood ratio of the
    measured lines is added; then all are divided by the ``temperature``.
    """

    temperature: float = 1.0
    evidence_weight: float = 0.0

    def __post_init__(self):
        _check(self.temperature > 0, self.temperature, self.evidence_weight)


@dataclass(frozen=True)
class KeyLines(Block):
    """Vacuum wavelengths (Å) of lines, of which as many as are ``needed`` must be covered."""

    wavelength: tuple[float, ...]
    needed: int

    def __post_init__(self):
        _check(isinstance(self.wavelength, tuple), *self.wavelength, self.needed)


@dataclass(frozen=True)
class Evidence(Block):
    """Lines that define the rare class, and how strong they are in it and in all else.

    ``lines`` are names of `lamost_rare.spectra.lines.LINES`, ``floor`` is the error in Å that each
    width has at least. ``present`` and ``absent`` are mean and scatter (Å) of the mean width in
    the rare class and in all else: without them the lines rank candidates, and say nothing of the
    probability.
    """

    lines: tuple[str, ...]
    floor: float
    present: tuple[float, float] | None = None
    absent: tuple[float, float] | None = None

    def __post_init__(self):
        pairs = [pair for pair in (self.present, self.absent) if pair is not None]
        named = isinstance(self.lines, tuple) and all(isinstance(name, str) for name in self.lines)
        _check(named and all(len(x) == 2 for x in pairs), self.floor, *chain(*pairs))


@dataclass(frozen=True)
class ThresholdBySnr(Block):
    """The probability that is asked for (``threshold``) at each of some rising S/N (g)."""

    snr: tuple[float, ...]
    threshold: tuple[float, ...]

    def __post_init__(self):
        rising = self.snr[0] > 0 and all(a < b for a, b in pairwise(self.snr))
        inside = all(0 < x < 1 for x in self.threshold)
        _check(rising and inside and len(self.snr) == len(self.threshold), *self.snr)

    def __str__(self) -> str:
        pairs = zip(self.snr, self.threshold, strict=True)
        return ", ".join(f"{p:.4g} at {snr:g}" for snr, p in pairs)


@dataclass(frozen=True)
class Discriminant(Block):
    """What tells the rare class and its look-alikes from all else.

    ``weights`` of `lamost_rare.inference.discriminant.discriminant_features`, a ``constant``, and
    the ``threshold`` that the score of a candidate must reach.
    """

    weights: tuple[float, ...]
    constant: float
    threshold: float

    def __post_init__(self):
        _check(True, *self.weights, self.constant, self.threshold)


@dataclass(frozen=True)
class Population(Block):
    """One of the populations of a survey, and how their members are scored.

    The score of a member has a logistic distribution. Its ``location`` is ``a + b s + c l``, its
    scale ``exp(d + e s)``, with ``(a, b, c)`` and ``(d, e)`` as given, ``s`` the natural logarithm
    of a tenth of the S/N and ``l`` the part of the pixels that is lost
    (`lamost_rare.inference.odds`). ``of`` is the class that its members belong to, ``spread`` the
    standard deviation of the logarithm of its density, from one sample of stars to another.
    """

    of: str
    location: tuple[float, float, float]
    scale: tuple[float, float]
    spread: float

    def __post_init__(self):
        right = isinstance(self.of, str) and len(self.location) == 3 and len(self.scale) == 2
        _check(right and self.spread >= 0, *self.location, *self.scale, self.spread)


@dataclass(frozen=True)
class Odds(Block):
    """The score that decides between the populations of a survey, and its distributions.

    ``weights`` and ``constant`` make the score of `lamost_rare.inference.odds.odds_features`;
    between the two ends of ``range`` the ``populations`` (by name) say what a score means.
    """

    weights: tuple[float, ...]
    constant: float
    range: tuple[float, float]
    populations: dict[str, Population]

    def __post_init__(self):
        low, high = self.range
        _check(low < high and bool(self.populations), *self.weights, self.constant, low, high)

    def __repr__(self) -> str:
        return f"<Odds of populations {', '.join(self.populations)}>"

    @classmethod
    def from_dict(cls, values: dict):
        """Build it of what JSON holds, or raise TypeError or ValueError."""
        found = {name: Population.from_dict(of) for name, of in values["populations"].items()}
        return super().from_dict({**values, "populations": found})

    def to_dict(self) -> dict:
        """Return what JSON is to hold."""
        found = {name: of.to_dict() for name, of in self.populations.items()}
        return {**super().to_dict(), "populations": found}


@dataclass(frozen=True, kw_only=True)
class FirstStageConfig(Block):
    """The first stage of a preset: what it may settle, how it was made and measured.

    It ``settles`` some classes, and takes them for those ``bordering`` on them too, from some
    ``log_odds`` on. Its logits have the weight ``mixed`` in a mean with the recogniser's.
    """

    settles: tuple[str, ...] = ()
    bordering: tuple[str, ...] = ()
    log_odds: float = 0.0
    mixed: float = 0.0
    options: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    sha256: str = ""

    def __post_init__(self):
        _check(True, self.log_odds, self.mixed)


@dataclass(frozen=True, kw_only=True)
class NoveltyConfig(Block):
    """What a preset knows of novelty: from what ``threshold`` on a spectrum is flagged, and how its
    network was made and measured."""

    threshold: float = 2.0
    options: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    sha256: str = ""

    def __post_init__(self):
        _check(self.threshold > 0, self.threshold)


def names_of(block) -> list[str]:
    """Return the names of the fields of a dataclass."""
    return [f.name for f in fields(block)]


def tuple_of(value):
    """Return a tuple for a list, all else as it is."""
    return tuple(value) if isinstance(value, list) else value


def list_of(value):
    """Return a list for a tuple, all else as it is."""
    return list(value) if isinstance(value, tuple) else value


def _check(condition: bool, *numbers) -> None:
    if not (condition and all(map(is_number, numbers))):
        raise ValueError


def is_number(value) -> bool:
    """Tell whether a value is a number of a size that presets have."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST
