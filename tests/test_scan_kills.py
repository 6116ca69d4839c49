"""Killed with SIGKILL at any moment, a resumed scan ends with the bytes of an undisturbed one."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scan_helpers import digests, manifest, standin_preset, write_file

LONG = 1200  # seconds; nothing takes as long, unless it hangs or the machine is very busy
HERE = Path(__file__).parent
N_FILES = 9

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    root = tmp_path_factory.mktemp("preset")
    return standin_preset(root / "standin")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("survey")
    for i in range(N_FILES - 1):
        write_file(root / f"{i:03d}.fits", 40 + 7 * i)
    (root / "é\n.fits").write_text("<html>")
    return root


def kill_everywhere(source, preset, folder, format, begin):
    """(inputs done when it resumed, what the killed scan was about to do) for each moment."""
    script = [sys.executable, "-W", "error", HERE / "kill_everywhere.py"]
    done = subprocess.run(
        [*map(str, script), str(source), str(preset.folder), str(folder), format, begin],
        capture_output=True,
        text=True,
        timeout=LONG,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])},
    )
    assert done.returncode == 0, done.stderr
    *lines, end = done.stdout.splitlines()
    assert end == "end"
    moments = [line.split(" ", 1) for line in lines]
    return [(int(n), what) for n, what in moments]


@pytest.mark.slow
def test_killed_at_every_moment(source, preset, tmp_path):
    moments = kill_everywhere(source, preset, tmp_path, "votable", "whole")
    found = [done for done, _ in moments]
    assert found == sorted(found)  # what was done once stays done
    assert set(found) == {0, 4, 8, 9}  # shards of four inputs
    kinds = {what.split(" ")[0] for _, what in moments}
    assert kinds == {
        "fsync", "replace", "unlink", "rmdir", "mkdir", "ftruncate", "write_table", "write_text",
        "checkpoint",
    }  # fmt: skip
    renamed = [what.rsplit("/", 1)[-1] for _, what in moments if what.startswith("replace")]
    shards = [
        f".00000{i}.{kind}.part"
        for i in range(3)
        for kind in ("catalogue.parquet", "rejected.parquet", "sha256")
    ]
    assert renamed == [
        ".inputs.parquet.part", ".manifest.json.part", *shards,
        ".catalogue.parquet.part", ".rejected.parquet.part", ".candidates.parquet.part",
        ".candidates.csv.part", ".stars.parquet.part", ".catalogue.vot.part", ".rejected.vot.part",
        ".candidates.vot.part", ".stars.vot.part", ".manifest.json.part",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("format", ["fits", "ecsv"])
def test_killed_while_another_format_is_made_of_a_finished_scan(source, preset, tmp_path, format):
    moments = kill_everywhere(source, preset, tmp_path, format, "tables")
    assert {done for done, _ in moments} <= {0, N_FILES}
    assert sum(what.startswith("replace") for _, what in moments) >= 4


COMMAND = """
import sys, time
sys.path.insert(0, {tests!r})
from scan_helpers import StandIn, command_line

class Slow(StandIn):
    def predict(self, batch):
        time.sleep(0.04)
        print("batch", flush=True)
        return super().predict(batch)

sys.exit(command_line(Slow(), 4))
"""


def test_killed_at_random_with_its_readers_again_and_again(source, preset, tmp_path):
    """The processes are real, the whole group is killed, each run takes over from the last."""
    code = COMMAND.format(tests=str(HERE))
    scan = [sys.executable, "-c", code, "scan", source, "--preset", preset.folder]
    scan += ["--batch-size", "2", "--workers", "2", "--format", "fits", "--output"]

    def start(output):
        return subprocess.Popen(
            [*map(str, scan), output],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    undisturbed = start(tmp_path / "reference")
    _, errors = undisturbed.communicate(timeout=LONG)
    assert undisturbed.returncode == 0, errors
    dice, kills, done = random.Random(5), 0, []
    for _ in range(40):
        process = start(tmp_path / "out")
        line = process.stdout.readline()
        if line == "batch\n" and kills < 6:
            time.sleep(dice.random() * 0.15)
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        _, errors = process.communicate(timeout=LONG)
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors
        done.append(len(list((tmp_path / "out" / "shards").glob("*.rejected.parquet"))))
    assert process.returncode == 0
    assert kills >= 1
    assert done == sorted(done)
    assert digests(tmp_path / "out") == digests(tmp_path / "reference")
    assert manifest(tmp_path / "out")["counts"] == manifest(tmp_path / "reference")["counts"]
