"""CARD.md of a preset, from its configuration."""

from __future__ import annotations

__all__ = ["write_card"]

TITLES = {
    "recall_snr_5_10": "O stars found, S/N (g) 5-10",
    "recall_snr_10_20": "O stars found, S/N (g) 10-20",
    "recall_snr_above_20": "O stars found, S/N (g) above 20",
    "candidates_B0-B0.5": "B0 and B0.5 stars called candidates",
    "candidates_B1+": "B1 and later called candidates",
    "candidates_hot_subdwarf": "hot subdwarfs called candidates",
    "candidates_white_dwarf": "white dwarfs called candidates",
    "recall_known_in_the_blue": "O stars of which only the blue is known, S/N (g) above 10",
    "candidates_known_in_the_blue": "B1 and later, subdwarfs, white dwarfs known only there",
    "recall_one_side_lost": "O stars with one side of the spectrum lost, S/N (g) above 20",
    "candidates_one_side_lost": "B1 and later, subdwarfs, white dwarfs with one side lost",
    "false_alarms_lamost": "LAMOST spectra, none of an O star, called candidates",
    "false_alarms_reobserved": "the same, observed again with more noise, reddening and shift",
    "candidates_reobserved_B": "of these, of stars that show He I, whatever LAMOST calls them",
    "letter_exact": "letter as LAMOST gives it, A F G K M, S/N above 20",
    "letter_within_one": "letter within one of LAMOST's",
}
"""What a figure is called, in the order in which figures are shown."""


_SHIPPED_DATA = (
    "Library stars are observed in simulation with LAMOST's resolution, noise, reddening and "
    "defects; LAMOST spectra with their own noise and more. No O star was observed by LAMOST "
    "itself: recall is that of library stars made to look like LAMOST's. Hot subdwarfs, white "
    "dwarfs and other objects are few, and are complemented by invented spectra in training, "
    "never in a measurement."
)


def figure_rows(figures: dict) -> list[tuple[str, str, str, str]]:
    """Key, title, value with uncertainty, and numbers of each figure."""
    rows = []
    for key, title in TITLES.items():
        value = figures.get(key)
        if not value or not value.get("n"):
            continue
        if "upper_limit_95" in value:
            limit = value["upper_limit_95"] * 1e6
            text = f"{value['rate'] * 1e6:.1f} in a million, below {limit:.1f} (95 %)"
            numbers = f"{value['count']} of {value['n']:,}"
        else:
            text = f"{value['rate']:.4f} ({value['low']:.4f} to {value['high']:.4f})"
            numbers = f"{value['count']:,} of {value['n']:,} spectra, {value['stars']} stars"
        rows.append((key, title, text, numbers))
    return rows


def asked_by_snr(table: dict) -> str:
    """A preset's ``threshold_by_snr`` in words."""
    pairs = zip(table["snr"], table["threshold"], strict=True)
    return ", ".join(f"{p:.4g} at {snr:g}" for snr, p in pairs)


def _rule(config: dict) -> str:
    """When a spectrum is a candidate."""
    rule = f"calibrated probability of at least {config['threshold']:g}"
    table = config.get("threshold_by_snr")
    if table:
        rule += f" at high S/N (g), more at lower: {asked_by_snr(table)}, interpolated"
    if discriminant := config.get("discriminant"):
        rule += "; score of the discriminant against common spectra, linear in the logarithms of "
        rule += f"probabilities and S/N, at least {discriminant['threshold']:.2f}"
    rule += "; enough of the key lines covered."
    if config["calibration"].get("evidence_weight"):
        rule += (
            f" The logit of {config['rare_class']} has "
            f"{config['calibration']['evidence_weight']:.2f} times "
            "the log-likelihood ratio of the measured He II lines added."
        )
    return rule


def _first_stage(config: dict) -> list[str]:
    if not config.get("first_stage"):
        return []
    from ..evaluation.first_stage import first_stage_lines

    return [*first_stage_lines(config["first_stage"]["figures"]), ""]


def _amount(training: dict) -> str:
    def seen(options):
        steps = options["steps_per_epoch"] * options["epochs"]
        return f"up to {steps} steps of {options['batch_size']} simulated observations"

    text = seen(training["options"])
    if refined := training.get("refined"):
        text += f", then {seen(refined)} of which the first stage is not sure"
    return text


def write_card(preset) -> None:
    """Write ``CARD.md`` into the preset's folder."""
    config = preset.config
    training = config["training"]
    how = (
        f"Measured on the stars that were left out of training, one in {training['n_folds']}, at a "
        "threshold of 0.5."
        if training["holdout"]
        else f"Measured by {training['n_folds']}-fold cross-validation, split by star: "
        "each star is observed by "
        "a classifier that has not seen it, calibrated on the other folds. The "
        "shipped weights "
        "are trained on all stars by the same recipe; they themselves have not been measured on "
        "unseen ones."
    )
    lines = [
        f"# {preset.name}",
        "",
        config["description"],
        "",
        f"- Classes: {', '.join(preset.classes)}. Candidates are of class {preset.rare_class}.",
        f"- Candidate: {_rule(config)}",
        f"- Input: {preset.grid.wavelength[0]:.0f} to {preset.grid.wavelength[-1]:.0f} Å (vacuum), "
        f"{preset.grid.n_pixels} pixels; normalization {config['preprocessing']['normalization']}.",
        f"- Training: {_amount(training)}.",
        f"- Weights: SHA-256 `{preset.sha256}`.",
        "",
        "## Figures",
        "",
        how,
        "Ranges are the central 68 % when stars are resampled.",
        "",
        "| measure | value | numbers |",
        "|---|---|---|",
        *(f"| {a} | {b} | {c} |" for _, a, b, c in figure_rows(preset.figures)),
        "",
        *_first_stage(config),
        "## Training data",
        "",
        "| class | library spectra | library stars | LAMOST spectra |",
        "|---|---|---|---|",
        *(
            f"| {name} | {n['library_spectra']} | {n['library_stars']} | {n['observed_spectra']} |"
            for name, n in training["sources"].items()
        ),
        "",
        *([] if "command" in training else [_SHIPPED_DATA, ""]),
        f"Made by `{training.get('command', 'make weights DATA=DIR')}` (seed {training['seed']}).",
        "",
    ]
    (preset.folder / "CARD.md").write_text("\n".join(lines), encoding="utf-8")
