"""What a scan says of itself while it runs: on a terminal, in a log, and when told to be quiet."""

import contextlib
import io
import os
import pty
import re
import sys
import termios
from pathlib import Path

import pytest

from lamost_rare.survey.progress import Progress
from lamost_rare.survey.shards import ShardCounts
from lamost_rare.survey.summary import ScanSummary


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def summary(discovered=100_000, done=0):
    made = ScanSummary(Path("in"), Path("out"), "preset", "O", discovered=discovered)
    made.classified = done
    return made


def run(wanted, batches=10, seconds=20.0, done=0):
    """Batches of 200 files, each of which takes some time."""
    clock, state = Clock(), summary(done=done)
    with contextlib.closing(Progress(wanted, state, clock)) as bar:
        for _ in range(batches):
            clock.now += seconds
            state.add(ShardCounts(190, 10, 1))
            bar.update(state)


LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (\d+) of 100000 files \((\d+) %\), ([\d.]+) a second, "
    r"(\d+) candidates, (\d+) rejected, (.*) left"
)


def test_a_line_a_minute_without_a_terminal(capsys):
    run(None)
    out, err = capsys.readouterr()
    assert out == ""
    found = [LINE.fullmatch(line).groups() for line in err.splitlines()]
    assert found == [
        ("600", "0", "10.0", "3", "30", "2:45:40"),
        ("1200", "1", "10.0", "6", "60", "2:44:40"),
        ("1800", "1", "10.0", "9", "90", "2:43:40"),
    ]


def test_slow_batches_have_a_line_each_and_quick_scans_none(capsys):
    run(None, batches=3, seconds=150.0)
    assert len(capsys.readouterr().err.splitlines()) == 3
    run(None, batches=200, seconds=0.2)
    assert capsys.readouterr().err == ""


def test_the_rate_is_that_of_this_run(capsys):
    run(None, batches=3, done=90_000)
    (line,) = capsys.readouterr().err.splitlines()
    assert LINE.fullmatch(line).groups() == ("90600", "90", "10.0", "3", "30", "0:15:40")


def test_a_scan_that_stands_still(capsys):
    clock, state = Clock(), summary()
    with contextlib.closing(Progress(None, state, clock)) as bar:
        clock.now += 61
        bar.update(state)
    assert capsys.readouterr().err.strip().endswith("0 rejected, unknown time left")


def test_quiet(capsys):
    run(False)
    assert capsys.readouterr() == ("", "")


def read_until(terminal, end):
    """What a terminal shows up to these last letters, which need not come in one piece."""
    shown = ""
    while not shown.endswith(end):
        shown += os.read(terminal, 100_000).decode()
    return shown


@pytest.mark.parametrize("wanted", [None, False])
def test_on_a_terminal(monkeypatch, wanted):
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    with open(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        run(wanted)
        stream.write("end")
        stream.flush()
        shown = read_until(main, "end")
    os.close(main)
    if wanted is False:
        assert shown == "end"
    else:
        assert "2000/100000" in shown
        assert "candidates=10, rejected=100" in shown
        assert "files/s" in shown
        assert not LINE.search(shown)


def test_standard_error_that_is_no_file(monkeypatch):
    """As in a host that replaces it."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    run(None)
    assert len(sys.stderr.getvalue().splitlines()) == 3


def test_the_summary_says_where_to_look():
    state = summary(discovered=20)
    state.add(ShardCounts(18, 2, 3))
    state.state = "complete"
    *_, last = str(state).splitlines()
    assert last == (
        "look at: out/candidates.csv (surest first), out/catalogue.parquet, "
        "out/rejected.parquet (why)"
    )
    state.state = "interrupted"
    assert str(state).splitlines()[-1] == (
        "interrupted; run the same command again and it goes on from here"
    )
