"""One process at a time in a folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from .errors import LamostRareError
from .text import printable

__all__ = ["FolderInUseError", "folder_lock"]


class FolderInUseError(LamostRareError, ValueError):
    """Another process holds the folder."""


@contextlib.contextmanager
def folder_lock(
    folder,
    name: str = ".lock",
    user: str = "command",
    choice: str = "folder",
    raises: type[Exception] = FolderInUseError,
) -> Iterator[None]:
    """Hold ``folder`` for this process; the system lets go when the process ends, however it does.

    Parameters
    ----------
    folder : path-like
        Made if it does not exist.
    name : str
        Of the file in it that is locked, and stays.
    user, choice : str
        Words for the message: what holds the folder, and what the user can choose another of.
    raises : type
        What is raised if another process holds the folder.

    Raises
    ------
    FolderInUseError
        If another process holds it. The message names folder and process.

    Notes
    -----
    On a file system without locks (some cluster mounts) nothing is locked.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace")
                raise raises(
                    f"{printable(folder)} is in use by another {user} ({printable(holder)}); "
                    f"wait for it or choose another {choice}"
                ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)
