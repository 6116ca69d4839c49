"""What a scan says of itself while it runs: on a terminal, in a log, and when told to be quiet."""

import contextlib
import io
import os
import pty
import re
import sys
import termios
from pathlib import Path
from types import SimpleNamespace

import pytest
from tqdm import tqdm

from lamost_rare import progress as work
from lamost_rare.progress import Progress as Work
from lamost_rare.progress import counted
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


def test_the_rate_is_not_that_of_the_start(capsys):
    """What had to be loaded before the first files says nothing of the time that is left."""
    clock, state = Clock(), summary()
    with contextlib.closing(Progress(None, state, clock)) as bar:
        for seconds in (100.0, 20.0, 20.0, 20.0):
            clock.now += seconds
            state.add(ShardCounts(190, 10, 1))
            bar.update(state)
    *_, line = capsys.readouterr().err.splitlines()
    assert LINE.fullmatch(line)[3] == "10.0"
    state.seconds, state.start_seconds = 10.0, 9.0
    first = str(state).splitlines()[0]
    assert first.endswith("(800 in 10 s, of which 9 s to load the network; 800 a second)")
    state.start_seconds = 0.0
    assert str(state).splitlines()[0].endswith("(800 in 10 s; 80 a second)")


def test_a_bar_says_what_it_waits_for(monkeypatch):
    main, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    with open(terminal, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        state = summary()
        with contextlib.closing(Progress(None, state)) as bar:
            bar.update(state)
            assert "starting:   0%" in read_until(main, "]")
            state.add(ShardCounts(50_000, 0, 0))
            bar.update(state)
        stream.write("end")
        stream.flush()
        shown = read_until(main, "end")
    os.close(main)
    assert "50000/100000" in shown
    assert "starting" not in shown.split("50000/100000")[-1]


def test_long_work_of_every_kind_has_a_line_a_minute(capsys):
    clock = Clock()
    with Work(300, "batches", "training", done=100, clock=clock) as bar:
        for done in (101, 102, 103):
            clock.now += 90
            bar.update(done, epochs=1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[-1].endswith(
        "training: 103 of 300 batches (34 %), 0.7 a minute, 1 epochs, 4:55:30 left"
    )
    assert list(counted("abc", 4, "letters", "reading", done=1)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""  # quick


def test_a_notebook_shows_a_bar(monkeypatch, capsys):
    """With ipywidgets or without; what runs there is no terminal."""
    shell = SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    made = []

    class Bar(tqdm):
        def __init__(self, *args, **kwargs):
            made.append(kwargs["disable"])
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(work, "_tqdm", lambda notebook: Bar if notebook else None)
    run(None, batches=2)
    run(False, batches=2)
    assert made == [False, True]
    assert "400/100000" in capsys.readouterr().err


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
