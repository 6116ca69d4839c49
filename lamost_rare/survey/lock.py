"""One scan at a time in an output directory."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from ..text import printable
from .errors import ScanError

__all__ = ["directory_lock"]

LOCK_NAME = ".scan.lock"


@contextlib.contextmanager
def directory_lock(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for this process; the system lets go when the process ends, however it does.

    Raises
    ------
    ScanError
        If another process holds it.

    Notes
    -----
    On a file system without locks (some cluster mounts) there is none, and nothing to be done.
    """
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                holder = os.pread(descriptor, 200, 0).decode("utf-8", "replace")
                raise ScanError(
                    f"{printable(folder)} is in use by another scan ({printable(holder)}); "
                    "wait for it or choose another --output"
                ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)
