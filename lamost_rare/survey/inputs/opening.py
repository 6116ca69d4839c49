"""Which kind of input a path is: directory, file, archive, store, list, pipe or catalogue."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from ...spectra.reading import items_in_order
from ...text import check_paths, printable
from ...wording import named
from ..errors import ScanError
from .base import ScanInput
from .discovery import SUFFIXES
from .general_catalogue import CatalogueInput
from .lists import ListInput, PathsInput, PipeInput
from .observations import choose_columns
from .store import StoreInput
from .tables import open_table

__all__ = ["open_inputs"]

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_STORE_SUFFIXES = (".h5", ".hdf5")
_LIST_SUFFIXES = (".txt", ".lst", ".txt.gz", ".lst.gz")
_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
_PARQUET_MAGIC = b"PAR1"
_FITS_SUFFIXES = tuple(suffix.decode() for suffix in SUFFIXES)
_CATALOGUE_SUFFIXES = (".csv", ".csv.gz")


def open_inputs(source, root=None) -> ScanInput:
    """Open what a scan was given.

    Parameters
    ----------
    source : str, bytes, os.PathLike or sequence of those
        A directory, a file, a tar archive, an HDF5 store, or a list of files: ``@NAME``, a name
        that ends in .txt or .lst (also .gz behind it), a pipe, ``-`` for standard input, or the
        paths themselves, as `~lamost_rare.spectra.reading.items_in_order` takes them.
    root : str, bytes or os.PathLike, optional
        With this, ``source`` is a general catalogue, and its spectra are below this directory.

    Raises
    ------
    ScanError
        If there is no such thing, or it is damaged.
    TypeError
        If it is neither a path nor a sequence of paths.
    ValueError
        If a path is empty.
    """
    check_paths(source=source, root=root)
    if not isinstance(source, (str, bytes, os.PathLike)):
        _refuse_root(root, "a sequence of paths")
        return PathsInput(items_in_order(source, "source", "give paths of files"))
    source = os.fsdecode(source)
    listed = source.startswith("@") and not os.path.exists(source)
    source = source.removeprefix("@") if listed else source
    if _is_pipe(source):
        _refuse_root(root, f"{printable(source)}, which can be read only once")
        return PipeInput(source)
    path = Path(os.path.abspath(source))
    if not path.exists():
        raise ScanError(f"no such file or directory: {printable(path)}")
    if root is not None:
        if not path.is_file():
            raise ScanError(
                f"with {named('root')} the source is a catalogue: {printable(path)} is no file"
            )
        return CatalogueInput(path, Path(os.path.abspath(os.fsdecode(root))))
    if path.is_file() and (listed or path.name.lower().endswith(_LIST_SUFFIXES)):
        return ListInput(path)
    if path.is_file() and (path.suffix.lower() in _STORE_SUFFIXES or _begins(path, _HDF5_MAGIC)):
        return StoreInput(path)
    if path.is_file() and _is_table(path):
        raise ScanError(
            f"{printable(path)} is a table: say with {named('root')} where its spectra are (or "
            "with @ before its name that it is a list of files)"
        )
    return ScanInput(path)


def _refuse_root(root, what: str) -> None:
    if root is not None:
        raise ScanError(f"with {named('root')} the source is a catalogue in a file, not {what}")


def _is_pipe(path: str) -> bool:
    """Return whether a path is that of standard input, or of something else that is read once."""
    if path == "-" or path.startswith(_STREAMS):
        return True
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _is_table(path: Path) -> bool:
    """Return whether a file is a table rather than a spectrum: by its name, or as it says
    itself."""
    if path.name.lower().endswith(_CATALOGUE_SUFFIXES) or _begins(path, _PARQUET_MAGIC):
        return True
    if not path.name.lower().endswith(_FITS_SUFFIXES):
        return False
    try:
        return "obsid" in choose_columns(open_table(path).names)
    except (ScanError, OSError):  # whatever else is wrong with it is for readers to say
        return False


def _begins(path: Path, magic: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False
