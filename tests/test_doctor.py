"""What `lamost-rare doctor` finds where all is well, and where something is broken."""

import shutil
import sys
from collections import namedtuple
from importlib import metadata

import numpy as np
import pytest
from packaging.requirements import Requirement

import lamost_rare
from lamost_rare import cli, installed
from lamost_rare.commands import doctor as command
from lamost_rare.doctor import child, installation, networks, places
from lamost_rare.doctor.finding import OK, PROBLEM, WARNING, Finding
from lamost_rare.doctor.weights import look_at_weights
from lamost_rare.inference import golden
from lamost_rare.presets import PresetError, list_presets, load_preset

SMALL = "racnet-ofgk-v1"


def states(findings):
    return {finding.what: finding.state for finding in findings}


@pytest.fixture
def copy(tmp_path):
    """A function that copies a shipped preset, and damages one of its files."""

    def copied(name, damaged=None):
        folder = shutil.copytree(load_preset(name).folder, tmp_path / name)
        if damaged:
            content = bytearray((folder / damaged).read_bytes())
            content[len(content) // 2] ^= 0xFF
            (folder / damaged).write_bytes(content)
        return folder

    return copied


def test_what_is_needed_is_there():
    found = list(installation.look_at_installation())
    assert not [finding for finding in found if finding.state == PROBLEM]
    names = [finding.what for finding in found]
    assert {"lamost-rare", "python", "numpy", "keras", "isal", "threadpoolctl"} <= set(names)
    assert names[-1] == "distributed"
    assert all(finding.what not in ("pytest", "sphinx") for finding in found)


def test_what_is_missing_or_old_is_told_with_what_to_do(monkeypatch):
    wanted = ["numpy>=999", "nonesuch>=2", "isal>=1", "other>=1; extra == 'dask'"]
    monkeypatch.setattr(metadata, "requires", lambda name: wanted)
    there = metadata.version

    def version(name):
        if name in ("isal", "distributed", "nonesuch"):
            raise metadata.PackageNotFoundError(name)
        return there(name)

    monkeypatch.setattr(metadata, "version", version)
    found = {finding.what: finding for finding in installation.look_at_installation()}
    assert found["numpy"].state == found["nonesuch"].state == PROBLEM
    assert found["numpy"].says == f"{np.__version__}, needs >=999"
    assert found["numpy"].advice == "python -m pip install 'numpy>=999'"
    assert found["nonesuch"].says == "not installed, needs >=2"
    assert found["isal"].state == WARNING
    assert "other" not in found
    assert found["distributed"].state == OK
    assert "lamost-rare[dask]" in found["distributed"].says


def test_another_python_and_another_copy():
    assert installation._python(">=99").state == PROBLEM
    assert installation._itself("0.0.1").state == WARNING
    assert installation._fits(Requirement("numpy")).state == OK


def test_a_package_that_is_not_installed(monkeypatch):
    def unknown(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", unknown)
    (finding,) = installation.look_at_installation()
    assert (finding.state, lamost_rare.__version__ in finding.says) == (WARNING, True)


def test_places(tmp_path, monkeypatch):
    found = list(places.look_at_places(tmp_path / "new" / "out"))
    assert states(found) == {"results": OK, "temporary files": OK}
    assert f"{tmp_path} can be written to, " in found[0].says
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x")
    results, _ = places.look_at_places(tmp_path / "file" / "out")
    assert results.state == PROBLEM
    assert results.says == f"{tmp_path / 'file'}: Not a directory"
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(2**40, 2**40, 2**20))
    results, _ = places.look_at_places(tmp_path)
    assert (results.state, results.advice) == (WARNING, "make room, or choose another --output")


def test_shipped_presets_are_whole():
    found = list(look_at_weights())
    assert states(f for f, _ in found) == {f"preset {name}": OK for name in list_presets()}
    assert [folder for _, folder in found] == [load_preset(n).folder for n in list_presets()]


@pytest.mark.parametrize(
    ("name", "damaged"),
    [
        (SMALL, "model.weights.h5"),
        ("racnet-obafgkm-v1", "novelty.npz"),
        ("racnet-obafgkm-v1", "first_stage.npz"),
        ("racnet-obafgkm-v1", "trials.npz"),
    ],
)
def test_a_damaged_preset_is_told_by_its_file(copy, name, damaged):
    ((finding, folder),) = look_at_weights([str(copy(name, damaged))])
    assert (finding.state, folder) == (PROBLEM, None)
    assert damaged in finding.says
    assert "install lamost-rare again" in finding.advice


def test_no_preset_at_all(monkeypatch):
    monkeypatch.setattr("lamost_rare.doctor.weights.list_presets", list)
    ((finding, folder),) = look_at_weights()
    assert (finding.what, finding.state, folder) == ("presets", PROBLEM, None)


def test_a_preset_answers_as_it_did(copy):
    """In a process of its own, as for users."""
    found = list(networks.look_at_networks([load_preset(SMALL).folder]))
    assert states(found) == {"keras": OK, f"answers of {SMALL}": OK}
    assert "with back end tensorflow on cpu:0" in found[0].says


def test_answers_that_cannot_be_used(copy):
    folder = copy(SMALL)
    (folder / "golden.npz").unlink()
    with pytest.raises(PresetError, match=r"golden\.npz cannot be used \(FileNotFoundError\)"):
        golden.golden_difference(load_preset(folder))
    np.savez(folder / "golden.npz", probabilities=np.zeros((1, 2)))
    with pytest.raises(PresetError, match=r"golden\.npz cannot be used \(KeyError\)"):
        golden.golden_difference(load_preset(folder))


@pytest.mark.parametrize(
    ("difference", "state"), [(1e-7, OK), (1e-3, WARNING), (0.2, PROBLEM), (np.nan, PROBLEM)]
)
def test_how_far_answers_may_be_off(monkeypatch, difference, state):
    monkeypatch.setattr(child, "golden_difference", lambda preset: difference)
    (found,) = child._answers(str(load_preset(SMALL).folder))
    assert found["state"] == state
    assert f"{difference:.1e}" in found["says"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
        ("import os; os.write(2, b'bad \\x1b[2J\\n'); os._exit(3)", "exit status 3: bad \\x1b[2J"),
        ("raise RuntimeError('no\\x1b[2J such device')", "no\\x1b[2J such device"),
    ],
)
def test_keras_that_breaks_is_told(tmp_path, monkeypatch, content, says):
    (tmp_path / "keras.py").write_text(content)
    monkeypatch.setattr(networks, "_START", f"{ONLY_KERAS}{networks._START}")
    monkeypatch.syspath_prepend(tmp_path)
    (finding,) = networks.look_at_networks([load_preset(SMALL).folder])
    assert (finding.what, finding.state) == ("keras", PROBLEM)
    assert says in "".join(map(str, command.lines_of(finding)))
    assert "KERAS_BACKEND" in finding.advice


