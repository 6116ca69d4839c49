"""A blind test: stars that are known among those of a list, unmarked.

Nothing on such a page tells the known ones from the others: neither names, places, paths and
LAMOST's class, which they have not, nor what the classifier says, which is chosen for the others.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from .. import __version__
from ..annotations import PathLike
from ..atomic import write_text_atomically
from ..simulation.demo import SURVEY_GRID
from ..spectra.quality import QualityFlag
from ..spectra.raw import RawSpectrum
from ..text import check_paths, printable
from ..wording import named
from .blind_stars import SIMULATED, known_stars, simulated_stars
from .choosing import MOST_ROWS, Chosen
from .errors import ReportError
from .finished_scan import FinishedScan
from .records import digest_of, keys_of
from .sources import open_sources
from .verdict_files import BLIND_NAME
from .words import verdict_classes

__all__ = ["KIND", "Mixture", "check_truth", "mix_in", "truth_beside"]

KIND = "lamost-rare blind"
FORMAT = 1
"""Of the file that says which stars are known."""

MOST_KNOWN = 1000
_NOTE = "Some of these spectra are of stars that are known. Names and probabilities are hidden."
_TEXTS = ("path", "obsid", "prediction", "survey_class", "survey_subclass")
_NUMBERS = (
    "ra", "dec", "p_survey", "novelty", "subtype", "subtype_err", "velocity", "velocity_err",
    "evidence", "survey_z",
)  # fmt: skip
_TELLING = (
    QualityFlag.UNUSABLE | QualityFlag.MISSING_IDENTITY | QualityFlag.DUPLICATE_OBSID
    | QualityFlag.OUT_OF_DISTRIBUTION | QualityFlag.RESAMPLED | QualityFlag.FIRST_STAGE
    | QualityFlag.SNR_DOUBTFUL
)  # fmt: skip
"""Flags that say where a spectrum is from, or what the classifier made of it."""


@dataclass(frozen=True)
class Mixture:
    """A list with stars that are known.

    Attributes
    ----------
    chosen : Chosen
        All rows, in the order in which they are shown.
    spectra : dict of int to RawSpectrum
        Of rows by number, of those that are not the scan's own.
    truth : dict
        What `write` writes.
    """

    chosen: Chosen
    spectra: dict[int, RawSpectrum]
    truth: dict

    def write(self, path: Path) -> None:
        """Write which stars are known, as JSON, for who organises the test."""
        write_text_atomically(path, json.dumps(self.truth, ensure_ascii=False, indent=1) + "\n")

    def hide(self, page: dict) -> dict:
        """Return the list of a page without what tells stars that are known from others."""
        n = page["rows"]
        columns = dict(page["columns"])
        columns |= {name: [""] * n for name in _TEXTS} | {name: [None] * n for name in _NUMBERS}
        columns["name"] = [f"{BLIND_NAME}{number}" for number in range(1, n + 1)]
        columns["candidate"] = [0] * n
        columns["flags"] = [flags & ~int(_TELLING) for flags in columns["flags"]]
        columns["missing"] = ["cannot be shown" if why else "" for why in columns["missing"]]
        columns["changed"] = ["not what was scanned" if why else "" for why in columns["changed"]]
        # Standards are of the model that simulated stars are of: they would fit these too well.
        standards = None if self.truth["how"] == SIMULATED else page["standards"]
        return page | {
            "blind": True,
            "columns": columns,
            "p": {name: [None] * n for name in page["p"]},
            "standards": standards,
            "notes": [_NOTE],
        }


def mix_in(
    scan: FinishedScan,
    chosen: Chosen,
    n: int,
    *,
    seed: int = 0,
    known: PathLike | None = None,
    spectra: PathLike | None = None,
) -> Mixture:
    """Mix stars that are known into a list, at random places.

    Parameters
    ----------
    scan : FinishedScan
    chosen : Chosen
    n : int
        How many.
    seed : int
        The same seed and list give the same mixture.
    known : path, optional
        Table of stars, as `known_stars` takes it; by default they are simulated.
    spectra : path, optional
        Where the spectra of the scan are now, as `open_sources` takes it.

    Raises
    ------
    ReportError
        If it cannot be done.
    """
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= MOST_KNOWN:
        raise ReportError(
            f"{named('blind')} must be from 1 to {MOST_KNOWN}, and a whole number, not {n}"
        )
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ReportError(f"{named('seed')} must be a whole number, 0 or more, not {seed}")
    n_all = len(chosen.rows) + n
    if n_all > MOST_ROWS:
        raise ReportError(f"{n_all} spectra, where a page holds {MOST_ROWS} at most")
    digest = digest_of(keys_of(chosen.rows))
    rng = np.random.default_rng([seed, int(digest[:16], 16)])
    if known is None:
        store = open_sources(scan, spectra).store
        grid = store.grid if store else SURVEY_GRID
        stars = simulated_stars(scan, n, chosen.rows["snr_g"].to_numpy(), rng, grid=grid)
    else:
        check_paths(known=known)
        among = set(chosen.rows["path"].to_pylist())
        stars = known_stars(scan, n, known, rng, among=among)
    rows = _unnamed(stars.rows, stars.spectra, f"{digest} {seed}")
    places = np.sort(rng.choice(n_all, n, replace=False))
    first = len(chosen.rows)
    mixed_in = first + rng.permutation(n)
    order = np.insert(np.arange(first), places - np.arange(n), mixed_in)
    together = _together(chosen.rows, rows).take(pa.array(order))
    number = {row: place for place, row in enumerate(order.tolist())}
    mixed = Chosen(together, chosen.how, chosen.notes)
    truth = _truth(scan, mixed, [number[first + i] for i in range(n)], stars.stars)
    truth |= {"how": stars.how, "seed": seed}
    return Mixture(mixed, {number[first + i]: raw for i, raw in stars.spectra.items()}, truth)


def truth_beside(page: Path) -> Path:
    """Return the file that says which stars of a page are known."""
    return page.with_name(f"{page.stem}.blind.json")


def check_truth(page: Path, *, overwrite: bool) -> Path:
    """Return `truth_beside` a page, if it may be written.

    Raises
    ------
    ReportError
        If it is there already.
    """
    target = truth_beside(page)
    if os.path.lexists(target) and not overwrite:
        raise ReportError(
            f"{printable(target)} exists already; {named('overwrite', True)} replaces it"
        )
    return target


def _unnamed(rows: pa.Table, spectra: dict, salt: str) -> pa.Table:
    """Give rows that are not the scan's own a path, of which keys are made, that says nothing."""
    paths = rows["path"].to_pylist()
    for i in spectra:
        paths[i] = hashlib.sha256(f"{salt} {i}".encode()).hexdigest()
    place = rows.column_names.index("path")
    return rows.set_column(place, "path", pa.array(paths, pa.string()))


