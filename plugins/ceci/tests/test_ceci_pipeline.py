"""From the shell: a pipeline with the stages of others, and with several processes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

THEIRS = '''
"""Somebody else's package, which knows nothing of lamost-rare."""

import numpy as np
from ceci import PipelineStage
from ceci.file_types import DataFile, HDFFile, TextFile


class ArraysFile(DataFile):
    suffix = "npz"

    @classmethod
    def open(cls, path, mode):
        return np.load(path)


class TheirSurvey(PipelineStage):
    name = "TheirSurvey"
    inputs = [("their_arrays", ArraysFile)]
    outputs = [("their_spectra", HDFFile)]

    def run(self):
        with np.load(self.get_input("their_arrays")) as arrays:
            with self.open_output("their_spectra", wrapper=True) as output:
                for name in arrays:
                    output.file[f"spectra/{name}"] = arrays[name]


class TheirFollowUp(PipelineStage):
    name = "TheirFollowUp"
    inputs = [("their_spectra", HDFFile), ("lamost_candidates", HDFFile)]
    outputs = [("their_targets", TextFile)]

    def run(self):
        columns = ("catalogue", ["candidate"])
        both = self.combined_iterators(
            4, "their_spectra", "spectra", ["obsid"], "lamost_candidates", *columns
        )
        with open(self.get_output("their_targets"), "w") as output:
            for _, _, rows in both:
                for obsid in rows["obsid"][rows["candidate"]]:
                    output.write(f"{obsid}\\n")
'''

PIPELINE = """
modules: their_package lamost_rare_ceci
launcher: {{name: mini, interval: 0.2}}
site: {{name: local, max_threads: 2}}
stages:
  - name: TheirFollowUp
  - name: LamostRareClassify
    nprocess: {nprocess}
  - name: TheirSurvey
  - name: LamostRareNormalize
    nprocess: {nprocess}
    aliases: {{lamost_spectra: their_spectra}}
inputs: {{their_arrays: arrays.npz}}
config: config.yml
output_dir: output_{nprocess}
log_dir: logs
resume: false
"""

CONFIG = """
global: {chunk_rows: 3}
LamostRareClassify: {batch_size: 16}
"""

FAILS_ON_ONE = """
import sys
import lamost_rare_ceci.stages as stages
from ceci import PipelineStage

def fail(step, batch):
    if "SECOND" in batch.identity["designation"]:
        raise ZeroDivisionError("only in the second chunk")
    return batch

stages.process = fail
sys.exit(PipelineStage.main())
"""


def environment(folder):
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(folder),
        # Open MPI's words for: in a container, on a small machine.
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
    }


def shell(folder, *arguments):
    done = subprocess.run(
        list(map(str, arguments)),
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=400,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session")
def mpi(tmp_path_factory):
    code = "from mpi4py import MPI; assert MPI.COMM_WORLD.Get_size() == 2"
    folder = tmp_path_factory.mktemp("mpi")
    if not shutil.which("mpirun"):
        pytest.skip("no mpirun")
    if shell(folder, "mpirun", "-n", "2", sys.executable, "-c", code)[0]:
        pytest.skip("mpirun or mpi4py does not work here")


@pytest.fixture(scope="module")
def folder(files, tmp_path_factory):
    """Their package, their data and our configuration, ready to run."""
    from lamost_rare.spectra.grid import LAMOST_GRID
    from lamost_rare.spectra.reading import read_batch

    batch, _ = read_batch(files, LAMOST_GRID)
    folder = tmp_path_factory.mktemp("theirs")
    package = folder / "their_package"
    package.mkdir()
    (package / "__init__.py").write_text(THEIRS)
    (package / "__main__.py").write_text("from ceci import PipelineStage\nPipelineStage.main()\n")
    np.savez(
        folder / "arrays.npz",
        wavelength=LAMOST_GRID.wavelength,
        flux=batch.flux.astype("f8"),
        ivar=batch.ivar,
        obsid=np.arange(100, 110),
    )
    (folder / "config.yml").write_text(CONFIG)
    return folder


def run_pipeline(folder, nprocess):
    """Run it, and give the folder of the outputs."""
    (folder / "pipeline.yml").write_text(PIPELINE.format(nprocess=nprocess))
    status, text = shell(folder, "ceci", "pipeline.yml")
    (folder / "commands.txt").write_text(text)
    logs = "".join(log.read_text() for log in folder.glob("logs/*.out"))
    assert status == 0, text + logs
    return folder / f"output_{nprocess}"


@pytest.fixture(scope="module")
def of_one(folder):
    """Outputs of one process."""
    return run_pipeline(folder, 1)


def read(path, group):
    with h5py.File(path) as file:
        return {
            name: dataset.asstr()[:] if dataset.dtype.kind == "O" else dataset[:]
            for name, dataset in file[group].items()
        }


def test_between_the_stages_of_others(of_one, same, expected):
    same(read(of_one / "lamost_candidates.hdf5", "catalogue"))
    targets = (of_one / "their_targets.txt").read_text().split()
    assert targets == [str(100 + i) for i in np.flatnonzero(expected["candidate"])]
    assert len(targets) >= 3


def test_two_processes_give_the_same_as_one(mpi, folder, of_one):
    of_two = run_pipeline(folder, 2)
    assert "mpirun -n 2 python3 -m lamost_rare_ceci" in (folder / "commands.txt").read_text()
    for name, group in (("lamost_normalized", "spectra"), ("lamost_candidates", "catalogue")):
        one, two = (read(folder / f"{name}.hdf5", group) for folder in (of_one, of_two))
        assert list(one) == list(two)
        for column, values in one.items():
            if column.startswith("p_"):  # sums in another order, where threads are other ones
                np.testing.assert_allclose(two[column], values, rtol=0, atol=1e-6)
            else:
                np.testing.assert_array_equal(two[column], values, err_msg=column)


def test_the_documented_pipeline(tmp_path):
    text = (Path(__file__).resolve().parents[3] / "docs" / "ceci.md").read_text(encoding="utf-8")
    pipeline, config = text.split("```yaml\n")[1:3]
    for name, content in (("pipeline.yml", pipeline), ("config.yml", config)):
        (tmp_path / name).write_text(content.split("```")[0])
    (tmp_path / "files.txt").write_text("a.fits\n")
    status, shown = shell(tmp_path, "ceci", "--dry-run", "pipeline.yml")
    assert status == 0, shown
    stages = ["LamostRareRead", "LamostRareNormalize", "LamostRareClassify"]
    places = [shown.index(f"lamost_rare_ceci {stage} ") for stage in stages]
    assert places == sorted(places)
    assert "mpirun -n 2 python3 -m lamost_rare_ceci LamostRareClassify" in " ".join(shown.split())


def test_an_error_in_one_process_stops_all(mpi, folder):
    with np.load(folder / "arrays.npz") as arrays, h5py.File(folder / "x.hdf5", "w") as file:
        for name in arrays:
            file[f"spectra/{name}"] = arrays[name]
        file["spectra/designation"] = [b""] * 4 + [b"SECOND"] + [b""] * 5
    (folder / "fails.py").write_text(FAILS_ON_ONE)
    status, text = shell(
        folder, "mpirun", "-n", 2, sys.executable, "fails.py", "LamostRareNormalize", "--mpi",
        "--lamost_spectra=x.hdf5", "--config=config.yml", "--lamost_normalized=out.hdf5",
    )  # fmt: skip
    assert status != 0
    assert "ZeroDivisionError: only in the second chunk" in text
    assert "another process failed" in text
    assert not (folder / "out.hdf5").exists()
