"""Kill a scan with SIGKILL at every moment at which it changes what is on disk, and resume it.

python kill_everywhere.py SOURCE PRESET FOLDER FORMAT whole|tables

``whole`` begins with nothing, ``tables`` with a complete scan that has Parquet tables only. A scan
is a process of its own, forked from this one, which spares each of them the start of an
interpreter. Prints a line for each moment: what was about to happen, and how many inputs the
resumed scan found done; the last line is ``end``.
"""

import copy
import os
import shutil
import signal
import sys
from pathlib import Path

import astropy.io.fits  # what converting imports: once, not once a process
import astropy.table  # noqa: F401
import pyarrow.parquet as pq

from lamost_rare.presets import load_preset
from lamost_rare.survey import formats, merge, shard_processing, stars
from lamost_rare.survey.merge import CONVERTED, RESULTS
from lamost_rare.survey.progress import StopRequest
from lamost_rare.survey.reader import read_chunk
from scan_helpers import MACHINERY, ReadHere, StandIn, scan_directory

SOURCE, PRESET, FOLDER, FORMAT, FROM = sys.argv[1:]
OUTPUT, BEFORE = Path(FOLDER) / "out", Path(FOLDER) / "before"

MACHINERY.shard_size, merge.ROW_GROUP, stars.ROW_GROUP, formats.BLOCK = 4, 3, 4, 3
preset = load_preset(PRESET)
network = MACHINERY.network = StandIn()
chunks = {}


class Remember(ReadHere):
    """Reads each file once for all scans."""

    def run(self, tasks, stopped=lambda: False):
        for task in tasks:
            yield task, copy.deepcopy(chunks[tuple(task.paths)])


class Learn(ReadHere):
    def run(self, tasks, stopped=lambda: False):
        for task in tasks:
            chunks[tuple(task.paths)] = read_chunk(task.paths, self.grid)
            yield task, copy.deepcopy(chunks[tuple(task.paths)])


def run(format=FORMAT):
    options = {"workers": 1, "batch_size": 2, "progress": False, "format": format}
    return scan_directory(SOURCE, OUTPUT, preset=preset, **options)


def in_a_process(function):
    """Status of a process that runs a function; negative if a signal ended it."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(function())
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(100)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_at(moment, pipe):
    """Run a scan that kills itself before the moment-th change of what is on disk."""
    countdown = [moment]

    def watch(owner, name, label=None, instead=None):
        real = instead or getattr(owner, name)

        def watched(*args, **kwargs):
            if name == "unlink" and not os.path.lexists(args[0]):
                return real(*args, **kwargs)  # changes nothing
            if countdown[0] == 0:
                os.write(pipe, (label or f"{name} {args[0]}").encode())
                os.kill(os.getpid(), signal.SIGKILL)
            countdown[0] -= 1
            return real(*args, **kwargs)

        setattr(owner, name, watched)

    # What is synchronised stays after a power cut, but any write does after a signal.
    watch(os, "fsync", "fsync", lambda descriptor: None)
    for name in ("replace", "unlink", "rmdir", "mkdir", "ftruncate"):
        watch(os, name)
    watch(pq.ParquetWriter, "write_table", "write_table")
    watch(Path, "write_text", "write_text")
    watch(StopRequest, "__call__", "checkpoint")  # between inputs, batches, row groups, blocks
    run()
    return 0


def resume():
    """How many inputs were done already; all others are, now, and only those."""
    network.sizes.clear()
    summary = run()
    assert sum(network.sizes) == summary.classified - min(summary.done_before, summary.classified)
    return summary.done_before


def content():
    names = (*RESULTS, *CONVERTED[FORMAT])
    return {name: (OUTPUT / name).read_bytes() for name in names if (OUTPUT / name).exists()}


def start_again():
    shutil.rmtree(OUTPUT, ignore_errors=True)
    if FROM == "tables":
        shutil.copytree(BEFORE, OUTPUT)


shard_processing.ReaderPool = Learn
run("parquet")
shutil.copytree(OUTPUT, BEFORE)
shard_processing.ReaderPool = Remember
start_again()
assert in_a_process(lambda: run() and 0) == 0
expected = content()
assert len(expected) == len(RESULTS) + 4

for moment in range(1000):
    start_again()
    reading, writing = os.pipe()
    status = in_a_process(lambda: killed_at(moment, writing))  # noqa: B023
    os.close(writing)
    label = os.read(reading, 10_000).decode()
    os.close(reading)
    if status == 0:
        assert content() == expected
        print("end")
        break
    assert status == -signal.SIGKILL, (status, label)
    left = content()  # a name stands for complete content
    assert left == {name: expected[name] for name in left}, label
    status = in_a_process(resume)
    assert content() == expected, label
    wanted = {*expected, "manifest.json", ".scan.lock"}
    assert {path.name for path in OUTPUT.iterdir()} == wanted, label
    print(status, label, flush=True)
