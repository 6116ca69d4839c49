"""Scan as processes: signals, killed readers, orphans, the terminal, and the real network."""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from lamost_rare.presets import save_preset
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.survey import ScanError, scan_directory
from lamost_rare.survey.progress import stop_on_interrupt
from lamost_rare.survey.workers import ReaderPool, Task, default_workers
from scan_helpers import (
    CONFIG,
    crashing_isal,
    digests,
    manifest,
    standin_preset,
    strange_isal,
    table,
    write_file,
)

PROC = Path("/proc")
LONG = 300  # seconds; nothing takes as long, unless it hangs or the machine is very busy
linux = pytest.mark.skipif(not (PROC / "self").exists(), reason="looks into /proc")

# `lamost-rare` with a stand-in for the network that takes its time, and shards of 8 files.
COMMAND = """
import sys, time
sys.path.insert(0, {tests!r})
from scan_helpers import StandIn, command_line

class Slow(StandIn):
    def predict(self, batch):
        time.sleep({seconds})
        print("batch", flush=True)
        return super().predict(batch)

sys.exit(command_line(Slow(), 8))
"""


NO_STREAMS = """
import os, sys
from lamost_rare.spectra.grid import LAMOST_GRID
from lamost_rare.survey.workers import ReaderPool, Task

for descriptor in (0, 1, 2):
    os.close(descriptor)
paths = list(map(os.fsencode, sys.argv[1:]))
with ReaderPool(LAMOST_GRID, workers=2, batch_size=8) as pool:
    ((_, chunk),) = pool.run([Task("a", paths)])
sys.exit(len(chunk.kept))
"""


def command(*args, seconds=0.0, limit=None):
    code = COMMAND.format(tests=os.path.dirname(__file__), seconds=seconds)
    if limit:
        code = f"import resource; resource.setrlimit({limit})\n" + code
    return [sys.executable, "-c", code, *map(str, args)]


def run(*args, **options):
    # Where coverage is measured, it cannot write its own file under a limit on files.
    env = {k: v for k, v in os.environ.items() if not (options and k.startswith("COVERAGE"))}
    return subprocess.run(
        command(*args, **options), capture_output=True, text=True, timeout=LONG, env=env
    )


