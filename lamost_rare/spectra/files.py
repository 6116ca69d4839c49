"""Files of spectra, whatever survey they are of: one reader a survey, found by what a file holds.

Another survey is one module with the functions of `Reader`, and one line in `READERS`.
"""

from __future__ import annotations

from typing import Protocol

from . import lamost
from ._file_bytes import read_file
from .raw import RawSpectrum

__all__ = ["READERS", "Reader", "read_spectrum_content", "read_spectrum_file"]


class Reader(Protocol):
    """What a module has that reads the files of one survey."""

    def recognizes(self, data: bytes) -> bool:
        """Return whether a file is one of the survey's, by its first bytes or its structure.

        ``data`` is the expanded content of any file at all; nothing is raised.
        """

    def read(self, data: bytes, path: str, *, header: bool = True) -> RawSpectrum:
        """Read the expanded content of a file.

        ``path`` goes into the spectrum's identity; with ``header`` its attribute ``header`` is
        filled, too. Whatever cannot be used raises a `SpectrumError`, whose detail goes on where
        the path ends: "has no column FLUX".
        """


READERS: dict[str, Reader] = {
    "LAMOST": lamost,
}
"""The reader of each survey. The first that recognizes a file reads it: LAMOST's comes last, since
it takes what no other does, and says of which survey it is not."""


def read_spectrum_file(path, *, content: bytes | None = None, header: bool = True) -> RawSpectrum:
    """Read the spectrum in a file of any survey that `READERS` has, gzipped or not.

    Parameters
    ----------
    path : str or path-like
        The file. Kept in ``identity["path"]`` as it is given.
    content : bytes, optional
        What the file holds, where that was read already; ``path`` is then a name and no more.
    header : bool
        Whether to fill the attribute ``header``.

    Returns
    -------
    RawSpectrum

    Raises
    ------
    SpectrumError
        If the file cannot be used, with one of the codes of
        `~lamost_rare.spectra.quality.REJECT_REASONS`. No other exception, whatever the bytes.
    """
    return read_file(
        path, content, lambda data, name: read_spectrum_content(data, name, header=header)
    )


def read_spectrum_content(data: bytes, path: str = "", *, header: bool = True) -> RawSpectrum:
    """Read the expanded content of a file as `read_spectrum_file` does; details lack the path."""
    reader = next(reader for reader in READERS.values() if reader.recognizes(data))
    return reader.read(data, path, header=header)
