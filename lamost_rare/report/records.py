"""What a page knows of its spectra besides their pixels: the list, as the scripts take it."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .. import __version__
from ..spectra.lines import LINES
from ..spectra.raw import RawSpectrum
from ..text import printable
from .choosing import Chosen
from .finished_scan import FinishedScan
from .line_sets import page_lines
from .standards import page_standards
from .verdict import key_of
from .visits import Visits
from .words import QUALITIES, VERDICT_FLAGS, flag_names, verdict_classes

__all__ = ["FORMAT", "Records", "digest_of", "keys_of"]

FORMAT = 1
"""Version of the list."""

_NUMBERS = {
    "snr_g": ("snr_g", 4),
    "p_survey": ("p_{rare}_survey", 5),
    "novelty": ("novelty", 4),
    "subtype": ("o_subtype", 3),
    "subtype_err": ("o_subtype_err", 3),
    "velocity": ("velocity", 4),
    "velocity_err": ("velocity_err", 3),
    "evidence": ("evidence", 4),
}
"""Columns of the list: column of the catalogue, and significant digits."""


def keys_of(rows: pa.Table) -> list[str]:
    """Return what names each spectrum among all others."""
    return list(map(key_of, rows["path"].to_pylist(), rows["obsid"].to_pylist()))


def digest_of(keys: list[str]) -> str:
    """Return what names a list of spectra, in this order, among all others."""
    return hashlib.sha256("".join(keys).encode("ascii")).hexdigest()


class Records:
    """The list of a page, filled while its spectra are read.

    Parameters
    ----------
    scan : FinishedScan
    chosen : Chosen
    visits : Visits
    notes : iterable of str
        What people should know besides, in plain words.
    """

    def __init__(
        self, scan: FinishedScan, chosen: Chosen, visits: Visits, notes: Iterable[str] = ()
    ):
        self._scan, self._chosen, self._visits = scan, chosen, visits
        self._notes = [*scan.notes, *chosen.notes, *visits.notes, *notes]
        every = pa.concat_tables([chosen.rows, visits.rows], promote_options="default")
        self.spectra = every
        self._axes: dict[bytes, int] = {}
        self._axis_records: list[dict] = []
        self._columns = {"key": keys_of(every), **_columns(every, scan.rare_class)}
        n = len(every)
        self._columns |= {"missing": [""] * n, "changed": [""] * n}
        self._columns |= {"axis": [-1] * n, "survey_z": [None] * n}
        for name in ("class", "subclass"):
            self._columns[f"survey_{name}"] = _texts(every, f"catalogue_{name}")

    def see(self, row: int, raw: RawSpectrum, changed: str = "") -> None:
        """Note a spectrum that is shown."""
        self._columns["axis"][row] = self._axis(raw)
        self._columns["changed"][row] = printable(changed)
        for name in ("CLASS", "SUBCLASS"):
            if text := printable(raw.header.get(name, "")):
                self._columns[f"survey_{name.lower()}"][row] = text
        z = raw.header.get("Z", np.nan)
        self._columns["survey_z"][row] = float(f"{z:.5g}") if np.isfinite(z) else None

    def miss(self, row: int, why: str) -> None:
        """Note why there is no spectrum."""
        self._columns["missing"][row] = printable(why)

    def _axis(self, raw: RawSpectrum) -> int:
        """Return the number of a spectrum's wavelengths among those that are known."""
        n = len(raw.wavelength)
        numbers: dict[str, float | str] = {}
        if raw.log10_start is not None and raw.log10_step is not None:
            numbers = {"log10_start": float(raw.log10_start), "log10_step": float(raw.log10_step)}
            key = repr((numbers, n)).encode()
        else:
            content = raw.wavelength.astype("<f8").tobytes()
            key = hashlib.sha256(content).digest()
        if key not in self._axes:
            self._axes[key] = len(self._axis_records)
            if not numbers:
                numbers = {"wavelength": base64.b64encode(zlib.compress(content)).decode("ascii")}
            self._axis_records.append({**numbers, "n": n})
        return self._axes[key]

    @property
    def notes(self) -> list[str]:
        """Return what people should know of the list, in plain words."""
        n = len(self._chosen.rows)
        missing = list(filter(None, self._columns["missing"][:n]))
        changed = list(filter(None, self._columns["changed"][:n]))
        notes = list(self._notes)
        if missing:
            notes.append(f"{len(missing)} of {n} spectra are not shown; the first: {missing[0]}.")
        if changed:
            notes.append(
                f"{len(changed)} of {n} spectra are not those that were scanned; the first: "
                f"{changed[0]}."
            )
        return notes

    def page(
        self,
        *,
        title: str,
        verdicts: Iterable[dict] = (),
        served: str | None = None,
        blind: bool = False,
    ) -> dict:
        """Return the list.

        Parameters
        ----------
        title : str
        verdicts : iterable of dict
            Events that are shown again.
        served : str, optional
            Where the page's server takes verdicts, relative to the page.
        blind : bool
            Whether known stars are among the rows, unmarked.
        """
        scan, rows = self._scan, self._chosen.rows
        n, n_all = len(rows), len(self.spectra)
        preset = scan.manifest.get("preset") or {}
        made = {"by": f"lamost-rare {__version__}", "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        star = [-1] * n_all
        for number, members in enumerate(self._visits.stars):
            for member in members:
                star[member] = number
        return {
            "format": FORMAT,
            "made": made,
            "title": printable(title),
            "digest": digest_of(self._columns["key"][:n]),
            "rare": scan.rare_class,
            "classes": scan.classes,
            "preset": {name: preset.get(name, "") for name in ("name", "weights_sha256")},
            "threshold": scan.threshold,
            "source": printable(scan.manifest["source"]),
            "chosen": self._chosen.how,
            "notes": self.notes,
            "served": {"verdicts": served} if served else None,
            "blind": blind,
            "rows": n,
            "spectra": n_all,
            "columns": {name: values[:n] for name, values in self._columns.items()},
            "p": {name: _rounded(rows, f"p_{name}", 5) for name in scan.classes},
            "ew": {name: _rounded(rows, f"ew_{name}", 4) for name in LINES},
            "ew_err": {name: _rounded(rows, f"ew_{name}_err", 3) for name in LINES},
            "stars": self._visits.stars,
            "star": star,
            "visits": {name: values[n:] for name, values in self._columns.items()},
            "flag_names": flag_names(),
            **page_lines(scan.rare_class, scan.evidence),
            "axes": self._axis_records,
            "standards": page_standards(scan.classes),
            "verdict_classes": verdict_classes(scan.classes, scan.rare_class),
            "qualities": [
                {"key": str(key), "name": name} for key, name in enumerate(QUALITIES, start=1)
            ],
            "verdict_flags": VERDICT_FLAGS,
            "verdicts": list(verdicts),
        }


def _columns(rows: pa.Table, rare_class: str) -> dict[str, list]:
    """Return the columns that follow from a catalogue alone."""
    paths = _texts(rows, "path")
    names = zip(_texts(rows, "designation"), paths, strict=True)
    columns: dict[str, list] = {
        "name": [name.strip() or os.path.basename(path) for name, path in names],
        "path": paths,
        "obsid": list(map(str, rows["obsid"].to_pylist())),
        "ra": _numbers(rows, "ra", ".7f"),
        "dec": _numbers(rows, "dec", ".7f"),
        "prediction": _texts(rows, "prediction"),
        "candidate": _whole(rows, "candidate"),
        "flags": _whole(rows, "flags"),
    }
    for name, (of, digits) in _NUMBERS.items():
        columns[name] = _rounded(rows, of.format(rare=rare_class), digits)
    return columns


def _texts(rows: pa.Table, name: str) -> list[str]:
    if name not in rows.column_names:
        return [""] * len(rows)
    return [printable(text) if text else "" for text in rows[name].to_pylist()]


def _whole(rows: pa.Table, name: str) -> list[int]:
    if name not in rows.column_names:
        return [0] * len(rows)
    return pc.fill_null(rows[name].cast(pa.int64()), 0).to_pylist()


def _rounded(rows: pa.Table, name: str, digits: int) -> list[float | None]:
    """Return numbers with so many significant digits."""
    return _numbers(rows, name, f".{digits}g")


def _numbers(rows: pa.Table, name: str, form: str) -> list[float | None]:
    """Return numbers as they are written so, None where there is none."""
    kind = rows.schema.field(name).type if name in rows.column_names else None
    if kind is None or not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        return [None] * len(rows)  # a step of a pipeline may use any name for its columns
    values = rows[name].to_numpy().astype(float)
    return [float(f"{x:{form}}") if np.isfinite(x) else None for x in values.tolist()]
