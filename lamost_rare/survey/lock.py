"""One scan at a time in an output directory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ..folder_lock import FolderInUseError, folder_lock
from .errors import ScanError

__all__ = ["directory_lock"]

LOCK_NAME = ".scan.lock"


@contextlib.contextmanager
def directory_lock(folder: Path) -> Iterator[None]:
    """`folder_lock` for an output directory.

    Raises
    ------
    ScanError
        If another process holds it.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(folder, LOCK_NAME, "scan", "--output"))
        except FolderInUseError as error:
            raise ScanError(str(error)) from None
        yield
