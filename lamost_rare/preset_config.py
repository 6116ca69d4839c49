"""The configuration of a preset: what its ``config.json`` holds, as typed objects."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from .errors import LamostRareError
from .preset_blocks import (
    Block,
    Calibration,
    Discriminant,
    Evidence,
    FirstStageConfig,
    KeyLines,
    NoveltyConfig,
    Odds,
    Population,
    ThresholdBySnr,
    is_number,
    list_of,
    names_of,
    tuple_of,
)
from .spectra.grid import WavelengthGrid
from .text import printable

__all__ = [
    "Calibration",
    "Discriminant",
    "Evidence",
    "FirstStageConfig",
    "KeyLines",
    "NoveltyConfig",
    "Odds",
    "Population",
    "PresetConfig",
    "PresetError",
    "ThresholdBySnr",
]

_EARLIER = ("low_snr", "group_threshold_by_snr")
"""Keys that earlier versions wrote, and that no later one goes by."""


class PresetError(LamostRareError, ValueError):
    """A preset that does not exist, is incomplete, or was changed after it was made.

    Examples
    --------
    >>> from lamost_rare import load_preset
    >>> load_preset("racnet-obafgkm")
    Traceback (most recent call last):
        ...
    lamost_rare.preset_config.PresetError: no preset 'racnet-obafgkm'; did you mean ...
    """


@dataclass(frozen=True, kw_only=True)
class PresetConfig:
    """All that ``config.json`` says; `lamost_rare.presets.Preset` says what most of it is.

    What is for classifiers alone has no meaning for a generator, and is not written.
    ``threshold_by_snr`` takes the place of ``threshold``. ``prevalence`` is how frequent each
    population of ``odds`` is among the spectra of a survey. ``training``, ``figures`` and
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
    odds: Odds | None = None
    prevalence: dict[str, float] = field(default_factory=dict)
    calibration: Calibration = field(default_factory=Calibration)
    key_lines: KeyLines | None = None
    evidence: Evidence | None = None
    training: dict = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    figures_of: str = ""
    first_stage: FirstStageConfig | None = None
    novelty: NoveltyConfig | None = None
    weights_sha256: str = ""
    created_with: dict = field(default_factory=dict)

    def __repr__(self) -> str:
        of = f" for {self.rare_class}" if self.rare_class else ""
        blocks = ", ".join(name for name in _BLOCKS if getattr(self, name)) or "no blocks"
        return printable(f"<PresetConfig {self.name}: {self.kind}{of}, with {blocks}>")

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

        _refuse_unknown(config, [*names_of(cls), *_EARLIER], what)
        for key, value in config.items():
            # Python's JSON knows NaN and Infinity; among figures they say what was not measured.
            need(key == "figures" or _is_finite(value), key, "without NaN or Infinity")
        need(config.get("kind") in ("classifier", "generator"), "kind", "classifier or generator")
        need(isinstance(config.get("architecture"), dict), "architecture", "an object")
        # What is empty is as it is by default.
        found = {key: tuple_of(value) for key, value in config.items() if value}
        found = {key: value for key, value in found.items() if key not in _EARLIER}
        found["architecture"] = config["architecture"]
        for key in ("name", "description", "figures_of"):
            need(isinstance(found.get(key, ""), str), key, "text")
        for key in ("preprocessing", "training", "figures", "created_with", "prevalence", *_BLOCKS):
            need(isinstance(found.get(key, {}), dict), key, "an object")
        for key, (block, wanted) in _BLOCKS.items():
            if key not in found:
                continue
            _refuse_unknown(found[key], names_of(block), f"{what}: {key!r}")
            try:
                found[key] = block.from_dict(found[key])
            except (AttributeError, IndexError, KeyError, TypeError, ValueError):
                need(False, key, wanted)
        try:
            found["grid"] = WavelengthGrid.from_dict(config["grid"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            need(False, "grid", f"log10_start, log10_step and n_pixels ({type(error).__name__})")
        digest = str(found.get("weights_sha256"))
        need(re.fullmatch("[0-9a-f]{64}", digest), "weights_sha256", "64 hexadecimal digits")
        if config["kind"] == "classifier":
            _check_classifier(config, found.get("discriminant"), need)
            _check_odds(config, found, need)
        return cls(**found)

    def to_dict(self) -> dict:
        """Return the content of ``config.json``, of which `from_dict` makes the same object."""
        found = {name: list_of(getattr(self, name)) for name in names_of(type(self))}
        found |= {key: found[key].to_dict() for key in ("grid", *_BLOCKS) if found[key]}
        found |= {key: found[key] or {} for key in ("key_lines", "evidence")}
        if self.kind != "classifier":
            found = {key: value for key, value in found.items() if key not in _OF_CLASSIFIERS}
        return {key: value for key, value in found.items() if value or key not in _OFTEN_EMPTY}


_BLOCKS: dict[str, tuple[type[Block], str]] = {
    "threshold_by_snr": (ThresholdBySnr, "snr, rising, with a threshold each"),
    "discriminant": (Discriminant, "weights, constant and threshold"),
    "odds": (
        Odds,
        "weights, constant, range (low and high), and populations with of, location, scale, spread",
    ),
    "calibration": (Calibration, "a temperature above 0 and a number as evidence_weight"),
    "key_lines": (KeyLines, "wavelength, a list of numbers, and needed, a number"),
    "evidence": (Evidence, "lines, floor, and present and absent with two numbers each"),
    "first_stage": (FirstStageConfig, "an object whose mixed is a number"),
    "novelty": (NoveltyConfig, "an object whose threshold is a number above 0"),
}
_OF_CLASSIFIERS = ("classes", "threshold", "prevalence", *_BLOCKS)
_OFTEN_EMPTY = (
    "odds", "prevalence", "figures_of", "first_stage", "novelty", "weights_sha256", "created_with",
)  # fmt: skip


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
    good = is_number(threshold) and 0 < threshold <= 1
    need(good, "threshold", "a number above 0 and up to 1")
    n = 2 * len(classes) + 2
    fits = discriminant is None or len(discriminant.weights) == n
    need(fits, "discriminant", f"{n} weights, constant and threshold")


def _check_odds(config: dict, found: dict, need) -> None:
    classes, odds, prevalence = config["classes"], found.get("odds"), found.get("prevalence", {})
    good = all(is_number(x) and 0 <= x <= 1 for x in prevalence.values())
    need(good and sum(prevalence.values()) <= 1 + 1e-9, "prevalence", "fractions, 1 in all at most")
    if odds is None:
        return
    n = 2 * len(classes) + 3
    need(len(odds.weights) == n, "odds", f"{n} weights and so on")
    of = {population.of for population in odds.populations.values()}
    need(of <= set(classes), "odds", f"populations of some of {classes}")
    need(config["rare_class"] in of, "odds", f"with a population of {config['rare_class']}")
    need(set(prevalence) == set(odds.populations), "prevalence", "for each population of 'odds'")


def _refuse_unknown(config: dict, known: list[str], what: str) -> None:
    for key in config:
        if key not in known:
            close = get_close_matches(str(key), known, n=1, cutoff=0.6)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
            raise PresetError(f"{what}: unknown key {key!r:.80}; {hint}")


def _is_finite(value) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True
