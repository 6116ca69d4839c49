"""What a preset is for and how good it is, in words: on the command line and in notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .figure_titles import measured_rows, recall_in_words, title_of

if TYPE_CHECKING:
    from .presets import Preset

__all__ = ["facts_of", "sentences_of"]

_FALSE = ("candidates_", "false_alarms_")
"""How the keys of figures begin that say how often something else is taken for a candidate."""


def sentences_of(preset: Preset) -> list[str]:
    """Return what there is to say of a preset in sentences."""
    text = preset.description
    if mistaken := _mistaken(preset):
        text += (
            f" Warning: not for a search, as it takes other stars for {preset.rare_class}: "
            f"{mistaken}."
        )
    if any(title_of(name, preset.rare_class) for name in preset.figures):
        return [text, recall_in_words(preset)]
    return [text]


def facts_of(preset: Preset) -> dict[str, str]:
    """Return what is known of a preset, with its figures, by names."""
    facts = {}
    if preset.classes:
        facts["classes"] = " ".join(preset.classes)
        odds = preset.settings.odds
        by = f"p_{preset.rare_class}_survey" if odds else "a probability"
        facts["looks for"] = f"{preset.rare_class}, at {by} of {preset.threshold:.4g} or more"
        if odds:
            prevalence = preset.settings.prevalence.items()
            facts["prevalences"] = ", ".join(f"{name} {value:.3g}" for name, value in prevalence)
        if table := preset.settings.threshold_by_snr:
            facts["by S/N (g)"] = str(table)
        if discriminant := preset.settings.discriminant:
            facts["discriminant"] = f"{discriminant.threshold:.2f} or more"
    grid = preset.grid
    low, high = grid.wavelength[0], grid.wavelength[-1]
    facts["wavelengths"] = f"{low:.0f} to {high:.0f} Å in vacuum, {grid.n_pixels} pixels"
    known = measured_rows(preset)
    if _mistaken(preset):
        # Before its recall, which says little of a classifier that takes everything hot for rare.
        known.sort(key=lambda row: not row[0].startswith(_FALSE))
    facts |= {title: f"{value} [{numbers}]" for _, title, value, numbers in known}
    facts |= {
        name.replace("_", " "): _figure(value)
        for name, value in preset.figures.items()
        if not known and title_of(name, preset.rare_class) is None
    }
    return facts


def _mistaken(preset: Preset) -> str:
    """Name the kinds of stars of which a preset calls more than half candidates."""
    partial = ("known_in_the_blue", "one_side_lost", "reobserved")
    rates = {
        title.removesuffix(" called candidates"): preset.figures[key].get("rate") or 0
        for key, title, *_ in measured_rows(preset)
        if key.startswith("candidates_") and not any(word in key for word in partial)
    }
    return ", ".join(f"{title} ({rate:.2f})" for title, rate in rates.items() if rate > 0.5)


def _figure(value) -> str:
    """Write a measured figure: a number, or named numbers."""
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_figure(v)}" for name, v in value.items())
    if isinstance(value, (list, tuple)):
        return " to ".join(map(_figure, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
