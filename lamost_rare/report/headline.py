"""A spectrum in one line: its name, and what is known of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..spectra.raw import RawSpectrum
from ..text import printable
from .row_values import number_in, rare_class_of, text_in

__all__ = ["headline", "name_of"]

_LONGEST = 60


def name_of(values: Mapping[str, Any], raw: RawSpectrum | None = None) -> str:
    """Return what a spectrum is called: its designation, or the name of its file.

    Parameters
    ----------
    values : mapping
        The cells of its row.
    raw : RawSpectrum, optional
        Whose identity counts where the row says nothing.

    Returns
    -------
    str
        Safe to show, of at most 60 characters; "a spectrum" if it has no name.
    """
    known = [values, raw.identity if raw else {}]
    names = [text_in(one, "designation") for one in known]
    names += [os.path.basename(text_in(one, "path")) for one in known]
    name = printable(next(filter(None, names), "a spectrum"))
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def headline(raw: RawSpectrum, values: Mapping[str, Any], velocity: float = 0.0) -> str:
    """Return name, OBSID, class, probability in the survey, S/N and velocity as one line."""
    parts = [name_of(values, raw)]
    obsid = int(raw.identity.get("obsid", -1))
    if obsid != -1:
        parts.append(f"obsid {obsid}")
    if prediction := printable(text_in(values, "prediction")):
        parts.append(prediction)
    rare = rare_class_of(values)
    for name in (f"p_{rare}_survey", f"p_{rare}"):
        if rare and not np.isnan(p := number_in(values, name)):
            where = " in the survey" if name.endswith("_survey") else ""
            said = f"{p:.2g}" if p < 0.99 else f"{p:.4f}"
            parts.append(f"p({printable(rare)}){where} {said}")
            break
    snr = number_in(values, "snr_g")
    snr = float(raw.identity.get("snr_g", np.nan)) if np.isnan(snr) else snr
    if not np.isnan(snr):
        parts.append(f"S/N (g) {snr:.0f}")
    if velocity:
        parts.append(f"{velocity:+.0f} km/s".replace("-", "−"))
    return "   ".join(parts)
