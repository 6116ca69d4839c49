"""CARD.md of a preset, from its configuration."""

from __future__ import annotations

from ..figure_titles import (
    in_range,
    ions_of,
    measured_rows,
    member,
    members,
    recall_in_words,
)
from ..markdown import markdown_table
from ..preset_config import PresetConfig
from ..validation.first_stage_figures import first_stage_lines

__all__ = ["write_card"]


def _rule(settings: PresetConfig) -> str:
    """When a spectrum is a candidate."""
    if settings.odds is not None:
        rare = settings.rare_class
        return (
            f"`p_{rare}_survey`, its probability in a survey with the prevalences below, of at "
            f"least {settings.threshold:g}; enough of the key lines covered."
        )
    rule = f"calibrated probability of at least {settings.threshold:g}"
    if table := settings.threshold_by_snr:
        rule += f" at high S/N (g), more at lower: {table}, interpolated"
    if discriminant := settings.discriminant:
        rule += "; score of the discriminant against common spectra, linear in the logarithms of "
        rule += f"probabilities and S/N, at least {discriminant.threshold:.2f}"
    rule += "; enough of the key lines covered." if settings.key_lines else "."
    if weight := settings.calibration.evidence_weight:
        rule += (
            f" The logit of {settings.rare_class} has {weight:.2f} times the log-likelihood ratio "
            f"of the measured {ions_of(settings.evidence)}lines added."
        )
    return rule


def _first_stage(settings: PresetConfig) -> list[str]:
    if settings.first_stage is None:
        return []
    return [*first_stage_lines(settings.first_stage.figures, settings.rare_class), ""]


def _survey(settings: PresetConfig) -> list[str]:
    """Say what a list of candidates is worth, where it was measured."""
    measured = settings.figures.get("survey")
    if settings.odds is None or not measured:
        return []

    rows = [
        (f"S/N {snr}", *(in_range(entry[key]) for key in _WORTH))
        for snr, entry in measured["thresholds"]["0.5"].items()
    ]
    shares = [
        (name, f"{1e6 * share:,.1f}", f"{settings.odds.populations[name].spread:.2f}")
        for name, share in settings.prevalence.items()
    ]
    return [
        "## In a survey",
        "",
        "Completeness is the part of the rare class that is found, purity the part of the "
        "candidates that are of it.",
        f"With `p_{settings.rare_class}_survey` of at least 0.5, ranges of 90 % over stars:",
        "",
        *markdown_table(("spectra", *(key.replace("_", " ") for key in _WORTH)), rows),
        "",
        "Prevalences, and how well the density of each population is known (standard deviation of "
        "its logarithm):",
        "",
        *markdown_table(("population", "in a million spectra", "spread"), shares),
        "",
    ]


_WORTH = ("completeness", "purity", "purity_without_border", "false_in_a_million")


def _limits(settings: PresetConfig) -> list[str]:
    """Say in short what was not tested, and when not to use the preset."""
    rare = settings.rare_class
    if settings.odds is None:
        return []
    lines = [
        f"- `p_{rare}_survey` is for a survey with these prevalences; `--prior` sets others.",
        "- Few stars decide the purity: see the ranges, and the spread of populations.",
        "- It is for LAMOST's resolution. Elsewhere test it on stars of known type first.",
        "- It is no proof of a star's type by itself: look at the spectrum and its lines.",
    ]
    if "sources" in settings.training and (
        not settings.training["sources"][rare]["observed_spectra"]
    ):
        lines.insert(
            0, f"- Of {members(rare)} no LAMOST spectrum was at hand: recall is simulated."
        )
    return ["## What was not tested, and when not to use it", "", *lines, ""]


def _amount(training: dict) -> str:
    def seen(options):
        steps = options["steps_per_epoch"] * options["epochs"]
        return f"up to {steps} steps of {options['batch_size']} simulated observations"

    text = seen(training["options"])
    if refined := training.get("refined"):
        text += f", then {seen(refined)} of which the first stage is not sure"
    return text


def _data(settings: PresetConfig) -> list[str]:
    """What the spectra of a recipe are."""
    training, rare = settings.training, settings.rare_class
    if "command" in training:
        return []
    text = (
        "Library stars are observed in simulation with LAMOST's resolution, noise, reddening and "
        "defects. LAMOST spectra have their own noise, and more is added. "
    )
    if not training["sources"][rare]["observed_spectra"]:
        text += f"No {member(rare)} was observed by LAMOST itself. "
    if set(training["stream"]["invented"]) & set(settings.classes):
        text += (
            "Hot subdwarfs, white dwarfs and other objects are few. Invented spectra are added to "
            "them in training, never in a measurement."
        )
    return [text.rstrip(), ""]


def write_card(preset) -> None:
    """Write ``CARD.md`` into the preset's folder."""
    settings, training = preset.settings, preset.settings.training
    how = (
        f"Measured on the stars that were left out of training, one in {training['n_folds']}, at a "
        "threshold of 0.5."
        if training["holdout"]
        else f"Measured by {training['n_folds']}-fold cross-validation, split by star: "
        "each star is judged by a classifier that has not seen it, calibrated on the other folds. "
        "The shipped weights are trained on all stars by the same recipe. They themselves have not "
        "been measured on unseen stars."
    )
    lines = [
        f"# {preset.name}",
        "",
        settings.description,
        "",
        f"- Classes: {', '.join(preset.classes)}. Candidates are of class {preset.rare_class}.",
        f"- Candidate: {_rule(settings)}",
        f"- Input: {preset.grid.wavelength[0]:.0f} to {preset.grid.wavelength[-1]:.0f} Å (vacuum), "
        f"{preset.grid.n_pixels} pixels; normalization {settings.preprocessing['normalization']}.",
        f"- Training: {_amount(training)}.",
        f"- Weights: SHA-256 `{preset.sha256}`.",
        "",
        "## Figures",
        "",
        how,
        f"{recall_in_words(preset)} Ranges are the central 68 % when stars are resampled.",
        "",
        *markdown_table(
            ("measure", "value", "numbers"), [row for _, *row in measured_rows(preset)]
        ),
        "",
        *_survey(settings),
        *_limits(settings),
        *_first_stage(settings),
        "## Training data",
        "",
        *markdown_table(
            ("class", "library spectra", "library stars", "LAMOST spectra"),
            [
                (name, n["library_spectra"], n["library_stars"], n["observed_spectra"])
                for name, n in training["sources"].items()
            ],
        ),
        "",
        *_data(settings),
        f"Made by `{training.get('command', 'make weights DATA=DIR')}` (seed {training['seed']}).",
        "",
    ]
    (preset.folder / "CARD.md").write_text("\n".join(lines), encoding="utf-8")
