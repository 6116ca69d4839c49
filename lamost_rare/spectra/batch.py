"""SpectrumBatch: the one thing that flows between the parts of the package."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..notebook import table_as_html
from ..text import printable
from .grid import WavelengthGrid
from .quality import QualityFlag

__all__ = ["IDENTITY_DTYPES", "SpectrumBatch", "empty_identity"]

IDENTITY_DTYPES = {
    "path": object,
    "obsid": np.int64,
    "designation": object,
    "ra": np.float64,
    "dec": np.float64,
    "snr_g": np.float64,
}
"""Identity columns; missing is '' for text, -1 for obsid, NaN for numbers. ra, dec in degrees."""

_MISSING = {
    "path": "",
    "obsid": -1,
    "designation": "",
    "ra": np.nan,
    "dec": np.nan,
    "snr_g": np.nan,
}


_SHOWN = 8
"""Rows of a batch that a notebook shows."""


def empty_identity(n_spectra: int) -> dict[str, np.ndarray]:
    """Return identity columns in which everything is missing.

    Parameters
    ----------
    n_spectra : int

    Returns
    -------
    dict of ndarray, each of shape (n_spectra,)
        The columns of `IDENTITY_DTYPES`.

    Examples
    --------
    >>> from lamost_rare.spectra import empty_identity
    >>> print(empty_identity(2)["obsid"])
    [-1 -1]
    """
    return {
        name: np.full(n_spectra, _MISSING[name], dtype=dtype)
        for name, dtype in IDENTITY_DTYPES.items()
    }


@dataclass(repr=False)
class SpectrumBatch:
    """Spectra on one wavelength grid, with their identities.

    Attributes
    ----------
    grid : WavelengthGrid
    flux : ndarray, shape (n_spectra, n_pixels), float32
        Relative flux per Å; finite everywhere (0 where masked).
    ivar : ndarray, shape (n_spectra, n_pixels), float32
        Inverse variance of flux; 0 where masked.
    mask : ndarray, shape (n_spectra, n_pixels), bool
        True where the pixel must not be used.
    identity : dict of ndarray, each of shape (n_spectra,)
        The columns of `IDENTITY_DTYPES`.
    flags : ndarray, shape (n_spectra,), int64
        `QualityFlag` bits.
    columns : dict of ndarray, first axis n_spectra
        What later steps added.
    generated : bool
        True if the spectra came out of a generator; such a batch never enters a catalogue.

    Raises
    ------
    ValueError
        If the shapes do not go together.

    Examples
    --------
    Rows are chosen as those of an array are:

    >>> import numpy as np
    >>> from lamost_rare.simulation.analytic import analytic_spectra
    >>> batch = analytic_spectra(["O5", "A0", "G2"], np.random.default_rng(1), snr=50.0)
    >>> batch.flux.shape
    (3, 3072)
    >>> len(batch[batch.identity["snr_g"] > 10])
    3
    """

    grid: WavelengthGrid
    flux: np.ndarray
    ivar: np.ndarray
    mask: np.ndarray
    identity: dict[str, np.ndarray] = field(default_factory=dict)
    flags: np.ndarray = None  # type: ignore[assignment]  # becomes zeros
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    generated: bool = False

    def __repr__(self) -> str:
        kind = "generated spectra" if self.generated else "spectra"
        more = f", columns {', '.join(self.columns)}" if self.columns else ""
        n_pixels = self.grid.n_pixels
        return printable(f"<SpectrumBatch: {len(self)} {kind} of {n_pixels} pixels{more}>")

    def _repr_html_(self) -> str:
        first = self[:_SHOWN]
        flags = [
            "|".join(str(flag.name) for flag in QualityFlag if int(bits) & flag)
            for bits in first.flags
        ]
        valid = [f"{part:.0f} %" for part in 100 * (1 - first.mask.mean(axis=1))]
        shown: dict[str, Any] = {name: first.identity[name] for name in ("designation", "obsid")}
        shown |= {
            f"{name} (deg)": [f"{x:.5f}" for x in first.identity[name]] for name in ("ra", "dec")
        }
        shown["S/N (g)"] = [f"{x:.1f}" for x in first.identity["snr_g"]]
        shown |= {"valid pixels": valid, "flags": flags, "path": first.identity["path"]}
        low, high = self.grid.wavelength[[0, -1]]
        says = [f"{low:.0f} to {high:.0f} Å in vacuum"]
        if len(self) > _SHOWN:
            says.append(f"the first {_SHOWN} of {len(self)}:")
        rows = zip(*shown.values(), strict=True)
        left = ("designation", "flags", "path")
        return table_as_html(repr(self)[1:-1], list(shown), rows, left=left, says=says)

    def __post_init__(self):
        shape = self.flux.shape
        if len(shape) != 2 or shape[1] != self.grid.n_pixels:
            raise ValueError(f"flux has shape {shape}, the grid {self.grid.n_pixels} pixels")
        for name in ("ivar", "mask"):
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, flux {shape}")
        if self.flags is None:
            self.flags = np.zeros(len(self), dtype=np.int64)
        for name, column in empty_identity(len(self)).items():
            self.identity.setdefault(name, column)
        for name, column in {**self.identity, **self.columns, "flags": self.flags}.items():
            if len(column) != len(self):
                raise ValueError(f"column {name!r} has {len(column)} rows, flux {len(self)}")

    def __len__(self) -> int:
        return self.flux.shape[0]

    def __getitem__(self, rows) -> SpectrumBatch:
        """Return the batch of the chosen rows (slice, boolean mask or index array)."""
        if isinstance(rows, (int, np.integer)):
            rows = slice(rows, rows + 1) if rows >= 0 else [rows]
        return SpectrumBatch(
            self.grid,
            self.flux[rows],
            self.ivar[rows],
            self.mask[rows],
            {name: column[rows] for name, column in self.identity.items()},
            self.flags[rows],
            {name: column[rows] for name, column in self.columns.items()},
            self.generated,
        )

    @classmethod
    def concatenate(cls, batches: Iterable[SpectrumBatch]) -> SpectrumBatch:
        """Join batches on the same grid.

        Parameters
        ----------
        batches : iterable of SpectrumBatch

        Returns
        -------
        SpectrumBatch

        Raises
        ------
        ValueError
            If there are none, or if they differ in grid, columns or in being generated.
        """
        batches = list(batches)
        if not batches:
            raise ValueError("nothing to concatenate")
        first = batches[0]
        for other in batches[1:]:
            if other.grid != first.grid:
                raise ValueError(f"grids differ: {first.grid} and {other.grid}")
            if set(other.columns) != set(first.columns) or other.generated != first.generated:
                raise ValueError("batches differ in columns or in being generated")

        def join(pick):
            return np.concatenate([pick(batch) for batch in batches])

        return cls(
            first.grid,
            join(lambda b: b.flux),
            join(lambda b: b.ivar),
            join(lambda b: b.mask),
            {name: join(lambda b, n=name: b.identity[n]) for name in first.identity},
            join(lambda b: b.flags),
            {name: join(lambda b, n=name: b.columns[n]) for name in first.columns},
            first.generated,
        )
