"""Labelled sources as the survey would observe them: conditions by class."""

from __future__ import annotations

import numpy as np

from ..simulation.noise import NoiseBank
from ..simulation.observe import Conditions, observe
from ..spectra.batch import SpectrumBatch
from .dataset import LabelledSources

__all__ = ["HOT", "draw_conditions", "observe_sources"]

HOT = ("O", "B", "hot_subdwarf", "white_dwarf")
"""Classes whose library stars are reddened, and rotate, as OB stars."""


def draw_conditions(label, observed, rng, snr_range) -> Conditions:
    """Conditions for spectra of given classes, n of them.

    Parameters
    ----------
    label : ndarray of str, shape (n,)
    observed : ndarray of bool, shape (n,)
        True for observed spectra, which have dust and rotation of their own.
    rng : numpy.random.Generator
    snr_range : pair of float
        S/N (g) is log-uniform in this range.
    """
    hot = np.isin(label, HOT) & ~observed
    conditions = Conditions.draw(len(label), rng, hot=hot, snr_range=snr_range)
    conditions.vsini *= np.isin(label, ("O", "B"))
    return conditions


def observe_sources(
    sources: LabelledSources, rows, noise: NoiseBank, rng, snr_range, **losses
) -> tuple[SpectrumBatch, Conditions]:
    """Observe some of the sources; ``losses`` are ``gaps`` and ``cosmic_rays`` of `observe`.

    Returns
    -------
    batch : SpectrumBatch
    conditions : Conditions
    """
    some = sources[rows]
    conditions = draw_conditions(some.label, some.observed, rng, snr_range)
    batch = observe(some.flux, some.valid, conditions, noise, rng, ivar=some.ivar, **losses)
    return batch, conditions
