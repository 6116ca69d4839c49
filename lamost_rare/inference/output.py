"""The table of `classify_spectra` as a file or as lines for a terminal."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ..errors import LamostRareError
from ..spectra.quality import QualityFlag
from ..text import check_paths, path_text, printable

__all__ = ["OutputError", "check_output", "terminal_lines", "write_table"]


class OutputError(LamostRareError, ValueError):
    """An output file that cannot be written as asked."""


def check_output(path, *, overwrite: bool = False) -> None:
    """Find out before the work whether the result can be written.

    Parameters
    ----------
    path : str or path
        Its suffix decides the format: .csv, .ecsv, .fits, .parquet, .vot.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If not, with what to change.
    """
    check_paths(path=path)
    path = Path(path)
    shown = printable(path)
    if path.suffix.lower() not in _WRITERS:
        known = ", ".join(_WRITERS)
        raise OutputError(f"{shown}: the suffix must be one of {known}")
    if path.is_dir():
        raise OutputError(f"{shown} is a directory")
    if path.exists() and not overwrite:
        raise OutputError(f"{shown} exists already; --overwrite replaces it")
    if not path.parent.is_dir():
        raise OutputError(f"{shown}: there is no directory {printable(path.parent)}")
    if not os.access(path.parent, os.W_OK):
        raise OutputError(f"{shown}: {printable(path.parent)} is not writable")


def write_table(table, path, *, overwrite: bool = False) -> None:
    """Write the table of `classify_spectra`, completely or not at all.

    Parameters
    ----------
    table : astropy.table.QTable
    path : str or path
    overwrite : bool
        As in `check_output`.

    Raises
    ------
    OutputError
        As `check_output`.
    OSError
        If writing fails; an earlier file of that name is then as it was.
    """
    from astropy.table import Column, Table

    from ..survey.atomic import atomic_path

    check_output(path, overwrite=overwrite)
    suffix = Path(path).suffix.lower()
    plain = Table(table, copy=False)
    for column in list(plain.itercols()):
        if column.dtype.kind == "U":
            safe = [_encodable(text, suffix) for text in column.tolist()]
            plain[column.name] = Column(safe, dtype=str, description=column.description)
    plain.meta = {k: v for k, v in table.meta.items() if k != "rejected"}
    with atomic_path(Path(path).absolute()) as temporary:
        _WRITERS[suffix](plain, temporary)


def _encodable(text: str, suffix: str) -> str:
    """A path as a scan writes it into a table of that kind."""
    text = path_text(text)
    if suffix in (".csv", ".parquet"):
        return text
    encoding = "ascii" if suffix == ".fits" else "utf-8"
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)


def _write_csv(table, path) -> None:
    table.meta = {}
    table.write(path, format="ascii.csv", overwrite=True)


def _write_ecsv(table, path) -> None:
    table.write(path, format="ascii.ecsv", overwrite=True)


def _write_fits(table, path) -> None:
    from astropy.io import fits

    keywords = {
        "preset": "PRESET",
        "weights_sha256": "WEIGHTS",
        "rare_class": "RARE",
        "threshold": "THRESHLD",
    }
    table.meta = {keywords[k]: v for k, v in table.meta.items() if k in keywords}
    hdu = fits.table_to_hdu(table)
    hdu.name = "CATALOGUE"
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)


def _write_votable(table, path) -> None:
    from astropy import units as u

    table.meta = {}
    for column in table.itercols():
        if column.unit == u.AA:
            column.unit = u.Unit("0.1 nm")  # how the VOUnits standard spells Å
    table.write(path, format="votable", overwrite=True)


def _write_parquet(table, path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields, arrays = [], []
    for column in table.itercols():
        array = pa.array(column.tolist() if column.dtype.kind == "U" else np.asarray(column))
        notes = {"description": column.description or ""}
        if column.unit is not None:
            notes["unit"] = str(column.unit)
        fields.append(pa.field(column.name, array.type, metadata=notes))
        arrays.append(array)
    notes = {key: str(value) for key, value in table.meta.items()}
    pq.write_table(pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=notes)), path)


_WRITERS: dict[str, Callable] = {
    ".csv": _write_csv,
    ".ecsv": _write_ecsv,
    ".fits": _write_fits,
    ".parquet": _write_parquet,
    ".vot": _write_votable,
}


def terminal_lines(table) -> Iterator[str]:
    """A compact, aligned table for people: one line a spectrum, below a heading.

    Parameters
    ----------
    table : astropy.table.QTable
        From `classify_spectra`.

    Yields
    ------
    str
        Lines without control characters.
    """
    rare = table.meta["rare_class"]
    rows = [("path", "prediction", f"p({rare})", "candidate", "S/N(g)", "flags")]
    for path, prediction, p, candidate, snr, flags in zip(
        table["path"],
        table["prediction"],
        table[f"p_{rare}"],
        table["candidate"],
        table["snr_g"],
        table["flags"],
        strict=True,
    ):
        rows.append(
            (
                printable(path) or "-",
                str(prediction) or "-",
                "-" if np.isnan(p) else f"{p:.4f}",
                "yes" if candidate else "",
                "-" if np.isnan(snr) else f"{snr:.1f}",
                "|".join(str(flag.name) for flag in QualityFlag if flags & flag) or "-",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.rjust(width) if i in (2, 4) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
