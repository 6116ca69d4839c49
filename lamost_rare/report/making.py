"""From a scan to its page."""

from __future__ import annotations

import base64
import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple, Unpack

import pyarrow as pa

from ..annotations import PathLike, TableLike
from ..atomic import atomic_path
from ..progress import Progress
from ..spectra.raw import RawSpectrum
from ..text import check_paths, printable
from ..wording import named
from .asking import Asked, PageOptions, ask
from .blind import check_truth
from .errors import ReportError
from .finished_scan import FinishedScan, open_scan
from .packing import pack_spectrum
from .page import write_page
from .records import Records, digest_of, keys_of
from .shown_again import events_on_page
from .sources import Seen, Sources, open_sources, read_spectra
from .visits import Visits, find_visits

__all__ = ["Made", "check_page", "make_page", "make_report", "write_report"]

PAGE = "page.html"
"""Name of the page in the directory of its scan."""


class Made(NamedTuple):
    """A page that was written.

    Attributes
    ----------
    path : Path
    rows, visits : int
        Spectra to decide upon, and others of the same stars.
    missing : int
        How many of the rows have no spectrum on the page.
    notes : list of str
        What people should know of it, in plain words.
    """

    path: Path
    rows: int
    visits: int
    missing: int
    notes: list[str]


def make_report(
    scan: PathLike, output: PathLike | None = None, **options: Unpack[PageOptions]
) -> Path:
    """Write a page for looking at spectra of a finished scan, one HTML file that needs nothing
    else.

    Parameters
    ----------
    scan, output, **options
        As for `make_page`.

    Returns
    -------
    Path
        Of the page.

    Examples
    --------
    ``lamost_rare.report`` is this function:

    >>> import lamost_rare
    >>> lamost_rare.report("demo-output/candidates", "page.html", progress=False).name
    'page.html'
    """
    return make_page(scan, output, **options).path


