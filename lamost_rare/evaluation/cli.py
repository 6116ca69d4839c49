"""``lamost-rare evaluate``: the measurements."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare evaluate``."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    own = what.add_parser(
        "classifier",
        help="recall, false alarms and look-alikes, on stars not trained on",
        description="Cross-validate a preset's recipe by star, and write a page with plots.",
    )
    own.add_argument("--data", required=True, metavar="DIR", help="libraries/ and lamost/")
    own.add_argument("--preset", default="racnet-obafgkm-v1", metavar="P", help="which recipe")
    own.add_argument(
        "--output", default="docs/recognition.md", metavar="PAGE", help="(docs/recognition.md)"
    )
    own.add_argument(
        "--work", metavar="DIR", default=".cache/training", help="states, kept (.cache/training)"
    )
    own.add_argument("--jobs", type=int, default=2, help="trainings at a time (2)")
    own.add_argument("--seed", type=int, default=0, help="of everything random (0)")

    seeds = what.add_parser(
        "seeds",
        help="how much the figures of a classifier depend on chance",
        description="Cross-validate a shipped preset's recipe with other seeds, and write a page "
        "that sets the figures beside its own. Interrupted, the same command goes on; a seed takes "
        "more than an hour of two cores.",
    )
    seeds.add_argument("--data", required=True, metavar="DIR", help="libraries/ and lamost/")
    seeds.add_argument("--preset", default="racnet-obafgkm-v1", metavar="P", help="which recipe")
    seeds.add_argument(
        "--seeds", type=int, nargs="+", default=[1], metavar="N", help="besides the preset's (1)"
    )
    seeds.add_argument("--output", default="docs/seeds.md", metavar="PAGE", help="(docs/seeds.md)")
    seeds.add_argument(
        "--work", metavar="DIR", default=".cache/training", help="states, kept (.cache/training)"
    )
    seeds.add_argument("--jobs", type=int, default=2, help="trainings at a time (2)")

    gan = what.add_parser(
        "gan",
        help="GAN-train, GAN-test, lines, memorisation and coverage of a generator",
        description="Compare generated spectra with real ones, and write a page with plots.",
    )
    gan.add_argument("--data", required=True, metavar="DIR", help="libraries/ and lamost/")
    gan.add_argument(
        "--preset", default="lcgan-o-v1", metavar="P",
        help="a generator: preset, or folder of a training (lcgan-o-v1)",
    )  # fmt: skip
    gan.add_argument("--compare", metavar="P", help="another generator, for example an SGAN")
    gan.add_argument("--seeds", type=int, default=5, help="repetitions (5)")
    gan.add_argument("--output", default="docs/gan.md", metavar="PAGE", help="(docs/gan.md)")

    mixture = what.add_parser(
        "mixture",
        help="whether the shipped recogniser gains from generated stars in its training",
        description="Train the recognisers of the cross-validation on, with and without the stars "
        "of an LCGAN, and try both on stars that neither has seen. Interrupted, the same command "
        "goes on; a repetition takes about an hour of one core.",
    )
    mixture.add_argument("--data", required=True, metavar="DIR", help="libraries/ and lamost/")
    mixture.add_argument("--preset", default="racnet-obafgkm-v1", metavar="P", help="which recipe")
    mixture.add_argument(
        "--fraction", type=float, default=0.4, help="generated, of the rare class (0.4)"
    )
    mixture.add_argument("--repetitions", type=int, default=2, help="(2)")
    mixture.add_argument(
        "--output", default="docs/mixture.md", metavar="PAGE", help="(docs/mixture.md)"
    )
    mixture.add_argument(
        "--work", metavar="DIR", default=".cache/training", help="states, kept (.cache/training)"
    )
    mixture.add_argument("--jobs", type=int, default=2, help="trainings at a time (2)")

    paper = what.add_parser(
        "paper",
        help="the experiments of Yang et al. (2021)",
        description="Do the paper's experiments and write a page with plots. Interrupted, the "
        "same command goes on; a run takes about a quarter of an hour of one core for each number "
        "of stars.",
    )
    paper.add_argument("--data", required=True, metavar="DIR", help="libraries/ and lamost/")
    paper.add_argument("--runs", type=int, default=2, help="2; the paper has 10")
    paper.add_argument(
        "--few-runs", type=int, metavar="N", help="runs with smaller numbers of stars (all)"
    )
    paper.add_argument("--jobs", type=int, default=2, help="pieces of work at a time (2)")
    paper.add_argument("--iterations", type=int, metavar="N", help="of each GAN (600)")
    paper.add_argument(
        "--stars", type=int, nargs="*", metavar="N", help="smaller numbers of O stars too (5 10)"
    )
    paper.add_argument(
        "--work", metavar="DIR", default=".cache/paper", help="results, kept (.cache/paper)"
    )
    paper.add_argument("--output", default="docs/paper.md", metavar="PAGE", help="(docs/paper.md)")
    paper.add_argument("--quick", action="store_true", help="in miniature: only that it runs")


def run(args: argparse.Namespace) -> int:
    """Measure, print what was found, write the page; returns the exit status."""
    commands = {
        "classifier": _classifier,
        "seeds": _seeds,
        "gan": _gan,
        "mixture": _mixture,
        "paper": _paper,
    }
    return commands[args.what](args)


def _classifier(args) -> int:
    from ..presets import load_preset
    from ..training.build import cross_validate, cross_validate_first_stage
    from ..training.card import figure_rows
    from ..training.dataset import load_data_folder
    from ..training.observing import noise_of
    from .known_stars import knows_these_stars, try_known_stars
    from .recognition import write_recognition

    recipe = _recipe(args.preset)
    sources = load_data_folder(args.data)
    trials = cross_validate(
        recipe, args.data, args.work, jobs=args.jobs, seed=args.seed, final=False
    )
    stages = cross_validate_first_stage(
        recipe, args.data, args.work, jobs=args.jobs, seed=args.seed, final=False
    )
    command = f"lamost-rare evaluate classifier --data DIR --preset {args.preset}"
    if args.seed:
        command += f" --seed {args.seed}"
    known, preset = None, load_preset(args.preset)
    if knows_these_stars(preset, sources, recipe):
        known = try_known_stars(preset, sources, noise_of(sources), seed=args.seed)
    figures = write_recognition(
        recipe, sources, trials, args.output, command, seed=args.seed, stages=stages, known=known
    )
    for _, title, value, numbers in figure_rows(figures, recipe.rare_class):
        print(f"{title}: {value} [{numbers}]")
    print(args.output)
    return 0


def _recipe(name):
    from ..training.recipes import RECIPES

    if name not in RECIPES:
        raise ValueError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


def _seeds(args) -> int:
    from ..presets import load_preset
    from ..training.build import cross_validate
    from ..training.dataset import load_data_folder
    from .figures import cross_fitted, measure
    from .operating_point import OperatingPoint
    from .seeds import check_recipe, write_seeds

    recipe, preset = _recipe(args.preset), load_preset(args.preset)
    check_recipe(preset, recipe, args.seeds)
    sources = load_data_folder(args.data)
    fixed = OperatingPoint() if recipe.holdout else None
    figures = {}
    for seed in args.seeds:
        trials = cross_validate(
            recipe, args.data, args.work, jobs=args.jobs, seed=seed, final=False
        )
        decided, _, _ = cross_fitted(
            trials, sources, recipe.classes, recipe.rare_class, fixed=fixed, group=recipe.group
        )
        figures[seed] = measure(decided, recipe.classes, recipe.rare_class, seed)
    command = f"lamost-rare evaluate seeds --data DIR --preset {args.preset}"
    command += " --seeds" + "".join(f" {seed}" for seed in args.seeds)
    write_seeds(preset, figures, args.output, command)
    print(args.output)
    return 0


def _gan(args) -> int:
    from .gan import evaluate_gan
    from .gan_report import summary, write_gan

    if args.seeds < 1:
        raise ValueError("--seeds must be at least 1")
    figures = evaluate_gan(args.data, args.preset, args.compare, n_seeds=args.seeds)
    for line in summary(figures):
        print(line)
    command = f"lamost-rare evaluate gan --data DIR --preset {figures.names[0]}"
    if args.compare:
        command += f" --compare {figures.names[1]}"
    write_gan(figures, args.output, f"{command} --seeds {args.seeds}")
    print(args.output)
    return 0


def _mixture(args) -> int:
    from .mixture import MixtureSettings, try_mixture
    from .mixture_report import summary, write_mixture

    if args.repetitions < 1 or args.jobs < 1:
        raise ValueError("--repetitions and --jobs must be at least 1")
    if not 0 < args.fraction <= 1:
        raise ValueError("--fraction must be above 0, and 1 at the most")
    recipe = _recipe(args.preset)
    settings = MixtureSettings(fraction=args.fraction)
    found = try_mixture(
        recipe.name, args.data, args.work, settings, repetitions=args.repetitions, jobs=args.jobs
    )
    for line in summary(found):
        print(line)
    command = f"lamost-rare evaluate mixture --data DIR --preset {recipe.name}"
    if settings != MixtureSettings():
        command += f" --fraction {args.fraction:g}"
    write_mixture(found, recipe.name, args.output, f"{command} --repetitions {args.repetitions}")
    print(args.output)
    return 0


def _paper(args) -> int:
    from dataclasses import replace

    from .paper import quick_settings, run_paper
    from .paper_report import write_paper
    from .paper_tasks import PaperSettings

    counts = args.runs, args.jobs, args.few_runs, args.iterations
    if any(n is not None and n < 1 for n in counts):
        raise ValueError("--runs, --few-runs, --jobs and --iterations must be at least 1")
    settings = quick_settings() if args.quick else PaperSettings()
    command = f"lamost-rare evaluate paper --data DIR --runs {args.runs}"
    if args.iterations:
        looks = replace(
            settings.gan, iterations=args.iterations, sample_every=max(1, args.iterations // 4)
        )
        settings = replace(settings, gan=looks)
        command += f" --iterations {args.iterations}"
    if args.stars is not None:
        if any(n < 1 for n in args.stars):
            raise ValueError("--stars must be at least 1")
        settings = replace(settings, few=tuple(args.stars))
        command += " --stars" + "".join(f" {n}" for n in args.stars)
    if args.few_runs is not None:
        command += f" --few-runs {args.few_runs}"
    if args.quick:
        command += " --quick"
    results = run_paper(
        args.data, args.work, settings, runs=args.runs, few_runs=args.few_runs, jobs=args.jobs
    )
    write_paper(results, args.output, command)
    print(args.output)
    return 0
