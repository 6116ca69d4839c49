"""Processes of a pool that do not outlive the command they work for."""

from __future__ import annotations

import os
import threading
import time

__all__ = ["end_with_parent"]


def end_with_parent(parent: int, interval=1.0) -> None:
    """Called in a new process: it ends, whatever it is doing, when its parent is gone.

    A command that is killed cannot end its pool, whose processes would go on with what they do,
    hold their folders, and then wait for ever.

    Parameters
    ----------
    parent : int
        Number of the process that made this one.
    interval : float
        Seconds between two looks.
    """

    def watch():
        while os.getppid() == parent:
            time.sleep(interval)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