def make_page(
    scan: PathLike,
    output: PathLike | None = None,
    *,
    top: int | None = None,
    where: str | None = None,
    rows: TableLike | None = None,
    spectra: PathLike | None = None,
    verdicts: PathLike | Iterable[PathLike] | None = None,
    blind: int | None = None,
    seed: int = 0,
    known: PathLike | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Made:
    """Write a page for looking at spectra of a finished scan.

    Parameters
    ----------
    scan : path
        The directory that a scan, or a run of a pipeline, wrote.
    output : path, optional
        Of the page; by default ``page.html`` in the scan's directory.
    top : int, optional
        So many of the most probable spectra, in place of the candidates.
    where : str, optional
        Spectra that fulfil a condition, as ``"p_O_survey > 0.1 and snr_g > 10"``; with ``top`` the
        most probable of those. `lamost_rare.report.where.parse_condition` says what it may be.
    rows : path or table, optional
        Spectra that a table names by ``obsid`` or ``path``, in its order.
    spectra : path, optional
        Where the spectra are now, if they were moved: takes the place of the scan's source.
    verdicts : path or sequence of paths, optional
        Files of verdicts that are shown again, as `lamost_rare.report.verdict_files` reads them.
    blind : int, optional
        How many stars that are known to mix in, unmarked: a test of who looks. The truth goes to a
        file beside the page, which ends in ``.blind.json``. Names are hidden on such a page.
    seed : int
        Of that mixture.
    known : path, optional
        Table of known stars, with ``class``, and ``path`` or ``obsid``; by default they are
        simulated.
    overwrite : bool
        Whether to replace a file of that name.
    progress : bool, optional
        True: a bar; False: nothing; by default a bar on a terminal, else a line a minute.

    Returns
    -------
    Made

    Raises
    ------
    ReportError
        If the scan is not finished, what is asked cannot be, or the page cannot be written;
        an earlier page is as it was then. `NothingToShowError` if no spectrum was chosen.
    """
    found = open_scan(scan)
    target = check_page(found.folder / PAGE if output is None else output, overwrite=overwrite)
    truth = None if blind is None else check_truth(target, overwrite=overwrite)
    asked = ask(
        found, top=top, where=where, rows=rows, spectra=spectra, verdicts=verdicts,
        blind=blind, seed=seed, known=known, progress=progress,
    )  # fmt: skip
    if asked.mixture and truth:
        asked.mixture.write(truth)
    return write_report(target, asked)


def check_page(path: PathLike, *, overwrite: bool) -> Path:
    """Find out before the work whether a page can be written; return its absolute path.

    Raises
    ------
    ReportError
        If not, with what to change.
    """
    check_paths(output=path)
    target = Path(os.path.abspath(os.fsdecode(path)))
    shown = printable(target)
    if target.is_dir():
        raise ReportError(f"{shown} is a directory: give the name of the page, as PAGE.html")
    if target.suffix.lower() not in (".html", ".htm"):
        raise ReportError(f"{shown}: the name of a page ends in .html")
    if os.path.lexists(target) and not overwrite:
        raise ReportError(f"{shown} exists already; {named('overwrite', True)} replaces it")
    if not target.parent.is_dir():
        raise ReportError(f"{shown}: there is no directory {printable(target.parent)}")
    if not os.access(target.parent, os.W_OK):
        raise ReportError(f"{shown}: {printable(target.parent)} is not writable")
    return target


def write_report(target: Path, asked: Asked, *, served: str | None = None) -> Made:
    """Write the page of chosen rows, whole or not at all.

    Spectra are packed one at a time, as they are read, into a file without a name beside the page;
    memory does not grow with them.

    Parameters
    ----------
    target : Path
        Absolute.
    asked : Asked
    served : str, optional
        As `Records.page` takes it.
    """
    scan, chosen, mixture = asked.scan, asked.chosen, asked.mixture
    sources = open_sources(scan, asked.spectra)
    keys = keys_of(chosen.rows)
    events, notes = events_on_page(asked.verdicts, digest_of(keys), keys)
    visits = Visits(chosen.rows[:0], [], []) if mixture else find_visits(scan, chosen.rows)
    records = Records(scan, chosen, visits, [*sources.notes, *notes])
    n = len(records.spectra)
    with (
        _clear_errors(target),
        tempfile.TemporaryFile(dir=target.parent) as spool,
        Progress(n, "spectra", "reading", wanted=asked.progress) as bar,
    ):
        places = [(0, 0)] * n
        for done, seen in enumerate(_seen(scan, records, sources, asked.given), start=1):
            places[seen.row] = _pack(seen, records, spool)
            bar.update(done)
        where = os.path.join(scan.folder.parent.name, scan.folder.name)
        title = f"{chosen.how[0].upper()}{chosen.how[1:]} in {where}"
        page = records.page(title=title, verdicts=events, served=served)
        page = mixture.hide(page) if mixture else page
        with atomic_path(target) as temporary, open(temporary, "wb") as file:
            write_page(file, page, _copied(spool, places))
    missing = sum(map(bool, page["columns"]["missing"]))
    return Made(target, page["rows"], n - page["rows"], missing, page["notes"])


def _seen(
    scan: FinishedScan, records: Records, sources: Sources, given: Mapping[int, RawSpectrum]
) -> Iterator[Seen]:
    """Yield what became of each spectrum, also of those that are not the scan's own."""
    own = [row for row in range(len(records.spectra)) if row not in given]
    for seen in read_spectra(scan, records.spectra.take(pa.array(own, pa.int64())), sources):
        yield seen._replace(row=own[seen.row])
    yield from (Seen(row, raw) for row, raw in given.items())


@contextlib.contextmanager
def _clear_errors(target: Path) -> Iterator[None]:
    """Say in one line what the system says of a disk that is full or cannot be written to."""
    try:
        yield
    except OSError as error:
        why = printable(error.strerror or error)
        raise ReportError(f"cannot write {printable(target)}: {why}") from error


def _pack(seen: Seen, records: Records, spool: BinaryIO) -> tuple[int, int]:
    """Append a spectrum to a file; return where it is, and how long."""
    why = seen.missing
    if seen.raw is not None:
        try:
            packed = pack_spectrum(seen.raw.flux, seen.raw.ivar, seen.raw.mask)
        except ValueError as error:
            why = f"cannot be shown: {error}"
        else:
            records.see(seen.row, seen.raw, seen.changed)
            content = base64.b64encode(packed)
            place = spool.tell(), len(content)
            spool.write(content)
            return place
    records.miss(seen.row, why)
    return 0, 0


def _copied(spool: BinaryIO, places: list[tuple[int, int]]) -> Iterator[bytes]:
    """Yield spectra from the file, in the order of the page."""
    for start, size in places:
        spool.seek(start)
        yield spool.read(size)
