"""A small simulated survey, with what makes real ones hard, and the truth about it."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np

from ..spectra.grid import WavelengthGrid
from .analytic import analytic_spectra
from .damage import DAMAGE, damage_file
from .fits_files import LAYOUTS, write_batch

__all__ = ["SURVEY_GRID", "make_demo_survey"]

SURVEY_GRID = WavelengthGrid(3.5682, 1e-4, 3909)
"""Pixels of a LAMOST spectrum: 3700 to 9100 Å."""

_PLATES = ((56591, "HD012606N412001"), (56687, "GAC089N28V1"), (57044, "M31006N40B1"))
_N_O_STARS = 10
_COMMON = {"B": 0.04, "A": 0.14, "F": 0.27, "G": 0.27, "K": 0.17, "M": 0.04, "white_dwarf": 0.02,
           "hot_subdwarf": 0.01, "qso": 0.03, "galaxy": 0.01}  # fmt: skip
# Kinds of damage in the demonstration, one file each: no gigabytes, nothing that needs mkfifo.
_DAMAGED = ("truncated_gzip", "corrupt_gzip", "html_error_page", "empty", "truncated_fits",
            "nan_wavelength", "zero_flux", "all_masked", "wrong_hdu", "directory")  # fmt: skip


def make_demo_survey(folder: str | os.PathLike, *, seed: int = 2021, n_spectra: int = 300) -> Path:
    """Write a simulated survey.

    Three plates in the folders of LAMOST's DR7, files of all three layouts, about ten O stars among
    ordinary stars, white dwarfs, hot subdwarfs, QSOs and galaxies; S/N from 8 to 150. A few files
    are damaged, and one spectrum was delivered twice, under the same obsid.

    Parameters
    ----------
    folder : path-like
        Created where it is missing; files of the same names are overwritten.
    seed : int
        The same seed gives the same survey.
    n_spectra : int
        Number of good files, at least 20; those damaged come on top.

    Returns
    -------
    pathlib.Path
        ``folder``, which also holds ``truth.csv`` with one row a file: path (from the folder),
        layout, obsid, kind, subclass, snr_g, damage and the reason code it must lead to.

    Raises
    ------
    ValueError
        If ``n_spectra`` is below 20.
    """
    if n_spectra < 20:
        raise ValueError(f"n_spectra must be at least 20, not {n_spectra}")
    folder = Path(folder)
    rng = np.random.default_rng(seed)
    n_all = n_spectra + len(_DAMAGED)
    names, shares = list(_COMMON), np.array(list(_COMMON.values()))
    n_o = min(_N_O_STARS, n_spectra // 3)
    others = rng.choice(names, n_spectra - n_o - 2, p=shares / shares.sum())
    # First the pair that is one spectrum delivered twice, last those to be damaged.
    kinds = ["F", "F", *rng.permutation(["O"] * n_o + list(others)), *["G"] * len(_DAMAGED)]
    damages = np.array([""] * n_spectra + list(_DAMAGED), dtype=object)
    snr = np.exp(rng.uniform(np.log(8), np.log(150), n_all))
    snr = np.where(np.array(kinds) == "O", np.clip(snr, 15, None), snr)
    batch = analytic_spectra(kinds, rng, snr, grid=SURVEY_GRID, first_obsid=100001)
    layouts = rng.choice(LAYOUTS, n_all, p=[0.2, 0.5, 0.3])
    layouts[:2] = "dr1-7"  # a layout with an obsid
    own = *batch.identity.values(), *batch.columns.values()
    for column in (batch.flux, batch.ivar, batch.mask, *own):
        column[1] = column[0]

    for left in folder.glob("*/*/*.fits.gz"):  # the directory among the files of an earlier run
        if left.is_dir():
            left.rmdir()
    plates = np.arange(n_all) % len(_PLATES)
    rows = []
    for plate, (lmjd, planid) in enumerate(_PLATES):
        members = np.flatnonzero(plates == plate)
        own_layouts = layouts[members].tolist()
        paths = write_batch(folder, batch[members], own_layouts, lmjd=lmjd, planid=planid)
        for i, path in zip(members, paths, strict=True):
            if damages[i]:
                damage_file(path, damages[i], rng)
            rows.append(
                {
                    "path": path.relative_to(folder).as_posix(),
                    "layout": layouts[i],
                    "obsid": -1 if layouts[i] == "early" else int(batch.identity["obsid"][i]),
                    "kind": batch.columns["kind"][i],
                    "subclass": batch.columns["subclass"][i],
                    "snr_g": f"{batch.identity['snr_g'][i]:.1f}",
                    "damage": damages[i],
                    "reason": DAMAGE[damages[i]] if damages[i] else "",
                }
            )
    rows.sort(key=lambda row: row["path"])
    with open(folder / "truth.csv", "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder
