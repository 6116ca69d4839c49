"""Scan on a Dask cluster: the bytes of a scan on one machine, whatever happens to workers."""

import contextlib
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from functools import partial

import pytest

import scan_helpers
from dask_helpers import dask, distributed, network_of
from lamost_rare import cli
from lamost_rare.presets import PresetError, load_preset, save_preset
from lamost_rare.survey import (
    ScanError,
    ScanInterrupted,
    cluster_tasks,
    distributed_task,
)
from lamost_rare.survey import distributed as on_cluster
from lamost_rare.survey.batch_classifier import BatchClassifier
from lamost_rare.survey.catalogue import REJECTED_SCHEMA
from lamost_rare.survey.shards import ShardStore
from scan_helpers import CONFIG, crashing_isal, digests, manifest, standin_preset, table, write_file

N_FILES = 45
BATCH = 4
SECONDS = 60
SMALL = {"shard_size": 8, "make_predictor": network_of}

dask_scan = partial(on_cluster.dask_scan, **SMALL)
scan_directory = partial(scan_helpers.scan_directory, **SMALL)


def start_cluster(n_workers):
    return distributed.LocalCluster(
        n_workers=n_workers,
        threads_per_worker=1,
        processes=True,
        dashboard_address="127.0.0.1:0",  # any port that is free
        host="127.0.0.1",
    )


