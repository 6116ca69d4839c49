"""``lamost-rare augment``: generated spectra into an HDF5 file."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..inference.augmentation import (
    DEFAULT_GENERATOR,
    DEFAULT_SNR_RANGE,
    augment_spectra,
    check_snr_range,
    write_generated,
)
from ..presets import load_preset
from ..survey.noise import noise_of_directory
from ..text import printable
from .options import at_least_one

__all__ = ["add_arguments", "run"]

EXAMPLES = (
    "augment --number 1000 --output stars.h5",
    "augment --number 1000 --noise dr7/ --snr 10 50 --output stars.h5",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``lamost-rare augment``."""
    parser.add_argument(
        "--number",
        type=at_least_one,
        required=True,
        metavar="N",
        help="how many spectra to generate",
    )
    parser.add_argument(
        "--preset",
        metavar="P",
        help=f"which generator: name of a preset, or a folder (default: {DEFAULT_GENERATOR})",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="seed of the random numbers: the same seed gives the same spectra (default: 0)",
    )
    parser.add_argument(
        "--noise",
        metavar="DIR",
        help="take the noise from the LAMOST spectra in DIR, in place of the generator's own noise",
    )
    parser.add_argument(
        "--snr",
        type=float,
        nargs=2,
        default=DEFAULT_SNR_RANGE,
        metavar=("LOW", "HIGH"),
        help="range of the S/N (g) with --noise (default: {:g} {:g})".format(*DEFAULT_SNR_RANGE),
    )
    parser.add_argument("--output", required=True, metavar="FILE.h5", help="file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE.h5 if it exists")


def run(args: argparse.Namespace) -> int:
    """Generate and write; returns the exit status."""
    output = Path(args.output)
    if output.suffix not in (".h5", ".hdf5"):
        raise ValueError(f"--output must end in .h5 or .hdf5, not {printable(output.name)}")
    if output.exists() and not args.overwrite:  # before minutes of work
        raise ValueError(f"{printable(output)} exists; choose another --output or give --overwrite")
    if not output.absolute().parent.is_dir():
        raise ValueError(f"--output {printable(output)}: there is no such directory")
    preset = load_preset(args.preset or DEFAULT_GENERATOR)
    snr_range = check_snr_range(args.snr)
    noise = noise_of_directory(args.noise) if args.noise else None
    batch = augment_spectra(args.number, preset, seed=args.seed, noise=noise, snr_range=snr_range)
    write_generated(
        batch,
        output,
        overwrite=args.overwrite,
        preset=preset.name,
        weights_sha256=preset.sha256,
        seed=args.seed,
        label=preset.rare_class,
        observed=noise is not None,
    )
    print(
        f"{printable(output)}: {len(batch)} generated spectra of class "
        f"{printable(preset.rare_class)}, {batch.grid.n_pixels} pixels"
    )
    return 0
