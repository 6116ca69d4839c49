"""A finished table in the format of another program: FITS, ECSV or VOTable."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..atomic import atomic_path
from ..inference.arrow_files import open_parquet
from ..inference.table_formats import WRITERS, Rows
from ..text import printable

__all__ = ["FORMATS", "convert_table"]

FORMATS = {"parquet": ".parquet", "fits": ".fits", "ecsv": ".ecsv", "votable": ".vot"}
"""Formats of tables, each with the suffix of its files."""


def convert_table(
    source: str | os.PathLike,
    target: str | os.PathLike,
    checkpoint: Callable[[], None] = lambda: None,
) -> None:
    """Write a table of a scan again, in the format that the suffix of ``target`` names.

    What is known of columns goes with them: units, descriptions and formats as TUNIT, TCOMM and
    TDISP cards in FITS, in the heading of ECSV, and with UCDs as attributes and elements of each
    FIELD in a VOTable. What was not measured is NaN in FITS and ECSV and an empty cell in a
    VOTable. Characters that a format cannot hold are written as escapes: control characters in all
    three, and in FITS all that is not ASCII.

    Parameters
    ----------
    source : str or path
        ``catalogue.parquet`` of a scan, or another of its tables.
    target : str or path
        Ends in .fits, .ecsv or .vot. Appears when it is complete, in place of one that may be
        there; the same table gives the same bytes.
    checkpoint : callable, optional
        Called for each block of rows; may raise, to stop.

    Raises
    ------
    ValueError
        If the suffix is another, or a column holds what these formats cannot.
    OSError
        If ``target`` cannot be written. An earlier file is as it was.

    Examples
    --------
    >>> from astropy.table import Table
    >>> from lamost_rare.survey.formats import convert_table
    >>> convert_table("demo-output/candidates/stars.parquet", "stars.fits")
    >>> print(Table.read("stars.fits")["ra"].unit)
    deg

    Notes
    -----
    FITS columns of text are as wide as their longest value.
    """
    target = Path(target)
    try:
        write = WRITERS[target.suffix.lower()]
    except KeyError:
        raise ValueError(
            f"{printable(target)}: the suffix must be one of {', '.join(WRITERS)}"
        ) from None
    with (
        open_parquet(source, pre_buffer=False) as file,
        atomic_path(target) as temporary,
    ):
        rows = Rows(file.schema_arrow, file.metadata.num_rows, file.iter_batches, checkpoint)
        write(rows, temporary, target.stem)
