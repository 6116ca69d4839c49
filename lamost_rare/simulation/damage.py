"""Ways in which a file of a survey can be broken, done to a good file on purpose."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..spectra._file_bytes import decompress
from ..spectra._fits_cards import CARD, find_end, padded
from ._lamost_headers import Card, header_block
from .fits_files import gzip_bytes

__all__ = ["DAMAGE", "damage_file"]

_ROWS = ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK")


class _Content:
    """An uncompressed LAMOST file whose cards and arrays can be changed in place."""

    def __init__(self, data: bytes):
        self.data = bytearray(data)
        self.start = padded(find_end(data, 0))
        self.early = b"Subcontinuum" in data[: self.start]
        self.table = self.data[self.start : self.start + 8] == b"XTENSION"
        if self.table:
            self.start += padded(find_end(data, self.start) - self.start)
            found = re.search(rb"TFORM1  = '(\d+)E", data)
        else:
            found = re.search(rb"NAXIS1  = +(\d+)", data)
        assert found is not None  # a file that `write_lamost_file` wrote
        n_pixels = int(found[1])
        values = np.frombuffer(self.data, ">f4", len(_ROWS) * n_pixels, self.start)
        self.rows = dict(zip(_ROWS, values.reshape(len(_ROWS), n_pixels), strict=True))

    def set_card(self, key: str, text: str, new_key: str | None = None) -> None:
        """Overwrite the last card of that name: in dr8plus the table's, where both have one."""
        position = self.data.rindex(key.ljust(8).encode() + b"=", 0, self.start)
        card = f"{new_key or key:8s}= {text:>20s}".ljust(CARD)
        self.data[position : position + CARD] = card.encode("latin-1")


_Change = Callable[[_Content, np.random.Generator], None]


def _pick(content: _Content, rng: np.random.Generator, fraction: float) -> np.ndarray:
    n_pixels = len(content.rows["FLUX"])
    return rng.choice(n_pixels, int(fraction * n_pixels), replace=False)


def _wavelength(change: _Change, early_card: tuple[str, str]) -> _Change:
    """Return what changes the row of wavelengths, given it and the pixels to spoil."""

    def damage(content: _Content, rng: np.random.Generator) -> None:
        if content.early:  # which has no row of wavelengths: COEFF0 and COEFF1 are all
            content.set_card(*early_card)
        else:
            change(content, rng)

    return damage


def _all(name: str, value: float) -> _Change:
    """Return what sets all pixels of a row."""

    def damage(content: _Content, rng: np.random.Generator) -> None:
        content.rows[name][:] = value

    return damage


def _some(name: str, fraction: float, change: Callable[[np.ndarray], ArrayLike]) -> _Change:
    """Return what changes some pixels of a row."""

    def damage(content: _Content, rng: np.random.Generator) -> None:
        pixels = _pick(content, rng, fraction)
        content.rows[name][pixels] = change(content.rows[name][pixels])

    return damage


def _reverse_wavelength(content: _Content, rng: np.random.Generator) -> None:
    content.rows["WAVELENGTH"][:] = content.rows["WAVELENGTH"][::-1].copy()


def _far_infrared(content: _Content, rng: np.random.Generator) -> None:
    content.rows["WAVELENGTH"] *= 10


def _missing_cards(content: _Content, rng: np.random.Generator) -> None:
    key = "TTYPE2" if content.table else "COEFF0" if content.early else "NAXIS2"
    content.set_card(key, "", new_key="GONE")


def _wrong_shape(content: _Content, rng: np.random.Generator) -> None:
    content.set_card("NAXIS1" if content.table else "NAXIS2", "4")


def _odd_header_bytes(content: _Content, rng: np.random.Generator) -> None:
    content.set_card("DESIG", "'J\x1b[31m\xff\x00 O''Neill'")


def _missing_obsid(content: _Content, rng: np.random.Generator) -> None:
    if not content.early:
        content.set_card("OBSID", "1", new_key="NOBSID")


_CONTENT_DAMAGE = {
    "missing_cards": (_missing_cards, "missing_card"),
    "wrong_shape": (_wrong_shape, "bad_shape"),
    "nan_wavelength": (
        _wavelength(_some("WAVELENGTH", 0.01, lambda values: np.nan), ("COEFF0", "1.0E+99")),
        "bad_wavelength",
    ),
    "nonmonotonic_wavelength": (
        _wavelength(_reverse_wavelength, ("COEFF1", "-0.0001")),
        "bad_wavelength",
    ),
    "far_infrared": (_wavelength(_far_infrared, ("COEFF0", "4.5682")), "no_overlap"),
    "zero_flux": (_all("FLUX", 0), "zero_flux"),
    "constant_flux": (_all("FLUX", 1), "zero_flux"),
    "all_masked": (_all("ANDMASK", 1), "no_valid_pixels"),
    "no_ivar": (_all("IVAR", 0), "no_valid_pixels"),
    "negative_ivar": (_some("IVAR", 0.03, np.negative), None),
    "nan_flux": (_some("FLUX", 0.02, lambda values: np.nan), None),
    "infinite_ivar": (_some("IVAR", 0.02, lambda values: np.inf), None),
    "odd_header_bytes": (_odd_header_bytes, None),
    "missing_obsid": (_missing_obsid, None),
}


