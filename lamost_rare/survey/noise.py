"""Noise and bad pixels of a survey's own spectra, for generated ones."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from ..simulation.library import STAR_GRID
from ..simulation.noise import NoiseBank
from ..spectra.files import read_spectrum_file
from ..spectra.quality import SpectrumError
from ..spectra.raw import RawSpectrum
from ..spectra.resample import assemble
from ..text import check_paths
from .inputs.discovery import find_spectra

__all__ = ["noise_of_directory"]

_FEWEST_NOISE = 20
_MOST_LISTED = 100_000


def noise_of_directory(
    directory: str | os.PathLike, *, most: int = 1000, seed: int = 0
) -> NoiseBank:
    """Learn noise and bad pixels from LAMOST spectra, for `augment_spectra`.

    Parameters
    ----------
    directory : path-like
        Searched with its subdirectories; tar archives are left out.
    most : int
        Spectra that are read, drawn at random from the first 100,000 files.
    seed : int
        Of the draw.

    Returns
    -------
    NoiseBank

    Raises
    ------
    ValueError
        If fewer than 20 of the spectra can be used.
    OSError
        If there is no such directory.

    Examples
    --------
    >>> from lamost_rare import augment_spectra
    >>> from lamost_rare.survey.noise import noise_of_directory
    >>> noise = noise_of_directory("demo-output/survey", most=100)
    >>> augment_spectra(2, noise=noise, snr_range=(10, 20)).flux.shape
    (2, 3072)
    """
    check_paths(directory=directory)
    directory = Path(directory)
    if not directory.is_dir():
        raise NotADirectoryError(f"{directory} is no directory of spectra")
    found = (e for e in find_spectra(directory) if not e.reason and not e.item)
    paths = [os.fsdecode(e.path) for e in islice(found, _MOST_LISTED)]
    raws: list[RawSpectrum] = []
    for i in np.random.default_rng(seed).permutation(len(paths)):
        if len(raws) == most:
            break
        with suppress(SpectrumError):
            raws.append(read_spectrum_file(directory / paths[i]))
    batch, _ = assemble(raws, STAR_GRID)
    usable = 0
    if len(batch):
        bank = NoiseBank.from_spectra(batch.flux, batch.ivar, batch.mask)
        usable = len(bank.efficiency)
    if usable < _FEWEST_NOISE:
        raise ValueError(
            f"{usable} of {len(paths)} spectra in {directory} can give their noise (S/N above 2, "
            f"seven tenths of the pixels valid); {_FEWEST_NOISE} are needed"
        )
    return bank
