"""The file to which the server appends verdicts: JSON lines, each on the disk before it is told.

Only whole lines are written, to the end. Whatever kills the process, an acknowledged verdict is in
the file; a line that it left half is ended at the next start and left out.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from ..atomic import sync_directory
from ..folder_lock import folder_lock
from ..text import printable
from .errors import ReportError
from .verdict import Verdict, VerdictError

__all__ = ["FULL", "LogInUseError", "VerdictLog", "log_path", "strict_json"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors that say that a file cannot grow."""

_LONGEST_LINE = 1 << 17
_WHO = "lamost-rare report --serve"


class LogInUseError(ReportError):
    """Another server writes this file."""


def log_path(folder: Path, digest: str) -> Path:
    """Return the file of verdicts on a list, beside its scan."""
    return folder / f"verdicts-{digest[:8]}.jsonl"


class VerdictLog:
    """The verdicts on one list, in memory and in a file that this process alone appends to.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    digest : str
        Of the list.
    keys : iterable of str
        Of its spectra.

    Attributes
    ----------
    path : Path
    events : list of dict
        In the order of the file.
    half : int
        Lines of the file that are no verdicts on this list, and are left out.

    Raises
    ------
    LogInUseError
        If another process appends to it.
    ReportError
        If it cannot be written.
    """

    def __init__(self, path: Path, digest: str, keys: Iterable[str]):
        self.path = path
        self.events: list[dict] = []
        self.half = 0
        self._digest = digest
        self._keys = frozenset(keys)
        self._ids: set[str] = set()
        self._lock = threading.Lock()
        self._descriptor = -1
        self._torn = False
        self._missing: list[dict] = []  # acknowledged, and not in a file that was put in place
        self._held = contextlib.ExitStack()
        name = f".{path.stem}.lock"
        try:
            self._held.enter_context(
                folder_lock(path.parent, name, _WHO, "scan", raises=LogInUseError)
            )
            self._open()
        except OSError as error:
            self.close()
            raise ReportError(
                f"cannot write verdicts to {printable(path)}: {error.strerror or error}"
            ) from error

    def __len__(self) -> int:
        return len(self.events)

    def check(self, event: Any) -> None:
        """Find out whether an event may be stored.

        Raises
        ------
        VerdictError
            If not, saying why.
        """
        verdict = Verdict.from_event(event)
        if verdict.list != self._digest:
            raise VerdictError(f"list {printable(verdict.list[:8])} is not this one")
        if verdict.key not in self._keys:
            raise VerdictError(f"key {verdict.key} is not in the list")
        for name in ("id", "by"):
            if not getattr(verdict, name).strip():
                raise VerdictError(f"{name} is empty")
        if verdict.time is None:
            raise VerdictError(f"at is not a time, but {printable(repr(verdict.at))}")
        try:
            size = len(_line(event))
        except (ValueError, RecursionError):
            raise VerdictError("a number in it is not finite, or it is nested too deep") from None
        if size > _LONGEST_LINE:
            raise VerdictError("it is too long")

    def append(self, events: Iterable[dict]) -> int:
        """Store events that `check` lets pass and that are not stored; return how many these were.

        They are on the disk when this returns, all or none.

        Raises
        ------
        OSError
            If they are not.
        """
        with self._lock:
            if self._descriptor < 0:
                raise OSError(errno.EBADF, "the server has stopped")
            self._open_again_if_gone()
            fresh = {e["id"]: e for e in events if e["id"] not in self._ids}
            if fresh or self._missing:
                self._write(b"".join(map(_line, [*self._missing, *fresh.values()])))
                self._missing = []
                self._ids |= fresh.keys()
                self.events += fresh.values()
            return len(fresh)

    def close(self) -> None:
        """Let the file go, and remove it if nothing was ever in it; later calls do nothing."""
        with self._lock:
            if self._descriptor >= 0:
                if not os.fstat(self._descriptor).st_size and not self.events:
                    self.path.unlink(missing_ok=True)
                os.close(self._descriptor)
                self._descriptor = -1
            self._held.close()

    def _open(self) -> None:
        """Open the file and take what is in it."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self.path, flags, 0o644)
        with open(self._descriptor, "rb", closefd=False) as file:
            content = file.read()
        for line in content.split(b"\n"):
            if not line.strip():
                continue
            try:
                event = strict_json(line)
                self.check(event)
            except (ValueError, RecursionError):
                self.half += 1
                continue
            if event["id"] not in self._ids:
                self._ids.add(event["id"])
                self.events.append(event)
        self._torn = bool(content) and not content.endswith(b"\n")
        os.fsync(self._descriptor)
        sync_directory(self.path.parent)

    def _open_again_if_gone(self) -> None:
        """Open what is in the place of the file, if it was moved away, and note what that lacks."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self._descriptor), os.stat(self.path)):
                return
        before = self.events
        gone, self._descriptor = self._descriptor, -1
        os.close(gone)
        self.events, self._ids, self.half = [], set(), 0
        try:
            self._open()
        finally:
            self._missing = [event for event in before if event["id"] not in self._ids]
            known = {event["id"] for event in before}
            self.events = before + [e for e in self.events if e["id"] not in known]
            self._ids |= known

    def _write(self, lines: bytes) -> None:
        size = os.fstat(self._descriptor).st_size
        left = memoryview(b"\n" + lines if self._torn else lines)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError:
            # What was not told must not be in the file, or a later line would be the end of it.
            try:
                os.ftruncate(self._descriptor, size)
            except OSError:
                self._torn = True
            raise
        self._torn = False


def strict_json(content: bytes) -> Any:
    """Return what JSON says, without NaN and infinity, which browsers do not read."""

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    return json.loads(content, parse_constant=refuse)


_LINE_ENDS = str.maketrans({end: f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"})
"""Besides those that JSON escapes: many a reader of lines takes them for the end of one."""


def _line(event: dict) -> bytes:
    try:
        return _json(event, ensure_ascii=False).translate(_LINE_ENDS).encode() + b"\n"
    except UnicodeEncodeError:  # half of a pair of surrogates, which JSON has and UTF-8 has not
        return _json(event, ensure_ascii=True).encode() + b"\n"


def _json(event: dict, *, ensure_ascii: bool) -> str:
    return json.dumps(event, ensure_ascii=ensure_ascii, allow_nan=False, separators=(",", ":"))
