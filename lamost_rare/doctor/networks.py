"""Keras and its back end, looked at in a process of its own: what crashes there can be told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator

from ..text import printable
from .child import ELSE, IMPORTED
from .finding import PROBLEM, Finding

__all__ = ["look_at_networks"]

SECONDS = 600.0
"""Time that the process has: far more than it takes."""

_START = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from lamost_rare.doctor.child import main
main(sys.argv[2:])
"""


def look_at_networks(folders: Iterable[str | os.PathLike]) -> Iterator[Finding]:
    """Yield whether libraries can be imported, how Keras starts, and what presets answer.

    Parameters
    ----------
    folders : iterable of str or path
        Of presets.
    """
    command = [sys.executable, "-P", "-c", _START, json.dumps(sys.path)]
    command += [os.path.abspath(folder) for folder in folders]
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
        ) as process,
    ):
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        at = "python"
        try:
            assert process.stdout is not None
            for line in process.stdout:
                message = json.loads(line)
                if "begin" in message:
                    at = message["begin"]
                else:
                    yield Finding(**message)
            status = process.wait()
        finally:
            timer.cancel()
            process.kill()
        if status:
            said.seek(0)
            yield _crash(at, status, said.read().decode("utf-8", "replace"))


def _crash(at: str, status: int, said: str) -> Finding:
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "")
    return Finding(
        at,
        printable(f"the process that tried it ended with {how}{f': {last[:200]}' if last else ''}"),
        PROBLEM,
        f"python -m pip install --force-reinstall {at}, or another version of it"
        if at in IMPORTED
        else ELSE,
    )
