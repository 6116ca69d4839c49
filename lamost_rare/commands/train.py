"""``lamost-rare train``: a classifier or generator of the user's own, or the shipped presets."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path

from .options import add_shared, at_least_one

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "train classifier --data spectra/ --output carbon-v1 --rare-class C",
    "train gan --data spectra/ --class O --output my-gan-v1",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare train``."""
    what = parser.add_subparsers(dest="what", required=True, metavar="WHAT", title="what to train")
    for add, train in (
        (_add_classifier, _classifier),
        (_add_gan, _gan),
        (_add_presets, _presets),
    ):
        add(what).set_defaults(train=train)


def run(args: argparse.Namespace) -> int:
    """Train; return the exit status."""
    return args.train(args)


def _add_number(parser, name: str, default, text: str, kind=at_least_one) -> None:
    parser.add_argument(
        name, type=kind, default=default, metavar="N", help=f"{text} (default: {default:g})"
    )


def _add_folders(parser) -> None:
    parser.add_argument(
        "--data",
        required=True,
        metavar="DIR",
        help="folder with spectra and their labels, labels.csv (or lamost/labels.csv), or with "
        "star libraries, libraries/*.h5",
    )
    parser.add_argument(
        "--labels",
        metavar="CSV",
        help="table with a column class, and a column path or obsid (default: that in --data)",
    )
    parser.add_argument(
        "--output", required=True, metavar="PRESET", help="folder to write the new preset to"
    )


def _add_classifier(what):
    parser = what.add_parser(
        "classifier",
        help="train a classifier on spectra with labels",
        description="Train a classifier (a RAC-Net) on spectra with labels, and save it as a "
        "preset. If it is interrupted, the same command continues.",
    )
    _add_folders(parser)
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="CLASS",
        help="classes to tell apart (default: all in the labels)",
    )
    parser.add_argument(
        "--rare-class",
        default="O",
        metavar="CLASS",
        help="class whose members are to be found (default: O)",
    )
    _add_number(parser, "--learning-rate", 1e-4, "learning rate of the optimizer, Adam", float)
    parser.add_argument(
        "--schedule", choices=("constant", "cosine"), default="constant",
        help="how the learning rate changes (default: constant)",
    )  # fmt: skip
    _add_number(parser, "--epochs", 100, "most epochs to train for")
    _add_number(parser, "--steps", 200, "batches in an epoch")
    _add_number(parser, "--batch-size", 128, "spectra in a batch")
    _add_number(
        parser, "--patience", 5, "stop after so many epochs without improvement; 0: never", int
    )
    _add_number(
        parser, "--validation", 0.3, "fraction of the stars that is kept for validation", float
    )
    _add_number(parser, "--label-smoothing", 0.0, "label smoothing of the loss", float)
    add_shared(parser, "--seed")
    return parser


def _add_gan(what):
    parser = what.add_parser(
        "gan",
        help="train a generator of spectra of one class",
        description="Train a generator (an LCGAN) on spectra of one class, and save it as a "
        "preset. If it is interrupted, the same command continues.",
    )
    _add_folders(parser)
    parser.add_argument(
        "--class",
        dest="rare_class",
        default="O",
        metavar="CLASS",
        help="class to generate (default: O)",
    )
    parser.add_argument(
        "--network",
        choices=("lcgan", "sgan"),
        default="lcgan",
        help="kind of network: lcgan, or sgan, which it is compared with (default: lcgan)",
    )
    parser.add_argument(
        "--source", choices=("auto", "real", "simulated"), default="auto",
        help="train on observed spectra as they are (real), or on simulated observations of the "
        "stars (default: auto, real if there are enough)",
    )  # fmt: skip
    _add_number(parser, "--number", 4000, "how many observations to simulate")
    _add_number(parser, "--iterations", 3000, "training steps of the generator")
    _add_number(
        parser, "--refinement", 300, "further steps, slower and with larger batches; 0: none", int
    )
    _add_number(parser, "--batch-size", 64, "spectra in a batch")
    _add_number(
        parser,
        "--matching",
        5.0,
        "weight of the loss that compares lines, level and noise; 0: adversarial loss alone",
        float,
    )
    _add_number(
        parser, "--unseen", 0.25, "fraction of the stars that is kept for 'evaluate gan'", float
    )
    add_shared(parser, "--seed")
    return parser


