"""A process's parent, its standard streams, and that it may be a fork."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from .errors import LamostRareError

__all__ = ["ForkedProcessError", "check_not_forked", "end_with_parent", "open_standard_streams"]

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, interval=1.0) -> None:
    """Have this new process end, whatever it is doing, when its parent is gone.

    A command that is killed cannot end its helpers, which would go on with what they do, hold its
    folders and its standard error, and then wait for ever.

    Parameters
    ----------
    parent : int
        Number of the process that made this one.
    interval : float
        Seconds between two looks, where the system cannot be asked to see to it.
    """
    if sys.platform == "linux":
        import ctypes  # takes a while, and is not needed by who only opens streams

        # The thread below gets no turn while a library keeps the interpreter to itself.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def watch():
        while os.getppid() == parent:
            time.sleep(interval)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def open_standard_streams() -> None:
    """Open those of the descriptors 0, 1 and 2 that are closed, onto nothing.

    Otherwise the next file that is opened gets the number, and with it whatever is printed: a lock,
    a table, the memory of a reader.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


class ForkedProcessError(LamostRareError, RuntimeError):
    """A network is used in a process that was forked from one where networks were in use."""


_with_networks: int | None = None


def check_not_forked() -> None:
    """Refuse to use a network in more than one of the processes that are forks of each other.

    TensorFlow's threads do not come along into a fork, which would wait for them for ever.

    Raises
    ------
    ForkedProcessError
        If the process was forked after networks had been used.
    """
    global _with_networks
    if _with_networks is None:
        _with_networks = os.getpid()
    elif _with_networks != os.getpid():
        raise ForkedProcessError(
            "this process was forked from one that had used a network, and would wait for ever: "
            "start processes with multiprocessing.get_context('spawn'), or use networks in the "
            "new processes only"
        )
