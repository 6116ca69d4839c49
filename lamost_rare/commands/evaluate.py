"""``lamost-rare evaluate``: the measurements."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ..evaluation.known_stars import knows_these_stars, try_known_stars
from ..evaluation.novelty import measure_novelty
from ..evaluation.novelty_report import novelty_summary, write_novelty
from ..evaluation.seeds import check_recipe, measure_seeds, write_seeds
from ..figure_titles import figure_rows
from ..presets import load_preset
from ..simulation.dataset import load_data_folder
from ..simulation.simulate_stars import noise_of
from ..training.build import cross_validate, cross_validate_first_stage
from ..training.recipes import RECIPES
from .options import add_shared, at_least_one, fraction

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
    for add, measure in (
        (_add_classifier, _classifier),
        (_add_seeds, _seeds),
        (_add_gan, _gan),
        (_add_mixture, _mixture),
        (_add_novelty, _novelty),
        (_add_paper, _paper),
    ):
        add(what).set_defaults(measure=measure)


def _add_classifier(what):
    parser = what.add_parser(
        "classifier",
        help="recall and false alarms of a classifier, on stars that it was not trained on",
        description="Train the classifier of a shipped preset again without a part of the stars, "
        "test it on those, and write a page with plots. This takes hours; if it is interrupted, "
        "the same command continues.",
    )
    _add_recipe(parser, "recognition.md")
    add_shared(parser, "--seed")
    return parser


def _add_seeds(what):
    parser = what.add_parser(
        "seeds",
        help="how much the figures of a classifier depend on chance",
        description="Repeat the training and testing of a shipped preset with other random "
        "numbers, and write a page that compares the results. A seed takes more than an hour of "
        "two cores; if it is interrupted, the same command continues.",
    )
    _add_recipe(parser, "seeds.md")
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[1],
        metavar="N",
        help="seeds besides the preset's own (default: 1)",
    )
    return parser


def _add_gan(what):
    parser = what.add_parser(
        "gan",
        help="how real the spectra of a generator are",
        description="Compare generated spectra with real ones (GAN-train, GAN-test, lines, noise, "
        "memorisation, coverage), and write a page with plots.",
    )
    add_shared(parser, "--data")
    parser.add_argument(
        "--preset",
        default="lcgan-o-v1",
        metavar="P",
        help="generator: preset, or folder of a training (default: %(default)s)",
    )
    parser.add_argument(
        "--compare", metavar="P", help="another generator to compare with, for example an SGAN"
    )
    _add_count(parser, "--seeds", "how often to repeat it with other random numbers", 5)
    _add_output(parser, "gan.md")
    return parser


def _add_mixture(what):
    parser = what.add_parser(
        "mixture",
        help="whether a classifier gets better with generated spectra in its training",
        description="Train the classifiers of 'evaluate classifier' further, with and without "
        "stars of an LCGAN, and test both on stars that neither has seen. A repetition takes about "
        "an hour of one core; if it is interrupted, the same command continues.",
    )
    _add_recipe(parser, "mixture.md")
    parser.add_argument(
        "--fraction",
        type=fraction,
        default=0.4,
        metavar="N",
        help="fraction of the rare class that is generated (default: %(default)s)",
    )
    _add_count(parser, "--repetitions", "how often to repeat it", 2)
    return parser


def _add_novelty(what):
    parser = what.add_parser(
        "novelty",
        help="what is flagged as unlike all known spectra",
        description="Fit novelty again, with all known classes and without some of them in turn, "
        "try it on those and on faulty spectra, and write a page, in ten minutes of one core.",
    )
    parser.add_argument(
        "--preset",
        default="racnet-obafgkm-v1",
        metavar="P",
        help="shipped preset whose fit is repeated (default: %(default)s)",
    )
    add_shared(parser, "--data", "--seed")
    _add_count(parser, "--number", "spectra of each kind", 1500)
    _add_output(parser, "novelty.md")
    return parser


def _add_paper(what):
    parser = what.add_parser(
        "paper",
        help="repeat the experiments of Yang et al. (2021)",
        description="Repeat the experiments of Yang et al. (2021) and write a page with plots. A "
        "run takes about a quarter of an hour of one core for each number of stars; if it is "
        "interrupted, the same command continues.",
    )
    add_shared(parser, "--data", "--work", "--jobs", work=".cache/paper")
    _add_count(parser, "--runs", "how often to repeat them; the paper has 10", 2)
    _add_count(
        parser, "--few-runs", "how many of the runs are also done with fewer O stars", None, "all"
    )
    _add_count(parser, "--iterations", "training steps of each GAN", None, "600")
    parser.add_argument(
        "--stars",
        type=at_least_one,
        nargs="*",
        metavar="N",
        help="numbers of O stars for the runs with fewer (default: 5 10)",
    )
    _add_output(parser, "paper.md")
    parser.add_argument(
        "--quick", action="store_true", help="very small networks: to see that it works, in minutes"
    )
    return parser


def _add_recipe(parser, page):
    """Add what all have that repeat the training of a shipped preset."""
    parser.add_argument(
        "--preset",
        default="racnet-obafgkm-v1",
        metavar="P",
        help="shipped preset whose training is repeated (default: %(default)s)",
    )
    add_shared(parser, "--data", "--work", "--jobs")
    _add_output(parser, page)


def _add_output(parser, page):
    parser.add_argument(
        "--output",
        default=f"evaluation/{page}",
        metavar="PAGE.md",
        help="page to write; plots go to images/ beside it (default: %(default)s)",
    )


def _add_count(parser, name, text, default, shown="%(default)s"):
    text = f"{text} (default: {shown})"
    parser.add_argument(name, type=at_least_one, default=default, metavar="N", help=text)


def run(args: argparse.Namespace) -> int:
    """Measure, print what was found, write the page; returns the exit status."""
    args.measure(args)
    print(args.output)
    return 0


def _recipe(name):
    if name not in RECIPES:
        raise ValueError(
            f"--preset {name}: its training cannot be repeated; choose one of {', '.join(RECIPES)}"
        )
    return RECIPES[name]


def _command(args, **options) -> str:
    """Return the command as the page shows it, without options that are None or False."""
    words = ["lamost-rare evaluate", args.what, "--data DIR"]
    for name, value in options.items():
        if value is not None and value is not False:
            values = value if isinstance(value, list) else [value]
            words.append(f"--{name.replace('_', '-')}")
            words += [str(x) for x in values if x is not True]
    return " ".join(words)


def _classifier(args) -> None:
    from ..evaluation.recognition import write_recognition

    recipe, preset = _recipe(args.preset), load_preset(args.preset)
    sources = load_data_folder(args.data)
    options = {"jobs": args.jobs, "seed": args.seed, "final": False}
    trials = cross_validate(recipe, args.data, args.work, **options)
    stages = cross_validate_first_stage(recipe, args.data, args.work, **options)
    known = None
    if knows_these_stars(preset, sources, recipe):
        known = try_known_stars(preset, sources, noise_of(sources), seed=args.seed)
    command = _command(args, preset=args.preset, seed=args.seed or None)
    figures = write_recognition(
        recipe, sources, trials, args.output, command, seed=args.seed, stages=stages, known=known
    )
    for _, title, value, numbers in figure_rows(figures, recipe.rare_class):
        print(f"{title}: {value} [{numbers}]")


def _seeds(args) -> None:
    recipe, preset = _recipe(args.preset), load_preset(args.preset)
    check_recipe(preset, recipe, args.seeds)
    figures = measure_seeds(recipe, args.data, args.work, args.seeds, jobs=args.jobs)
    command = _command(args, preset=args.preset, seeds=args.seeds)
    write_seeds(preset, figures, args.output, command)


def _gan(args) -> None:
    from ..evaluation.generated import evaluate_gan
    from ..evaluation.generated_report import summary, write_gan

    figures = evaluate_gan(args.data, args.preset, args.compare, n_seeds=args.seeds)
    print(*summary(figures), sep="\n")
    preset, compare, *_ = [*figures.names, None]
    command = _command(args, preset=preset, compare=compare, seeds=args.seeds)
    write_gan(figures, args.output, command)


def _mixture(args) -> None:
    from ..evaluation.mixture import MixtureSettings, try_mixture
    from ..evaluation.mixture_report import summary, write_mixture

    recipe = _recipe(args.preset)
    settings = MixtureSettings(fraction=args.fraction)
    found = try_mixture(
        recipe.name, args.data, args.work, settings, repetitions=args.repetitions, jobs=args.jobs
    )
    print(*summary(found), sep="\n")
    other = f"{args.fraction:g}" if settings != MixtureSettings() else None
    command = _command(args, preset=recipe.name, fraction=other, repetitions=args.repetitions)
    write_mixture(found, recipe.name, args.output, command)


def _novelty(args) -> None:
    recipe = _recipe(args.preset)
    if recipe.novelty is None:
        raise ValueError(f"--preset {args.preset}: it says nothing of novelty")
    stars = load_data_folder(args.data, without=recipe.without)
    figures = measure_novelty(stars, recipe.classes, recipe.novelty, args.seed, args.number)
    print(*novelty_summary(figures), sep="\n")
    number = args.number if args.number != 1500 else None
    command = _command(args, preset=args.preset, number=number, seed=args.seed or None)
    write_novelty(figures, recipe.name, args.output, command)


def _paper(args) -> None:
    from ..evaluation.paper.experiments import quick_settings, run_paper
    from ..evaluation.paper.report import write_paper
    from ..evaluation.paper.tasks import PaperSettings

    settings = quick_settings() if args.quick else PaperSettings()
    if args.iterations:
        looks = {"iterations": args.iterations, "sample_every": max(1, args.iterations // 4)}
        settings = replace(settings, gan=replace(settings.gan, **looks))
    if args.stars is not None:
        settings = replace(settings, few=tuple(args.stars))
    results = run_paper(
        args.data, args.work, settings, runs=args.runs, few_runs=args.few_runs, jobs=args.jobs
    )
    options = ("runs", "iterations", "stars", "few_runs", "quick")
    command = _command(args, **{name: getattr(args, name) for name in options})
    write_paper(results, args.output, command)
