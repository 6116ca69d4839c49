"""Shards to the final tables, as a stream."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ..atomic import atomic_path, discard_part
from ..inference.arrow import for_spreadsheets, parquet_writer, without_nan
from ..inference.arrow_files import arrow_file, open_parquet
from ..inference.expected import ExpectedCounts
from ..inference.selection import Selection
from ..preset_config import Evidence
from ..presets import Preset
from ..spectra.quality import QualityFlag
from ..text import printable
from ..wording import named
from .candidates import rank_candidates
from .catalogue import REJECTED_SCHEMA
from .errors import ScanError
from .formats import FORMATS, convert_table
from .selecting import choose, count_expected, settle
from .shards import ShardStore
from .stars import write_stars
from .summary import ScanSummary

__all__ = [
    "CONVERTED",
    "RESULTS",
    "convert_results",
    "merge_shards",
    "merge_stars",
    "select_again",
]

RESULTS = (
    "catalogue.parquet", "rejected.parquet", "candidates.parquet", "candidates.csv",
    "stars.parquet",
)  # fmt: skip
"""Files that a finished scan leaves, besides its manifest."""

_TABLES = [name for name in RESULTS if name.endswith(".parquet")]

CONVERTED = {
    name: tuple(Path(table).with_suffix(suffix).name for table in _TABLES)
    for name, suffix in FORMATS.items()
    if name != "parquet"
}
"""Files that it leaves besides, by format."""

ROW_GROUP = 32_768
"""Rows written at a time, and so held in memory."""


def merge_shards(
    store: ShardStore,
    n_shards: int,
    output: Path,
    summary: ScanSummary,
    checkpoint: Callable,
    evidence: Evidence | None = None,
    selection: Selection | None = None,
) -> None:
    """Write `RESULTS` into ``output``, all but the stars, and replace the counts of ``summary`` by
    those of the tables.

    The order of rows is that of the inputs; the first row with an OBSID stays as it is, later ones
    are flagged ``DUPLICATE_OBSID``. With a ``selection`` the candidates are its own, else those of
    the shards. Memory holds one row group, some 35 bytes for each row of the
    catalogue, and the candidates, which are sorted by `rank_candidates`.
    Each file is replaced as a whole or not at all; merging again gives the same bytes.
    ``checkpoint`` is called between row groups and may raise, to stop.
    """
    numbers = range(n_shards)
    for number in numbers:
        checkpoint()
        store.check_sound(number)
    summary.reasons = Counter()
    parts = [store.catalogue(number) for number in numbers]
    found = _write_catalogue(parts, store.schema, output, summary, checkpoint, selection)

    with _writer(output / RESULTS[1], REJECTED_SCHEMA) as write:
        summary.rejected = 0
        for table in _tables(map(store.rejected, numbers), REJECTED_SCHEMA):
            checkpoint()
            write(table)
            summary.rejected += len(table)
            _count(summary.reasons, table["reason"])
    _write_candidates(found, output, summary, evidence)


def select_again(
    schema: pa.Schema,
    output: Path,
    summary: ScanSummary,
    checkpoint: Callable,
    evidence: Evidence | None,
    selection: Selection,
) -> None:
    """Write the tables of a finished scan again, whose shards are gone, with other candidates.

    They have the bytes that `merge_shards` would give them; that of rejects stays as it is. Other
    parameters are as there.

    Raises
    ------
    ScanError
        If the catalogue has not the columns of ``schema``.
    """
    catalogue = output / RESULTS[0]
    with open_parquet(catalogue) as file:
        if not file.schema_arrow.equals(schema):
            raise ScanError(
                f"{printable(catalogue)} has other columns than this scan wrote: use "
                f"{named('overwrite', True)} to start again"
            )
    found = _write_catalogue([catalogue], schema, output, summary, checkpoint, selection)
    _write_candidates(found, output, summary, evidence)


def _write_catalogue(
    parts: list[Path],
    schema: pa.Schema,
    output: Path,
    summary: ScanSummary,
    checkpoint: Callable,
    selection: Selection | None,
) -> pa.Table:
    """Write the catalogue of the rows of some files, and count them; returns the candidates."""
    for name in itertools.chain(*CONVERTED.values()):
        (output / name).unlink(missing_ok=True)  # of the tables that are about to be replaced
    summary.predictions, summary.flags = Counter(), Counter()
    duplicate = _duplicates(parts)
    counts = None
    if selection is not None:
        selection = settle(selection, _read(parts, [selection.column, "flags"]))
        counts = ExpectedCounts(selection.odds)
    candidates = []
    with _writer(output / RESULTS[0], schema) as write:
        row = 0
        for table in _tables(parts, schema):
            checkpoint()
            table = _flag(table, duplicate[row : row + len(table)])
            table = choose(table, selection)
            count_expected(counts, table)
            row += len(table)
            write(table)
            if "candidate" in schema.names:
                candidates.append(table.filter(table["candidate"]))
            if "prediction" in schema.names:
                _count(summary.predictions, table["prediction"])
            flags = table["flags"].to_numpy()
            for flag in QualityFlag:
                summary.flags[flag.name] += int(np.count_nonzero(flags & flag))
    summary.flags = +summary.flags  # without the zeros
    summary.classified = row
    summary.selection, summary.expected = selection, counts.result() if counts else None
    return pa.concat_tables([schema.empty_table(), *candidates])


def _write_candidates(
    found: pa.Table, output: Path, summary: ScanSummary, evidence: Evidence | None
) -> None:
    summary.candidates = len(found)
    found = without_nan(rank_candidates(found, summary.rare_class, evidence))
    with _writer(output / RESULTS[2], found.schema) as write:
        write(found)
    with atomic_path(output / RESULTS[3]) as temporary:
        with arrow_file(temporary, "wb") as file:
            pa_csv.write_csv(for_spreadsheets(found), file)


def merge_stars(
    output: Path, summary: ScanSummary, preset: Preset | None, checkpoint: Callable
) -> None:
    """Write the stars of the catalogue in ``output``, by the preset that decided on its candidates,
    and count them in the summary."""
    threshold = preset.settings.threshold if preset else 0.0
    if summary.selection is not None:
        found = summary.selection.threshold
        threshold = math.inf if found is None else found  # no list is as pure as it is to be
    counts = write_stars(output / RESULTS[0], output / RESULTS[4], preset, threshold, checkpoint)
    summary.stars, summary.star_candidates, summary.only_together = counts


def convert_results(output: Path, format: str, checkpoint: Callable) -> None:
    """Write the tables in another format too, those that are not there in it."""
    for name in itertools.chain(*CONVERTED.values()):
        discard_part(output / name)  # of a run that was killed, perhaps with another format
    for source, name in zip(_TABLES, CONVERTED.get(format, ()), strict=False):
        if not (output / name).exists():
            convert_table(output / source, output / name, checkpoint)


def _duplicates(parts: Iterable[Path]) -> np.ndarray:
    """Return whether the OBSID of each row was met in an earlier row; a missing one (-1) never
    was."""
    columns = [block["obsid"].to_numpy() for block in _read(parts, ["obsid"])]
    obsid = np.concatenate([np.empty(0, np.int64), *columns])
    order = np.argsort(obsid, kind="stable")
    ordered = obsid[order]
    again = np.zeros(len(obsid), dtype=bool)
    again[order[1:]] = (ordered[1:] == ordered[:-1]) & (ordered[1:] >= 0)
    return again


def _flag(table: pa.Table, duplicate: np.ndarray) -> pa.Table:
    flags = table["flags"].to_numpy() | np.where(duplicate, QualityFlag.DUPLICATE_OBSID, 0)
    index = table.schema.get_field_index("flags")
    return table.set_column(index, table.schema.field(index), pa.array(flags, pa.int64()))


def _tables(parts: Iterable[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of files in order, as tables of `ROW_GROUP` rows and a last shorter one."""
    waiting, n_waiting = [], 0
    for table in _read(parts):
        # Without what a finished table knows of itself.
        waiting.append(pa.Table.from_arrays(table.columns, schema=schema))
        n_waiting += len(table)
        while n_waiting >= ROW_GROUP:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, ROW_GROUP).combine_chunks()
            waiting = [joined.slice(ROW_GROUP)]
            n_waiting -= ROW_GROUP
    if n_waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def _read(parts: Iterable[Path], columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yield the row groups of files."""
    for path in parts:
        with open_parquet(path) as file:
            for number in range(file.num_row_groups):
                yield file.read_row_group(number, columns)


@contextlib.contextmanager
def _writer(target: Path, schema: pa.Schema) -> Iterator[Callable[[pa.Table], None]]:
    """Write tables to a Parquet file that appears when it is complete."""
    # A dictionary of values that hardly ever repeat would only cost: a third of the file.
    repeating = [name for name in ("prediction", "flags", "reason") if name in schema.names]
    with (
        atomic_path(target) as temporary,
        arrow_file(temporary, "wb") as file,
        parquet_writer(file, schema, compression="zstd", use_dictionary=repeating) as write,
    ):
        yield lambda table: write(table, row_group_size=ROW_GROUP)


def _count(counter: Counter, column: pa.ChunkedArray) -> None:
    for item in pc.value_counts(column.combine_chunks()).to_pylist():
        counter[item["values"]] += item["counts"]
