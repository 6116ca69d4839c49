"""Where the inputs of a scan come from."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ...inference.columns import Column
from ...spectra.grid import WavelengthGrid
from ...spectra.reading import items_in_order
from ...text import check_paths, path_text, printable
from ..errors import ScanError
from .discovery import SUFFIXES, Entry, Walk, find_spectra

__all__ = ["LEFT_OUT", "Source", "open_source"]

LEFT_OUT = ("macos_files", "tables_of_scans")
"""Of what there is besides the inputs of a source, the kinds that are named like inputs."""

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_STORE_SUFFIXES = (".h5", ".hdf5")
_LIST_SUFFIXES = (".txt", ".lst", ".txt.gz", ".lst.gz")
_STREAMS = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")
_PARQUET_MAGIC = b"PAR1"
_FITS_SUFFIXES = tuple(suffix.decode() for suffix in SUFFIXES)
_CATALOGUE_SUFFIXES = (".csv", ".csv.gz")


@dataclass
class Source:
    """A directory that is searched, or one file.

    Other kinds of source differ in what their methods do; nothing that comes after them knows which
    it has.

    Attributes
    ----------
    path : Path
        Absolute; what a manifest names, and a resumed scan compares.
    """

    path: Path

    columns: ClassVar[tuple[Column, ...]] = ()
    """What readers know of the spectra of this source besides; the last columns of a catalogue."""

    seen: ClassVar[bool] = True
    """Whether the inputs were there when they were listed."""

    @property
    def places(self) -> list[Path]:
        """What has to be there while the inputs are read."""
        return [self.path]

    @property
    def root(self) -> bytes:
        """Directory to which the paths of `entries` are relative."""
        return os.fsencode(self.path if self.path.is_dir() else self.path.parent)

    def entries(self, walk: Walk) -> Iterator[Entry]:
        """The inputs, in an order that depends on nothing but the source."""
        return find_spectra(self.path, walk)

    def check_grid(self, grid: WavelengthGrid) -> None:
        """Raise `ScanError` if the spectra cannot be put onto ``grid``."""

    def describe(self) -> dict:
        """What a manifest says of the source; a resumed scan must be of the same."""
        return {"source": path_text(self.path)}

    def besides(self, walk: Walk) -> dict[str, int]:
        """Counts of what there is besides the entries, when all of those were listed."""
        return {
            "other_files": walk.other_files,
            "macos_files": walk.macos_files,
            "tables_of_scans": walk.tables_of_scans,
            "repeated_directories": walk.repeated_directories,
        }

    def nothing(self, walk: Walk) -> str:
        """What to say if there are no inputs."""
        endings = ", ".join(f"*{suffix.decode()}" for suffix in SUFFIXES)
        others = f" ({walk.other_files} other files)" if walk.other_files else ""
        return f"no spectra in {printable(self.path)}: nothing there is named {endings}{others}"


def open_source(source, root=None) -> Source:
    """The source that a path stands for.

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
        from .lists import PathsSource

        _refuse_root(root, "a sequence of paths")
        return PathsSource(items_in_order(source, "source", "give paths of files"))
    source = os.fsdecode(source)
    listed = source.startswith("@") and not os.path.exists(source)
    source = source.removeprefix("@") if listed else source
    if _is_pipe(source):
        from .lists import PipeSource

        _refuse_root(root, f"{printable(source)}, which can be read only once")
        return PipeSource(source)
    path = Path(os.path.abspath(source))
    if not path.exists():
        raise ScanError(f"no such file or directory: {printable(path)}")
    if root is not None:
        if not path.is_file():
            raise ScanError(f"with --root the source is a catalogue: {printable(path)} is no file")
        from .general_catalogue import CatalogueSource

        return CatalogueSource(path, Path(os.path.abspath(os.fsdecode(root))))
    if path.is_file() and (listed or path.name.lower().endswith(_LIST_SUFFIXES)):
        from .lists import ListSource

        return ListSource(path)
    if path.is_file() and (path.suffix.lower() in _STORE_SUFFIXES or _begins(path, _HDF5_MAGIC)):
        from .store import StoreSource

        return StoreSource(path)
    if path.is_file() and _is_table(path):
        raise ScanError(
            f"{printable(path)} is a table: say with --root DIR where its spectra are (or with @ "
            "before its name that it is a list of files)"
        )
    return Source(path)


def _refuse_root(root, what: str) -> None:
    if root is not None:
        raise ScanError(f"with --root the source is a catalogue in a file, not {what}")


def _is_pipe(path: str) -> bool:
    """Whether a path is that of standard input, or of something else that is read once."""
    if path == "-" or path.startswith(_STREAMS):
        return True
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _is_table(path: Path) -> bool:
    """Whether a file is a table rather than a spectrum: by its name, or as it says itself."""
    if path.name.lower().endswith(_CATALOGUE_SUFFIXES) or _begins(path, _PARQUET_MAGIC):
        return True
    if not path.name.lower().endswith(_FITS_SUFFIXES):
        return False
    from .observations import choose_columns
    from .tables import open_table

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
