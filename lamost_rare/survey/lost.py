"""Disks that go away while a scan reads, and inputs that the system could not read just then.

A disk that is not mounted any more would make a reject of every input that is left.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from ..text import printable
from .errors import ScanError
from .inputs.base import ScanInput

__all__ = ["InputWatch", "is_passing"]

FEWEST = 32
"""Inputs, and at least half of those of a shard, that cannot be read: that is not their fault."""

# A missing permission, or a link that leads in a circle, is there next time as well.
_PASSING = (
    "EIO", "ENOENT", "ESTALE", "ENODEV", "ENXIO", "ENOTCONN", "ECONNABORTED", "ECONNREFUSED",
    "ECONNRESET", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET",
    "ESHUTDOWN", "EREMOTEIO", "ENOLINK", "ECOMM", "EAGAIN", "EINTR", "EBUSY", "ENOMEM", "EMFILE",
    "ENFILE",
)  # fmt: skip
_WORDS = tuple(
    f"cannot be read: {os.strerror(getattr(errno, name))}"
    for name in _PASSING
    if hasattr(errno, name)
)
_VANISHED = f"cannot be read: {os.strerror(errno.ENOENT)}"


def is_passing(reason: str, detail: str) -> bool:
    """Return whether a reader rejected an input for what may be over when it is tried again.

    What discovery rejects is judged again in any case, when the inputs are listed.
    """
    of_reader = detail.startswith(("/", "cannot be read: "))
    return reason == "unreadable" and of_reader and detail.endswith(_WORDS)


class InputWatch:
    """Looks whether rejects are the fault of what was given as a whole."""

    def __init__(self, given: ScanInput):
        self._given = given

    def check(self, n_inputs: int, rejects: Sequence[tuple[str, str]]) -> None:
        """Judge the rejects (reason, detail) of a shard before they are put on disk.

        Raises
        ------
        ScanError
            If what was given is not there any more, or many inputs cannot be read.
        """
        lost = [detail for reason, detail in rejects if is_passing(reason, detail)]
        if not lost and not any(reason == "corrupt_store" for reason, _ in rejects):
            return
        self.check_places()
        if not self._given.seen:  # what a list names may never have been there
            lost = [detail for detail in lost if not detail.endswith(_VANISHED)]
        if len(lost) >= max(FEWEST, n_inputs / 2):
            raise ScanError(
                f"{len(lost)} of {n_inputs} neighbouring inputs cannot be read, the first: "
                f"{printable(lost[0])}; put that right and run the same command to go on"
            )

    def check_places(self) -> None:
        """Raise `ScanError` if what holds the inputs is not there."""
        for place in self._given.places:
            if not _is_there(place):
                raise ScanError(
                    f"{printable(place)} is not there any more, or empty: when it is there again, "
                    "run the same command to go on"
                )


def _is_there(place) -> bool:
    """Return whether a file is there, or a directory that holds something: one that is empty may
    be where a disk was mounted."""
    try:
        if not os.path.isdir(place):
            return os.path.exists(place)
        with os.scandir(place) as entries:
            return next(entries, None) is not None
    except PermissionError:
        return True
    except OSError:
        return False