ONLY_KERAS = """
import json, sys
sys.path[:] = json.loads(sys.argv[1])
from lamost_rare.doctor import child
child.IMPORTED = {}
"""


def test_a_library_that_cannot_be_imported_is_told(tmp_path, monkeypatch):
    (tmp_path / "broken_library.py").write_text("raise ImportError('undefined symbol: x')")
    only = ONLY_KERAS.replace("{}", "{'numpy': 'broken_library'}")
    monkeypatch.setattr(networks, "_START", f"{only}{networks._START}")
    (tmp_path / "keras.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(tmp_path)
    library, keras = networks.look_at_networks([])
    assert (library.what, library.state) == ("numpy", PROBLEM)
    assert library.says == "cannot be imported: ImportError: undefined symbol: x"
    assert library.advice == "python -m pip install --force-reinstall numpy"
    assert keras.state == PROBLEM


def test_keras_that_does_not_start_in_time(tmp_path, monkeypatch):
    (tmp_path / "keras.py").write_text("import time; time.sleep(600)")
    monkeypatch.setattr(networks, "_START", f"{ONLY_KERAS}{networks._START}")
    monkeypatch.setattr(networks, "SECONDS", 3.0)
    monkeypatch.syspath_prepend(tmp_path)
    (finding,) = networks.look_at_networks([])
    assert "SIGKILL" in finding.says


def test_the_command(capsys, monkeypatch, tmp_path, copy):
    monkeypatch.setattr(command, "look_at_networks", lambda folders: iter(()))
    assert cli.main(["doctor", "--output", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == f"ok       lamost-rare: {lamost_rare.__version__}"
    assert out.splitlines()[-1].startswith("all is well: ")
    broken = copy(SMALL, "model.weights.h5")
    for arguments in (["doctor", str(broken), "--quick"], ["presets", "--check", str(broken)]):
        assert cli.main(arguments) == 1
        *_, problem, advice, last = capsys.readouterr().out.splitlines()
        assert problem.startswith(f"problem  preset {broken}: preset 'racnet-ofgk-v1': ")
        assert advice.startswith("         -> install lamost-rare again")
        assert last == "1 problem: what to do stands below each"


def test_findings_are_harmless_on_a_terminal(capsys):
    assert command.report([Finding("a\x1b", "b\n", WARNING, "c\x07")]) == 0
    assert capsys.readouterr().out == (
        "warning  a\\x1b: b\\n\n         -> c\\x07\nall is well: 1 thing looked at, 1 warning\n"
    )


def test_the_back_end_that_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert installed.asked_backend() == "tensorflow"
    for text in ("{", "[]", "{}", '{"backend": 1}', "[" * 100_000):
        (tmp_path / "keras.json").write_text(text)
        assert installed.asked_backend() in ("tensorflow", "1")
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert installed.asked_backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "torch\x1b")
    assert installed.asked_backend() == r"torch\x1b"


def test_versions_without_importing_anything(capsys):
    before = set(sys.modules)
    lines = installed.version_lines("lamost-rare", "1.2")
    assert lines[0] == "lamost-rare 1.2"
    assert lines[1].startswith("python 3.")
    assert f"numpy {np.__version__}" in lines
    assert any(line.startswith("keras 3.") and "(back end " in line for line in lines)
    assert any(line.startswith("tensorflow") for line in lines)
    assert not {"keras", "tensorflow"} & (set(sys.modules) - before)
