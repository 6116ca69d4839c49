"""How frequent the populations of a survey are, if it is another one than the preset's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..errors import LamostRareError
from ..preset_config import PresetConfig
from ..presets import Preset

__all__ = ["PriorError", "for_survey", "with_prior"]


class PriorError(LamostRareError, ValueError):
    """Prevalences that cannot be used: of an unknown class, negative, or above 1."""


def with_prior(config: PresetConfig, prior: Mapping[str, float]) -> dict[str, float]:
    """Return the prevalence of each population of a preset when some are given.

    Parameters
    ----------
    config : PresetConfig
        With ``odds``.
    prior : mapping of str to float
        Fractions of a survey's spectra, by population, or by class: then the populations of the
        class keep their proportions. Those that are not given share what is left of 1 as before.

    Raises
    ------
    PriorError
        If one is negative or above 1, all together are above 1, or a name is unknown.
    """
    if config.odds is None:
        raise PriorError(
            f"preset {config.name!r} has no odds of a survey, which a prior could change: it was "
            "made by an earlier version, or of too few stars"
        )
    members: dict[str, list[str]] = {}
    for name, population in config.odds.populations.items():
        members.setdefault(population.of, []).append(name)
    members |= {name: [name] for name in config.odds.populations}
    found: dict[str, float] = {}
    for name, value in prior.items():
        if name not in members:
            raise PriorError(f"no class or population {name!r}; known: {', '.join(members)}")
        if not 0 <= value <= 1:
            raise PriorError(f"the prevalence of {name} must be from 0 to 1, not {value:g}")
        names = members[name]
        if twice := found.keys() & set(names):
            raise PriorError(f"the prevalence of {min(twice)} is given twice")
        now = np.array([config.prevalence[n] for n in names], dtype=float)
        part = now / now.sum() if now.sum() > 0 else np.full(len(names), 1 / len(names))
        found |= dict(zip(names, (value * part).tolist(), strict=True))
    given = sum(found.values())
    if given > 1 + 1e-9:
        raise PriorError(f"prevalences sum to {given:g}: they cannot be more than 1")
    rest = {n: v for n, v in config.prevalence.items() if n not in found}
    before = sum(config.prevalence.values()) - sum(config.prevalence[n] for n in found)
    left = sum(config.prevalence.values()) - given
    factor = max(left, 0.0) / before if before > 0 else 0.0
    return {n: found.get(n, rest.get(n, 0.0) * factor) for n in config.prevalence}


def for_survey(
    preset: Preset, prior: Mapping[str, float] | None = None, threshold: float | None = None
) -> Preset:
    """Return a preset whose candidates are those of a survey with other prevalences, or from
    another probability on.

    Parameters
    ----------
    preset : Preset
        A classifier.
    prior : mapping of str to float, optional
        As `with_prior` takes it.
    threshold : float, optional
        Least ``p_<rare>_survey`` of a candidate; for a preset without odds, least ``p_<rare>``, at
        any S/N.

    Raises
    ------
    PriorError
        If a prevalence cannot be used.
    ValueError
        If the threshold is not above 0 and up to 1.
    """
    changes: dict = {}
    if prior:
        changes["prevalence"] = with_prior(preset.settings, prior)
    if threshold is not None:
        if not 0 < threshold <= 1:
            raise ValueError(f"threshold must lie above 0 and up to 1, not {threshold:g}")
        changes |= {"threshold": threshold, "threshold_by_snr": None, "discriminant": None}
    return replace(preset, config={**preset.config, **changes}) if changes else preset
