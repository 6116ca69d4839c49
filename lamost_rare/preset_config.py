"""The configuration of a preset: what its ``config.json`` holds, as typed objects."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from itertools import chain, pairwise
from typing import Any

from .errors import LamostRareError
from .spectra.grid import WavelengthGrid

__all__ = [
    "Calibration",
    "Discriminant",
    "Evidence",
    "FirstStageConfig",
    "KeyLines",
    "PresetConfig",
    "PresetError",
    "ThresholdBySnr",
]

_LARGEST = 1e30  # no number of a preset is as large; those of JSON may be too large for a float
_EARLIER = ("low_snr", "group_threshold_by_snr")
"""Keys that earlier versions wrote, and that no later one goes by."""


class PresetError(LamostRareError, ValueError):
    """A preset that does not exist, is incomplete, or was changed after it was made."""


class _Block:
    @classmethod
    def from_dict(cls, values: dict):
        """Build it of what JSON holds, or raise TypeError or ValueError."""
        return cls(**{key: _tuple_of(value) for key, value in values.items()})

    def to_dict(self) -> dict:
        """Return what JSON is to hold, without what is None."""
        values = {name: getattr(self, name) for name in _names(type(self))}
        return {key: _list_of(value) for key, value in values.items() if value is not None}


@dataclass(frozen=True)
class Calibration(_Block):
    """How logits become probabilities.

    To the logit of the rare class ``evidence_weight`` times the log-likelihood ratio of the
    measured lines is added; then all are divided by the ``temperature``.
    """

    temperature: float = 1.0
    evidence_weight: float = 0.0

    def __post_init__(self):
        _check(self.temperature > 0, self.temperature, self.evidence_weight)


@dataclass(frozen=True)
class KeyLines(_Block):
    """Vacuum wavelengths (Å) of lines, of which as many as are ``needed`` must be covered."""

    wavelength: tuple[float, ...]
    needed: int

    def __post_init__(self):
        _check(isinstance(self.wavelength, tuple), *self.wavelength, self.needed)


@dataclass(frozen=True)
class Evidence(_Block):
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
class ThresholdBySnr(_Block):
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
class Discriminant(_Block):
    """What tells the rare class and its look-alikes from all else.

    ``weights`` of `lamost_rare.inference.discriminant.discriminant_features`, a ``constant``, and
    the ``threshold`` that the score of a candidate must reach.
    """

    weights: tuple[float, ...]
    constant: float
    threshold: float

    def __post_init__(self):
        _check(True, *self.weights, self.constant, self.threshold)


@dataclass(frozen=True, kw_only=True)
class FirstStageConfig(_Block):
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
class PresetConfig:
    """All that ``config.json`` says; `lamost_rare.presets.Preset` says what most of it is.

    What is for classifiers alone has no meaning for a generator, and is not written.
    ``threshold_by_snr`` takes the place of ``threshold``. ``training``, ``figures`` and
    ``created_with`` (versions of what decides the outputs) are free in what they hold;
    ``figures_of`` is the rare class of the figures, empty if an earlier version measured them.
    """

    name: str = ""
    kind: str
    description: str = ""
    architecture: dict
    classes: tuple[str, ...] = ()
    rare_class: str = ""
    grid: WavelengthGrid
    preprocessing: dict = field(default_factory=dict)
    threshold: float = 0.5
    threshold_by_snr: ThresholdBySnr | None = None
    discriminant: Discriminant | None = None
    calibration: Calibration = field(default_factory=Calibration)
    key_lines: KeyLines | None = None
    evidence: Evidence | None = None
    training: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    figures_of: str = ""
    first_stage: FirstStageConfig | None = None
    weights_sha256: str = ""
    created_with: dict = field(default_factory=dict)

    @classmethod
    def from_dict(cls, config: dict, what: str) -> PresetConfig:
        """Build it from the content of ``config.json``; messages say of ``what`` it is.

        Raises
        ------
        PresetError
            Naming the key that is unknown, or whose value cannot be used.
        """

        def need(condition, key, wanted):
            if not condition:
                raise PresetError(f"{what}: {key!r} must be {wanted}, not {config.get(key)!r:.80}")

        _refuse_unknown(config, [*_names(cls), *_EARLIER], what)
        for key, value in config.items():
            # Python's JSON knows NaN and Infinity; among figures they say what was not measured.
            need(key == "figures" or _is_finite(value), key, "without NaN or Infinity")
        need(config.get("kind") in ("classifier", "generator"), "kind", "classifier or generator")
        need(isinstance(config.get("architecture"), dict), "architecture", "an object")
        # What is empty is as it is by default.
        found = {key: _tuple_of(value) for key, value in config.items() if value}
        found = {key: value for key, value in found.items() if key not in _EARLIER}
        found["architecture"] = config["architecture"]
        for key in ("name", "description", "figures_of"):
            need(isinstance(found.get(key, ""), str), key, "text")
        for key in ("preprocessing", "training", "figures", "created_with", *_BLOCKS):
            need(isinstance(found.get(key, {}), dict), key, "an object")
        for key, (block, wanted) in _BLOCKS.items():
            if key not in found:
                continue
            _refuse_unknown(found[key], _names(block), f"{what}: {key!r}")
            try:
                found[key] = block.from_dict(found[key])
            except (IndexError, TypeError, ValueError):
                need(False, key, wanted)
        try:
            found["grid"] = WavelengthGrid.from_dict(config["grid"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            need(False, "grid", f"log10_start, log10_step and n_pixels ({type(error).__name__})")
        digest = str(found.get("weights_sha256"))
        need(re.fullmatch("[0-9a-f]{64}", digest), "weights_sha256", "64 hexadecimal digits")
        if config["kind"] == "classifier":
            _check_classifier(config, found.get("discriminant"), need)
        return cls(**found)

    def to_dict(self) -> dict:
        """Return the content of ``config.json``, of which `from_dict` makes the same object."""
        found = {name: _list_of(getattr(self, name)) for name in _names(type(self))}
        found |= {key: found[key].to_dict() for key in ("grid", *_BLOCKS) if found[key]}
        found |= {key: found[key] or {} for key in ("key_lines", "evidence")}
        if self.kind != "classifier":
            found = {key: value for key, value in found.items() if key not in _OF_CLASSIFIERS}
        return {key: value for key, value in found.items() if value or key not in _OFTEN_EMPTY}


_BLOCKS: dict[str, tuple[type[_Block], str]] = {
    "threshold_by_snr": (ThresholdBySnr, "snr, rising, with a threshold each"),
    "discriminant": (Discriminant, "weights, constant and threshold"),
    "calibration": (Calibration, "a temperature above 0 and a number as evidence_weight"),
    "key_lines": (KeyLines, "wavelength, a list of numbers, and needed, a number"),
    "evidence": (Evidence, "lines, floor, and present and absent with two numbers each"),
    "first_stage": (FirstStageConfig, "an object whose mixed is a number"),
}
_OF_CLASSIFIERS = ("classes", "threshold", *_BLOCKS)
_OFTEN_EMPTY = ("figures_of", "first_stage", "weights_sha256", "created_with")


def _check_classifier(config: dict, discriminant: Discriminant | None, need) -> None:
    classes: Any = config.get("classes")
    threshold: Any = config.get("threshold")
    # Class names become column names (p_<class>), which must work in FITS, VOTable and pandas.
    need(
        isinstance(classes, (list, tuple))
        and len(classes) >= 2
        and all(isinstance(c, str) and re.fullmatch("[A-Za-z][A-Za-z0-9_]*", c) for c in classes)
        and len({c.lower() for c in classes}) == len(classes),
        "classes",
        "two or more different names of letters, digits and _",
    )
    need(config.get("rare_class") in classes, "rare_class", f"one of {classes}")
    good = _is_number(threshold) and 0 < threshold <= 1
    need(good, "threshold", "a number above 0 and up to 1")
    n = 2 * len(classes) + 2
    fits = discriminant is None or len(discriminant.weights) == n
    need(fits, "discriminant", f"{n} weights, constant and threshold")


def _refuse_unknown(config: dict, known: list[str], what: str) -> None:
    for key in config:
        if key not in known:
            close = get_close_matches(str(key), known, n=1, cutoff=0.6)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise PresetError(f"{what}: unknown key {key!r:.80}; {hint}")


def _names(block) -> list[str]:
    return [f.name for f in fields(block)]


def _tuple_of(value):
    return tuple(value) if isinstance(value, list) else value


def _list_of(value):
    return list(value) if isinstance(value, tuple) else value


def _check(condition: bool, *numbers) -> None:
    if not (condition and all(map(_is_number, numbers))):
        raise ValueError


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST


def _is_finite(value) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True
