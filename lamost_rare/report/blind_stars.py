"""Stars whose class is known, to be mixed into a list: simulated ones, or those of a table."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ..annotations import PathLike
from ..errors import UnusableSpectraWarning
from ..inference.arrow import arrow_table
from ..inference.classify import classify_spectra
from ..inference.evidence import measure_lines
from ..simulation.analytic import TYPES, analytic_spectra
from ..simulation.demo import SURVEY_GRID
from ..simulation.fits_files import write_batch
from ..spectra.files import read_spectrum_file
from ..spectra.grid import LAMOST_GRID, WavelengthGrid
from ..spectra.quality import SpectrumError
from ..spectra.raw import RawSpectrum
from ..spectra.resample import assemble
from ..survey.inputs.values import plain_text, whole_numbers
from ..text import printable
from ..wording import named
from .errors import ReportError
from .finished_scan import FinishedScan, take_rows
from .rows_of_table import columns_of_file, look_up

__all__ = ["SIMULATED", "KnownStars", "known_stars", "simulated_stars"]

SIMULATED = "simulated"
OTHERS = ("B", "A", "hot_subdwarf", "white_dwarf", "O")
"""What is simulated beside the rare class."""
_SUBTYPES = {"O": (5.0, 9.0), "B": (1.0, 9.0)}
"""Away from the border of O and B, where a class is a convention."""
_LEAST_SNR, _USUAL_SNR = 3.0, 40.0


class KnownStars(NamedTuple):
    """Stars to be mixed in.

    Attributes
    ----------
    rows : pyarrow.Table
        As of a catalogue; columns may lack.
    spectra : dict of int to RawSpectrum
        Of rows by number; those that are not there are the scan's own.
    stars : list of dict
        What is known of each row: ``class``, and what it is called.
    how : str
        Where they come from, for people.
    """

    rows: pa.Table
    spectra: dict[int, RawSpectrum]
    stars: list[dict]
    how: str


def simulated_stars(
    scan: FinishedScan,
    n: int,
    snr: np.ndarray,
    rng: np.random.Generator,
    *,
    grid: WavelengthGrid = SURVEY_GRID,
) -> KnownStars:
    """Simulate stars of the analytic model: half of the rare class, and others by turns.

    They are written as LAMOST's files, and read and classified as any others.

    Parameters
    ----------
    scan : FinishedScan
    n : int
    snr : array
        S/N (g) of spectra among which they shall not be conspicuous.
    rng : numpy.random.Generator
    grid : WavelengthGrid
        Their pixels.

    Raises
    ------
    ReportError
        If the model has no star of the rare class.
    """
    if scan.rare_class not in TYPES:
        raise ReportError(
            f"{named('blind')} cannot simulate class "
            f"{printable(scan.rare_class or 'of this scan')}: give a table "
            f"of stars that are known, {named('known')}"
        )
    others = [name for name in OTHERS if name != scan.rare_class]
    kinds = [scan.rare_class] * ((n + 1) // 2)
    kinds += [others[i % len(others)] for i in range(n - len(kinds))]
    drawn = [_with_subtype(kind, rng) for kind in kinds]
    good = np.asarray(snr, dtype=float)
    good = good[np.isfinite(good) & (good >= _LEAST_SNR)]
    like = rng.choice(good, n) if len(good) else np.full(n, _USUAL_SNR)
    first = int(rng.integers(10**8, 9 * 10**8))
    batch = analytic_spectra(
        drawn, rng, like * np.exp(rng.normal(0, 0.1, n)), grid=grid, first_obsid=first
    )
    types = batch.columns["subclass"].tolist()
    with tempfile.TemporaryDirectory(prefix="lamost-rare-") as folder:
        paths = list(map(str, write_batch(folder, batch)))
        spectra = [read_spectrum_file(path) for path in paths]
        rows = _catalogued(scan, paths, spectra)
    stars = [{"class": kind, "type": name} for kind, name in zip(kinds, types, strict=True)]
    return KnownStars(rows, dict(enumerate(spectra)), stars, SIMULATED)


def known_stars(
    scan: FinishedScan, n: int, table: PathLike, rng: np.random.Generator, *, among: Collection[str]
) -> KnownStars:
    """Take stars of a table at random, whose spectra are in the scan or in files.

    Parameters
    ----------
    scan : FinishedScan
    n : int
    table : path
        With columns ``class``, and ``path`` or ``obsid``. A path that is not in the catalogue is
        that of a file; a relative one begins at the table.
    rng : numpy.random.Generator
    among : collection of str
        Paths of what is in the list already, and is left alone.

    Raises
    ------
    ReportError
        If the table cannot be read, or has too few stars.
    """
    path = Path(os.path.abspath(os.fsdecode(table)))
    numbers, stars = _named(scan, path)
    found = sorted({number for number in numbers if number is not None})
    paths = take_rows(scan.catalogue, found)["path"].to_pylist()
    of_number: dict[int | None, str] = dict(zip(found, paths, strict=True))
    taken: dict[str, tuple[int | None, RawSpectrum | None, dict]] = {}
    for i in rng.permutation(len(stars)).tolist():
        if len(taken) == n:
            break
        number, star = numbers[i], stars[i]
        name = of_number.get(number) or os.path.join(path.parent, star["path"])
        if name in taken or name in among or not star["class"]:
            continue
        raw = None if number is not None else _read(name)
        if number is not None or raw is not None:
            taken[name] = number, raw, star
    if len(taken) < n:
        raise ReportError(
            f"{printable(path)} has {len(taken)} stars that can be mixed in, fewer than "
            f"{named('blind', n)}: they need a class, and a spectrum that is not in the list "
            "already"
        )
    order = sorted(taken, key=lambda name: taken[name][0] is None)
    known = [number for number, _, _ in (taken[name] for name in order) if number is not None]
    spectra = [raw for _, raw, _ in (taken[name] for name in order) if raw is not None]
    parts = [take_rows(scan.catalogue, known)]
    if spectra:
        parts.append(_catalogued(scan, order[len(known) :], spectra))
    return KnownStars(
        pa.concat_tables(parts, promote_options="permissive"),
        dict(enumerate(spectra, start=len(known))),
        [taken[name][2] for name in order],
        f"of {printable(path.name)}",
    )


def _named(scan: FinishedScan, path: Path) -> tuple[list[int | None], list[dict]]:
    """Return the stars of a table, each with the number of its row in the catalogue, if any."""
    columns = columns_of_file(path, ["class"])
    classes = list(map(plain_text, columns.get("class", ())))
    paths = list(map(plain_text, columns.get("path", ()))) or [""] * len(classes)
    obsids = whole_numbers(list(columns.get("obsid", ()))) or [None] * len(classes)
    by_path, by_obsid = look_up(scan, paths, obsids)
    numbers = [
        by_path.get(name, by_obsid.get(obsid)) for name, obsid in zip(paths, obsids, strict=True)
    ]
    named = zip(classes, paths, obsids, strict=True)
    return numbers, [{"class": c, "path": p, "obsid": o} for c, p, o in named]


def _with_subtype(kind: str, rng: np.random.Generator) -> str:
    if kind not in _SUBTYPES:
        return kind
    low, high = _SUBTYPES[kind]
    return f"{kind}{round(2 * rng.uniform(low, high)) / 2:g}"


def _read(path: str) -> RawSpectrum | None:
    """Return the spectrum of a file, None if it cannot be used."""
    try:
        raw = read_spectrum_file(path)
    except SpectrumError:
        return None
    return None if assemble([raw], LAMOST_GRID)[1] else raw


def _catalogued(
    scan: FinishedScan, paths: Sequence[str], spectra: Sequence[RawSpectrum]
) -> pa.Table:
    """Return rows as of the scan's catalogue; without its preset there are no probabilities."""
    if scan.preset is None:
        batch, _ = assemble(list(spectra), LAMOST_GRID)
        columns = {**batch.identity, "flags": batch.flags, **measure_lines(batch)}
        return pa.table({name: pa.array(values.tolist()) for name, values in columns.items()})
    from astropy.table import Table

    prior = (scan.manifest.get("survey") or {}).get("prevalence")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusableSpectraWarning)
        table = classify_spectra(list(paths), scan.preset, prior=prior, threshold=scan.threshold)
    return arrow_table(Table(table, copy=False))
