"""A shipped classifier and new observations of the stars that it was trained on."""

from __future__ import annotations

import numpy as np

from ..figure_titles import members
from ..inference.predictor import Predictor
from ..markdown import markdown_table
from ..presets import Preset
from ..simulation.dataset import LabelledStars
from ..simulation.noise import NoiseBank
from ..simulation.simulate_stars import simulate_in_parts
from ..training.classifier_preset import summarize
from ..training.recipes import Recipe
from ..validation.figures import Decided
from ..validation.trials import LOOKALIKES, SNR_BINS, subtype_group

__all__ = ["known_star_lines", "knows_these_stars", "try_known_stars"]


def knows_these_stars(preset: Preset, stars: LabelledStars, recipe: Recipe) -> bool:
    """Tell whether a preset says of itself that it was trained on all of these stars."""
    training = preset.settings.training
    return not training.get("holdout", True) and training.get("sources") == summarize(stars, recipe)


def try_known_stars(
    preset: Preset, stars: LabelledStars, noise: NoiseBank, *, seed: int = 0, repeats: int = 10
) -> list[tuple[int, ...]]:
    """Observe library stars of the rare class and of others anew, and classify them.

    The others are B1 and later where the rare class is O.

    Parameters
    ----------
    preset : Preset
    stars : LabelledStars
        What the preset was trained on.
    noise : NoiseBank
    seed : int
    repeats : int
        Observations of each spectrum in each of `SNR_BINS`.

    Returns
    -------
    list of tuple of (int, int, int, int)
        For each bin: spectra of the rare class called candidates and all, others called candidates
        and all.
    """
    rng = np.random.default_rng([seed, 78])
    rare = preset.rare_class
    types = zip(stars.label, stars.mk_type, strict=True)
    group = np.array([subtype_group(*x, rare) for x in types])
    # Models are trained on, and tried by nobody: they are not among the unseen ones either.
    usable = ~stars.real & stars.whole & ~stars.synthetic
    predictor = Predictor(preset)
    found = []
    for bounds in SNR_BINS:
        counts: list[int] = []
        for own in _rare_and_others(group, rare):
            rows = np.repeat(np.flatnonzero(usable & own), repeats)
            parts = simulate_in_parts(stars, rows, noise, rng, bounds, gaps=False)
            hits = sum(int(predictor.predict(batch).candidate.sum()) for _, batch, _ in parts)
            counts += [hits, len(rows)]
        found.append(tuple(counts))
    return found


def _rare_and_others(group: np.ndarray, rare_class: str) -> tuple[np.ndarray, np.ndarray]:
    """Return masks of the stars that are counted: of the rare class, and others."""
    near = "B1+" in LOOKALIKES.get(rare_class, ())
    others = group == "B1+" if near else ~np.isin(group, [rare_class, ""])
    return group == rare_class, others


def known_star_lines(
    found: list[tuple[int, ...]], decided: dict[str, Decided], rare_class: str
) -> list[str]:
    """Set what `try_known_stars` returned beside the same stars unseen, in lines of Markdown.

    Parameters
    ----------
    found : list of tuple
    decided : dict of str to Decided
        Of the cross-validation.
    rare_class : str
    """
    library = decided["library"]
    rare = members(rare_class)
    others = members("B1+") if "B1+" in LOOKALIKES.get(rare_class, ()) else "other stars"
    headings = ["S/N (g)"]
    for what in (f"{rare} found", f"{others} called candidates"):
        headings += [f"{what}, unseen", f"{what}, known"]
    masks = _rare_and_others(library.group, rare_class)
    rows = []
    for (low, high), counts in zip(SNR_BINS, found, strict=True):
        rare_hits, n_rare, other_hits, n_others = counts
        here = library.whole & (library.snr >= low) & (library.snr < high)
        row = [f"{low:g}-{high:g}"]
        for mask, hits, n in zip(masks, (rare_hits, other_hits), (n_rare, n_others), strict=True):
            own = here & mask
            row += [_rate(int(library.candidate[own].sum()), int(own.sum())), _rate(hits, n)]
        rows.append(row)
    return [
        "The shipped classifier was trained on all of these stars. Of new observations of them it "
        "misses those that noise makes too much like more frequent stars. What the "
        "cross-validation misses beyond that, it misses because the stars are new to it.",
        "",
        *markdown_table(headings, rows),
    ]


def _rate(hits: int, n: int) -> str:
    return f"{hits / n:.4f} ({hits} of {n:,})" if n else "-"
