"""One reader process as its parent sees it."""

from __future__ import annotations

import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from multiprocessing import connection as mp_connection
from typing import Any

from .slots import Slot

__all__ = ["SLOTS", "ReaderProcess", "Task"]

SLOTS = 2
"""Batches a reader may be ahead: one being filled while another waits for inference."""

END_SECONDS = 10
"""Time that a reader has to end when it was killed."""

_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])["path"]
from lamost_rare.survey.reader import main
main()
"""


@dataclass
class Task:
    """Files to be read as one batch; ``key`` is the caller's."""

    key: Any
    paths: list[bytes]
    deadly: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Files that killed readers or held one up, with reason and detail: not tried again."""

    def files(self) -> list[int]:
        """Return which of the paths are (still) to be read."""
        return [i for i in range(len(self.paths)) if i not in self.deadly]


class ReaderProcess:
    """One reader process as its parent sees it."""

    def __init__(self, settings: dict, shape: tuple[int, int]):
        self._settings = settings
        size = Slot.size(*shape) * SLOTS
        self._memory_file = _anonymous_file(size)
        memory = mmap.mmap(self._memory_file, size)
        self.slots = [Slot(memory, i, *shape) for i in range(SLOTS)]
        self.tasks: dict[int, Task] = {}
        self.files: dict[int, list[int]] = {}
        self.at: tuple[int, int] | None = None
        self._waited = 0.0
        self.start()

    def start(self) -> None:
        self.at = None
        self.connection, theirs = mp_connection.Pipe()
        settings = {
            **self._settings,
            "parent": os.getpid(),
            "connection": theirs.fileno(),
            "memory": self._memory_file,
            "path": sys.path,
        }
        environment = {
            # Arrays of a batch come and go by the dozen megabytes; memory that glibc gives back in
            # between has to be mapped again, page by page: a tenth of a reader's time.
            "MALLOC_MMAP_THRESHOLD_": str(2**28),
            "MALLOC_TRIM_THRESHOLD_": str(2**29),
            **os.environ,
            # Many readers share the cores; threads of numpy's in each would only get in the way.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, json.dumps(settings)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(), self._memory_file),
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, which then sends them home
        )
        theirs.close()

    @property
    def free(self) -> list[int]:
        """Slots without a task."""
        return [index for index in range(SLOTS) if index not in self.tasks]

    def give(self, task: Task) -> None:
        index = self.free[0]
        self.tasks[index], self.files[index] = task, task.files()
        n_bytes = self.slots[index].put_paths([task.paths[i] for i in self.files[index]])
        try:
            self.connection.send((index, n_bytes))
        except OSError:
            pass  # it died; what it leaves in the pipe, and the end of it, are met in `run`

    def release(self, index: int) -> None:
        del self.tasks[index], self.files[index]

    def waited_for_file(self, passed: float) -> float:
        """Return the seconds for which the reader has been at the same file (`at`), now that more
        passed."""
        before, self.at = self.at, None
        for index in self.tasks:
            number = int(self.slots[index].at_file[0])
            if 0 <= number < len(self.files[index]):
                self.at = index, number
        same = self.at is not None and self.at == before
        self._waited = self._waited + passed if same else 0.0
        return self._waited

    def epitaph(self) -> str:
        """Return how the process ended, in words."""
        self.connection.close()
        self.process.kill()
        try:
            status = self.process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:  # the system waits for a disk, and lets nobody interrupt
            return "it does not end"
        return f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"

    def close(self) -> None:
        self.epitaph()
        self.tasks.clear()
        os.close(self._memory_file)


def _anonymous_file(size: int) -> int:
    """Return the descriptor of a file without a name, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("lamost-rare-batches", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, size)
    return descriptor
