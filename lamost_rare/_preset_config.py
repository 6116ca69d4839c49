"""What ``config.json`` of a preset must hold."""

from __future__ import annotations

import re
from itertools import pairwise
from math import isfinite

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
    need(isinstance(config.get("architecture"), dict), "architecture", "an object")
    for key in ("preprocessing", "calibration", "figures"):
        need(isinstance(config.get(key) or {}, dict), key, "an object")
    try:
        WavelengthGrid.from_dict(config["grid"])
    except (KeyError, TypeError, ValueError) as error:
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
    threshold = config.get("threshold")
    need(
        isinstance(threshold, (int, float)) and 0 < threshold <= 1,
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


def _is_sha256(value) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _is_discriminant(value, n_classes: int) -> bool:
    try:
        numbers = [*value["weights"], value["constant"], value["threshold"]]
        return len(numbers) == 2 * n_classes + 4 and all(map(isfinite, numbers))
    except (KeyError, TypeError):
        return False


def _is_table(table) -> bool:
    try:
        snr, threshold = table["snr"], table["threshold"]
        rising = all(0 < a < b for a, b in pairwise(snr)) and snr[0] > 0
        return rising and len(snr) == len(threshold) and all(0 < x < 1 for x in threshold)
    except (KeyError, TypeError, IndexError):
        return False
