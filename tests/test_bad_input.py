"""Bad input in bulk, and a world that changes under a scan: nothing is lost, nothing stops it."""

import itertools
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lamost_rare.simulation.damage import DAMAGE, damage_file
from lamost_rare.simulation.fits_files import gzip_bytes
from lamost_rare.spectra.quality import QualityFlag
from lamost_rare.survey import shard_processing
from scan_helpers import (
    MACHINERY,
    ReadHere,
    StandIn,
    digests,
    manifest,
    scan_directory,
    standin_preset,
    table,
    use_network,
    write_file,
)

N_BULK = int(os.environ.get("LAMOST_RARE_BULK", "10000"))
"""Files of the test in bulk; one in twenty is damaged."""

LONG = 300
OF_A_PATH = {"directory", "fifo", "dangling_link"}
FLAGGED = {
    "negative_ivar": QualityFlag.BAD_IVAR,
    "infinite_ivar": QualityFlag.BAD_IVAR,
    "missing_obsid": QualityFlag.MISSING_IDENTITY,
}


@pytest.fixture
def network(monkeypatch):
    return use_network(monkeypatch)


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    root = tmp_path_factory.mktemp("preset")
    return standin_preset(root / "standin")


def templates(folder):
    """A few good files, and one for each kind of damage; by kind, "" for the good ones."""
    made = {"": []}
    for i in range(10):
        path = write_file(folder / f"good{i}.fits", i, ("dr1-7", "dr8plus")[i % 2])
        if i % 5 == 0:
            packed = path.with_name(path.name + ".gz")
            packed.write_bytes(gzip_bytes(path.read_bytes()))
            path.unlink()
            path = packed
        made[""].append(path)
    rng = np.random.default_rng(3)
    for i, kind in enumerate(sorted(DAMAGE.keys() - OF_A_PATH), start=100):
        path = write_file(folder / f"{kind}.fits.gz", i, ("dr1-7", "dr8plus")[i % 2])
        made[kind] = [damage_file(path, kind, rng)]
    return made


