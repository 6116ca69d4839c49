"""``lamost-rare evaluate``: the measurements."""

from __future__ import annotations

import argparse

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "evaluate gan --data spectra/ --preset lcgan-o-v1",
    "evaluate classifier --data spectra/ --output recognition.md",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare evaluate``."""
    what = parser.add_subparsers(
        dest="what", required=True, metavar="WHAT", title="what to measure"
    )
    own = what.add_parser(
        "classifier",
        help="recall and false alarms of a classifier, on stars that it was not trained on",
        description="Train the classifier of a shipped preset again without a part of the stars, "
        "test it on those, and write a page with plots. This takes hours; if it is interrupted, "
        "the same command continues.",
    )
    own.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder with star libraries, libraries/, and labelled spectra, lamost/",
    )
    own.add_argument(
        "--preset",
        default="racnet-obafgkm-v1",
        metavar="P",
        help="shipped preset whose training is repeated (default: racnet-obafgkm-v1)",
    )
    _add_output(own, "recognition.md")
    own.add_argument(
        "--work",
        metavar="DIR",
        default=".cache/training",
        help="folder for what is half done, so that the same command can continue "
        "(default: .cache/training)",
    )
    own.add_argument(
        "--jobs", type=int, default=2, help="processes that train at the same time (default: 2)"
    )
    own.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: 0)")

    seeds = what.add_parser(
        "seeds",
        help="how much the figures of a classifier depend on chance",
        description="Repeat the training and testing of a shipped preset with other random "
        "numbers, "
        "and write a page that compares the results. A seed takes more than an hour of two "
        "cores; if it is interrupted, the same command continues.",
    )
    seeds.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder with star libraries, libraries/, and labelled spectra, lamost/",
    )
    seeds.add_argument(
        "--preset",
        default="racnet-obafgkm-v1",
        metavar="P",
        help="shipped preset whose training is repeated (default: racnet-obafgkm-v1)",
    )
    seeds.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[1],
        metavar="N",
        help="seeds besides the preset's own (default: 1)",
    )
    _add_output(seeds, "seeds.md")
    seeds.add_argument(
        "--work",
        metavar="DIR",
        default=".cache/training",
        help="folder for what is half done, so that the same command can continue "
        "(default: .cache/training)",
    )
    seeds.add_argument(
        "--jobs", type=int, default=2, help="processes that train at the same time (default: 2)"
    )

    gan = what.add_parser(
        "gan",
        help="how real the spectra of a generator are",
        description="Compare generated spectra with real ones (GAN-train, GAN-test, lines, noise, "
        "memorisation, coverage), and write a page with plots.",
    )
    gan.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder with star libraries, libraries/, and labelled spectra, lamost/",
    )
    gan.add_argument(
        "--preset", default="lcgan-o-v1", metavar="P",
        help="generator: preset, or folder of a training (default: lcgan-o-v1)",
    )  # fmt: skip
    gan.add_argument(
        "--compare", metavar="P", help="another generator to compare with, for example an SGAN"
    )
    gan.add_argument(
        "--seeds",
        type=int,
        default=5,
        help="how often to repeat it with other random numbers (default: 5)",
    )
    _add_output(gan, "gan.md")

    mixture = what.add_parser(
        "mixture",
        help="whether a classifier gets better with generated spectra in its training",
        description="Train the classifiers of 'evaluate classifier' further, with and without "
        "stars "
        "of an LCGAN, and test both on stars that neither has seen. A repetition takes about an "
        "hour of one core; if it is interrupted, the same command continues.",
    )
    mixture.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder with star libraries, libraries/, and labelled spectra, lamost/",
    )
    mixture.add_argument(
        "--preset",
        default="racnet-obafgkm-v1",
        metavar="P",
        help="shipped preset whose training is repeated (default: racnet-obafgkm-v1)",
    )
    mixture.add_argument(
        "--fraction",
        type=float,
        default=0.4,
        help="fraction of the rare class that is generated (default: 0.4)",
    )
    mixture.add_argument(
        "--repetitions", type=int, default=2, help="how often to repeat it (default: 2)"
    )
    _add_output(mixture, "mixture.md")
    mixture.add_argument(
        "--work",
        metavar="DIR",
        default=".cache/training",
        help="folder for what is half done, so that the same command can continue "
        "(default: .cache/training)",
    )
    mixture.add_argument(
        "--jobs", type=int, default=2, help="processes that train at the same time (default: 2)"
    )

    paper = what.add_parser(
        "paper",
        help="repeat the experiments of Yang et al. (2021)",
        description="Repeat the experiments of Yang et al. (2021) and write a page with plots. A "
        "run "
        "takes about a quarter of an hour of one core for each number of stars; if it is "
        "interrupted, the same command continues.",
    )
    paper.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder with star libraries, libraries/, and labelled spectra, lamost/",
    )
    paper.add_argument(
        "--runs",
        type=int,
        default=2,
        help="how often to repeat them (default: 2; the paper has 10)",
    )
    paper.add_argument(
        "--few-runs",
        type=int,
        metavar="N",
        help="how many of the runs are also done with fewer O stars (default: all)",
    )
    paper.add_argument(
        "--jobs", type=int, default=2, help="processes that work at the same time (default: 2)"
    )
    paper.add_argument(
        "--iterations", type=int, metavar="N", help="training steps of each GAN (default: 600)"
    )
    paper.add_argument(
        "--stars",
        type=int,
        nargs="*",
        metavar="N",
        help="numbers of O stars for the runs with fewer (default: 5 10)",
    )
    paper.add_argument(
        "--work",
        metavar="DIR",
        default=".cache/paper",
        help="folder for what is done, so that the same command can continue (default: "
        ".cache/paper)",
    )
    _add_output(paper, "paper.md")
    paper.add_argument(
        "--quick", action="store_true", help="very small networks: to see that it works, in minutes"
    )


def _add_output(parser, name):
    parser.add_argument(
        "--output", default=f"evaluation/{name}", metavar="PAGE.md",
        help=f"page to write; plots go to images/ beside it (default: evaluation/{name})",
    )  # fmt: skip


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
    from ..evaluation.known_stars import knows_these_stars, try_known_stars
    from ..evaluation.recognition import write_recognition
    from ..presets import load_preset
    from ..simulation.dataset import load_data_folder
    from ..simulation.simulate_stars import noise_of
    from ..training.build import cross_validate, cross_validate_first_stage
    from ..validation.figure_titles import figure_rows

    recipe = _recipe(args.preset)
    _check_jobs(args.jobs)
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


def _check_jobs(jobs):
    if jobs < 1:
        raise ValueError("--jobs must be at least 1")


def _recipe(name):
    from ..training.recipes import RECIPES

    if name not in RECIPES:
        raise ValueError(
            f"--preset {name}: its training cannot be repeated; choose one of {', '.join(RECIPES)}"
        )
    return RECIPES[name]


def _seeds(args) -> int:
    from ..evaluation.seeds import check_recipe, write_seeds
    from ..presets import load_preset
    from ..simulation.dataset import load_data_folder
    from ..training.build import cross_validate
    from ..validation.figures import cross_fitted, measure
    from ..validation.operating_point import OperatingPoint

    recipe, preset = _recipe(args.preset), load_preset(args.preset)
    _check_jobs(args.jobs)
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
    from ..evaluation.generated import evaluate_gan
    from ..evaluation.generated_report import summary, write_gan

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
    from ..evaluation.mixture import MixtureSettings, try_mixture
    from ..evaluation.mixture_report import summary, write_mixture

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

    from ..evaluation.paper.experiments import quick_settings, run_paper
    from ..evaluation.paper.report import write_paper
    from ..evaluation.paper.tasks import PaperSettings

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
