"""What a shipped classifier does with new observations of the stars that it was trained on."""

from __future__ import annotations

import numpy as np

from ..simulation.noise import NoiseBank
from ..training.build import summarize
from ..training.dataset import LabelledSources
from ..training.observing import observe_in_parts
from .trials import SNR_BINS, subtype_group

__all__ = ["known_star_lines", "knows_these_stars", "try_known_stars"]


def knows_these_stars(preset, sources: LabelledSources, recipe) -> bool:
    """Whether a preset was trained on all of these sources, so far as its own account tells."""
    training = preset.config.get("training", {})
    return not training.get("holdout", True) and training.get("sources") == summarize(
        sources, recipe
    )


def try_known_stars(preset, sources: LabelledSources, noise: NoiseBank, *, seed=0, repeats=10):
    """Observe library stars of type O and B1 and later anew, and classify them.

    Parameters
    ----------
    preset : Preset
    sources : LabelledSources
        What the preset was trained on.
    noise : NoiseBank
    seed : int
    repeats : int
        Observations of each spectrum in each of `SNR_BINS`.

    Returns
    -------
    list of tuple of (int, int, int, int)
        For each bin: O spectra called candidates and all, B1 and later called candidates and all.
    """
    from ..inference.predictor import Predictor

    rng = np.random.default_rng([seed, 78])
    group = np.array([subtype_group(*x) for x in zip(sources.label, sources.mk_type, strict=True)])
    usable = ~sources.observed & sources.whole
    predictor = Predictor(preset)
    found = []
    for bounds in SNR_BINS:
        counts: list[int] = []
        for name in ("O", "B1+"):
            rows = np.repeat(np.flatnonzero(usable & (group == name)), repeats)
            parts = observe_in_parts(sources, rows, noise, rng, bounds, gaps=False)
            hits = sum(int(predictor.predict(batch).candidate.sum()) for _, batch, _ in parts)
            counts += [hits, len(rows)]
        found.append(tuple(counts))
    return found


def known_star_lines(found, decided) -> list[str]:
    """`try_known_stars` beside the same stars unseen, as lines of Markdown.

    Parameters
    ----------
    found : list of tuple
    decided : dict of str to Decided
        Of the cross-validation.
    """
    library = decided["library"]
    lines = [
        "| S/N (g) | O stars found, unseen | O stars found, known | B1 and later called "
        "candidates, unseen | B1 and later called candidates, known |",
        "|---|---|---|---|---|",
    ]
    for (low, high), (o_hits, o_all, b_hits, b_all) in zip(SNR_BINS, found, strict=True):
        here = library.whole & (library.snr >= low) & (library.snr < high)
        cells = []
        for name, hits, n in (("O", o_hits, o_all), ("B1+", b_hits, b_all)):
            own = here & (library.group == name)
            cells += [_rate(int(library.candidate[own].sum()), int(own.sum())), _rate(hits, n)]
        lines.append(f"| {low:g}-{high:g} | {' | '.join(cells)} |")
    return [
        "The shipped classifier was trained on all of these stars. Of new observations of them it "
        "loses what noise hides from it; what the cross-validation loses besides, it loses because "
        "the stars are new to it.",
        "",
        *lines,
    ]


def _rate(hits: int, n: int) -> str:
    return f"{hits / n:.4f} ({hits} of {n:,})" if n else "-"
