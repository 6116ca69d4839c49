"""What ``config.json`` of a preset must hold."""

from __future__ import annotations

import re
from itertools import pairwise
from math import isfinite
from typing import Any

from .errors import LamostRareError
from .spectra.grid import WavelengthGrid

__all__ = ["PresetError", "check_config"]

_KINDS = ("classifier", "generator")


class PresetError(LamostRareError, ValueError):
    """A preset that does not exist, is incomplete, or was changed after it was made."""


def check_config(config: dict, what: str) -> None:
    """Raise PresetError, naming the key, unless ``config`` has what the package relies on."""

    def need(condition, key, wanted):
        if not condition:
            raise PresetError(f"{what}: {key!r} must be {wanted}, not {config.get(key)!r:.80}")

    need(config.get("kind") in _KINDS, "kind", " or ".join(map(repr, _KINDS)))
    for key, value in config.items():
        # Python's JSON knows NaN and Infinity; among the figures they say what was not measured.
        need(key == "figures" or _is_finite(value), key, "without NaN or Infinity")
    need(isinstance(config.get("architecture"), dict), "architecture", "an object")
    for key in ("preprocessing", "calibration", "figures", "evidence", "key_lines", "first_stage"):
        need(isinstance(config.get(key) or {}, dict), key, "an object")
    calibration = config.get("calibration") or {}
    temperature: Any = calibration.get("temperature", 1.0)
    need(
        _is_number(temperature)
        and temperature > 0
        and _is_number(calibration.get("evidence_weight") or 0),
        "calibration",
        "a temperature above 0 and a number as evidence_weight",
    )
    for key, good, wanted in (
        ("evidence", _is_evidence, "lines, floor, and present and absent with two numbers each"),
        ("key_lines", _is_key_lines, "wavelength, a list of numbers, and needed, a number"),
    ):
        need(not config.get(key) or good(config[key]), key, wanted)
    mixed = (config.get("first_stage") or {}).get("mixed", 0)
    need(_is_number(mixed), "first_stage", "an object whose mixed is a number")
    try:
        WavelengthGrid.from_dict(config["grid"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        need(False, "grid", f"log10_start, log10_step and n_pixels ({type(error).__name__})")
    need(_is_sha256(config.get("weights_sha256")), "weights_sha256", "64 hexadecimal digits")
    if config["kind"] != "classifier":
        return
    classes = config.get("classes") or []
    # Class names become column names (p_<class>), which must work in FITS, VOTable and pandas.
    need(
        isinstance(classes, list)
        and len(classes) >= 2
        and all(isinstance(c, str) and re.fullmatch("[A-Za-z][A-Za-z0-9_]*", c) for c in classes)
        and len({c.lower() for c in classes}) == len(classes),
        "classes",
        "two or more different names of letters, digits and _",
    )
    need(config.get("rare_class") in classes, "rare_class", f"one of {classes}")
    threshold: Any = config.get("threshold")
    need(
        _is_number(threshold) and 0 < threshold <= 1,
        "threshold",
        "a number above 0 and up to 1",
    )
    table = config.get("threshold_by_snr")
    need(
        table is None or _is_table(table), "threshold_by_snr", "snr, rising, with a threshold each"
    )
    discriminant = config.get("discriminant")
    need(
        discriminant is None or _is_discriminant(discriminant, len(classes)),
        "discriminant",
        f"{2 * len(classes) + 2} weights, constant and threshold",
    )


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _LARGEST


_LARGEST = 1e30
"""No number of a preset is as large; integers of JSON may be too large for a float."""


def _is_finite(value) -> bool:
    """Whether all numbers in a value of JSON are finite."""
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or isfinite(value)


def _is_evidence(value: dict) -> bool:
    try:
        numbers = [value["floor"], *value.get("present", (0, 1)), *value.get("absent", (0, 1))]
        names = value["lines"]
        named = isinstance(names, list) and all(isinstance(name, str) for name in names)
        return named and len(numbers) == 5 and all(map(_is_number, numbers))
    except (KeyError, TypeError):
        return False


def _is_key_lines(value: dict) -> bool:
    lines = value.get("wavelength")
    return isinstance(lines, list) and all(map(_is_number, [*lines, value.get("needed")]))


def _is_sha256(value) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _is_discriminant(value, n_classes: int) -> bool:
    try:
        numbers = [*value["weights"], value["constant"], value["threshold"]]
        return len(numbers) == 2 * n_classes + 4 and all(map(_is_number, numbers))
    except (KeyError, TypeError):
        return False


def _is_table(table) -> bool:
    try:
        snr, threshold = table["snr"], table["threshold"]
        rising = all(0 < a < b for a, b in pairwise(snr)) and snr[0] > 0
        return rising and len(snr) == len(threshold) and all(0 < x < 1 for x in threshold)
    except (KeyError, TypeError, IndexError):
        return False
