"""A trained classifier as a preset: configuration, weights, golden outputs and card."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from ..inference.decision import CandidateRule
from ..preset_config import FirstStageConfig, PresetConfig
from ..presets import Preset, save_preset
from ..simulation.dataset import LabelledStars
from ..spectra.grid import LAMOST_GRID
from .card import write_card
from .golden import write_golden
from .loop import export_weights
from .recipes import Recipe

__all__ = ["save_classifier", "summarize"]


def save_classifier(
    folder: Path,
    recipe: Recipe,
    rule: CandidateRule,
    stars: LabelledStars,
    state: Path,
    *,
    seed: int,
    figures: dict,
    first_stage: FirstStageConfig | None = None,
    **training,
) -> Preset:
    """Write a trained classifier as a preset.

    ``stars`` are what it was trained and tried on, and ``state`` is the folder of the training,
    which holds the best weights. The first stage is in the preset's folder already, if it has one;
    ``training`` is what else is to be said of the training.
    """
    config = PresetConfig(
        name=recipe.name,
        kind="classifier",
        description=recipe.description,
        architecture={**recipe.architecture, "n_classes": len(recipe.classes)},
        classes=recipe.classes,
        rare_class=recipe.rare_class,
        grid=LAMOST_GRID,
        preprocessing=recipe.preprocessing,
        threshold=rule.threshold,
        threshold_by_snr=rule.threshold_by_snr,
        discriminant=rule.discriminant,
        odds=rule.odds.odds if rule.odds else None,
        prevalence=dict(rule.odds.prevalence) if rule.odds else {},
        calibration=rule.calibration,
        key_lines=recipe.key_lines,
        evidence=recipe.evidence,
        training={
            "options": asdict(recipe.training),
            "refined": recipe.refined and asdict(recipe.refined),
            "stream": recipe.stream.to_dict(),
            "seed": seed,
            "n_folds": recipe.n_folds,
            "holdout": recipe.holdout,
            "sources": summarize(stars, recipe),
            **training,
        },
        figures=figures,
        figures_of=recipe.rare_class,
        first_stage=first_stage,
    )
    best, shipped = state / "best.weights.h5", state / "shipped.weights.h5"
    preset = save_preset(
        folder, config.to_dict(), export_weights(config.architecture, best, shipped)
    )
    write_golden(preset)
    write_card(preset)
    return preset


def summarize(stars: LabelledStars, recipe: Recipe) -> dict:
    """Count spectra and stars of each class."""
    out = {}
    for name in recipe.classes:
        own = stars.label == name
        out[name] = {
            "library_spectra": int((own & ~stars.real).sum()),
            "library_stars": len(set(stars.star[own & ~stars.real])),
            "observed_spectra": int((own & stars.real).sum()),
        }
    return out
