"""One row a star: the spectra of a catalogue that lie within two arcseconds, judged together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from ..annotations import PresetLike, TableLike
from ..atomic import atomic_path
from ..inference.arrow import arrow_table, parquet_writer, schema_of
from ..inference.arrow_files import arrow_file, open_parquet
from ..inference.columns import star_columns
from ..presets import Preset, check_kind, load_preset
from ..spectra.quality import QualityFlag
from ..text import check_paths, first_line, printable
from .star_members import Blocks, Members, members_of, numbers
from .star_tally import Tally

if TYPE_CHECKING:
    from astropy.table import QTable

__all__ = ["StarCounts", "read_stars", "stars_of", "write_stars"]

ROW_GROUP = 32_768
"""Rows held in memory."""


class StarCounts(NamedTuple):
    """Rows of a table of stars, of them candidates, and of these without a candidate among their
    spectra."""

    stars: int
    candidates: int
    only_together: int


def stars_of(
    catalogue: TableLike, preset: PresetLike = None, threshold: float | None = None
) -> QTable:
    """Return a table of the stars of a catalogue, whose spectra are judged together.

    Parameters
    ----------
    catalogue : str, path, `astropy.table.Table` or `pyarrow.Table`
        A catalogue in Parquet that `~lamost_rare.scan_directory` wrote, or a table of
        `~lamost_rare.classify_spectra`; several tables that were joined will do.
    preset : str, path or Preset, optional
        That with which the catalogue was made; by default
        `~lamost_rare.presets.DEFAULT_PRESET`. With other prevalences if
        `~lamost_rare.inference.prevalence.for_survey` made it.
    threshold : float, optional
        Least ``p_<rare>_survey`` of a candidate; by default the preset's.

    Returns
    -------
    astropy.table.QTable
        With the columns of `~lamost_rare.inference.columns.star_columns`. Stars come in the order
        of their best spectra.

    Raises
    ------
    ValueError
        If the catalogue lacks a column that the preset has.

    Examples
    --------
    One of the 300 spectra of the demonstration is there twice:

    >>> from lamost_rare.survey.stars import stars_of
    >>> len(stars_of("demo-output/candidates/catalogue.parquet"))
    299
    """
    from astropy import units as u
    from astropy.table import QTable

    preset = preset if isinstance(preset, Preset) else load_preset(preset)
    check_kind(preset, "classifier")
    threshold = preset.settings.threshold if threshold is None else threshold
    parts = list(read_stars(catalogue, preset, threshold))
    columns = star_columns(preset.rare_class)
    schema = schema_of(columns)
    table = pa.Table.from_batches(parts, schema) if parts else schema.empty_table()
    found = QTable(meta={"preset": preset.name, "rare_class": preset.rare_class})
    for column in columns:
        values = table[column.name].to_numpy()
        values = values.astype(str if values.dtype.kind == "O" else column.numpy_dtype)
        unit = column.unit and u.Unit(column.unit)
        found[column.name] = u.Quantity(values, unit) if unit else values
        found[column.name].info.description = column.description
        found[column.name].info.format = column.format
    return found


def write_stars(
    catalogue,
    target,
    preset: Preset | None,
    threshold: float,
    checkpoint: Callable[[], None] = lambda: None,
) -> StarCounts:
    """Write the stars of a catalogue into a Parquet file, whole or not at all.

    Memory is some 120 bytes for each row of the catalogue. The same catalogue gives the same bytes.

    Parameters
    ----------
    catalogue
        As `stars_of` takes it.
    target : path
    preset : Preset or None
        Without it stars have no prediction.
    threshold : float
        Least ``p_<rare>_survey`` of a candidate, if the preset has odds.
    checkpoint : callable
        Called for each block of rows; may raise, to stop.
    """
    schema = schema_of(star_columns(preset.rare_class if preset else ""))
    stars = candidates = only = 0
    repeating = [name for name in ("prediction", "flags") if name in schema.names]
    with (
        atomic_path(target) as temporary,
        arrow_file(temporary, "wb") as file,
        parquet_writer(file, schema, compression="zstd", use_dictionary=repeating) as write,
    ):
        for batch in read_stars(catalogue, preset, threshold, checkpoint):
            write(pa.Table.from_batches([batch]), row_group_size=ROW_GROUP)
            stars += len(batch)
            if preset:
                candidate = numbers(batch, "candidate").astype(bool)
                candidates += int(candidate.sum())
                only += int((candidate & (numbers(batch, "n_candidates") == 0)).sum())
    return StarCounts(stars, candidates, only)


def read_stars(
    catalogue,
    preset: Preset | None,
    threshold: float,
    checkpoint: Callable[[], None] = lambda: None,
) -> Iterator[pa.RecordBatch]:
    """Yield rows of stars, as many at a time as there are best spectra in a block of rows.

    Parameters are those of `write_stars`.
    """
    columns = star_columns(preset.rare_class if preset else "")
    schema = schema_of(columns)
    with _opened(catalogue, preset, checkpoint) as blocks:
        members = members_of(blocks)
        tally = Tally(blocks, members, preset)
        start = 0
        for block in blocks(_needed(preset)):
            rows = np.flatnonzero(members.best[start : start + len(block)])
            group = members.group[start + rows]
            start += len(block)
            if len(rows):
                block = block.take(pa.array(rows))
                values = _alone(block, preset, threshold)
                _judged(values, group, members, tally, preset, threshold)
                arrays = [pa.array(values[c.name], schema.field(c.name).type) for c in columns]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _needed(preset: Preset | None) -> list[str]:
    """Return the columns of a catalogue that a star has of its best spectrum."""
    names = ["path", "obsid", "designation", "ra", "dec", "snr_g", "flags"]
    if preset:
        names += ["prediction", f"p_{preset.rare_class}_survey", "candidate"]
    return names


@contextlib.contextmanager
def _opened(catalogue, preset: Preset | None, checkpoint) -> Iterator[Blocks]:
    """Give what yields columns of a catalogue, a block of rows at a time."""
    with contextlib.ExitStack() as stack:
        if isinstance(catalogue, (str, bytes, os.PathLike)):
            check_paths(catalogue=catalogue)
            try:
                file = stack.enter_context(open_parquet(catalogue, pre_buffer=False))
            except pa.ArrowException as error:
                why = printable(first_line(error))
                raise ValueError(f"{printable(catalogue)} is no Parquet file: {why}") from error
            there, batches = file.schema_arrow.names, file.iter_batches
        else:
            table = catalogue if isinstance(catalogue, pa.Table) else arrow_table(catalogue)
            there = table.column_names

            def batches(size, columns):
                return table.select(columns).to_batches(max_chunksize=size)

        needed = _needed(preset) + (Tally.columns_of(preset) if preset else [])
        if lacks := [name for name in needed if name not in there]:
            by = f", which preset {preset.name!r} has" if preset else ""
            raise ValueError(
                f"the catalogue lacks {', '.join(lacks)}{by}: give a catalogue, and the preset "
                "with which it was made"
            )

        def blocks(names):
            for batch in batches(ROW_GROUP, columns=names):
                checkpoint()
                yield batch

        yield blocks


def _alone(block: pa.RecordBatch, preset: Preset | None, threshold) -> dict[str, np.ndarray]:
    """Return the columns of stars of one spectrum each."""
    one = np.ones(len(block), dtype=np.int32)
    values = {name: numbers(block, name).copy() for name in block.schema.names}
    values |= {"n_spectra": one, "n_used": one.copy()}
    if preset:
        p = f"p_{preset.rare_class}_survey"
        values |= {f"{p}_min": values[p].copy(), f"{p}_max": values[p].copy()}
        values["n_candidates"] = values["candidate"].astype(np.int32)
        values["disagree"] = np.zeros(len(block), dtype=bool)
        if preset.settings.odds is not None:
            covered = values["flags"] & QualityFlag.KEY_LINES_MISSING == 0
            values["candidate"] = (values[p] >= threshold) & covered
    return values


def _judged(values, group, members: Members, tally: Tally, preset, threshold) -> None:
    """Put what several spectra say together into the columns of stars that have them."""
    rows = np.flatnonzero(group >= 0)
    star = group[rows]
    for name in ("ra", "dec", "n_spectra", "n_used"):
        values[name][rows] = getattr(members, name)[star]
    for name in ("snr_g", "flags"):
        values[name][rows] = getattr(tally, name)[star]
    if not preset:
        return
    names = np.array([*preset.classes, ""], dtype=object)
    values["prediction"][rows] = names[tally.prediction[star]]
    p = f"p_{preset.rare_class}_survey"
    for name, found in ((p, "survey"), (f"{p}_min", "least"), (f"{p}_max", "greatest")):
        values[name][rows] = getattr(tally, found)[star]
    for name in ("n_candidates", "disagree"):
        values[name][rows] = getattr(tally, name)[star]
    # Without odds a star is a candidate if its best spectrum is.
    if preset.settings.odds is not None:
        values["candidate"][rows] = (tally.survey[star] >= threshold) & tally.covered[star]