def _truncated_gzip(data: bytes, rng: np.random.Generator) -> bytes:
    packed = gzip_bytes(data)
    return packed[: int(rng.integers(12, len(packed) - 1))]


def _corrupt_gzip(data: bytes, rng: np.random.Generator) -> bytes:
    packed = bytearray(gzip_bytes(data))
    packed[int(rng.integers(len(packed) // 4, len(packed) - 4))] ^= int(rng.integers(1, 256))
    return bytes(packed)


def _wrong_hdu(data: bytes, rng: np.random.Generator) -> bytes:
    primary: list[Card] = [
        ("SIMPLE", True, ""),
        ("BITPIX", 8, ""),
        ("NAXIS", 0, ""),
        ("EXTEND", True, ""),
    ]
    image: list[Card] = [
        ("XTENSION", "IMAGE", ""),
        ("BITPIX", -32, ""),
        ("NAXIS", 2, ""),
        ("NAXIS1", 36, ""),
    ]
    image += [("NAXIS2", 20, ""), ("PCOUNT", 0, ""), ("GCOUNT", 1, ""), ("EXTNAME", "SKY", "")]
    return gzip_bytes(header_block(primary) + header_block(image) + bytes(2880))


def _gzip_bomb(data: bytes, rng: np.random.Generator) -> bytes:
    # A gigabyte of zeros behind a good header, in a megabyte of gzip.
    return gzip_bytes(data[:2880]) + gzip_bytes(bytes(2**24), 6) * 64


_HTML = b"<!DOCTYPE html>\n<html><body><h1>502 Bad Gateway</h1></body></html>\n"

_BYTES_DAMAGE = {
    "empty": (lambda data, rng: b"", "empty_file"),
    "truncated_gzip": (_truncated_gzip, "corrupt_gzip"),
    "corrupt_gzip": (_corrupt_gzip, "corrupt_gzip"),
    "gzip_bomb": (_gzip_bomb, "too_large"),
    "not_fits": (lambda data, rng: gzip_bytes(rng.bytes(5000)), "not_fits"),
    "html_error_page": (lambda data, rng: _HTML, "not_fits"),
    "truncated_fits": (lambda data, rng: gzip_bytes(data[: len(data) // 2]), "truncated_fits"),
    "truncated_header": (lambda data, rng: gzip_bytes(data[:1000]), "truncated_fits"),
    "wrong_hdu": (_wrong_hdu, "unknown_layout"),
    "multi_member_gzip": (lambda data, rng: gzip_bytes(data[:777]) + gzip_bytes(data[777:]), None),
    "garbage_after_gzip": (lambda data, rng: gzip_bytes(data) + b"\0\0junk", None),
}


_PATH_DAMAGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "directory": (Path.mkdir, "not_a_file"),
    "fifo": (os.mkfifo, "not_a_file"),
    "dangling_link": (lambda path: path.symlink_to(path.name + ".gone"), "unreadable"),
}
if not hasattr(os, "mkfifo"):  # pragma: no cover
    del _PATH_DAMAGE["fifo"]

DAMAGE = {
    kind: reason
    for table in (_CONTENT_DAMAGE, _BYTES_DAMAGE, _PATH_DAMAGE)
    for kind, (_, reason) in table.items()
}
"""Kinds of damage, each with the reason code it must lead to, or None if the spectrum is usable.

The reader finds all but ``no_overlap``, found when the spectrum is put on the grid.
"""


def damage_file(path: str | os.PathLike, kind: str, rng: np.random.Generator) -> Path:
    """Damage a good file that `write_lamost_file` wrote (float32), in place.

    Parameters
    ----------
    path : path-like
    kind : str
        A key of `DAMAGE`.
    rng : numpy.random.Generator
        Chooses which bytes or pixels suffer.

    Returns
    -------
    pathlib.Path
        ``path``; for some kinds no longer a regular file.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    path = Path(path)
    if kind not in DAMAGE:
        raise ValueError(f"kind must be one of {', '.join(DAMAGE)}, not {kind!r}")
    if kind in _PATH_DAMAGE:
        path.unlink()
        _PATH_DAMAGE[kind][0](path)
        return path
    data = decompress(path.read_bytes())
    if kind in _BYTES_DAMAGE:
        path.write_bytes(_BYTES_DAMAGE[kind][0](data, rng))
        return path
    content = _Content(data)
    _CONTENT_DAMAGE[kind][0](content, rng)
    data = bytes(content.data)
    path.write_bytes(gzip_bytes(data) if path.suffix == ".gz" else data)
    return path
