import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

POOL = """
import os, time
from lamost_rare.training.pools import single_threaded

if __name__ == "__main__":
    with single_threaded(2) as pool:
        print(*{pool.submit(os.getpid).result() for _ in range(8)}, flush=True)
        pool.submit(time.sleep, 600)
        time.sleep(600)
"""


def running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{number}/stat")  # a process that nobody waits for stays as a zombie
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_processes_end_with_a_command_that_is_killed(tmp_path):
    script = tmp_path / "pool.py"
    script.write_text(POOL)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as command:
        numbers = [int(n) for n in command.stdout.readline().split()]
        assert numbers
        assert all(map(running, numbers))
        command.send_signal(signal.SIGKILL)
    end = time.monotonic() + 30
    while any(map(running, numbers)):
        if time.monotonic() > end:
            for number in filter(running, numbers):
                os.kill(number, signal.SIGKILL)
            pytest.fail("processes of the pool go on")
        time.sleep(0.1)
