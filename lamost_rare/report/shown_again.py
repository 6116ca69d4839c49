"""Verdicts of files on a new page: what people said before is shown beside each spectrum."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ..annotations import PathLike
from .people import gather
from .verdict import Verdict
from .verdict_files import VerdictFile, notes_on_lists, read_verdict_files

__all__ = ["events_on_page", "files_of"]


def files_of(verdicts: PathLike | Iterable[PathLike] | None) -> list[VerdictFile]:
    """Read one file of verdicts, or several; None are none.

    Raises
    ------
    VerdictError
        If one cannot be read, as `read_verdict_file`.
    """
    if verdicts is None:
        return []
    paths = [verdicts] if isinstance(verdicts, (str, bytes, os.PathLike)) else verdicts
    return read_verdict_files(os.fsdecode(path) for path in paths)


def events_on_page(
    files: Iterable[VerdictFile], digest: str, keys: Sequence[str]
) -> tuple[list[dict], list[str]]:
    """Return the verdicts of files as events on a list, and what people should know of them.

    Verdicts on the same spectra in another list are taken along.

    Parameters
    ----------
    files : iterable of VerdictFile
    digest : str
        Of the list.
    keys : sequence of str
        Of its spectra.
    """
    files, known = list(files), set(keys)
    found = gather(files)
    here = [verdict for verdict in found.verdicts if verdict.key in known]
    notes = [f"{file.path} {note}." for file in files for note in file.notes]
    notes += [f"{note}." for note in (*notes_on_lists(files, digest, keys), *found.notes)]
    if left := len(found.verdicts) - len(here):
        notes.append(
            f"{left} of {len(found.verdicts)} verdicts are on spectra that are not on this page."
        )
    return [_event(verdict, digest) for verdict in here], notes


def _event(verdict: Verdict, digest: str) -> dict:
    """Return an event as the page has its own, with a time that each browser reads."""
    at = datetime.fromtimestamp(verdict.time or 0.0, UTC)
    written = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    event = replace(verdict, list=digest, at=written).to_event()
    event.setdefault("id", " ".join([verdict.key, verdict.by, written]))
    return event