@pytest.fixture(scope="module")
def cluster():
    with start_cluster(2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as client:
        yield client


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """A function that gives the preset of a network of `dask_helpers`."""
    root = tmp_path_factory.mktemp("presets")

    def preset(name="standin-v1", folder=None):
        return standin_preset(folder or root / name, name=name)

    return preset


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Six shards: files in all layouts, damaged ones, odd names and an archive."""
    root = tmp_path_factory.mktemp("survey")
    for i in range(N_FILES - 7):
        write_file(root / f"plate{i // 20}" / f"{i:03d}.fits", i, ("dr1-7", "dr8plus")[i % 2])
    (root / "plate0" / "evil\x1b[31m\n.fits").write_text("<html>")
    (root / "plate1" / "none.fits.gz").touch()
    (root / "plate1" / "nowhere.fits").symlink_to("gone")
    os.mkdir(os.path.join(os.fsencode(root), b"bad\xfe.fits"))
    members = [write_file(root.with_name("m") / f"{i}.fits", 90 + i) for i in range(3)]
    with tarfile.open(root / "plate2.tar", "w") as archive:
        for member in members:
            archive.add(member, member.name)
    return root


@pytest.fixture(scope="module")
def reference(source, presets, tmp_path_factory):
    """Digests of a scan on one machine."""
    output = tmp_path_factory.mktemp("reference")
    scan_directory(source, output, preset=presets(), workers=1, batch_size=BATCH)
    return digests(output)


@pytest.fixture
def submitted(monkeypatch):
    """The lengths of shards that were given to the cluster."""
    lengths, real = [], on_cluster.pack_entries

    def count(entries):
        lengths.append(len(entries))
        return real(entries)

    monkeypatch.setattr(on_cluster, "pack_entries", count)
    return lengths


def tasks_left(client):
    return client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))


def wait_until(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_same_bytes_as_on_one_machine(
    reference, source, presets, client, tmp_path, submitted, capfd
):
    summary = dask_scan(source, tmp_path, client, preset=presets(), batch_size=BATCH)
    assert digests(tmp_path) == reference
    assert submitted == [8, 8, 8, 8, 8, 5]
    assert (summary.discovered, summary.classified, summary.rejected) == (N_FILES, 41, 4)
    assert summary.reasons == {"not_fits": 1, "empty_file": 1, "unreadable": 1, "not_a_file": 1}
    assert manifest(tmp_path)["state"] == "complete"
    assert not (tmp_path / "shards").exists()
    assert tasks_left(client) == 0
    assert capfd.readouterr().err == ""
    assert set(client.run(os.environ.get, "TF_NUM_INTRAOP_THREADS").values()) <= {"2", None}
    again = dask_scan(source, tmp_path, client, preset=presets(), batch_size=BATCH)
    assert (again.counts(), len(submitted)) == (summary.counts(), 6)


def test_a_killed_worker_costs_nothing_but_time(
    reference, source, presets, client, tmp_path, monkeypatch, submitted
):
    """The worker is killed in the middle of a shard, after the first one is on disk."""
    workers = client.run(os.getpid)
    written, real = [], ShardStore.write

    def write(store, number, *tables):
        real(store, number, *tables)
        written.append(number)
        if len(written) == 1:
            working = client.processing()
            victim = next(worker for worker in workers if working[worker])
            os.kill(workers[victim], signal.SIGKILL)

    monkeypatch.setattr(ShardStore, "write", write)
    summary = dask_scan(source, tmp_path, client, preset=presets("slow-v1"), batch_size=BATCH)
    assert set(workers.values()) != set(client.run(os.getpid).values())
    assert sorted(written) == [0, 1, 2, 3, 4, 5]
    assert summary.classified + summary.rejected == summary.discovered == N_FILES
    assert len(table(tmp_path)["path"]) == summary.classified
    assert digests(tmp_path) == reference
    client.wait_for_workers(2, timeout=SECONDS)


def test_interrupted_and_resumed_with_and_without_dask(
    reference, source, presets, client, tmp_path, monkeypatch, submitted
):
    """Ctrl-C after two shards, twice: the rest is done on the cluster, and then here."""
    real = ShardStore.write

    def interrupt_after(n_shards):
        left = [n_shards]

        def write(store, number, *tables):
            real(store, number, *tables)
            left[0] -= 1
            if left[0] == 0:
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(ShardStore, "write", write)

    options = {"preset": presets(), "batch_size": BATCH}
    interrupt_after(2)
    with pytest.raises(ScanInterrupted) as stop:
        dask_scan(source, tmp_path, client, **options)
    assert stop.value.summary.done == 16
    assert manifest(tmp_path)["state"] == "interrupted"
    wait_until(lambda: tasks_left(client) == 0)

    interrupt_after(2)
    with pytest.raises(ScanInterrupted) as stop:
        scan_directory(source, tmp_path, workers=1, **options)
    assert stop.value.summary.done == 32
    submitted.clear()
    interrupt_after(-1)
    summary = dask_scan(source, tmp_path, client, **options)
    assert summary.done_before == 32
    assert sum(submitted) == N_FILES - 32
    assert digests(tmp_path) == reference


def test_a_classifier_that_fails_ends_both_kinds_of_scan(source, presets, client, tmp_path):
    preset, messages = presets("failing-v1"), []
    for name, run in (
        ("one", scan_directory),
        ("two", lambda *args, **options: dask_scan(*args, client, **options)),
    ):
        with pytest.raises(
            ScanError, match=r"failed on every spectrum, first on .*: cannot"
        ) as end:
            run(source, tmp_path / name, preset=preset, batch_size=BATCH)
        messages.append(str(end.value).split(", first")[0])
    assert messages[0] == messages[1]
    wait_until(lambda: tasks_left(client) == 0)


def test_spectra_on_which_the_classifier_fails_are_rejects(
    source, presets, client, tmp_path, submitted
):
    """All of the first shard are among them: it has to wait for another one to work."""
    options = {"preset": presets("picky-v1"), "batch_size": BATCH}
    scan_directory(source, tmp_path / "one", workers=1, **options)
    summary = dask_scan(source, tmp_path / "two", client, **options)
    assert digests(tmp_path / "two") == digests(tmp_path / "one")
    assert summary.reasons["step_failed"] == 8
    assert len(submitted) > 6


@pytest.fixture
def fragile(tmp_path_factory, monkeypatch):
    """One worker, given up at the first death; any .fits.gz is one, like a crash in a library."""
    monkeypatch.syspath_prepend(crashing_isal(tmp_path_factory.mktemp("path")))
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        start_cluster(1) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_shards_that_kill_their_worker(presets, fragile, tmp_path):
    """A file that cannot be read without dying is rejected; what else kills ends the scan."""
    for i in range(14):
        write_file(tmp_path / "in" / f"{i:02d}.fits", i)
    (tmp_path / "in" / "09b.fits.gz").write_bytes(b"\x1f\x8b and so on")
    summary = dask_scan(tmp_path / "in", tmp_path / "out", fragile, preset=presets(), batch_size=4)
    assert (summary.classified, summary.rejected) == (14, 1)
    rejected = table(tmp_path / "out", "rejected")
    assert rejected["reason"] == ["internal_error"]
    assert "died twice on this file (signal SIGABRT)" in rejected["detail"][0]

    (tmp_path / "in" / "09b.fits.gz").unlink()
    with pytest.raises(ScanError, match=r"shard 1 ended every Dask worker .* not by reading"):
        dask_scan(
            tmp_path / "in", tmp_path / "two", fragile, preset=presets("deadly-v1"), batch_size=4
        )


def test_workers_of_another_version_or_with_another_preset(
    source, presets, client, tmp_path, monkeypatch
):
    def complains(error, words, preset):
        with pytest.raises(error, match=words) as problem:
            dask_scan(source, tmp_path / "out", client, preset=preset, batch_size=BATCH)
        assert len(str(problem.value).splitlines()) == 1

    with monkeypatch.context() as patch:
        patch.setattr(distributed_task, "__version__", "0.0.9")
        here = "has lamost-rare .* and this computer 0.0.9: install the same version"
        complains(ScanError, here, presets())
    loaded = presets(folder=tmp_path / "exchanged")
    save_preset(loaded.folder, {**CONFIG, "threshold": 0.1}, loaded.weights_path)
    complains(ScanError, "cannot use the preset: .*exchanged has config_sha256", loaded)
    loaded = presets(folder=tmp_path / "elsewhere")
    loaded.folder.rename(tmp_path / "moved")
    complains(ScanError, "no preset '.*elsewhere'.* must be at the same path", loaded)
    generator = load_preset("lcgan-o-v1", verify=False)
    complains(PresetError, "is a generator, not a classifier", generator)
    complains(PresetError, "no preset 'nothing'", "nothing")


def test_shipped_presets_go_by_name(presets, tmp_path):
    def place(preset):
        job = distributed_task.describe_job(
            BatchClassifier(preset, 1),
            scan="",
            root=b"/",
            grid=preset.grid,
            schema=REJECTED_SCHEMA,
        )
        return job["preset"]

    assert place(load_preset()) == load_preset().name
    copy = presets(load_preset().name, tmp_path / "copy")
    assert place(copy) == str((tmp_path / "copy").resolve())


def test_inputs_that_workers_do_not_see(source, presets, client, tmp_path, monkeypatch):
    """They would all be rejects, and the scan would seem to be done."""
    real = on_cluster.describe_job
    monkeypatch.setattr(
        on_cluster,
        "describe_job",
        lambda *args, **options: real(*args, **{**options, "root": b"/x"}),
    )
    with pytest.raises(ScanError, match=r"cannot read .*\.fits, which this computer can: "):
        dask_scan(source, tmp_path, client, preset=presets(), batch_size=BATCH)
    assert manifest(tmp_path)["counts"]["rejected"] == 0


def test_command(reference, source, presets, cluster, client, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(on_cluster, "dask_scan", dask_scan)
    arguments = ["scan", source, "--preset", presets().folder, "--batch-size", BATCH]
    arguments += ["--output", tmp_path / "out", "--dask"]
    arguments = list(map(str, arguments))
    assert cli.main([*arguments, cluster.scheduler_address]) == 0
    assert digests(tmp_path / "out") == reference
    shown = capsys.readouterr()
    assert f"{N_FILES} inputs = 41 classified + 4 rejected + 0 to do" in shown.out
    assert shown.err == ""

    assert cli.main([*arguments, cluster.scheduler_address, "--workers", "2"]) == 2
    assert "--workers" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:9", "scheduler"),
        ("nonsense://x", "scheduler"),
        ("127.0.0.1:port", "scheduler"),
        ("", "--dask: is empty"),
    ],
)
def test_no_scheduler_at_the_address(source, tmp_path, address, said, capsys):
    assert cli.main(["scan", str(source), "--output", str(tmp_path), "--dask", address]) == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert said in error


def test_without_the_extra(source, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert cli.main(["scan", str(source), "--output", str(tmp_path), "--dask", "tcp://x:1"]) == 2
    assert "pip install 'lamost-rare[dask]'" in capsys.readouterr().err


def test_what_is_no_client(source, tmp_path, cluster):
    with pytest.raises(ScanError, match=r"must be a distributed\.Client .*, not str"):
        dask_scan(source, tmp_path, "tcp://127.0.0.1:8786")
    client = distributed.Client(cluster, set_as_default=False)
    client.close()
    with pytest.raises(ScanError, match="the Dask client is closed"):
        dask_scan(source, tmp_path, client)


# A scheduler, and workers that are threads of its process, where there is no lamost-rare.
OTHER = """
import distributed, sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "lamost_rare":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
options = {"processes": False, "protocol": "tcp", "host": "127.0.0.1", "threads_per_worker": 1}
cluster = distributed.LocalCluster(
    n_workers=int(sys.argv[1]), dashboard_address="127.0.0.1:0", **options
)
print(cluster.scheduler_address, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def another_environment(n_workers):
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(n_workers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        with (
            dask.config.set({"distributed.comm.timeouts.connect": "2s"}),
            on_cluster.dask_client(process.stdout.readline().strip()) as client,
        ):
            yield process, client
    finally:
        process.kill()
        process.communicate()


def test_workers_without_the_package(source, presets, tmp_path):
    """The scheduler needs it no more than they have it."""
    with (
        another_environment(n_workers=1) as (_, client),
        pytest.raises(ScanError, match=r"worker cannot load lamost-rare \(No module named"),
    ):
        on_cluster.dask_scan(source, tmp_path, client, preset=presets(), batch_size=BATCH)


def test_a_scheduler_that_goes_away(source, presets, tmp_path, monkeypatch, caplog):
    """Before that, it has no workers, which is said once."""
    monkeypatch.setattr(cluster_tasks, "LONELY_SECONDS", 0.5)
    with another_environment(n_workers=0) as (process, client):
        threading.Timer(2.5, process.kill).start()
        with pytest.raises(ScanError, match="the Dask scheduler went away"):
            dask_scan(source, tmp_path, client, preset=presets(), batch_size=BATCH)
    said = [r.getMessage() for r in caplog.records if r.name.startswith("lamost_rare")]
    assert said == ["the Dask scheduler has no workers; waiting for some"]
    assert manifest(tmp_path)["counts"]["to_do"] == N_FILES


def test_the_command_says_in_one_line_that_the_scheduler_is_gone(source, presets, tmp_path, capfd):
    with another_environment(n_workers=0) as (process, client):
        threading.Timer(2.5, process.kill).start()
        address = client.scheduler.address
        arguments = ["scan", source, "--preset", presets().folder, "--output", tmp_path]
        assert cli.main([*map(str, arguments), "--quiet", "--dask", address]) == 2
        error = capfd.readouterr().err
    assert "Traceback" not in error
    assert "lamost-rare: error: the Dask scheduler went away" in error


def test_several_threads_of_one_worker(reference, source, presets, tmp_path, monkeypatch):
    """Here in this very process, where one reads while another classifies."""
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "1")
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 3}
    with distributed.Client(
        dashboard_address="127.0.0.1:0", set_as_default=False, **options
    ) as client:
        dask_scan(source, tmp_path, client, preset=presets("slow-v1"), batch_size=BATCH)
    assert digests(tmp_path) == reference


def test_importing_does_not_load_dask():
    code = "import sys, lamost_rare.commands.scan; from lamost_rare.survey import dask_scan"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"dask", "distributed", "tensorflow", "keras"}
