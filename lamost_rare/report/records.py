"""What a page knows of its spectra besides their pixels: the list, as the scripts take it."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from .. import __version__
from ..spectra.lines import LINES
from ..spectra.quality import QualityFlag
from ..text import printable
from .choosing import Chosen
from .finished_scan import FinishedScan
from .line_sets import page_lines
from .verdict import key_of

__all__ = ["FORMAT", "digest_of", "keys_of", "list_of"]

FORMAT = 1
"""Version of the list."""

_NUMBERS = {
    # column of the list: (column of the catalogue, significant digits)
    "snr_g": ("snr_g", 4),
    "p_survey": ("p_{rare}_survey", 5),
    "novelty": ("novelty", 4),
    "subtype": ("o_subtype", 3),
    "subtype_err": ("o_subtype_err", 3),
    "velocity": ("velocity", 4),
    "velocity_err": ("velocity_err", 3),
    "evidence": ("evidence", 4),
}
VERDICT_CLASSES = ("O", "B", "A", "F", "G", "K", "M")


def keys_of(rows: pa.Table) -> list[str]:
    """Return what names each spectrum among all others, 16 hexadecimal digits."""
    return list(map(key_of, rows["path"].to_pylist(), rows["obsid"].to_pylist()))


def digest_of(keys: list[str]) -> str:
    """Return what names a list of spectra among all others."""
    return hashlib.sha256("".join(keys).encode("ascii")).hexdigest()


def list_of(
    scan: FinishedScan, chosen: Chosen, *, title: str, verdicts=(), served: str | None = None
) -> dict:
    """Return the list without what only reading the spectra tells."""
    rows = chosen.rows
    keys = keys_of(rows)
    preset = scan.manifest.get("preset") or {}
    return {
        "format": FORMAT,
        "made": {
            "by": f"lamost-rare {__version__}",
            "at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        },
        "title": title,
        "digest": digest_of(keys),
        "rare": scan.rare_class,
        "classes": scan.classes,
        "preset": {key: preset.get(key, "") for key in ("name", "weights_sha256")},
        "threshold": scan.threshold,
        "source": printable(scan.manifest["source"]),
        "chosen": chosen.how,
        "notes": [*scan.notes, *chosen.notes],
        "served": {"verdicts": served} if served else None,
        "blind": False,
        "rows": len(rows),
        "spectra": len(rows),
        "columns": {"key": keys, **_columns(rows, scan.rare_class)},
        "p": {name: _rounded(rows, f"p_{name}", 5) for name in scan.classes},
        "ew": {name: _rounded(rows, f"ew_{name}", 4) for name in LINES},
        "ew_err": {name: _rounded(rows, f"ew_{name}_err", 3) for name in LINES},
        "stars": [],
        "star": [-1] * len(rows),
        "visits": {},
        "flag_names": [
            {"bit": int(flag), "name": flag.name, "text": flag.name.lower().replace("_", " ")}
            for flag in QualityFlag
        ],
        **page_lines(scan.rare_class, scan.preset and scan.preset.settings.evidence),
        "axes": [],
        "standards": None,
        "verdict_classes": [
            *({"key": name[0].lower(), "name": name} for name in VERDICT_CLASSES),
            {"key": "x", "name": "other"},
            {"key": "u", "name": "unsure"},
        ],
        "qualities": [
            {"key": str(number), "name": name}
            for number, name in enumerate(("certain", "probable", "possible", "no use"), 1)
        ],
        "verdict_flags": ["binary", "emission", "nebula", "artefact", "follow up"],
        "verdicts": list(verdicts),
    }


def _columns(rows: pa.Table, rare: str) -> dict[str, list]:
    paths = rows["path"].to_pylist()
    names = rows["designation"].to_pylist()
    return {
        "name": [
            printable(n) or printable(os.path.basename(p))
            for n, p in zip(names, paths, strict=True)
        ],
        "path": list(map(printable, paths)),
        "obsid": list(map(str, rows["obsid"].to_pylist())),
        **{name: _decimals(rows[name], 7) for name in ("ra", "dec")},
        "prediction": rows["prediction"].to_pylist()
        if "prediction" in rows.column_names
        else [""] * len(rows),
        "candidate": _whole(rows, "candidate"),
        "flags": _whole(rows, "flags"),
        **{name: _rounded(rows, of.format(rare=rare), n) for name, (of, n) in _NUMBERS.items()},
    }


def _whole(rows: pa.Table, name: str) -> list[int]:
    if name not in rows.column_names:
        return [0] * len(rows)
    return [int(value or 0) for value in rows[name].to_pylist()]


def _decimals(column, digits: int) -> list[float | None]:
    return [
        round(value, digits) if value is not None and np.isfinite(value) else None
        for value in column.to_pylist()
    ]


def _rounded(rows: pa.Table, name: str, digits: int) -> list[float | None]:
    """Return numbers with so many significant digits, None where there is none."""
    if name not in rows.column_names:
        return [None] * len(rows)
    return [
        float(f"{value:.{digits}g}") if value is not None and np.isfinite(value) else None
        for value in rows[name].to_pylist()
    ]
