"""Writing a file so that it is there completely or not at all, whatever kills the process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["atomic_path", "discard_part", "write_text_atomically"]


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; on leaving, synchronise and rename it to ``target``.

    After an exception the temporary file is removed and ``target`` is as it was.
    """
    temporary = _part(target)
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def discard_part(target: Path) -> None:
    """Remove what a process left that was killed while it wrote ``target``."""
    _part(target).unlink(missing_ok=True)


def _part(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def sync_directory(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut, where the file system can."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_text_atomically(target: Path, text: str) -> None:
    """Write a small text by `atomic_path`."""
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
