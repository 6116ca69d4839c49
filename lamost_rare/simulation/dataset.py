"""A data folder as one labelled set of spectra, with the star that each is of."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import UnusableSpectraWarning
from ..logs import say
from ..spectra.raw import RawSpectrum
from ..spectra.reading import read_batch, read_each
from ..spectra.snr import g_band_snr
from ..text import check_paths, printable
from .labels import CLASSES, SDSS_TEMPLATES, library_class, model_name, star_name, survey_class
from .library import STAR_GRID, LibraryStars, Rows, bridge, read_library
from .mk_types import revised_types

__all__ = ["LabelledStars", "assign_folds", "load_data_folder", "rows_by_star"]

_log = logging.getLogger(__name__)

SKIPPED_LIBRARIES = ("tlusty_lmc_blue",)
"""Synthetic and only 600 Å wide: no letter in its labels."""
LATER_LIBRARIES = (
    "hot_stars_blue", "hot_stars_red", "nlte_ob", "nlte_ob_csi", "nlte_subdwarfs", "postagb",
)  # fmt: skip
"""What the paper's experiments and the generators, which were made before, do without."""


@dataclass(repr=False)
class LabelledStars(Rows):
    """Spectra of stars with labels.

    Attributes
    ----------
    flux, ivar : ndarray, shape (n, n_pixels), float32
        On `STAR_GRID`; ivar is 0 throughout for library spectra.
    valid : ndarray of bool, shape (n, n_pixels)
    label : ndarray of str, shape (n,)
        Class, or "" for a spectrum that is only tested on, never trained on.
    star : ndarray of str, shape (n,)
        What must not stand on both sides of a split.
    mk_type, origin, name : ndarray of str, shape (n,)
        Type as library or survey give it, or as revised (`simulation.mk_types`); library, or
        ``lamost``; path or object.
    snr : ndarray, shape (n,)
        Median S/N in g, NaN for libraries.
    synthetic : ndarray of bool, shape (n,), optional
        True for models: they are trained on, never tested on. By default none is.
    """

    flux: np.ndarray
    ivar: np.ndarray
    valid: np.ndarray
    label: np.ndarray
    star: np.ndarray
    mk_type: np.ndarray
    origin: np.ndarray
    name: np.ndarray
    snr: np.ndarray
    synthetic: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def __post_init__(self) -> None:
        if not len(self.synthetic):
            self.synthetic = np.zeros(len(self.label), dtype=bool)

    @property
    def real(self) -> np.ndarray:
        """True for spectra of the survey itself, shape (n,)."""
        return np.isfinite(self.snr)

    @property
    def uncertain(self) -> np.ndarray:
        """True for averages of spectra whose nature is inferred, shape (n,).

        They are trained on, and counted apart from stars.
        """
        return np.isin(self.origin, SDSS_TEMPLATES) & (self.label == "hot_subdwarf")

    @property
    def whole(self) -> np.ndarray:
        """True where nearly all of the spectrum is known, as a survey's are, shape (n,)."""
        return self.valid.mean(axis=1) > 0.8


def load_data_folder(
    folder: str | os.PathLike,
    *,
    labels: str | os.PathLike | None = None,
    without: Sequence[str] = (),
) -> LabelledStars:
    """Read everything to train on.

    Parameters
    ----------
    folder : path-like
        ``libraries/*.h5`` (see `simulation.library`) and ``lamost/labels.csv`` beside the spectra
        it names; either may be absent. Or a plain folder of spectra.
    labels : path-like, optional
        CSV with a column ``path`` (relative to the folder) or ``obsid``, and ``class`` (one of the
        preset's classes, or LAMOST's STAR, QSO, GALAXY with ``subclass``).
    without : sequence of str
        Libraries that are not read.

    Raises
    ------
    FileNotFoundError
        If nothing to train on is there.
    ValueError
        If the table lacks a column.
    """
    check_paths(folder=folder, labels=labels)
    folder = Path(folder)
    parts = []
    for path in sorted((folder / "libraries").glob("*.h5")):
        if path.stem not in (*SKIPPED_LIBRARIES, *without):
            parts.append(_from_library(read_library(path)))
    table = Path(labels) if labels else folder / "lamost" / "labels.csv"
    if not labels and not table.exists():
        table = folder / "labels.csv"
    if table.exists():
        parts.append(_from_table(table, folder if labels else table.parent))
    elif labels:
        raise FileNotFoundError(f"no labels table at {table}")
    if not parts:
        raise FileNotFoundError(
            f"{folder} holds neither libraries/*.h5 nor lamost/labels.csv nor labels.csv"
        )
    return LabelledStars.concatenate(parts)


def _from_library(stars: LibraryStars) -> LabelledStars:
    n = len(stars)
    star = np.array(
        [star_name(*x) for x in zip(stars.name, stars.library, strict=True)], dtype=object
    )
    for i in np.flatnonzero(star == stars.library):  # nameless: each its own star
        star[i] = f"{stars.library[i]} {i}"
    for i in np.flatnonzero(np.isin(stars.library, ("pyhammer_boss",))):
        star[i] = f"pyhammer {stars.name[i]}"
    for i in np.flatnonzero(stars.synthetic):
        star[i] = model_name(stars.name[i])
    keys = zip(stars.letter, stars.label, stars.teff, stars.library, star, strict=True)
    label = np.array([library_class(*key) or "" for key in keys], dtype=object)
    label[["BORDERLINE" in note for note in stars.note]] = ""
    mk_type = _revise(star, label, stars.label.astype(object))
    return LabelledStars(
        stars.flux,
        np.zeros_like(stars.flux),
        stars.valid,
        label,
        star,
        mk_type,
        stars.library.astype(object),
        stars.name.astype(object),
        np.full(n, np.nan),
        stars.synthetic,
    )


