"""The subtype of an O star from He I 4471 / He II 4541.

The ratio of these two equivalent widths defines the subtypes (Conti & Alschuler 1971, ApJ 170, 325;
Martins 2018, A&A 616, A135). `NODES` are what `measure_lines` finds in spectra of stars and MK
standards of known type, brought to LAMOST's resolution: ``benchmarks/calibrate_o_subtype.py``
measures them again. They belong to this package's windows and continua, and to no others.
"""

from __future__ import annotations

import numpy as np

__all__ = ["LINES_NEEDED", "NODES", "SCATTER", "o_subtype"]

LINES_NEEDED = ("caii_k", "hei_4471", "heii_4541")
"""Those whose widths `o_subtype` looks at."""

NODES = (
    # subtype (9.5 is O9.5, 10 is B0), log10 of EW(He I 4471) / EW(He II 4541)
    (4.0, -0.79),
    (5.0, -0.46),
    (6.0, -0.32),
    (7.0, 0.0),
    (8.0, 0.13),
    (9.0, 0.30),
    (9.5, 0.52),
    (10.0, 0.77),
    (10.5, 1.09),
)

SCATTER = 0.65
"""Standard error in subtypes that even a spectrum without noise has: of 41 single stars, each
against a relation made without it, 88 % lie within one subtype."""

MIN_SIGNIFICANCE = 3.0
"""Both lines must be as many times their errors."""
MAX_ERROR = 1.5
"""Subtypes; a larger error says no more than that it is a hot star."""
MAX_CALCIUM = 1.5
"""Å of Ca II K. Interstellar lines of reddened O stars stay below; where it is stronger the star
is cool, and what lies in the windows of helium is lines of metals."""


def o_subtype(widths: dict) -> tuple[np.ndarray, np.ndarray]:
    """Subtypes of O stars and their standard errors.

    Parameters
    ----------
    widths : dict of ndarray, each of shape (n_spectra,)
        From `~lamost_rare.inference.evidence.measure_lines`, in Å.

    Returns
    -------
    subtype, error : ndarray, shape (n_spectra,), float32
        7.5 is O7.5, 10 is B0; what is earlier than O4 is given as 4. NaN where either line is not
        seen with certainty, the error exceeds `MAX_ERROR`, or the lines are those of a star later
        than B0.5. Hot subdwarfs and white dwarfs with He II get a number too: it is not the
        subtype that makes an O star.
    """
    hei, heii = (np.asarray(widths[f"ew_{x}"], dtype=float) for x in ("hei_4471", "heii_4541"))
    errors = [np.asarray(widths[f"ew_{x}_err"], dtype=float) for x in ("hei_4471", "heii_4541")]
    subtypes, ratios = np.array(NODES).T
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log10(hei / heii)
        usable = (hei > MIN_SIGNIFICANCE * errors[0]) & (heii > MIN_SIGNIFICANCE * errors[1])
        usable &= (ratio <= ratios[-1]) & ~(np.asarray(widths["ew_caii_k"]) > MAX_CALCIUM)
        ratio_error = np.hypot(errors[0] / hei, errors[1] / heii) / np.log(10)
    ratio = np.where(usable, ratio, 0.0)
    subtype = np.interp(ratio, ratios, subtypes)
    slope = (np.diff(subtypes) / np.diff(ratios))[
        np.clip(np.searchsorted(ratios, ratio) - 1, 0, len(ratios) - 2)
    ]
    error = np.hypot(SCATTER, slope * np.where(usable, ratio_error, np.nan))
    usable &= error <= MAX_ERROR
    return (
        np.where(usable, subtype, np.nan).astype(np.float32),
        np.where(usable, error, np.nan).astype(np.float32),
    )