def _add_presets(what):
    parser = what.add_parser(
        "presets",
        help="build the shipped presets again",
        description="Cross-validate, train, measure and write the shipped presets: hours of work.",
    )
    parser.add_argument(
        "--output", metavar="DIR", default=str(Path(__file__).parents[1] / "weights"),
        help="folder for the presets (default: that of the installed package)",
    )  # fmt: skip
    parser.add_argument("--only", metavar="PRESET", help="build this preset alone (default: all)")
    add_shared(parser, "--data", "--work", "--jobs", "--seed")
    return parser


def _options(kind, args, **further):
    """Fill a dataclass of options with the arguments that have the names of its fields."""
    names = [field.name for field in fields(kind) if field.name in args]
    return kind(**{name: getattr(args, name) for name in names}, **further)


def _classifier(args) -> int:
    if args.learning_rate <= 0:
        raise ValueError(f"--learning-rate must be positive, not {args.learning_rate:g}")
    from ..figure_titles import measured_rows, recall_in_words
    from ..training.loop import TrainingOptions
    from ..training.own import train_classifier

    preset = train_classifier(
        args.data,
        args.output,
        labels=args.labels,
        classes=args.classes,
        rare_class=args.rare_class,
        options=_options(TrainingOptions, args, steps_per_epoch=args.steps),
        validation=args.validation,
    )
    figures = preset.figures
    print(f"{preset.folder}: {', '.join(preset.classes)}")
    print(
        f"validation: loss {figures['validation_loss']:.4f}, "
        f"accuracy {figures['validation_accuracy']:.4f}"
    )
    for _, title, value, numbers in measured_rows(preset):
        print(f"{title}: {value} [{numbers}]")
    print(recall_in_words(preset))
    return 0


def _gan(args) -> int:
    if min(args.matching, args.refinement) < 0:
        raise ValueError("--matching, --refinement must not be negative")
    if not 0 <= args.unseen < 1:
        raise ValueError(f"--unseen must be 0 or more and below 1, not {args.unseen:g}")
    from ..training.gan_training import GanOptions, GanRefinement
    from ..training.generator import train_generator

    preset = train_generator(
        args.data,
        args.output,
        rare_class=args.rare_class,
        labels=args.labels,
        architecture={"network": args.network},
        options=_options(GanOptions, args),
        refinement=GanRefinement(iterations=args.refinement) if args.refinement else None,
        source=args.source,
        number=args.number,
        unseen=args.unseen,
    )
    training = preset.settings.training
    print(
        f"{preset.folder}: {preset.rare_class} from {training['n_examples']} {training['source']} "
        f"spectra of {len(training['stars'])} stars"
    )
    print(
        f"mean Kolmogorov-Smirnov distance {preset.figures['feature_distance']:.3f} "
        f"at iteration {training['iteration']}"
    )
    return 0


def _presets(args) -> int:
    from ..inference.generation import DEFAULT_GENERATOR
    from ..training.build import build_preset
    from ..training.generator import rebuild_generator
    from ..training.recipes import RECIPES

    known = [*RECIPES, DEFAULT_GENERATOR]
    if args.only and args.only not in known:
        raise ValueError(f"--only {args.only}: no such preset; there are {', '.join(known)}")
    for name in [args.only] if args.only else known:
        if name == DEFAULT_GENERATOR:
            preset = rebuild_generator(name, args.data, args.output, args.work, seed=args.seed)
            print(f"{preset.name}: SHA-256 {preset.sha256}")
            continue
        preset = build_preset(
            name, args.data, args.output, args.work, jobs=args.jobs, seed=args.seed
        )
        print(f"{preset.name}: threshold {preset.threshold:.4f}, SHA-256 {preset.sha256}")
    return 0
