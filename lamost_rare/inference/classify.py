"""`classify_spectra`: any number of files and Spectrum objects to one table."""

from __future__ import annotations

import logging
import os
import time
import warnings
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ..annotations import PresetLike, PriorLike
from ..errors import UnusableSpectraWarning
from ..presets import Preset, check_kind, load_preset
from ..spectra.quality import QualityFlag, SpectrumError
from ..spectra.raw import RawSpectrum
from ..spectra.reading import read_each
from ..spectra.resample import assemble
from ..text import printable, without_name
from ..wording import named
from .columns import columns_of_catalogue
from .evidence import measure_lines
from .expected import ExpectedCounts
from .kept import kept_predictor
from .prevalence import for_survey
from .prior import read_prior
from .rows import catalogue_columns, flag_duplicates
from .selection import Selection, no_odds
from .sizes import whole_number

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["classify_spectra"]

_log = logging.getLogger(__name__)

_FILL = {"f": np.nan, "b": False, "O": ""}
_TOGETHER = 256  # spectra fewer than these take the network no less time


def classify_spectra(
    spectra: Any,
    preset: PresetLike = None,
    *,
    medium: str = "vacuum",
    batch_size: int = 256,
    evidence: bool = True,
    prior: PriorLike = None,
    threshold: float | None = None,
    purity: float | None = None,
) -> QTable:
    """Classify spectra, one row each, in the given order.

    Parameters
    ----------
    spectra : path, Spectrum, Spectrum1D, SpectrumList, SpectrumCollection, HDUList, or an iterable
        Paths and HDU lists are LAMOST low-resolution files. An object that holds several spectra
        gives a row for each of them. An iterable has an order: arrays, columns and Series of
        paths will do, a set will not. Directories are for `lamost_rare.scan_directory`.
    preset : str, path or Preset, optional
        Name of a shipped preset or folder of another one. By default the one for O stars.
    medium : {"vacuum", "air"}
        What the wavelengths of the Spectrum objects are measured in. Files say it themselves.
    batch_size : int
        How many spectra the network sees at a time, up to 16384.
    evidence : bool
        Measure equivalent widths; without them the columns ``ew_*`` are left out.
    prior : mapping, str or path, optional
        How frequent classes are where the spectra come from, if that is not what the preset says:
        ``{"O": 2e-5}``, the same as text, or a table (`~lamost_rare.inference.prior.read_prior`).
    threshold : float, optional
        Least ``p_<rare>_survey`` of a candidate; of a preset without odds, least ``p_<rare>``.
    purity : float, optional
        Instead: expected part of true candidates in the list, which is the largest that has it.

    Returns
    -------
    astropy.table.QTable
        The columns of the catalogue: identity, ``prediction``, ``p_<class>``, ``candidate``,
        ``flags``, and ``ew_<line>`` with errors; paths are absolute, and stand last where the table
        is shown. A spectrum that could not be used has the flag
        `~lamost_rare.spectra.quality.QualityFlag.UNUSABLE`, NaN probabilities and an empty
        prediction; ``meta["rejected"]`` lists (row, reason, detail) for each of them, with the
        codes of `~lamost_rare.spectra.quality.REJECT_REASONS`. If the preset has odds of a survey,
        ``meta["expected"]`` says how many candidates are expected to be true, with 90 % ranges
        (`~lamost_rare.inference.expected.Expected`).

    Raises
    ------
    PresetError
        If the preset does not exist, is not a classifier or fails its verification.
    TypeError
        If something is neither a path nor a spectrum; for a table or DataFrame, of which one
        column is wanted.
    ValueError
        If ``medium`` or ``batch_size`` is not allowed, or ``spectra`` is a directory, a
        pattern or empty; if prior, threshold or purity cannot be.
    ForkedProcessError
        If this process was forked from one that had classified: start processes with ``spawn``.

    Warns
    -----
    UnusableSpectraWarning
        Once, if some of the spectra could not be used: how many, and why.

    Examples
    --------
    >>> from glob import glob
    >>> from lamost_rare import classify_spectra
    >>> files = sorted(glob("demo-output/survey/*/*/*.fits.gz"))
    >>> table = classify_spectra(files[40:43])
    >>> print(*table["prediction"])
    O K A
    >>> print(table["ra"].unit, table["ew_heii_4541"].unit)
    deg Angstrom
    """
    if medium not in ("vacuum", "air"):
        raise ValueError(f"medium must be 'vacuum' or 'air', not {medium!r}")
    whole_number(named("batch_size"), batch_size)
    _refuse_searching(spectra)
    if not isinstance(preset, Preset):
        preset = load_preset(preset)
    check_kind(preset, "classifier")
    preset = for_survey(preset, read_prior(prior))
    selection = Selection.of(preset, threshold, purity)
    if selection is None:
        preset = for_survey(preset, threshold=threshold)

    results = _Rows(preset, evidence, selection)
    sources = read_each(spectra, medium)
    in_memory = batch_size * max(1, min(4, 4 * _TOGETHER // batch_size))
    while chunk := list(islice(sources, in_memory)):
        results.add(chunk, batch_size)
    if results.rejected:
        warnings.warn(results.complaint(), UnusableSpectraWarning, stacklevel=2)
    return results.table()


def _refuse_searching(spectra) -> None:
    """Raise ValueError for what a user gives who wants files to be looked for."""
    if not isinstance(spectra, (str, bytes, os.PathLike)):
        return
    name = os.fsdecode(spectra)
    if os.path.isdir(name):
        raise ValueError(
            f"{printable(name)} is a directory, and classify_spectra takes files: "
            "scan_directory (lamost-rare scan) searches directories"
        )
    if any(c in name for c in "*?[") and not os.path.lexists(name):
        raise ValueError(
            f"no file is called {printable(name)}, and classify_spectra does not search: give it "
            "glob.glob(...) of the pattern, or a directory to scan_directory (lamost-rare scan)"
        )


class _Rows:
    """The table while it grows."""

    def __init__(self, preset: Preset, evidence: bool, selection: Selection | None):
        self.preset = preset
        self.selection = selection
        self.evidence = evidence
        self.columns = columns_of_catalogue(preset.classes, preset.rare_class, evidence=evidence)
        self.chunks: list[dict[str, np.ndarray]] = []
        self.rejected: list[tuple[int, str, str]] = []
        self.n_rows = 0
        self._size = 0
        self._began = time.monotonic()
        self._seen: set[int] = set()

    def add(self, chunk: list, batch_size: int) -> None:
        """Append a row for each (path, spectrum or error) of the chunk."""
        refused = {i: item for i, (_, item) in enumerate(chunk) if isinstance(item, SpectrumError)}
        readable = [i for i in range(len(chunk)) if i not in refused]
        batch, rejects = assemble([chunk[i][1] for i in readable], self.preset.grid)
        refused |= {readable[i]: error for i, error in rejects}
        columns = self._unusable([path for path, _ in chunk])
        for i, (_, item) in enumerate(chunk):
            if isinstance(item, RawSpectrum):  # a rejected spectrum may still say what it is of
                for name, value in item.identity.items():
                    if name in columns and name != "path":
                        columns[name][i] = value
                columns["flags"][i] |= item.flags
        if len(batch):
            used = np.array([i for i in range(len(chunk)) if i not in refused])
            for name, values in self._classify(batch, batch_size).items():
                columns[name][used] = values
        flag_duplicates(columns["obsid"], columns["flags"], self._seen)
        for i in sorted(refused):
            self.rejected.append((self.n_rows + i, refused[i].reason, refused[i].detail))
            row, path = self.n_rows + i, printable(chunk[i][0])
            _log.debug("row %d not used: %s: %s", row, path, printable(refused[i]))
        self.chunks.append(columns)
        self.n_rows += len(chunk)

    def _classify(self, batch, batch_size) -> dict[str, np.ndarray]:
        if not self._size:
            # As asked, unless there are far fewer spectra: the network's batches are padded.
            enough = 1 << (len(batch) - 1).bit_length()
            self._size = min(batch_size, max(_TOGETHER, enough))
        prediction = kept_predictor(self.preset, self._size).predict(batch)
        lines = measure_lines(batch) if self.evidence else None
        return catalogue_columns(batch, prediction, self.preset, lines)

    def _unusable(self, paths: list[str]) -> dict[str, np.ndarray]:
        """Rows that say of every spectrum that it could not be used."""
        columns: dict[str, np.ndarray] = {
            column.name: np.full(
                len(paths), _FILL.get(column.numpy_dtype.kind, -1), column.numpy_dtype
            )
            for column in self.columns
        }
        columns["path"][:] = paths
        columns["flags"][:] = int(QualityFlag.UNUSABLE)
        return columns

    def complaint(self) -> str:
        """One line: how many spectra were not used, and why, with an example of each reason."""
        examples: dict[str, list] = {}
        for row, reason, detail in self.rejected:
            examples.setdefault(reason, [0, row, detail])[0] += 1
        paths = [path for chunk in self.chunks for path in chunk["path"]]
        reasons = "; ".join(
            f"{reason} {number} ({printable(paths[row]) or f'number {row}'} "
            f"{without_name(detail, paths[row])})"
            for reason, (number, row, detail) in examples.items()
        )
        return (
            f"{len(self.rejected)} of {self.n_rows} spectra not used: {reasons}; "
            'meta["rejected"] of the table lists all'
        )

    def table(self):
        """All rows as an `astropy.table.QTable`."""
        from astropy import units as u

        from .shown import CatalogueTable

        table = CatalogueTable()
        table.meta["preset"] = self.preset.name
        table.meta["weights_sha256"] = self.preset.sha256
        table.meta["rare_class"] = self.preset.rare_class
        table.meta["threshold"] = self.preset.threshold
        self._select(table.meta)
        for column in self.columns:
            name, dtype = column.name, column.numpy_dtype
            values = np.concatenate([np.empty(0, dtype), *(chunk[name] for chunk in self.chunks)])
            if dtype.kind == "O":
                values = values.astype(str)
            table[name] = u.Quantity(values, column.unit, dtype=dtype) if column.unit else values
            table[name].info.description = column.description
            table[name].info.format = column.format
        table.meta["rejected"] = self.rejected
        name, seconds = printable(self.preset.name), time.monotonic() - self._began
        counts = len(table), len(self.rejected), np.count_nonzero(table["candidate"])
        _log.info(
            "preset %s: %d spectra, %d of them not used, %d candidates, in %.1f s",
            *(name, *counts, seconds),
        )
        return table

    def _column(self, name: str) -> np.ndarray:
        return np.concatenate([np.empty(0), *(chunk[name] for chunk in self.chunks)])

    def _select(self, meta: dict) -> None:
        """Choose the candidates among all rows, where there are odds, and say what to expect."""
        if self.selection is None:
            if self.n_rows - len(self.rejected) > 1:
                _log.warning("%s", printable(no_odds(self.preset.name, self.preset.rare_class)))
            return
        of = (self.selection.column, "survey_score", "survey_snr", "survey_lost")
        p, score, snr, lost = map(self._column, of)
        flags = self._column("flags").astype(np.int64)
        selection = self.selection.settled(p, flags)
        chosen = selection.chosen(p, flags)
        counts = ExpectedCounts(selection.odds)
        counts.add(p, score, snr, lost, chosen)
        start = 0
        for chunk in self.chunks:
            chunk["candidate"] = chosen[start : start + len(chunk["flags"])]
            start += len(chunk["flags"])
        meta |= selection.to_dict()
        meta["candidates"] = str(selection)
        meta["prevalence"] = dict(selection.odds.prevalence)
        meta["expected"] = counts.result().to_dict()
