"""Flags, classes and qualities in the words of the page."""

from __future__ import annotations

from ..spectra.quality import QualityFlag

__all__ = ["FLAGS_IN_WORDS", "QUALITIES", "VERDICT_FLAGS", "flag_names", "verdict_classes"]

FLAGS_IN_WORDS = {
    QualityFlag.UNUSABLE: "could not be classified",
    QualityFlag.PARTIAL_COVERAGE: "a fifth of the wavelengths or more is missing",
    QualityFlag.LOW_SNR: "S/N below 5",
    QualityFlag.NEGATIVE_FLUX: "many pixels have negative flux",
    QualityFlag.NO_IVAR: "no errors in the source: they are estimates",
    QualityFlag.BAD_IVAR: "some errors were impossible: those pixels are masked",
    QualityFlag.MISSING_IDENTITY: "no obsid in the file",
    QualityFlag.DUPLICATE_OBSID: "the same obsid was met before",
    QualityFlag.OUT_OF_DISTRIBUTION: "unlike nearly all known spectra",
    QualityFlag.RESAMPLED: "resampled before it was classified",
    QualityFlag.KEY_LINES_MISSING: "the lines that decide are mostly missing",
    QualityFlag.MASKED_PIXELS_MANY: "a fifth of the pixels or more is masked",
    QualityFlag.FIRST_STAGE: "settled by the fast first stage",
    QualityFlag.SNR_DOUBTFUL: "the S/N of the source and that of its pixels contradict each other",
    QualityFlag.EMISSION_BALMER: "Balmer lines in emission",
    QualityFlag.EMISSION_HEII_NIII: "He II 4686 or N III 4634-41 in emission",
    QualityFlag.EMISSION_NEBULAR: "nebular lines in emission",
}

VERDICT_FLAGS = ["binary", "emission", "nebula", "artefact", "follow up"]
QUALITIES = ["certain", "probable", "possible", "no use"]

_KEYS = {
    "O": "o", "B": "b", "A": "a", "F": "f", "G": "g", "K": "q", "M": "m",
    "hot_subdwarf": "s", "white_dwarf": "w",
}  # fmt: skip
_ALWAYS = [{"key": "x", "name": "other"}, {"key": "u", "name": "unsure"}]
_FREE = "dehilnprtvyz"
"""Letters for classes of other presets. The page itself has c, j and k."""


def flag_names() -> list[dict]:
    """Return bit, name and words of each flag of a catalogue."""
    return [
        {"bit": flag.value, "name": flag.name, "text": FLAGS_IN_WORDS[flag]} for flag in QualityFlag
    ]


def verdict_classes(classes: list[str], rare_class: str = "") -> list[dict]:
    """Return the classes that a verdict may have, each with its key.

    Parameters
    ----------
    classes : list of str
        Of the preset. Of O, B, hot subdwarf, white dwarf and A each is there in any case, if there
        are keys.
    rare_class : str
        Comes first.
    """
    wanted = [rare_class, *("O", "B", "A", "hot_subdwarf", "white_dwarf"), *classes]
    wanted = [name for name in dict.fromkeys(wanted) if name and name not in ("other", "unsure")]
    free = iter(_FREE)
    keys = {name: _KEYS[name] if name in _KEYS else next(free, "") for name in wanted}
    return [{"key": key, "name": name} for name, key in keys.items() if key] + _ALWAYS