def make_survey(root, made, n_files):
    """Links to the templates, one in twenty to a damaged one; the kind of each by its path."""
    rng = np.random.default_rng(7)
    damaged = set(rng.choice(n_files, n_files // 20, replace=False).tolist())
    kinds, truth = itertools.cycle(sorted(DAMAGE)), {}
    for i in range(n_files):
        kind = next(kinds) if i in damaged else ""
        folder = root / f"plate {i % 17}"
        folder.mkdir(parents=True, exist_ok=True)
        choice = made.get(kind, made[""])
        template = choice[i % len(choice)]
        suffix = ".fits.gz" if template.name.endswith(".gz") else ".fits"
        path = folder / f"spec-{i:06d}{suffix}"
        os.link(template, path)
        if kind in OF_A_PATH:
            damage_file(path, kind, rng)
        truth[str(path)] = kind
    (root / "plate 3" / "loop").symlink_to("..")
    (root / "plate 4" / "self.txt").symlink_to("self.txt")
    return truth


@pytest.mark.slow
def test_damage_in_bulk(preset, network, tmp_path):
    truth = make_survey(tmp_path / "in", templates(tmp_path / "templates"), N_BULK)
    counts = Counter(truth.values())
    assert len(truth) == N_BULK
    assert sum(counts.values()) - counts[""] == N_BULK // 20
    assert len(counts) - 1 >= 20 or N_BULK < 10_000
    output = tmp_path / "out"
    summary = scan_directory(tmp_path / "in", output, preset=preset)

    rows, rejected = table(output), table(output, "rejected")
    reasons = {path: DAMAGE[kind] for path, kind in truth.items() if kind and DAMAGE[kind]}
    assert dict(zip(rejected["path"], rejected["reason"], strict=True)) == reasons
    assert len(rejected["path"]) == len(reasons)
    good = truth.keys() - reasons.keys()
    assert len(rows["path"]) == len(good)
    assert set(rows["path"]) == good
    assert rows["path"] == sorted(rows["path"])
    assert all(detail and detail.isprintable() for detail in rejected["detail"])

    ours = ~int(QualityFlag.DUPLICATE_OBSID)
    flags = dict(zip(rows["path"], rows["flags"], strict=True))
    clean = {flags[path] & ours for path in good if not truth[path]}
    assert not any(f & (QualityFlag.BAD_IVAR | QualityFlag.MISSING_IDENTITY) for f in clean)
    for kind, flag in FLAGGED.items():
        assert all(flags[path] & flag for path in good if truth[path] == kind)
    obsid = np.array(rows["obsid"])
    again = (np.array(rows["flags"]) & QualityFlag.DUPLICATE_OBSID) != 0
    known = obsid[obsid >= 0]
    assert again.sum() == len(known) - len(set(known.tolist()))
    first = np.unique(obsid, return_index=True)[1]
    assert not again[first].any()

    told = manifest(output)["counts"]
    assert told["discovered"] == N_BULK == told["classified"] + told["rejected"]
    assert told["to_do"] == 0
    assert told["reasons"] == dict(sorted(Counter(reasons.values()).items()))
    assert (told["classified"], told["rejected"]) == (len(good), len(reasons))
    assert told["candidates"] == sum(rows["candidate"])
    assert told["predictions"] == Counter(rows["prediction"])
    assert sum(network.sizes) == len(good)
    assert manifest(output)["besides"]["repeated_directories"] == 1
    assert summary.counts() == told


def test_files_that_change_or_vanish_while_the_scan_runs(preset, tmp_path, monkeypatch):
    source, output = tmp_path / "in", tmp_path / "out"
    for i in range(24):
        write_file(source / f"{i:02d}.fits", i)
    other = write_file(tmp_path / "other.fits", 77).read_bytes()

    class Meddler(StandIn):
        """What is not read yet is gone or is another thing once the first batch was classified."""

        def predict(self, batch):
            if not self.sizes:
                (source / "10.fits").unlink()
                os.truncate(source / "11.fits", 5000)
                (source / "12.fits").unlink()
                (source / "12.fits").mkdir()
                (source / "13.fits").unlink()
                os.mkfifo(source / "13.fits")
                (source / "14.fits").unlink()
                (source / "14.fits").symlink_to("14.fits")
                (source / "15.fits").write_bytes(other)
                os.truncate(source / "16.fits", 0)
                write_file(source / "late.fits", 99)
                (source / "17.fits").write_text("<html>")
            return super().predict(batch)

    meddler = Meddler()
    use_network(monkeypatch, meddler)
    monkeypatch.setattr(shard_processing, "ReaderPool", ReadHere)
    monkeypatch.setattr(MACHINERY, "shard_size", 8)
    summary = scan_directory(source, output, preset=preset, batch_size=4)
    assert (summary.discovered, summary.classified, summary.rejected) == (24, 17, 7)
    rejected = table(output, "rejected")
    found = {
        os.path.basename(p): r for p, r in zip(rejected["path"], rejected["reason"], strict=True)
    }
    assert found == {
        "10.fits": "unreadable",
        "11.fits": "truncated_fits",
        "12.fits": "not_a_file",
        "13.fits": "not_a_file",
        "14.fits": "unreadable",
        "16.fits": "empty_file",
        "17.fits": "not_fits",
    }
    rows = table(output)
    assert dict(zip(rows["path"], rows["obsid"], strict=True))[str(source / "15.fits")] == 1077
    assert str(source / "late.fits") not in rows["path"]


COMMAND = """
import sys, time
sys.path.insert(0, {tests!r})
from scan_helpers import ReadHere, StandIn, command_line
from lamost_rare.survey import shard_processing

class Slow(StandIn):
    def predict(self, batch):
        print("batch", flush=True)
        time.sleep({seconds})
        return super().predict(batch)

shard_processing.ReaderPool = ReadHere
sys.exit(command_line(Slow(), 4))
"""


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    root = tmp_path_factory.mktemp("survey")
    for i in range(20):
        write_file(root / f"{i:02d}.fits", 3 * i)
    return root


def command(survey, preset, output, seconds=0):
    code = COMMAND.format(tests=os.path.dirname(__file__), seconds=seconds)
    scan = [
        sys.executable,
        "-c",
        code,
        "scan",
        survey,
        "--preset",
        preset.folder,
        "--output",
        output,
    ]
    return [*map(str, scan), "--batch-size", "2", "--format", "fits"]


def test_an_output_in_use_names_the_process_that_uses_it(survey, preset, tmp_path):
    holder = subprocess.Popen(
        command(survey, preset, tmp_path / "out", 30), stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "batch\n"
        refused = subprocess.run(
            command(survey, preset, tmp_path / "out"), capture_output=True, text=True, timeout=LONG
        )
    finally:
        holder.kill()
        holder.communicate(timeout=LONG)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert len(refused.stderr.splitlines()) == 1
    assert f"in use by another scan (process {holder.pid} on " in refused.stderr
    free = subprocess.run(command(survey, preset, tmp_path / "out"), timeout=LONG, check=False)
    assert free.returncode == 0  # the lock went with the process


def in_a_namespace(script, *args):
    """Run a shell script as root of a namespace of its own, where it may mount what it likes."""
    unshare = shutil.which("unshare")
    test = [unshare, "-rm", "sh", "-c", 'mount -t tmpfs none "$1"', "sh", str(Path(args[0]))]
    if unshare is None or subprocess.run(test, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    return subprocess.run(
        [unshare, "-rm", "sh", "-c", script, "sh", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


@pytest.fixture(scope="module")
def reference(survey, preset, tmp_path_factory):
    output = tmp_path_factory.mktemp("reference")
    subprocess.run(command(survey, preset, output), capture_output=True, timeout=LONG, check=True)
    return digests(output)


@pytest.mark.parametrize("kilobytes", [12, 150])
def test_a_disk_that_is_full(survey, preset, reference, tmp_path, kilobytes):
    disk, saved = tmp_path / "disk", tmp_path / "saved"
    disk.mkdir()
    saved.mkdir()
    script = f"""
        disk=$1 saved=$2; shift 2
        mount -t tmpfs -o size={kilobytes}k none "$disk"
        "$@" > "$saved/first" 2>&1; echo $? >> "$saved/first"
        find "$disk" -name '*.part' > "$saved/parts"
        mount -o remount,size=50m "$disk"
        "$@" && cp -r "$disk/out" "$saved"
    """
    done = in_a_namespace(script, disk, saved, *command(survey, preset, disk / "out"))
    assert done.returncode == 0, done.stderr
    *_, said, status = (saved / "first").read_text().splitlines()
    assert (status, (saved / "parts").read_text()) == ("2", "")
    assert said.startswith("lamost-rare: error: cannot go on, ")
    assert said.endswith(
        "No space left on device; put that right and run the same command again: it resumes"
    )
    assert "20 inputs = 20 classified + 0 rejected" in done.stdout
    assert digests(saved / "out") == reference


def test_a_file_system_that_must_not_be_written_to(survey, preset, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'disk=$1; shift; mount -t tmpfs -o ro none "$disk"; "$@"'
    done = in_a_namespace(script, disk, *command(survey, preset, disk / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"lamost-rare: error: cannot go on, {disk / 'out'}: Read-only file system; put that right "
        "and run the same command again: it resumes\n"
    )


def powerless():
    """What to put before a command so that permissions hold for it."""
    if os.geteuid():
        return []
    setpriv = [shutil.which("setpriv") or "", "--bounding-set", "-dac_override,-dac_read_search"]
    if not setpriv[0] or subprocess.run([*setpriv, "true"], check=False).returncode:
        pytest.skip("root may read and write everything")
    return setpriv


@pytest.mark.parametrize("exists", [True, False])
def test_a_directory_that_must_not_be_written_to(survey, preset, tmp_path, exists):
    locked = tmp_path / "locked"
    locked.mkdir()
    output = locked if exists else locked / "out"
    locked.chmod(0o500)
    try:
        done = subprocess.run(
            [*powerless(), *command(survey, preset, output)],
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
    finally:
        locked.chmod(0o700)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "Permission denied; put that right and run the same command again" in done.stderr
    assert list(locked.iterdir()) == []


def test_directories_and_files_that_must_not_be_read(preset, tmp_path):
    survey = tmp_path / "in"
    for name in ("closed/lost", "07", "08"):
        write_file(survey / f"{name}.fits", 8)
    (survey / "closed").chmod(0)
    (survey / "07.fits").chmod(0)
    try:
        done = subprocess.run(
            [*powerless(), *command(survey, preset, tmp_path / "out")],
            capture_output=True,
            text=True,
            timeout=LONG,
            check=False,
        )
    finally:
        (survey / "closed").chmod(0o700)
    assert done.returncode == 0, done.stderr
    assert "3 inputs = 1 classified + 2 rejected + 0 to do" in done.stdout
    rejected = table(tmp_path / "out", "rejected")
    assert rejected["path"] == [str(survey / "07.fits"), f"{survey}/closed/"]
    assert rejected["reason"] == ["unreadable", "unreadable"]
    assert all("Permission denied" in detail for detail in rejected["detail"])