def _together(rows: pa.Table, others: pa.Table) -> pa.Table:
    """Append rows to those of a catalogue, with its columns and types."""
    for field in rows.schema:
        if field.name not in others.column_names:
            others = others.append_column(field, pa.nulls(len(others), field.type))
    return pa.concat_tables([rows, others.select(rows.column_names).cast(rows.schema)])


def _truth(scan: FinishedScan, mixed: Chosen, places: list[int], stars: list[dict]) -> dict:
    keys = keys_of(mixed.rows)
    names = {"prediction": "prediction", "p_survey": f"p_{scan.rare_class}_survey"}
    of_row = {
        name: mixed.rows[column].to_pylist()
        for name, column in {**names, "snr_g": "snr_g"}.items()
        if column in mixed.rows.column_names
    }
    found = [
        {"key": keys[place], "number": place + 1, **star}
        | {name: values[place] for name, values in of_row.items() if values[place] is not None}
        for place, star in zip(places, stars, strict=True)
    ]
    return {
        "format": FORMAT,
        "kind": KIND,
        "list": digest_of(keys),
        "made": {"by": f"lamost-rare {__version__}"},
        "rare": scan.rare_class,
        "classes": [c["name"] for c in verdict_classes(scan.classes, scan.rare_class)],
        "stars": sorted(found, key=lambda star: star["number"]),
    }