def _revise(star: np.ndarray, label: np.ndarray, mk_type: np.ndarray) -> np.ndarray:
    """Return MK types with those that were revised, and correct in place the labels they change."""
    revised = revised_types()
    for i, name in enumerate(star):
        if name in revised and label[i] in ("O", "B"):
            mk_type[i] = revised[name]
            label[i] = mk_type[i][0]
    return mk_type


def _from_table(table: Path, root: Path) -> LabelledStars:
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or "class" not in rows[0] or not {"path", "obsid"} & set(rows[0]):
        raise ValueError(f"{table} needs a column 'class' and a column 'path' or 'obsid'")
    by_obsid = {} if "path" in rows[0] else _paths_by_obsid(root)
    for row in rows:
        row["path"] = row.get("path") or by_obsid.get(row.get("obsid", "").strip(), "")
    named = [i for i, row in enumerate(rows) if row["path"]]
    batch, rejects = read_batch([root / rows[i]["path"] for i in named], STAR_GRID)
    failed = {i: "unreadable" for i, row in enumerate(rows) if not row["path"]}
    failed |= {named[i]: error.reason for i, _, error in rejects}
    if failed:
        first = min(failed)
        name = printable(rows[first]["path"] or "a row without a file")
        say(
            _log,
            f"{len(failed)} of {len(rows)} labelled spectra could not be used, the first: {name} "
            f"({failed[first]})",
            UnusableSpectraWarning,
        )
    kept = [row for i, row in enumerate(rows) if i not in failed]
    if not kept:
        raise ValueError(f"none of the {len(rows)} spectra of {table} could be read")
    label = [
        survey_class(row["class"], row.get("subclass") or "", row.get("shows_he_i") == "True")
        for row in kept
    ]
    types = [row.get("subclass") or row["class"] for row in kept]
    types = [row["class"] if t == "Non" else t for row, t in zip(kept, types, strict=True)]
    snr = g_band_snr(batch.flux, batch.ivar, batch.mask, STAR_GRID)
    return LabelledStars(
        bridge(batch.flux, batch.mask),
        batch.ivar,
        ~batch.mask,
        np.array([name or "" for name in label], dtype=object),
        _same_place(batch.identity["ra"], batch.identity["dec"]),
        np.array(types, dtype=object),
        np.full(len(kept), "lamost", dtype=object),
        np.array([row["path"] for row in kept], dtype=object),
        np.where(np.isfinite(snr), snr, 0.0),
    )


def _paths_by_obsid(root: Path) -> dict[str, str]:
    paths = sorted(root.rglob("*.fits*"))
    read = zip(paths, read_each(paths), strict=True)
    return {
        str(raw.identity.get("obsid", -1)): str(path.relative_to(root))
        for path, (_, raw) in read
        if isinstance(raw, RawSpectrum)
    }


def _same_place(ra: np.ndarray, dec: np.ndarray, separation: float = 3.0) -> np.ndarray:
    """Name positions on the sky; those within ``separation`` arcsec share a name."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    known = np.isfinite(ra) & np.isfinite(dec)
    lon, lat = np.radians(np.where(known, ra, 0)), np.radians(np.where(known, dec, 0))
    unit = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    unit[~known] = np.arange(1, (~known).sum() + 1)[:, None] * 10.0  # nowhere near each other
    pairs = cKDTree(unit).query_pairs(np.radians(separation / 3600), output_type="ndarray")
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(ra),) * 2)
    group = connected_components(graph, directed=False)[1]
    return np.array([f"sky {g}" for g in group], dtype=object)


def rows_by_star(stars: LabelledStars, chosen: np.ndarray) -> list[np.ndarray]:
    """Return the rows of chosen spectra (a mask) grouped by star, so that each star counts once."""
    groups: dict[str, list[int]] = {}
    for row in np.flatnonzero(chosen):
        groups.setdefault(stars.star[row], []).append(int(row))
    return [np.array(rows) for rows in groups.values()]


def assign_folds(label: np.ndarray, star: np.ndarray, n_folds: int, seed: int = 0) -> np.ndarray:
    """Return a fold number for each spectrum, shape (n,), such that no star is in two folds.

    Stars are dealt to the folds class by class (the rarest class in which a star occurs decides),
    so that every fold gets its share of each.
    """
    rng = np.random.default_rng(seed)
    counts = {c: int((label == c).sum()) for c in set(label)}
    of_star: dict[str, str] = {}
    for c, s in zip(label, star, strict=True):
        if s not in of_star or counts[c] < counts[of_star[s]]:
            of_star[s] = c
    fold_of = {}
    order = [*CLASSES, *sorted(set(label) - set(CLASSES))]
    next_fold = 0
    for c in order:
        members = sorted(s for s, own in of_star.items() if own == c)
        for s in rng.permutation(np.array(members, dtype=object)):
            fold_of[s] = next_fold % n_folds
            next_fold += 1
    return np.array([fold_of[s] for s in star])
