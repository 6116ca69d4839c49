"""Whether a spectrum is the one that was scanned: by who it is of, and by its lines."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from .. import __version__
from ..inference.closer_look import follow_velocities
from ..inference.evidence import measure_lines
from ..spectra.grid import WavelengthGrid
from ..spectra.lines import LINES
from ..spectra.raw import RawSpectrum
from ..spectra.resample import assemble
from ..survey.sky_groups import unit_vectors
from .finished_scan import FinishedScan

__all__ = ["Comparison"]

_NO_OBSID = (-1, -9999)
_APART = 1.0
"""Arcsec; positions are those of the file's header, and do not change by themselves."""
_CLASSIFIERS = {"rare_star_classifier", "o_star_classifier"}
"""Steps that leave the pixels alone of which lines were measured."""


class Comparison:
    """Rows of a catalogue, with which spectra are compared.

    Lines are compared where they must come out the same: where this version of the package scanned,
    the preset is there, and no step changed the spectra. Rows whose lines were not measured (those
    that a first stage settled) are compared by identity alone.
    """

    def __init__(self, scan: FinishedScan, rows: pa.Table):
        self._identity = {name: rows[name].to_pylist() for name in ("obsid", "ra", "dec")}
        self._grid = _grid_of(scan)
        names = [f"ew_{line}{suffix}" for line in LINES for suffix in ("", "_err")]
        motion = ["velocity", "velocity_err"]
        wanted = [*names, *motion]
        if self._grid is None or not set(wanted) <= set(rows.column_names):
            self._grid = None
            return
        self._widths = {name: rows[name].to_numpy() for name in names}
        self._motion = [rows[name].to_numpy() for name in motion]

    def of_identity(self, row: int, raw: RawSpectrum) -> str:
        """Return how the identity of a spectrum differs from that of a row; empty if it does
        not."""
        obsid = raw.identity.get("obsid", -1)
        if obsid not in _NO_OBSID and obsid != self._identity["obsid"][row]:
            return f"the file has another spectrum now: obsid {obsid}"
        apart = _separation(
            *(raw.identity.get(name, math.nan) for name in ("ra", "dec")),
            *(self._identity[name][row] for name in ("ra", "dec")),
        )
        if apart > _APART:
            return f"the file has another spectrum now: {apart:.1f} arcsec away"
        return ""

    def of_lines(self, spectra: list[tuple[int, RawSpectrum]]) -> dict[int, str]:
        """Return how spectra differ from their rows, by row, where they do.

        ``spectra`` are pairs of row and spectrum, some tens of them at once.
        """
        if self._grid is None or not spectra:
            return {}
        rows = np.array([row for row, _ in spectra])
        batch, refused = assemble([raw for _, raw in spectra], self._grid)
        changed = {
            int(rows[i]): f"the spectrum is another now: {error.detail}" for i, error in refused
        }
        rows = np.delete(rows, [i for i, _ in refused])
        widths = measure_lines(batch)
        widths = follow_velocities(batch, widths, *(column[rows] for column in self._motion))
        for row, name in self._differences(rows, widths):
            label = LINES[name].label
            changed.setdefault(row, f"the spectrum is another now: by the width of {label}")
        return changed

    def _differences(
        self, rows: np.ndarray, widths: Mapping[str, np.ndarray]
    ) -> Iterator[tuple[int, str]]:
        """Yield row and line where a width differs by more than rounding."""
        measured = np.isfinite([self._widths[f"ew_{line}"][rows] for line in LINES]).any(axis=0)
        for line in LINES:
            before, error = (self._widths[f"ew_{line}{suffix}"][rows] for suffix in ("", "_err"))
            now = widths[f"ew_{line}"]
            with np.errstate(invalid="ignore"):
                same = np.abs(now - before) <= 1e-3 * error + 1e-4 * np.abs(before) + 1e-6
            same |= np.isnan(now) & np.isnan(before)
            yield from ((int(row), line) for row in rows[measured & ~same])


def _grid_of(scan: FinishedScan) -> WavelengthGrid | None:
    """Return the grid that lines were measured on, if it is known and nothing else was done."""
    same = scan.manifest["versions"].get("lamost-rare") == __version__
    steps = {step.get("name") for step in scan.manifest.get("steps") or ()}
    return scan.preset.grid if same and scan.preset and steps <= _CLASSIFIERS else None


def _separation(
    ra: float | None, dec: float | None, other_ra: float | None, other_dec: float | None
) -> float:
    """Return the angle between two positions in arcsec, NaN if one is missing."""
    numbers = [math.nan if value is None else value for value in (ra, dec, other_ra, other_dec)]
    one, other = (np.array(unit_vectors(*numbers[i : i + 2])) for i in (0, 2))
    return float(np.degrees(2 * np.arcsin(np.linalg.norm(one - other) / 2)) * 3600)