def children(pid):
    """Ids of the processes that a process started."""
    found = []
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_until_gone(pids, seconds=LONG):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any((PROC / str(pid)).exists() for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    root = tmp_path_factory.mktemp("preset")
    return standin_preset(root / "standin")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("survey")
    for i in range(27):
        write_file(root / f"{i:03d}.fits", i, ("dr1-7", "dr8plus")[i % 2])
    (root / "evil\x1b[31m\n.fits").write_text("<html>")
    return root


@pytest.fixture(scope="module")
def arguments(preset, source):
    return ["scan", source, "--preset", preset.folder, "--batch-size", 4]


@pytest.fixture(scope="module")
def reference(arguments, tmp_path_factory):
    output = tmp_path_factory.mktemp("reference")
    done = run(*arguments, "--output", output)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "28 inputs = 27 classified + 1 rejected + 0 to do" in done.stdout
    return digests(output)


def start(arguments, output, batches):
    """A scan that has done some batches, in a process group of its own."""
    process = subprocess.Popen(
        command(*arguments, "--output", output, seconds=0.1),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for _ in range(batches):
        assert process.stdout.readline() == "batch\n"
    return process


@linux
@pytest.mark.parametrize(("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_stop_a_scan_cleanly_and_it_resumes(reference, arguments, tmp_path, signum, status):
    process = start(arguments, tmp_path, 4)
    readers = children(process.pid)
    assert readers
    os.killpg(process.pid, signum)  # as a terminal does, to the whole group
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == status
    assert "Traceback" not in errors
    assert "run the same command again" in errors
    assert wait_until_gone(readers)
    counts = manifest(tmp_path)["counts"]
    assert manifest(tmp_path)["state"] == "interrupted"
    assert 0 < counts["to_do"] < 28
    assert counts["discovered"] == counts["classified"] + counts["rejected"] + counts["to_do"]
    assert run(*arguments, "--output", tmp_path, "--workers", 2).returncode == 0
    assert digests(tmp_path) == reference


@linux
def test_kill_9_leaves_no_orphans_and_the_scan_resumes(reference, arguments, tmp_path):
    process = start(arguments, tmp_path, 5)
    readers = children(process.pid)
    process.kill()
    process.communicate(timeout=LONG)
    assert wait_until_gone(readers)
    done = sorted(path.name for path in (tmp_path / "shards").glob("0*.rejected.parquet"))
    assert done
    result = run(*arguments, "--output", tmp_path)
    assert result.returncode == 0, result.stderr
    assert digests(tmp_path) == reference


@linux
def test_kill_9_ends_readers_that_are_busy(preset, tmp_path, monkeypatch):
    """In a library that keeps the interpreter to itself; whoever reads standard error waits."""
    busy = tmp_path / "busy"
    path = strange_isal(
        tmp_path / "path", f"Path({str(busy)!r}).touch()", 're.match("(a+)+b", 99 * "a")'
    )
    write_file(tmp_path / "in" / "a.fits", 1)
    (tmp_path / "in" / "b.fits.gz").write_bytes(b"\x1f\x8b and so on")
    monkeypatch.setenv("PYTHONPATH", str(path), prepend=os.pathsep)
    scan = ["scan", tmp_path / "in", "--preset", preset.folder, "--output", tmp_path / "out"]
    process = subprocess.Popen(
        command(*scan), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    end = time.monotonic() + LONG
    while not busy.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    readers = children(process.pid)
    assert readers
    process.kill()
    process.communicate(timeout=LONG)
    assert wait_until_gone(readers)


def test_sigterm_twice_is_as_once():
    with stop_on_interrupt() as stop:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert (stop(), stop.signum) == (True, signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_who_minds_sigterm_goes_on_minding_it():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda *args: seen.append(args[0]))
    try:
        with stop_on_interrupt() as stop:
            signal.raise_signal(signal.SIGTERM)
            assert not stop()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]


@pytest.mark.parametrize("closed", [">&-", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_standard_streams(reference, arguments, tmp_path, closed):
    scan = command(*arguments, "--output", tmp_path, "--workers", 2)
    shell = ["sh", "-c", f'exec "$@" {closed}', "sh", *scan]
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, timeout=LONG)
    assert (done.returncode, done.stderr) == (0, "")
    assert digests(tmp_path) == reference


def test_closed_standard_streams_of_a_program(source):
    """Their numbers go to what the readers are given."""
    paths = map(str, sorted(source.glob("0*.fits"))[:7])
    done = subprocess.run([sys.executable, "-c", NO_STREAMS, *paths], timeout=LONG)
    assert done.returncode == 7


@linux
def test_a_killed_reader_is_replaced(reference, arguments, tmp_path):
    process = start([*arguments, "--workers", 2], tmp_path, 1)
    for reader in children(process.pid):
        os.kill(reader, signal.SIGKILL)
    _, errors = process.communicate(timeout=LONG)
    assert process.returncode == 0, errors
    assert digests(tmp_path) == reference


def test_files_too_large_for_the_disk(reference, arguments, tmp_path):
    limit = "resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY)"
    full = run(*arguments, "--output", tmp_path, limit=limit)
    assert full.returncode == 2
    assert len(full.stderr.splitlines()) == 1
    assert "put that right and run the same command again" in full.stderr
    assert run(*arguments, "--output", tmp_path).returncode == 0
    assert digests(tmp_path) == reference


def test_exit_status_and_one_line_for_what_is_wrong(arguments, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad\x1b[1m").mkdir()
    (tmp_path / "bad\x1b[1m" / "x.fits").touch()
    options = [*arguments[2:], "--output", tmp_path / "out"]
    for source, status in (("empty", 1), ("nowhere\x1b[1m", 2)):
        done = run("scan", tmp_path / source, *options)
        assert (done.returncode, done.stdout) == (status, "")
        assert len(done.stderr.splitlines()) == 1
        assert "\x1b" not in done.stderr
    done = run("scan", tmp_path / "bad\x1b[1m", *options)
    assert done.returncode == 1
    assert "1 inputs = 0 classified + 1 rejected" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_importing_the_command_is_cheap():
    code = "import sys, lamost_rare.commands.scan; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"numpy", "pyarrow", "astropy", "specutils", "keras", "tensorflow"}


def pool_of_one(batch_size=8):
    return ReaderPool(LAMOST_GRID, workers=1, batch_size=batch_size)


@pytest.mark.parametrize(("cores", "readers"), [(1, 1), (2, 2), (64, 8)])
def test_default_number_of_readers(monkeypatch, cores, readers):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(cores), raising=False)
    assert default_workers() == readers


@linux
def test_readers_do_not_load_tensorflow(source):
    paths = sorted(os.fsencode(path) for path in source.glob("0*.fits"))
    with pool_of_one() as pool:
        tasks = [Task(i, paths[i : i + 8]) for i in range(0, 24, 8)]
        chunks = {task.key: len(chunk.kept) for task, chunk in pool.run(tasks)}
        assert chunks == {0: 8, 8: 8, 16: 8}
        (reader,) = pool.pids
        maps = (PROC / str(reader) / "maps").read_text()
        assert "numpy" in maps
        assert not any(name in maps for name in ("tensorflow", "keras", "h5py", "astropy"))
        status = (PROC / str(reader) / "status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0])
        assert peak < 200_000  # kB
    assert wait_until_gone([reader])


def test_a_file_that_kills_its_reader_is_rejected(source, tmp_path, monkeypatch):
    """A decompressor that crashes at one file stands for any library that does."""
    good = [os.fsencode(path) for path in sorted(source.glob("0*.fits"))[:7]]
    deadly = tmp_path / "deadly.fits.gz"
    deadly.write_bytes(b"\x1f\x8b and so on")
    monkeypatch.syspath_prepend(crashing_isal(tmp_path / "path"))
    paths = [*good[:3], os.fsencode(deadly), *good[3:]]
    with pool_of_one() as pool:
        results = {t.key: chunk for t, chunk in pool.run([Task("a", paths), Task("b", good)])}
    assert results["a"].kept == [0, 1, 2, 4, 5, 6, 7]
    ((index, reason, detail),) = results["a"].rejects
    assert (index, reason) == (3, "internal_error")
    assert "died twice on this file (signal SIGABRT)" in detail
    assert results["b"].kept == list(range(7))
    assert results["b"].batch.identity["obsid"].tolist() == [1000 + i for i in range(7)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_holds_a_reader_up_is_rejected(source, tmp_path, monkeypatch, workers):
    """Time passes by a clock of the test's, while the reader is in that file and not otherwise."""
    good = [os.fsencode(path) for path in sorted(source.glob("0*.fits"))[:7]]
    endless, busy = tmp_path / "endless.fits.gz", tmp_path / "busy"
    endless.write_bytes(b"\x1f\x8b and so on")
    sleep = "while True: time.sleep(1)"
    path = strange_isal(tmp_path / "path", f"Path({str(busy)!r}).touch()", sleep)
    monkeypatch.syspath_prepend(path)
    seconds = iter(range(1, 5))
    now = [0]

    def clock():
        if busy.exists():
            now[0] = next(seconds, now[0])
        return now[0]

    paths = [*good[:3], os.fsencode(endless), *good[3:]]
    with ReaderPool(
        LAMOST_GRID, workers=workers, batch_size=8, file_seconds=2.5, clock=clock
    ) as pool:
        pids = pool.pids
        tasks = [Task("a", paths), Task("b", good), Task("c", good)]
        results = {task.key: chunk for task, chunk in pool.run(tasks)}
        assert len(set(pids) & set(pool.pids)) == workers - 1
    assert results["a"].kept == [0, 1, 2, 4, 5, 6, 7]
    detail = "a reader process was not done with this file in 2.5 s"
    assert results["a"].rejects == [(3, "timeout", detail)]
    assert results["b"].kept == results["c"].kept == list(range(7))


def test_time_in_which_nobody_looked_does_not_count(source):
    """The computer slept, or this process was busy with other things."""
    paths = [os.fsencode(path) for path in sorted(source.glob("0*.fits"))]
    hours = itertools.count(0, 3600)
    with ReaderPool(
        LAMOST_GRID, workers=1, batch_size=27, file_seconds=LONG, clock=lambda: next(hours)
    ) as pool:
        ((_, chunk),) = pool.run([Task("a", paths)])
    assert len(chunk.kept) == 27


def test_readers_that_cannot_start_end_the_scan(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pool_of_one() as pool, pytest.raises(ScanError, match=r"keep dying .exit status 1."):
        list(pool.run([Task(0, [b"x.fits"])]))


def test_more_paths_than_fit_a_pipe_do_not_block(tmp_path):
    """Both directions carry megabytes here, each far more than a pipe holds."""
    name = ("d" * 250 + "/") * 14
    paths = [os.fsencode(tmp_path / name / f"{i}.fits") for i in range(2000)]
    tasks = [Task(i, paths) for i in range(3)]
    with ReaderPool(LAMOST_GRID, workers=1, batch_size=2000) as pool:
        for _, chunk in pool.run(tasks):
            assert len(chunk.rejects) == 2000


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A RAC-Net as it is born, which takes all spectra for much the same thing."""
    pytest.importorskip("lamost_rare.inference.predictor")
    import keras

    from lamost_rare.networks.racnet import DEFAULT_ARCHITECTURE, build_racnet
    from lamost_rare.spectra.normalize import DEFAULT_PREPROCESSING

    keras.utils.set_random_seed(3)
    root = tmp_path_factory.mktemp("network")
    architecture = {
        **DEFAULT_ARCHITECTURE,
        "n_classes": 3,
        "block_channels": [8, 8],
        "head_units": 8,
    }
    build_racnet(architecture).save_weights(root / "model.weights.h5")
    config = {**CONFIG, "name": "born-v1", "classes": ["O", "F", "other"]}
    config["architecture"] = architecture
    config["preprocessing"] = DEFAULT_PREPROCESSING
    return save_preset(root / "born", config, root / "model.weights.h5")


def test_the_real_network(network, source, tmp_path, monkeypatch):
    """In a process of its own, where warnings are errors, and in this one: the same bytes."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    options = ["--preset", network.folder, "--batch-size", 16, "--workers", 1]
    scan = ["-m", "lamost_rare", "scan", source, "--output", tmp_path / "one", *options]
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, scan)],
        capture_output=True,
        text=True,
        timeout=LONG,
    )
    assert (done.returncode, done.stderr) == (0, "")
    summary = scan_directory(source, tmp_path / "two", preset=network, batch_size=16, workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert os.listdir(tmp_path / "temporary") == []  # what is there now, a kill would leave
    assert (summary.classified, summary.rejected) == (27, 1)
    rows = table(tmp_path / "one")
    sums = [sum(p) for p in zip(rows["p_O"], rows["p_F"], rows["p_other"], strict=True)]
    assert sums == pytest.approx([1.0] * 27, abs=1e-5)
