"""CARD.md of a generator, from its configuration."""

from __future__ import annotations

from ..markdown import markdown_table

__all__ = ["write_generator_card"]


def write_generator_card(preset) -> None:
    """Write ``CARD.md`` into the preset's folder."""
    settings, training = preset.settings, preset.settings.training
    options, refinement = training["options"], training.get("refinement")
    more = f"then {refinement['iterations']} of {refinement['batch_size']}, " if refinement else ""
    if training["source"] == "simulated":
        low, high = training["snr_range"]
        how = (
            f"{training['n_examples']} simulated LAMOST observations, S/N (g) {low:g} to {high:g}, "
            f"of {len(training['stars'])} library stars: reddened, rotating, with LAMOST's own "
            "noise. No star of the class was observed by LAMOST itself."
        )
    else:
        how = f"{training['n_examples']} observed spectra of {len(training['stars'])} stars."
    grid = preset.grid
    stars, unseen = (", ".join(training[which]) for which in ("stars", "unseen_stars"))
    lines = [
        f"# {preset.name}",
        "",
        settings.description,
        "",
        "- Output: flux over its 2-norm (Eq. 1) times the square root of the number of pixels, "
        f"{grid.wavelength[0]:.0f} to {grid.wavelength[-1]:.0f} Å (vacuum), {grid.n_pixels} "
        "pixels, without lost pixels or cosmic rays.",
        f"- Trained on {how}",
        f"- {len(training['unseen_stars'])} stars were left out, to compare with.",
        f"- {options['iterations']} iterations of {options['batch_size']} spectra, {more}seed "
        f"{options['seed']}. The best, by the features below, was {training['iteration']}. "
        "Then mean and scatter of level and noise were moved to those of the training spectra. So "
        "was the mean depth of lines, where kernels are local.",
        "- Mean Kolmogorov-Smirnov distance of line depths, level and noise from those of "
        "other observations of its training stars: "
        f"{settings.figures['feature_distance']:.3f}.",
        f"- Weights: SHA-256 `{preset.sha256}`.",
        "",
        f"Made by `lamost-rare train gan --data DIR --iterations {options['iterations']}`; the "
        "shipped one by `make weights DATA=DIR`.",
        "",
        "What is generated is for training recognisers. It resembles the stars it was trained on "
        "and is no observation: it never enters a catalogue.",
        "",
        *markdown_table(("", "stars"), [("trained on", stars), ("left out", unseen)]),
        "",
    ]
    (preset.folder / "CARD.md").write_text("\n".join(lines), encoding="utf-8")
